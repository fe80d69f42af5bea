"""The gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.functional import column_sum
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

UPDATE, RESET, CANDIDATE = range(3)
"""The planes in which the gates stand, which is Keras's order."""

BOTH = {
    "h": "{z} ⊙ {h_s} + (1 − {z}) ⊙ {g}",
    "dp_z": "{dh} ⊙ ({h_s} − {g}) ⊙ {z} ⊙ (1 − {z})",
    "dp_g": "{dh} ⊙ (1 − {z}) ⊙ (1 − {g}²)",
    "dW": "{x}ᵀ {dp}",
}
AFTER = {
    "z": "σ({x} W_z + {b}_z + {h_s} U_z + {b}′_z)",
    "r": "σ({x} W_r + {b}_r + {h_s} U_r + {b}′_r)",
    "q_g": "{h_s} U_g + {b}′_g",
    "g": "tanh({x} W_g + {b}_g + {r} ⊙ {q_g})",
    "dh": "{own} + {dh_n} ⊙ {z_n} + {dq_n} Uᵀ",
    "dp_r": "{dp_g} ⊙ {q_g} ⊙ {r} ⊙ (1 − {r})",
    "dq": "[{dp_z} {dp_r} {dp_g} ⊙ {r}]",
    "dU": "{h_s}ᵀ {dq}",
}
BEFORE = {
    "z": "σ({x} W_z + {h_s} U_z + {b}_z)",
    "r": "σ({x} W_r + {h_s} U_r + {b}_r)",
    "g": "tanh({x} W_g + ({r} ⊙ {h_s}) U_g + {b}_g)",
    "dh": "{own} + {dh_n} ⊙ {z_n} + [{dp_z_n} {dp_r_n}] [U_z U_r]ᵀ + ({dp_g_n} U_gᵀ) ⊙ {r_n}",
    "dp_r": "({dp_g} U_gᵀ) ⊙ {h_s} ⊙ {r} ⊙ (1 − {r})",
    "dU": "[{h_s}ᵀ [{dp_z} {dp_r}] ({r} ⊙ {h_s})ᵀ {dp_g}]",
}
"""What each step computes, with the reset gate after the product with U_g and before it."""


class GRU(Recurrent):
    """A state that an update gate mixes with a candidate, for which a reset gate dims the state.

        z_t = σ(x_t W_z + h_{t−1} U_z + b_z)            what is kept
        r_t = σ(x_t W_r + h_{t−1} U_r + b_r)            what the candidate sees of the state
        g_t = tanh(x_t W_g + b_g + r_t ⊙ u_t)           the candidate, Keras's h, with
              u_t = h_{t−1} U_g + b'_g                  the reset after the product, or
        g_t = tanh(x_t W_g + b_g + (r_t ⊙ h_{t−1}) U_g)             before it
        h_t = z_t ⊙ h_{t−1} + (1 − z_t) ⊙ g_t

    Backwards through time, with ∂v for ∂E/∂v, δ_t = ∂E/∂h_t of the output itself, and a_z, a_r, a_g
    what σ and tanh are taken of (elsewhere z, which is the update gate here):

        ∂a_g     = ∂h_t ⊙ (1 − z_t) ⊙ (1 − g_t²)
        ∂a_z     = ∂h_t ⊙ (h_{t−1} − g_t) ⊙ z_t (1 − z_t)
        ∂a_r     = ∂a_g ⊙ u_t ⊙ r_t (1 − r_t),          ∂u_t = ∂a_g ⊙ r_t
        ∂h_{t−1} = δ_{t−1} + ∂h_t ⊙ z_t + [∂a_z ∂a_r ∂u_t] Uᵀ
        ∂E/∂U    = Σ_t h_{t−1}ᵀ [∂a_z ∂a_r ∂u_t],       ∂E/∂b' = Σ_t Σ_N [∂a_z ∂a_r ∂u_t]

    and with the reset before the product, q_t = r_t ⊙ h_{t−1} and ∂q_t = ∂a_g U_gᵀ:

        ∂a_r     = ∂q_t ⊙ h_{t−1} ⊙ r_t (1 − r_t)
        ∂h_{t−1} = δ_{t−1} + ∂h_t ⊙ z_t + ∂q_t ⊙ r_t + [∂a_z ∂a_r] [U_z U_r]ᵀ
        ∂E/∂U    = Σ_t [h_{t−1}ᵀ [∂a_z ∂a_r]  q_tᵀ ∂a_g]

    ∂E/∂W, ∂E/∂b, ∂E/∂X and further arguments stand in ``Recurrent``. The columns of W, U and b are
    ordered as Keras's: z, r, g. Source: Cho et al. 2014, "Learning phrase representations using RNN
    encoder–decoder", in both of its versions.

    Args:
        units: The number of units.
        reset_after: Whether r_t is multiplied after the product with U_g, which then has a bias of
            its own: b has the shape ``(2, 3 · units)``, that of the inputs in front.
        others: The arguments of ``Recurrent``.

    Example:
        >>> model = bp.Sequential([bp.Input((7, 3)), bp.layers.GRU(2)])
        >>> [parameter.shape for parameter in model.parameters]  # W, U and both biases
        [(3, 6), (2, 6), (2, 6)]
        >>> model.output_shape  # the last h alone
        (2,)
    """

    step_formulas = BOTH | AFTER
    definition = (
        "h_t = z ⊙ h_s + (1 − z) ⊙ g with s = t − 1, z = σ(p_z + q_z), r = σ(p_r + q_r), "
        "[p_z p_r p_g] = x_t {W} + {b}, "
    )
    gates = (0, 1, 2)
    sigmoids = 2

    def __init__(self, units: int, *, reset_after: bool = True, **others: Any) -> None:
        super().__init__(units, **others)
        self.reset_after = check_flag(reset_after, "reset_after")
        own = AFTER if self.reset_after else BEFORE
        if not self.use_bias:
            own = {name: re.sub(r" \+ \{b\}′_\w", "", text) for name, text in own.items()}
        self.step_formulas = BOTH | own
        self.formulas = {**self.formulas, "dU": "Σ_t ∂E/∂U_t"}
        if self.reset_after:
            self.formulas["db"] = "Σ_N Σ_t (∂E/∂p_t; ∂E/∂q_t)"
        self.definition += (
            "g = tanh(p_g + r ⊙ q_g), [q_z q_r q_g] = h_s {U} + {b}′"
            if self.reset_after
            else "g = tanh(p_g + (r ⊙ h_s) U_g), [q_z q_r] = h_s [U_z U_r]"
        )
        if not self.use_bias:
            self.definition = self.definition.replace(" + {b}′", "")

    def bias_shape(self, columns: int) -> Shape:
        """One bias for the inputs and one for the state, if the reset comes after the product."""
        return (2, columns) if self.reset_after else (columns,)

    def bias_planes(self, room: Room) -> Array:
        """b, and of b' what needs not wait for the reset gate: b'_z and b'_r."""
        if not self.reset_after:
            return super().bias_planes(room)
        both = room("both_b", (1, self.b.shape[1]), self.dtype)
        np.copyto(both, self.b[:1])
        sigmoids = both[:, : 2 * self.units]
        sigmoids += self.b[1:, : 2 * self.units]
        return self.planes(both, "planes_of_b", room)

    def forward_steps(self, Z: Array, s: Steps, room: Room) -> tuple[Array, ...]:
        """h_t = z_t ⊙ h_{t−1} + (1 − z_t) ⊙ g_t = g_t + z_t ⊙ (h_{t−1} − g_t)."""
        T, n, units = s.E.shape
        U = self.planes(self.U, "planes_of_U", room)
        n_products = 3 if self.reset_after else 2
        hU = in_planes(room, "hU", self.dtype, T, n_products, n, units)
        Q = hU[:, -1] if self.reset_after else by_step(room, "Q", self.dtype, T, n, units)
        spare = room("spare", (n, units), self.dtype)
        for t in range(T):
            e, gates, g = s.entering(t), Z[t, :CANDIDATE], Z[t, CANDIDATE]
            np.matmul(e, U[:n_products], out=hU[t])
            gates += hU[t, :CANDIDATE]
            tanh_and_sigmoids(gates, 2)
            z, r = gates[UPDATE], gates[RESET]
            if self.reset_after:
                u = Q[t]
                if self.use_bias:
                    u += self.b[1, 2 * units :]
                g += np.multiply(r, u, out=spare)
            else:
                q = np.multiply(r, e, out=Q[t])
                g += np.matmul(q, U[CANDIDATE], out=spare)
            np.tanh(g, out=g)
            h = np.subtract(s.H[t], g, out=s.H[t + 1])
            h *= z
            h += g
            s.keep(s.H, t, spare)
        return Z, Q

    def backward_steps(self, delta: Array, s: Steps, kept: tuple[Any, ...]) -> Array:
        """Each ∂ is ∂h_t or ∂q_t times a slope; the slopes of all steps are computed at once."""
        G, Q = kept
        back = self.back_after if self.reset_after else self.back_before
        return back(delta, s, G, Q)

    def back_after(self, delta: Array, s: Steps, G: Array, u: Array) -> Array:
        """[∂u_t ∂a_z ∂a_r ∂a_g] = ∂h_t ⊙ slopes, ∂h_{t−1} = ∂h_t ⊙ z_t + [∂u_t ∂a_z ∂a_r] Uᵀ."""
        T, n, units = s.E.shape
        slopes, carried = self.slopes(s, G, 4)
        by_u, by_r, by_g = slopes[:, 0], slopes[:, 2], slopes[:, 3]
        np.multiply(by_g, G[:, RESET], out=by_u)
        by_r *= u
        by_r *= by_g
        D = by_step(self.buffer, "D", self.dtype, T, n, 4, units)
        planes, rows = D.transpose(0, 2, 1, 3), D.reshape(T, n, 4 * units)
        state_rows, input_rows = rows[..., : 3 * units], rows[..., units:]
        UT = self.buffer("UT", (3 * units, units), self.dtype)
        np.copyto(UT[:units], self.U[:, 2 * units :].T)
        np.copyto(UT[units:], self.U[:, : 2 * units].T)
        dh, spare = self.last_delta(delta), self.buffer("spare", (n, units), self.dtype)
        for t in reversed(range(T)):
            if self.return_sequences:
                dh += delta[:, t]
            np.multiply(dh, slopes[t], out=planes[t])
            np.matmul(state_rows[t], UT, out=spare)
            dh, spare = s.pass_back(spare, dh, carried[t])
        state_rows = state_rows.reshape(T * n, 3 * units)
        dU = self.buffer("dU", (units, 3 * units), self.dtype)
        np.matmul(s.E.reshape(T * n, units).T, state_rows, out=dU)
        self.in_keras_order(dU, out=self.dU)
        if self.use_bias:
            sums = self.buffer("sums", (1, 3 * units), self.dtype)
            column_sum(state_rows, out=sums[0])
            self.in_keras_order(sums, out=self.db[1:])
        return input_rows.reshape(T * n, 3 * units)

    def back_before(self, delta: Array, s: Steps, G: Array, q: Array) -> Array:
        """∂q_t = ∂a_g U_gᵀ, ∂h_{t−1} = ∂h_t ⊙ z_t + ∂q_t ⊙ r_t + [∂a_z ∂a_r] [U_z U_r]ᵀ."""
        T, n, units = s.E.shape
        slopes, carried = self.slopes(s, G, 3)
        by_r, r = slopes[:, RESET], G[:, RESET]
        by_r *= s.E
        D = by_step(self.buffer, "D", self.dtype, T, n, 3, units)
        planes, rows = D.transpose(0, 2, 1, 3), D.reshape(T, n, 3 * units)
        UT = self.buffer("UT", (3 * units, units), self.dtype)
        np.copyto(UT, self.U.T)
        dh, spare = self.last_delta(delta), self.buffer("spare", (n, units), self.dtype)
        dq = self.buffer("dq", (n, units), self.dtype)
        for t in reversed(range(T)):
            if self.return_sequences:
                dh += delta[:, t]
            np.multiply(dh, slopes[t, UPDATE], out=planes[t, UPDATE])
            np.multiply(dh, slopes[t, CANDIDATE], out=planes[t, CANDIDATE])
            np.matmul(planes[t, CANDIDATE], UT[2 * units :], out=dq)
            np.multiply(dq, by_r[t], out=planes[t, RESET])
            np.matmul(rows[t, :, : 2 * units], UT[: 2 * units], out=spare)
            dq *= r[t]
            spare += dq
            dh, spare = s.pass_back(spare, dh, carried[t])
        D = D.reshape(T * n, 3 * units)
        gates, candidates = D[:, : 2 * units], D[:, 2 * units :]
        np.matmul(s.E.reshape(T * n, units).T, gates, out=self.dU[:, : 2 * units])
        np.matmul(q.reshape(T * n, units).T, candidates, out=self.dU[:, 2 * units :])
        return D

    def slopes(self, s: Steps, G: Array, n_planes: int) -> tuple[Array, Array]:
        """What the gradients of step t are multiplied by.

        Returns:
            In the last three planes ∂h_t/∂a_z, r_t (1 − r_t), ∂h_t/∂a_g, with room for others in
            front; and ∂h_t/∂h_{t−1} beside the products, ``(T, N, units)``.
        """
        T, n, units = s.E.shape
        z, g = G[:, UPDATE], G[:, CANDIDATE]
        slopes = in_planes(self.buffer, "slopes", self.dtype, T, n_planes, n, units)
        by_gates, by_z, by_g = slopes[:, -3:-1], slopes[:, -3], slopes[:, -1]
        sigmoid_slope(G[:, :CANDIDATE], out=by_gates)
        spare = by_step(self.buffer, "spares", self.dtype, T, n, units)
        by_z *= np.subtract(s.H[:-1], g, out=spare)
        tanh_slope(g, out=by_g)
        by_g *= np.subtract(1, z, out=spare)
        s.mask(by_z)
        s.mask(by_g)
        if s.M is None:
            return slopes, z
        carried = by_step(self.buffer, "carried", self.dtype, T, n, units)
        np.multiply(z, s.M, out=carried)
        carried += s.L
        return slopes, carried

    def in_keras_order(self, A: Array, out: Array) -> None:
        """Columns of [u z r] in the order z, r, u."""
        np.copyto(out[:, : 2 * self.units], A[:, self.units :])
        np.copyto(out[:, 2 * self.units :], A[:, : self.units])

    def step_values(self, t: int, s: Steps, kept: tuple[Any, ...]) -> Arrays:
        """The gates, the candidate and h_t."""
        G, Q = kept
        if t < 0:
            return {"h": s.H[0]}
        product = {"q_g": Q[t]} if self.reset_after else {}
        gates = {"z": G[t, UPDATE], "r": G[t, RESET]}
        return gates | product | {"g": G[t, CANDIDATE], "h": s.H[t + 1]}

    def step_gradients(
        self, t: int, s: Steps, kept: tuple[Any, ...], dh: Array, dp: Array, after: Arrays
    ) -> tuple[Arrays, Array]:
        """∂E/∂p_t gate by gate, the step's share of ∂E/∂U, and ∂E/∂h_{t−1} but for that of Y."""
        G, Q = kept
        z, r, units = G[t, UPDATE], G[t, RESET], self.units
        dp_z, dp_r, dp_g = (dp[:, k * units : (k + 1) * units] for k in range(3))
        found = {"dp_z": dp_z, "dp_g": dp_g, "dp_r": dp_r}
        carried = dh * z * (1 if s.M is None else s.M[t])
        if self.reset_after:
            dq = found["dq"] = np.concatenate([dp_z, dp_r, dp_g * r], axis=1)
            return found | {"dU": s.E[t].T @ dq}, carried + through_weights(s, dq, self.U)
        both = 2 * units
        shares = [s.E[t].T @ dp[:, :both], Q[t].T @ dp_g]
        carried = carried + through_weights(s, dp[:, :both], self.U[:, :both])
        carried = carried + r * through_weights(s, dp_g, self.U[:, both:])
        return found | {"dU": np.concatenate(shares, axis=1)}, carried
