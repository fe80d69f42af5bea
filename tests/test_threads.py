import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  (brings the second BLAS into the process)
from threadpoolctl import ThreadpoolController, threadpool_limits

import backprop as bp
from backprop.engine import threads as core_threads
from backprop.engine.threads import SETTINGS, WORTH_THREADS, blas_threads, several, use
from backprop.layers import Dense, Input


def threads() -> dict[bool, int]:
    """The number of threads of NumPy's BLAS (True) and of SciPy's (False)."""
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    return {"numpy.libs" in pool.filepath: pool.num_threads for pool in pools}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_threads, "CHOSEN", False)


def test_small_work_gets_one_thread_and_the_setting_comes_back() -> None:
    before = threads()
    with blas_threads(WORTH_THREADS / 2):
        assert set(threads().values()) == {1}
    assert threads() == before


def test_large_work_keeps_numpys_threads_and_takes_those_of_other_pools() -> None:
    before = threads()
    if len(before) < 2:
        pytest.fail("the test needs NumPy's and SciPy's own BLAS in one process")
    with blas_threads(WORTH_THREADS * 2):
        assert threads() == {True: before[True], False: 1}
    assert threads() == before


def test_a_users_limit_is_never_raised() -> None:
    with threadpool_limits(limits=1, user_api="blas"), blas_threads(WORTH_THREADS * 2):
        assert set(threads().values()) == {1}


def test_the_setting_comes_back_after_an_error() -> None:
    before = threads()
    with pytest.raises(ZeroDivisionError), blas_threads(0):
        raise ZeroDivisionError
    assert threads() == before


@pytest.mark.parametrize("name", SETTINGS)
def test_an_environment_setting_is_honoured(name: str) -> None:
    code = (
        "import backprop, threadpoolctl\n"
        "from backprop.engine.threads import blas_threads\n"
        "with blas_threads(0):\n"
        "    print([pool['num_threads'] for pool in threadpoolctl.threadpool_info()])"
    )
    free = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout
        for env in (free, {**free, name: "2"})
    ]
    assert shown[0] == "[1]\n"
    if name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # NumPy's wheel reads these two
        assert shown[1] == "[2]\n"
    else:
        assert shown[1] in ("[2]\n", f"[{os.cpu_count()}]\n")


def test_of_loops_in_several_threads_the_last_one_restores() -> None:
    before = threads()
    first, second = blas_threads(0), blas_threads(0)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(threads().values()) == {1}
    second.__exit__(None, None, None)
    assert threads() == before


class Count(bp.callbacks.Callback):
    """Notes NumPy's threads in the middle of a fit or an evaluation."""

    def on_train_begin(self, logs=None):
        self.seen = threads()[True]

    on_test_begin = on_predict_begin = on_train_begin


def wide(*units: int) -> bp.Sequential:
    model = bp.Sequential([Input(1000), *map(Dense, units)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("batch_size", [14, 16])
def test_the_largest_product_decides(batch_size: int) -> None:
    if threads()[True] < 2:
        pytest.skip("one core")
    X, y, count = np.ones((16, 1000)), np.ones((16, 1000)), Count()
    options = {"batch_size": batch_size, "verbose": 0, "callbacks": [count]}
    for verb in ("fit", "evaluate", "predict"):
        data = (X,) if verb == "predict" else (X, y)
        getattr(wide(1000), verb)(*data, **options)
        assert count.seen == (1 if 1e6 * batch_size < WORTH_THREADS else threads()[True])


def test_few_rows_are_a_small_product_in_a_large_batch() -> None:
    count = Count()
    wide(1000).predict(np.ones((2, 1000)), batch_size=1000, callbacks=[count])
    assert count.seen == 1


def test_many_small_products_are_no_large_one() -> None:
    count = Count()
    X, y = np.ones((9, 1000)), np.ones((9, 1))
    wide(*[1000] * 8, 1).fit(X, y, batch_size=9, verbose=0, callbacks=[count])
    assert count.seen == 1


def test_how_many_threads_a_loop_may_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads()[True]
    assert several() == 1  # no loop runs
    with blas_threads(0):
        assert several() == 1
    with blas_threads(WORTH_THREADS * 2):
        assert several() == before
        with blas_threads(WORTH_THREADS * 2):  # another loop: the threads are its threads, too
            assert several() == 1
        monkeypatch.setattr(core_threads, "CHOSEN", True)
        assert several() == 1
        monkeypatch.setattr(core_threads, "CHOSEN", False)


def test_a_loop_gives_up_numpys_threads_alone() -> None:
    before = threads()
    with threadpool_limits(limits=2, user_api="blas"), blas_threads(WORTH_THREADS * 2):
        core_threads._pools[core_threads._numpys.index(False)].set_num_threads(2)
        use(1)
        assert threads() == {True: 1, False: 2}
        assert several() == 1
    assert threads() == before
