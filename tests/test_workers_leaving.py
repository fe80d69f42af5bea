"""A worker that leaves while others still need it ends the job, within seconds and by name."""

import time
from pathlib import Path

import pytest
from mpi_jobs import run, succeed

MODEL = """
import os, time
from backprop.callbacks import Callback
model = bp.Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)
model.compile("sgd", "sparse_categorical_crossentropy")

class Leaves(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if self.params["worker"] == 1 and epoch == 2:
            self.leave()
    def leave(self):
        sys.exit(0)

def fit(workers, epochs=10**6, **options):
    model.fit(X, y, epochs=epochs, verbose=0, workers=workers, **options)
"""

EXITS = "with Workers() as workers: fit(workers, callbacks=[Leaves()])"

RETURNS = """
def main():
    with Workers() as workers:
        fit(workers, 2)
    if workers.rank == 1:
        return
    with Workers() as workers:
        fit(workers, 2)
main()
"""

# the next meeting of worker 1 must not be taken for the fit that the others are in
CATCHES = """
class Fails(Leaves):
    def leave(self):
        raise KeyError("only here")
for repetition in range(2):
    with Workers() as workers:
        try:
            fit(workers, callbacks=[Fails()])
        except KeyError:
            pass
"""

DIES = """
class Dies(Leaves):
    def leave(self):
        os._exit(0)
with Workers() as workers: fit(workers, callbacks=[Dies()])
"""

WAITS_IN_VAIN = r"waits for worker 1, which left: by sys.exit or the end of the program"


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("code", [EXITS, RETURNS, CATCHES], ids=["exits", "returns", "catches"])
def test_worker_that_leaves_ends_the_job(tmp_path: Path, code: str, n: int) -> None:
    start = time.perf_counter()
    done = run(tmp_path, n, MODEL + code)
    assert done.returncode != 0
    assert WAITS_IN_VAIN in done.stderr
    assert f"of {n} waits for" in done.stderr
    assert time.perf_counter() - start < 15


def test_worker_that_leaves_ends_an_elastic_job(tmp_path: Path) -> None:
    """It has not died: the others do not go on without it."""
    code = MODEL + EXITS.replace("Workers()", "Workers(elastic=True)")
    done = run(tmp_path, 3, code, "--with-ft", "ulfm")
    assert done.returncode != 0
    assert WAITS_IN_VAIN in done.stderr


def test_process_that_vanishes_ends_the_job(tmp_path: Path) -> None:
    done = run(tmp_path, 2, MODEL + DIES)
    assert done.returncode != 0
    assert "finalize" in done.stderr  # says mpiexec


@pytest.mark.parametrize("n", [2, 3])
def test_worker_that_is_needed_no_more_may_leave(tmp_path: Path, n: int) -> None:
    """The others are slow, in the meeting or behind it; an inner meeting ends before its outer."""
    printed = succeed(
        tmp_path,
        n,
        MODEL
        + """
class Slow(Callback):
    writes = True   # on worker 0 alone
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(1.5)
with Workers() as workers:
    fit(workers, 2, callbacks=[Slow()])
    with Workers() as inner:
        fit(inner, 1)
    time.sleep(1.5 * (workers.rank == 0))
    fit(workers, 1)
for repetition in range(2):
    with Workers() as workers:
        fit(workers, 1)
if workers.rank:
    sys.exit(0)
time.sleep(1.5)
print("done")
""",
    )
    assert printed.count("done") == 1
