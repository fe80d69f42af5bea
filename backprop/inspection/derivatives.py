"""Derivatives of a function that is given as code: by a complex step, or by central differences."""

import warnings
from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

from backprop.core.types import Array, Shape

EPSILON = float(np.finfo(np.float64).eps)
STEP = 1e-30


class Move(NamedTuple):
    """A change of a tensor: by t at one index, or by t times a direction everywhere."""

    tensor: str
    where: tuple[int, ...] | EllipsisType
    direction: Any = 1.0


class Slope(NamedTuple):
    """A derivative, and how far from a right gradient rounding alone may take it."""

    value: float
    noise: float


class Function:
    """E as a function of tensors, which are the very arrays that the code reads.

    If the code draws random numbers, every evaluation draws the same ones.

    Args:
        evaluate: Computes E from the tensors as they stand.
        tensors: Arrays by their names; a move changes them and puts them back, bit for bit.
        generators: The random generators that the code draws from.

    Attributes:
        passes: How often E was evaluated.
    """

    def __init__(
        self,
        evaluate: Callable[[], Any],
        tensors: dict[str, Array],
        generators: Sequence[np.random.Generator] = (),
    ) -> None:
        self.evaluate = evaluate
        self.tensors = tensors
        self.passes = 0
        self._frozen = [(g.bit_generator, g.bit_generator.state) for g in generators]

    def __call__(self) -> Any:
        """E at the point itself."""
        for bit_generator, state in self._frozen:
            bit_generator.state = state
        self.passes += 1
        return self.evaluate()

    def moved(self, move: Move, t: complex) -> Any:
        """E(θ + t d); t may be complex where the tensors are."""
        tensor = self.tensors[move.tensor]
        start = tensor[move.where].copy()
        try:
            tensor[move.where] = start + t * move.direction
            return self()
        finally:
            tensor[move.where] = start


class ComplexStep:
    """dE/dt = Im E(θ + ihd) / h, exact up to rounding, since nothing is subtracted.

    With h = 10⁻³⁰ the real parts are those of the real computation, and the imaginary ones, divided
    by h, the derivatives of everything that the code computes on the way. Source: Squire & Trapp,
    "Using complex variables to estimate derivatives of real functions", SIAM Review 1998.
    """

    name = "complex step"
    tolerance = 1e-8  # the largest relative error that a right gradient has by this method
    nearby = 2.0**-40

    def __init__(self, function: Function) -> None:
        self.function = function
        self.stepped_around = 0  # slopes for which the step had to be made smaller

    def slope(self, move: Move, offset: float = 0.0) -> Slope:
        """Im E(θ + (offset + ih) d) / h."""
        with np.errstate(all="ignore"):  # complex tanh and exp underflow where real ones do not
            E = self.function.moved(move, offset + 1j * STEP)
        return Slope(float(E.imag) / STEP, 64 * EPSILON * abs(E.real))

    def again(self, move: Move, first: Slope) -> Slope | None:
        """Compares the slopes at t = −10⁻¹² and 10⁻¹², which are the same for a smooth function.

        Where max(z, 0) meets z = 0 the first slope was that of one branch. The function may be
        smooth all the same if another branch makes up for it, as in an ELU.
        """
        if jumps(self.function, move, self.nearby):
            return None
        try:
            left, right = self.slope(move, -self.nearby), self.slope(move, self.nearby)
        except Exception:  # likewise: E is not defined there
            return first
        size = max(abs(left.value), abs(right.value))
        if abs(right.value - left.value) <= self.tolerance * size + first.noise:
            return Slope((left.value + right.value) / 2, first.noise)
        return None


class CentralDifferences:
    """dE/dt by differences of order four at two steps, extrapolated to order six.

        D(h) = (8 [E(h) − E(−h)] − [E(2h) − E(−2h)]) / 12h
        dE/dt = (16 D(h/2) − D(h)) / 15 + O(h⁶)

    D(h) and D(h/2) of a smooth function agree to order h⁴. Where they do not, a kink lies between
    the points (or the function bends too fast for the step), and a smaller step is tried.
    """

    name = "central differences"
    tolerance = 1e-6
    steps = tuple(2.0**-k for k in (8, 11, 14, 17, 20))  # powers of 2: θ + h is then nearly exact

    def __init__(self, function: Function) -> None:
        self.function = function
        self.stepped_around = 0
        self.E = function()

    def slope(self, move: Move, offset: float = 0.0) -> Slope:
        """The extrapolated difference at the first step that is small enough, or the best one."""
        reach = abs(offset) or np.inf  # at an offset, stay on that side of the point
        steps = [h for h in self.steps if 2 * h < reach]
        best = np.inf, Slope(np.nan, np.inf)
        for attempt, h in enumerate(steps):
            E = {k: self._at(move, offset + k * h / 2) for k in (-4, -2, -1, 1, 2, 4)}
            coarse = (8 * (E[2] - E[-2]) - (E[4] - E[-4])) / (12 * h)
            fine = (8 * (E[1] - E[-1]) - (E[2] - E[-2])) / (6 * h)
            noise = 8 * EPSILON * abs(self.E) / h
            gap = abs(coarse - fine)
            slope = Slope(float(16 * fine - coarse) / 15, noise)
            if gap + noise < best[0]:
                best = gap + noise, slope
            if gap <= 1e-7 * abs(fine) + noise:
                self.stepped_around += attempt > 0 and offset == 0
                return slope
        return best[1]

    def _at(self, move: Move, t: float) -> float:
        """E(θ + t d); nan where E is not defined, such as for probabilities below 0."""
        try:
            return float(self.function.moved(move, t))
        except Exception:  # what code of the user's raises there is up to it
            return np.nan

    def again(self, move: Move, first: Slope) -> Slope | None:
        """Compares the slopes to the left and right of the point, at two distances.

        Those of a smooth function approach each other in proportion to the distance; at a kink they
        do not.
        """
        if jumps(self.function, move, ComplexStep.nearby):
            return None
        gaps = []
        for t in (2.0**-14, 2.0**-17):
            left, right = self.slope(move, -t), self.slope(move, t)
            gaps.append(abs(right.value - left.value))
        size = max(abs(left.value), abs(right.value))
        kink = gaps[1] > max(0.5 * gaps[0], self.tolerance * size + 2 * right.noise)
        return None if kink else first


Method = ComplexStep | CentralDifferences
"""A way to dE(θ + t d)/dt, ‖d‖ = 1; ``again`` looks with more care, and returns None at a kink."""


def jumps(function: Function, move: Move, t: float) -> bool:
    """Whether E at a point is another than on both sides of it, as where a mask hides a step."""
    try:
        with np.errstate(all="ignore"):
            left, here, right = (function.moved(move, at).real for at in (-t, 0.0, t))
    except Exception:  # E is not defined there
        return False
    return bool(abs(left + right - 2 * here) > 2.0**-36 * max(abs(left), abs(here), abs(right), t))


def choose(
    real: Function, make_complex: Callable[[], Function], rng: np.random.Generator
) -> tuple[Method, list[Function]]:
    """The complex step if the code computes rightly with complex numbers, else differences.

    To find out, E must have the real part that the float64 computation gives, and for every tensor
    the derivative along a random direction must agree with the one by differences. Both are taken
    a little away from the point, and so from kinks at it. Code that drops or conjugates imaginary
    parts fails here.

    Returns:
        The method, and the functions whose ``passes`` count.
    """
    differences = CentralDifferences(real)
    used = [real]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            function = make_complex()
            used.append(function)
            candidate = ComplexStep(function)
            real_part = function().real
            if abs(real_part - differences.E) <= 1e-10 * abs(differences.E) + 1e-12 and all(
                agree(candidate, differences, name, tensor, rng)
                for name, tensor in real.tensors.items()
            ):
                return candidate, used
    except Exception:  # code that is right on real numbers may raise anything on complex ones
        pass
    return differences, used


def agree(
    exact: Method, rough: Method, tensor: str, values: Array, rng: np.random.Generator
) -> bool:
    """Whether two methods find the same slope along a random direction of a tensor."""
    for _ in range(3):  # one may meet a kink
        # towards the mean, where probabilities stay probabilities
        d = (values.mean() - values) * rng.uniform(0.5, 1.0, values.shape)
        length = np.sqrt(np.sum(d * d))
        move = Move(tensor, ..., d / length) if length else random_direction(tensor, d.shape, rng)
        a, b = exact.slope(move, 2.0**-6), rough.slope(move, 2.0**-6)
        if abs(a.value - b.value) <= 1e-6 * max(abs(a.value), abs(b.value)) + b.noise:
            return True
    return False


def random_direction(tensor: str, shape: Shape, rng: np.random.Generator) -> Move:
    """A move of all entries along a random direction of length 1."""
    d = rng.standard_normal(shape)
    d /= np.sqrt(np.sum(d * d))
    return Move(tensor, ..., d)
