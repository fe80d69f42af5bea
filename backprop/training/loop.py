"""The loop: epoch after epoch, by mini-batches or by full-batch iterations."""

from collections.abc import Callable

from backprop.callbacks import CallbackList
from backprop.optimizers import LBFGS
from backprop.training import full_batch
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.protocol import Model
from backprop.training.run import Run
from backprop.training.setup import Source


def fit(
    model: Model,
    batches: Source,
    validation: Source | None,
    callbacks: CallbackList,
    epochs: range,
    validate_after: Callable[[int], bool],
) -> None:
    """Trains a built model for these epochs; the callbacks collect and show the numbers.

    A callback may set ``model.resume_at`` in ``on_train_begin`` to start later.
    """
    model.stop_training = False
    model.resume_at = epochs.start, 0
    with DelayedInterrupt() as interrupt:
        run = Run(model, batches, validation, callbacks, validate_after, interrupt)
        callbacks.call("on_train_begin", {})
        first, step = model.resume_at
        try:
            if isinstance(model.optimizer, LBFGS):
                full_batch.minimize(run, model.optimizer, range(first, epochs.stop))
                return
            for epoch in range(first, epochs.stop):
                callbacks.call("on_epoch_begin", epoch, {})
                run.finish(epoch, run.epoch(step))
                step = 0
                if model.stop_training:
                    break
            model.optimizer.finalize(model.parameters)
        finally:
            callbacks.call("on_train_end", run.logs)
