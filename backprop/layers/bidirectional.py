"""Sequences read in both directions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from backprop.core.checks import check_choice
from backprop.core.errors import ShapeError
from backprop.core.own_functions import interval_of
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer
from backprop.layers.block import Block, backward_of, forward_through

MODES = ("concat", "sum", "ave", "mul")


class Bidirectional(Block):
    """One recurrent layer reads the sequence from the first step on, another one from the last.

        concat:  Y = [F B],          δ_F, δ_B = the parts of δ
        sum:     Y = F + B,          δ_F = δ_B = δ
        ave:     Y = ½ (F + B),      δ_F = δ_B = ½ δ
        mul:     Y = F ⊙ B,          δ_F = δ ⊙ B, δ_B = δ ⊙ F

        ∂E/∂X = δ_F · ∂F/∂X + δ_B · ∂B/∂X

    F is what the first returns, and B what the second does, with its steps in the order of X. Of a
    padded step Y is 0, as in Keras. Source: Schuster & Paliwal 1997.

    Args:
        layer: The recurrent layer that reads from the first step on.
        merge_mode: How F and B are joined: one of the words above.
        backward_layer: The one that reads from the last step on, ``go_backwards=True``; a copy of
            ``layer`` with weights of its own unless given. What is changed in ``layer`` later does
            not reach the copy; another ``layer`` that is assigned is copied anew.
        name: The layer's name.

    Attributes:
        layer: The first, which is called ``"forward"`` here.
        backward_layer: The second, ``"backward"``.

    Example:
        >>> layer = bp.layers.Bidirectional(bp.layers.LSTM(8, return_sequences=True))
        >>> layer.output_shape((5, 3))  # 8 features from each direction
        (5, 16)
    """

    loose = "{kind}({0}, backward_layer={1})"
    definition = "{f}(x) = {self.merge_mode}(F(x), B(x)), where B reads x from its last step on"

    def __init__(
        self,
        layer: Any,
        merge_mode: str = "concat",
        backward_layer: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.merge_mode = check_choice(merge_mode, "merge_mode", MODES)
        forward_layer: Any = self.adopt(layer)
        if backward_layer is None:
            backward_layer = deepcopy(forward_layer)
            vars(backward_layer).update(go_backwards=True, name=None, _is_copy=True)
        forward_layer.name, self.adopt(backward_layer).name = "forward", "backward"
        self.layer, self.backward_layer = self.children
        self.interval = interval_of(self.layer) and (-2.0, 2.0)  # of a sum
        self._check_ways()
        self._outputs: tuple[Array, ...] = ()
        self._M: Any = None
        self._Y: Any = None

    def changing(self, name: str, value: Any) -> dict[str, Any]:
        """The second layer is a copy of another first one too, unless it was given."""
        copied = name == "layer" and "_is_copy" in vars(self.backward_layer)
        return {name: value, **({"backward_layer": None} if copied else {})}

    def _check_ways(self) -> None:
        ways = [getattr(layer, "go_backwards", None) for layer in self.children]
        if ways != [False, True]:
            raise ValueError(
                f"Bidirectional(layer, backward_layer) takes recurrent layers, the first with "
                f"go_backwards=False and the second with True, but they have {ways}."
            )
        if len({layer.return_sequences for layer in self._ways()}) > 1:
            raise ValueError(
                "Bidirectional(layer, backward_layer): return_sequences must be the same in both."
            )

    def _ways(self) -> list[Any]:
        return self.children

    @property
    def return_sequences(self) -> bool:
        """Whether the outputs of all steps are returned."""
        return bool(self._ways()[0].return_sequences)

    def entrances(self) -> list[Layer]:
        """Both layers."""
        return self.children

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds both for the same input."""
        self._outputs, self._M, self._Y = (), None, None
        self._check_ways()  # which may have been changed
        for layer in self.children:
            self.build_child(layer, input_shape)
        self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """That of one of the layers; with ``"concat"`` both along the last axis.

        Raises:
            ShapeError: The layers make shapes that cannot be joined so.
        """
        first, second = (layer.output_shape(input_shape) for layer in self.children)
        if self.merge_mode == "concat":
            return (*first[:-1], first[-1] + second[-1])
        if first != second:
            raise ShapeError(
                f"{self} joins its layers by {self.merge_mode!r}, for which they must make the "
                f"same shape, but for one sample they make {first} and {second}: give both as many "
                f"units, or join them by 'concat'."
            )
        return first

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same mask if all steps are returned, else none."""
        return mask if self.return_sequences else None

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """F and B, joined."""
        X = as_array(X, self.dtype)
        F, B = (forward_through([layer], X, training, mask) for layer in self.children)
        B = self.turned(B)
        shape = (len(X), *self.output_shape(X.shape[1:]))
        Y = self.buffer("Y", shape, self.dtype) if training else np.empty(shape, self.dtype)
        self.join(F, B, Y)
        M = None
        if mask is not None and self.return_sequences:
            M = as_array(mask)[..., np.newaxis]
            Y *= M
        if training:
            self._outputs, self._M, self._Y = (F, B), M, Y
        return Y

    def join(self, F: Array, B: Array, Y: Array) -> None:
        """Writes what becomes of F and B into Y."""
        n = F.shape[-1]
        if self.merge_mode == "concat":
            np.copyto(Y[..., :n], F)
            np.copyto(Y[..., n:], B)
        elif self.merge_mode == "mul":
            np.multiply(F, B, out=Y)
        else:
            np.add(F, B, out=Y)
            if self.merge_mode == "ave":
                Y *= 0.5

    def backward(self, delta: Array) -> Array | None:
        """δ_F · ∂F/∂X + δ_B · ∂B/∂X."""
        delta = self.checked_delta(delta, self._Y)
        if self._M is not None:
            masked = self.buffer("masked", delta.shape, self.dtype)
            delta = np.multiply(delta, self._M, out=masked)
        passed = []
        for layer, D in zip(self.children, self.parts_of(delta), strict=True):
            layer.delta = D
            passed.append(backward_of(layer, D, self.needs_input_gradient))
        first, second = passed
        if first is None or second is None:
            return None
        return np.add(first, second, out=self.buffer("dX", first.shape, self.dtype))

    def parts_of(self, delta: Array) -> tuple[Array, Array]:
        """δ_F and δ_B, the steps of δ_B in the order in which its layer returned them."""
        F, B = self._outputs
        D_F = self.buffer("delta_F", F.shape, self.dtype)
        D_B = self.buffer("delta_B", B.shape, self.dtype)
        n = F.shape[-1]
        if self.merge_mode == "concat":
            np.copyto(D_F, delta[..., :n])
            np.copyto(D_B, self.turned(delta[..., n:]))
        elif self.merge_mode == "mul":
            np.multiply(delta, B, out=D_F)
            np.multiply(self.turned(delta), self.turned(F), out=D_B)
        else:
            share = 0.5 if self.merge_mode == "ave" else 1.0
            np.multiply(delta, share, out=D_F)
            np.multiply(self.turned(delta), share, out=D_B)
        return D_F, D_B

    def turned(self, A: Array) -> Array:
        """The steps from the last to the first, if there are steps."""
        return A[:, ::-1] if self.return_sequences else A
