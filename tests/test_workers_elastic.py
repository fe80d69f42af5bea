"""Jobs that lose workers by SIGKILL, at every moment: the others go on to the same end."""

import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from mpi_jobs import run

SURVIVING = ("--with-ft", "ulfm")

# Trains alone and by workers of which some kill themselves, and compares what comes out.
LOSING = """
import os, signal, threading, time
from backprop.callbacks import *
from backprop.callbacks import Callback

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Dies(Callback):
    epoch = 0
    def __init__(self, hook, when, really):
        self.when, self.really = when, really
        vars(self)[hook] = self.hooked
    def hooked(self, *arguments):
        if self.really and self.when(self, *arguments):
            die()
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

def network(optimizer="adam", layers=None, metrics=("accuracy",)):
    layers = layers or [Dense(8), Tanh(), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model

def compare(one, many, workers, left, tolerance=1e-12, lost=()):
    assert workers.size == left, workers.size
    theta = many.parameters.values
    assert len(set(workers.gather(theta.tobytes()))) == 1, "θ differs between the workers"
    assert len(set(workers.gather(repr(many.history.history)))) == 1, "the History differs"
    assert many.history.epoch == one.history.epoch
    assert many.optimizer.iterations == one.optimizer.iterations
    np.testing.assert_allclose(theta, one.parameters.values, rtol=0, atol=tolerance)
    for name, expected in one.history.history.items():
        found = many.history.history[name]
        for epoch, (a, b) in enumerate(zip(found, expected)):
            if epoch in lost and not name.startswith("val_"):
                assert abs(a - b) < 0.15  # over what the others have seen
            else:
                np.testing.assert_allclose(a, b, rtol=1e-10)
"""

END = """
if workers.rank == 0:
    print("the same end")
"""


def lose(
    folder: Path, n: int, code: str, messages: list[str], losses: int = 1
) -> subprocess.CompletedProcess[str]:
    """Runs a job that goes on to its end, and says these things of the workers that it loses."""
    done = run(folder, n, LOSING + textwrap.dedent(code) + END, *SURVIVING)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "the same end" in done.stdout, done.stderr
    said = [line for line in done.stderr.splitlines() if " died: " in line]
    assert len(said) >= len(messages), done.stderr
    seen = said if len(messages) == 1 else [said[0], *said[1 - len(messages) :]]
    for line, expected in zip(seen, messages, strict=True):
        assert re.match(expected, line), line
    lost = [k for line in said for k in re.findall(r"\d+", line.partition(" of ")[0])]
    assert len(lost) == losses, said
    return done


MOMENTS = {
    "before the first step": ("on_train_begin", "lambda self, logs: True", ()),
    "in a step": ("on_train_batch_begin", "lambda self, b, logs: (self.epoch, b) == (2, 3)", (2,)),
    "in the last step": (
        "on_train_batch_begin",
        "lambda self, b, logs: self.epoch + b == 10",
        (4,),
    ),
    "after a step": ("on_train_batch_end", "lambda self, b, logs: (self.epoch, b) == (1, 0)", (1,)),
    "in the validation": ("on_test_batch_begin", "lambda self, b, logs: self.epoch == 3", (3,)),
    "at the end of an epoch": ("on_epoch_end", "lambda self, epoch, logs: epoch == 1", ()),
    "at the very end": ("on_epoch_end", "lambda self, epoch, logs: epoch == 4", ()),
}
"""Which hook dies, when, and the epochs whose numbers are not those of all samples."""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("victim", [0, 2])
def test_killed_worker(tmp_path: Path, moment: str, victim: int) -> None:
    """One of three dies: two go on, and end with the θ, the numbers and the files of one."""
    hook, when, lost = MOMENTS[moment]
    done = lose(
        tmp_path,
        3,
        f"""
arguments = dict(batch_size=32, epochs=5, validation_data=(X[:50], y[:50]))
with Workers(elastic=True) as workers:
    one, many = network(), network()
    one.fit(X, y, verbose=0, **arguments)
    dies = Dies("{hook}", {when}, workers.rank == {victim})
    callbacks = [dies, CSVLogger("log.csv"), ModelCheckpoint("{{epoch}}.npz")]
    many.fit(X, y, verbose=2, callbacks=callbacks, workers=workers, **arguments)
    compare(one, many, workers, 2, lost={lost})
    if workers.rank == 0:
        again = bp.load_model("5.npz")
        np.testing.assert_array_equal(again.parameters.values, many.parameters.values)
""",
        [f"worker {victim} of 3 died: the other 2 share the samples out anew and go on"],
    )
    log = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in log] == ["epoch", "0", "1", "2", "3", "4"]
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == [f"{k}.npz" for k in range(1, 6)]
    assert "Epoch 5/5" in done.stdout


def test_killed_within_the_sum(tmp_path: Path) -> None:
    """Workers die while numbers are on their way, one after the other, until one is left."""
    lose(
        tmp_path,
        3,
        """
class InSum:
    # kills this worker some moments after it has begun the k-th sum
    def __init__(self, workers, at):
        self.add, self.at, self.count = workers.add, at, 0
    def __call__(self, array):
        self.count += 1
        if self.count == self.at:
            threading.Timer(0.002, die).start()
        return self.add(array)

X, y = np.tile(X, (1, 50)), y
large = lambda: [Dense(2000), Tanh(), Dense(3), Softmax()]   # g of 5 MB
with Workers(elastic=True) as workers:
    one, many = (network("sgd", large(), metrics=()) for _ in range(2))
    arguments = dict(batch_size=100, epochs=4, verbose=0)
    one.fit(X, y, **arguments)
    if workers.rank:
        workers.add = InSum(workers, {1: 8, 2: 4}[workers.rank])
    many.fit(X, y, workers=workers, **arguments)
    compare(one, many, workers, 1, lost=(1, 2))
    assert workers.losses == 2
""",
        ["worker 2 of 3 died: .* from epoch [12]", "worker 1 of 2 died: .* go on from epoch [23]"],
        2,
    )


def test_two_at_once_and_moving_averages(tmp_path: Path) -> None:
    """Worker 0 and another one die in one step; a synchronised layer waits for them meanwhile."""
    lose(
        tmp_path,
        4,
        """
spread = lambda: [Dense(8), BatchNormalization(synchronized=True), ReLU(), Dense(3), Softmax()]
averaged = lambda: [BatchNormalization(), Dense(8), ReLU(), Dense(3), Softmax()]
arguments = dict(batch_size=51, epochs=4, verbose=0)
with Workers(elastic=True) as workers:
    me = workers.rank
    one, many = network(layers=spread()), network(layers=spread())
    one.fit(X, y, **arguments)
    at = lambda *moment: lambda self, b, logs: (self.epoch, b) == moment
    dies = Dies("on_train_batch_begin", at(1, 2), me in (0, 2))
    many.fit(X, y, callbacks=[dies], workers=workers, **arguments)
    compare(one, many, workers, 2, 1e-11, lost=[1])
    dies = Dies("on_train_batch_begin", at(2, 1), me == 3)
    # of samples that are all alike the averages depend on the number of steps alone
    X = np.ones((203, 6))
    one, many = network(layers=averaged()), network(layers=averaged())
    one.fit(X, y, **arguments)
    many.fit(X, y, callbacks=[dies], workers=workers, **arguments)
    compare(one, many, workers, 1, lost=[2])
""",
        # two deaths may be noticed one after the other
        ["workers? 0.* of 4 died: .* from epoch 2", "worker 1 of 2 died: .* from epoch 3, step 2"],
        3,
    )


def test_full_batch_and_streams(tmp_path: Path) -> None:
    """L-BFGS asks for the same sums again; a generator is not drawn from twice."""
    lose(
        tmp_path,
        4,
        """
def batches():
    while True:
        for k in range(0, 203, 40):
            yield X[k : k + 40], y[k : k + 40]

class Until:
    # kills this worker instead of its k-th sum
    def __init__(self, add, at):
        self.add, self.left = add, at
    def __call__(self, array):
        self.left -= 1
        return self.add(array) if self.left else die()

with Workers(elastic=True) as workers:
    me, add = workers.rank, workers.add
    one, many = network("lbfgs"), network("lbfgs")
    one.fit(X, y, epochs=4, verbose=0, validation_split=0.2)
    if me == 3:
        workers.add = Until(add, 3)
    many.fit(X, y, epochs=4, verbose=0, validation_split=0.2, workers=workers)
    compare(one, many, workers, 3, 1e-9)
    for source, victim in ((batches, 2), (lambda: list(batches_once), 0)):
        batches_once = [(X[k : k + 40], y[k : k + 40]) for k in range(0, 203, 40)]
        one, many = network(), network()
        made = source if source is not batches else batches()
        one.fit(made, epochs=3, steps_per_epoch=6, verbose=0)
        made = source if source is not batches else batches()
        if me == victim:
            workers.add = Until(add, 9)
        left = workers.size - 1
        many.fit(made, epochs=3, steps_per_epoch=6, verbose=0, workers=workers)
        compare(one, many, workers, left, lost=[1])
""",
        ["worker 3 of 4 died", "worker 2 of 3 died: .* epoch 2, step 3", "worker 0 of 2 died"],
        3,
    )


def test_killed_before_the_fit_and_resumed_by_another_worker(tmp_path: Path) -> None:
    """Worker 0 dies before it has read the backup of a training that was interrupted before."""
    lose(
        tmp_path,
        3,
        """
class Crash(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("the power is gone")
arguments = dict(batch_size=32, epochs=5, verbose=0)
with Workers(elastic=True) as workers:
    me = workers.rank
    one, many, other = network(), network(), network()
    one.fit(X, y, **arguments)
    try:
        callbacks = [BackupAndRestore("backup"), Crash()]
        many.fit(X, y, callbacks=callbacks, workers=workers, **arguments)
    except RuntimeError:
        pass
    workers.gather(None)
    if me == 2:
        die()
    assert workers.gather(me) == [0, 1]
    dies = Dies("on_train_begin", lambda self, logs: True, me == 0)
    many.fit(X, y, callbacks=[dies, BackupAndRestore("backup")], workers=workers, **arguments)
    compare(one, many, workers, 1)
    assert many.optimizer.iterations == 35 and not os.path.exists("backup")
""",
        ["worker 2 of 3 died: the other 2 share the samples out anew and go on.$", "worker 0 of 2"],
        2,
    )


def test_exception_still_ends_the_job(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        3,
        LOSING
        + """
class Fails(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if self.params["worker"] == 1 and epoch == 2:
            raise RuntimeError("no more")
with Workers(elastic=True) as workers:
    network().fit(X, y, epochs=10**6, callbacks=[Fails()], verbose=0, workers=workers)
""",
        *SURVIVING,
    )
    assert done.returncode != 0
    assert "RuntimeError: no more" in done.stderr
    done = run(
        tmp_path,
        2,
        LOSING
        + """
with Workers(elastic=True) as workers:
    if workers.rank == 1:
        die()
    workers.gather(None)
    raise RuntimeError("alone")
""",
        *SURVIVING,
    )
    assert done.returncode != 0
    assert "RuntimeError: alone" in done.stderr


def test_error_says_how_to_start(tmp_path: Path) -> None:
    """Without that option of mpiexec a death ends the job, whatever the workers want."""
    done = run(tmp_path, 2, "Workers(elastic=True).__enter__()")
    assert done.returncode != 0
    assert "mpiexec --with-ft ulfm" in done.stderr
    done = run(tmp_path, 2, "import mpi4py.MPI\nWorkers(elastic=True).__enter__()", *SURVIVING)
    assert done.returncode != 0
    assert "import it later" in done.stderr
    differing = """
import os
Workers(elastic=os.environ["OMPI_COMM_WORLD_RANK"] == "0").__enter__()
"""
    done = run(tmp_path, 2, differing, *SURVIVING)
    assert done.returncode != 0
    assert "elastic must be the same on all workers" in done.stderr
