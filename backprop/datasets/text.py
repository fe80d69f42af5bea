"""A text that comes with the package."""

import os

import numpy as np

from backprop.core.signatures import answered


@answered
def load_shakespeare() -> str:
    """The 154 sonnets of William Shakespeare, 95,609 characters, of which 62 are different.

    Each is headed by its number in Roman numerals and has fourteen lines, but for the 99th with
    fifteen and the 126th with twelve. They first appeared in 1609 and are in the public domain.

    Source: the package ``shakespeare`` 0.6 of the Open Knowledge Foundation, 2008, texts under CC
    BY 2.5. Changes made here: the title, spaces at the ends of lines and repeated empty lines are
    left out.

    Returns:
        The text.

    Example:
        >>> bp.datasets.load_shakespeare().splitlines()[2]
        'From fairest creatures we desire increase,'
    """
    with np.load(os.path.join(os.path.dirname(__file__), "sonnets.npz")) as packed:
        text: str = packed["text"].tobytes().decode("ascii")
    return text
