"""How many threads the matrix products of a training loop may use.

NumPy's BLAS starts a thread on every core by default. For the products of a small network waiting
for each other costs those threads more than they save, and while another process holds a core they
can be ten times slower than one thread alone. SciPy's wheel brings a second pool of its own, and
the two spin against each other when a loop uses both.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WORTH_THREADS = 50e6
"""Multiplications in a step above which a second thread pays."""

SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables by which users choose the number of threads themselves."""


@contextmanager
def blas_threads(work: float) -> Iterator[None]:
    """Suits the BLAS threads to the work of a step, and restores them afterwards.

    Inside, NumPy's BLAS has one thread if ``work`` is small, and as many as before if it is not;
    every other BLAS in the process has one. Threads are only ever taken away, so that a limit set
    with ``threadpoolctl`` holds, and nothing is changed if one of ``SETTINGS`` is set.

    Args:
        work: The multiplications of a step, about 3 · batch size · number of weights.
    """
    if any(os.environ.get(name) for name in SETTINGS):
        yield
        return
    from threadpoolctl import ThreadpoolController

    pools: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [pool.num_threads for pool in pools]
    try:
        for pool in pools:
            is_numpys = len(pools) == 1 or "numpy" in os.path.basename(
                os.path.dirname(pool.filepath)
            )
            if work < WORTH_THREADS or not is_numpys:
                pool.set_num_threads(1)
        yield
    finally:
        for pool, threads in zip(pools, before, strict=True):
            pool.set_num_threads(threads)
