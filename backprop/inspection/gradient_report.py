"""What a gradient check found: a verdict, and for every tensor the entry that is furthest off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backprop.core.console import aligned
from backprop.core.frozen import of_result
from backprop.core.types import Shape


@of_result
@dataclass(frozen=True)
class TensorReport:
    """The check of one tensor's gradient: ``backward`` gave a, the numeric derivative is n.

    Attributes:
        name: ``"dense_1.W"``, or ``"X"`` for the input.
        shape: The tensor's shape.
        checked: The number of entries for which a was compared with n.
        directions: If not all entries were, the number of random directions along which the whole
            tensor was moved.
        error: The largest relative error, |a − n| / max(|a|, |n|, s) with s a thousandth of the
            root mean square of the tensor's whole gradient, so that an entry that should be 0 is
            not 100 % off for a rounding error.
        index: The entry with the largest error; None if it was found along a direction.
        analytic: a there.
        numeric: n there.
        kinks: The number of slopes that were not judged because E has a kink, and so no derivative.
        unresolved: The number that were not judged because rounding hides them: |a − n| is smaller
            than the last digits of E tell.
        finding: What is wrong, in words; empty if nothing is.

    Example:
        >>> report = bp.inspection.check_layer(bp.layers.Dense(2), (3,))
        >>> [(tensor.name, tensor.shape, tensor.finding) for tensor in report.tensors]
        [('W', (3, 2), ''), ('b', (2,), ''), ('X', (5, 3), '')]
    """

    name: str
    shape: Shape
    checked: int
    directions: int
    error: float
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    kinks: int
    unresolved: int
    finding: str

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return not self.finding

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)


@of_result
@dataclass(frozen=True, repr=False)
class GradientReport:
    """The verdict of a gradient check; print it to see the table, ``assert report.ok, report``.

    Attributes:
        title: What was checked.
        tensors: A ``TensorReport`` for every gradient.
        problems: What else is wrong, a sentence each.
        method: How the numeric derivative was taken: ``"complex step"`` or
            ``"central differences"``.
        tolerance: The relative error that a right gradient stays below with this method.
        forward_passes: How many forward passes the numeric derivative took.
        stepped_around: The number of differences that were taken with a smaller step because the
            function has a kink nearby.

    Example:
        >>> wrong = bp.layers.Lambda(np.square, lambda delta, X, Y: X * delta)  # without the 2
        >>> report = bp.inspection.check_layer(wrong, (3,))
        >>> report.ok, report.tensors[0].name
        (False, 'X')
    """

    title: str
    tensors: Sequence[TensorReport]
    problems: Sequence[str]
    method: str
    tolerance: float
    forward_passes: int
    stepped_around: int

    @property
    def ok(self) -> bool:
        """Whether every gradient is right and nothing else is wrong."""
        return not self.problems and all(tensor.ok for tensor in self.tensors)

    @property
    def error(self) -> float:
        """The largest relative error of all."""
        return max((tensor.error for tensor in self.tensors), default=0.0)

    @property
    def kinks(self) -> int:
        """The number of slopes that were not judged because of a kink at the point itself."""
        return sum(tensor.kinks for tensor in self.tensors)

    @property
    def unresolved(self) -> int:
        """The number of slopes that were not judged because rounding hides them."""
        return sum(tensor.unresolved for tensor in self.tensors)

    def __getitem__(self, name: str) -> TensorReport:
        """The report on the tensor of that name.

        Raises:
            KeyError: There is none of that name.
        """
        found = {tensor.name: tensor for tensor in self.tensors}
        if name not in found:
            raise KeyError(f"no gradient of {name!r} was checked: there are {', '.join(found)}.")
        return found[name]

    def __str__(self) -> str:
        heads = ("Gradient of", "Shape", "Compared", "Worst error", "at", "backward", "numeric")
        head, *lines = aligned([heads, *map(cells, self.tensors)], "<<>><>>", "   ")
        rule = "─" * (2 + len(head))
        marks = ["✓" if tensor.ok else "✗" for tensor in self.tensors]
        table = [f"{mark} {line}" for mark, line in zip(marks, lines, strict=True)]
        text = [self.title, rule, f"  {head}", rule, *table, rule]
        text += [f"✗ {tensor.name} {tensor.finding}" for tensor in self.tensors if not tensor.ok]
        text += [f"✗ {problem}" for problem in self.problems]
        if self.ok:
            n = len(self.tensors)
            subject = {1: "The gradient is", 2: "Both gradients are"}.get(
                n, f"All {n} gradients are"
            )
            text.append(
                f"✓ {subject} right: the largest relative error is {self.error:.1e} "
                f"(tolerance {self.tolerance:.0e})."
            )
        text.append(f"  {self._method()}")
        return "\n".join(text)

    __repr__ = __str__

    def _method(self) -> str:
        sentence = (
            f"By {self.method} in float64: {self.forward_passes:,} forward passes; "
            f"kinks stepped around: {self.stepped_around + self.kinks}"
        )
        if self.kinks:
            sentence += f" ({self.kinks} at the point itself, not judged)"
        if self.unresolved:
            sentence += f"; below rounding, not judged: {self.unresolved}"
        return sentence + "."


def cells(tensor: TensorReport) -> tuple[str, ...]:
    """The row of a tensor."""
    compared = f"{tensor.checked:,} of {tensor.size:,}"
    if tensor.directions:
        compared += f" + {tensor.directions} directions"
    if tensor.index is not None:
        at = str(tensor.index)
    else:
        at = "direction" if tensor.directions else "–"
    numbers = (f"{tensor.analytic:+.4e}", f"{tensor.numeric:+.4e}")
    return tensor.name, str(tensor.shape), compared, f"{tensor.error:.1e}", at, *numbers
