"""Workers without mpiexec: a job of one, which needs no MPI."""

import subprocess
import sys

import numpy as np
import pytest

import backprop as bp
from backprop.distributed import Workers
from backprop.layers import Dense, ReLU


def made() -> bp.Sequential:
    model = bp.Sequential([Dense(4), ReLU(), Dense(1)], seed=0)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_one_worker_trains_with_the_same_bits(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    alone, model = made(), made()
    expected = alone.fit(X, y, epochs=3, verbose=0)
    with Workers() as workers:
        assert (workers.rank, workers.size) == (0, 1)
        history = model.fit(X, y, epochs=3, verbose=0, workers=workers)
        assert workers.gather("x") == ["x"]
        assert workers.of_first(3) == 3
        assert workers.any(True, False) == [True, False]
        assert workers.add(np.ones(2)).tolist() == [1, 1]
    np.testing.assert_array_equal(model.parameters.values, alone.parameters.values)
    assert history.history == expected.history


def test_one_worker_loads_no_mpi() -> None:
    code = (
        "import sys\nfrom backprop.distributed import Workers\n"
        "with Workers() as workers: print('mpi4py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_mpiexec_without_mpi4py_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"pip install .mpi4py"):
        Workers().__enter__()


def test_workers_must_be_workers_that_have_met(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    with pytest.raises(ValueError, match="with Workers"):
        made().fit(X, y, workers=Workers())
    with pytest.raises(TypeError, match="Workers"):
        made().fit(X, y, workers=2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time_limit"):
        Workers(time_limit=0)


def test_workers_meet_once() -> None:
    workers = Workers()
    with workers:
        with pytest.raises(ValueError, match="leave out the inner `with`"), workers:
            pass
        assert workers.entered
    with workers:  # again after they have left
        assert workers.entered
    with pytest.raises(TypeError, match="shards"):
        Workers(shards="yes")  # type: ignore[arg-type]


def test_what_is_set_later_is_checked() -> None:
    workers = Workers()
    workers.elastic = True
    assert workers.elastic
    with pytest.raises(ValueError, match="leave out one of the two"):
        workers.shards = True
    with pytest.raises(TypeError, match="elastic must be True or False"):
        workers.elastic = "no"  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="nobody reads 'elastc' of Workers: set elastic"):
        workers.elastc = True  # type: ignore[attr-defined]
    with Workers() as met:
        met.time_limit = 5
        with pytest.raises(ValueError, match="time_limit"):
            met.time_limit = -5
        for name in ("shards", "elastic"):
            with pytest.raises(AttributeError, match=rf"write Workers\({name}=…\)"):
                setattr(met, name, True)
    assert (met.shards, met.time_limit, met.elastic) == (False, 5, False)
