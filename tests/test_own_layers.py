"""What a layer of one's own returns is looked at, by every verb, before a message from inside."""

import copy

import numpy as np
import pytest
from mistakes import C, X, assert_speaks, model_with

import backprop as bp
from backprop.core.errors import NoForwardError, ShapeError
from backprop.inspection import check_layer
from backprop.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Lambda,
    Layer,
    Masking,
    Residual,
    Sigmoid,
    Tanh,
)


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
        for parameter in self.parameters:
            parameter.gradient[...] = 0
        return delta


VERBS = {
    "fit": lambda model, y=C: model.fit(X, y, verbose=0),
    "train_on_batch": lambda model, y=C: model.train_on_batch(X, y),
    "evaluate": lambda model, y=C: model.evaluate(X, y),
    "predict": lambda model, y=C: model.predict(X),
    "explain": lambda model, y=C: model.explain(X, y),
}
RETURNED = {
    "a list": lambda X: X.tolist(),
    "a pair": lambda X: (X, X),
    "objects": lambda X: X.astype(object),
    "a number": lambda X: 1.0,
    "nothing": lambda X: None,
    "one row": lambda X: X[:1],
    "no rows": lambda X: np.array(1.0),
    "masked": lambda X: np.ma.masked_less(X, 0),
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


class OwnBackward(Own):
    def __init__(self, returned):
        super().__init__()
        self.returned = returned

    def backward(self, delta):
        return self.returned(delta)


DELTAS = {
    "a column less": (lambda delta: delta[:, :4], r"shape \(\d+, 4\)"),
    "a row": (lambda delta: delta[:1], r"shape \(1, 5\)"),
    "an axis more": (lambda delta: delta[..., None], r"shape \(\d+, 5, 1\)"),
    "a list": (lambda delta: delta.tolist(), r"\[\["),
    "a number": (lambda delta: delta.sum(), r"shape \(\)"),
    "text": (lambda delta: delta.astype(str), "shape .* dtype <U"),
    "complex": (lambda delta: delta * 1j, "shape .* dtype complex"),
    "masked": (lambda delta: np.ma.masked_less(delta, 0), "what is masked"),
}


@pytest.mark.parametrize("block", [None, Chain, Residual])
@pytest.mark.parametrize("behind", [(), (Own(),)], ids=["of the package", "of one's own"])
@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
@pytest.mark.parametrize(("returned", "words"), DELTAS.values(), ids=DELTAS)
def test_backward_must_return_a_number_for_each_input(returned, words, verb, behind, block):
    """Else a layer in front would be blamed, one of one's own perhaps compute with it."""
    layer = OwnBackward(returned)
    inner = [copy.deepcopy(each) for each in (*behind, layer)]
    words = rf"^OwnBackward .*\.backward must return ∂E/∂X in floats, .* it returned {words}"
    model = model_with(block(inner) if block else Chain(inner))
    model.build((None, X.shape[1]))
    before = model.get_weights()
    with pytest.raises((TypeError, ShapeError), match=words):
        VERBS[verb](model)
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("last", [True, False])
def test_forward_must_return_what_output_shape_promises(verb, last):
    """Else the layer behind it is blamed, and a loss behind it broadcasts in silence."""
    layer = Own(lambda X: X[:, :1], lambda shape: (3,) if last else shape)
    model = model_with(layer)
    if last:
        model = bp.Sequential([Dense(3), layer], seed=0)
        model.compile("sgd", "mse")
    y = np.eye(3)[C] if last else C
    with pytest.raises(ShapeError, match=r"^Own 'own_1'\.forward returned .* output_shape"):
        verb(model, y)


def test_sequences_of_other_lengths_and_inputs_that_nobody_needs_are_left_alone():
    class Steps(Own):
        any_length = 2

    model = bp.Sequential([Dense(3), Steps(), GlobalAveragePooling1D(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    for T in (5, 7):
        model.fit(np.ones((4, T, 2)), np.ones(4), verbose=0)
    first = bp.Sequential([OwnBackward(lambda delta: delta[:1]), Dense(1)], seed=0)
    first.compile("sgd", "mse")
    first.fit(np.ones((4, 2)), np.ones(4), verbose=0)


class InBuffer(Own):
    """Writes its outputs into the same array again and again, in inference too."""

    def forward(self, X, training=False):
        return np.multiply(X, 2, out=self.buffer("Y", X.shape, X.dtype))


class InAttribute(Own):
    def forward(self, X, training=False):
        if getattr(self, "Y", None) is None or self.Y.shape != X.shape:
            self.Y = np.empty_like(X)
        return np.multiply(X, 2, out=self.Y)


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Chain([layer])])
@pytest.mark.parametrize("make", [InBuffer, InAttribute, lambda: Own(lambda X: X[:, ::-1])])
def test_predictions_are_nobody_elses(make, wrap):
    rows = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    model = bp.Sequential([wrap(make())])
    expected = model.predict(rows[:2]).copy(), model.predict(rows[2:]).copy()
    assert not np.array_equal(*expected)
    for predict in (model.predict, model):
        first, second = predict(rows[:2]), predict(rows[2:])
        np.testing.assert_array_equal([first, second], expected)
        assert not np.shares_memory(first, rows)
    by_batches = model.predict(iter([rows[:2], rows[2:]]))
    np.testing.assert_array_equal(by_batches, np.concatenate(expected))


class Odd(Own):
    """Multiplies by a parameter, and makes something else of it in the end."""

    def __init__(self, made=lambda Y: Y, shape=tuple):
        super().__init__(made, shape)
        self.made = made

    def make_parameters(self, input_shape):
        self.gamma = self.add_parameter("gamma", input_shape, "ones")

    def forward(self, X, training=False):
        return self.made(X * self.gamma.value)

    def backward(self, delta):
        self.gamma.gradient[...] = 0
        return delta


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("made", [lambda Y: Y > 0, lambda Y: Y.astype(int), np.float64])
def test_outputs_have_the_dtype_of_the_model(made, last):
    model = bp.Sequential([Dense(3), Odd(made), *[Tanh()] * (not last)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, np.eye(3)[C], verbose=0)
    whole, parts = model.predict(X), model.predict(X, batch_size=5)
    assert whole.dtype == parts.dtype == model.forward(X).dtype == np.float32
    np.testing.assert_array_equal(whole, parts)


def test_outputs_of_functions_are_floats():
    signs = Lambda(lambda X: X > 0, lambda delta, X, Y: delta)
    model = bp.Sequential([Dense(3), signs], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, np.eye(3)[C], verbose=0)
    assert model.predict(X).dtype == np.float32


def test_predictions_are_no_weights():
    class Rows(Own):
        def make_parameters(self, input_shape):
            self.P = self.add_parameter("P", (4, 2))

        def forward(self, X, training=False):
            return self.P.value[: len(X)]

    model = bp.Sequential([bp.Input(2), Rows()], seed=0)
    before = model.get_weights()
    model.predict(np.ones((4, 2)))[...] = 7
    np.testing.assert_array_equal(model.get_weights(), before)


def test_a_mask_that_forward_would_never_get_is_refused():
    class Masked(Own):
        def forward(self, X, training=False, mask=None):
            return X if mask is None else X * mask[..., None]

    steps = np.ones((2, 3, 4))
    assert (bp.Sequential([Masked()]).predict(steps) == 1).all()
    with pytest.raises(TypeError, match=r"Masked.*forward has an argument mask, .* takes_mask = T"):
        bp.Sequential([Masking(), Masked()]).predict(steps)
    Masked.takes_mask = True
    assert (bp.Sequential([Masking(), Masked()]).predict(steps) == 1).all()


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_number_for_each_sample_is_no_row(verb):
    model = bp.Sequential([Dense(3), Own(lambda X: X.sum(axis=1), lambda shape: ())], seed=0)
    model.compile("sgd", "mse")
    if verb is VERBS["predict"]:
        assert verb(model).shape == (len(X),)
        return
    with pytest.raises(ShapeError, match=r"let Own 'own_1' make .* output_shape \(1,\)") as caught:
        verb(model, np.zeros(len(X)))
    assert_speaks(caught, [])


def test_what_stands_before_an_embedding_cannot_learn():
    model = bp.Sequential([Odd(np.abs), Embedding(50, 2), Flatten(), Dense(3)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"Embedding .* returned None, .* the first that learns"):
        model.fit(np.arange(24).reshape(12, 2), np.eye(3)[C], verbose=0)


def test_arguments_that_no_base_class_takes_are_those_of_layer():
    class Passing(Own):
        def __init__(self, **others):
            Layer.__init__(self, **others)

    with pytest.raises(TypeError, match=r"^Layer\.__init__\(\) got an unexpected .*'trainable'"):
        Passing(trainable=False)


@pytest.mark.parametrize("base", [Dense, Sigmoid, BatchNormalization])
def test_a_forward_of_ones_own_needs_a_backward(base):
    class Mine(base):
        def forward(self, X, training=False):
            return np.asarray(X)

    layer = Mine(4) if base is Dense else Mine()
    model = bp.Sequential([Dense(4), layer, Dense(3)], seed=0)
    model.compile("sgd", "mse")
    words = r"Mine has a forward of its own, but the backward of .*: define backward\(self, delta\)"
    with pytest.raises(NoForwardError, match=words):
        model.fit(X, np.zeros((len(X), 3)), verbose=0)
    layer = base(4) if base is Dense else base()
    layer.build((4,))
    with pytest.raises(NoForwardError, match=r"first\.$"):
        layer.backward(np.zeros((2, 4), "float32"))
