"""What a layer, a loss or an optimizer says about itself."""

from typing import Any


def stated(thing: object, text: str, *methods: str) -> Any:
    """The attribute ``text``, unless a subclass wrote one of the methods anew and no new text.

    Such a subclass computes something else than its base says; then the root of the family answers,
    which knows of no formula.

    Args:
        thing: A layer, a loss or an optimizer.
        text: The name of the attribute.
        *methods: The names of the methods that it describes.
    """
    kinds = type(thing).__mro__

    def writers(name: str) -> list[int]:
        return [k for k, kind in enumerate(kinds) if name in vars(kind)]

    said, written = writers(text), [k for method in methods for k in writers(method)]
    if said[0] <= min(written):
        return getattr(thing, text)
    return getattr(super(kinds[said[-1] - 1], thing), text)
