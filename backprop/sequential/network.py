"""A chain of layers as a function of its input: built, called, looked at, not yet trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np

from backprop import inspection
from backprop.callbacks import Callback
from backprop.core import console
from backprop.core.checks import check_dtype, check_flag, check_integer, check_shape, is_row
from backprop.core.errors import NotBuiltError, ShapeError, said
from backprop.core.frames import check_columns
from backprop.core.parameters import Parameter, Parameters
from backprop.core.signatures import answered, check_function
from backprop.core.types import Array, DTypeLike, Shape
from backprop.core.walk import objects_in
from backprop.data.inputs import check_inputs, check_rows
from backprop.engine import owners
from backprop.engine.forward import forward_in_parts
from backprop.layers import Chain, Input, Layer
from backprop.layers.block import forward_through, mask_through, walk
from backprop.layers.chain import layers_in, takes
from backprop.layers.held import append, as_it_was, distinct, follow, make, some, take_in
from backprop.layers.input import check_brackets
from backprop.losses import Loss
from backprop.sequential.prediction import batch_of, passing, predict
from backprop.sequential.weights import Weights


class Network(Weights):
    """ŷ = f(X; θ): the layers, their parameters as one vector, and the forward pass.

    ``Sequential`` adds a loss, an optimizer and the verbs of training.

    Attributes:
        feature_names: The columns of the data frame that it was trained on; None if it was none.
        looked_at: The verbs whose first inputs were looked at for digits that are lost.
    """

    looked_at: frozenset[str] = frozenset()
    instead = {
        "layers": "add layers by model.add(…)",
        "loss": "call model.compile(optimizer=…, loss=…)",
        "optimizer": "call model.compile(optimizer=…, loss=…)",
        "metrics": "call model.compile(optimizer=…, loss=…, metrics=[…])",
        "parameters": "call model.set_weights(…), or write into model.parameters.values",
        "seed": "call model.reset(seed=…)",
        "compiled": "call model.compile(…)",
        "input_shape": "call model.build((None, …))",
    }

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: the layers have been made with this dtype."""
        raise AttributeError(f"a model's {name} cannot be changed: make a new model with {name}=….")

    def __init__(
        self,
        layers: Iterable[Layer | Input] = (),
        seed: int | None = None,
        dtype: DTypeLike = "float32",
        *more: Layer,
    ) -> None:
        check_brackets(type(self).__name__, layers, seed, dtype, *more)
        self._chain, self.dtype = Chain(), check_dtype(dtype)
        self._head: Loss | None = None  # what makes the prediction of the output of the body
        self._body = self.layers
        self._seed_with(seed)
        self._regularized = list[Parameter]()
        self._entrance, self._penalizing = list[Layer](), list[Layer]()
        for layer in layers_in(layers, "layers"):
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return self._chain.layers

    @property
    def body(self) -> list[Layer]:
        """The layers but for a last activation that is joined with the loss."""
        return self._body

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change any layer; setting it sets that of every layer."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in some(self.layers, "trainable"):
            layer.trainable = value

    def add(self, layer: Layer | Input) -> None:
        """Appends a layer, or a list of them; the weights of those before it stay as they are.

        Raises:
            TypeError: It is not a layer.
            ValueError: It belongs to a model already, or is an ``Input`` that does not stand first.
        """
        if isinstance(layer, Input):
            if self.layers or self._parameters is not None:
                raise ValueError("Input must stand first, and once.")
            self.build((None, *layer.shape))
            return
        append(self._chain, layer)
        if self._parameters is not None:
            self._join()

    @answered
    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the parameters for inputs of that shape; ``fit`` does it by itself.

        Args:
            input_shape: The shape of a batch, with None for the number of samples: ``(None, 784)``.

        Raises:
            ShapeError: It is not of that form, or the model is built for another one.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(10)])
            >>> model.build((None, 784))
            >>> model.parameters.values.shape  # 784 · 10 + 10
            (7850,)
        """
        batch = tuple(input_shape) if is_row(input_shape) else ()
        if not batch or batch[0] is not None:
            raise ShapeError(
                f"input_shape must be the shape of a batch with None in front, such as (None, 784),"
                f" but it is {said(input_shape)}."
            )
        shape = check_shape(batch[1:], f"what follows None in input_shape {said(batch)}")
        if self._parameters is not None:
            if takes(self.layers, shape, self.input_shape or shape):
                return
            raise ShapeError(
                f"the model is built for samples of shape {self.input_shape} already, and cannot "
                f"be built again for {shape}."
            )
        owners.once(lambda: self._parameters is None, lambda: self._make(shape))

    def _seed_with(self, seed: int | None) -> None:
        self._seed = seed = None if seed is None else check_integer(seed, "seed", 0)
        self._weights_seed, shuffle_seed = np.random.SeedSequence(seed).spawn(2)
        self._shuffle_rng = np.random.default_rng(shuffle_seed)

    def reset(self, seed: int | None = None) -> None:
        """Draws new weights and forgets all training; what was set, such as ``trainable``, stays.

        Args:
            seed: Takes the place of the model's seed; None draws by that one again, if it has one.
        """
        former = self._parameters or ()
        with as_it_was([self, *(layer for _, layer in walk(self.layers))]):
            self._seed_with(self._seed if seed is None else seed)
            if (shape := self.input_shape) is not None:
                self._make(shape)
        follow(self._parameters or (), former)

    def _make(self, shape: Shape) -> None:
        make(self._chain, shape, self._weights_seed, self.dtype)
        self._join()

    def _join(self) -> None:
        parameters = Parameters(distinct(self._chain.parameters), self.dtype)
        self._regularized = [p for p in parameters if p.regularizer is not None]
        self._penalizing = [layer for _, layer in walk(self.layers) if layer.penalizes]
        self._entrance = take_in(self.layers)
        self._parameters = parameters  # last, as other threads then predict

    @property
    def makes_mask(self) -> bool:
        """Whether a layer makes a mask of padded sequences."""
        return any(layer.makes_mask for layer in self.layers)

    def mask(self, X: Array) -> Array | None:
        """Which steps of the outputs for a batch are no padding, ``(N, T)``; None if all are."""
        return mask_through(self._body, X, None) if self.makes_mask else None

    def forward(self, X: Array, training: bool = False) -> Array:
        """The output for a batch; with ``training`` the layers keep what ``backward`` needs.

        Args:
            X: A batch, shape ``(N, n_features)``.
            training: Whether a backward pass is to follow. The array is then a layer's, which the
                next such call, of any thread, overwrites; ``model(X, training=True)`` copies it.

        Example:
            >>> bp.Sequential([bp.layers.Rescaling(3)]).forward([[1.0, 2.0]])
            array([[3., 6.]], dtype=float32)
        """
        if type(training) is not bool and training is not None:
            check_flag(training, "training")
        other = type(X) is not np.ndarray and not hasattr(X, "tape")  # that of a recorded step
        if other or X.dtype != self.dtype:
            X = batch_of(self, X)
        if self._parameters is None:
            check_rows(X, "X")
            self.build((None, *X.shape[1:]))
        output = forward_through(self._body, X, training) if training else self.infer(X)
        return output if self._head is None else self._head.predict(output, training)

    def infer(self, X: Array) -> Array:
        """What all layers but a matched head's make of a checked batch in inference."""
        return forward_in_parts(self._body, X, self.parameters.largest)

    @answered
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> Array:
        """The network's outputs, shape ``(N, n_outputs)``; from several threads at once, too.

        Args:
            x: Inputs; or a function, an iterable or a generator that makes batches of them, or of
                tuples that begin with them, as for ``evaluate``.
            batch_size: Samples computed at once, 1024 unless given. Refused where x makes batches.
            verbose: For those who come from Keras; nothing is shown in any case.
            steps: The most batches that are taken.
            callbacks: Objects whose predict hooks are called on the way.

        Raises:
            ValueError: An argument cannot be used, or a weight is nan or infinite.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
            >>> model.predict([[1.0, 2.0], [3.0, 4.0]]).ravel()
            array([3., 7.], dtype=float32)
        """
        return predict(self, x, batch_size, verbose, steps, callbacks)

    @answered
    def predict_on_batch(self, x: Any) -> Array:
        """The outputs for one batch, computed at once.

        Example:
            >>> bp.Sequential([bp.layers.Dense(1, False, "ones")]).predict_on_batch([[1.0, 2.0]])
            array([[3.]], dtype=float32)
        """
        return self.predict(x, sys.maxsize)

    @answered
    def get_layer(self, name: str) -> Layer:
        """The layer of that name; inside a block by the way to it, ``"residual_1.dense_2"``.

        Raises:
            ValueError: There is none.

        Example:
            >>> bp.Sequential([bp.layers.Chain([bp.layers.Dense(2)])]).get_layer("chain_1.dense_1")
            <Dense 'dense_1'>
        """
        found = dict(walk(self.layers))
        if isinstance(name, str) and name in found:
            return found[name]
        raise ValueError(f"no layer is called {said(name)}: the names are {', '.join(found)}.")

    @answered
    def activations(self, x: Any) -> dict[str, Array]:
        """The output of every layer for a batch, by the layer's name or, in blocks, its way.

        Example:
            >>> bp.Sequential([bp.layers.ReLU()]).activations([[-1.0, 2.0]])
            {'relu_1': array([[0., 2.]], dtype=float32)}
        """
        check_columns(x, self)
        X = check_inputs(x, self.input_shape, self._some_layers(), "x", self.dtype)
        self.build((None, *X.shape[1:]))
        return inspection.layer_outputs(passing(self), X.astype(self.dtype, copy=False))

    @property
    def input_shape(self) -> Shape | None:
        """The shape of one sample; None before it is known."""
        return self._chain.input_shape if self._parameters is not None else None

    @property
    def output_shape(self) -> Shape:
        """The shape of one prediction."""
        if self.input_shape is None:
            raise NotBuiltError("the model is not built: its shapes are not known yet.")
        return self._chain.output_shape(self.input_shape)

    @answered
    def summary(self, print_fn: Callable[[str], object] | None = None) -> None:
        """Prints the layers, the shapes of their outputs, and how many parameters they have.

        Args:
            print_fn: A function that is given the text instead, as ``write`` of a file in UTF-8.

        Example:
            >>> bp.Sequential([bp.Input(784), bp.layers.Dense(10)]).summary()
            Sequential
            ───────────────────────────────────────────
            Layer (type)      Output shape   Parameters
            ───────────────────────────────────────────
            dense_1 (Dense)   (None, 10)          7,850
            ───────────────────────────────────────────
            Parameters: 7,850 (30.7 KiB)
            Trainable: 7,850   Non-trainable: 0
        """
        shown = console.write if print_fn is None else print_fn
        check_function(shown, "text", "print_fn")
        shown(inspection.summary(self.layers, self.input_shape))

    @property
    def seed(self) -> int:
        """What determines the model's random numbers, also where it was left to chance."""
        return cast(int, self._weights_seed.entropy)  # never a list, and never None

    @property
    def generators(self) -> dict[str, np.random.Generator]:
        """Every random generator of the model, by the way that leads to it."""
        found = {"shuffle": self._shuffle_rng}
        inside = objects_in(self._chain)
        return found | {way: part for way, part in inside if isinstance(part, np.random.Generator)}

    def __repr__(self) -> str:
        return f"<Sequential [{', '.join(str(layer) for layer in self.layers)}]>"

    def _some_layers(self) -> list[Layer]:
        if not self.layers:
            raise NotBuiltError("the model has no layers: add some first.")
        return self.layers
