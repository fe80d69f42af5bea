"""Mistakes with images, found before training: what was expected, what came, and what to do."""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from mistakes import assert_speaks

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Chain,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    Parallel,
    RandomCrop,
    RandomRotation,
    Rescaling,
    Reshape,
    Residual,
    Softmax,
    UpSampling2D,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 8, 8, 3)), RNG.integers(0, 4, 6)
FIRST = X.transpose(0, 3, 1, 2)
PIXELS = RNG.integers(0, 3, (6, 8, 8))


def trained(*layers: Any, x: Any = X) -> bp.Sequential:
    model = bp.Sequential([*layers, Flatten(), Dense(4), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, Y, verbose=0)
    return model


def segmented(*layers: Layer, y: Any) -> None:
    model = bp.Sequential([*layers, Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, y, verbose=0)


def same(filters: int, *arguments: Any) -> Conv2D:
    return Conv2D(filters, 3, *arguments, padding="same")


SHAPES = {
    "kernel": (lambda: trained(Conv2D(4, 9)), ["'conv2d_1'", "9 × 9", "(8, 8, 3)", "smaller"]),
    "second kernel": (
        lambda: trained(Conv2D(4, 3), MaxPooling2D(2), Conv2D(4, 5)),
        ["'conv2d_2'", "5 × 5", "(3, 3, 4)", "padding='same'"],
    ),
    "dilated kernel": (lambda: trained(Conv2D(4, 3, dilation_rate=4)), ["9 × 9", "(8, 8, 3)"]),
    "pool": (lambda: trained(MaxPooling2D(9)), ["'max_pooling2d_1'", "9 × 9", "(8, 8, 3)"]),
    "channels first": (
        lambda: trained(Conv2D(4, 5), x=FIRST),
        ["5 × 5", "(3, 8, 8)", "X.transpose(0, 2, 3, 1)"],
    ),
    "channels first later": (
        lambda: trained(Conv2D(4, 3)).predict(FIRST),
        ["(8, 8, 3)", "(6, 3, 8, 8)", "x.transpose(0, 2, 3, 1)"],
    ),
    "channels first in Input": (
        lambda: trained(bp.Input((3, 8, 8)), Conv2D(4, 3)),
        ["(3, 8, 8)", "(6, 8, 8, 3)", "Input((8, 8, 3))"],
    ),
    "one image": (
        lambda: trained(Conv2D(4, 3)).predict(X[0]),
        ["(8, 8, 3)", "x[np.newaxis]"],
    ),
    "channels": (
        lambda: trained(Conv2D(4, 3)).predict(X[..., :1]),
        ["'conv2d_1'", "(8, 8, 3)", "(6, 8, 8, 1)"],
    ),
    "no channels": (
        lambda: trained(Conv2D(4, 3), x=X[..., 0]),
        ["(N, H, W, C)", "(N, 8, 8)", "X[..., np.newaxis] of an array"],
    ),
    "rank": (
        lambda: trained(Flatten(), Conv2D(4, 3)),
        ["'conv2d_1'", "(N, H, W, C)", "(N, 192)", "Reshape"],
    ),
    "rank of sequences": (lambda: trained(Conv1D(4, 3)), ["(N, T, C)", "(N, 8, 8, 3)"]),
    "groups": (lambda: trained(Conv2D(4, 3, groups=2)), ["3 channels", "2 groups", "divide"]),
    "groups that are normalised": (
        lambda: trained(GroupNormalization(2)),
        ["2 groups", "3 channels", "divide 3"],
    ),
    "residual channels": (
        lambda: trained(Residual([same(4)])),
        ["'residual_1'", "(8, 8, 4)", "(8, 8, 3)", "shortcut=[Dense(4)]"],
    ),
    "residual strides": (
        lambda: trained(Residual([same(3, 2)])),
        ["(4, 4, 3)", "(8, 8, 3)", "shortcut=[Conv2D(3, 1, strides=(2, 2))]"],
    ),
    "residual border": (
        lambda: trained(Residual([Conv2D(3, 3)])),
        ["(6, 6, 3)", "(8, 8, 3)", "padding='same'"],
    ),
    "branches": (
        lambda: trained(Parallel([Conv2D(4, 3), Conv2D(4, 5)])),
        ["'parallel_1'", "(6, 6, 4)", "(4, 4, 4)", "'concatenate'"],
    ),
    "branches to add": (
        lambda: trained(Parallel([same(4), same(5)], "add")),
        ["(8, 8, 4)", "(8, 8, 5)", "'add'"],
    ),
    "cropping": (lambda: trained(Cropping2D(4)), ["'cropping2d_1'", "(8, 8, 3)", "crop less"]),
    "crops": (lambda: trained(RandomCrop(9, 9)), ["9 × 9", "(8, 8, 3)", "ZeroPadding2D"]),
    "reshape": (lambda: trained(Reshape((5, 5, 3))), ["(5, 5, 3)", "(8, 8, 3)", "192"]),
    "pixels": (
        lambda: segmented(same(3), y=PIXELS[:, :4]),
        ["(6, 4, 8)", "(N, 8, 8, 3)", "need (N, 8, 8)"],
    ),
    "no Flatten": (
        lambda: segmented(same(3), y=Y),
        ["(6,)", "(N, 8, 8, 3)", "Conv2D", "Flatten()"],
    ),
    "adapted": (
        lambda: trained(Normalization()).layers[0].adapt(X[..., :1]),
        ["'normalization_1'", "(8, 8, 3)", "(1,)", "(3,)"],
    ),
}


@pytest.mark.parametrize(("wrong", "words"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_do_not_fit(wrong: Any, words: list[str]) -> None:
    with pytest.raises(ShapeError) as caught:
        wrong()
    assert_speaks(caught, words)


@pytest.mark.parametrize("layers", [
    lambda more: [Conv1D(2, 3), *more, MaxPooling2D(2)],
    lambda more: [Flatten(), *more, LSTM(3)],
    lambda more: [GlobalAveragePooling1D(), *more, Conv1D(2, 3)],
    lambda more: [*more, Conv2D(2, 3)],
])  # fmt: skip
def test_an_axis_is_added_where_it_is_missing(layers: Any) -> None:
    X = np.ones((2, 9, 4), "float32")
    with pytest.raises(ShapeError, match=r"by Reshape\(.* in front of it") as caught:
        bp.Sequential(layers([])).predict(X)
    advised = re.search(r"Reshape\((\(.*?\))\)", str(caught.value))
    assert advised
    bp.Sequential(layers([Reshape(eval(advised[1]))])).predict(X)


ARGUMENTS = {
    "activation": (lambda: Conv2D(8, 3, activation="relu"), ["Conv2D(8, 3), ReLU()"]),
    "of a recurrent layer": (lambda: LSTM(4, activation="relu"), ["LSTM(4)", "tanh"]),
    "data_format": (
        lambda: MaxPooling2D(2, data_format="channels_first"),
        ["MaxPooling2D(2)", "data_format='channels_first'", "channels last"],
    ),
    "input_shape": (lambda: Conv2D(8, 3, input_shape=(8, 8, 1)), ["input_shape", "Input("]),
    "fill_mode": (lambda: RandomRotation(0.1, fill_mode="nearest"), ["fill_mode", "is 0"]),
    "axes": (lambda: BatchNormalization(axes=1), ["axes=1", "axis, momentum, epsilon, center"]),
    "groups": (lambda: DepthwiseConv2D(3, groups=2), ["groups=2", "kernel_size, strides"]),
    "a letter": (lambda: MaxPooling2D(poolsize=2), ["poolsize=2", "pool_size, strides, padding"]),
    "a loss": (lambda: bp.losses.Huber(reduction="sum"), ["reduction='sum'", "mean"]),
    "an optimizer": (lambda: bp.optimizers.SGD(lr=0.1), ["lr=0.1", "learning_rate"]),
    "too many": (
        lambda: MaxPooling2D(2, 2, "same", "a", "b"),
        ["5 arguments", "takes 4", "pool_size, strides, padding, name"],
    ),
    "too many before names": (lambda: GRU(4, "tanh"), ["2 arguments", "takes 1", "reset_after"]),
    "one layer as layers": (lambda: Residual(Conv2D(3, 3)), ["layers must be a list"]),
    "one layer as branches": (lambda: Parallel(Conv2D(3, 3)), ["branches must be a list"]),
    "one layer in a chain": (lambda: Chain(Dense(3)), ["layers must be a list"]),
    "a string": (lambda: Residual(["relu"]), ["made of layers", "'relu'"]),
    "a class": (lambda: Residual([Flatten]), ["add the parentheses"]),
    "no flag": (lambda: GlobalAveragePooling2D("channels_last"), ["keepdims", "'channels_last'"]),
    "nor this": (lambda: Conv2D(8, 3, use_bias="relu"), ["use_bias of Conv2D", "Conv2D, ReLU()"]),
    "nor that": (lambda: LSTM(4, return_sequences="yes"), ["return_sequences", "'yes'"]),
    "nor these": (lambda: MultiHeadAttention(2, 3, causal=None), ["causal", "None"]),
}


@pytest.mark.parametrize(("wrong", "words"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_that_do_not_exist_or_are_of_another_kind(wrong: Any, words: list[str]) -> None:
    with pytest.raises(TypeError) as caught:
        wrong()
    assert_speaks(caught, words)


VALUES = {
    "strides": (lambda: Conv2D(4, 3, strides=-1), ["strides of Conv2D", "1 or more", "-1"]),
    "of pooling": (lambda: MaxPooling2D(2, strides=0), ["strides of MaxPooling2D", "0"]),
    "both": (
        lambda: Conv2D(4, 3, strides=2, dilation_rate=2),
        ["strides or a dilation_rate", "(2, 2)", "set one of them to 1"],
    ),
    "filters": (lambda: Conv2D("4", 3), ["filters of Conv2D", "'4'"]),
    "kernel_size": (lambda: Conv2D(4, (3, 3, 3)), ["kernel_size of Conv2D", "(3, 3, 3)"]),
    "padding": (lambda: Conv2D(4, 3, padding="SAME"), ["'valid' or 'same'", "'SAME'"]),
    "causal": (lambda: Conv2D(4, 3, padding="causal"), ["only Conv1D is causal"]),
    "groups": (lambda: Conv2D(4, 3, groups=3), ["4 filters", "3 groups", "multiple of groups"]),
    "size": (lambda: UpSampling2D(0), ["size of UpSampling2D", "0"]),
    "output_padding": (
        lambda: Conv2DTranspose(4, 3, 2, output_padding=2),
        ["output_padding of Conv2DTranspose", "(2, 2)", "2"],
    ),
    "axis": (lambda: LayerNormalization(1e-5), ["axis of LayerNormalization", "1e-05"]),
    "merge": (lambda: Parallel([Dense(2)], "sum"), ["merge", "'sum'", "add"]),
    "no layers": (lambda: Residual([]), ["Residual", "at least one layer"]),
    "rate": (lambda: Dropout(1.5), ["Dropout(rate)", "1.5"]),
    "filters of a model": (lambda: bp.plotting.filters(Conv2D(3, 3)), ["<Conv2D>", "built"]),
    "maps of a model": (
        lambda: bp.plotting.feature_maps(bp.Sequential([Dense(2)])),
        ["<Sequential", "model.activations(X[:1])"],
    ),
}


@pytest.mark.parametrize(("wrong", "words"), VALUES.values(), ids=VALUES)
def test_values_that_cannot_be_used(wrong: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        wrong()
    assert_speaks(caught, words)


def test_the_same_layer_twice_is_refused() -> None:
    layer = same(3)
    with pytest.raises(ValueError, match=r"belongs to a model already.*layer\.copy\(\)"):
        trained(layer, layer)


def test_a_class_of_ones_own_takes_what_its_constructor_takes() -> None:
    class Own(Dense):
        def __init__(self, *given: Any, activation: str = "", **named: Any) -> None:
            super().__init__(*given, **named)
            self.activation = activation

    assert Own(3, activation="relu", use_bias=False).activation == "relu"


def test_flags_of_numpy_pass() -> None:
    for layer in (Dense(2, use_bias=np.False_), Conv2D(2, 1, use_bias=np.False_)):
        assert layer.use_bias is False
    assert LSTM(2, return_sequences=np.True_).return_sequences is True


# ------------------------------------------------------------------------------- bytes as they come

BYTES = RNG.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
WORDS = RNG.integers(0, 256, (6, 8)).astype(np.uint8)
UNWARNED = {
    "rescaled": ([Rescaling(1 / 255), same(2)], BYTES),
    "normalised": ([Normalization(), same(2)], BYTES),
    "words": ([Embedding(256, 4), GlobalAveragePooling1D()], WORDS),
    "words in a chain": ([[Embedding(256, 4), Bidirectional(GRU(2))]], WORDS),
    "shares": ([same(2)], BYTES / 255),
}


@pytest.mark.parametrize(("layers", "x"), UNWARNED.values(), ids=UNWARNED)
def test_no_warning_where_bytes_are_scaled_or_indices(layers: list[Any], x: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(*layers, x=x)


@pytest.mark.parametrize("first", [[same(2)], [Flatten(), Dense(2)]], ids=["conv", "dense"])
def test_bytes_that_nothing_scales_are_warned_of(first: list[Layer]) -> None:
    with pytest.warns(UserWarning, match=r"bytes .* divide by 255, or begin with Rescaling"):
        trained(*first, x=BYTES)


@pytest.mark.parametrize("target", [(6,), (6, 1)])
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("mse", 1), ("GaussianNegativeLogLikelihood", 2), (bp.losses.Quantile([0.1, 0.9]), 2)],
    ids=["mse", "likelihood", "quantiles"],
)
def test_every_loss_says_what_to_do_about_axes_too_many(loss, outputs, target):
    model = bp.Sequential([Dense(outputs)])
    model.compile("sgd", loss)
    with pytest.raises(ShapeError, match=r"Flatten\(\) in front of the last Dense") as caught:
        model.fit(PIXELS, np.zeros(target), verbose=0)
    assert_speaks(caught, [f"(N, 8, {outputs})", str(target)])
    assert str(caught.value).count("(N, 8") == 1


def test_a_loss_of_quantiles_shows_the_outputs_that_there_are():
    model = bp.Sequential([Dense(2)])
    model.compile("sgd", bp.losses.Quantile([0.1, 0.9]))
    with pytest.raises(ShapeError, match=r"the shape \(N, 2\), but .* the shape \(6, 3\)"):
        model.fit(PIXELS[:, 0], np.zeros((6, 3)), verbose=0)


def test_a_network_of_convolutions_is_told_what_its_end_lacks():
    """It has no Dense layer for a Flatten to stand in front of."""
    X, y = np.ones((6, 8, 8, 1)), np.ones(6)
    short, whole = (bp.Sequential([Conv2D(1, 3), *end]) for end in ([], [Flatten(), Dense(1)]))
    short.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=r"where there is none, Flatten\(\) and a Dense"):
        short.fit(X, y, verbose=0)
    whole.compile("sgd", "mse")
    whole.fit(X, y, verbose=0)


@pytest.mark.parametrize("loss", ["dice", "tversky"])
def test_a_softmax_is_advised_of_several_outputs_alone(loss):
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", loss)
    words = r"end it with Sigmoid\(\), or several outputs with a Softmax\(\)\.$"
    with pytest.raises(ValueError, match=words):
        model.fit(np.ones((6, 2)), np.ones(6), verbose=0)


@pytest.mark.parametrize(
    ("layers", "y"),
    [
        ([Dense(16), Dense(10), Flatten(), Softmax()], np.eye(10)[np.arange(6)]),
        ([Conv2D(10, 3), Flatten(), Softmax()], np.eye(10)[np.arange(6)]),
    ],
)
def test_outputs_that_are_flattened_at_the_end_are_explained(layers, y):
    X = np.random.default_rng(0).normal(size=(6, 8, 8, 1))
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"of all places .* put Flatten '.*front"):
        model.fit(X, y, verbose=0)
