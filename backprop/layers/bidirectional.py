"""Sequences read in both directions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from backprop.core.checks import check_choice
from backprop.core.own_functions import interval_of
from backprop.core.transfer import begin_anew
from backprop.core.types import Array, Shape, as_array
from backprop.layers.block import forward_through
from backprop.layers.joined import Joined

MODES = {"concat": "concatenate", "sum": "add", "ave": "average", "mul": "multiply"}
"""What ``Parallel`` calls each of the ways to join F and B."""


class Bidirectional(Joined):
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
        self._word, self._how = self.merge_mode, MODES[self.merge_mode]
        forward_layer: Any = self.adopt(layer)
        if backward_layer is None:
            backward_layer = deepcopy(forward_layer)
            vars(backward_layer).update(go_backwards=True, name=None, _is_copy=True)
            begin_anew(backward_layer)
        forward_layer.name, self.adopt(backward_layer).name = "forward", "backward"
        self.layer, self.backward_layer = self.children
        self.interval = interval_of(self.layer) and (-2.0, 2.0)  # of a sum
        self._check_ways()
        self._M: Any = None

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
        if len({layer.return_sequences for layer in self.children}) > 1:
            raise ValueError(
                "Bidirectional(layer, backward_layer): return_sequences must be the same in both."
            )

    @property
    def return_sequences(self) -> bool:
        """Whether the outputs of all steps are returned."""
        return bool(self.children[0].return_sequences)

    def make_parameters(self, input_shape: Shape) -> None:
        """Builds both for the same input."""
        self._M = None
        self._check_ways()  # which may have been changed
        super().make_parameters(input_shape)
        self.output_shape(input_shape)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The same mask if all steps are returned, else none."""
        return mask if self.return_sequences else None

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """F and B, joined."""
        X = as_array(X, self.dtype)
        F, B = (forward_through([layer], X, training, mask) for layer in self.children)
        Y = self.join([F, self.turned(B)], training)
        M = None
        if mask is not None and self.return_sequences:
            M = as_array(mask)[..., np.newaxis]
            Y *= M
        if training:
            self._M = M
        return Y

    def backward(self, delta: Array) -> Array | None:
        """δ_F · ∂F/∂X + δ_B · ∂B/∂X."""
        delta = self.checked_delta(delta, self._Y)
        if self._M is not None:
            masked = self.buffer("masked", delta.shape, self.dtype)
            delta = np.multiply(delta, self._M, out=masked)
        return super().backward(delta)

    def delta_of(self, b: int, delta: Array) -> Array:
        """δ_F or δ_B, whose steps are in the order in which its layer returned them."""
        D = super().delta_of(b, delta)
        return self.turned(D) if b else D

    def turned(self, A: Array) -> Array:
        """The steps from the last to the first, if there are steps."""
        return A[:, ::-1] if self.return_sequences else A
