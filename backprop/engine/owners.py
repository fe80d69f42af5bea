"""Which thread trains a model: two that train one at once would corrupt it, so the second raises.

This is kept outside of the models, which can be copied and pickled at any time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_building = threading.RLock()
_owners: dict[int, tuple[int, str]] = {}  # thread and its name, by the id of the model


@contextmanager
def training(model: object, verb: str) -> Iterator[None]:
    """Makes the model that of this thread for a while; inside, the same thread may do so again.

    Args:
        model: The model.
        verb: What is done with it, for the error.

    Raises:
        RuntimeError: Another thread trains it.
    """
    me = threading.get_ident(), threading.current_thread().name
    owner = _owners.setdefault(id(model), me)  # one step of the interpreter: one thread wins
    if owner[0] != me[0]:
        raise RuntimeError(
            f"{verb} was called while fit or train_on_batch trains this model in another thread, "
            f"{owner[1]!r}: wait until that has ended, or train a copy, copy.deepcopy(model)."
        )
    try:
        yield
    finally:
        if owner is me:
            del _owners[id(model)]


def once(missing: Callable[[], bool], make: Callable[[], None]) -> None:
    """Makes something that is missing; of several threads that need it, one does."""
    with _building:
        if missing():
            make()


def _begin_child() -> None:
    """In a forked child only the thread that forked goes on."""
    global _building
    _building = threading.RLock()
    for model, (thread, _) in list(_owners.items()):
        if thread != threading.get_ident():
            del _owners[model]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
