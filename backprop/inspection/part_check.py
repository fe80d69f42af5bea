"""Checks of one layer or one loss by itself: its derivative, and the rest of its contract."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from backprop import losses
from backprop.core import console
from backprop.core.checks import check_integer, check_shape
from backprop.core.errors import ShapeError, said
from backprop.core.signatures import answered
from backprop.core.types import Array, Shape
from backprop.core.walk import objects_in
from backprop.inspection.copies import generators, in_complex, in_float64
from backprop.inspection.derivatives import Function
from backprop.inspection.gradient_check import compare, differentiate, tensors_of
from backprop.inspection.gradient_report import GradientReport
from backprop.inspection.real_branches import branching_as_real
from backprop.inspection.trials import inputs_for, suitable
from backprop.inspection.unregistered import unregistered
from backprop.layers import Layer
from backprop.layers.block import activity_penalty, shape_through
from backprop.layers.held import look_at_held
from backprop.layers.returned import check_outputs, check_own_methods
from backprop.losses import Loss


@answered
def check_layer(
    layer: Layer, input_shape: int | Shape, *, batch_size: int = 5, seed: int = 0
) -> GradientReport:
    """Checks ``backward`` of one layer against the derivative of its ``forward``, in float64.

    With random inputs X and a random upstream delta R, E = Σ R ⊙ Y is differentiated by every
    parameter and by X; an R of ones would miss much, such as a softmax that passes nothing back.
    An Embedding gets whole numbers, by which nothing is differentiated.
    The rest of the contract is checked as well; ``report.problems`` says what breaks it.

    Args:
        layer: Any layer, also one of your own; a copy is checked. A built layer is checked at its
            own weights. Of any other the copy is built and gets random parameters, so that no b = 0
            or γ = 1 hides an error. A warning names arrays of ``forward`` that are no parameters.
        input_shape: The shape of one sample, such as ``(4,)``.
        batch_size: The number of samples.
        seed: Determines the random numbers.

    Raises:
        ShapeError: The layer is built for another shape.

    Example:
        >>> bp.inspection.check_layer(bp.layers.LSTM(2), (4, 3)).ok  # four steps of three features
        True
    """
    shape, _ = check_shape(input_shape, "input_shape"), check_integer(batch_size, "batch_size")
    if not isinstance(layer, Layer):
        raise TypeError(f"layer must be a layer, an object with brackets, but it is {said(layer)}.")
    rng = np.random.default_rng(check_integer(seed, "seed", 0))
    check_own_methods(layer)
    twin = in_float64(layer)
    if twin.input_shape is None:
        twin.build(shape, rng, np.float64)
        for p in twin.parameters:
            if p.learned:
                p.value += 0.5 * rng.standard_normal(p.shape)
    elif twin.input_shape != shape:
        raise ShapeError(f"{layer} is built for samples of shape {layer.input_shape}, not {shape}.")
    look_at_held([twin])
    X, numbers = inputs_for(twin, (batch_size, *shape), rng)
    expected = (batch_size, *shape_through([twin], shape))
    problems: list[str] = []

    untouched = copy.deepcopy(twin)
    Y = copy.deepcopy(twin).forward(X.copy(), True)
    check_outputs(twin, X, Y)
    if Y.shape != expected:
        problems.append(
            f"forward returned an array of shape {Y.shape}, but output_shape({shape}) promises "
            f"{expected}."
        )
    if not np.isfinite(Y).all():
        problems.append(
            "forward returned numbers that are not finite (nan, inf), of which there is no "
            "derivative, for inputs from a normal distribution."
        )
    R = rng.standard_normal(Y.shape)
    if layer.input_shape is None and goes_on_without(untouched, X, R):
        problems.append("backward without a training forward before it must raise an error.")
    problems += contract(untouched, X, R)
    for path in unregistered(untouched, X):
        if ".parameters[" in path:  # of a layer in it
            continue
        console.warn(
            f"forward of {layer} reads {path}, which is no parameter: it is neither trained "
            f"nor saved. Make it in make_parameters by self.add_parameter(…), with learned=False "
            f"if it is a constant."
        )

    def function_of(twin: Layer, X: Array) -> Function:
        tensors = tensors_of(twin.parameters, X)
        if not numbers:
            del tensors["X"]

        def evaluate() -> Any:
            Y = np.asarray(twin.forward(branching_as_real(X), True))
            return np.sum(R * Y).item() + activity_penalty([twin])

        return Function(evaluate, tensors, generators(twin))

    def make_complex() -> Function:
        return function_of(in_complex(twin), X.astype(np.complex128) if numbers else X)

    real = function_of(twin, X)
    gradients = {p.name: p.gradient for p in twin.parameters if p.learned}
    problems += differentiate(twin, real, gradients, lambda: twin.backward(R.copy()), numbers)
    title = f"Gradient check: {layer}, {batch_size} samples of shape {shape}"
    return compare(title, real, make_complex, gradients, problems)


def contract(layer: Layer, X: Array, R: Array) -> Iterator[str]:
    """What the layer changes although it must not, one sentence for each."""
    given, delta = X.copy(), R.copy()
    before = state(layer)
    first = np.array(layer.forward(given, False))
    changed = difference(before, state(layer))
    if changed:
        yield f"forward(X, training=False) must change nothing in the layer: {changed} changed."
    second = np.array(layer.forward(given, False))
    if not np.array_equal(first, second, equal_nan=True):
        yield "forward(X, training=False) returned different outputs for the same inputs."
    layer.forward(given, True)
    if not np.array_equal(given, X):
        yield "forward wrote into its input."
    weights = [(p, p.value.copy()) for p in layer.parameters if p.learned]
    layer.backward(delta)
    for p, value in weights:
        if not np.array_equal(p.value, value):
            yield (
                f"backward changed the values of {p.name}, which is the optimizer's part: it "
                f"writes the gradient alone, into .gradient[...]."
            )
    if not np.array_equal(delta, R):
        yield "backward wrote into the delta that it was given."
    if not np.array_equal(given, X):
        yield "backward wrote into the layer's input."


def goes_on_without(layer: Layer, X: Array, R: Array) -> bool:
    """Whether backward raises no error without a forward that makes another result of it."""
    alone, behind = copy.deepcopy(layer), copy.deepcopy(layer)
    try:
        found = results(alone, R)
    except Exception:  # a user's layer may refuse by any
        return False
    behind.forward(X.copy(), True)
    return not all(map(np.array_equal, found, results(behind, R)))


def results(layer: Layer, delta: Array) -> list[Any]:
    """∂E/∂X and the gradients."""
    return [layer.backward(delta.copy()), *(p.gradient for p in layer.parameters)]


def state(thing: object) -> dict[str, Any]:
    """Everything that an object holds, by its path, in a form that can be compared."""
    found: dict[str, Any] = {}
    for path, part in objects_in(thing):
        if isinstance(part, np.ndarray):
            found[path] = (part.shape, part.tobytes())
        elif isinstance(part, np.random.Generator):
            found[path] = str(part.bit_generator.state)
        elif isinstance(part, dict | list | tuple):
            found[path] = (type(part), len(part))
        else:
            found[path] = part if isinstance(part, str | int | float) else id(part)
    return found


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Which attributes differ."""
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return ", ".join(path.removeprefix(".") for path in paths[:3])


@answered
def check_loss(
    loss: Loss,
    output_shape: int | Shape,
    *,
    batch_size: int = 5,
    seed: int = 0,
    prediction: Any = None,
    target: Any = None,
) -> GradientReport:
    """Checks ``backward`` of a loss, with and without weights, against the loss's derivative.

    Args:
        loss: Any loss, also one of your own; a copy is checked.
        output_shape: The shape of one prediction, such as ``(3,)``.
        batch_size: The number of samples.
        seed: Determines the random numbers.
        prediction: Where to check, shape ``(N, *output_shape)``; random numbers unless given.
        target: Its targets, likewise: numbers, probabilities, class indices, or −1 and 1.

    Raises:
        ValueError: The loss takes none of the random predictions and targets.

    Example:
        >>> bp.inspection.check_loss(bp.losses.Huber(), (3,)).ok
        True
    """
    shape = check_shape(output_shape, "output_shape")
    check_integer(batch_size, "batch_size")
    if not isinstance(loss, Loss):
        raise TypeError(f"loss must be a loss, an object with brackets, but it is {said(loss)}.")
    rng = np.random.default_rng(check_integer(seed, "seed", 0))
    loss = losses.get(loss)  # looks at how its methods take their arguments
    if type(loss).values is Loss.values:
        loss.values(np.empty(0), np.empty(0))  # says that it must be defined
    twin = in_float64(loss)
    P, y = suitable(twin, (batch_size, *shape), rng, prediction, target)
    w = rng.uniform(0.5, 2.0, len(P))
    checked = twin.check_target(y, P.shape[1:], np.dtype(np.float64))

    # E = E(P) + E(P weighted) has the gradients of both
    points = {"prediction": P.copy(), "prediction, weighted": P.copy()}
    weights = {"prediction": None, "prediction, weighted": w}
    real = Function(
        lambda: sum(twin.forward(points[name], y, weights[name]) for name in points), points
    )

    def make_complex() -> Function:
        complex_twin = in_complex(twin)
        tensors = {name: point.astype(np.complex128) for name, point in points.items()}
        return Function(
            lambda: sum(
                complex_twin.compute(branching_as_real(tensors[name]), checked, weights[name])
                for name in tensors
            ),
            tensors,
        )

    problems: list[str] = []
    gradients: dict[str, Array] = {}
    for name, point in points.items():
        E = twin.forward(point, y, weights[name])
        gradient = np.array(twin.backward())
        if not isinstance(E, float):
            problems.append(f"forward returned {type(E).__name__} instead of a float.")
        if gradient.shape != P.shape:
            problems.append(
                f"backward returned an array of shape {gradient.shape} for predictions of shape "
                f"{P.shape}."
            )
            continue
        gradients[name] = gradient
        if not np.array_equal(gradient, twin.backward()):
            problems.append("backward returned another gradient when it was called again.")
    problems += written_into(twin, P, y)
    E, twice = (twin.forward(np.concatenate([P] * k), np.concatenate([y] * k)) for k in (1, 2))
    if abs(E - twice) > 1e-12 * abs(E):
        problems.append(
            f"the same batch twice over must have the same loss, a mean, but {E:.6g} became "
            f"{twice:.6g}."
        )
    title = f"Gradient check: {loss}, {len(P)} predictions of shape {shape}"
    return compare(title, real, make_complex, gradients, list(dict.fromkeys(problems)))


def written_into(loss: Loss, P: Array, y: Array) -> Iterator[str]:
    """What a loss of the user's own changes although it must not, one sentence for each."""
    loss.forward(P, y)
    if loss.of_package or loss._prediction is None:
        return
    for method in (loss.values, loss.gradient):
        given, before = loss.given(), loss.given()  # copies
        method(*given)
        for name, array, kept in zip(("prediction", "target"), given, before, strict=True):
            if not np.array_equal(array, kept, equal_nan=True):
                yield f"{method.__name__} wrote into the {name} that it was given."
