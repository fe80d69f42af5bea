"""Callbacks: code that the training loop calls at its turning points, with Keras's names."""

from backprop.callbacks.base import Callback, CallbackList, LambdaCallback, Logs
from backprop.callbacks.checkpoints import BackupAndRestore, ModelCheckpoint
from backprop.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from backprop.callbacks.logging import CSVLogger, LivePlot
from backprop.callbacks.stopping import EarlyStopping, TerminateOnNaN

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
    "TerminateOnNaN",
]
