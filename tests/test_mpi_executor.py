"""Fits shared out to the workers of an MPI job, by mpi4py's own executors."""

from pathlib import Path

from mpi_jobs import succeed

# What worker 0 shares out, and what must come back: the same bits as without the others.
SHARED = """
import os

def made():
    model = bp.Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(3), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def threads_used():
    from threadpoolctl import threadpool_info
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

def try_with(executor, workers):
    here = bp.cross_validate(made, X, y, 4, epochs=3)
    there = bp.cross_validate(made, X, y, 4, epochs=3, executor=executor)
    for one, other in zip(here.models, there.models, strict=True):
        np.testing.assert_array_equal(one.parameters.values, other.parameters.values)
    assert str(here) == str(there)
    found = bp.search(lambda rate: made(), {"rate": [0.1, 0.2]}, X, y, folds=2, epochs=1,
                      executor=executor)
    assert len(found.settings) == 2
    from backprop.experiments.tasks import run_tasks
    for threads in run_tasks(executor, threads_used, [()] * 4):
        assert threads <= max(1, os.cpu_count() // workers)
    print("the same")
"""


def test_communicator_as_executor(tmp_path: Path) -> None:
    """Worker 0 shares out, the others train."""
    printed = succeed(
        tmp_path,
        3,
        SHARED
        + """
from mpi4py.futures import MPICommExecutor

with MPICommExecutor() as executor:
    if executor is not None:
        try_with(executor, 2)
""",
    )
    assert "the same" in printed


def test_pool_of_mpi4py(tmp_path: Path) -> None:
    """The script runs on worker 0 alone, and the module keeps the others ready for its pool."""
    printed = succeed(
        tmp_path,
        2,
        SHARED
        + """
from mpi4py.futures import MPIPoolExecutor

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        assert executor.num_workers == 1
        try_with(executor, 1)
""",
        module="mpi4py.futures",
    )
    assert printed.count("the same") == 1
