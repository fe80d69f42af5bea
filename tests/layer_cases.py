"""The table of all layers: how each is made, what it takes, and what may be asked of it.

A new layer is one row in ``CASES``, or several if it has branches. The tests of the contract, of
recorded steps, of ``fit_many``, of model files, of explanations and of mutated formulas run over
these rows. What is special about a layer stands in its own file.
"""

import functools
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from backprop.inspection.copies import generators
from backprop.layers import (
    CELU,
    ELU,
    GELU,
    GLU,
    GRU,
    LSTM,
    SELU,
    Activation,
    ActivityRegularization,
    AlphaDropout,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Block,
    Chain,
    Columns,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Exponential,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    HardShrink,
    HardSigmoid,
    HardSiLU,
    HardTanh,
    Identity,
    Lambda,
    Layer,
    LayerNormalization,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    Mish,
    MultiHeadAttention,
    Normalization,
    Parallel,
    Permute,
    PositionalEncoding,
    PositionEmbedding,
    PReLU,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    ReLU,
    ReLU6,
    RepeatVector,
    Rescaling,
    Reshape,
    Residual,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    SimpleRNN,
    Softmax,
    Softplus,
    SoftShrink,
    Softsign,
    Sparsemax,
    SparsePlus,
    SparseSigmoid,
    SpatialDropout1D,
    SpatialDropout2D,
    Squareplus,
    Tanh,
    TanhShrink,
    Threshold,
    TimeDistributed,
    TransformerBlock,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from backprop.layers.block import walk

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


# ----------------------------------------------------------------------------- layers of one's own


class Cube(Activation):
    """An activation of the user's own."""

    def f(self, Z, out=None):
        return np.power(Z, 3, out=out)

    def f_prime(self, Z, A, out):
        np.multiply(Z, Z, out=out)
        out *= 3
        return out


class Scale(Layer):
    """A layer of the user's own that overrides ``build`` itself."""

    def build(self, input_shape, rng=None, dtype="float32"):
        super().build(input_shape, rng, dtype)
        self.X = None
        self.gamma = self.add_parameter("gamma", input_shape[-1:], "ones")

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.gamma.value

    def backward(self, delta):
        self.check_delta(delta, self.X)
        leading = tuple(range(delta.ndim - 1))
        self.gamma.gradient[...] = np.sum(delta * self.X, axis=leading)
        return delta * self.gamma.value


class Lookup(Layer):
    """Y = W[X] for whole numbers X, so that there is no ∂E/∂X."""

    Y = None

    def make_parameters(self, input_shape):
        self.W = self.add_parameter("W", (5, 3))

    def output_shape(self, input_shape):
        return (*input_shape, 3)

    def forward(self, X, training=False):
        X = X.astype(np.intp)  # a model hands on numbers of its dtype
        Y = self.W.value[X]
        if training:
            self.X, self.Y = X, Y
        return Y

    def backward(self, delta):
        self.check_delta(delta, self.Y)
        self.W.gradient[...] = 0
        np.add.at(self.W.gradient, self.X, delta)


class MeanOverSteps(Layer):
    """The mean of a sequence over those steps that a mask leaves."""

    Y = None

    def output_shape(self, input_shape):
        return input_shape[1:]

    def forward(self, X, training=False, mask=None):
        share = np.ones(X.shape[:2], X.dtype) if mask is None else mask.astype(X.dtype)
        share /= share.sum(axis=1, keepdims=True)
        Y = np.einsum("nt,nt...->n...", share, X)
        if training:
            self.share, self.Y = share, Y
        return Y

    def backward(self, delta):
        self.check_delta(delta, self.Y)
        return self.share.reshape(*self.share.shape, *[1] * (delta.ndim - 1)) * delta[:, np.newaxis]


class WithMask(Block):
    """Hands a layer the mask that goes with its input, as a model does."""

    def __init__(self, layer, mask):
        super().__init__()
        self.layer, self.mask = self.adopt(layer), mask

    def make_parameters(self, input_shape):
        self.build_child(self.layer, input_shape)

    def output_shape(self, input_shape):
        return self.layer.output_shape(input_shape)

    def forward(self, X, training=False, mask=None):
        return self.layer.forward(X, training, mask=self.mask(X))

    def backward(self, delta):
        return self.layer.backward(delta)


def square(X):
    return X * X


def square_backward(delta, X, Y):
    return 2 * delta * X


# --------------------------------------------------------------------------------------- inputs


def normal(rng: np.random.Generator, shape: Shape) -> Array:
    return rng.standard_normal(shape)


def small(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal numbers whose sums over many channels stay about 1."""
    return rng.standard_normal(shape) / 4


def away_from(*kinks: float) -> Callable[..., Array]:
    """Normal numbers that keep 0.1 away from where a layer has no derivative."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        X = rng.standard_normal(shape)
        for kink in kinks:
            near = np.abs(X - kink) < 0.1
            X[near] = kink + np.where(X[near] < kink, -0.1, 0.1)
        return X

    return draw


def distinct(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers no two of which are closer than 0.05, so that the largest one is beyond doubt."""
    n = int(np.prod(shape))
    return (rng.permutation(n) - n / 2).reshape(shape) * 0.05


def indices(n: int) -> Callable[..., Array]:
    """Integers below n: of a layer that takes these there is no ∂E/∂X."""
    return lambda rng, shape: rng.integers(0, n, shape)


def first_steps(X: Array) -> Array:
    """A mask ``(N, T)`` that leaves one or more of the first steps of each sequence."""
    lengths = 1 + np.sum(X[:, 1:].reshape(len(X), X.shape[1] - 1, -1)[..., 0] > 0, axis=1)
    return np.arange(X.shape[1]) < lengths[:, np.newaxis]


def any_steps(X: Array) -> Array:
    """A mask ``(N, T)`` with gaps; of some sequences it leaves no step at all."""
    return X[..., 0] > 0


def all_or_none(X: Array) -> Array:
    """A mask ``(N, T)`` that leaves every step, or of about half of the sequences none."""
    return np.repeat(X[:, :1, 0] > 0, X.shape[1], axis=1)


def later_steps(X: Array) -> Array:
    """A mask ``(N, T)`` that leaves the other steps, of some sequences none."""
    return ~first_steps(X)


# ---------------------------------------------------------------------------------- what a row is


@functools.cache
def state_of(k: int) -> Any:
    """The state of a new generator of the seed k."""
    return np.random.default_rng(k).bit_generator.state


@dataclass(frozen=True)
class Case:
    """A layer as it is configured, and what holds for it.

    Attributes:
        name: The row's name, which begins with the layer's.
        make: Makes a new one.
        shape: The shape of one sample, of any rank.
        draw: Draws inputs from a generator in a given shape, away from kinks.
        mask: Computes the mask that goes with inputs X; None for a layer that takes none.
        leading: Whether it works along the last axis for any number of leading axes.
        random: Whether it draws new numbers in every training step.
        mixes: Whether in training a sample's output depends on the other samples.
        large: Inputs of this size must neither overflow nor warn.
        recorded: Whether training steps through it are recorded and replayed.
        stacked: Whether ``fit_many`` trains several models with it in one step.
        idle: What the names of those parameters end in on which its output does not depend: the
            biases of keys add the same number to all scores of a step.
    """

    name: str
    make: Callable[[], Layer]
    shape: Shape = (4,)
    draw: Callable[..., Array] = normal
    mask: Callable[[Array], Array] | None = None
    leading: bool = True
    random: bool = False
    mixes: bool = False
    large: float = 1e4
    recorded: bool = True
    stacked: bool = True
    idle: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def own(self) -> bool:
        """Whether the layer, or a function in it, stands here and not in the package."""
        made = self.make()
        return made.runs_own_code or type(made).__module__ == __name__

    @property
    def integers(self) -> bool:
        """Whether it takes integers, so that there is no ∂E/∂X."""
        return self.draw(np.random.default_rng(0), (1, *self.shape)).dtype.kind in "iu"

    @property
    def penalizes(self) -> bool:
        """Whether it adds to the loss, so that gradients are also those of what it adds."""
        return any(layer.penalizes for _, layer in walk([self.make()]))

    @property
    def same_in_training(self) -> bool:
        """Whether a training pass returns what inference does."""
        return not (self.random or self.mixes)

    def built(self, dtype: str = "float64") -> Any:
        """The layer with parameters none of which is 0, so that none can be forgotten."""
        layer = self.make()
        layer.build(self.shape, np.random.default_rng(7), dtype)
        noise = np.random.default_rng(8)
        for p in layer.parameters:
            p.value += (0.3 * noise.standard_normal(p.shape)).astype(dtype)
        return layer

    def samples(self, n: int = 5, dtype: str = "float64", seed: int = 1) -> tuple[Array, Array]:
        """Inputs and a random upstream delta."""
        rng = np.random.default_rng(seed)
        shape = self.make().output_shape(self.shape)
        X = self.draw(rng, (n, *self.shape))
        delta = rng.standard_normal((n, *shape)).astype(dtype)
        return (X.astype(dtype) if X.dtype.kind == "f" else X), delta

    def forward(
        self, layer: Any, X: Array, training: bool = False, drawing: Iterable[Any] | None = None
    ) -> Array:
        """Y, with the mask that belongs to X; in training with the same noise every time.

        The layer is searched for its generators, unless these are given as ``drawing``.
        """
        if training and self.random:
            for k, generator in enumerate(generators(layer) if drawing is None else drawing):
                generator.bit_generator.state = state_of(k)
        mask = {} if self.mask is None else {"mask": self.mask(X)}
        return layer.forward(X, training, **mask)

    def train(self, layer: Any, X: Array, delta: Array) -> list[Array]:
        """Copies of Y, ∂E/∂X and the parameters' gradients of a training pass."""
        Y = self.forward(layer, X, training=True).copy()
        return [Y, *self.backward(layer, delta)]

    def backward(self, layer: Any, delta: Array) -> list[Array]:
        """Copies of ∂E/∂X and of the parameters' gradients."""
        dX = layer.backward(delta)
        assert (dX is None) == self.integers
        found = [] if dX is None else [dX.copy()]
        return [*found, *(p.gradient.copy() for p in layer.parameters if p.learned)]

    def in_front(self) -> list[Layer]:
        """Layers to put before it in a model, which ask it for ∂E/∂X if there is one."""
        return [] if self.integers else [Dense(self.shape[-1]), Tanh()]

    def batch(self, n: int, n_classes: int) -> tuple[Array, Array]:
        """Inputs of a model, and classes for what ends in ``Dense(n_classes)`` behind the layer."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        out = self.make().output_shape(self.shape)
        return self.draw(rng, (n, *self.shape)), rng.integers(0, n_classes, (n, *out[:-1]))


def sequences(name: str, make: Callable[[], Layer], shape: Shape = (4, 3), **what: Any) -> Case:
    """A layer that takes sequences, and those alone."""
    return Case(name, make, shape, leading=False, **what)


def noise(name: str, make: Callable[[], Layer], shape: Shape = (3, 6)) -> Case:
    """A layer that draws factors for samples of several axes."""
    return Case(name, make, shape, leading=False, random=True)


def penalty(name: str, **what: Any) -> Case:
    """A penalty on numbers that keep away from its kink."""
    what |= {"draw": away_from(0.0), "leading": False, "stacked": False}
    return Case(name, lambda: ActivityRegularization(0.3, 0.2), **what)


def frozen(layer: Layer) -> Layer:
    layer.trainable = False
    return layer


def images(
    name: str,
    make: Callable[[], Layer],
    shape: Shape = (5, 5, 2),
    draw: Callable[..., Array] = normal,
) -> Case:
    """A layer that works on images or sequences alone."""
    return Case(name, make, shape, draw, leading=False)


def augmentation(name: str, make: Callable[[], Layer]) -> Case:
    """A layer that changes images at random in training, by what no tape can note."""
    shape = (5, 6, 2)
    return Case(name, make, shape, leading=False, random=True, recorded=False, stacked=False)


# -------------------------------------------------------------------------------------- the table

CASES = [
    Case("dense", lambda: Dense(3)),
    Case("dense_one_to_one", lambda: Dense(1), shape=(1,)),
    Case("dense_without_bias", lambda: Dense(3, use_bias=False)),
    Case(
        "dense_regularised",
        lambda: Dense(4, kernel_regularizer="l2", bias_regularizer="l1"),
    ),
    Case(
        "dense_orthogonal",
        lambda: Dense(4, kernel_regularizer="orthogonal_regularizer"),
    ),
    Case(
        "dense_constrained",
        lambda: Dense(4, use_bias=False, kernel_constraint="max_norm"),
        stacked=False,
    ),
    images("conv", lambda: Conv2D(3, (2, 3))),
    images("conv_strided", lambda: Conv2D(4, 3, 2, "same", groups=2, use_bias=False)),
    images("conv_dilated", lambda: Conv2D(2, 2, padding="same", dilation_rate=(1, 2))),
    images("conv_pointwise", lambda: Conv2D(3, 1)),
    images("conv_of_tiles", lambda: Conv2D(16, 3, padding="same"), (3, 4, 16), small),
    images("conv_1d", lambda: Conv1D(3, 2), shape=(6, 2)),
    *(
        Case(f"conv_1d_of_{mask.__name__}_{padding}", make, (6, 2), mask=mask, leading=False)
        for mask in (first_steps, any_steps)
        for padding, make in {
            "valid": lambda: Conv1D(3, 2, 2),
            "same": lambda: Conv1D(3, 3, padding="same"),
        }.items()
    ),
    images("conv_1d_causal", lambda: Conv1D(3, 2, 1, "causal", 2), shape=(6, 2)),
    images("conv_transpose", lambda: Conv2DTranspose(2, 3), shape=(2, 3, 2)),
    images("conv_transpose_strided", lambda: Conv2DTranspose(2, 3, 2, "same"), shape=(2, 3, 2)),
    images("depthwise_conv", lambda: DepthwiseConv2D(3, padding="same")),
    images("depthwise_conv_strided", lambda: DepthwiseConv2D(2, 2, depth_multiplier=2)),
    images("depthwise_conv_1d", lambda: DepthwiseConv1D(3, 2, "same", 2), (6, 2)),
    images("separable_conv_1d", lambda: SeparableConv1D(3, 2, dilation_rate=2), (6, 2)),
    images("conv_transpose_1d", lambda: Conv1DTranspose(2, 3, 2, "same", 0), (3, 2)),
    *(
        Case(f"{row}_of_{mask.__name__}", make, (6, 2), mask=mask, leading=False)
        for mask in (first_steps, any_steps)
        for row, make in {
            "depthwise_conv_1d": lambda: DepthwiseConv1D(2, depth_multiplier=2),
            "separable_conv_1d": lambda: SeparableConv1D(3, 3, padding="same"),
        }.items()
    ),
    images("separable_conv", lambda: SeparableConv2D(3, 2, padding="same")),
    Case("identity", Identity),
    Case("sigmoid", Sigmoid),
    Case("tanh", Tanh),
    Case("relu", ReLU, draw=away_from(0.0)),
    Case("relu_with_options", lambda: ReLU(1.5, 0.2, 0.5), draw=away_from(0.5, 1.5)),
    Case("relu_up_to_1", lambda: ReLU(1), draw=away_from(0.0, 1.0)),
    Case("relu6", ReLU6, draw=away_from(0.0, 6.0)),
    Case("celu", lambda: CELU(0.7)),
    Case("hard_silu", HardSiLU, draw=away_from(-3.0, 3.0)),
    Case("hard_tanh", HardTanh, draw=away_from(-1.0, 1.0)),
    Case("log_sigmoid", LogSigmoid),
    Case("squareplus", Squareplus),
    Case("sparse_plus", SparsePlus),
    Case("sparse_sigmoid", SparseSigmoid, draw=away_from(-1.0, 1.0)),
    Case("threshold", lambda: Threshold(0.5, -1.5), draw=away_from(0.5)),
    Case("sparsemax", Sparsemax, draw=distinct, recorded=False, stacked=False),
    Case(
        "sparsemax_of_columns",
        lambda: Sparsemax(1),
        shape=(4, 3),
        draw=distinct,
        leading=False,
        recorded=False,
        stacked=False,
    ),
    Case("tanh_shrink", TanhShrink),
    Case("soft_shrink", SoftShrink, draw=away_from(-0.5, 0.5)),
    Case("hard_shrink", HardShrink, draw=away_from(-0.5, 0.5)),
    Case("leaky_relu", LeakyReLU, draw=away_from(0.0)),
    Case("prelu", PReLU, draw=away_from(0.0), leading=False),
    Case("prelu_of_images", PReLU, shape=(3, 2, 4), draw=away_from(0.0), leading=False),
    Case(
        "prelu_shared",
        lambda: PReLU(shared_axes=[1, 2]),
        shape=(3, 2, 4),
        draw=away_from(0.0),
        leading=False,
    ),
    Case(
        "prelu_penalized",
        lambda: PReLU(alpha_regularizer="l2", alpha_constraint="non_negative"),
        draw=away_from(0.0),
        leading=False,
        stacked=False,
    ),
    Case("elu", ELU, draw=away_from(0.0)),
    Case("elu_with_a_kink", lambda: ELU(0.5), draw=away_from(0.0)),
    Case("selu", SELU, draw=away_from(0.0)),
    Case("hard_sigmoid", HardSigmoid, draw=away_from(-3.0, 3.0)),
    Case("softplus", Softplus),
    Case("softsign", Softsign, draw=away_from(0.0)),
    Case("silu", SiLU),
    Case("mish", Mish),
    Case("gelu", GELU),
    Case("gelu_approximate", lambda: GELU(approximate=True)),
    Case("exponential", Exponential, large=80),  # e^89 is infinite in float32
    Case("log_softmax", LogSoftmax),
    Case("softmax", Softmax),
    Case("softmax_of_columns", lambda: Softmax(1), shape=(3, 4), leading=False),
    Case("softmax_of_places", lambda: Softmax([1, 2]), shape=(3, 2, 4), leading=False),
    Case("softmax_of_images", lambda: Softmax((-1, -2, -3)), shape=(3, 2, 4), leading=False),
    Case("glu", GLU),
    Case("glu_of_steps", lambda: GLU(1), shape=(4, 3), leading=False),
    Case("dropout", lambda: Dropout(0.4), random=True),
    noise("dropout_of_whole_features", lambda: Dropout(0.4, (None, 1, None))),
    noise("dropout_of_the_whole_batch", lambda: Dropout(0.4, (1, 3, 6))),
    penalty("activity_regularization"),
    penalty("activity_regularization_of_masked_steps", shape=(4, 3), mask=any_steps),
    Case(
        "chain_with_a_penalty",
        lambda: Chain([Dense(3), ActivityRegularization(0.3, 0.2), Tanh()]),
        leading=False,
        stacked=False,
    ),
    Case("alpha_dropout", lambda: AlphaDropout(0.4), random=True),
    noise("alpha_dropout_of_whole_steps", lambda: AlphaDropout(0.4, (None, None, 1)), (9, 3)),
    Case("gaussian_dropout", lambda: GaussianDropout(0.3), random=True),
    Case("gaussian_noise", lambda: GaussianNoise(0.2), random=True),
    noise("spatial_dropout", lambda: SpatialDropout2D(0.4), (3, 2, 6)),
    noise("spatial_dropout_1d", lambda: SpatialDropout1D(0.4)),
    Case("batch_normalization", BatchNormalization, mixes=True),
    Case(
        "batch_normalization_bare",
        lambda: BatchNormalization(center=False, scale=False),
        mixes=True,
    ),
    *(
        Case(
            f"batch_normalization_of_{mask.__name__}",
            BatchNormalization,
            shape=(4, 3),
            mask=mask,
            mixes=True,
            leading=False,
        )
        for mask in (first_steps, any_steps)
    ),
    Case("batch_normalization_unscaled", lambda: BatchNormalization(scale=False), mixes=True),
    Case("batch_normalization_frozen", lambda: frozen(BatchNormalization())),
    Case("batch_normalization_frozen_unscaled", lambda: frozen(BatchNormalization(scale=False))),
    Case("layer_normalization", LayerNormalization),
    Case("layer_normalization_uncentered", lambda: LayerNormalization(center=False)),
    Case("layer_normalization_unscaled", lambda: LayerNormalization(scale=False)),
    Case("batch_normalization_of_images", BatchNormalization, shape=(3, 2, 4), mixes=True),
    Case(
        "layer_normalization_of_images",
        lambda: LayerNormalization([-3, -2, -1]),
        shape=(3, 2, 4),
        leading=False,
    ),
    Case(
        "batch_normalization_of_the_first_axis",
        lambda: BatchNormalization(1, moving_mean_initializer="ones", gamma_regularizer="l2"),
        shape=(3, 2, 4),
        leading=False,
        mixes=True,
    ),
    Case(
        "batch_normalization_of_rows_frozen",
        lambda: frozen(BatchNormalization(-2, scale=False)),
        shape=(3, 4),
        leading=False,
    ),
    Case(
        "layer_normalization_of_columns",
        lambda: LayerNormalization(1, gamma_regularizer="l1", beta_regularizer="l2"),
        shape=(3, 4),
        leading=False,
    ),
    Case(
        "layer_normalization_of_two_axes_apart",
        lambda: LayerNormalization([3, 1]),
        shape=(3, 2, 4),
        leading=False,
    ),
    Case(
        "group_normalization_of_the_first_axis",
        lambda: GroupNormalization(2, axis=1),
        shape=(4, 3, 2),
        leading=False,
    ),
    Case("group_normalization", lambda: GroupNormalization(2), shape=(3, 2, 4), leading=False),
    Case(
        "group_normalization_of_vectors",  # six in a group: the variance of a few may be tiny
        lambda: GroupNormalization(2, scale=False),
        shape=(12,),
        leading=False,
    ),
    augmentation("random_flip", RandomFlip),
    augmentation("random_flip_horizontal", lambda: RandomFlip("horizontal")),
    augmentation("random_translation", lambda: RandomTranslation(0.4, (0, 0.3))),
    augmentation("random_crop", lambda: RandomCrop(3, 4)),
    augmentation("random_rotation", lambda: RandomRotation(0.4)),
    augmentation("random_erasing", lambda: RandomErasing((0.9, 1), (0.1, 0.5), 0.5)),
    Case("rescaling", lambda: Rescaling(1 / 3, 0.5)),
    Case("normalization", lambda: Normalization(mean=0.5, variance=2)),
    Case("normalization_inverted", lambda: Normalization(-1, [1, 2, 3, 4], [2, 3, 4, 1], True)),
    images("normalization_of_images_inverted", lambda: Normalization(-1, [1, 2], [3, 2], True)),
    images("normalization_of_images", lambda: Normalization(mean=[1, 2], variance=[3, 2])),
    images("normalization_of_pixels", lambda: Normalization([1, 2, 3], 0.5, 2)),
    images("normalization_of_all", lambda: Normalization(None, 0.5, 2)),
    images("max_pooling", MaxPooling2D, shape=(4, 6, 2), draw=distinct),
    images("max_pooling_odd", lambda: MaxPooling2D((2, 3)), shape=(5, 7, 1), draw=distinct),
    images("max_pooling_overlapping", lambda: MaxPooling2D(3, 2), draw=distinct),
    images("max_pooling_with_gaps", lambda: MaxPooling2D(2, 3), draw=distinct),
    images("max_pooling_same", lambda: MaxPooling2D(3, 2, "same"), draw=distinct),
    images("max_pooling_of_rows", lambda: MaxPooling2D((1, 3), 1), draw=distinct),
    images("max_pooling_1d", MaxPooling1D, shape=(6, 2), draw=distinct),
    images("max_pooling_1d_same", lambda: MaxPooling1D(3, 2, "same"), (6, 2), distinct),
    images("average_pooling", AveragePooling2D, shape=(4, 6, 2)),
    images("average_pooling_overlapping", lambda: AveragePooling2D(3, 2)),
    images("average_pooling_with_gaps", lambda: AveragePooling2D(2, 3)),
    images("average_pooling_same", lambda: AveragePooling2D(3, 2, "same")),
    images("average_pooling_1d", AveragePooling1D, shape=(6, 2)),
    images("average_pooling_1d_same", lambda: AveragePooling1D(4, 3, "same"), shape=(6, 2)),
    images("global_average_pooling", GlobalAveragePooling2D),
    images("global_average_pooling_kept", lambda: GlobalAveragePooling2D(keepdims=True)),
    images("global_average_pooling_1d", GlobalAveragePooling1D, shape=(6, 2)),
    Case(
        "global_average_pooling_1d_of_masked_steps",
        GlobalAveragePooling1D,
        shape=(4, 3),
        mask=first_steps,
        leading=False,
    ),
    *(
        Case(
            f"global_max_pooling_1d_of_{mask.__name__}",
            lambda: GlobalMaxPooling1D(keepdims=True),
            shape=(4, 3),
            draw=distinct,
            mask=mask,
            leading=False,
        )
        for mask in (first_steps, any_steps, all_or_none)
    ),
    images("global_max_pooling", GlobalMaxPooling2D, draw=distinct),
    images("global_max_pooling_1d_kept", lambda: GlobalMaxPooling1D(True), (6, 2), distinct),
    images("global_max_pooling_1d", GlobalMaxPooling1D, (6, 2), distinct),
    images("zero_padding", lambda: ZeroPadding2D(((1, 0), (2, 3)))),
    images("zero_padding_1d", lambda: ZeroPadding1D((1, 2)), shape=(6, 2)),
    images("cropping", lambda: Cropping2D(((1, 0), (2, 1)))),
    images("cropping_1d", lambda: Cropping1D((1, 2)), shape=(6, 2)),
    images("up_sampling", lambda: UpSampling2D((2, 3))),
    images("up_sampling_1d", UpSampling1D, shape=(6, 2)),
    images("flatten", Flatten),
    Case("repeat_vector", lambda: RepeatVector(3), leading=False),
    images("reshape", lambda: Reshape((-1, 3)), shape=(3, 4, 2)),
    images("permute", lambda: Permute((2, 3, 1)), shape=(3, 4, 2)),
    sequences("group_normalization_of_sequences", lambda: GroupNormalization(2), shape=(3, 4)),
    Case("unit_normalization", UnitNormalization),
    Case(
        "unit_normalization_of_two_axes",
        lambda: UnitNormalization([1, 3]),
        (3, 2, 4),
        leading=False,
    ),
    Case("rms_normalization", RMSNormalization),
    Case(
        "rms_normalization_of_two_axes",
        lambda: RMSNormalization([-2, -1], epsilon=0.1),
        shape=(3, 4),
        leading=False,
    ),
    Case("rms_normalization_of_columns", lambda: RMSNormalization(-2), shape=(3, 4), leading=False),
    *(
        sequences(f"attention{row}", make, shape=(4, 6), idle=("b_key",), **what)
        for row, make, what in [
            ("", lambda: MultiHeadAttention(2, 3), {}),
            ("_causal", lambda: MultiHeadAttention(2, 2, 5, causal=True), {}),
            ("_of_one_head", lambda: MultiHeadAttention(1, 3, 2, use_bias=False), {}),
            ("_masked", lambda: MultiHeadAttention(2, 3), {"mask": first_steps}),
            (
                "_masked_and_causal",
                lambda: MultiHeadAttention(2, 2, 3, causal=True),
                {"mask": later_steps},
            ),
            ("_in_windows", lambda: MultiHeadAttention(2, 3, sliding_window=2), {}),
            (
                "_in_windows_masked_and_causal",
                lambda: MultiHeadAttention(2, 2, None, 0.0, False, True, 2),
                {"mask": later_steps},
            ),
            (
                "_penalized",
                lambda: MultiHeadAttention(
                    2,
                    3,
                    kernel_initializer="he_normal",
                    bias_initializer="ones",
                    kernel_regularizer="l2",
                    bias_regularizer="l1",
                    kernel_constraint="max_norm",
                    bias_constraint="non_negative",
                ),
                {"stacked": False},
            ),
            ("_of_noise", lambda: MultiHeadAttention(2, 3, dropout=0.4), {"random": True}),
        ]
    ),
    sequences(
        "attention_of_one_step",
        lambda: MultiHeadAttention(2, 3),
        shape=(1, 3),
        idle=("_query", "_key"),  # there is nothing to choose from
    ),
    sequences("positional_encoding", PositionalEncoding, shape=(4, 5)),
    sequences("position_embedding", lambda: PositionEmbedding(6)),
    *(
        sequences(f"transformer_block{row}", make, shape=(4, 6), idle=("b_key",), **what)
        for row, make, what in [
            ("", lambda: TransformerBlock(2, 8), {}),
            ("_causal", lambda: TransformerBlock(1, 3, causal=True), {}),
            ("_masked", lambda: TransformerBlock(2, 5), {"mask": first_steps}),
            ("_of_noise", lambda: TransformerBlock(3, 6, 0.3), {"random": True}),
        ]
    ),
    Case("chain", lambda: Chain([Dense(5), Tanh(), Dense(3), Softmax()])),
    Case(
        "chain_of_noise",
        lambda: Chain([Dropout(0.3), Dense(3), Tanh(), BatchNormalization(), GaussianNoise(0.1)]),
        random=True,
        mixes=True,
    ),
    Case("residual", lambda: Residual([Dense(3), Tanh(), Dense(4)])),
    Case("residual_with_a_shortcut", lambda: Residual([Dense(3), Tanh()], shortcut=[Dense(3)])),
    Case("residual_of_noise", lambda: Residual([Dropout(0.3), Dense(4)]), random=True),
    Case("parallel", lambda: Parallel([Dense(2), [Dense(3), Tanh()]])),
    *(
        Case(f"parallel_{merge}", lambda m=merge: Parallel([Dense(3), [Tanh(), Dense(3)]], m))
        for merge in ("add", "multiply", "average", "maximum")
    ),
    Case("embedding", lambda: Embedding(5, 3), draw=indices(5)),
    Case("masking", Masking, shape=(3, 4), stacked=False),
    Case("time_distributed", lambda: TimeDistributed([Dense(3), Tanh()]), shape=(3, 4)),
    sequences("simple_rnn", lambda: SimpleRNN(3)),
    sequences("simple_rnn_sequences", lambda: SimpleRNN(2, return_sequences=True, use_bias=False)),
    sequences("simple_rnn_of_one_step", lambda: SimpleRNN(3, return_sequences=True), shape=(1, 1)),
    sequences("lstm", lambda: LSTM(3)),
    sequences("lstm_sequences", lambda: LSTM(2, return_sequences=True, go_backwards=True)),
    sequences("lstm_without_bias", lambda: LSTM(3, use_bias=False)),
    sequences("lstm_of_one_unit", lambda: LSTM(1, return_sequences=True), shape=(2, 1)),
    sequences(
        "lstm_dropout",
        lambda: LSTM(3, return_sequences=True, dropout=0.3, recurrent_dropout=0.4),
        random=True,
    ),
    sequences("gru", lambda: GRU(3)),
    sequences("gru_sequences", lambda: GRU(2, return_sequences=True, use_bias=False)),
    sequences("gru_reset_before", lambda: GRU(3, reset_after=False, return_sequences=True)),
    sequences(
        "gru_reset_before_dropout",
        lambda: GRU(3, reset_after=False, go_backwards=True, dropout=0.3, recurrent_dropout=0.4),
        random=True,
    ),
    *(
        sequences(f"{row}_of_{mask.__name__}", make, mask=mask)
        for mask in (first_steps, any_steps)
        for row, make in {
            "simple_rnn": lambda: SimpleRNN(3),
            "lstm": lambda: LSTM(3, return_sequences=True),
            "gru": lambda: GRU(3, return_sequences=True, go_backwards=True),
            "gru_reset_before": lambda: GRU(3, reset_after=False),
            "bidirectional": lambda: Bidirectional(GRU(2, return_sequences=True)),
        }.items()
    ),
    *(
        sequences(f"bidirectional_{mode}", lambda m=mode: Bidirectional(SimpleRNN(2), m))
        for mode in ("concat", "sum", "ave", "mul")
    ),
    sequences(
        "bidirectional_sequences",
        lambda: Bidirectional(LSTM(2, return_sequences=True), "mul"),
    ),
    Case("columns", lambda: Columns([2, 0])),
    Case("columns_that_come_twice", lambda: Columns([1, -1, 1])),
    Case("columns_more_than_inputs", lambda: Columns([1, 3, 2, 0, 1])),
    Case(
        "lambda",
        lambda: Lambda(square, square_backward),
        recorded=False,
        stacked=False,
    ),
    Case("own_activation", Cube, large=1e2, recorded=False, stacked=False),
    Case("own_layer", Scale, recorded=False, stacked=False),
    Case("own_lookup", Lookup, draw=indices(5), recorded=False, stacked=False),
    Case(
        "own_layer_with_a_mask",
        MeanOverSteps,
        shape=(4, 3),
        mask=first_steps,
        leading=False,
        recorded=False,
        stacked=False,
    ),
]

ALL = [*CASES, *(replace(c, name=f"{c.name}_3d", shape=(3, *c.shape)) for c in CASES if c.leading)]
"""The rows, and once more with an axis of steps in front for the layers that take one."""

PACKAGE = [case for case in CASES if not case.own]
"""The rows of the package's own layers."""


def kind(case: Case) -> tuple[Any, ...]:
    """What rows share that differ in arguments alone."""
    return type(case.make()), case.mask is None, case.random, case.recorded, case.stacked


FIRST = list({kind(case): case for case in reversed(CASES)}.values())[::-1]
"""The first row of each kind."""


def others_long(cases: Iterable[Case]) -> list[Any]:
    """The rows as parameters; ``--long`` has those that are not the first ones of their kinds."""
    return [case if case in FIRST else pytest.param(case, marks=pytest.mark.long) for case in cases]
