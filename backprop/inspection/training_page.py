"""A recorded training as one HTML page: its losses, weights, δ and decision regions by epoch."""

import base64
import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.explain.page import fill_page
from backprop.plotting.regions import plane
from backprop.plotting.style import colours
from backprop.protocol import Model

_MOST_FRAMES = 101
_MOST_CELLS = 32  # rows and columns of a heat map
_BINS = 40
_RESOLUTION = 48  # points along each side of the plane
_SMALLEST = 1e-12  # δ below it count as 0
_MOST_CLASSES = 128  # of which a byte still holds two levels of certainty each


def training_page(
    model: Model,
    thetas: Sequence[Array],
    deltas: Mapping[str, Sequence[Array]],
    losses: Sequence[Sequence[float]],
    X: Any = None,
    y: Any = None,
) -> str:
    """The page.

    Args:
        model: The model that was trained.
        thetas: Its θ before the first epoch and after each.
        deltas: For each layer its δ after each epoch.
        losses: E of each epoch, and that on the validation data, which may be empty or end earlier;
            nan for an epoch without a validation.
        X: Samples ``(N, 2)`` for the decision regions, if they are wanted.
        y: Their classes, as indices.
    """
    last = len(thetas) - 1
    frames = np.unique(np.linspace(0, last, min(last + 1, _MOST_FRAMES)).round().astype(int))
    data = {
        "epochs": frames.tolist(),
        "losses": [[_rounded(E) for E in curve] for curve in losses],
        "weights": _weights(model, [thetas[k] for k in frames]),
        "deltas": _sizes(
            {
                name: [np.abs(own[k - 1]) for k in frames[1:]]
                for name, own in deltas.items()
                if len(own) == last
            }
        ),
        "regions": None if X is None else _regions(model, [thetas[k] for k in frames], X, y),
    }
    scripts = ("elements.js", "numbers.js", "training.js")
    return fill_page("training.html", "A training, epoch by epoch", data, scripts)


def _weights(model: Model, thetas: Sequence[Array]) -> list[dict[str, Any]]:
    """Every weight matrix at every frame; of a large one the first rows and columns."""
    found = []
    for p, (start, stop) in model.parameters.places():
        if len(p.shape) > 1:
            matrices = [
                theta[start:stop].reshape(-1, p.shape[-1])[:_MOST_CELLS, :_MOST_CELLS]
                for theta in thetas
            ]
            m, n = matrices[0].shape
            shape = " × ".join(map(str, p.shape))
            frames = [[_rounded(w) for w in matrix.ravel()] for matrix in matrices]
            found.append({"name": p.name, "shape": shape, "m": m, "n": n, "frames": frames})
    return found


def _sizes(sizes: Mapping[str, Sequence[Array]]) -> list[dict[str, Any]]:
    """How many |δ| of each layer lie in which bin of a log axis, the same for all layers."""
    every = np.concatenate([np.zeros(0), *(own.ravel() for each in sizes.values() for own in each)])
    every = every[np.isfinite(every) & (every > _SMALLEST)]
    low, high = np.log10([every.min(), every.max()]) if every.size else (-1.0, 0.0)
    edges = np.linspace(np.floor(low), np.floor(high) + 1, _BINS + 1)

    def counts(size: Array) -> list[int]:
        size = size[np.isfinite(size) & (size > _SMALLEST)]
        found: list[int] = np.histogram(np.log10(size), edges)[0].tolist()
        return found

    return [
        {
            "name": name,
            "low": float(edges[0]),
            "high": float(edges[-1]),
            "counts": [counts(size) for size in own],
            "zeros": [int((size <= _SMALLEST).sum()) for size in own],
        }
        for name, own in sizes.items()
    ]


def _regions(model: Model, thetas: Sequence[Array], X: Any, y: Any) -> dict[str, Any]:
    """The class of every point of the plane at every frame, and how certain the model is."""
    model = copy.deepcopy(model)
    frames = []
    K = levels = 0
    for theta in thetas:
        model.parameters.values[...] = theta
        seen = plane(model, X, y, _RESOLUTION)
        K = seen.share.shape[1]
        if K > _MOST_CLASSES:
            raise ValueError(f"regions are drawn for {_MOST_CLASSES} classes at most, not for {K}.")
        certainty = (seen.share.max(axis=1) - 1 / K) / (1 - 1 / K)
        levels = min(10, 256 // K)  # so that class and level fit into one byte
        level = np.clip(np.rint((levels - 1) * certainty), 0, levels - 1)
        code = (levels * seen.share.argmax(axis=1) + level).astype(np.uint8)
        frames.append(base64.b64encode(code.tobytes()).decode())
    return {
        "size": _RESOLUTION,
        "x": [float(seen.across[0]), float(seen.across[-1])],
        "y": [float(seen.up[0]), float(seen.up[-1])],
        "levels": levels,
        "colours": colours(K),
        "samples": [
            [_rounded(a), _rounded(b), int(k)]
            for (a, b), k in zip(seen.samples, seen.classes, strict=True)
        ],
        "frames": frames,
    }


def _rounded(value: float) -> float | None:
    """Four digits, which are as many as a picture shows; None for what is no number."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
