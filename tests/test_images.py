"""Models of images: how these come in, and what is said about images that do not fit."""

import warnings
from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.datasets import load_digits
from backprop.layers import (
    AveragePooling2D,
    BatchNormalization,
    Chain,
    Dense,
    Flatten,
    GlobalMaxPooling2D,
    Input,
    LayerNormalization,
    MaxPooling2D,
    Normalization,
    Permute,
    ReLU,
    Rescaling,
    Softmax,
    UnitNormalization,
)

Array = np.ndarray[Any, Any]


def network(*layers: Any, **options: Any) -> Any:
    model = bp.Sequential([*layers, Dense(3), Softmax()], seed=0, **options)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def bytes_of(rng: Any, *shape: int) -> tuple[Array, Array]:
    return rng.integers(0, 256, shape).astype(np.uint8), rng.integers(0, 3, shape[0])


def test_an_input_of_images_builds_the_model() -> None:
    model = network(Input((28, 28, 1)), MaxPooling2D(), Dense(4), ReLU(), Flatten())
    assert model.input_shape == (28, 28, 1)
    assert model.output_shape == (3,)
    assert model.predict(np.zeros((2, 28, 28, 1))).shape == (2, 3)
    lines: list[str] = []
    model.summary(lines.append)
    assert "max_pooling2d_1 (MaxPooling2D)   (None, 14, 14, 1)" in lines[0]


@pytest.mark.parametrize("shape", [(40, 8, 8), (40, 8, 8, 3), (40, 64)])
def test_bytes_are_warned_about(shape: Any, rng: Any) -> None:
    X, y = bytes_of(rng, *shape)
    with pytest.warns(
        UserWarning, match=r"divide by 255, or begin with Rescaling\(1/255\)"
    ) as told:
        network(Flatten()).fit(X, y, verbose=0)
    assert told[0].filename == __file__
    models = [network(Flatten()) for _ in range(2)]
    with pytest.warns(UserWarning, match=r"divide by 255") as told:
        bp.fit_many(models, X, y, verbose=0, batch_size=4)
    assert {each.filename for each in told} <= {__file__, bp.experiments.many.__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(Rescaling(1 / 255), Flatten()).fit(X, y, verbose=0)
        network(Chain([Normalization(), Flatten()])).fit(X, y, verbose=0)
        for normalization in (BatchNormalization, LayerNormalization, UnitNormalization):
            network(normalization(), Flatten()).fit(X, y, verbose=0)
        network(Flatten()).fit(X / 255, y, verbose=0)
        network(Flatten()).fit(X // 128, y, verbose=0)  # black and white
        network(Flatten()).fit(X.reshape(40, -1) // 2, y, verbose=0)  # a table of small numbers
        network(Flatten()).predict(X)


def test_grey_images_are_told_which_axis_to_add(rng: Any) -> None:
    X, y = rng.random((10, 8, 8)), rng.integers(0, 3, 10)
    model = network(MaxPooling2D(), Flatten())
    for call in (lambda: model.fit(X, y, verbose=0), lambda: model.predict(X)):
        with pytest.raises(
            ShapeError,
            match=r"add the axis of the channels, .*, X\[\.\.\., np\.newaxis\] of an array",
        ):
            call()
    model.fit(X[..., np.newaxis], y, verbose=0)
    with pytest.raises(
        ShapeError, match=r"samples of shape \(8, 8, 1\) .* x\[\.\.\., np\.newaxis\]"
    ):
        model.predict(X)
    with pytest.raises(ShapeError, match=r"pass x\.reshape\(-1, 8, 8, 1\)"):
        model.predict(X.reshape(10, 64))
    with pytest.raises(ShapeError, match="pass samples of that shape"):
        model.predict(np.zeros((10, 9, 9, 1)))


def test_a_network_of_images_learns_and_its_steps_are_recorded_with_the_same_bits() -> None:
    (X, y), (X_test, y_test) = load_digits(images=True)

    def train(**options: Any) -> Any:
        layers = [
            MaxPooling2D(2, 1, "same"),
            AveragePooling2D(2, 1),
            Flatten(),
            BatchNormalization(),
        ]
        model = bp.Sequential([*layers, Dense(32), ReLU(), Dense(10), Softmax()], seed=0)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
        model.fit(X, y, epochs=15, verbose=0)
        return model

    model, eagerly = train(), train(run_eagerly=True)
    assert np.array_equal(model.parameters.values, eagerly.parameters.values)
    assert model.evaluate(X_test, y_test, return_dict=True)["accuracy"] > 0.9


def test_derivatives_of_a_whole_network(rng: Any) -> None:
    X, y = rng.standard_normal((4, 9, 8, 2)), rng.integers(0, 3, 4)
    model = network(
        *(AveragePooling2D(2, 1, "same"), Dense(3), BatchNormalization(), ReLU()),
        *(MaxPooling2D(3, 2), Dense(4), GlobalMaxPooling2D()),
        dtype="float64",
    )
    report = model.check_gradients(X, y)
    assert report.ok, str(report)


def test_delta_goes_no_further_than_the_first_layer_that_learns(rng: Any) -> None:
    X, y = rng.standard_normal((12, 4, 4, 1)), rng.integers(0, 3, 12)
    plain = network(Flatten(), Dense(4), ReLU(), dtype="float64")
    block = network(Chain([Flatten(), Dense(4)]), ReLU(), dtype="float64")
    for model in (plain, block):
        model.build((None, 4, 4, 1))
    block.set_weights(plain.get_weights())
    start = plain.parameters.values.copy()
    for model in (plain, block):
        model.fit(X, y, epochs=3, shuffle=False, verbose=0)
    assert np.array_equal(plain.parameters.values, block.parameters.values)
    assert (plain.parameters.values != start).mean() > 0.9
    assert [layer.needs_input_gradient for layer in plain.layers] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert plain.layers[0].delta is None
    assert plain.layers[1].delta is not None
    assert not block.get_layer("chain_1.dense_1").needs_input_gradient
    assert block.get_layer("chain_1.flatten_1").delta is None
    for model in (plain, block):  # unless somebody asks for it
        model.layers[0].needs_input_gradient = True
        model.loss.forward(model.forward(X, training=True), y)
        assert model.backward().shape == X.shape


def test_models_that_differ_in_a_pair_of_numbers_are_not_stacked(rng: Any) -> None:
    X, y = rng.standard_normal((20, 3, 3, 1)), rng.integers(0, 3, 20)

    def models() -> list[Any]:
        return [network(Permute(dims), Flatten(), Dense(4)) for dims in ((1, 2, 3), (2, 1, 3))]

    together, alone = models(), models()
    bp.fit_many(together, X, y, epochs=3, verbose=0)
    for one, other in zip(together, alone, strict=True):
        other.fit(X, y, epochs=3, verbose=0)
        assert np.array_equal(one.parameters.values, other.parameters.values)
