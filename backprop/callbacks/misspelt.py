"""Hooks whose names are misspelt: nobody would call them, and nobody say so."""

from types import FunctionType

from backprop.callbacks.base import HOOKS, Callback
from backprop.core import console
from backprop.core.descriptors import from_package


def warn_of_misspelt_hooks(callback: Callback) -> None:
    """Warns of methods of one's own that are called like a hook, but not quite, and by nobody."""
    own = [kind for kind in type(callback).__mro__ if not from_package(kind) and kind is not object]
    methods = [(name, each) for kind in own for name, each in vars(kind).items()]
    called = {
        name
        for _, each in methods
        if isinstance(each, FunctionType)
        for name in each.__code__.co_names
    }
    for name, each in methods:
        if not (name.startswith("on_") and callable(each)) or name in HOOKS or name in called:
            continue
        import difflib  # slow to load, and needed here alone

        near = difflib.get_close_matches(name.lower(), HOOKS, 1, 0.75)
        if near:
            console.warn(
                f"{name} of {type(callback).__name__} is never called, as no hook is called so: "
                f"is it meant to be {near[0]}?"
            )
