"""How many threads the matrix products of a training loop may use.

NumPy's BLAS starts a thread on every core by default. For the products of a small network waiting
for each other costs those threads more than they save, and while another process holds a core they
can be ten times slower than one thread alone. SciPy's wheel brings a second pool of its own, and
the two spin against each other when a loop uses both.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WORTH_THREADS = 50e6
"""Multiplications in a step above which a second thread pays."""

SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables by which users choose the number of threads themselves."""


_lock = threading.Lock()
_users = 0  # how many loops are running, in all threads of the process
_pools: list[Any] = []
_before: list[int] = []  # their threads before the first of these loops
_modules = 0  # how many modules there were when the pools were looked for


@contextmanager
def blas_threads(work: float) -> Iterator[None]:
    """Suits the BLAS threads to the work of a step, and restores them afterwards.

    Inside, NumPy's BLAS has one thread if ``work`` is small, and as many as before if it is not;
    every other BLAS in the process has one. Threads are only ever taken away, so that a limit set
    with ``threadpoolctl`` holds, and nothing is changed if one of ``SETTINGS`` is set. The pools
    belong to the whole process: of several loops at once, the last one to end restores them.

    Args:
        work: The multiplications of a step, about 3 · batch size · number of weights.
    """
    if any(os.environ.get(name) for name in SETTINGS):
        yield
        return
    _limit(work)
    try:
        yield
    finally:
        _release()


def _limit(work: float) -> None:
    global _users, _pools, _before, _modules
    with _lock:
        if _users == 0:
            if _modules != len(sys.modules):  # a module may have brought a BLAS of its own
                from threadpoolctl import ThreadpoolController

                _pools = ThreadpoolController().select(user_api="blas").lib_controllers
                _modules = len(sys.modules)
            _before = [pool.num_threads for pool in _pools]
        _users += 1
        for pool in _pools:
            numpys = len(_pools) == 1 or "numpy" in os.path.basename(os.path.dirname(pool.filepath))
            if work < WORTH_THREADS or not numpys:
                pool.set_num_threads(1)


def _release() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            for pool, threads in zip(_pools, _before, strict=True):
                pool.set_num_threads(threads)
