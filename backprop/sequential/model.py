"""The model that users train: a network with a loss, an optimizer, and the verbs of training."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from backprop import distributed
from backprop.callbacks import Callback, CallbackList
from backprop.core import console
from backprop.core.checks import check_flag, check_list
from backprop.core.errors import DivergenceError
from backprop.core.frames import check_columns
from backprop.core.signatures import answered
from backprop.data.sources import check, evaluation_source
from backprop.data.training import warn_of_numbers
from backprop.engine.owners import training
from backprop.engine.recorded import RecordedSteps
from backprop.engine.threads import single_blas_threads
from backprop.sequential.compiled import CompiledNetwork
from backprop.sequential.prediction import check_weights_finite
from backprop.training.batched_metrics import update_steps
from backprop.training.divergence import Guard, quiet, warn_of_overflow
from backprop.training.evaluation import Evaluator, collect, unwrap
from backprop.training.history import History, check_history
from backprop.training.loop import Loop
from backprop.training.observation import observe
from backprop.training.plan import plan_fit
from backprop.training.progress import progress, show_number
from backprop.training.step import Step


class Sequential(CompiledNetwork):
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
            interrupted one may change it in ``on_train_begin``. At its end the number of epochs.

    Example:
        >>> from backprop.layers import Dense, Sigmoid, Tanh
        >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])  # XOR
        >>> model = bp.Sequential([Dense(4), Tanh(), Dense(1), Sigmoid()], seed=0)
        >>> model.compile(bp.optimizers.Adam(0.1), "binary_crossentropy")
        >>> history = model.fit(X, y, epochs=200, verbose=0)
        >>> model.predict(X).round().ravel()
        array([0., 1., 1., 0.], dtype=float32)
    """

    _assignable = {"history": check_history}

    @answered
    def reset(self, seed: int | None = None) -> None:
        """Draws new weights and forgets all training; what was set, such as ``trainable``, stays.

        That includes the optimizer's state, and what callbacks or you made of its learning rate
        since the first step, or since it was loaded. Its other arguments stay as they are, as do
        generators that a layer of your own has made: draw from ``self._rng``. A layer made by
        ``copy`` has the weights again that it began with, unless the model was loaded.

        Args:
            seed: Takes the place of the model's seed; None keeps it (see ``Network.reset``).

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)], seed=0)
            >>> theta = model.parameters.values.copy()
            >>> model.reset(seed=1)
            >>> np.array_equal(model.parameters.values, theta)
            False
        """
        with training(self, "reset"):
            super().reset(seed)
            self.history = self.feature_names = None
            self.looked_at = frozenset()
            if self._optimizer is not None:
                self._optimizer.reset()

    @answered
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
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Iterable[int] = 1,
        on_divergence: str = "warn",
        workers: "distributed.Workers | None" = None,
    ) -> History:
        """Trains by mini-batch gradient descent; a second call continues where the first ended.

        Everything is checked first: a call that fails leaves the model as it was, unless what is
        wrong comes in a later batch of x, of a file, or of a memory map of more than 64 MiB.
        Ctrl-C lets the step in hand finish; ``model.history`` then holds the epochs so far.

        Args:
            x: Inputs, shape ``(N, n_features)``: an array, a memory map, a frame of pandas, Polars
                or PyArrow, a list, or a matrix of ``scipy.sparse``; or, without y, a function, an
                iterable, a generator, or a data set with batches by number (Keras's ``PyDataset``)
                that makes batches ``(x, y)`` or ``(x, y, sample_weight)``.
            y: Targets, as the loss takes them.
            batch_size: Samples in a step, 32 unless given; ``len(x)`` is full-batch descent, 1 is
                online learning. The last batch may be shorter. Refused where x makes batches.
            epochs: The number of passes over the data, or with ``initial_epoch`` the number of the
                epoch to stop before, as in Keras.
            verbose: 0 shows nothing, 1 a bar, 2 a line an epoch, ``"auto"`` a bar on a terminal
                and lines elsewhere. Notebooks, which keep every state of a bar, get lines.
            callbacks: Objects whose hooks are called on the way.
            validation_split: The share of the last samples, taken before shuffling, that is kept
                out of training and evaluated after each epoch.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``; wins over the split.
            shuffle: Whether the samples are shuffled anew in each epoch.
            class_weight: Weights of the classes in the training loss, 1 where missing.
            sample_weight: Weights in the training loss: of the samples ``(N,)``, of the steps of
                sequences ``(N, T)``, or, if the loss is a mean or sum over outputs, ``(N, K)``.
            initial_epoch: The number of the first epoch.
            steps_per_epoch: The most steps that an epoch takes; all batches unless given.
            validation_steps: The most batches that a validation takes.
            validation_batch_size: Samples computed at once in a validation, 1024 unless given.
            validation_freq: Validate after every so many epochs, or after these (counted from 1).
            on_divergence: What happens when the loss or a gradient is nan or infinite. Training
                stops before the step that would spoil the weights; ``"warn"`` says so in a warning,
                ``"raise"`` in a ``DivergenceError``. The model keeps its last finite weights and
                the optimizer its state, the History the epochs that were whole.
            workers: Who trains the model together (see ``distributed.Workers``): ``batch_size`` is
                that of all of them, and the History and the logs are the whole job's.

        Returns:
            The History: ``.history["loss"]``, …, and ``.plot()``.

        Raises:
            ValueError: An argument cannot be used; the message says which, and what to do.
            RuntimeError: Another thread trains it, or with the same loss, metric or callback.
            DivergenceError: Training diverged, and ``on_divergence="raise"``.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "zeros")])
            >>> model.compile(bp.optimizers.SGD(0.5), "mse")
            >>> model.fit([[1.0]], [[1.0]], epochs=2, verbose=0).history
            {'loss': [1.0, 0.0]}
        """
        several = None if workers is None else distributed.check_workers(workers)
        fate = nullcontext() if several is None else several.same_fate()
        with training(self, "fit", callbacks), fate:
            plan = plan_fit(
                self,
                x,
                y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=2 if several and verbose == "auto" else verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
                on_divergence=on_divergence,
                rng=self._shuffle_rng,
            )
            self.build((None, *plan.batches.sample_shape))
        with training(self, "fit", callbacks):
            if several is not None:
                plan = distributed.shared_plan(self, plan, several)
            self.history, self.feature_names = plan.history, plan.labels
            with single_blas_threads():
                observe(self, plan.batches)
                step = Step(self) if self.run_eagerly else RecordedSteps(self, fuse=several is None)
                step.largest = getattr(plan.batches, "largest", None)
                if several is None:
                    Loop(self, plan, step, on_divergence).fit()
                else:
                    distributed.WorkersLoop(self, plan, step, several, on_divergence).fit()
            self._complete_deltas()
            return plan.history

    @answered
    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch, with the arguments and errors of ``fit``.

        A step whose loss or gradient is nan or infinite changes nothing, and warns. What else
        ``fit`` warns of about the numbers in x and y is looked for at the first call alone.

        Returns:
            The loss before the update, or ``[loss, metrics…]`` if the model has metrics, or a dict.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "zeros")])
            >>> model.compile(bp.optimizers.SGD(0.5), "mse")
            >>> model.train_on_batch([[1.0]], [[1.0]]), model.parameters.values  # 1², 0 + 0.5 · 2
            (1.0, array([1.], dtype=float32))
        """
        check_flag(return_dict, "return_dict")
        with training(self, "train_on_batch"):
            labels = check_columns(x, self)
            data = check(self, x, y, sample_weight, class_weight)
            self.optimizer.check_free(self._parameters)
            if "train_on_batch" not in self.looked_at:
                warn_of_numbers(data, self)
                self.looked_at |= {"train_on_batch"}
            self.build((None, *data.X.shape[1:]))
            self.feature_names = labels
            if self.optimizer.swapped:  # as it was when a file was written
                self.optimizer.swap(self.parameters)
            X = data.X.astype(self.dtype, copy=False)
            step = Step(self)
            guard, batch = Guard(self), (X, data.y, data.weight)
            step.refresh()
            with single_blas_threads(), quiet():  # as in fit: the same steps have the same bits
                try:
                    loss, prediction = step.gradients(*batch)
                    mask = self.mask(X)  # which may depend on the weights
                    for metric in self._metrics:
                        metric.reset()
                    update_steps(self._metrics, mask, prediction, data.given, data.weight)
                    logs = collect(loss, 1, self._metrics)
                    number = self.optimizer.iterations + 1
                    guard.update(step, loss, batch, f"in step {number}")
                except DivergenceError as error:
                    console.warn(str(error))
                except Exception:
                    guard.put_back()
                    raise
            self._complete_deltas()
        return logs if return_dict else unwrap(logs)

    @answered
    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics on one batch, as ``evaluate`` computes them.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
            >>> model.compile("sgd", "mse")
            >>> model.test_on_batch([[1.0], [2.0]], [[1.0], [6.0]])  # 4²/2
            8.0
        """
        return self.evaluate(x, y, sys.maxsize, 0, sample_weight, return_dict=return_dict)

    @answered
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data, without training on it.

        Threads may call this at once, also while another one trains the model. The same call gives
        the same bits; with another ``batch_size`` or order of x in memory last digits may differ.

        Args:
            x: Inputs, or what makes batches, as for ``fit``.
            y: Targets.
            batch_size: Samples computed at once, 1024 unless given.
            verbose: Whether to print the numbers too, as for ``fit``; 0 does not.
            sample_weight: Weights of the samples in the loss, as for ``fit``.
            steps: The most batches that are taken.
            callbacks: Objects whose test hooks are called on the way.
            return_dict: Whether to return them by name.

        Returns:
            The loss, or ``[loss, metrics…]`` if the model has metrics, or a dict.

        Raises:
            ValueError: An argument cannot be used, or a weight is nan or infinite.

        Example:
            >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
            >>> model.compile("sgd", "mse", metrics=["mae"])
            >>> model.evaluate([[1.0], [2.0]], [[1.0], [6.0]])  # 4²/2 and 4/2
            [8.0, 2.0]
        """
        check_flag(return_dict, "return_dict")
        check_columns(x, self)
        batches = evaluation_source(self, x, y, sample_weight, batch_size=batch_size, steps=steps)
        params = {"epochs": 1, "steps": batches.steps, "verbose": verbose}
        called = CallbackList(check_list(callbacks, "callbacks"), self, params)
        shown = progress(verbose)
        self.build((None, *batches.sample_shape))
        check_weights_finite(self)
        name = "" if batch_size == sys.maxsize else "x"  # a batch alone may well be padding
        with single_blas_threads(), called.undoing():
            logs = Evaluator(self)(batches, called, name)
        if not math.isfinite(logs["loss"]):
            warn_of_overflow(f"the loss is {logs['loss']}", self, batches)
        if shown:
            console.write(", ".join(f"{key}: {show_number(value)}" for key, value in logs.items()))
        return logs if return_dict else unwrap(logs)
