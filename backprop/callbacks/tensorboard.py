"""Writes the numbers of a training into files that TensorBoard shows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backprop.callbacks.base import Callback, Logs, numbers_of
from backprop.callbacks.file_names import plain_path
from backprop.callbacks.frequency import check_frequency
from backprop.core.checks import check_integer
from backprop.core.durable import FilePath, make_folder
from backprop.core.types import Array


class TensorBoard(Callback):
    """Writes losses, metrics and distributions of the weights for TensorBoard.

    ``tensorboard --logdir logs`` shows them, while the training runs too. The names are Keras's:
    ``epoch_loss`` of the training in the folder ``train`` and of validations in ``validation``,
    ``epoch_learning_rate``, ``batch_loss``, ``evaluation_loss_vs_iterations``; the weights of a
    parameter are ``dense_1.W/histogram``, its gradient in the last step of the epoch
    ``dense_1.W/gradient/histogram``.

    It needs tensorboardX or tensorboard: ``pip install tensorboardX``.

    Args:
        log_dir: The folder, made if it is missing.
        histogram_freq: The number of epochs between two distributions of weights and gradients;
            0 for none.
        update_freq: ``"epoch"``, or the number of steps between two times that the numbers of the
            epoch so far are written too; ``"batch"`` is 1.

    Raises:
        ImportError: Neither package is installed.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> board = bp.callbacks.TensorBoard("logs")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[board])
        >>> import os
        >>> os.listdir("logs")
        ['train']
    """

    writes = True
    not_taken = {
        **dict.fromkeys(
            ("write_graph", "write_images", "embeddings_freq", "embeddings_metadata"),
            "it writes numbers and distributions of numbers alone",
        ),
        "profile_batch": "Python has profilers of its own",
        "write_steps_per_second": "the progress bar shows the speed",
    }

    def __init__(
        self,
        log_dir: FilePath = "logs",
        histogram_freq: int = 0,
        update_freq: str | int = "epoch",
    ) -> None:
        super().__init__()
        self.log_dir = plain_path(log_dir, "log_dir")
        self.histogram_freq = check_integer(histogram_freq, "histogram_freq", 0)
        steps = 1 if isinstance(update_freq, str) and update_freq == "batch" else update_freq
        self.update_freq = check_frequency(steps, "update_freq")
        self._writers: dict[str, Any] = {}
        self._open = find_writer()
        self._steps = 0
        self._stepped = False  # whether g is that of a step; a backup does not bring it back

    def note_setting(self, name: str, before: Any) -> None:
        """Goes on in another folder from now on, if there is another one."""
        super().note_setting(name, before)
        if name == "log_dir":
            self.on_train_end()

    def state(self) -> dict[str, Any]:
        """The number of steps so far, whose numbers whoever goes on from here does not write."""
        self._flush()
        return {"steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Counts on from there."""
        self._steps = state["steps"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Makes the folders, and counts the steps anew."""
        for name in ("train", "validation")[: 1 + self.params.get("validation", False)]:
            make_folder(os.path.join(self.log_dir, name), "log_dir")
        self._steps, self._stepped = 0, False

    def due(self, batch: int) -> bool:
        """Counts a step; whether its numbers are to be written."""
        self._steps += 1
        self._stepped = True
        return self.update_freq != "epoch" and self._steps % int(self.update_freq) == 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Writes the numbers of the epoch so far."""
        self._write("train", "batch_{}", logs, self._steps)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Writes the numbers of an evaluation, by the number of steps that θ has made."""
        steps = self.model.optimizer.iterations
        self._write("validation", "evaluation_{}_vs_iterations", logs, steps)
        self._flush()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the numbers of the epoch, and distributions if it is time."""
        numbers = {str(name): value for name, value in (logs or {}).items()}
        numbers["learning_rate"] = self.model.optimizer.learning_rate
        validated = {k.removeprefix("val_"): v for k, v in numbers.items() if k.startswith("val_")}
        trained = {k: v for k, v in numbers.items() if not k.startswith("val_")}
        self._write("train", "epoch_{}", trained, epoch)
        self._write("validation", "epoch_{}", validated, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for p in self.model.parameters:
                self._distribution(p.name, p.value, epoch)
                if p.trainable and self._stepped:
                    self._distribution(f"{p.name}/gradient", p.gradient, epoch)
        self._flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write(self, folder: str, name: str, logs: Logs | None, step: int) -> None:
        for key, value in numbers_of(logs).items():
            several = isinstance(value, list)  # a metric may have a number for each class
            for k, number in enumerate(np.ravel(value)):
                tag = name.format(f"{key}_{k}" if several else key)
                self._writer(folder).add_scalar(tag, float(number), step)

    def _distribution(self, name: str, values: Array, epoch: int) -> None:
        finite = values[np.isfinite(values)]
        if finite.size:
            self._writer("train").add_histogram(f"{name}/histogram", finite, epoch)

    def _writer(self, folder: str) -> Any:
        """What writes into one of the two folders; a file is made when it is needed."""
        if folder not in self._writers:
            self._writers[folder] = self._open(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_writers": {}}


class EventFile:
    """A file of numbers and distributions, written with what tensorboard has.

    Args:
        folder: Where the file is made.
    """

    def __init__(self, folder: str) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        file = EventFileWriter(folder)
        self._use(file, file.add_event, event_pb2, summary_pb2)

    def _use(self, file: Any, write: Callable[[Any], Any], events: Any, summaries: Any) -> None:
        self._event, self._summary = events.Event, summaries.Summary
        self._histogram = summaries.HistogramProto
        self._write, self.flush, self.close = write, file.flush, file.close

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Writes a number; a callback of the user's may have given it any name."""
        tag = tag.encode("utf-8", "backslashreplace").decode()
        self._add(step, tag=tag, simple_value=value)

    def add_histogram(self, tag: str, values: Array, step: int) -> None:
        """Writes a distribution."""
        v = values.astype(np.float64)
        counts, edges = np.histogram(v, bins=30)
        histogram = self._histogram(
            min=v.min(),
            max=v.max(),
            num=v.size,
            sum=v.sum(),
            sum_squares=np.square(v).sum(),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.tolist(),
        )
        self._add(step, tag=tag, histo=histogram)

    def _add(self, step: int, **value: Any) -> None:
        summary = self._summary(value=[self._summary.Value(**value)])
        self._write(self._event(wall_time=time.time(), step=step, summary=summary))


class EventFileOfX(EventFile):
    """The same with what tensorboardX has.

    Its ``SummaryWriter`` gives two files of one second the same name, so that the second one would
    take the place of the first, and hands what it writes to a thread, where a kill would lose it.
    """

    def __init__(self, folder: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2, summary_pb2

        os.makedirs(folder, exist_ok=True)
        file = EventsWriter(os.path.join(folder, "events"), f".{os.urandom(6).hex()}")
        self._use(file, file.write_event, event_pb2, summary_pb2)


def find_writer() -> Callable[[str], Any]:
    """What makes an event file in a folder.

    Raises:
        ImportError: Neither of the packages is installed that can.
    """
    try:
        import tensorboardX.event_file_writer as found
    except ImportError:
        try:
            import tensorboard.summary.writer.event_file_writer as found
        except ImportError as error:
            raise ImportError(
                "TensorBoard needs tensorboardX or tensorboard: pip install tensorboardX"
            ) from error
    return EventFileOfX if hasattr(found, "EventsWriter") else EventFile
