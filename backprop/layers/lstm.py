"""The long short-term memory (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.time_steps import Arrays, through_weights
from backprop.core.types import Array, Shape
from backprop.core.unrolled import (
    Room,
    Steps,
    by_step,
    in_planes,
    sigmoid_slope,
    tanh_and_sigmoids,
    tanh_slope,
)
from backprop.layers.recurrent import Recurrent

OUTPUT, INPUT, FORGET, CANDIDATE = range(4)
"""The planes in which the gates stand: those with a sigmoid first."""


class LSTM(Recurrent):
    """A state c_t that is added to and forgotten from, behind gates, and h_t that shows some of it.

        i_t = σ(x_t W_i + h_{t−1} U_i + b_i)            what comes in
        f_t = σ(x_t W_f + h_{t−1} U_f + b_f)            what is kept
        o_t = σ(x_t W_o + h_{t−1} U_o + b_o)            what is shown
        g_t = tanh(x_t W_g + h_{t−1} U_g + b_g)         the candidate, Keras's c
        c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t
        h_t = o_t ⊙ tanh(c_t)

    Backwards through time, with ∂v for ∂E/∂v, δ_t = ∂E/∂h_t of the output itself, and z_i … z_g
    what σ and tanh are taken of:

        ∂c_t     = ∂c_{t+1} ⊙ f_{t+1} + ∂h_t ⊙ o_t ⊙ (1 − tanh² c_t)
        ∂z_o     = ∂h_t ⊙ tanh(c_t) ⊙ o_t (1 − o_t)
        ∂z_i     = ∂c_t ⊙ g_t ⊙ i_t (1 − i_t)
        ∂z_f     = ∂c_t ⊙ c_{t−1} ⊙ f_t (1 − f_t)
        ∂z_g     = ∂c_t ⊙ i_t ⊙ (1 − g_t²)
        ∂h_{t−1} = δ_{t−1} + [∂z_i ∂z_f ∂z_g ∂z_o] Uᵀ
        ∂E/∂U    = Σ_t h_{t−1}ᵀ [∂z_i ∂z_f ∂z_g ∂z_o]

    From ∂c_t to ∂c_{t−1} the gradient is multiplied by f_t alone, which may stay near 1: so it need
    not vanish. ∂E/∂W, ∂E/∂b, ∂E/∂X and further arguments stand in ``Recurrent``. The columns of W,
    U and b are ordered as Keras's: i, f, g, o. Source: Hochreiter & Schmidhuber 1997; the forget
    gate is from Gers, Schmidhuber & Cummins 2000.

    Args:
        units: The number of units.
        unit_forget_bias: Whether b_f starts as 1, so that at first much is kept.
        others: The arguments of ``Recurrent``.

    Example:
        >>> model = bp.Sequential([bp.Input((7, 3)), bp.layers.LSTM(2, return_sequences=True)])
        >>> model.output_shape  # h of all seven steps
        (7, 2)
        >>> model.layers[0].b  # of i, f, g and o
        array([0., 0., 1., 1., 0., 0., 0., 0.], dtype=float32)
    """

    definition = (
        "c_t = f ⊙ c_s + i ⊙ g, h_t = o ⊙ tanh(c_t) with s = t − 1 and "
        "[i f g o] = [σ σ tanh σ](p_t), p_t = x_t {W} + h_s {U} + {b}"
    )
    step_formulas = {
        "i": "σ({x} W_i + {h_s} U_i + {b}_i)",
        "f": "σ({x} W_f + {h_s} U_f + {b}_f)",
        "g": "tanh({x} W_g + {h_s} U_g + {b}_g)",
        "o": "σ({x} W_o + {h_s} U_o + {b}_o)",
        "c": "{f} ⊙ {c_s} + {i} ⊙ {g}",
        "h": "{o} ⊙ tanh({c})",
        "dh": "{own} + {dp_n} Uᵀ",
        "dc": "{dc_n} ⊙ {f_n} + {dh} ⊙ {o} ⊙ (1 − tanh({c})²)",
        "dp_i": "{dc} ⊙ {g} ⊙ {i} ⊙ (1 − {i})",
        "dp_f": "{dc} ⊙ {c_s} ⊙ {f} ⊙ (1 − {f})",
        "dp_g": "{dc} ⊙ {i} ⊙ (1 − {g}²)",
        "dp_o": "{dh} ⊙ tanh({c}) ⊙ {o} ⊙ (1 − {o})",
        "dW": "{x}ᵀ {dp}",
        "dU": "{h_s}ᵀ {dp}",
    }
    gates = (3, 0, 1, 2)
    sigmoids = 3

    at_first = ("unit_forget_bias",)

    def __init__(self, units: int, *, unit_forget_bias: bool = True, **others: Any) -> None:
        super().__init__(units, **others)
        self.unit_forget_bias = check_flag(unit_forget_bias, "unit_forget_bias")

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W, U and b."""
        super().make_parameters(input_shape)
        if self.use_bias and self.unit_forget_bias:
            self.b[self.units : 2 * self.units] = 1

    def forward_steps(self, Z: Array, s: Steps, room: Room) -> tuple[Array, ...]:
        """c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t, h_t = o_t ⊙ tanh(c_t)."""
        T, n, units = s.E.shape
        U = self.planes(self.U, "planes_of_U", room)
        C = by_step(room, "C", self.dtype, T + 1, n, units)
        tanh_C = by_step(room, "tanh_C", self.dtype, T, n, units)
        hU = in_planes(room, "hU", self.dtype, 1, 4, n, units)[0]
        spare = room("spare", (n, units), self.dtype)
        self.begin("c_0", C[0])
        for t in range(T):
            z = Z[t]
            z += np.matmul(s.entering(t), U, out=hU)
            tanh_and_sigmoids(z, 3)
            o, i, f, g = (z[plane] for plane in range(4))
            c = np.multiply(f, C[t], out=C[t + 1])
            c += np.multiply(i, g, out=spare)
            s.keep(C, t, spare)
            np.tanh(c, out=tanh_C[t])
            np.multiply(o, tanh_C[t], out=s.H[t + 1])
            s.keep(s.H, t, spare)
        return Z, C, tanh_C

    def backward_steps(self, delta: Array, s: Steps, kept: tuple[Any, ...]) -> Array:
        """Each ∂z is ∂c_t or ∂h_t times a slope; the slopes of all steps are computed at once."""
        T, n, units = s.E.shape
        slopes, through_c, carried = self.slopes(s, *kept)
        dZ = by_step(self.buffer, "dZ", self.dtype, T, n, 4, units)
        planes = dZ.transpose(0, 2, 1, 3)  # (T, gates, N, units)
        rows = dZ.reshape(T, n, 4 * units)
        UT = self.buffer("UT", (4 * units, units), self.dtype)
        np.copyto(UT, self.U.T)
        dh, spare = self.last_delta(delta), self.buffer("spare", (n, units), self.dtype)
        dc = self.buffer("dc", (n, units), self.dtype)
        self.begin("dc_T", dc)
        for t in reversed(range(T)):
            if self.return_sequences:
                dh += delta[:, t]
            dc += np.multiply(dh, through_c[t], out=spare)
            np.multiply(dc, slopes[t, :3], out=planes[t, :3])
            np.multiply(dh, slopes[t, 3], out=planes[t, 3])
            np.matmul(rows[t], UT, out=spare)
            dh, spare = s.pass_back(spare, dh, s.kept_share(t))
            dc *= carried[t]
        dZ = dZ.reshape(T * n, 4 * units)
        np.matmul(s.E.reshape(T * n, units).T, dZ, out=self.dU)
        return dZ

    def slopes(self, s: Steps, G: Array, C: Array, tanh_C: Array) -> tuple[Array, Array, Array]:
        """What the gradients of step t are multiplied by.

        Returns:
            ∂c_t/∂z_i, ∂c_t/∂z_f, ∂c_t/∂z_g and ∂h_t/∂z_o in planes ``(T, 4, N, units)``; ∂h_t/∂c_t
            and ∂c_t/∂c_{t−1}, ``(T, N, units)``.
        """
        T, n, units = s.E.shape
        o, i, f, g = (G[:, plane] for plane in (OUTPUT, INPUT, FORGET, CANDIDATE))
        slopes = in_planes(self.buffer, "slopes", self.dtype, T, 4, n, units)
        sigmoid_slope(G[:, INPUT : FORGET + 1], out=slopes[:, :2])
        tanh_slope(g, out=slopes[:, 2])
        sigmoid_slope(o, out=slopes[:, 3])
        for k, factor in enumerate((g, C[:-1], i, tanh_C)):
            slope = slopes[:, k]
            slope *= factor
            s.mask(slope)
        through_c = by_step(self.buffer, "through_c", self.dtype, T, n, units)
        tanh_slope(tanh_C, out=through_c)
        through_c *= o
        s.mask(through_c)
        if s.M is None:
            return slopes, through_c, f
        carried = by_step(self.buffer, "carried", self.dtype, T, n, units)
        np.multiply(f, s.M, out=carried)
        carried += s.L
        return slopes, through_c, carried

    def step_values(self, t: int, s: Steps, kept: tuple[Any, ...]) -> Arrays:
        """The gates, c_t and h_t."""
        G, C, _ = kept
        states = {"c": C[t + 1], "h": s.H[t + 1]}
        if t < 0:
            return states
        planes = {"i": INPUT, "f": FORGET, "g": CANDIDATE, "o": OUTPUT}
        return {gate: G[t, plane] for gate, plane in planes.items()} | states

    def step_gradients(
        self, t: int, s: Steps, kept: tuple[Any, ...], dh: Array, dp: Array, after: Arrays
    ) -> tuple[Arrays, Array]:
        """∂E/∂c_t, ∂E/∂p_t gate by gate, h_{t−1}ᵀ ∂E/∂p_t, and ∂E/∂p_t Uᵀ."""
        G, _, tanh_C = kept
        m = 1 if s.M is None else s.M[t]
        dc = dh * G[t, OUTPUT] * (1 - tanh_C[t] ** 2) * m
        if after:
            m = 1 if s.M is None else s.M[t + 1]
            dc = dc + after["dc"] * (m * G[t + 1, FORGET] + 1 - m)
        gates = {
            f"dp_{gate}": dp[:, k * self.units :][:, : self.units] for k, gate in enumerate("ifgo")
        }
        return {"dc": dc, **gates, "dU": s.E[t].T @ dp}, through_weights(s, dp, self.U)
