import os
import subprocess
import sys
import threading
from importlib.machinery import EXTENSION_SUFFIXES

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  (brings the second BLAS into the process)
from threadpoolctl import ThreadpoolController, threadpool_limits

import backprop as bp
from backprop.core.blas import SETTINGS
from backprop.engine import threads as core_threads
from backprop.engine.threads import several, single_blas_threads
from backprop.layers import Dense, Input


def threads() -> dict[bool, int]:
    """The number of threads of NumPy's BLAS (True) and of SciPy's (False)."""
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    return {"numpy.libs" in pool.filepath: pool.num_threads for pool in pools}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_threads, "CHOSEN", False)


def test_every_pool_gets_one_thread_and_the_setting_comes_back() -> None:
    before = threads()
    if len(before) < 2:
        pytest.fail("the test needs NumPy's and SciPy's own BLAS in one process")
    with single_blas_threads():
        assert threads() == {True: 1, False: 1}
    assert threads() == before


def test_the_setting_comes_back_after_an_error() -> None:
    before = threads()
    with pytest.raises(ZeroDivisionError), single_blas_threads():
        raise ZeroDivisionError
    assert threads() == before


def test_the_setting_comes_back_when_another_thread_had_set_it() -> None:
    """threadpoolctl by itself lets only the first thread that sets it do so."""
    before = threads()
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        for pool in pools:
            pool.set_num_threads(pool.num_threads)
        holding.set()
        done.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    holding.wait(10)
    try:
        with single_blas_threads():
            assert set(threads().values()) == {1}
        assert threads() == before
    finally:
        done.set()
        other.join()


def test_an_environment_setting_is_honoured() -> None:
    code = (
        "import backprop, threadpoolctl\n"
        "from backprop.engine.threads import single_blas_threads\n"
        "with single_blas_threads():\n"
        "    print([pool['num_threads'] for pool in threadpoolctl.threadpool_info()])"
    )
    free = {key: value for key, value in os.environ.items() if key not in SETTINGS}

    def shown(**setting: str) -> str:
        command, env = [sys.executable, "-c", code], free | setting
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    assert shown() == "[1]\n"
    for name in SETTINGS:
        if name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # NumPy's wheel reads these two
            assert shown(**{name: "2"}) == "[2]\n", name
        else:
            assert shown(**{name: "2"}) in ("[2]\n", f"[{os.cpu_count()}]\n"), name


def test_of_loops_in_several_threads_the_last_one_restores() -> None:
    before = threads()
    first, second = single_blas_threads(), single_blas_threads()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(threads().values()) == {1}
    second.__exit__(None, None, None)
    assert threads() == before


def test_files_of_pythons_own_modules_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are hundreds of them with scikit-learn, and resolving their paths takes 9 ms."""
    monkeypatch.setattr(core_threads, "_pools", [])
    seen: list[str] = []
    make = ThreadpoolController._make_controller_from_path

    def noting(self, filepath):
        seen.append(filepath)
        make(self, filepath)

    monkeypatch.setattr(ThreadpoolController, "_make_controller_from_path", noting)
    core_threads._find_pools()
    assert sorted(pool.numpys for pool in core_threads._pools) == [False, True]
    assert sum("openblas" in os.path.basename(path) for path in seen) == 2
    assert not any(path.endswith(EXTENSION_SUFFIXES[0]) for path in seen)


class Count(bp.callbacks.Callback):
    """Notes NumPy's threads in the middle of a fit or an evaluation."""

    def on_train_begin(self, logs=None):
        self.seen = threads()[True]

    on_test_begin = on_predict_begin = on_train_begin


def test_products_have_one_thread_in_every_verb() -> None:
    X, y, count = np.ones((16, 1000)), np.ones((16, 1000)), Count()
    model = bp.Sequential([Input(1000), Dense(1000)])
    model.compile("sgd", "mse")
    for verb in ("fit", "evaluate", "predict"):
        data = (X,) if verb == "predict" else (X, y)
        getattr(model, verb)(*data, callbacks=[count])
        assert count.seen == 1


def test_how_many_threads_a_step_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads()[True]
    assert several() == 1  # no loop runs
    with single_blas_threads():
        assert several() == before
        with single_blas_threads():
            assert several() == before
        monkeypatch.setattr(core_threads, "CHOSEN", True)
        assert several() == 1
        monkeypatch.setattr(core_threads, "CHOSEN", False)
    with threadpool_limits(limits=1, user_api="blas"), single_blas_threads():
        assert several() == 1
