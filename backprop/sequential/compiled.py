"""A network with a loss and an optimizer: what a training step needs of a model."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from backprop import explain, inspection, losses, optimizers
from backprop.core.checks import check_flag, check_list, check_place
from backprop.core.descriptors import Checked, from_package
from backprop.core.errors import NotCompiledError
from backprop.core.frozen import FixedList
from backprop.core.own_functions import interval_of
from backprop.core.signatures import answered
from backprop.core.types import Array, DTypeLike
from backprop.engine import owners
from backprop.layers import Input, Layer
from backprop.layers.block import activity_penalty, backward_through
from backprop.layers.chain import ending, unfold
from backprop.layers.held import warn_of_held
from backprop.losses import Loss
from backprop.losses.heads import join
from backprop.metrics import Metric, get_all
from backprop.optimizers import Optimizer
from backprop.sequential.network import Network
from backprop.sequential.told import Told, as_metric, check_all, check_anew, note, outputs_of, tell
from backprop.training.history import History

T = TypeVar("T")

ADVICE = "a model gets other metrics by compile(optimizer=…, loss=…, metrics=[…])"
"""What to do in the place of changing the list of a model's metrics."""


class CompiledNetwork(Network):
    """A network that can be compiled: E(θ) and its gradient.

    Where the network ends in an activation that matches the loss, the two are one head, and the
    body is what comes before it.
    """

    run_eagerly: Any = Checked(check_flag)
    history: History | None = None
    stop_training: Any = Checked(check_flag)
    resume_at: Any = Checked(check_place)

    def __init__(
        self,
        layers: Iterable[Layer | Input] = (),
        seed: int | None = None,
        dtype: DTypeLike = "float32",
        *more: Layer,
    ) -> None:
        self.run_eagerly, self.stop_training, self.resume_at = False, False, (0, 0)
        self._given_loss: Loss | None = None
        self._joined = False  # whether the last activation and the loss are one
        self._optimizer: Optimizer | None = None
        self._metrics: list[Metric] = FixedList((), ADVICE)
        self._told: list[Told] = []  # what ``compile`` told each of them
        super().__init__(layers, seed, dtype, *more)

    @answered
    def add(self, layer: Layer | Input) -> None:
        """Appends a layer; the weights of those before it stay as they are.

        Raises:
            TypeError: It is not a layer.
            ValueError: It belongs to a model already, is an ``Input`` that does not stand first, or
                the compiled loss cannot follow it.

        Example:
            >>> model = bp.Sequential()
            >>> model.add(bp.layers.Dense(3))
            >>> model.layers
            [<Dense 'dense_1'>]
        """
        head = self._head
        if self._given_loss is not None and isinstance(layer, Layer):
            head = head_of([layer], self._given_loss)
        super().add(layer)
        self._set_head(head)

    def __call__(self, X: Array, training: bool = False) -> Array:
        """``forward``, as Keras and PyTorch write it; no later call changes what it returns.

        Raises:
            RuntimeError: Another thread trains the model, or makes such a pass: in training the
                layers keep what ``backward`` needs.

        Example:
            >>> model = bp.Sequential([bp.layers.Dropout(0.5, seed=0)])
            >>> model(np.ones((1, 4)), training=True)
            array([[2., 2., 2., 0.]], dtype=float32)
        """
        if not check_flag(training, "training"):
            return self.forward(X)
        with owners.training(self, "model(X, training=True)"):
            return self.forward(X, True).copy()

    @answered
    def compile(
        self,
        optimizer: str | Optimizer = "sgd",
        loss: str | Loss | None = None,
        metrics: Iterable[str | Metric | Callable[[Array, Array], Any]] | None = None,
        weighted_metrics: Iterable[str | Metric | Callable[[Array, Array], Any]] | None = None,
        run_eagerly: bool = False,
    ) -> None:
        """Says what to minimise, how, and what to report.

        A loss that forms a matched pair with the last layer (Softmax and a categorical
        cross-entropy, Sigmoid and the binary one) is joined with it.

        Args:
            optimizer: An object or its name.
            loss: An object or its name; ``"mse"`` unless given, if it was compiled with no other.
            metrics: Objects, names or functions ``f(y_true, y_pred)``: only reported, unweighted;
                or losses, by their objects or names. The name of a cross-entropy stands for one
                on logits where the loss takes logits of the same kind.
            weighted_metrics: Likewise, weighted by ``sample_weight`` and ``class_weight``.
            run_eagerly: Whether the layers make every step themselves (``training/step.py``), for
                readers and debuggers; else their NumPy calls are recorded and made again, with the
                same results.

        Raises:
            ValueError: There is no optimizer, loss or metric of that name, the loss cannot follow
                the last layer, or there was another one and none is given.
            TypeError: Something else is given than these.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(10), bp.layers.Softmax()])
            >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            >>> model.compile(bp.optimizers.SGD(0.1, momentum=0.9), bp.losses.Huber())  # anew
        """
        if self.input_shape is not None:  # those of others are looked at when they are built
            warn_of_held(self.layers)
        given_optimizer = optimizers.get(optimizer)
        given_loss = losses.get("mse" if loss is None else loss)
        plain, weighted = (
            [as_metric(each, given_loss) for each in check_list(given, name)]
            for given, name in ((metrics, "metrics"), (weighted_metrics, "weighted_metrics"))
        )
        eagerly = check_flag(run_eagerly, "run_eagerly")
        head = head_of(self.layers, given_loss)
        threshold, outputs = given_loss.decision_threshold, outputs_of(self.layers, given_loss)
        if threshold == 0 and self.layers and interval_of(ending(self.layers)) == (0, 1):
            threshold = None  # after a sigmoid a hinge, too, has its middle at ½
        found = get_all(plain, weighted, threshold, outputs, given_loss.ignored)
        told = [note(metric) for metric in found]
        if found and self.layers:
            check_all(plain + weighted, found, ending(self.layers), threshold)
        check_anew(loss, self._given_loss)
        self._metrics, self._told = FixedList(found, ADVICE), told
        self._optimizer, self._given_loss = given_optimizer, given_loss
        self.run_eagerly = eagerly
        self._set_head(head)

    def _set_head(self, head: Loss | None) -> None:
        """Takes a head, and leaves the activation that is joined with it out of the body."""
        self._head, self._joined = head, head is not self._given_loss
        self._body = unfold(self.layers)[:-1] if self._joined else self.layers

    def backward(self, delta: Array | None = None) -> Array | None:
        """Writes the gradient of every parameter, from the last layer to the first.

        They are the derivatives of loss + ``penalty()``.

        Args:
            delta: ∂E/∂output of the last ``forward(…, training=True)``, as the layers keep what
                belongs to that one; None for what the last ``model.loss.forward(…)`` gives.

        Returns:
            ∂E/∂X if the first layer's ``needs_input_gradient`` is set, else None; it is yours.

        Raises:
            NoForwardError: There was none since the last training pass.
            ValueError: It was not given what that pass returned.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
            >>> model.compile("sgd", "half_squared_error")
            >>> E = model.loss.forward(model.forward([[2.0]], training=True), np.array([[5.0]]))
            >>> model.backward()
            >>> model.parameters.gradients  # 2 · (2 − 5)
            array([-6.], dtype=float32)
        """
        if delta is None:
            if from_package(self.forward) and from_package(self.loss.backward):
                # of those of another the user alone knows the slope
                self.loss.check_given()
            found = self.backpropagate(self.loss.backward())
            self._complete_deltas()
        else:
            found = self._back_through(self.layers, delta)
        return None if found is None else found.copy()

    def backpropagate(self, delta: Array) -> Array | None:
        """``backward`` as training does it, from what ``loss.backward`` returned.

        A matched head's δ is by the input of the activation that it is joined with; that layer's
        own ∂E/∂A is not computed.
        """
        if self._joined:
            self.layers[-1].delta = None
        return self._back_through(self._body, delta)

    def _complete_deltas(self) -> None:
        """Computes what a matched head leaves out, for those who look at the layers."""
        if self._joined and self._body[-1:] and self._body[-1].delta is not None:
            self.layers[-1].delta = self.loss.prediction_delta()

    def _back_through(self, layers: list[Layer], delta: Array) -> Array | None:
        if layers and layers[0].needs_input_gradient:  # somebody asks for ∂E/∂X
            for layer in self._entrance:
                layer.needs_input_gradient = True
        delta_input = backward_through(layers, delta)
        for p in self._regularized:
            if p.trainable:
                np.add(p.gradient, p.regularizer.gradient(p.value), out=p.gradient)
        return delta_input

    def weigh(self, X: Array, weight: Array | None) -> Array | None:
        """The weights of a batch in the loss: 0 for padded steps, so that they change nothing.

        Those of the others are scaled so that the mean over all steps is one over the others.
        """
        mask = self.mask(X)
        return weight if mask is None else self.loss.weigh_steps(mask, weight, self.dtype)

    def penalty(self) -> float:
        """Ω(θ), the sum of the regularisers' penalties; what ``fit`` reports is loss + penalty.

        Example:
            >>> layer = bp.layers.Dense(1, False, "ones", kernel_regularizer="l2")  # λ = 0.01
            >>> bp.Sequential([bp.Input(4), layer]).penalty()  # 0.01 · 4 · 1²
            0.04
        """
        trained = [p for p in self._regularized if p.trainable]
        return sum((float(p.regularizer.penalty(p.value)) for p in trained), start=0.0)

    @property
    def penalizes(self) -> bool:
        """Whether a layer adds a penalty on what passes through it to the loss."""
        return bool(self._penalizing)

    def activity_penalty(self) -> float:
        """What such layers add to the loss of the last training pass.

        Example:
            >>> model = bp.Sequential([bp.layers.ActivityRegularization(l1=0.5)])
            >>> model.compile("sgd", "mse")
            >>> Y = model.forward([[2.0, 4.0]], training=True)
            >>> model.activity_penalty()  # ½ (2 + 4)
            3.0
        """
        return activity_penalty(self._penalizing) if self._penalizing else 0.0

    @property
    def compiled(self) -> bool:
        """Whether there are a loss and an optimizer."""
        return self._head is not None

    @answered
    def explain(self, X: Any, y: Any, sample_weight: Any = None) -> "explain.Explanation":
        """One pass laid open, formula by formula (see ``explain.explain``).

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
            >>> model.compile("sgd", "half_squared_error")
            >>> model.explain([2.0], [5.0])["dense_1"].dW  # 2 · (2 − 5)
            array([[-6.]], dtype=float32)
        """
        return explain.explain(self, X, y, sample_weight)

    @answered
    def check_gradients(
        self, X: Any, y: Any, sample_weight: Any = None, max_entries: int = 100
    ) -> "inspection.GradientReport":
        """Every gradient against an independent derivative (see ``inspection.check_gradients``).

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(3), bp.layers.Tanh()], seed=0)
            >>> model.compile("sgd", "mse")
            >>> model.check_gradients(np.eye(2), np.ones((2, 3))).ok
            True
        """
        return inspection.check_gradients(self, X, y, sample_weight, max_entries)

    @property
    def loss(self) -> Loss:
        """The loss as trained on: joined with the last layer where the two match."""
        return self._compiled(self._head)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self._compiled(self._optimizer)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics; those that another model was compiled with as well are this model's again.

        They are told once more what ``compile`` told them, such as what the outputs are.
        """
        for metric, told in zip(self._metrics, self._told, strict=True):
            if metric._told is not told:
                tell(metric, told)
        return self._metrics

    def _join(self) -> None:
        """Tells the metrics what the outputs are, now that the shapes are known."""
        super()._join()
        if self._given_loss is not None:
            outputs = outputs_of(self.layers, self._given_loss)
            for k, metric in enumerate(self.metrics):
                metric.outputs = outputs
                self._told[k] = note(metric)

    def _compiled(self, part: T | None) -> T:
        if part is None:
            raise NotCompiledError(
                "the model is not compiled: call compile(optimizer=…, loss=…) first."
            )
        return part


def head_of(layers: Sequence[Layer], loss: Loss) -> Loss:
    """The loss, joined with the activation that these layers end with if the two match."""
    layers = unfold(layers)
    return join(layers[-1] if layers else None, loss)
