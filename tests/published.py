"""Numbers that were computed elsewhere, in the files of ``data/``."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"


@cache
def arrays_of(file: str) -> dict[str, np.ndarray[Any, Any]]:
    """All arrays of a file, by their names there."""
    with np.load(DATA / file) as data:
        arrays = dict(data)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def published(file: str, case: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of one case, ``case/x`` as ``x``."""
    found = arrays_of(file).items()
    return {
        name.removeprefix(f"{case}/"): array.copy()
        for name, array in found
        if name.startswith(f"{case}/")
    }


def activation(source: str, name: str) -> list[np.ndarray[Any, Any]]:
    """Numbers x, and what PyTorch ("torch") or Keras found for f(x) and f′(x)."""
    file = {"torch": "activations.npz", "keras": "keras_activations.npz"}[source]
    v = published(file, name)
    v |= published(file, "x") if source == "torch" else {}
    return [v[key] for key in ("x", "value", "grad")]


def channels_last(A: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(N, C, …) as (N, …, C)."""
    return np.ascontiguousarray(np.moveaxis(A, 1, -1))
