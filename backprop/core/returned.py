"""What methods of the user's own classes return: is it what the package goes on with?"""

from numbers import Real
from typing import Any

import numpy as np

from backprop.core.arrays import is_masked
from backprop.core.errors import ShapeError, said
from backprop.core.readable import NUMBERS
from backprop.core.types import Shape


def is_array(returned: Any, shape: Shape, kinds: str) -> bool:
    """Whether it is an array of that shape, of a dtype of one of these kinds, without a mask."""
    kind = getattr(returned, "dtype", np.dtype(object)).kind
    return kind in kinds and not is_masked(returned) and returned.shape == shape


def is_number(returned: Any) -> bool:
    """Whether it is a real number: Python's, NumPy's, or an array without axes."""
    return isinstance(returned, Real) or is_array(returned, (), NUMBERS)


def misshaped(owner: Any, method: str, returned: Any, expected: str) -> Exception:
    """The error for what a method of the owner, of a class of the user's own, returned."""
    must = f"{owner}.{method} must return {expected}, but it returned"
    if isinstance(returned, np.ndarray | np.generic):
        masked = "what is masked, of " if is_masked(returned) else ""
        return ShapeError(f"{must} {masked}shape {returned.shape} and dtype {returned.dtype}.")
    return TypeError(f"{must} {said(returned)}.")
