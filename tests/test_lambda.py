"""A layer made of two functions is looked at as a class of the user's own is."""

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Lambda, Layer, Parallel, Residual, Tanh

R = np.random.default_rng(0)
X, y = R.standard_normal((20, 4)).astype("float32"), R.standard_normal(20)


def two_of_four(shape=None):
    """The first two of four features, which its output shape says or not."""
    return Lambda(lambda X: X[:, :2], lambda delta, X, Y: np.hstack([delta, 0 * delta]), shape)


def fitted(*layers):
    model = bp.Sequential([*layers, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, y, verbose=0)
    return model


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [two_of_four()],
        lambda: [two_of_four(), Tanh()],
        lambda: [Residual([two_of_four()])],
        lambda: [Parallel([two_of_four(), Dense(2)])],
        lambda: [two_of_four(lambda shape: (3,))],
    ],
    ids=["alone", "before an activation", "in a residual", "beside another", "wrong shape"],
)
def test_a_function_that_changes_the_shape_is_blamed_and_not_what_stands_behind_it(layers):
    with pytest.raises(
        ShapeError,
        match=r"Lambda 'lambda_1'\.forward returned an array of shape \(20, 2\).*"
        r"Lambda\(…, shape=lambda input_shape: \(2,\)\)",
    ):
        fitted(*layers())


class Sums(Layer):
    """The sum of the features, of which no output_shape tells."""

    def forward(self, X, training=False):
        self.shape = X.shape
        return X.sum(axis=1, keepdims=True)

    def backward(self, delta):
        return np.broadcast_to(delta, self.shape)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (two_of_four, r"If Lambda 'lambda_1' makes another shape .* by shape=…\.$"),
        (Sums, r"If Sums 'sums_1' makes another shape .* by output_shape\(input_shape\)\.$"),
        (lambda: two_of_four(lambda shape: (2,)), r"the number of units of the last layer\.$"),
    ],
)
def test_targets_are_not_blamed_alone_where_a_shape_may_be_unsaid(layer, words):
    model = bp.Sequential([layer()])
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=words):
        model.fit(X, y, verbose=0)


def test_a_function_of_the_shape_returns_a_shape():
    with pytest.raises(TypeError, match=r"output_shape must return the shape of one sample.* 2\."):
        fitted(two_of_four(lambda shape: 2))
    assert fitted(two_of_four(lambda shape: [2])).predict(X).shape == (20, 1)


@pytest.mark.parametrize(
    ("derivative", "error", "words"),
    [
        (lambda delta, X, Y: None, TypeError, "need ∂E/∂X: return it"),
        (lambda delta, X, Y: delta[:, :1], ShapeError, r"must return ∂E/∂X in floats, shape \(20"),
        (lambda delta, X, Y: np.sign(delta).astype(int), ShapeError, "in floats.* dtype int64"),
    ],
)
def test_a_derivative_returns_the_gradient_by_the_inputs(derivative, error, words):
    with pytest.raises(error, match=f"Lambda 'lambda_1'.backward.* {words}"):
        fitted(Dense(4), Lambda(np.square, derivative))


@pytest.mark.parametrize("batch", [X, X[:1]])
def test_outputs_have_the_dtype_of_the_model(batch):
    slopes = np.arange(1.0, 5.0)  # float64
    layer = Lambda(lambda X: X * slopes, lambda delta, X, Y: delta * slopes)
    model = bp.Sequential([layer])
    assert model.predict(batch).dtype == "float32"
    assert model.activations(batch)["lambda_1"].dtype == "float32"
    np.testing.assert_array_equal(model.predict(batch), batch * slopes.astype("float32"))


@pytest.mark.parametrize(
    "layer",
    [lambda: Lambda(lambda X: X, lambda delta, X, Y: delta), lambda: two_of_four(lambda s: (2,))],
)
def test_whoever_writes_into_predictions_leaves_the_inputs_alone(layer):
    model, inputs = bp.Sequential([layer()]), X.copy()
    model.predict(inputs)[...] = 9
    model.activations(inputs)["lambda_1"][...] = 9
    np.testing.assert_array_equal(inputs, X)
