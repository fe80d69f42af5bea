"""How many threads the matrix products of a training loop may use.

NumPy's BLAS starts a thread on every core by default. For the products of a small network waiting
for each other costs those threads more than they save, and while another process holds a core they
can be ten times slower than one thread alone. SciPy's wheel brings a second pool of its own, and
the two spin against each other when a loop uses both.
"""

import os
import sys
import threading
from typing import Any

WORTH_THREADS = 15e6
"""Multiplications in a matrix product above which a second thread pays.

On two cores, steps with products of 13 million were 1.0 to 1.2 times as fast with two threads as
with one, with 26 million 1.2 to 1.3 times, and with many products of 2 million 0.9 times. While
another process holds a core, several threads are slower than one: see ``engine/thread_choice.py``.
"""

SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables by which users choose the number of threads themselves."""


CHOSEN = any(os.environ.get(name) for name in SETTINGS)
"""Whether they did, when BLAS read the variables, which is when NumPy was imported."""

_lock = threading.Lock()
_users = 0  # how many loops are running, in all threads of the process
_pools: list[Any] = []
_numpys: list[bool] = []  # whether each pool is that of NumPy
_before: list[int] = []  # their threads before the first of these loops
_modules = 0  # how many modules there were when the pools were looked for


class blas_threads:
    """Suits the BLAS threads to the size of the products, and restores them afterwards.

    Inside, NumPy's BLAS has one thread if ``work`` is small, and as many as before if it is not;
    every other BLAS in the process has one. Threads are only ever taken away, so that a limit set
    with ``threadpoolctl`` holds, and nothing is changed if one of ``SETTINGS`` is set. The pools
    belong to the whole process: of several loops at once, the last one to end restores them.

    Args:
        work: The multiplications of the largest product: batch size · weights of a layer.
    """

    def __init__(self, work: float) -> None:
        self._work = work

    def __enter__(self) -> None:
        if not CHOSEN:
            _limit(self._work)

    def __exit__(self, *error: object) -> None:
        if not CHOSEN:
            _release()


def several() -> int:
    """How many threads NumPy's products have in the loop that runs, if they may be taken away.

    1 if other loops run beside it, or if the user has chosen.
    """
    if CHOSEN or _users != 1:
        return 1
    counts = [pool.num_threads for pool, numpys in zip(_pools, _numpys, strict=True) if numpys]
    return max(counts, default=1)


def use(threads: int) -> None:
    """Lets NumPy's products have that many threads, in the loop that runs."""
    for pool, numpys in zip(_pools, _numpys, strict=True):
        if numpys:
            pool.set_num_threads(threads)


def _limit(work: float) -> None:
    global _users, _before
    with _lock:
        if _users == 0:
            if _modules != len(sys.modules):  # a module may have brought a BLAS of its own
                _find_pools()
            _before = [pool.num_threads for pool in _pools]
        _users += 1
        for pool, numpys, threads in zip(_pools, _numpys, _before, strict=True):
            if threads > 1 and (work < WORTH_THREADS or not numpys):
                pool.set_num_threads(1)


def _find_pools() -> None:
    global _pools, _numpys, _modules
    from threadpoolctl import ThreadpoolController

    _pools = ThreadpoolController().select(user_api="blas").lib_controllers
    folders = [os.path.basename(os.path.dirname(pool.filepath)) for pool in _pools]
    _numpys = [len(_pools) == 1 or "numpy" in folder for folder in folders]
    _modules = len(sys.modules)


def _release() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            for pool, threads in zip(_pools, _before, strict=True):
                if threads > 1:
                    pool.set_num_threads(threads)
