"""The model that users train: a network with a loss, an optimizer, and the verbs of training."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from backprop import losses, optimizers
from backprop.callbacks import Callback, CallbackList
from backprop.core.errors import NotCompiledError
from backprop.core.threads import blas_threads
from backprop.core.types import Array, DTypeLike, Shape
from backprop.inspection import Explanation, GradientReport, check_gradients, explain
from backprop.layers import Input, Layer
from backprop.losses import Loss
from backprop.metrics import Metric
from backprop.metrics import get as get_metric
from backprop.optimizers import Optimizer
from backprop.sequential.network import Network
from backprop.training import loop
from backprop.training.batches import Batches
from backprop.training.data import (
    Data,
    check_data,
    check_inputs,
    check_list,
    check_positive_integer,
    split_validation,
)
from backprop.training.head import MatchedPair, check_ending, join
from backprop.training.history import History
from backprop.training.progress import progress

T = TypeVar("T")


class Sequential(Network):
    """A feed-forward network: each layer's output is the next one's input.

    Args:
        layers: The layers in order; an ``Input`` may stand first.
        seed: Determines every random number of the model: initial weights, shuffling, noise. The
            same seed gives the same bits on the same machine; None takes fresh entropy.
        dtype: ``"float32"`` or ``"float64"``.

    Attributes:
        layers: The layers.
        dtype: The dtype of all parameters and activations.
        history: The History of the last ``fit``.
        stop_training: Callbacks set it to True to end training after the step in hand.
        resume_at: The epoch and step that a fit begins with; a callback that knows the state of an
            interrupted one may change it in ``on_train_begin``.

    Example:
        >>> from backprop.layers import Dense, ReLU, Softmax
        >>> model = Sequential([Dense(64), ReLU(), Dense(10), Softmax()], seed=0)
        >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    """

    def __init__(
        self,
        layers: Iterable[Layer | Input] = (),
        seed: int | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        self._loss: Loss | None = None
        self._given_loss: Loss | None = None
        self._optimizer: Optimizer | None = None
        self._metrics: list[Metric] = []
        self.history: History | None = None
        self.stop_training = False
        self.resume_at = (0, 0)
        super().__init__(layers, seed, dtype)

    def add(self, layer: Layer | Input) -> None:
        """Appends a layer; the weights of those before it stay as they are.

        Raises:
            TypeError: It is not a layer.
            ValueError: It belongs to a model already, is an ``Input`` that does not stand first, or
                the compiled loss cannot follow it.
        """
        loss = self._loss
        if self._given_loss is not None and isinstance(layer, Layer):
            loss = join(layer, self._given_loss)
        super().add(layer)
        self._loss = loss

    def compile(
        self,
        optimizer: str | Optimizer = "sgd",
        loss: str | Loss = "mse",
        metrics: Iterable[str | Metric] | None = None,
    ) -> None:
        """Says how to train: what to minimise, how, and what to report.

        A loss that forms a matched pair with the last layer (Softmax and a categorical
        cross-entropy, Sigmoid and the binary one) is joined with it.

        Args:
            optimizer: An object or its name.
            loss: An object or its name.
            metrics: Objects or names; they do not influence training.
        """
        given_optimizer = optimizers.get(optimizer)
        given_loss = losses.get(loss)
        found = [get_metric(metric) for metric in check_list(metrics, "metrics")]
        names = ["loss", *(metric.name for metric in found)]
        if len(set(names)) < len(names):
            raise ValueError(
                f"the names of the metrics must differ from each other and from 'loss', but they "
                f"are {', '.join(names[1:])}: pass name=…."
            )
        joined = join(self.layers[-1] if self.layers else None, given_loss)
        self._optimizer, self._given_loss, self._loss = given_optimizer, given_loss, joined
        self._metrics = found
        self.compiled = True

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
    ) -> History:
        """Trains by mini-batch gradient descent; a second call continues where the first ended.

        Everything is checked first: a call that fails leaves the model as it was.

        Args:
            x: Inputs, shape ``(N, n_features)``.
            y: Targets, as the loss takes them.
            batch_size: Samples in a step, 32 unless given; ``len(x)`` is full-batch descent, 1 is
                online learning. The last batch of an epoch may be shorter.
            epochs: The number of passes over the data, or with ``initial_epoch`` the number of the
                epoch to stop before, as in Keras.
            verbose: 0 shows nothing, 1 a bar, 2 a line an epoch, ``"auto"`` a bar on a terminal
                and in notebooks and lines elsewhere.
            callbacks: Objects whose hooks are called on the way.
            validation_split: The share of the last samples, taken before shuffling, that is kept
                out of training and evaluated after each epoch.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``; wins over the split.
            shuffle: Whether the samples are shuffled anew in each epoch.
            class_weight: Weights of the classes in the training loss, 1 where missing.
            sample_weight: Weights of the samples in the training loss, shape ``(N,)``.
            initial_epoch: The number of the first epoch.

        Returns:
            The History: ``.history["loss"]``, …, and ``.plot()``.

        Raises:
            ValueError: An argument cannot be used; the message says which, and what to do.
        """
        data = self._check(x, y, sample_weight, class_weight)
        validation: Data | None = None
        if validation_data is not None:
            if not isinstance(validation_data, Sequence) or len(validation_data) not in (2, 3):
                raise ValueError(
                    "validation_data must be (x, y) or (x, y, sample_weight), but it is a "
                    f"{type(validation_data).__name__} of another form."
                )
            xv, yv, *rest = validation_data
            shape = data.X.shape[1:]
            validation = self._check(xv, yv, rest[0] if rest else None, None, "validation ", shape)
        elif validation_split:
            data, validation = split_validation(data, validation_split)
            if class_weight is not None:  # they weight the training loss alone
                validation = Data(validation.X, validation.y)
        size = check_positive_integer(32 if batch_size is None else batch_size, "batch_size")
        first = check_positive_integer(initial_epoch, "initial_epoch", 0)
        last = check_positive_integer(epochs, "epochs", 0)
        shown = progress(verbose)

        rng = self._shuffle_rng if shuffle else None
        batches = Batches(data, size, self.dtype, rng)
        held_out = None
        if validation is not None:
            held_out = Batches(validation, loop.EVALUATION_BATCH, self.dtype)
        history = History()
        params = {"epochs": last, "steps": len(batches), "verbose": verbose}
        users = check_list(callbacks, "callbacks")
        called = CallbackList([*users, *shown, history], self, params)
        self.build((None, *data.X.shape[1:]))
        self.history = history
        # forward, ∂E/∂W and ∂E/∂X take a multiplication each for every weight and sample
        with blas_threads(3.0 * min(size, len(data)) * self.parameters.values.size):
            loop.fit(self, batches, held_out, called, range(first, last))
        return history

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> float | list[float]:
        """One step on one batch.

        Returns:
            The loss before the update, or ``[loss, metrics…]`` if the model has metrics.
        """
        data = self._check(x, y, sample_weight, None)
        self.build((None, *data.X.shape[1:]))
        X = data.X.astype(self.dtype, copy=False)
        loss, prediction = loop.train_step(self, X, data.y, data.weight)
        for metric in self._metrics:
            metric.reset()
            metric.update(prediction, data.y)
        return unwrap(loop.collect(loss, self._metrics))

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data, without training on it.

        Args:
            x: Inputs.
            y: Targets.
            batch_size: Samples computed at once, 1024 unless given; it does not change the result.
            verbose: Whether to print the numbers too, as for ``fit``; 0 does not.
            sample_weight: Weights of the samples in the loss.
            return_dict: Whether to return them by name.

        Returns:
            The loss, or ``[loss, metrics…]`` if the model has metrics, or a dict.
        """
        data = self._check(x, y, sample_weight, None)
        size = loop.EVALUATION_BATCH if batch_size is None else batch_size
        size = check_positive_integer(size, "batch_size")
        self.build((None, *data.X.shape[1:]))
        logs = loop.evaluate(self, Batches(data, size, self.dtype))
        if progress(verbose):
            print(", ".join(f"{key}: {value:.4f}" for key, value in logs.items()))
        return logs if return_dict else unwrap(logs)

    def explain(self, X: Any, y: Any, sample_weight: Any = None) -> Explanation:
        """One pass laid open, formula by formula (see ``inspection.explain``)."""
        return explain(self, X, y, sample_weight)

    def check_gradients(
        self, X: Any, y: Any, sample_weight: Any = None, max_entries: int = 100
    ) -> GradientReport:
        """Every gradient against an independent derivative (see ``inspection.check_gradients``)."""
        return check_gradients(self, X, y, sample_weight, max_entries)

    def backward(self, delta: Array | None = None) -> Array | None:
        """Writes the gradient of every parameter, from the last layer to the first.

        They are the derivatives of loss + ``penalty()``.

        Args:
            delta: ∂E/∂output, or None for that of the last ``model.loss.forward(…)``.

        Returns:
            ∂E/∂X if the first layer's ``needs_input_gradient`` is set, else None.
        """
        skip = 0
        if delta is None:
            delta = self.loss.backward()
            # a matched pair's delta is by the input of the activation
            skip = 1 if isinstance(self._loss, MatchedPair) else 0
        delta_input = self._chain.backward(delta, skip)
        for p in self._regularized:
            if p.trainable:
                p.gradient += p.regularizer.gradient(p.value)
        return delta_input

    def penalty(self) -> float:
        """Ω(θ), the sum of the regularisers' penalties; what ``fit`` reports is loss + penalty."""
        trained = (p for p in self._regularized if p.trainable)
        return sum((float(p.regularizer.penalty(p.value)) for p in trained), start=0.0)

    @property
    def loss(self) -> Loss:
        """The loss as trained on: joined with the last layer where the two match."""
        return self._compiled(self._loss)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self._compiled(self._optimizer)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics."""
        return self._metrics

    def _compiled(self, part: T | None) -> T:
        if part is None:
            raise NotCompiledError(
                "the model is not compiled: call compile(optimizer=…, loss=…) first."
            )
        return part

    def _check(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None,
        prefix: str = "",
        input_shape: Shape | None = None,
    ) -> Data:
        loss, first = self.loss, self._first_layer()
        check_ending(self.layers[-1], loss)
        expected = self.input_shape or input_shape
        X = check_inputs(x, expected, first, f"{prefix}x")
        return check_data(
            X,
            y,
            sample_weight,
            class_weight,
            output_shape=self._chain.output_shape(X.shape[1:]),
            loss=loss,
            dtype=self.dtype,
            prefix=prefix,
        )


def unwrap(logs: Mapping[str, float]) -> float | list[float]:
    """The loss alone, or ``[loss, metrics…]``."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
