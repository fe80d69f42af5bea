"""Callbacks that write a model to files while it is trained."""

import math
import os
from typing import Any

from backprop.callbacks.base import Callback, Logs
from backprop.callbacks.file_names import fill, may_add, plain_path
from backprop.callbacks.frequency import FixedFrequency, check_frequency
from backprop.callbacks.monitoring import MonitorFrom
from backprop.core import console, durable
from backprop.core.checks import check_flag
from backprop.core.descriptors import from_package
from backprop.core.durable import (
    FilePath,
    check_file,
    check_path,
    check_target,
    make_folder,
    remove,
)
from backprop.storage import files, models, snapshot


class ModelCheckpoint(FixedFrequency, MonitorFrom):
    """Saves the model after every epoch or every so many steps, or when it has become better.

    A file is written whole or not at all: after a crash the one before is still there.

    Args:
        filepath: Where to, with the epoch (from 1) and the logs filled in if wanted:
            ``"{epoch:02d}-{val_loss:.2f}.npz"``; ``{batch}`` (from 1) too if ``save_freq`` is a
            number. Folders that are missing are made; a validation's number is nan after epochs
            without one.
        monitor: The number in the logs that ``save_best_only`` goes by.
        verbose: 1 says what it does.
        save_best_only: Whether to save only when the number is better than ever before. It goes
            on comparing with the best of all fits that the object was used in.
        save_weights_only: Whether to save the weights alone (``model.save_weights``) in place of
            all that training needs to go on (``model.save``).
        mode: ``"min"``, ``"max"`` or ``"auto"`` (see ``Monitor``).
        save_freq: ``"epoch"``, or the number of steps between two files.
        initial_value_threshold: A number that the first file must be better than.

    Attributes:
        best: The best number so far.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> save = bp.callbacks.ModelCheckpoint("best.npz", monitor="loss", save_best_only=True)
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[save])
        >>> best = bp.load_model("best.npz")
    """

    writes = True

    def __init__(
        self,
        filepath: FilePath,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = check_path(filepath, "filepath")
        self.verbose = console.check_verbose(verbose)
        self.save_best_only = check_flag(save_best_only, "save_best_only")
        self.save_weights_only = check_flag(save_weights_only, "save_weights_only")
        self.save_freq = check_frequency(save_freq)
        self._steps = self._epoch = 0
        if save_freq != "epoch":  # a hook costs time in every step: define it only where needed
            vars(self)["on_train_batch_end"] = self._count

    def set_model(self, model: Any) -> None:
        """Finds out which way the number is better, if it counts."""
        if self.save_best_only:
            super().set_model(model)
        else:
            self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Makes the folder, and tries what can be known: the name, the file, and the model."""
        super().on_train_begin(logs)
        folder = os.path.dirname(check_file(self.filepath).split("{")[0]) or "."
        step = {} if self.save_freq == "epoch" else {"batch": 1}
        try:
            self._path({**self.examples(), **step})
        except ValueError as error:
            if not (isinstance(error.__cause__, KeyError) and may_add(self._others)):
                raise
        durable.try_folder(folder, "filepath")
        if "{" not in self.filepath:
            check_target(self.filepath)
        if not self.save_weights_only and from_package(self.model.save):  # else in its own way
            models.try_saving(self.model, self.filepath)

    def state(self) -> dict[str, Any]:
        """The best number, and the steps so far."""
        return {**super().state(), "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there: a worse model does not take the place of the best one."""
        super().restore(state)
        self._steps = state["steps"]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of the epoch."""
        self._epoch = epoch

    def _count(self, batch: int, logs: Logs | None = None) -> None:
        self._steps += 1
        if self._steps % int(self.save_freq) == 0 and self._is_due(logs, after_epoch=False):
            self._save({"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves the model, if it is to be saved after epochs."""
        if self.save_freq == "epoch" and self._is_due(logs, after_epoch=True):
            self._save(logs or {})

    def _is_due(self, logs: Logs | None, after_epoch: bool) -> bool:
        if not self.save_best_only:
            return True
        current = self.current(logs, after_epoch)
        if current is None:  # if it may never come one file too many is better than none
            return not self.comes(after_epoch)
        improved = self.improves(current, self.best)
        if self.verbose:
            change = "better" if improved else "no better"
            console.write(
                f"Epoch {self._epoch + 1}: {self.monitor} is {current:.5g}, {change} than "
                f"{self.best:.5g}."
            )
        if improved:
            self.best = current
        return improved

    def _save(self, logs: Logs) -> None:
        path = self._path(logs)
        make_folder(os.path.dirname(path) or ".", "filepath")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose:
            console.write(f"Epoch {self._epoch + 1}: saved to {path}.")

    def _path(self, logs: Logs) -> str:
        numbers: dict[str, Any] = {"epoch": self._epoch + 1, **logs}
        names = self.known() if self.params.get("validation") else ()
        missing = {f"val_{name}": math.nan for name in names}
        if self.save_best_only:  # which another callback may add to the logs of some epochs
            missing[self.monitor] = math.nan
        return fill(self.filepath, numbers, missing)


class BackupAndRestore(FixedFrequency):
    """Continues a training that was interrupted where it stopped, with the same bits.

    Give it to ``fit`` and start the same program again after a crash, even one that left no time
    for anything. All of this is then as in a training that nothing interrupts: weights, the
    optimizer with its averages, random generators, the History, and the other callbacks, wherever
    this one stands among them: what ``EarlyStopping`` and ``ReduceLROnPlateau`` have counted,
    which file of ``ModelCheckpoint`` is the best, the lines of ``CSVLogger``, the curves of
    ``LivePlot``. Callbacks of your own take part by ``state`` and ``restore`` (see ``Callback``).
    Epochs and steps that are in the backup are not run again; what came after it is, with the same
    results. If an epoch was cut off in its validation, that is made again.

    Make what makes batches anew, in the same process too, so that it makes the same ones again.
    Where they differ from epoch to epoch, those that lie behind are drawn once more; two epochs
    that are the same in every batch are taken for all. A data set by number hears of epochs by
    ``on_epoch_end``, and what has a method ``go_on(epochs)`` by that. An iterator that is no
    generator, such as ``itertools.cycle``, is taken to be where the training goes on.
    Metrics of your own go on in the middle of an epoch if they count in what a file can hold, or in
    metrics. Of a training by L-BFGS a backup holds the gradients of all evaluations, 8 bytes for
    each weight: with many weights let ``save_freq`` be a number of iterations. If the order of the
    data changes from pass to pass, its last digits are other ones after a restart.

    Of what callbacks change in the model the arguments of the optimizer that are numbers come back,
    and which layers are frozen. A schedule or an argument of a layer, such as a Dropout's rate, is
    that of the program: let ``on_epoch_begin`` assign it by the number of the epoch.

    Args:
        backup_dir: A folder for the backup, made if it is missing; each ``fit`` needs its own.
        save_freq: ``"epoch"``, or the number of steps between two; one is written at the beginning.
        double_checkpoint: Whether the backup before the last is kept too, and used if the last
            cannot be read.
        delete_checkpoint: Whether the backup is deleted when training has reached its end.

    Raises:
        CorruptFileError: In ``fit``, if the backup is damaged; training does not begin anew then.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> backup = bp.callbacks.BackupAndRestore("backup")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[backup])
    """

    writes = True
    comes_last = True  # a backup holds what the others have made of an epoch

    def __init__(
        self,
        backup_dir: FilePath,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        self.backup_dir = plain_path(backup_dir, "backup_dir")
        self.save_freq = check_frequency(save_freq)
        self.double_checkpoint = check_flag(double_checkpoint, "double_checkpoint")
        self.delete_checkpoint = check_flag(delete_checkpoint, "delete_checkpoint")
        self._others: list[Callback] = []
        self._sound = True  # the latest backup; one that is not takes the place of no other
        if save_freq != "epoch":
            vars(self)["on_train_batch_end"] = self._count

    @property
    def _files(self) -> list[str]:
        """The paths of the latest backup and of the one before."""
        return [os.path.join(self.backup_dir, name) for name in ("latest.npz", "previous.npz")]

    def set_others(self, callbacks: list[Callback]) -> None:
        """Takes note of whose state belongs into a backup."""
        self._others = callbacks

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Brings model and callbacks into the state of the backup, if there is one."""
        self._steps, self._planned = 0, self.params["steps"]  # which later epochs may change
        self._epoch = self.model.resume_at[0]
        backup = self._read()
        if backup is None:
            self._write(self._epoch, 0)
            return
        step, steps = backup["step"], self._planned
        if step and steps not in (None, backup["steps"]) and backup["steps"] is not None:
            raise ValueError(
                f"the backup in {self.backup_dir!r} is from the middle of an epoch of "
                f"{backup['steps']} steps, but an epoch has {steps} now: take the same data and "
                f"batch_size, or delete the folder to start anew."
            )
        origin = f"the backup in {self.backup_dir!r}"
        snapshot.check(self.model, backup["state"], origin)
        states = backup.get("callbacks", {})
        for name, callback in with_state(self._others):
            if states.get(name):
                callback.restore(states[name])
        snapshot.put_back(self.model, backup["state"], origin)
        self._epoch = backup["epoch"]
        if backup.get("stopped"):
            self.model.stop_training = True
            if not step:
                self._epoch = max(self._epoch, self.params["epochs"])
        self.model.resume_at = self._epoch, step

    def take_over(self, state: dict[str, Any]) -> None:
        """Writes the backups from now on; the model is further on than the last one."""
        self._steps, self._planned = 0, self.params["steps"]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of the epoch, and of the state that its shuffling starts from."""
        self._epoch = epoch
        self._shuffle = self.model.generators["shuffle"].bit_generator.state

    def _count(self, batch: int, logs: Logs | None = None) -> None:
        self._steps += 1
        if self._steps % int(self.save_freq) == 0:
            self._write(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes a backup, if they are written after epochs."""
        self._epoch = epoch + 1
        if self.save_freq == "epoch":
            self._write(self._epoch, 0)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Deletes the backup, unless training was cut short."""
        finished = self.model.resume_at[0] >= self.params["epochs"]
        if not (finished and self.delete_checkpoint):
            return
        for path in self._files:
            remove(path)
        if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)

    def _write(self, epoch: int, step: int) -> None:
        state = snapshot.take(self.model)
        if step:  # the epoch is shuffled once more, and the steps before this one are left out
            state["generators"]["shuffle"] = self._shuffle
        backup = {
            "epoch": epoch,
            "step": step,
            "steps": self._planned,
            "stopped": self.model.stop_training,
            "state": state,
            "callbacks": {name: each.state() for name, each in with_state(self._others)},
        }
        make_folder(self.backup_dir, "backup_dir")
        if self.double_checkpoint and self._sound and os.path.exists(self._files[0]):
            os.replace(*self._files)
        files.write(self._files[0], "backup", backup)
        self._sound = True

    def _read(self) -> dict[str, Any] | None:
        paths = [path for path in self._files if os.path.exists(path)]
        for path in paths:
            try:
                return files.read(path, "backup")
            except Exception as error:  # whatever it is: there is another one
                if path == paths[-1]:
                    raise
                self._sound = False
                console.write(f"{error} Training goes on from the backup before it.")
        return None


def with_state(callbacks: list[Callback]) -> list[tuple[str, Callback]]:
    """The callbacks that have a state, each with its class's name and, after the first, a number.

    Those without one, such as a progress bar, change no name when they are added or left out.
    """
    found: list[tuple[str, Callback]] = []
    for callback in callbacks:
        kind = type(callback)
        if kind.state is not Callback.state and callable(kind.state):
            count = sum(type(other).__name__ == kind.__name__ for _, other in found)
            found.append((f"{kind.__name__} {count + 1}" if count else kind.__name__, callback))
    return found
