"""The loop: epoch after epoch, by mini-batches or by full-batch iterations."""

from backprop.optimizers import LBFGS
from backprop.protocol import Model
from backprop.training import full_batch
from backprop.training.interrupt import DelayedInterrupt
from backprop.training.plan import Plan
from backprop.training.run import Run


def fit(model: Model, plan: Plan) -> None:
    """Trains a built model as planned; the callbacks collect and show the numbers.

    A callback may set ``model.resume_at`` in ``on_train_begin`` to start later.
    """
    model.stop_training = False
    model.resume_at = plan.epochs.start, 0
    callbacks = plan.callbacks
    if not isinstance(model.optimizer, LBFGS):
        model.optimizer.begin(model.parameters)
    with DelayedInterrupt() as interrupt:
        run = Run(model, plan, interrupt)
        callbacks.call("on_train_begin", {})
        first, step = model.resume_at
        try:
            if isinstance(model.optimizer, LBFGS):
                full_batch.minimize(run, model.optimizer, range(first, plan.epochs.stop))
                return
            for epoch in range(first, plan.epochs.stop):
                callbacks.call("on_epoch_begin", epoch, {})
                run.finish(epoch, run.epoch(step))
                step = 0
                if model.stop_training:
                    break
            model.optimizer.finalize(model.parameters)
        finally:
            callbacks.call("on_train_end", run.logs)
