"""Which attributes the methods of a class assign to."""

import functools
from opcode import opmap
from types import FunctionType

STORE, EXTENDED = opmap["STORE_ATTR"], opmap["EXTENDED_ARG"]


@functools.cache
def stores_in(kind: type) -> frozenset[str]:
    """The names of the attributes that are assigned to in the methods that a class defines.

    Those that are only read do not count: of a parameter, or another object, they may be. ``dis``
    would tell the same, but takes thirty times as long, and each first object of a class waits.
    """
    names: set[str] = set()
    for method in vars(kind).values():
        if isinstance(method, FunctionType):
            code, argument = method.__code__, 0
            for operation, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):
                argument |= low
                if operation == STORE:
                    names.add(code.co_names[argument])
                argument = argument << 8 if operation == EXTENDED else 0
    return frozenset(names)
