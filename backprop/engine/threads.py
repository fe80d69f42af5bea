"""How many threads the matrix products of a training loop may use, and a step itself.

NumPy's BLAS starts a thread on every core by default. For the products of a small network waiting
for each other costs those threads more than they save, and while another process holds a core they
can be ten times slower than one thread alone. SciPy's wheel brings a second pool of its own, and
the two spin against each other when a loop uses both. So BLAS gets one thread, and a large step is
shared out to threads of our own (see ``engine/schedule.py``).
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import product
from typing import Any

from backprop.core.blas import CHOSEN

OF_MODULES = tuple(ending for ending in EXTENSION_SUFFIXES if ending.count(".") > 1)
"""How the files of Python's own modules end, ``.cpython-311-x86_64-linux-gnu.so`` for example."""

_lock = threading.RLock()
_loops: dict[int, int] = {}  # how many loops are running, by the thread that they run in
_pools: "list[Pool]" = []
_before: list[int] = []  # their threads before the first of these loops; empty if none runs
_modules = 0  # how many modules there were when the pools were looked for


class Pool:
    """The threads of one BLAS in the process.

    Of OpenBLAS the functions that count and set them are called themselves: threadpoolctl takes ten
    times as long, and lets no other thread set them than the one that did so first.

    Args:
        controller: What threadpoolctl found.
        numpys: Whether it is NumPy's.
    """

    def __init__(self, controller: Any, numpys: bool) -> None:
        self.numpys = numpys
        self.count: Callable[[], int] = lambda: controller.num_threads

        def set_(number: int) -> None:
            if hasattr(controller, "clear_controlling_thread"):  # else only the first to set may
                controller.clear_controlling_thread(force=True)
            controller.set_num_threads(number)

        self.set: Callable[[int], Any] = set_
        if getattr(controller, "threading_layer", "") == "pthreads":
            for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
                name = f"{prefix}openblas_{{}}_num_threads{suffix}"
                if hasattr(controller.dynlib, name.format("set")):
                    self.count = getattr(controller.dynlib, name.format("get"))
                    self.set = getattr(controller.dynlib, name.format("set"))


class single_blas_threads(ContextDecorator):
    """Gives every BLAS in the process one thread, and restores them afterwards.

    A product then has the same bits however many cores are free. Nothing is changed if users have
    chosen the number (see ``core/blas.py``). The pools belong to the whole process: of several
    loops at once, the last one to end restores them.
    """

    def __enter__(self) -> None:
        global _before
        if CHOSEN:
            return
        thread = threading.get_ident()
        with _lock:
            if not _loops:
                if _modules != len(sys.modules):  # a module may have brought a BLAS of its own
                    _find_pools()
                _before = _before or [pool.count() for pool in _pools]
                _set([1] * len(_pools))
            _loops[thread] = _loops.get(thread, 0) + 1

    def __exit__(self, *error: object) -> None:
        if CHOSEN:
            return
        thread = threading.get_ident()
        with _lock:
            _loops[thread] -= 1
            if not _loops[thread]:
                del _loops[thread]
            if not _loops:
                _restore()


def several() -> int:
    """How many threads a step may use in the loop that runs: as many as NumPy's BLAS had before.

    1 if the user has chosen, by an environment variable or by ``threadpoolctl``.
    """
    if CHOSEN or not _loops:
        return 1
    return max((n for n, pool in zip(_before, _pools, strict=False) if pool.numpys), default=1)


def _restore() -> None:
    global _before
    _set(_before)
    _before = []


def _set(numbers: list[int]) -> None:
    """Sets the threads of each pool where they had more than one."""
    for pool, number, before in zip(_pools, numbers, _before, strict=False):
        if before > 1:
            pool.set(number)


def _find_pools() -> None:
    global _pools, _modules
    from threadpoolctl import ThreadpoolController

    class Libraries(ThreadpoolController):
        """Those in the process that no Python module is made of: there are hundreds of these.

        A threadpoolctl without the method that is overridden looks at all of them, and finds the
        same.
        """

        def _make_controller_from_path(self, filepath: str, *others: Any) -> None:
            if not filepath.endswith(OF_MODULES):
                super()._make_controller_from_path(filepath, *others)

    controllers = Libraries().select(user_api="blas").lib_controllers
    folders = [os.path.basename(os.path.dirname(found.filepath)) for found in controllers]
    _pools = [
        Pool(found, len(controllers) == 1 or "numpy" in folder)
        for found, folder in zip(controllers, folders, strict=True)
    ]
    _modules = len(sys.modules)


def _begin_child() -> None:
    """A forked child has the thread that forked alone, whose loops go on, and a new lock."""
    global _lock
    _lock = threading.RLock()
    for thread in _loops.keys() - {threading.get_ident()}:
        del _loops[thread]
    if _before and not _loops:
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(),
        after_in_parent=lambda: _lock.release(),
        after_in_child=_begin_child,
    )
