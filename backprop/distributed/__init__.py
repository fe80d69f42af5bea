"""The same training step made by many processes, on one machine or on several: MPI."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.distributed.agreement import shared_plan as shared_plan
    from backprop.distributed.job import Workers as Workers
    from backprop.distributed.job import check_workers as check_workers
    from backprop.distributed.loop import WorkersLoop as WorkersLoop
    from backprop.distributed.survival import WorkerLost as WorkerLost
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        agreement=["shared_plan"],
        job=["Workers", "check_workers"],
        loop=["WorkersLoop"],
        survival=["WorkerLost"],
    )
