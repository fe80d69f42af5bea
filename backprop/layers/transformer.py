"""The transformer's block, composed of layers that there are."""

from __future__ import annotations

from backprop.core.checks import check_flag, check_integer, check_number
from backprop.core.errors import ShapeError
from backprop.core.types import Shape, computed
from backprop.core.windows import check_axes
from backprop.layers.activations import ReLU
from backprop.layers.attention import MultiHeadAttention
from backprop.layers.base import Layer
from backprop.layers.chain import Chain
from backprop.layers.dense import Dense
from backprop.layers.noise import Dropout
from backprop.layers.normalization import LayerNormalization
from backprop.layers.residual import Residual


class TransformerBlock(Chain):
    """Steps look at each other, then each is transformed by itself; both are added to the input.

        H = X + attention(norm(X)),        attention = MultiHeadAttention(num_heads, C / num_heads)

        Y = H + mlp(norm(H)),              mlp = Dense(units), ReLU, Dense(C)

    Each line is a ``Residual``, so that δ reaches X undiminished through both sums. Normalising
    first, inside the sums, lets deep stacks learn without a warm-up; end such a stack with one more
    ``LayerNormalization``. For other parts write the two lines yourself::

        Residual([RMSNormalization(), MultiHeadAttention(4, 16)]),
        Residual([RMSNormalization(), Dense(256), GELU(), Dense(64)])

    Shapes: X and Y ``(N, T, C)``. Sources: Vaswani et al. 2017, "Attention is all you need"; Xiong
    et al. 2020, "On layer normalization in the transformer architecture".

    Args:
        num_heads: The number of heads, which must divide C.
        units: The number of units of the MLP, often 4 C.
        dropout: The share that is dropped in training of what is added to the input, and of the
            shares of attention.
        causal: Whether a step sees only itself and those before it.

    Attributes:
        layers: The two ``Residual`` blocks, ``"attention"`` and ``"mlp"``, once it is built.

    Example:
        >>> block = bp.layers.TransformerBlock(num_heads=2, units=32)
        >>> model = bp.Sequential([bp.Input((5, 8)), block, bp.layers.LayerNormalization()])
        >>> model.output_shape
        (5, 8)
    """

    definition = "{f}(x) = h + mlp(norm(h)) with h = x + attention(norm(x))"

    def __init__(
        self,
        num_heads: int,
        units: int,
        dropout: float = 0.0,
        causal: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.num_heads = check_integer(num_heads, "TransformerBlock(num_heads)")
        self.units = check_integer(units, "TransformerBlock(units)")
        self.dropout = check_number(dropout, "TransformerBlock(dropout)", below=1)
        self.causal = check_flag(causal, "causal")
        self._features: int | None = None  # C of the layers that there are

    @computed
    def random(self) -> bool:
        """Whether dropout draws random numbers in training."""
        return self.dropout > 0

    def check_setting(self, name: str) -> None:
        """As of every layer; those of a copy, which are made anew, must not be frozen."""
        super().check_setting(name)
        if not all(layer._trainable for layer in self.inside()):
            raise AttributeError(
                f"{self} is a copy in which layers are frozen, and another {name} would make them "
                f"anew: thaw them, set {name}, and freeze them again when it is built."
            )

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes the layers for C features, unless they are there, and their weights."""
        C = self.output_shape(input_shape)[-1]
        if self._features != C:
            self._features = C
            list.clear(self.children)  # they are fixed for others
            self.adopt(Residual(self.attention(C), name="attention"))
            self.adopt(Residual(self.mlp(C), name="mlp"))
        super().make_parameters(input_shape)

    def attention(self, C: int) -> list[Layer]:
        """What is added to X."""
        size = C // self.num_heads
        heads = MultiHeadAttention(self.num_heads, size, dropout=self.dropout, causal=self.causal)
        return [LayerNormalization(), heads, *self.drop()]

    def mlp(self, C: int) -> list[Layer]:
        """What is added to H."""
        return [LayerNormalization(), Dense(self.units), ReLU(), Dense(C), *self.drop()]

    def drop(self) -> list[Layer]:
        """What both end with."""
        return [Dropout(self.dropout)] if self.random else []

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same.

        Raises:
            ShapeError: A sample is no sequence, ``(T, C)``, or the heads cannot share C.
        """
        check_axes(self, tuple(input_shape), "TC")
        C = input_shape[-1]
        if C % self.num_heads:
            raise ShapeError(
                f"{self} has {self.num_heads} heads, which cannot share {C} features equally: "
                f"choose num_heads that divide {C}, or let a layer before it make other features."
            )
        return tuple(input_shape)
