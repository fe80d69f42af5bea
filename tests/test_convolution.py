"""Convolution of images and sequences: its formula, its derivatives, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from by_loops import assert_same_in_blocks, convolved
from derivatives import assert_exact_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

import backprop as bp
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.layers import Conv1D, Conv2D, Dense, Flatten, Input, ReLU, Softmax

Array = np.ndarray[Any, Any]

IMAGES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "valid": ((5, 6, 2), {"kernel_size": 3}),
    "same": ((5, 6, 2), {"kernel_size": 3, "padding": "same"}),
    "same, even kernel": ((4, 5, 2), {"kernel_size": (2, 4), "padding": "same"}),
    "strides": ((6, 5, 2), {"kernel_size": 3, "strides": 2}),
    "strides, same": ((6, 5, 2), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "a stride along one axis": ((5, 5, 1), {"kernel_size": (2, 3), "strides": (1, 2)}),
    "a stride along the other": ((5, 5, 1), {"kernel_size": (3, 2), "strides": (2, 1)}),
    "windows side by side": ((4, 6, 2), {"kernel_size": 2, "strides": 2}),
    "strides beyond the kernel": ((7, 8, 2), {"kernel_size": 2, "strides": 3}),
    "strides beyond it, same": ((7, 8, 2), {"kernel_size": 2, "strides": 3, "padding": "same"}),
    "dilation": ((6, 7, 2), {"kernel_size": (2, 3), "dilation_rate": 2}),
    "dilation, same": ((4, 5, 2), {"kernel_size": 2, "dilation_rate": (3, 1), "padding": "same"}),
    "groups": ((4, 4, 4), {"kernel_size": 2, "groups": 2}),
    "groups, strides": ((5, 5, 6), {"kernel_size": 3, "groups": 3, "filters": 3, "strides": 2}),
    "a group for each channel": ((4, 4, 3), {"kernel_size": 2, "groups": 3, "filters": 6}),
    "one pixel": ((1, 1, 3), {"kernel_size": 1}),
    "one pixel, same": ((1, 1, 2), {"kernel_size": 3, "padding": "same"}),
    "pointwise": ((3, 4, 3), {"kernel_size": 1}),
    "pointwise, strides": ((3, 4, 3), {"kernel_size": 1, "strides": 2}),
    "kernel as large as the image": ((3, 4, 2), {"kernel_size": (3, 4)}),
    "few channels": ((2, 16, 1), {"kernel_size": (1, 5), "filters": 6, "padding": "same"}),
    "many channels": ((3, 3, 18), {"kernel_size": 2, "filters": 5}),
    "without bias": ((3, 3, 2), {"kernel_size": 2, "use_bias": False}),
}
SEQUENCES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "valid": ((7, 2), {"kernel_size": 3}),
    "same, strides": ((7, 2), {"kernel_size": 4, "strides": 2, "padding": "same"}),
    "causal": ((6, 2), {"kernel_size": 3, "padding": "causal"}),
    "causal, dilation": ((7, 1), {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    "causal, strides": ((7, 2), {"kernel_size": 2, "padding": "causal", "strides": 3}),
    "groups": ((6, 4), {"kernel_size": 2, "groups": 2}),
    "one step": ((1, 3), {"kernel_size": 1}),
}
CASES = [
    *(pytest.param(Conv2D, *case, id=f"images, {name}") for name, case in IMAGES.items()),
    *(pytest.param(Conv1D, *case, id=f"sequences, {name}") for name, case in SEQUENCES.items()),
]
each_case = pytest.mark.parametrize(("kind", "shape", "arguments"), CASES)


def built(layer: Any, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    """The layer with parameters none of which is 0."""
    layer.build(shape, np.random.default_rng(3), dtype)
    noise = np.random.default_rng(4)
    for p in layer.parameters:
        p.value = noise.standard_normal(p.shape).astype(dtype)
    return layer


def made(kind: Any, shape: tuple[int, ...], arguments: dict[str, Any]) -> Any:
    return built(kind(**{"filters": 4, **arguments}), shape)


def as_pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    return (1, *sizes)[-2:]  # type: ignore[return-value]


def by_loops(layer: Any, X: Array) -> Array:
    """What a layer should return, number by number."""
    sequences = X.ndim == 3
    Z = convolved(
        X[:, np.newaxis] if sequences else X,
        layer.W[np.newaxis] if sequences else layer.W,
        layer.b if layer.use_bias else np.zeros(layer.filters),
        as_pair(layer.strides),
        "valid" if sequences and layer.padding == "causal" else layer.padding,
        as_pair(layer.dilation_rate),
        layer.groups,
    )
    return Z[:, 0] if sequences else Z


@each_case
def test_outputs_are_those_of_the_formula(kind, shape, arguments, rng) -> None:
    layer, X = made(kind, shape, arguments), rng.standard_normal((3, *shape))
    seen = X
    if layer.padding == "causal":
        zeros = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        seen = np.pad(X, ((0, 0), (zeros, 0), (0, 0)))
    expected = by_loops(layer, seen)
    Z = layer.forward(X)
    assert Z.shape == (3, *layer.output_shape(shape)) == expected.shape
    np.testing.assert_allclose(Z, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_outputs_of_any_windows_are_those_of_the_formula(data: Any) -> None:
    small = st.integers(1, 3)
    groups, height, width = (data.draw(st.integers(1, n)) for n in (2, 6, 9))
    shape = height, width, groups * data.draw(small)
    kernel = tuple(data.draw(st.integers(1, min(3, n))) for n in shape[:2])
    steps = (data.draw(small), data.draw(small))
    strided = data.draw(st.booleans())
    fits = all((k - 1) * d < n for k, d, n in zip(kernel, steps, shape[:2], strict=True))
    layer = built(
        Conv2D(
            groups * data.draw(small),
            kernel,
            steps if strided else 1,
            "valid" if fits and data.draw(st.booleans()) else "same",
            1 if strided else steps,
            groups,
        ),
        shape,
    )
    X = np.random.default_rng(data.draw(st.integers(0, 9))).standard_normal((2, *shape))
    np.testing.assert_allclose(layer.forward(X), by_loops(layer, X), rtol=1e-12, atol=1e-12)


@each_case
@pytest.mark.parametrize("n", [1, 3])
def test_backward_is_the_exact_derivative(kind, shape, arguments, n, rng) -> None:
    layer, X = made(kind, shape, arguments), rng.standard_normal((n, *shape))
    assert_exact_gradients(layer, X, rng)


@each_case
@pytest.mark.parametrize("limit", [1, 700])
def test_blocks_of_any_size_give_the_same(kind, shape, arguments, limit, rng, monkeypatch) -> None:
    X = rng.standard_normal((5, *shape))
    assert_same_in_blocks(lambda: made(kind, shape, arguments), X, limit, monkeypatch)


def test_a_causal_output_sees_nothing_later(rng) -> None:
    layer = built(Conv1D(3, 3, padding="causal", dilation_rate=2), (9, 2))
    X = rng.standard_normal((1, 9, 2))
    Z = layer.forward(X)
    X[:, 6:] += 1
    changed = layer.forward(X) != Z
    assert not changed[:, :6].any()
    assert changed[:, 6:].all()


def test_parameters_are_those_of_keras() -> None:
    shapes = {
        Conv2D(6, (3, 5), groups=2): ((9, 9, 4), [(3, 5, 2, 6), (6,)]),
        Conv1D(6, 3, groups=2): ((9, 4), [(3, 2, 6), (6,)]),
        Conv2D(6, 3, use_bias=False): ((9, 9, 4), [(3, 3, 4, 6)]),
    }
    for layer, (shape, expected) in shapes.items():
        model = bp.Sequential([Input(shape), layer], seed=0)
        assert [W.shape for W in model.get_weights()] == expected
        assert [p.name.split(".")[1] for p in model.parameters] == ["W", "b"][: len(expected)]
    limit = np.sqrt(6 / (3 * 5 * 2 + 3 * 5 * 6))  # Glorot's, with Keras's fans
    W = next(iter(shapes)).W
    assert 0.9 * limit < np.abs(W).max() <= limit


def test_regularizers_constraints_and_initializers_reach_their_parameters() -> None:
    layer = Conv2D(
        2,
        2,
        kernel_initializer="ones",
        bias_initializer="ones",
        kernel_regularizer="l2",
        bias_regularizer="l1",
        kernel_constraint="non_neg",
        bias_constraint="max_norm",
    )
    layer.build((3, 3, 1))
    W, b = layer.parameters
    assert (layer.W == 1).all()
    assert (layer.b == 1).all()
    assert (W.decays, b.decays) == (True, False)
    assert [type(p.regularizer).__name__ for p in (W, b)] == ["L2", "L1"]
    assert [type(p.constraint).__name__ for p in (W, b)] == ["NonNegative", "MaxNorm"]


def test_the_first_layer_of_a_model_skips_the_gradient_of_its_input(rng) -> None:
    model = bp.Sequential([Conv2D(3, 2), Flatten(), Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    X, y = rng.standard_normal((4, 5, 5, 1)), rng.integers(0, 2, 4)
    model.train_on_batch(X, y)
    first = model.layers[0]
    assert first.backward(np.ones(first.Z.shape, "float32")) is None
    first.needs_input_gradient = True
    assert first.backward(np.ones(first.Z.shape, "float32")).shape == X.shape


def test_other_sizes_than_it_was_built_for(rng) -> None:
    """The kernel does not depend on the size of the images; the next layer may."""
    layer = built(Conv2D(2, 3, padding="same"), (4, 4, 2))
    for size in [(5, 3), (1, 1), (4, 4)]:
        X = rng.standard_normal((2, *size, 2))
        np.testing.assert_allclose(layer.forward(X, training=True), by_loops(layer, X), rtol=1e-12)


def test_a_small_network_learns_to_tell_bars(rng) -> None:
    """Horizontal from vertical bars, anywhere in the image."""
    X = 0.1 * rng.standard_normal((200, 8, 8, 1))
    y = rng.integers(0, 2, 200)
    for image, vertical, place in zip(X, y, rng.integers(0, 8, 200), strict=True):
        image[(slice(None), place) if vertical else place] += 1
    layers = [Conv2D(4, 3, padding="same"), ReLU(), Conv2D(4, 3, strides=2), ReLU(), Flatten()]
    model = bp.Sequential([*layers, Dense(2), Softmax()], seed=0)
    model.compile(bp.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(X, y, 20, epochs=12, verbose=0, validation_split=0.2)
    assert history.history["val_accuracy"][-1] >= 0.95


# ------------------------------------------------------------------------------ what is refused


MADE_WRONGLY = {
    "causal": (lambda: Conv2D(3, 3, padding="causal"), ["Conv2D", "'causal'", "only Conv1D"]),
    "padding": (lambda: Conv1D(3, 3, padding="full"), ["Conv1D", "'causal'", "'full'"]),
    "kernel": (lambda: Conv2D(3, (3, 0)), ["kernel_size of Conv2D", "(3, 0)"]),
    "three sizes": (lambda: Conv2D(3, (3, 3, 3)), ["kernel_size of Conv2D", "(3, 3, 3)"]),
    "half a stride": (lambda: Conv1D(3, 3, 0.5), ["strides of Conv1D", "0.5"]),
    "filters": (lambda: Conv2D(0, 3), ["filters of Conv2D", "0"]),
    "groups": (lambda: Conv2D(4, 3, groups=3), ["Conv2D", "4 filters", "3 groups", "multiple"]),
    "strides and dilation": (
        lambda: Conv2D(4, 3, strides=2, dilation_rate=(1, 2)),
        ["Conv2D", "(2, 2)", "(1, 2)", "set one of them to 1"],
    ),
}
NOT_KNOWN = {
    "activation": (lambda: Conv2D(3, 3, activation="relu"), ["Conv2D", "'relu'", "ReLU()"]),
    "data_format": (
        lambda: Conv2D(3, 3, data_format="channels_first"),
        ["channels_first", "channels last"],
    ),
    "bias": (lambda: Conv1D(3, 3, use_bias=2), ["Conv1D", "use_bias", "2"]),
}


def says(error: BaseException, parts: list[str]) -> None:
    for part in parts:
        assert part in str(error), str(error)


@pytest.mark.parametrize("name", MADE_WRONGLY)
def test_values_that_no_layer_can_have(name) -> None:
    make, parts = MADE_WRONGLY[name]
    with pytest.raises(ValueError, match="Conv") as caught:
        make()
    says(caught.value, parts)


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_arguments_that_no_layer_has(name) -> None:
    make, parts = NOT_KNOWN[name]
    with pytest.raises(TypeError) as caught:
        make()
    says(caught.value, parts)


DO_NOT_FIT = {
    "grey images": (
        Conv2D(3, 3),
        (28, 28),
        ["conv2d_1", "(N, 28, 28)", "X[..., np.newaxis] of an array"],
    ),
    "plain sequences": (
        Conv1D(3, 3),
        (40,),
        ["conv1d_1", "(N, 40)", "X[..., np.newaxis] of an array"],
    ),
    "rows": (Conv2D(3, 3), (784,), ["conv2d_1", "(N, H, W, C)", "(N, 784)", "Reshape"]),
    "images for sequences": (Conv1D(3, 3), (8, 8, 3), ["conv1d_1", "(N, T, C)", "(N, 8, 8, 3)"]),
    "a small image": (Conv2D(3, 5), (4, 9, 1), ["conv2d_1", "5 × 5", "(4, 9, 1)", "'same'"]),
    "dilation": (Conv2D(3, 3, dilation_rate=4), (8, 9, 1), ["9 × 9", "(8, 9, 1)"]),
    "channels": (Conv2D(6, 3, groups=2), (9, 9, 3), ["conv2d_1", "3 channels", "2 groups"]),
}


@pytest.mark.parametrize("name", DO_NOT_FIT)
def test_samples_that_do_not_fit_are_found_before_anything_is_built(name, rng) -> None:
    layer, shape, parts = DO_NOT_FIT[name]
    model = bp.Sequential([type(layer)(**arguments_of(layer)), Flatten(), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError) as caught:
        model.fit(rng.standard_normal((4, *shape)), rng.standard_normal((4, 2)), verbose=0)
    says(caught.value, parts)
    assert model.input_shape is None
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)


def arguments_of(layer: Any) -> dict[str, Any]:
    names = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups")
    return {name: getattr(layer, name) for name in names}


def test_arrays_that_a_built_layer_does_not_take(rng) -> None:
    layer = Conv2D(3, 3, name="eyes")
    with pytest.raises(NotBuiltError, match="'eyes'"):
        layer.forward(rng.standard_normal((2, 8, 8, 1)))
    built(layer, (8, 8, 1))
    for shape, parts in {
        (2, 8, 8): ["Conv2D 'eyes'", "(8, 8, 1)", "(2, 8, 8)", "X[..., np.newaxis]"],
        (2, 8, 8, 3): ["Conv2D 'eyes'", "(8, 8, 1)", "(2, 8, 8, 3)"],
        (2, 2, 8, 8, 1): ["Conv2D 'eyes'", "(8, 8, 1)", "(2, 2, 8, 8, 1)"],
        (2, 2, 8, 1): ["Conv2D 'eyes'", "3 × 3", "(2, 8, 1)"],
    }.items():
        with pytest.raises(ShapeError) as caught:
            layer.forward(rng.standard_normal(shape))
        says(caught.value, parts)


def test_grey_images_for_a_built_model(rng) -> None:
    model = bp.Sequential([Input((8, 8, 1)), Conv2D(3, 3), Flatten(), Dense(2)], seed=0)
    with pytest.raises(ShapeError) as caught:
        model.predict(rng.standard_normal((4, 8, 8)))
    says(caught.value, ["Conv2D 'conv2d_1'", "(8, 8, 1)", "x has", "x[..., np.newaxis]"])
