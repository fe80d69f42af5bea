"""Fits shared out to the workers of an MPI job, by mpi4py's own executor."""

from pathlib import Path

from mpi_jobs import succeed


def test_pool_of_mpi4py(tmp_path: Path) -> None:
    """Worker 0 shares out, the others train; the results have the same bits as without them."""
    printed = succeed(
        tmp_path,
        3,
        """
from mpi4py.futures import MPICommExecutor

def made():
    model = bp.Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(3), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

with MPICommExecutor() as executor:
    if executor is not None:
        here = bp.cross_validate(made, X, y, 4, epochs=3)
        there = bp.cross_validate(made, X, y, 4, epochs=3, executor=executor)
        for one, other in zip(here.models, there.models):
            np.testing.assert_array_equal(one.parameters.values, other.parameters.values)
        assert str(here) == str(there)
        print("the same")
""",
    )
    assert "the same" in printed
