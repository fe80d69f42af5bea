"""Callbacks: code that the training loop calls at its turning points, with Keras's names.

Pass them to ``fit(callbacks=[…])``. As in Keras, epochs and steps are counted from 0 in arguments
and attributes, and from 1 in what is printed. Constructors raise ``ValueError`` or ``TypeError``
for what cannot be used. ``fit`` raises ``ValueError`` before the first step if a ``monitor``
is none of the model's numbers, unless ``mode`` is given for one that another callback writes.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.callbacks.averaging import SwapEMAWeights as SwapEMAWeights
    from backprop.callbacks.base import Callback as Callback
    from backprop.callbacks.base import LambdaCallback as LambdaCallback
    from backprop.callbacks.base import Logs as Logs
    from backprop.callbacks.checkpoints import BackupAndRestore as BackupAndRestore
    from backprop.callbacks.checkpoints import ModelCheckpoint as ModelCheckpoint
    from backprop.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
    from backprop.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
    from backprop.callbacks.listed import CallbackList as CallbackList
    from backprop.callbacks.logging import CSVLogger as CSVLogger
    from backprop.callbacks.logging import LivePlot as LivePlot
    from backprop.callbacks.stopping import EarlyStopping as EarlyStopping
    from backprop.callbacks.stopping import TerminateOnNaN as TerminateOnNaN
    from backprop.callbacks.tensorboard import TensorBoard as TensorBoard
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        averaging=["SwapEMAWeights"],
        base=["Callback", "LambdaCallback", "Logs"],
        listed=["CallbackList"],
        checkpoints=["BackupAndRestore", "ModelCheckpoint"],
        learning_rate=["LearningRateScheduler", "ReduceLROnPlateau"],
        logging=["CSVLogger", "LivePlot"],
        stopping=["EarlyStopping", "TerminateOnNaN"],
        tensorboard=["TensorBoard"],
    )
