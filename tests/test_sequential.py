"""The model: how it is put together, its weights, and its copies."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from small_models import assert_same_weights, built
from small_models import deep_classifier as classifier
from small_models import deep_layers as layers

import backprop as bp
from backprop.initializers import Constant
from backprop.layers import Conv2D, Dense, Dropout, Input, Layer, ReLU, Residual, Softmax, Tanh
from backprop.losses.heads import MatchedHead
from backprop.optimizers import SGD

build = partial(built, n_in=5)


@pytest.fixture
def data(rng):
    return rng.normal(size=(17, 5)), rng.integers(0, 3, 17)


# ---------------------------------------------------------------------------- putting together


def test_layers_are_numbered_by_kind_unless_they_have_names():
    model = bp.Sequential([Dense(3), ReLU(), Dense(2, name="logits"), Dense(4), ReLU(), Softmax()])
    assert [layer.name for layer in model.layers] == [
        *("dense_1", "relu_1", "logits", "dense_2", "relu_2", "softmax_1")
    ]


def test_automatic_name_avoids_given_ones():
    model = bp.Sequential([Dense(3, name="dense_1"), Dense(2), Dense(2, name="dense_3"), Dense(1)])
    assert [layer.name for layer in model.layers] == ["dense_1", "dense_2", "dense_3", "dense_4"]


def test_parameters_are_called_by_layer_and_name():
    model = bp.Sequential([Input(5), Dense(3), ReLU(), Dense(2, name="logits")])
    assert [p.name for p in model.parameters] == ["dense_1.W", "dense_1.b", "logits.W", "logits.b"]
    assert model.parameters["logits.W"].value is model.layers[2].W


def test_input_builds_and_is_no_layer():
    model = bp.Sequential([Input((5,)), Dense(3), ReLU()])
    assert [type(layer) for layer in model.layers] == [Dense, ReLU]
    assert model.input_shape == (5,)
    assert model.output_shape == (3,)
    assert model.parameters.values.size == 5 * 3 + 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: bp.Sequential([Input(5), *layers()], seed=3),
        lambda: add_all(bp.Sequential(seed=3), layers(), first=Input(5)),
        lambda: add_all(bp.Sequential([Input(5), *layers()[:2]], seed=3), layers()[2:]),
        lambda: build(add_all(bp.Sequential(seed=3), layers())),
        lambda: build(add_all(bp.Sequential(layers()[:3], seed=3), layers()[3:])),
        lambda: add_all(build(bp.Sequential(layers()[:3], seed=3)), layers()[3:]),
        lambda: called(bp.Sequential(layers(), seed=3)),
    ],
    ids=["Input", "add Input", "add after Input", "add", "add before build", "after", "forward"],
)
def test_weights_do_not_depend_on_how_the_model_was_put_together(make):
    at_once = build(bp.Sequential(layers(), seed=3))
    model = make()
    assert [layer.name for layer in model.layers] == [layer.name for layer in at_once.layers]
    assert model.parameters.values.size == 5 * 6 + 6 + 6 * 4 + 4 + 4 * 3 + 3
    assert_same_weights(model, at_once)
    assert [p.name for p in model.parameters] == [p.name for p in at_once.parameters]
    assert [layer.needs_input_gradient for layer in model.layers] == [False, *[True] * 5]


def add_all(model, added, first=None):
    for layer in [first, *added] if first else added:
        model.add(layer)
    return model


def called(model):
    model.forward(np.zeros((2, 5), "float32"))
    return model


def test_building_again_for_the_same_shape_changes_nothing():
    model = build(bp.Sequential(layers(), seed=3))
    before = model.parameters
    build(model)
    assert model.parameters is before


def test_adding_keeps_the_weights_that_are_there(data):
    model = build(bp.Sequential([Dense(3)], seed=0))
    model.layers[0].W = np.arange(15.0).reshape(5, 3)
    model.add(Tanh())
    model.add(Dense(2))
    np.testing.assert_array_equal(model.layers[0].W, np.arange(15.0).reshape(5, 3))
    assert np.shares_memory(model.layers[0].W, model.parameters.values)
    assert model.output_shape == (2,)


@pytest.mark.parametrize("at_once", [True, False], ids=["behind Input", "add"])
def test_a_list_of_layers_follows_what_is_built(data, at_once):
    """It was an AttributeError, after the list had become a layer that was not trained."""
    parts = [Dense(4), [Dense(3), Tanh()], [[Dense(3)], Softmax()]]
    model = bp.Sequential([Input(5), *(parts if at_once else [])], seed=0)
    add_all(model, [] if at_once else parts)
    plain = bp.Sequential([Dense(4), Dense(3), Tanh(), Dense(3), Softmax()], seed=0)
    for each in (model, plain):
        each.compile("sgd", "sparse_categorical_crossentropy")
        each.fit(*data, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, plain.parameters.values)


class Held(Layer):
    """A layer of one's own that keeps an array, which a model does not train."""

    def make_parameters(self, input_shape):
        self.gamma = self.add_parameter("gamma", input_shape, "ones").value


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Conv2D(2, 3),
        lambda: [Dense(7), Dropout(0.5), Conv2D(2, 3)],
        lambda: Residual([Dense(7)]),
        lambda: [Dense(3), Held()],
        lambda: [Dense(3), "relu"],
    ],
    ids=["first", "last in a list", "in a block", "that keeps arrays", "none"],
)
def test_a_layer_that_cannot_be_added_is_not_kept(data, wrong):
    """It stayed in the model, which could neither predict nor be mended."""
    model, twin = (bp.Sequential([Input(5), Dense(4), Dropout(0.5)], seed=0) for _ in range(2))
    with pytest.raises((ValueError, TypeError)):
        model.add(wrong())
    for each in (model, twin):
        add_all(each, [Dense(3), Dropout(0.5), Softmax()])
        each.compile("sgd", "sparse_categorical_crossentropy")
        each.fit(*data, verbose=0)
    assert [layer.name for layer in model.layers] == [layer.name for layer in twin.layers]
    np.testing.assert_array_equal(model.parameters.values, twin.parameters.values)


def test_a_layer_that_could_not_be_added_may_be_used_elsewhere():
    layer = Conv2D(2, 3)
    with pytest.raises(ValueError, match="Conv2D"):
        bp.Sequential([Input(5)]).add(layer)
    assert bp.Sequential([layer]).predict(np.ones((1, 4, 4, 1))).shape == (1, 2, 2, 2)


def test_loss_is_joined_with_a_last_layer_that_is_added_after_compile(data):
    model = bp.Sequential(seed=0, dtype="float64")
    model.compile("sgd", "sparse_categorical_crossentropy")
    for layer in layers():
        model.add(layer)
        assert isinstance(model.loss, MatchedHead) == isinstance(layer, Softmax)
    other = bp.Sequential(layers(), seed=0, dtype="float64")
    other.compile("sgd", "sparse_categorical_crossentropy")
    assert model.fit(*data, verbose=0).history == other.fit(*data, verbose=0).history


def test_softmax_of_ones_own_is_not_taken_for_the_built_in_one(data):
    class Hot(Softmax):
        def forward(self, Z, training=False):
            return super().forward(2 * Z, training)

    X, y = data
    model = bp.Sequential([Dense(3), Hot()], seed=0, dtype="float64")
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert not isinstance(model.loss, MatchedHead)
    assert model.evaluate(X, y) == pytest.approx(
        -np.mean(np.log(model.predict(X)[range(17), y])), rel=1e-12
    )


def test_repr_shows_the_layers():
    model = bp.Sequential([Dense(3), ReLU(), Dense(2, name="logits")])
    assert repr(model) == "<Sequential [Dense 'dense_1', ReLU 'relu_1', Dense 'logits']>"


# -------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_in_the_dtype_of_the_model(data, dtype):
    model = classifier(dtype=dtype)
    model.fit(*data, verbose=0)
    arrays = [*model.get_weights(), model.predict(data[0]), model.parameters.gradients]
    arrays += [layer.delta for layer in model.layers] + list(model.optimizer.state.values())
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_weights_are_copies_and_set_weights_writes_into_the_vector(data):
    model, other = build(classifier(seed=0)), build(classifier(seed=1))
    weights = model.get_weights()
    weights[0][:] = 7
    assert not np.any(model.layers[0].W == 7)
    theta = other.parameters.values
    other.set_weights(model.get_weights())
    assert other.parameters.values is theta
    np.testing.assert_array_equal(theta, model.parameters.values)
    np.testing.assert_array_equal(other.predict(data[0]), model.predict(data[0]))
    other.set_weights([w.tolist() for w in weights])
    np.testing.assert_array_equal(other.layers[0].W, np.full((5, 6), 7.0))


def test_order_of_weights_is_that_of_the_layers():
    model = bp.Sequential([Input(2), Dense(3, bias_initializer="ones"), Dense(1, use_bias=False)])
    assert [w.shape for w in model.get_weights()] == [(2, 3), (3,), (3, 1)]
    np.testing.assert_array_equal(model.get_weights()[1], [1, 1, 1])
    np.testing.assert_array_equal(model.parameters.values[6:9], [1, 1, 1])


# -------------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
@pytest.mark.parametrize("state", ["unbuilt", "built", "trained"])
def test_copy_trains_on_as_the_original_would_and_is_independent(data, duplicate, state):
    X, y = data
    model = classifier(metrics=["accuracy"])
    if state != "unbuilt":
        build(model)
    if state == "trained":
        model.layers[2].trainable = False
        model.fit(X, y, batch_size=4, epochs=3, verbose=0)
    twin = duplicate(model)
    if state != "unbuilt":
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        assert not np.shares_memory(twin.parameters.values, model.parameters.values)
    before = copy.deepcopy(model)

    history = twin.fit(X, y, batch_size=4, epochs=3, verbose=0).history
    if state != "unbuilt":
        assert_same_weights(model, before)
    else:
        assert model.input_shape is None
    assert model.fit(X, y, batch_size=4, epochs=3, verbose=0).history == history
    assert_same_weights(model, twin)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    for mine, its in zip(model.layers, twin.layers, strict=True):
        np.testing.assert_array_equal(mine.delta, its.delta)


def test_weights_of_a_copy_are_views_of_its_own_vector(data):
    model = classifier()
    model.fit(*data, verbose=0)
    twin = copy.deepcopy(model)
    for layer in twin.layers[::2]:
        for array in (layer.W, layer.b):
            assert np.shares_memory(array, twin.parameters.values)
        for array in (layer.dW, layer.db):
            assert np.shares_memory(array, twin.parameters.gradients)


# -------------------------------------------------------------------------- layers of one's own


class Scale(Layer):
    """Y = X ⊙ γ, the example in the documentation of Layer."""

    def build(self, input_shape, rng=None, dtype="float32"):
        super().build(input_shape, rng, dtype)
        self.gamma = self.add_parameter("gamma", input_shape[-1:], Constant(2.0))

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.gamma.value

    def backward(self, delta):
        self.gamma.gradient[...] = np.sum(delta * self.X, axis=0)
        return delta * self.gamma.value


def test_layer_of_ones_own_trains_with_the_others(rng):
    X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 3))
    model = bp.Sequential([Input(3), Scale()], seed=0, dtype="float64")
    model.compile(SGD(0.1), "half_squared_error")
    model.fit(X, Y, 10, verbose=0)
    gradient = np.mean((2 * X - Y) * X, axis=0)
    np.testing.assert_allclose(model.get_weights()[0], 2 - 0.1 * gradient, rtol=1e-12)
    assert model.layers[0].name == "scale_1"
    assert model.parameters["scale_1.gamma"].shape == (3,)


# ------------------------------------------------------------------------------ arrays of its own


def test_what_a_call_returns_is_overwritten_by_no_other(rng):
    X = rng.normal(size=(3, 50, 8))
    loss = "sparse_categorical_crossentropy"
    for end, name in (([Softmax()], loss), ([], "mse")):
        model = bp.Sequential([Dense(16), ReLU(), Dropout(0.5), Dense(3), *end], seed=0)
        assert not np.array_equal(model(X[0], training=True), model(X[0], training=True))
        model.compile("sgd", name)
        drawn = [model(X[0], training=True) for _ in range(20)]
        assert np.std(drawn, axis=0).max() > 0.05
        assert not np.array_equal(model(X[0], training=True), model(X[1], training=True))


def test_what_backward_returns_is_overwritten_by_no_other(data):
    model = classifier()
    model.build((None, 5))
    model.layers[0].needs_input_gradient = True

    def gradients(rows):
        A = model(data[0][rows], training=True)  # the loss takes a copy for the array itself
        model.loss.forward(A, data[1][rows])
        return model.backward(), model.backward(np.ones_like(A))

    first, second = gradients(slice(0, 5)), gradients(slice(5, 10))
    assert not any(np.shares_memory(a, b) for a in first for b in second)
    np.testing.assert_array_equal(first, gradients(slice(0, 5)))
    assert not np.allclose(first, second)
