"""The same training step made by many processes, on one machine or on several: MPI."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.distributed.job import Workers
else:
    __getattr__, __dir__ = lazy_names(__name__, job=["Workers"])

__all__ = ["Workers"]
