"""Everyone who is timed in a process of its own, in rounds that take turns."""

import gc
import importlib
import math
import multiprocessing
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import deep
import jobs
import numpy as np
from deep import DeepJob
from jobs import Job
from resident import resident

PAUSE = 0.03
"""Seconds between two turns, in which the threads of the last one fall asleep."""
FEWEST_STEPS = 32
"""Training steps in a round at the least, however long they take: a fit of few steps would be timed
by how it begins."""
PATIENCE = 600
"""Seconds after which an answer is no longer waited for."""
DISAGREEMENT = 0.25
"""The interquartile range of a ratio's rounds, over their median, above which they disagree."""
SAME_LOSS = 0.01
"""What the first epochs' losses may differ by, relatively, between those who do the same work."""

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

COLUMNS = {
    "ours": ("with_backprop", (None,)),
    "control": ("with_numpy", (1, None)),
    "floor": ("floor", (1, None)),
    "torch": ("with_torch", (1, None)),
    "jax step": ("with_jax", (None,)),
    "jax scan": ("with_jax_scan", (None,)),
    "sklearn": ("with_sklearn", (1, None)),
    "keras": ("with_keras", (None,)),
    "keras × 16": ("with_keras_multi", (None,)),
}
"""Module and numbers of threads of each column; None leaves the number to the library."""
DEEP_COLUMNS = {
    "ours": ("deep_backprop", (1,)),
    "floor": ("deep_floor", (1,)),
    "torch": ("deep_torch", (1,)),
    "ours, all cores": ("deep_backprop", (None,)),
    "torch, all cores": ("deep_torch", (1, None)),
}
"""The same for the deep jobs: on one thread, and with all cores to choose from."""
OWN = ("ours", "control", "floor")


class Absent(Exception):
    """A peer that is not installed."""


@contextmanager
def environment(threads: int | None) -> Any:
    """The environment that a process inherits: its threads, and the backend of Keras."""
    before = dict(os.environ)
    for name in THREADS:
        os.environ.pop(name, None)
        if threads:
            os.environ[name] = str(threads)
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, not every time
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def serve(pipe: Any, module: str, seconds: float) -> None:
    """What a worker's process does: prepares a job, and times a round whenever it is told to."""
    try:
        peer = importlib.import_module(f"peers.{module}")
    except ImportError as error:
        pipe.send(Absent(str(error)))
        return
    pipe.send(peer.VERSION)
    before = 0
    try:
        while (job := pipe.recv()) is not None:
            try:
                if job == "memory":
                    gc.collect()
                    pipe.send((anonymous() - before) / 1e6)
                elif job != "round":
                    work, loss, before = prepare(peer, job)
                    start = time.perf_counter()
                    work(1)
                    repeats = max(1, math.ceil(seconds / (time.perf_counter() - start)))
                    if job.optimizer:
                        repeats = max(repeats, math.ceil(FEWEST_STEPS / job.steps))
                    steps = job.steps * repeats
                    pipe.send(loss)
                else:
                    start = time.perf_counter()
                    work(repeats)
                    pipe.send((time.perf_counter() - start) / steps * 1e6)
            except Exception as error:
                pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
    except EOFError:
        pass


def anonymous() -> int:
    """Bytes that this process holds, files left out; 0 where the system does not say."""
    return (resident() or (0, 0))[0]


def prepare(peer: Any, job: Job | DeepJob) -> Any:
    """Gets a job ready.

    Returns:
        A function that does it a number of times, the loss of the first epoch, and the bytes that
        the process held when the data were there and the network was not.
    """
    made = deep if isinstance(job, DeepJob) else jobs
    X, y = (peer.own(array) for array in made.data(job))
    gc.collect()
    before = anonymous()
    network = peer.Network(job, made.weights(job))
    if job.optimizer:
        loss = network.train(X, y, 1)
        return lambda epochs: network.train(X, y, epochs), loss, before
    network.predict(X)  # compiles, where there is something to compile

    def predict(times: int) -> None:
        for _ in range(times * job.steps):
            network.predict(X)

    return predict, None, before


class Worker:
    """The process of one column with one number of threads.

    Raises:
        Absent: What it needs is not installed.
    """

    def __init__(self, column: str, module: str, threads: int | None, seconds: float) -> None:
        self.column, self.threads = column, threads
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = theirs, module, seconds
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        with environment(threads):
            self.process.start()
        theirs.close()
        self.version = self.answer()

    def ask(self, what: Job | DeepJob | str) -> Any:
        """Sends a job to prepare, "round" or "memory", and waits for the answer."""
        self.pipe.send(what)
        return self.answer()

    def answer(self) -> Any:
        """What the process sends next.

        Raises:
            Absent: What it needs is not installed.
            RuntimeError: It failed, ended, or takes too long.
        """
        if not self.pipe.poll(PATIENCE):
            self.process.kill()
            raise RuntimeError(f"no answer in {PATIENCE} s")
        try:
            reply = self.pipe.recv()
        except (EOFError, OSError):
            raise RuntimeError("its process has ended") from None
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        """Ends the process."""
        if self.process.is_alive():
            self.pipe.send(None)
            self.process.join(5)
        self.process.kill()


def start(
    columns: Iterable[str],
    seconds: float,
    one_thread: bool = False,
    known: Mapping[str, tuple[str, tuple[int | None, ...]]] = COLUMNS,
) -> tuple[list[Worker], dict[str, str]]:
    """The workers, whose rounds last that long at least, and why a column has none.

    With ``one_thread`` nobody tries more than the first of the numbers of threads. ``known`` are
    the modules and numbers of threads of the columns.
    """
    workers, absent = [], {}
    for column in columns:
        module, numbers = known[column]
        try:
            for threads in numbers[:1] if one_thread else numbers:
                workers.append(Worker(column, module, threads, seconds))
        except (Absent, RuntimeError) as error:
            absent[column] = str(error)
    return workers, absent


@dataclass
class Result:
    """Microseconds per step (or call) of each round.

    Attributes:
        job: What was timed.
        times: By column and number of threads, a value for each round.
        failed: Why a column has no times.
        megabytes: By column, what its process holds between steps for the network, if asked.
    """

    job: Job | DeepJob
    times: dict[tuple[str, int | None], list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)

    def best(self, column: str) -> tuple[int | None, np.ndarray] | None:
        """The number of threads with the smaller median, and its rounds."""
        mine = {key[1]: np.array(t) for key, t in self.times.items() if key[0] == column}
        return min(mine.items(), key=lambda item: np.median(item[1])) if mine else None

    def ratio(self, above: str, below: str) -> np.ndarray | None:
        """Time of one column over that of another, in each round."""
        a, b = self.best(above), self.best(below)
        return a[1] / b[1] if a and b else None

    def ratios(self) -> dict[str, np.ndarray]:
        """All that are shown: ours over control and floor, each peer over ours."""
        peers = [column for column in COLUMNS if column not in OWN]
        pairs = [("ours", "control"), ("ours", "floor"), *((peer, "ours") for peer in peers)]
        pairs.append(("torch, all cores", "ours, all cores"))
        found = {f"{a}/{b}": self.ratio(a, b) for a, b in pairs}
        return {name: values for name, values in found.items() if values is not None}

    def disagreement(self) -> dict[str, float]:
        """The ratios whose rounds disagree, and by how much."""
        spreads = {name: spread(values) for name, values in self.ratios().items()}
        return {name: value for name, value in spreads.items() if value > DISAGREEMENT}


def spread(values: Any) -> float:
    """The interquartile range over the median."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / middle)


def measure(job: Job | DeepJob, workers: list[Worker], rounds: int) -> Result:
    """Rounds of all workers in turn; while they disagree, up to three times as many.

    Raises:
        RuntimeError: Those who should do the same work have different losses.
    """
    result, losses, ready = Result(job), {}, []
    for worker in workers:
        try:
            loss = worker.ask(job)
        except (RuntimeError, OSError) as error:
            result.failed[worker.column] = str(error)
            continue
        ready.append(worker)
        result.times[worker.column, worker.threads] = []
        if loss is not None:
            losses[worker.column] = loss
    if losses and max(losses.values()) > min(losses.values()) * (1 + SAME_LOSS):
        raise RuntimeError(f"{job.name}: not the same work, for the losses differ: {losses}")
    done = 0
    while done < rounds or (rounds > 2 and done < 3 * rounds and result.disagreement()):
        for k in range(len(ready)):
            worker = ready[(k + done) % len(ready)]  # nobody is always the first
            time.sleep(PAUSE)
            key = worker.column, worker.threads
            try:
                result.times[key].append(worker.ask("round"))
            except (RuntimeError, OSError) as error:
                result.failed[worker.column] = str(error)
                del result.times[key]
        done += 1
        ready = [worker for worker in ready if (worker.column, worker.threads) in result.times]
        if done == 1:
            ready = [worker for worker in ready if not hopeless(worker, result)]
    return result


def measure_deep(
    job: DeepJob, columns: Iterable[str], seconds: float, rounds: int
) -> tuple[Result, dict[str, str], dict[str, str]]:
    """Rounds of new processes, which hold nothing of another job, and the memory of each.

    Returns:
        The result, and by column the versions, and why a column is missing.
    """
    workers, absent = start(columns, seconds, known=DEEP_COLUMNS)
    for worker in workers:
        worker.ask(deep.WARM_UP)
    result = measure(job, workers, rounds)
    for worker in workers:
        if worker.column not in result.failed:
            result.megabytes[worker.column] = worker.ask("memory")
        worker.close()
    return result, {worker.column: worker.version for worker in workers}, absent


def hopeless(worker: Worker, result: Result) -> bool:
    """Whether another number of threads took less than half the time; its time is dropped then."""
    key = worker.column, worker.threads
    _, best = result.best(worker.column)
    if result.times[key][0] > 2 * best[0]:
        del result.times[key]
        return True
    return False
