"""Which thread trains a model: two that train one at once would corrupt it, so the second raises.

This is kept outside of the models, which can be copied and pickled at any time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backprop.callbacks.listed import of_one_training

_building = threading.RLock()
_owners: dict[int, tuple[int, str, Any, Any]] = {}
"""Thread, its name, the model and the callbacks of its training, by the model's id."""


@contextmanager
def training(model: object, verb: str, callbacks: object = ()) -> Iterator[None]:
    """Makes the model that of this thread for a while; inside, the same thread may do so again.

    Args:
        model: The model.
        verb: What is done with it, for the error.
        callbacks: Who is told of it, as ``fit`` is given them.

    Raises:
        RuntimeError: Another thread trains it, or a model with the same loss, metric or callback.
    """
    me = threading.get_ident(), threading.current_thread().name, model, callbacks
    owner = _owners.setdefault(id(model), me)  # one step of the interpreter: one thread wins
    if owner[0] != me[0]:
        raise RuntimeError(
            f"{verb} was called while fit or train_on_batch trains this model, or a pass with "
            f"training=True is made by it, in another thread, {owner[1]!r}: wait until that has "
            f"ended, or take a copy, copy.deepcopy(model)."
        )
    try:
        if len(_owners) > 1 and owner is me:
            check_parts(model, verb, callbacks)
        yield
    finally:
        if owner is me:
            del _owners[id(model)]


def check_parts(model: Any, verb: str, callbacks: object) -> None:
    """Checks that no other thread has begun a training with the same loss, metric or callback.

    Raises:
        RuntimeError: One has: both would compute in the memory of that part.
    """
    mine, here = parts_of(model, callbacks), threading.get_ident()
    for thread, name, other, told in list(_owners.values()):
        if other is model:  # those that follow find this one
            return
        theirs = {} if thread == here else parts_of(other, told)
        both = [mine[key] for key in theirs if key in mine]
        if both:
            raise RuntimeError(
                f"{verb} was called while another model with the same {type(both[0]).__name__} is "
                f"trained in another thread, {name!r}, and both would compute in its memory: "
                f"give each model a loss, metrics and callbacks of its own."
            )


def parts_of(model: Any, callbacks: object) -> dict[int, object]:
    """What a training of a model computes in, by the ids."""
    found = [getattr(model, "_given_loss", None), *getattr(model, "metrics", ())]
    found += of_one_training(callbacks)
    return {id(part): part for part in found if part is not None}


def once(missing: Callable[[], bool], make: Callable[[], None]) -> None:
    """Makes something that is missing; of several threads that need it, one does."""
    with _building:
        if missing():
            make()


def _begin_child() -> None:
    """In a forked child only the thread that forked goes on."""
    global _building
    _building = threading.RLock()
    for model, (thread, *_) in list(_owners.items()):
        if thread != threading.get_ident():
            del _owners[model]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
