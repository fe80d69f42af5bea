"""Backpropagation against an independent derivative, for every parameter and for the input."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.checks import check_integer
from backprop.core.errors import said
from backprop.core.frames import check_columns
from backprop.core.parameters import Parameter
from backprop.core.signatures import answered
from backprop.core.types import Array, is_sparse
from backprop.core.walk import objects_in
from backprop.data.inputs import check_inputs
from backprop.data.samples import check_data
from backprop.data.sources import checked_output_shape
from backprop.inspection.copies import generators, in_complex, in_float64
from backprop.inspection.derivatives import Function, Method, Move, choose, random_direction
from backprop.inspection.gradient_report import GradientReport, TensorReport
from backprop.inspection.real_branches import branching_as_real
from backprop.layers import Embedding, Layer
from backprop.layers.block import walk
from backprop.protocol import Model, check_model
from backprop.training.divergence import quietly

DIRECTIONS = 3
"""The number of random directions for a tensor that has too many entries to check each."""

SMALLEST = 1e-3
"""An entry's error is measured by at least this share of the gradient's root mean square."""


@quietly
@answered
def check_gradients(
    model: Model, X: Any, y: Any, sample_weight: Any = None, max_entries: int = 100
) -> GradientReport:
    """Compares the gradients of a model's loss with an independent derivative, in float64.

    The function that is differentiated is the one that training minimises, the loss of a training
    pass on these samples; random layers draw the same numbers in every pass. The numeric derivative
    is a complex step, exact to the last digits; where a layer or the loss cannot compute with
    complex numbers, it is a central difference of order six. A dozen samples will do.

    A tensor with more than ``max_entries`` entries is checked at that many random ones and along
    three random directions d over the whole of it, where gᵀd is compared with dE(θ + t d)/dt: an
    error anywhere shows there.

    Args:
        model: A compiled model, built or not; a copy is checked, nothing in the model changes.
        X: Inputs, shape ``(N, n_features)``.
        y: Targets, as the loss takes them.
        sample_weight: Weights of the samples, as for ``fit``.
        max_entries: The most entries to check one by one in each tensor.

    Returns:
        The report: ``report.ok``, ``print(report)``.

    Raises:
        NotCompiledError: The model has no loss.
        ShapeError: X or y do not fit the model.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(3), bp.layers.Softmax()], seed=0)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> report = bp.inspection.check_gradients(model, np.eye(3), np.array([0, 1, 2]))
        >>> report.ok, report.method
        (True, 'complex step')
    """
    check_model(model)
    check_columns(X, model, "X")
    check_integer(max_entries, "max_entries")
    _ = model.loss  # raises if there is none
    given: Any = check_inputs(X, model.input_shape, model.layers, "X", model.dtype)
    given = given.toarray() if is_sparse(given) else given  # ∂E/∂X is dense
    built = copy.deepcopy(model)
    output = built.forward(given[:1])  # builds the copy if it is not
    checked_output_shape(built.layers, given.shape[1:], built.loss)
    data = check_data(
        given,
        y,
        sample_weight,
        None,
        output_shape=output.shape[1:],
        loss=built.loss,
        dtype=np.dtype(np.float64),
    )

    twin = in_float64(built)
    inputs = data.X.astype(np.float64)
    weight = copy.copy(twin.weigh(inputs, data.weight))  # padded steps count for nothing

    def total(twin: Any, prediction: Array) -> Any:
        loss = twin.loss.compute(prediction, data.y, weight)
        return loss + twin.penalty() + twin.activity_penalty()

    real = Function(
        lambda: total(twin, twin.forward(inputs, training=True)),
        tensors_of(twin.parameters, inputs),
        generators(twin),
    )

    def make_complex() -> Function:
        twin, inputs = in_complex(built), data.X.astype(np.complex128)

        def evaluate() -> Any:
            A = branching_as_real(inputs)
            for layer in twin.body:  # a model's own forward takes real numbers alone
                A = branching_as_real(layer.forward(A, training=True))
            return total(twin, twin.loss.predict(A, training=True))

        return Function(evaluate, tensors_of(twin.parameters, inputs), generators(twin))

    gradients = {p.name: p.gradient for p in twin.parameters if p.learned}
    # by whole numbers, and by indices, there is no derivative
    looked_up = any(isinstance(layer, Embedding) for _, layer in walk(model.layers))
    needed = given.dtype.kind == "f" and not looked_up
    problems = differentiate(twin, real, gradients, twin.backward, needed)
    kinds = [type(layer).__name__ for layer in model.layers]
    if len(kinds) > 7:
        kinds[4:-2] = ["…"]
    samples = f"{len(inputs)} sample{'s' * (len(inputs) != 1)}"
    title = f"Gradient check: {' → '.join(kinds)}, {model.loss}, {samples}"
    return compare(title, real, make_complex, gradients, problems, max_entries)


def tensors_of(parameters: Iterable[Parameter], inputs: Array) -> dict[str, Array]:
    """All that E is differentiated by: what is learnt by gradients, and the inputs."""
    return {**{p.name: p.value for p in parameters if p.learned}, "X": inputs}


def differentiate(
    twin: object,
    real: Function,
    gradients: dict[str, Array],
    backward: Callable[[], Array | None],
    needed: bool,
) -> list[str]:
    """Makes a forward and a backward pass that write into ``gradients``, and adds ∂E/∂X to them.

    They are made twice, since in training the buffers hold the numbers of the step before. Before
    each the gradients are filled with nan: what backward leaves out, or adds to, stays nan.

    Returns:
        What is wrong with ∂E/∂X; it may be None unless it is ``needed``.
    """
    frozen = set()
    for _, part in list(objects_in(twin)):
        if isinstance(part, Layer):
            part.needs_input_gradient = True
            frozen |= {id(p.gradient) for p in part.parameters if not p.trainable}
    for _ in range(2):
        real()
        for gradient in gradients.values():
            if id(gradient) not in frozen:
                gradient.fill(np.nan)
        returned = backward()
    real.passes = 0
    if returned is None:
        return ["backward returned None instead of ∂E/∂X."] * needed
    if "X" not in real.tensors:
        return []
    if not isinstance(returned, np.ndarray):
        return [f"backward returned {said(returned)} instead of ∂E/∂X, an array."]
    delta, shape = np.array(returned), real.tensors["X"].shape
    if delta.shape != shape:
        return [f"backward returned an array of shape {delta.shape} for inputs of shape {shape}."]
    gradients["X"] = delta
    return []


def compare(
    title: str,
    real: Function,
    make_complex: Callable[[], Function],
    gradients: Mapping[str, Array],
    problems: Sequence[str],
    max_entries: int = 100,
) -> GradientReport:
    """Compares the gradients of ``real`` by its tensors with the numeric ones."""
    rng = np.random.default_rng(0)
    if not np.array_equal(real(), real(), equal_nan=True):
        changed = (
            "two training passes at the same point gave different numbers: draw random numbers "
            "from a Generator that the layer holds, and keep nothing from pass to pass."
        )
        problems = [*problems, changed]
    method, functions = choose(real, make_complex, rng)
    tensors = [
        compare_tensor(name, np.asarray(gradient), method, rng, max_entries)
        for name, gradient in gradients.items()
    ]
    return GradientReport(
        title,
        tuple(tensors),
        tuple(problems),
        method.name,
        method.tolerance,
        sum(function.passes for function in functions),
        method.stepped_around,
    )


def compare_tensor(
    name: str, gradient: Array, method: Method, rng: np.random.Generator, max_entries: int
) -> TensorReport:
    """Compares one tensor's gradient with the numeric one: all entries, or some and directions."""
    floor = SMALLEST * float(np.sqrt(np.mean(gradient * gradient)))
    entries = np.arange(gradient.size)
    directions = 0
    if gradient.size > max_entries:
        entries = np.sort(rng.choice(gradient.size, max_entries, replace=False))
        directions = DIRECTIONS
    moves: list[tuple[Move, float]] = []
    for k in entries:
        index = tuple(int(i) for i in np.unravel_index(k, gradient.shape))
        moves.append((Move(name, index), float(gradient[index])))
    for _ in range(directions):
        move = random_direction(name, gradient.shape, rng)
        moves.append((move, float(np.sum(gradient * move.direction))))

    judged: list[tuple[float, Move, float, float]] = []
    kinks = unresolved = 0
    for move, a in moves:
        slope = method.slope(move)
        if not relative_error(a, slope.value, floor) <= method.tolerance:  # nan is wrong, too
            closer = method.again(move, slope)
            if closer is None:
                kinks += 1
                continue
            slope = closer
        n = slope.value
        error = relative_error(a, n, floor)
        hidden = not abs(a - n) > slope.noise and np.isfinite(a)  # noise is infinite where n is nan
        if not error <= method.tolerance and hidden:
            unresolved += 1
            continue
        judged.append((error if np.isfinite(error) else np.inf, move, a, n))
    if not judged:
        nothing = (0.0, None, 0.0, 0.0)
        return TensorReport(name, gradient.shape, 0, 0, *nothing, kinks, unresolved, "")
    error, move, a, n = max(judged, key=lambda one: one[0])
    whole = sum(move.where is ... for _, move, _, _ in judged)
    return TensorReport(
        name=name,
        shape=gradient.shape,
        checked=len(judged) - whole,
        directions=whole,
        error=error,
        index=None if move.where is ... else move.where,
        analytic=a,
        numeric=n,
        kinks=kinks,
        unresolved=unresolved,
        finding=describe(judged, method.tolerance),
    )


def relative_error(a: float, n: float, floor: float) -> float:
    """|a − n| / max(|a|, |n|, floor)."""
    size = max(abs(a), abs(n), floor)
    return abs(a - n) / size if size else 0.0


def describe(judged: Sequence[tuple[float, Move, float, float]], tolerance: float) -> str:
    """What is wrong with a gradient, as the second half of a sentence; empty if nothing is."""
    wrong = [one for one in judged if one[0] > tolerance]
    if not wrong:
        return ""
    a = np.array([one[2] for one in judged])
    n = np.array([one[3] for one in judged])
    if not np.isfinite(a).all():
        return "is not finite: backward must write it (gradient[...] = …), not add to what is there"
    if not np.isfinite(n).all():
        return "cannot be compared: the numeric derivative is not finite"
    if not a.any():
        return "is 0 everywhere, but should not be"
    ratio = float(a @ n / (n @ n)) if n.any() else 0.0
    if len(judged) > 1 and ratio and np.abs(a - ratio * n).max() <= tolerance * np.abs(a).max():
        if abs(ratio + 1) < tolerance:
            return "has the wrong sign everywhere"
        return f"is {ratio:.6g} times the right one everywhere"
    entries = sum(move.where is not ... for _, move, _, _ in judged)
    bad = sum(move.where is not ... for _, move, _, _ in wrong)
    if not bad:
        return "is wrong at entries that were not sampled, as random directions show"
    return f"is wrong at {bad} of {entries} entries"
