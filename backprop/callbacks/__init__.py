"""Callbacks: code that the training loop calls at its turning points, with Keras's names.

Pass them to ``fit(callbacks=[…])``. As in Keras, epochs and steps are counted from 0 in arguments
and attributes, and from 1 in what is printed. Constructors raise ``ValueError`` or ``TypeError``
for what cannot be used. ``fit`` raises ``ValueError`` before the first step if a ``monitor``
is none of the model's numbers, unless ``mode`` is given for one that another callback writes.
"""

from typing import TYPE_CHECKING

from backprop.callbacks.base import Callback, CallbackList, LambdaCallback, Logs
from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.callbacks.averaging import SwapEMAWeights
    from backprop.callbacks.checkpoints import BackupAndRestore, ModelCheckpoint
    from backprop.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
    from backprop.callbacks.logging import CSVLogger, LivePlot
    from backprop.callbacks.stopping import EarlyStopping, TerminateOnNaN
    from backprop.callbacks.tensorboard import TensorBoard
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        averaging=["SwapEMAWeights"],
        checkpoints=["BackupAndRestore", "ModelCheckpoint"],
        learning_rate=["LearningRateScheduler", "ReduceLROnPlateau"],
        logging=["CSVLogger", "LivePlot"],
        stopping=["EarlyStopping", "TerminateOnNaN"],
        tensorboard=["TensorBoard"],
    )

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "LivePlot",
    "Logs",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
