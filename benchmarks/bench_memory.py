"""How much memory training and prediction take: what they hold, and that it does not grow.

- ``fit`` on a memory map draws rows from all over the file and holds a batch of them at a time,
  whatever the file's dtype.
- ``predict`` needs its outputs and one batch, whether its inputs lie in a file or in memory.
- A step allocates no array: all of its results go where those of the step before were.
- Training holds θ, g, the optimizer's state and the arrays of one batch, each of them once.

It ends with status 1 if one of these is not so.

    python benchmarks/bench_memory.py [--quick]
"""

import argparse
import platform
import signal
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from report import cores, cpu, table
from resident import Held, resident, watch
from threadpoolctl import threadpool_limits

import backprop as bp
from backprop.callbacks import Callback
from backprop.layers import BatchNormalization, Dense, Dropout, Layer, ReLU, Softmax
from backprop.optimizers import SGD, Adam, Optimizer

MB = 1_000_000
WIDTH, ROWS = 800, 1_250_000  # 4 GB of float32
NARROW, MANY = 100, 1_000_000
HIDDEN, CLASSES, BATCH, PREDICTED = 128, 10, 128, 1024
SIZES = (784, 512, 512, 10)
WARM_UP, STEADY = 20, 100
INTERPRETER = 0.2 * MB
"""What Python's own objects may take on the way, beside the arrays that are counted."""


def network(n_in: int) -> bp.Sequential:
    """The model, built and compiled: what comes on top of it is measured."""
    layers = [bp.layers.Input(n_in), Dense(HIDDEN), ReLU(), Dense(CLASSES), Softmax()]
    model = bp.Sequential(layers, seed=0)
    model.compile(SGD(0.01), "sparse_categorical_crossentropy")
    return model


# These two run in processes of their own, and return what is to be measured there.


def fitting(path: Path, dtype: str, rows: int, steps: int) -> Callable[[], Any]:
    X = np.memmap(path, dtype, "r", shape=(rows, WIDTH))
    y = np.random.default_rng(0).integers(0, CLASSES, rows)
    model = network(WIDTH)
    return lambda: model.fit(X, y, batch_size=BATCH, steps_per_epoch=steps, verbose=0)


def predicting(path: Path | None, rows: int) -> Callable[[], Any]:
    if path is None:
        X = np.ones((rows, NARROW), np.float32)
    else:
        X = np.memmap(path, np.float32, "r", shape=(rows, NARROW))
    model = network(NARROW)
    return lambda: model.predict(X, batch_size=PREDICTED)


# --- in this process ------------------------------------------------------------------------------


class Trace(Callback):
    """Looks at what Python and NumPy have allocated during an epoch.

    Args:
        first: The step after which tracing begins; None if it is on already.
        last: The step after which is looked.

    Attributes:
        bytes: What is allocated then, on top of what there was at the beginning.
        peak: The most that ever was in between.
    """

    def __init__(self, first: int | None, last: int) -> None:
        self.first, self.last = first, last
        self.bytes = self.peak = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins, or looks."""
        if batch == self.first:
            tracemalloc.start()
        if batch == self.last:
            self.bytes, self.peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()


def train(optimizer: Optimizer, regularised: bool, trace: Trace) -> None:
    """Trains a network of ``SIZES`` up to the last step of the trace."""
    rng = np.random.default_rng(0)
    n = (trace.last + 1) * BATCH
    X, y = rng.random((n, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], n)
    if trace.first is None:
        tracemalloc.start()
    layers: list[Layer] = []
    for units in SIZES[1:-1]:
        layers += [Dense(units), ReLU()]
        if regularised:
            layers[-1:] = [BatchNormalization(), ReLU(), Dropout(0.2)]
    model = bp.Sequential([*layers, Dense(SIZES[-1]), Softmax()], seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(X, y, batch_size=BATCH, verbose=0, callbacks=[trace])


def expected() -> dict[str, int]:
    """Bytes that training with Adam must hold, from the formulas alone."""
    n_weights = sum((n_in + 1) * n_out for n_in, n_out in pairwise(SIZES))
    hidden, n_out = sum(SIZES[1:-1]), SIZES[-1]
    numbers = {
        "θ and g": 2 * n_weights,
        "Adam's m and v": 2 * n_weights,
        "X of a batch": BATCH * SIZES[0],
        "Z and A of each layer": 2 * BATCH * (hidden + n_out),
        # softmax and cross-entropy are one function, whose delta is that of the logits
        "∂E/∂Z and ∂E/∂A of each layer": BATCH * (2 * hidden + n_out),
    }
    return {name: n * np.float32().nbytes for name, n in numbers.items()}


# --- the report -----------------------------------------------------------------------------------


class Report:
    """Prints the tables and remembers which bounds are broken.

    Args:
        quick: Whether to measure a twentieth of the data.
    """

    def __init__(self, quick: bool) -> None:
        self.share = 20 if quick else 1
        self.broken: list[str] = []

    def check(self, what: str, found: float, limit: float) -> None:
        """Remembers what is above its limit; both in bytes."""
        if found > limit:
            self.broken.append(f"{what}: {found / MB:.2f} MB are more than {limit / MB:.2f} MB")

    def fit(self, path: Path) -> None:
        """Training on memory maps of three dtypes."""
        size = 4 * WIDTH * ROWS // self.share
        # the quick run's limit is below what its data take in float32
        limit = 300 * MB if self.share == 1 else 50 * MB
        steps = 2000 // self.share
        with path.open("wb") as file:
            file.truncate(size)  # a hole: it takes no room on the disk, and reads as zeros
        rows = []
        for dtype in ("float32", "uint8", "float64"):
            n = min(ROWS // self.share, size // WIDTH // np.dtype(dtype).itemsize)
            held = watch(fitting, path, dtype, n, steps)
            self.check(f"fit on {dtype}", held.held, limit)
            mapped = n * WIDTH * np.dtype(dtype).itemsize
            cells = [f"{n:,} × {WIDTH} {dtype}", megabytes(mapped), f"{steps * BATCH:,}"]
            rows.append([*cells, *columns(held), megabytes(limit), f"{held.seconds:.1f}"])
        head = ["memory map", "file", "rows drawn", *COLUMNS, "limit", "seconds"]
        title = f"`fit` of {WIDTH}-{HIDDEN}-{CLASSES} @ {BATCH}, shuffled, above data and model, MB"
        show(title, head, rows)

    def predict(self, path: Path) -> None:
        """Prediction for many rows, from a file and from memory."""
        n = MANY // self.share
        # the batch and every layer's output for it
        limit = 4 * PREDICTED * (NARROW + 2 * HIDDEN + 2 * CLASSES) + INTERPRETER
        rows = []
        for name, source in (("memory map", path), ("array", None)):
            held = watch(predicting, source, n)
            growth = held.arrays - held.returned
            self.check(f"predict, {name}, above inputs and outputs", growth, limit)
            inputs, outputs = megabytes(4 * n * NARROW), megabytes(held.returned)
            cells = [f"{name}, {n:,} rows", inputs, outputs, f"{growth / MB:.2f}"]
            rows.append([*cells, f"{limit / MB:.2f}", *columns(held), f"{held.seconds:.1f}"])
        head = ["from", "inputs", "outputs", "above both", "limit", *COLUMNS, "seconds"]
        title = f"`predict` of {NARROW}-{HIDDEN}-{CLASSES} @ {PREDICTED}, MB; growth with outputs"
        show(title, head, rows)

    def step(self) -> None:
        """What steps allocate that have all of their arrays."""
        largest = 4 * BATCH * max(SIZES[1:])
        rows = []
        for extra in ("", ", BatchNormalization, Dropout"):
            for optimizer in (SGD(0.01), Adam()):
                trace = Trace(WARM_UP, WARM_UP + STEADY)
                train(optimizer, bool(extra), trace)
                name = f"{type(optimizer).__name__}, Dense, ReLU, Softmax{extra}"
                # NumPy converts and broadcasts through buffers of 8192 numbers; an array is more
                self.check(f"a step with {name}", trace.peak, largest / 2)
                cells = [f"{trace.peak / 1000:.0f}", f"{largest / 1000:.0f}"]
                rows.append([name, *cells, f"{trace.peak / largest:.2f}"])
        title = f"{STEADY} steps of {'-'.join(map(str, SIZES))} @ {BATCH}, kB"
        show(title, ["", "allocated at the peak", "largest activation", "ratio"], rows)

    def training(self) -> None:
        """What training holds at the end of an epoch, against what it must hold."""
        trace = Trace(None, WARM_UP)
        train(Adam(), False, trace)
        parts = expected()
        total = sum(parts.values())
        # one array more than that is the one that optimizers work in
        limit = total + 4 * BATCH * max(SIZES[1:]) + INTERPRETER
        self.check("training, each array once", trace.bytes, limit)
        rows = [[name, megabytes(n)] for name, n in parts.items()]
        rows += [["together", megabytes(total)], ["measured", megabytes(trace.bytes)]]
        rows += [["measured / expected", f"**{trace.bytes / total:.2f}**"]]
        show(
            f"What training holds: {'-'.join(map(str, SIZES))} @ {BATCH}, Adam, MB", ["", ""], rows
        )


COLUMNS = ["arrays", "RssAnon", "files' pages"]


def columns(held: Held) -> list[str]:
    sizes = (held.arrays, held.anonymous, held.file)
    return ["–" if size is None else megabytes(size) for size in sizes]


def megabytes(size: float) -> str:
    return f"{size / MB:,.1f}"


def show(title: str, head: list[str], rows: list[list[str]]) -> None:
    print(f"\n## {title}\n\n{table(head, rows)}", flush=True)


def main() -> None:
    """Measures everything, prints it, and fails if a bound is broken."""
    parser = argparse.ArgumentParser(description="Measure the memory of training and prediction.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the data")
    report = Report(parser.parse_args().quick)
    # a run that is stopped removes its file too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))

    print(f"- {cpu()}, {cores()} cores, {platform.system()} {platform.machine()}")
    print(f"- Python {platform.python_version()}, NumPy {np.__version__}")
    if resident() is None:
        print("- Skipped: RssAnon and files' pages, as this system has no /proc/self/status")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows")
        report.fit(path)
        report.predict(path)
    # a second BLAS thread would only wait for whatever else the machine does
    with threadpool_limits(limits=1, user_api="blas"):
        report.step()
        report.training()
    if report.broken:
        raise SystemExit("\n".join(["", "Bounds are broken:", *report.broken]))


if __name__ == "__main__":
    main()
