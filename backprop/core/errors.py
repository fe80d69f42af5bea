"""The errors that users meet; each is also the built-in error that one would expect."""

import math
import re
from collections.abc import Sequence
from itertools import accumulate
from operator import mul

MOST = 1 << 47
"""More numbers than this no computer holds."""

AT = re.compile(r"<[\w.<>]*?(\w+) object at 0x\w+>| at 0x\w+")
"""What Python says of an object whose class says nothing; an address, which tells nothing."""


class ShapeError(ValueError):
    """An array does not have the shape that its receiver needs."""


class NotBuiltError(ValueError):
    """Weights were asked for before the number of inputs was known."""


class NotCompiledError(ValueError):
    """Training or evaluation was asked for before ``compile`` named a loss and an optimizer."""


class NoForwardError(ValueError):
    """``backward`` was called without the training forward pass that it is the derivative of."""


class CorruptFileError(ValueError):
    """A file is damaged, or none that this package wrote; the message names it and says which.

    Example:
        >>> open("model.npz", "w").close()
        >>> bp.load_model("model.npz")
        Traceback (most recent call last):
            ...
        backprop.core.errors.CorruptFileError: 'model.npz' is no file that backprop saved, ...
    """


class DivergenceError(ArithmeticError):
    """A training step would have made the weights nan or infinite; they are as before it.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile(bp.optimizers.SGD(1e30), "mse")
        >>> model.fit(np.ones((8, 1)), np.ones(8), epochs=9, verbose=0, on_divergence="raise")
        Traceback (most recent call last):
            ...
        backprop.core.errors.DivergenceError: training has diverged in epoch 2, step 1: ...
    """


class DataError(ValueError):
    """A data set could not be loaded: a missing, truncated or wrong file, or no network."""


def misfit(
    shape: tuple[int, ...],
    input_shape: tuple[int, ...],
    layer: object,
    found: str,
    name: str = "X",
) -> str:
    """What is wrong with inputs for what is built already, and what to do about it.

    Args:
        shape: The shape of the inputs.
        input_shape: The shape of one sample that the layer was built for.
        layer: The layer.
        found: What is said about the inputs.
        name: What the user calls them.
    """
    name = in_code(name)
    built, advice = f"samples of shape {input_shape}", "pass samples of that shape"
    code = rearranged(name, shape, input_shape)
    if len(input_shape) == 1:
        built, advice = f"{input_shape[0]} features", f"pass samples with {input_shape[0]} columns"
    if shape == input_shape and len(shape) > 1:
        advice = f"pass a batch of one sample, {name}[np.newaxis]; if its rows are the samples, "
        advice += f"begin with Input({shape[1:]})"
    elif len(shape) == 4 and input_shape == (*shape[2:], shape[1]):
        advice = f"pass the channels last, {name}.transpose(0, 2, 3, 1)"
    elif len(shape) == 4 and input_shape == (shape[3], *shape[1:3]):
        advice = f"build it for images with their channels last, Input({shape[1:]})"
    elif input_shape == (*shape[1:], 1):
        advice = f"add the axis of the channels, {name}[..., np.newaxis]"
    elif code:
        advice = f"pass {code}"
        if len(shape) == 2:  # predict may have built it for what is no row yet
            advice += f", or make a new model for rows of {shape[1]} numbers"
    elif shape[:1] == (1,) and shape[2:] == input_shape:  # the list of one input that Keras takes
        advice = f"pass {name}[0], the samples themselves"
    return f"{layer} was built for {built} but {found}: {advice}."


def rearranged(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """The code that brings samples of shape ``shape[1:]`` into another one; empty if none does.

    Axes that only stand in another order are exchanged: ``reshape``, which merges or splits
    neighbouring axes, would mix their numbers.
    """
    given, order = list(shape[1:]), [0]
    if sorted(given) == sorted(wanted):
        for n in wanted:
            order.append(given.index(n) + 1)
            given[order[-1] - 1] = -1  # taken
        return f"{name}.transpose{tuple(order)}"
    cuts, others = (set(accumulate(each, mul)) for each in (shape[1:], wanted))
    same = math.prod(shape[1:]) == math.prod(wanted)
    return f"{name}.reshape{(-1, *wanted)}" if same and (cuts <= others or others <= cuts) else ""


ON_THE_LAST_AXIS = (
    "layers such as Dense and Conv2D work on the last axis and keep the others. For one prediction "
    "a sample put Flatten() in front of the last Dense layer"
)
"""Why predictions have further axes than one of the samples and one of the outputs."""


def in_code(name: str) -> str:
    """What an argument is called in code: ``x`` for ``"validation x"``, ``mean`` of a layer.

    What is assigned to a parameter, ``"the value of …"``, is a ``value``, and so is that of a
    constructor, ``"Constant(value)"``.
    """
    if name.endswith(")") and name.partition("(")[0].isidentifier():
        return name.partition("(")[2][:-1]
    return name.removeprefix("validation ").removeprefix("the ").partition(" of ")[0]


def check_room(shape: Sequence[int], what: str) -> None:
    """Refuses a shape of more numbers than any computer holds.

    ``what`` has it, for the error message: ``"Dense 'dense_1' makes samples"``.

    Raises:
        ShapeError: It is so large.
    """
    if math.prod(map(int, shape)) > MOST:
        raise ShapeError(
            f"{what} of shape {tuple(map(int, shape))}, which no computer can hold: choose smaller "
            f"sizes."
        )


def said(value: object, length: int | None = 60) -> str:
    """The beginning of the object's ``repr``, without addresses: ``EarlyStopping(…)``.

    Args:
        value: The object.
        length: How much of it; None for all.

    Example:
        >>> from backprop.core.errors import said
        >>> said([object(), len])
        '[object(…), <built-in function len>]'
    """
    return without_addresses(repr(value))[:length]


def without_addresses(text: str) -> str:
    """The text; in the place of an object with its address stands how it was made."""
    return AT.sub(lambda found: f"{found[1]}(…)" if found[1] else "", text)


ACTIVATION_LAYERS = (
    *("CELU", "ELU", "Exponential", "GELU", "GLU", "HardShrink", "HardSiLU", "HardSigmoid"),
    *("HardTanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6"),
    *("SELU", "SiLU", "Sigmoid", "SoftShrink", "Softmax", "Softplus", "Softsign", "SparsePlus"),
    *("SparseSigmoid", "Sparsemax", "Squareplus", "Tanh", "TanhShrink", "Threshold"),
)

ACTIVATIONS = {
    **{name.lower(): name for name in ACTIVATION_LAYERS},
    "swish": "SiLU",
    "hardswish": "HardSiLU",
    "logistic": "Sigmoid",
}
"""The activations by their names in other libraries, which may have ``_`` in them besides."""


def as_layers(call: str, activation: object) -> str:
    """What to write for a layer that was given its activation: ``Dense(1), Sigmoid()``.

    Args:
        call: The layer, without it; "" for none.
        activation: What was given: a name, a function, a layer or its class.

    Example:
        >>> from backprop.core.errors import as_layers
        >>> as_layers("Dense(1)", "sigmoid")
        'an activation is a layer of its own: Dense(1), Sigmoid()'
    """
    named = activation if isinstance(activation, str | type) else type(activation)
    named = getattr(activation, "__name__", named)  # of a function
    name = str(getattr(named, "__name__", named)).lower().replace("_", "")
    if activation is None or name in ("linear", "identity"):
        return f"an activation is a layer of its own, and {call or 'no layer'} has none"
    layer = f"{ACTIVATIONS[name]}()" if name in ACTIVATIONS else "and a layer such as ReLU()"
    return f"an activation is a layer of its own: {f'{call}, ' * bool(call)}{layer}"
