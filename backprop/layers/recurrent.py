"""What recurrent layers share: weights, the way through time and back, masks, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.buffers import Buffers, new_array
from backprop.core.checks import check_flag, check_integer, check_number
from backprop.core.functional import column_sum, dropout_factors
from backprop.core.parameter_access import parameter_views
from backprop.core.ranges import check_mask
from backprop.core.time_steps import Unrolled, unroll
from backprop.core.types import Array, Shape, as_array, computed
from backprop.core.unrolled import Room, Steps, by_step, in_planes, weights_in_planes
from backprop.core.windows import check_axes
from backprop.initializers import Initializer
from backprop.layers.base import Layer
from backprop.regularizers import Regularizer

AT_ONCE = 128
"""Sequences that inference goes through at a time: it keeps the gates of all of their steps."""


class Recurrent(Layer):
    """Reads a sequence step by step, with the same weights in every step.

        h_t = f(x_t W + b, h_{t−1}, U)        for t = 1 … T, with h_0 = 0

    The layer returns h_T, or all of h_1 … h_T; the subclass says what f is. The loop over t unrolls
    into a network with the same W, U and b in each of its T layers, so that their gradients add up:
    that is backpropagation through time. With z_t = x_t W + b:

        ∂E/∂W = Σ_t x_tᵀ ∂E/∂z_t,   ∂E/∂b = Σ_t Σ_N ∂E/∂z_t,   ∂E/∂x_t = ∂E/∂z_t Wᵀ

    Each is one product for all steps. Shapes: X ``(N, T, n_in)``, W ``(n_in, gates · units)``, U
    ``(units, gates · units)``. Sequences may have any length T, another one in every batch.

    A padded step leaves the state as it was, h_t = h_{t−1}, and gets no gradient; if all steps are
    padded, h_0 = 0 is returned. Dropout multiplies x_t by r_x and h_{t−1}, where it meets U, by
    r_h: drawn once a sequence, the same in all of its steps and gates (Gal & Ghahramani 2016).

    Args:
        units: The number of units: h_t has the shape ``(N, units)``.
        return_sequences: Whether all of h_1 … h_T are returned, shape ``(N, T, units)``.
        go_backwards: Whether the last step is read first; h_1 then belongs to x_T.
        dropout: The share of the inputs that is dropped in training.
        recurrent_dropout: The share of the state that is dropped in training.

    Attributes:
        W: The weights of the inputs, Keras's ``kernel``.
        U: The weights of the state, Keras's ``recurrent_kernel``.
        b: The biases.
    """

    interval = (-1.0, 1.0)
    takes_mask, any_length = True, 2
    formulas = {
        "dW": "Σ_t x_tᵀ ∂E/∂p_t",
        "dU": "Σ_t h_sᵀ ∂E/∂p_t",
        "db": "Σ_N Σ_t ∂E/∂p_t",
        "dX": "_t = ∂E/∂p_t {W}ᵀ",
    }  # s is t − 1
    not_taken = dict.fromkeys(
        ("activation", "recurrent_activation"),
        "the activations are tanh and, for the gates, the sigmoid",
    )
    gates: tuple[int, ...] = (0,)
    """Which of Keras's gates stands in each plane; those with a sigmoid first."""

    sigmoids = 0
    """How many of the planes have a sigmoid; the others have a tanh."""

    W, dW = parameter_views("W")
    U, dU = parameter_views("U")
    b, db = parameter_views("b")

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        go_backwards: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: str | Regularizer | None = None,
        recurrent_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        kernel_constraint: str | Constraint | None = None,
        recurrent_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = check_integer(units, f"{type(self).__name__}(units)")
        self.return_sequences = check_flag(return_sequences, "return_sequences")
        self.go_backwards = check_flag(go_backwards, "go_backwards")
        self.dropout = check_number(dropout, "dropout", 0.0, 1.0)
        self.recurrent_dropout = check_number(recurrent_dropout, "recurrent_dropout", 0.0, 1.0)
        self.use_bias = check_flag(use_bias, "use_bias")
        self.keep_chosen("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.keep_chosen(
            "recurrent", recurrent_initializer, recurrent_regularizer, recurrent_constraint
        )
        self.keep_chosen("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self.formulas = {"Y": "(h_1 … h_T)" if return_sequences else "h_T", **self.formulas}
        self.Y: Any = None
        self._steps: tuple[Any, ...] = ()  # of the last training pass: Steps, and the subclass's
        self._back: tuple[Any, ...] = ()  # of the last backward pass: δ, and ∂z_t of all steps

    @computed
    def random(self) -> bool:
        """Whether dropout draws random numbers in training."""
        return self.dropout > 0 or self.recurrent_dropout > 0

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W, U and b, in Keras's order; takes a generator of its own for dropout."""
        self.output_shape(input_shape)
        self.Y, self._steps, self._back = None, (), ()
        columns = len(self.gates) * self.units
        self.add_chosen("W", (input_shape[-1], columns), "kernel")
        self.add_chosen("U", (self.units, columns), "recurrent")
        if self.use_bias:
            self.add_chosen("b", self.bias_shape(columns), "bias", decays=False)
        if self.random:
            own = self._rng.spawn(1)[0] if self.seed is None else np.random.default_rng(self.seed)
            self._rng = own

    def bias_shape(self, columns: int) -> Shape:
        """The shape of b for that many columns of W."""
        return (columns,)

    def output_shape(self, input_shape: Shape) -> Shape:
        """``(T, units)``, or ``(units,)`` for the last state alone.

        Raises:
            ShapeError: The samples are no sequences.
        """
        check_axes(self, input_shape, "TC")
        return (input_shape[0], self.units) if self.return_sequences else (self.units,)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same mask, in the order of the outputs; none where only h_T is returned."""
        if mask is None or not self.return_sequences:
            return None
        return mask[:, ::-1] if self.go_backwards else mask

    # ------------------------------------------------------------------ what a subclass defines

    def forward_steps(self, Z: Array, s: Steps, room: Room) -> tuple[Array, ...]:
        """Computes h_1 … h_T into ``s.H``.

        Args:
            Z: x_t W + b in planes, shape ``(T, gates, N, units)``, to be written to.
            s: The other arrays.
            room: Where more come from.

        Returns:
            What ``backward_steps`` needs.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward_steps(Z, s, room).")

    def backward_steps(self, delta: Array, s: Steps, kept: tuple[Any, ...]) -> Array:
        """Computes ∂E/∂z_t of all steps, and writes ∂E/∂U.

        Args:
            delta: ∂E/∂Y.
            s: The arrays of the forward pass.
            kept: What ``forward_steps`` returned.

        Returns:
            ∂E/∂z_t, shape ``(T · N, gates · units)``, the gates in Keras's order.
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward_steps(δ, s, kept).")

    # ------------------------------------------------------------------------ forward, backward

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """h_T, or h_1 … h_T."""
        X = self.check_input(X)
        shape = (len(X), *self.output_shape(X.shape[1:]))
        mask = None if mask is None else check_mask(self, X, mask)
        if training:
            self.Y = self.buffer("Y", shape, self.dtype)
            self._steps = self.unroll(X, mask, self.Y, True, self.buffer)
            return as_array(self.Y)
        Y = new_array(shape, self.dtype)
        for start in range(0, len(X), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            part = None if mask is None else mask[rows]
            self.unroll(X[rows], part, Y[rows], False, Buffers().get)
        return Y

    def unroll(
        self, X: Array, mask: Array | None, Y: Array, training: bool, room: Room
    ) -> tuple[Any, ...]:
        """Goes through all steps, and writes what the layer returns into Y.

        Returns:
            The arrays of ``Steps``, and what ``backward_steps`` needs besides.
        """
        n, T, n_in = X.shape
        dtype, n_gates = self.dtype, len(self.gates)
        r_x = self.factors("r_x", self.dropout, (n, n_in)) if training else None
        r_h = self.factors("r_h", self.recurrent_dropout, (n, self.units)) if training else None
        x = by_step(room, "x", dtype, T, n, n_in)
        np.multiply(self.in_order(X), 1 if r_x is None else r_x, out=x)
        H = by_step(room, "H", dtype, T + 1, n, self.units)
        self.begin("h_0", H[0])
        E = H[:-1] if r_h is None else by_step(room, "E", dtype, T, n, self.units)
        M = L = None
        if mask is not None:
            M, L = (by_step(room, name, dtype, T, n, 1) for name in "ML")
            np.copyto(M, self.in_order(mask)[..., np.newaxis])
            np.subtract(1, M, out=L)
        s = Steps(x, H, E, r_x, r_h, M, L)
        Z = in_planes(room, "Z", dtype, T, n_gates, n, self.units)
        np.matmul(x[:, np.newaxis], self.planes(self.W, "planes_of_W", room), out=Z)
        if self.use_bias:
            Z += self.bias_planes(room)
        kept = self.forward_steps(Z, s, room)
        np.copyto(Y, H[1:].transpose(1, 0, 2) if self.return_sequences else H[T])
        return *s, *kept

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂W = Σ_t x_tᵀ ∂z_t, ∂E/∂b = Σ_t Σ_N ∂z_t, ∂E/∂x_t = ∂z_t Wᵀ with ∂z_t = ∂E/∂z_t."""
        delta = self.checked_delta(delta, self.Y)
        s = Steps(*self._steps[: len(Steps._fields)])
        T, n, n_in = s.x.shape
        dZ = self.backward_steps(delta, s, self._steps[len(s) :])  # (T · N, gates · units)
        self._back = delta, dZ
        np.matmul(s.x.reshape(T * n, n_in).T, dZ, out=self.dW)
        if self.use_bias:
            column_sum(dZ, out=self.db if self.db.ndim == 1 else self.db[0])
        if not self.needs_input_gradient:
            return None
        WT = self.buffer("WT", self.W.shape[::-1], self.dtype)
        np.copyto(WT, self.W.T)
        dx = by_step(self.buffer, "dx", self.dtype, T, n, n_in)
        np.matmul(dZ, WT, out=dx.reshape(T * n, n_in))
        dX = self.buffer("dX", (n, T, n_in), self.dtype)
        np.multiply(dx, 1 if s.r_x is None else s.r_x, out=self.in_order(dX))
        return dX

    def unrolled(self) -> Unrolled | None:
        """See ``Layer``: for a subclass that has ``step_values`` and ``step_gradients``."""
        known: Any = self if self.step_formulas and self._back else None
        return known and unroll(known, self._steps, *self._back)

    # ----------------------------------------------------------------------- what both are made of

    def begin(self, what: str, out: Array) -> None:
        """Writes h_0, c_0 or ∂E/∂c_T, which are 0; a layer of one's own may begin elsewhere."""
        out.fill(0)

    def in_order(self, X: Array) -> Array:
        """The steps of ``(N, T, …)`` in front, in the order in which they are read: a view."""
        steps = X.swapaxes(0, 1)
        return steps[::-1] if self.go_backwards else steps

    def factors(self, name: str, rate: float, shape: Shape) -> Array | None:
        """What dropout multiplies with in this training step, if it is on."""
        if not rate:
            return None
        return dropout_factors(self._rng, rate, self.buffer(name, shape, self.dtype))

    def planes(self, A: Array, name: str, room: Room) -> Array:
        """Weights ``(n, gates · units)`` in planes ``(gates, n, units)``."""
        shape = (len(self.gates), len(A), self.units)
        return weights_in_planes(A, self.gates, self.sigmoids, room(name, shape, self.dtype))

    def bias_planes(self, room: Room) -> Array:
        """What of b is added to x_t W, shape ``(gates, 1, units)``."""
        return self.planes(self.b.reshape(1, -1), "planes_of_b", room)

    def last_delta(self, delta: Array) -> Array:
        """Where ∂E/∂h_t is added up, with what of it is known behind the last step."""
        dh = self.buffer("dh", (len(delta), self.units), self.dtype)
        np.copyto(dh, 0 if self.return_sequences else delta)
        return dh
