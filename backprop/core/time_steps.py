"""The pass of a recurrent layer, step by step in time and back, to look at."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from backprop.core.types import Array
from backprop.core.unrolled import Steps

Arrays = dict[str, Array]


class TimeStep(NamedTuple):
    """What one step computed, and the gradients that came back to it.

    Attributes:
        t: The number of the step from 1, in the order in which the steps are read.
        reads: The number of the input that it reads: another one if the layer goes backwards.
        forward: Its arrays by name, in the order in which they are computed: x, h, ….
        backward: Likewise the gradients: the step's part of ∂E/∂Y as ``"own"`` if there is any,
            ∂E/∂h as ``"dh"``, …, and as ``"dW"`` and ``"dU"`` the step's shares of ∂E/∂W and
            ∂E/∂U, which are sums over the steps.
    """

    t: int
    reads: int
    forward: Arrays
    backward: Arrays


class Unrolled(NamedTuple):
    """A layer unrolled over time.

    Attributes:
        steps: The steps from 1 to T.
        start: What the first step finds: h_0, ….
        remark: What the formulas of the steps leave out.
    """

    steps: list[TimeStep]
    start: Arrays
    remark: str


class Stepwise(Protocol):
    """A recurrent layer after a training pass."""

    go_backwards: bool

    def step_values(self, t: int, s: Steps, kept: tuple[Any, ...]) -> Arrays:
        """What step t computed; of t = −1 what the first step finds."""

    def step_gradients(
        self, t: int, s: Steps, kept: tuple[Any, ...], dh: Array, dp: Array, after: Arrays
    ) -> tuple[Arrays, Array]:
        """The gradients of step t, ``"dU"`` among them, and ∂E/∂h_{t−1} but for that of Y.

        Args:
            t: The step, from 0.
            s: The arrays of the pass.
            kept: What ``forward_steps`` returned.
            dh: ∂E/∂h_t.
            dp: ∂E/∂p_t with p_t = x_t W + b.
            after: The gradients of the next step; none for the last one.
        """


def unroll(layer: Stepwise, arrays: tuple[Any, ...], delta: Array, dP: Array) -> Unrolled:
    """Goes back through time, a step after the other, as the textbook does.

    Args:
        layer: The layer.
        arrays: Those of ``Steps``, and what its ``forward_steps`` returned besides.
        delta: ∂E/∂Y.
        dP: ∂E/∂p_t of all steps, shape ``(T · N, gates · units)``.
    """
    s, kept = Steps(*arrays[: len(Steps._fields)]), arrays[len(Steps._fields) :]
    T, n = s.x.shape[:2]
    dP = dP.reshape(T, n, -1)
    carried: Array = np.zeros_like(s.H[0])
    found: Arrays = {}
    steps = []
    for t in reversed(range(T)):
        own = {"own": delta[:, t]} if delta.ndim > 2 else {"own": delta} if t == T - 1 else {}
        dh = sum(own.values(), start=carried)
        found, carried = layer.step_gradients(t, s, kept, dh, dP[t], found)
        if s.L is not None:
            carried = carried + dh * s.L[t]  # a padded step hands everything on
        shares = {"dW": s.x[t].T @ dP[t], "dU": found.pop("dU")}
        forward = {"x": s.x[t], **layer.step_values(t, s, kept)}
        reads = T - t if layer.go_backwards else t + 1
        steps.append(
            TimeStep(t + 1, reads, copied(forward), copied(own | {"dh": dh} | found | shares))
        )
    return Unrolled(steps[::-1], copied(layer.step_values(-1, s, kept)), remark_on(s))


def copied(arrays: Arrays) -> Arrays:
    """Copies: the layer goes on writing into its arrays."""
    return {name: array.copy() for name, array in arrays.items()}


def through_weights(s: Steps, dq: Array, U: Array) -> Array:
    """(∂E/∂q_t Uᵀ) ⊙ r_h with q_t = (h_{t−1} ⊙ r_h) U."""
    back: Array = dq @ U.T
    return back if s.r_h is None else back * s.r_h


def remark_on(s: Steps) -> str:
    """What the formulas of the steps leave out."""
    found = []
    if s.M is not None:
        found.append("A padded step leaves the state as it was, and `∂E/∂p_t` is 0.")
    if s.r_x is not None:
        found.append("Shown is `x_t` after dropout.")
    if s.r_h is not None:
        found.append("Where `h_s` meets `U` it is multiplied by the factors of dropout.")
    return " ".join(found)
