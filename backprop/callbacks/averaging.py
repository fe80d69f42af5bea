"""Evaluates, and if wanted saves, the moving average of the weights while training goes on."""

from typing import Any

from backprop.callbacks.base import Callback, Logs
from backprop.core.checks import check_flag


class SwapEMAWeights(Callback):
    """Puts the moving average that the optimizer keeps into the model while it is evaluated.

    The optimizer needs ``use_ema=True``. Before a validation, an evaluation or a prediction the
    average and the weights are exchanged, and afterwards again; weights that are set in between, as
    by ``load_weights``, stay.

    Args:
        swap_on_epoch: Whether they are also exchanged from the end of an epoch to the beginning of
            the next, for callbacks that stand after this one, such as ``ModelCheckpoint``. The
            model of such a file predicts with the average; ``fit`` and ``train_on_batch`` go on
            with the weights, and so does a loop of your own after
            ``model.optimizer.swap(model.parameters)``.

    Raises:
        ValueError: The model's optimizer keeps no average.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)], seed=0)
        >>> model.compile(bp.optimizers.SGD(use_ema=True), "mse")
        >>> swap = bp.callbacks.SwapEMAWeights()
        >>> history = model.fit([[1.0]], [[2.0]], verbose=0, callbacks=[swap])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = check_flag(swap_on_epoch, "swap_on_epoch")

    def set_model(self, model: Any) -> None:
        """Takes note of the model, whose optimizer keeps an average."""
        super().set_model(model)
        if not model.optimizer.use_ema:
            raise ValueError(
                f"SwapEMAWeights needs an optimizer that keeps an average of the weights, but "
                f"{model.optimizer} does not: make it with use_ema=True."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Puts the weights back."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Exchanges them, if that was asked for."""
        self._swap(self.swap_on_epoch)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Puts the average into the model, as before predictions."""
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Puts the weights back, as after predictions, and where training has ended early."""
        self._swap(False)

    def _after_error(self) -> None:
        """Puts the weights back where an evaluation or a prediction was ended by an error."""
        self._swap(False)

    on_predict_begin, on_predict_end, on_train_end = on_test_begin, on_test_end, on_test_end

    def _swap(self, average: bool) -> None:
        """Sees to it that the average, or that the weights stand in the model."""
        optimizer = self.model.optimizer
        if optimizer.swapped != average:
            optimizer.swap(self.model.parameters)
