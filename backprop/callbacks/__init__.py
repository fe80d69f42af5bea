"""Callbacks: code that the training loop calls at its turning points, with Keras's names."""

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
