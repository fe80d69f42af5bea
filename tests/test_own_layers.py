"""What a layer of one's own returns is looked at, by every verb, before a message from inside."""

import numpy as np
import pytest
from mistakes import C, X, assert_speaks

import backprop as bp
from backprop.inspection import check_layer
from backprop.layers import Dense, Layer, Softmax


class Own(Layer):
    def __init__(self, made=lambda X: X.copy(), shape=lambda shape: shape, weights=None):
        super().__init__()
        self.made, self.shape, self.weights = made, shape, weights

    def make_parameters(self, input_shape):
        if self.weights is not None:
            self.add_parameter("W", self.weights, "zeros")

    def output_shape(self, input_shape):
        return self.shape(input_shape)

    def forward(self, X, training=False):
        return self.made(X)

    def backward(self, delta):
        return delta


def model_with(layer):
    model = bp.Sequential([Dense(5), layer, Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


VERBS = {
    "fit": lambda model: model.fit(X, C, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, C),
    "evaluate": lambda model: model.evaluate(X, C),
    "predict": lambda model: model.predict(X),
    "explain": lambda model: model.explain(X, C),
}
RETURNED = {
    "a list": lambda X: X.tolist(),
    "a pair": lambda X: (X, X),
    "objects": lambda X: X.astype(object),
    "a number": lambda X: 1.0,
    "nothing": lambda X: None,
    "one row": lambda X: X[:1],
    "no rows": lambda X: np.array(1.0),
}
SHAPES = {"nothing": None, "a number": 5, "a fraction": (5.0,), "text": "5", "no size": (None, 5)}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("made", RETURNED.values(), ids=RETURNED)
def test_forward_must_return_an_array_with_a_row_for_each_sample(made, verb):
    with pytest.raises((TypeError, ValueError), match=r"^Own 'own_1'\.forward .*return") as caught:
        verb(model_with(Own(made)))
    assert_speaks(caught, [])


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_output_shape_must_return_a_shape(shape, verb):
    with pytest.raises(TypeError, match=r"^Own 'own_1'\.output_shape must return") as caught:
        verb(model_with(Own(shape=lambda _: shape)))
    assert_speaks(caught, [])


@pytest.mark.parametrize("weights", [5, -1, (2.0,), (-1,), "ab", {}])
def test_a_parameter_needs_a_shape(weights):
    with pytest.raises(ValueError, match=r"add_parameter\(shape\) must be a shape") as caught:
        model_with(Own(weights=weights)).fit(X, C, verbose=0)
    assert_speaks(caught, [])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_check_layer_says_so_too(shape):
    with pytest.raises(TypeError, match=r"^Own.*\.output_shape must return"):
        check_layer(Own(shape=lambda _: shape), (4,))


def test_lists_and_no_axes_are_shapes_too():
    for shape, weights in ((list, [2, 3]), (tuple, ()), (np.array, (np.int64(2),))):
        model = model_with(Own(shape=shape, weights=weights))
        model.fit(X, C, verbose=0)
        assert model.parameters["own_1.W"].shape == tuple(weights)
