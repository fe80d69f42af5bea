"""The simple recurrent layer (Elman 1990)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.time_steps import Arrays, through_weights
from backprop.core.types import Array
from backprop.core.unrolled import Room, Steps, by_step, tanh_slope
from backprop.layers.recurrent import Recurrent


class SimpleRNN(Recurrent):
    """The state is a layer of tanh units that see the input and the state before.

        h_t = tanh(x_t W + h_{t−1} U + b)

        ∂E/∂z_t     = ∂E/∂h_t ⊙ (1 − h_t²)
        ∂E/∂h_{t−1} = δ_{t−1} + ∂E/∂z_t Uᵀ          with δ_t = ∂E/∂h_t of the output itself
        ∂E/∂U       = Σ_t h_{t−1}ᵀ ∂E/∂z_t

    ∂E/∂W, ∂E/∂b, ∂E/∂X and the arguments stand in ``Recurrent``. From one step to the one before
    the gradient is multiplied by Uᵀ and by slopes below 1: over many steps it vanishes (Hochreiter
    1991; Bengio, Simard & Frasconi 1994). Source: Elman 1990, "Finding structure in time".

    Example:
        >>> model = bp.Sequential([bp.Input((2, 1)), bp.layers.SimpleRNN(1)])
        >>> model.set_weights([[[1.0]], [[0.0]], [0.0]])  # W, and U = 0 that remembers nothing
        >>> model.predict([[[9.0], [0.0]]])
        array([[0.]], dtype=float32)
    """

    definition = "h_t = tanh(p_t) with p_t = x_t {W} + h_s {U} + {b} and s = t − 1"
    step_formulas = {
        "h": "tanh({x} W + {h_s} U + {b})",
        "dh": "{own} + {dp_n} Uᵀ",
        "dp": "{dh} ⊙ (1 − {h}²)",
        "dW": "{x}ᵀ {dp}",
        "dU": "{h_s}ᵀ {dp}",
    }

    def forward_steps(self, Z: Array, s: Steps, room: Room) -> tuple[Array, ...]:
        """h_t = tanh(z_t + h_{t−1} U)."""
        spare = room("spare", s.H.shape[1:], self.dtype)
        for t in range(len(Z)):
            h = s.H[t + 1]
            np.matmul(s.entering(t), self.U, out=h)
            h += Z[t, 0]
            np.tanh(h, out=h)
            s.keep(s.H, t, spare)
        return ()

    def backward_steps(self, delta: Array, s: Steps, kept: tuple[Any, ...]) -> Array:
        """∂z_t = ∂h_t ⊙ (1 − h_t²), ∂h_{t−1} = δ_{t−1} + ∂z_t Uᵀ, ∂E/∂U = Σ_t h_{t−1}ᵀ ∂z_t."""
        T, n, units = s.E.shape
        dZ = by_step(self.buffer, "dZ", self.dtype, T, n, units)
        slope = by_step(self.buffer, "slope", self.dtype, T, n, units)
        s.mask(tanh_slope(s.H[1:], out=slope))
        UT = self.buffer("UT", (units, units), self.dtype)
        np.copyto(UT, self.U.T)
        dh, spare = self.last_delta(delta), self.buffer("spare", (n, units), self.dtype)
        for t in reversed(range(T)):
            if self.return_sequences:
                dh += delta[:, t]
            np.multiply(dh, slope[t], out=dZ[t])
            np.matmul(dZ[t], UT, out=spare)
            dh, spare = s.pass_back(spare, dh, s.kept_share(t))
        rows = dZ.reshape(T * n, units)
        np.matmul(s.E.reshape(T * n, units).T, rows, out=self.dU)
        return rows

    def step_values(self, t: int, s: Steps, kept: tuple[Any, ...]) -> Arrays:
        """h_t."""
        return {"h": s.H[t + 1]}

    def step_gradients(
        self, t: int, s: Steps, kept: tuple[Any, ...], dh: Array, dp: Array, after: Arrays
    ) -> tuple[Arrays, Array]:
        """∂E/∂p_t, h_{t−1}ᵀ ∂E/∂p_t, and ∂E/∂p_t Uᵀ."""
        return {"dp": dp, "dU": s.E[t].T @ dp}, through_weights(s, dp, self.U)
