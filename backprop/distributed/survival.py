"""What a job needs to survive the death of a worker: Open MPI's ULFM, through mpi4py."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

SURVIVING = "OMPI_MCA_mpi_ft_enable"
"""The environment variable by which Open MPI's mpiexec tells processes that others may die."""


WITHOUT_WAITING = "OMPI_MCA_async_mpi_finalize"
"""The one by which processes that end wait for no others, which may have died."""


class WorkerLost(Exception):
    """A worker died in a sum that needed it; raised on all others, which may make it anew.

    Args:
        left: How many workers are left.

    Example:
        >>> raise bp.distributed.WorkerLost(3)
        Traceback (most recent call last):
            ...
        backprop.distributed.survival.WorkerLost: a worker died, and 3 are left: ...
    """

    def __init__(self, left: int) -> None:
        super().__init__(f"a worker died, and {left} are left: what was added up is incomplete")


def started_to_survive() -> bool:
    """Whether mpiexec was started ``--with-ft ulfm``."""
    return os.environ.get(SURVIVING) == "1"


def check_survival() -> None:
    """Prepares a process that must survive others, before it loads MPI.

    Raises:
        ValueError: MPI cannot do that, or has been loaded already.
    """
    if not started_to_survive():
        raise ValueError(
            "elastic=True needs an MPI that survives the death of a worker: Open MPI 5, as the "
            "extra mpi brings it, started with `mpiexec --with-ft ulfm -n 3 python train.py`."
        )
    if "mpi4py.MPI" in sys.modules and os.environ.get(WITHOUT_WAITING) != "1":
        raise ValueError(
            "with elastic=True mpi4py.MPI must not be imported before the workers meet, or the end "
            "may hang after a loss: import it later, or start with "
            "`mpiexec --with-ft ulfm --mca async_mpi_finalize 1`."
        )
    os.environ[WITHOUT_WAITING] = "1"


def agreed(mpi: Any, world: Any, call: Callable[[Any], Any]) -> tuple[Any, bool]:
    """What a call on the communicator returns, and whether it was whole on all living workers.

    A worker's death may be noticed by some while others have got what they wanted. The agreement at
    the end is the same on all of them, even if another one dies in it.
    """
    failures = mpi.ERR_PROC_FAILED, mpi.ERR_PROC_FAILED_PENDING, mpi.ERR_REVOKED
    found, whole = None, 1
    try:
        found = call(world)
    except mpi.Exception as error:
        if error.Get_error_class() not in failures:
            raise
        world.Revoke()  # lets those go that still wait for the one that died
        whole = 0
    try:
        whole = world.Agree(whole)
    except mpi.Exception as error:
        if error.Get_error_class() not in failures:
            raise
        whole = 0
    return found, bool(whole)


def lost_ones(before: Any, after: Any) -> list[int]:
    """Which workers are in the first communicator alone."""
    group = before.Get_group()
    left = after.Get_group().Translate_ranks(None, group)
    return sorted(set(range(before.Get_size())) - set(left))
