"""What every layer brings along: checks of what comes in, freezing, copies, messages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import numpy as np

from backprop.core.aliases import ALIASES
from backprop.core.buffers import Buffers
from backprop.core.checks import check_flag, check_name
from backprop.core.descriptors import from_package
from backprop.core.errors import NoForwardError, NotBuiltError, ShapeError, misfit
from backprop.core.frozen import FixedList
from backprop.core.own_functions import look_at_functions
from backprop.core.parameters import Parameter
from backprop.core.settings import Settings
from backprop.core.time_steps import Unrolled
from backprop.core.transfer import copy_of
from backprop.core.types import Array, Interval, Shape, as_array, is_sparse
from backprop.layers.attributes import InputGradient, LayerName

WEIGHTS = "parameters, each with its .value"
ELSEWHERE = {
    **dict.fromkeys(("weights", "get_weights", "set_weights", "variables"), WEIGHTS),
    **dict.fromkeys(("trainable_weights", "trainable_variables"), WEIGHTS),
    **{name: ALIASES[name] for name in ("kernel", "recurrent_kernel", "embeddings")},
    "bias": "b, or beta of a normalisation",
    "call": "forward",
    "add_weight": "add_parameter(name, shape, initializer), to be called in make_parameters",
    **dict.fromkeys(("input", "output"), "activations(x) of the model"),
    "activation": "a layer of its own behind it, such as ReLU()",
    "get_config": "its repr, or save of the model",
    "count_params": "summary() of the model, or parameters, each with its .value.size",
    "losses": "penalty() of the model",
    "forward_layer": "layer, the direction beside backward_layer",
}
"""What there is for attributes of other libraries' layers."""

BUILD = "fit its model, or call model.build((None, *X.shape[1:])); alone, build(X.shape[1:])"
"""What makes the parameters of a layer."""


class CheckedLayer(Settings):
    """The base of ``Layer``, with what the package asks layers about.

    Attributes:
        adjustable: The arguments of the constructor that may be changed when the layer is built.
        at_first: Those beside initializers that say what the first weights are, and no more.
        takes_mask: Whether ``forward`` takes a ``mask`` ``(N, T)``, False where a step is padded.
        penalizes: Whether a training pass leaves what it adds to the loss in ``penalty``.
        collects: Whether ``forward`` itself adds the penalty of inference to what is collected.
        random: Whether training draws random numbers, as ``self._rng`` does; LBFGS refuses that.
        over_samples: Whether what training makes of a sample depends on the rest of the batch.
        makes_mask: Whether ``output_mask`` makes a mask from the layer's input.
        of_images: Whether samples are images, which have no steps, so that a mask ends here.
        any_length: The axes of samples that may have any number of steps: 2 for (T, C); 0 for none.
        runs_own_code: Whether it calls functions that users wrote.
        of_user: Whether its class or such a function is the user's own, so that it is watched.
        link: What a loss may be joined with at the end of a model: "softmax" or "sigmoid".
        linear: Whether the outputs are a weighted sum.
        interval: What all outputs lie between, (0, 1) after a sigmoid; None if that is not known.
        takes_any_size: Whether the outputs depend little on how large all inputs are: it scales
            them, or takes them for indices.
        rearranges: Whether the outputs are the inputs, perhaps in another shape or order.
        selects: Whether the outputs are some of the inputs.
        sums_to_one: Whether the outputs are probabilities with the sum 1, or their logarithms.
        is_activation: Whether it is an activation function, of a pre-activation Z.
        step_formulas: Likewise what ``unrolled`` has of each step in time, ``{h_s}`` being h_{t−1}.
    """

    accepts_sparse = random = runs_own_code = of_user = linear = rearranges = False
    takes_any_size = takes_mask = makes_mask = over_samples = of_images = False
    penalizes = collects = selects = False
    any_length = 0
    link: str | None = None
    interval: Interval | None = None
    sums_to_one = is_activation = False
    step_formulas: Mapping[str, str] = {}
    adjustable: tuple[str, ...] = ()
    at_first: tuple[str, ...] = ()
    name: Any = LayerName(check_name)
    input_shape: Shape | None = None
    dtype: np.dtype[Any] = np.dtype("float32")
    needs_input_gradient: Any = InputGradient(check_flag)
    # what a pass leaves, and backward goes on with; a loop of one's own writes delta, as models do
    _assignable = dict.fromkeys(("A", "M", "S", "U", "X", "X_hat", "Y", "Z", "delta"))
    instead = {
        "input_shape": "call build, or make a new layer",
        "dtype": "make the model with dtype=…",
        "parameters": "write into the .value of each, or call set_weights of the model",
    }
    parameters: list[Parameter]

    def __init__(self, name: str | None = None) -> None:
        self.name = check_name(name, f"{type(self).__name__}(name)")
        self._kept: list[Any] | None = None  # the weights that a copy begins with
        self.input_shape = None
        self.dtype = np.dtype("float32")
        self.parameters = self.no_parameters()
        self.want_input_gradient(True)
        self.delta: Array | None = None
        self._trainable, self._held = True, False  # its own flag; whether its block is frozen
        # whether its parameters are in the vector of a model, and none before it learns there
        self._in_model = self._is_entrance = False
        self._asked_for_gradient: bool | None = None  # for ∂E/∂X, by others than the model
        self._looked_at: set[str] = set()  # the calls of own code that left their input as it was
        self.buffers = Buffers()

    __init__.__qualname__ = "Layer.__init__"  # as Python's errors call it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.of_user = cls.runs_own_code or not cls.of_package
        if cls.is_activation and not cls.of_package:
            look_at_functions(cls)

    def __call__(self, *inputs: object, **options: object) -> NoReturn:
        """Layers are listed, not called."""
        raise TypeError(
            f"{self} is not called with inputs: list the layers in the order in which they follow, "
            f"Sequential([Input((4,)), …]); Parallel and Residual are blocks for branches. "
            f"layer.forward(X) computes the outputs of one that is built."
        )

    @functools.cached_property
    def _rng(self) -> np.random.Generator:
        """The generator of a layer that is used by itself; a model gives it another one."""
        return np.random.default_rng()

    def no_parameters(self) -> list[Parameter]:
        """The list to which ``build`` adds them; in layers of one's own anything goes."""
        return FixedList((), self.instead["parameters"]) if self.of_package else []

    def check_new(self, name: str) -> None:
        """Checks that a parameter may be added, and that none of the layer has that name yet.

        Raises:
            NotBuiltError: The layer is not being built, which would throw the parameter away.
            ValueError: A model has the layer already, or one has that name: a file would keep one.
        """
        if self._in_model:
            raise ValueError(
                f"{self} is in a built model, whose optimizer would never see another parameter: "
                f"call add_parameter({name!r}, …) in make_parameters, which build calls."
            )
        if self.input_shape is None:
            raise NotBuiltError(
                f"{self} is not built, and build makes its parameters anew: call "
                f"add_parameter({name!r}, …) in make_parameters, which build calls."
            )
        if any(parameter.name == name for parameter in self.parameters):
            raise ValueError(f"two parameters of {self} are called {name!r}: names must differ.")

    def check_input(self, X: Array) -> Array:
        """X in the layer's dtype, if the layer is built and X has the columns that it needs.

        Raises:
            NotBuiltError: The layer is not built.
            ShapeError: The last axis is not the one that the layer was built for.
        """
        if not (self.accepts_sparse and is_sparse(X)):
            X = as_array(X, self.dtype)
        if self.input_shape is None:
            raise NotBuiltError(f"{self} is not built: {BUILD}.")
        if X.ndim < 2 or X.shape[-1] != self.input_shape[-1]:
            found = f"received an array of shape {X.shape}"
            raise ShapeError(misfit(X.shape, self.input_shape, self, found))
        return X

    def _half(self) -> str:
        """What is to be said where ``forward`` is the user's own and ``backward`` is not."""
        kinds = type(self).__mro__
        forward, backward = (
            next(kind for kind in kinds if name in vars(kind)) for name in ("forward", "backward")
        )
        if from_package(forward) or not from_package(backward):
            return ""
        return (
            f" {forward.__name__} has a forward of its own, but the backward of "
            f"{backward.__name__}, which needs what the forward of that keeps: define "
            f"backward(self, delta) too, or call super().forward(X, training)."
        )

    def check_delta(self, delta: Array, Y: Array | None) -> None:
        """Checks that there is a training output Y to differentiate, and that delta fits it.

        Raises:
            NoForwardError: No ``forward(X, training=True)`` came before.
            TypeError: delta is a sparse matrix; a ValueError if it is masked, or no array.
            ShapeError: delta has another shape than Y; it would be broadcast.
            ValueError: delta is ∂E/∂X already, of a loss that is joined with this layer.
        """
        if Y is None:
            raise NoForwardError(
                f"{self}: backward needs the activations of a training pass: call "
                f"forward(X, training=True) first.{self._half()}"
            )
        if delta is not None and (type(delta) is not np.ndarray or delta.dtype.kind == "O"):
            as_array(delta)  # says what is wrong with sparse, masked and other arrays
        shape = getattr(delta, "shape", ())  # of a number, such as E itself, there is none
        if shape != Y.shape:
            came, more = f"a delta of shape {shape}", ""
            if delta is None:
                came, more = "None", " The layer behind it needs needs_input_gradient = True."
            raise ShapeError(
                f"{self} returned an array of shape {Y.shape}, but backward received {came}: pass "
                f"∂E/∂Y, one number for each output.{more}"
            )
        if delta is vars(self).get("_joined"):
            raise ValueError(
                f"{self} is joined with the loss, whose backward returned the derivative by the "
                f"inputs of {self}: call model.backward(), or go on with the layer before it."
            )

    def checked_delta(self, delta: Array, Y: Array | None) -> Array:
        """Delta in the layer's dtype, if ``check_delta`` lets it pass."""
        if delta is not None:  # of which there is no array
            delta = as_array(delta, self.dtype)
        self.check_delta(delta, Y)
        return delta

    def check_values(self, X: Array, name: str = "x") -> None:
        """Raises ValueError, which calls X ``name``, if the layer cannot take its numbers."""

    def sums_along_last(self, output_shape: Shape) -> bool:
        """``sums_to_one`` for outputs of that shape, built or not."""
        return self.sums_to_one

    def check_classes(self, output_shape: Shape, loss: object) -> None:
        """Raises ValueError if its outputs are no classes along the last axis, as a loss takes."""

    def check_setting(self, name: str) -> None:
        """Raises AttributeError where a built layer would go on with what it was built with."""
        if self.input_shape is not None and name not in self.adjustable:
            raise AttributeError(
                f"{self} is built, so that another {name} would have no effect: make a new layer."
            )
        if self._kept and (name in self.at_first or name.endswith("initializer")):
            raise AttributeError(
                f"{self} is a copy, which begins with the weights of the original, so that another "
                f"{name} would have no effect: make a new layer."
            )

    def setting_changed(self, trial: Any) -> None:
        """Before it is built it becomes a layer that was made so, with all that follows."""
        if self.input_shape is None:
            kept = vars(CheckedLayer())
            vars(self).update({k: each for k, each in vars(trial).items() if k not in kept})
            self.hold(self._held)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The mask of the output from that of the input: the same, but of images none."""
        return None if self.of_images else mask

    @property
    def observes(self) -> bool:
        """Whether ``fit`` is to call ``observe(batches of inputs)`` before the first step."""
        return False

    def unrolled(self) -> Unrolled | None:
        """The steps in time of the last training pass and of the way back; None if it has none."""
        return None

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change this layer's parameters; False freezes all that is inside.

        Of a frozen block a layer may be set to True; the others stay frozen until the block is not.
        What was frozen by itself, a layer of a block or a parameter, stays so until it is set to
        True itself.
        """
        return self._trainable and not self._held

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = check_flag(value, "trainable")
        self.hold(False)

    def hold(self, held: bool) -> None:
        """Takes note of whether the block is frozen that the layer is in; its own flag stays."""
        self._held = held
        for parameter in self.parameters:
            parameter.hold(not self.trainable)
        for layer in vars(self).get("children", ()):
            layer.hold(not self.trainable)

    def want_input_gradient(self, wanted: bool) -> None:
        """Sets ``needs_input_gradient``, of layers inside too."""
        vars(self)["needs_input_gradient"] = wanted

    def inside(self) -> list[Any]:
        """All layers that it holds, and those in them."""
        return []

    def copy(self, trainable: bool | None = None) -> Self:
        """A new layer for another model, which begins with the weights that this one has now.

        Args:
            trainable: False freezes the copy; None leaves it as this layer is.

        Raises:
            NotBuiltError: This layer has no weights yet.
        """
        return copy_of(self, trainable)

    def __getattr__(self, name: str) -> Any:
        hint = ""  # Python adds a full stop and its own guess, where it has an object
        guessed_from: Any = self
        if name in ELSEWHERE:
            hint, guessed_from = f": there is {ELSEWHERE[name]}.", None
        elif not name.startswith("_") and self.__dict__.get("input_shape", ()) is None:
            hint = f", perhaps because it is not built: {BUILD}"
        parameters = {p.name.rpartition(".")[2]: p for p in self.__dict__.get("parameters", ())}
        if name in parameters:
            hint = f": write self.{name} = self.add_parameter({name!r}, …) in make_parameters"
        elif name[:1] == "d" and name[1:] in parameters:
            hint = f": the gradient is self.{name[1:]}.gradient, what add_parameter returned"
        raise AttributeError(f"{self} has no attribute {name!r}{hint}", name=name, obj=guessed_from)

    def __str__(self) -> str:
        name = self.__dict__.get("name")
        return f"{type(self).__name__} {name!r}" if name else type(self).__name__

    def __repr__(self) -> str:
        return f"<{self}>"
