"""Nothing hangs: what happens to a job when a worker fails, dies, stops or differs."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from mpi_jobs import LIMIT, command, environment, run, succeed, write_job

LONG = """
from backprop.callbacks import Callback
model = bp.Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)
model.compile("sgd", "sparse_categorical_crossentropy")
"""


def test_exception_ends_the_job_with_its_traceback(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        2,
        LONG
        + """
class Fails(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if self.params["worker"] == 1 and epoch == 2:
            raise RuntimeError("no more")
with Workers() as workers:
    model.fit(X, y, epochs=10**6, callbacks=[Fails()], verbose=0, workers=workers)
""",
    )
    assert done.returncode != 0
    assert "RuntimeError: no more" in done.stderr
    assert "in on_epoch_end" in done.stderr
    assert "worker 1 of 2 failed, which ends the job" in done.stderr


def test_exception_outside_of_fit_ends_the_job(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        2,
        LONG
        + """
with Workers() as workers:
    pass
if workers.rank == 0:
    raise RuntimeError("too early")
with Workers() as workers:
    model.fit(X, y, epochs=3, verbose=0, workers=workers)
""",
    )
    assert done.returncode != 0
    assert "RuntimeError: too early" in done.stderr


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ("model.add(Dense(3 + rank)); x, t, size = X, X[:, : 3 + rank], 8", "the parameters"),
        ("x, t, size = X[rank:], y[rank:], 8", "the number of samples"),
        ("x, t, size = X, y, 8 + rank", "batch_size"),
        ("bp.__version__ = str(rank); x, t, size = X, y, 8", "the version of backprop"),
        ("bad = X * np.where(rank, np.nan, 1); x, t, size = bad, y, 8", "worker 1 of 2 failed"),
        ("x, t, size = X + 0.01 * rank, y, 8", "x of worker 1 differs"),
        ("x, t, size = X, np.roll(y, rank), 8", "y of worker 1 differs"),
        ("more['class_weight'] = {1: 1 + rank}", "class weight of worker 1 differs"),
        ("more['validation_data'] = X, y[:: 1 - 2 * rank]", "validation y of worker 1 differs"),
        ("more['shuffle'] = rank > 0", "shuffle"),
        ("more['validation_freq'] = 1 + rank", "validation_freq"),
        ("optimizer = bp.optimizers.SGD(0.1 + rank)", "the learning rate"),
        (
            "optimizer = bp.optimizers.SGD(bp.schedules.ExponentialDecay(0.1, 2 + rank, 0.9))",
            "the optimizer",
        ),
        ("model.layers[0].kernel_regularizer = bp.regularizers.L2(0.1 + rank)", "the layers"),
        ("x, t, size = lambda: [(X[rank:], y[rank:])], None, None", "(0 where it ends)"),
        ("x, t, size = lambda: [(X, y)] * (1 + rank), None, None", "0 samples on worker 0"),
    ],
    ids=[
        *("models", "lengths", "batch sizes", "versions", "values", "inputs", "order", "weights"),
        *("validations", "shuffle", "frequencies", "rates", "schedules", "regularizers"),
        *("sizes of streams", "lengths of streams"),
    ],
)
def test_differences_are_errors_everywhere(tmp_path: Path, difference: str, said: str) -> None:
    """They are found on every worker, before the first step; those of streams as they come."""
    printed = succeed(
        tmp_path,
        2,
        LONG
        + f"""
with Workers() as workers:
    rank, x, t, size, more, optimizer = workers.rank, X, y, 8, {{}}, "sgd"
    {difference}
    model.compile(optimizer, "mse" if np.ndim(t) > 1 else "sparse_categorical_crossentropy")
    model.build((None, 6))
    before = model.parameters.values.copy()
    try:
        model.fit(x, t, batch_size=size, verbose=0, workers=workers, **more)
    except ValueError as error:
        print("refused:", error)
    assert callable(x) or (before == model.parameters.values).all()
    assert workers.gather(1) == [1, 1]   # the workers are still in step
""",
    )
    assert printed.count("refused:") == 2
    assert said in printed


def test_a_loss_that_compares_samples_needs_whole_batches(tmp_path: Path) -> None:
    printed = succeed(
        tmp_path,
        2,
        LONG
        + """
with Workers() as workers:
    model = bp.Sequential([Dense(2)])
    model.compile("sgd", bp.losses.Circle())
    try:
        model.fit(X, y, verbose=0, workers=workers)
    except ValueError as error:
        print("refused:", error)
""",
    )
    assert printed.count("refused: Circle") == 2
    assert "train in one process" in printed


@pytest.mark.parametrize(
    ("how", "elastic"),
    [(signal.SIGKILL, False), (signal.SIGSTOP, False), (signal.SIGSTOP, True)],
    ids=["killed", "stopped", "stopped, of elastic ones"],
)
def test_lost_worker_ends_the_job(tmp_path: Path, how: signal.Signals, elastic: bool) -> None:
    """A worker that is killed is noticed at once, one that is stopped after the time limit."""
    options = ["--with-ft", "ulfm"] if elastic else []
    script = write_job(
        tmp_path,
        LONG
        + """
import os
class Ready(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            print("process", self.params["worker"], os.getpid(), flush=True)
elastic = "--with-ft" in sys.argv
with Workers(elastic=elastic) if elastic else Workers(time_limit=2) as workers:
    workers.time_limit = 2  # it may be set later, too
    model.fit(X, y, epochs=10**6, callbacks=[Ready()], verbose=0, workers=workers)
""",
    )
    job = subprocess.Popen(
        command(script, 2, *options) + options,
        env=environment(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stdout
    try:
        processes: dict[str, int] = {}
        while len(processes) < 2:
            found = re.match(r"process (\d) (\d+)", job.stdout.readline())
            if found:
                processes[found[1]] = int(found[2])
        start = time.perf_counter()
        os.kill(processes["1"], how)
        _, said = job.communicate(timeout=LIMIT)
    finally:
        job.kill()
    assert job.returncode != 0
    assert time.perf_counter() - start < 15
    if how == signal.SIGSTOP:
        assert "worker 0 of 2 has waited 2 s for the others" in said
    else:
        assert "signal 9" in said


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("optimizer.momentum = 0.9", "the optimizer"),
        ("optimizer.learning_rate = schedule", "the optimizer"),
        ("layers[0].trainable = False", "the parameters"),
    ],
)
def test_a_callback_that_changes_a_setting_on_one_worker_ends_the_job(
    tmp_path: Path, change: str, name: str
) -> None:
    done = run(
        tmp_path,
        2,
        LONG
        + f"""
import backprop as bp
schedule = bp.schedules.CosineDecay(0.1, 40)
class Changes(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if self.params["worker"] == 0 and epoch == 1:
            self.model.{change}
with Workers() as workers:
    model.fit(X, y, epochs=3, callbacks=[Changes()], verbose=0, workers=workers)
""",
    )
    assert done.returncode != 0
    assert f"they differ in {name}: worker 0 has" in done.stderr
    assert "a callback must change it on all of them" in done.stderr
