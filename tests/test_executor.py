"""Fits shared out to processes: the same bits as in one; a process that dies once is no loss."""

import os
import signal
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from small_models import assert_same_weights

import backprop as bp
from backprop import cross_validate, fit_many, search
from backprop.callbacks import LambdaCallback
from backprop.experiments.tasks import run_tasks, width
from backprop.layers import BatchNormalization, Dense, Dropout, Normalization, ReLU, Softmax


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def labelled(rng):
    X = rng.normal(size=(60, 5)).astype(np.float32)
    return X, X[:, :3].argmax(1)


def made(units=8, rate=0.01, seed=0):
    layers = [Normalization(), Dense(units), ReLU(), Dropout(0.2), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=seed)
    loss = "sparse_categorical_crossentropy"
    model.compile(bp.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def large():
    model = bp.Sequential([Dense(900), BatchNormalization(), ReLU(), Dense(3), Softmax()], seed=3)
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def states_of(model):
    return {way: rng.bit_generator.state for way, rng in model.generators.items()}


def same_models(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert_same_weights(mine, other)
        assert mine.optimizer.iterations == other.optimizer.iterations
        for name, vector in mine.optimizer.state.items():
            np.testing.assert_array_equal(vector, other.optimizer.state[name])
        assert mine.history.history == other.history.history
        assert states_of(mine) == states_of(other)


def several():
    """Two that are trained together, one of another form, one with large steps, two more."""
    return [made(seed=1), made(seed=2), made(4), large(), made(rate=0.1, seed=3), made(seed=4)]


def test_fit_many_has_the_same_bits(pool, labelled):
    X, y = labelled
    here, there = several(), several()
    rows = [np.arange(k, 60 - k % 2) for k in range(6)]
    arguments = {"rows": rows, "epochs": 3, "batch_size": 16, "verbose": 0}
    arguments["sample_weight"] = np.linspace(0, 1, 60)
    fit_many(here, X, y, **arguments)
    fit_many(there, X, y, executor=pool, **arguments)
    same_models(there, here)
    assert all(model.history.model is model for model in there)
    for models in (here, there):  # and goes on with them
        fit_many(models, X, y, epochs=1, verbose=0)
    same_models(there, here)


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_cross_validation_has_the_same_bits(pool, labelled, kind):
    X, y = labelled
    with ThreadPoolExecutor(3) as threads:
        executor = pool if kind == "processes" else threads
        for build in (made, large):
            here = cross_validate(build, X, y, 5, epochs=2)
            there = cross_validate(build, X, y, 5, epochs=2, executor=executor)
            same_models(there.models, here.models)
            assert here.scores.keys() == there.scores.keys()
            for name in here.scores:
                np.testing.assert_array_equal(there.scores[name], here.scores[name])


def test_mistakes_are_found_before_anything_is_sent(pool, labelled):
    X, y = labelled
    with pytest.raises(ValueError, match="epochs"):
        cross_validate(made, X, y, executor=pool, epochs=-1)


@pytest.mark.parametrize("executor", [4, ProcessPoolExecutor, "processes"])
def test_what_is_no_executor(executor, labelled):
    X, y = labelled
    with pytest.raises(TypeError, match=r"executor must be an executor of concurrent\.futures"):
        cross_validate(made, X, y, executor=executor, epochs=1)
    with pytest.raises(TypeError, match=r"executor must be an executor of concurrent\.futures"):
        search(made, {"units": [4]}, X, y, executor=executor, epochs=1)


def test_what_cannot_be_sent_is_said(pool, labelled):
    X, y = labelled
    told = [LambdaCallback(on_epoch_end=lambda epoch, logs: None)]
    with pytest.raises(TypeError, match=r"cannot be sent to another process .*at the top of a mod"):
        cross_validate(made, X, y, executor=pool, epochs=1, callbacks=told)


def dies_once(path: str) -> int:
    """Kills its process, unless it did so before."""
    if not os.path.exists(path):
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def dies(task: int) -> int:
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_task_whose_process_died_is_tried_once_more(tmp_path):
    with ProcessPoolExecutor(2) as executor:
        found = run_tasks(executor, dies_once, [(str(tmp_path / "mark"),)])
    assert found[0] != os.getpid()


def test_task_that_dies_twice_is_an_error():
    with ProcessPoolExecutor(2) as executor, pytest.raises(BrokenExecutor, match="once more"):
        run_tasks(executor, dies, [(0,), (1,), (2,)])


def fails(task: int) -> int:
    raise ValueError(f"task {task} is wrong")


def test_task_that_raises_is_not_tried_again(pool):
    with pytest.raises(ValueError, match="task 0 is wrong"):
        run_tasks(pool, fails, [(0,), (1,)])


def threads_used() -> int:
    from threadpoolctl import threadpool_info

    return max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")


def test_processes_share_the_cores():
    import numpy.linalg  # noqa: F401

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        found = run_tasks(executor, threads_used, [()] * 2)
    assert max(found) <= max(1, (os.cpu_count() or 1) // 2)


def test_width_of_executors():
    with ProcessPoolExecutor(3) as executor:
        assert width(executor) == 3
    assert width(Executor()) == os.cpu_count()
