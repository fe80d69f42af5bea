"""What a layer of one's own does with its parameters, and the numbers that it makes of them."""

import numpy as np
import pytest
from mistakes import C, X, model_with

import backprop as bp
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.inspection import check_layer
from backprop.layers import Dense, Layer


class Scaled(Layer):
    """Computes with what add_parameter returned, in one of the ways that a newcomer tries."""

    def __init__(self, way, kept="W"):
        super().__init__()
        self.way, self.kept = way, kept

    def make_parameters(self, input_shape):
        parameter = self.add_parameter("W", input_shape, "ones")
        if self.kept:
            setattr(self, self.kept, parameter)

    def forward(self, X, training=False):
        return self.way(self, X)

    def backward(self, delta):
        self.parameters[0].gradient[...] = 0
        return delta


WAYS = {
    "X ⊙ W": lambda layer, X: X * layer.W,
    "W ⊙ X": lambda layer, X: layer.W * X,
    "X @ W": lambda layer, X: X @ layer.W,
    "X − W": lambda layer, X: X - layer.W,
    "2 W": lambda layer, X: X + 2 * layer.W,
    "W²": lambda layer, X: X + layer.W**2,
    "−W": lambda layer, X: X + -layer.W,
    "exp W": lambda layer, X: X + np.exp(layer.W),
    "dot": lambda layer, X: np.dot(X, layer.W),
    "sum": lambda layer, X: X + np.sum(layer.W),
    "asarray": lambda layer, X: X + np.asarray(layer.W),
    "W[0]": lambda layer, X: X + layer.W[0],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_parameter_says_that_it_is_no_array(way):
    for call in (
        lambda: model_with(Scaled(way)).fit(X, C, verbose=0),
        lambda: check_layer(Scaled(way), (5,)),
    ):
        with pytest.raises(TypeError, match=r"W is a Parameter and no array: .* \.value"):
            call()


def test_a_parameter_says_where_an_arrays_attributes_are():
    with pytest.raises(AttributeError, match=r"no attribute 'T': write \.value\.T\."):
        model_with(Scaled(lambda layer, X: X @ layer.W.T)).predict(X)


def test_a_parameter_that_is_not_kept_or_its_gradient_is_explained():
    def forget(layer, X):
        return X * layer.W.value

    with pytest.raises(AttributeError, match=r"write self\.W = self\.add_parameter\('W', …\)"):
        model_with(Scaled(forget, kept=None)).predict(X)
    with pytest.raises(AttributeError, match=r"'dW'.* the gradient is self\.W\.gradient"):
        model_with(Scaled(lambda layer, X: X * layer.dW)).predict(X)


@pytest.mark.parametrize(
    "way", [lambda _, X: X * 1j, lambda _, X: X.astype(str)], ids=["i", "text"]
)
def test_forward_must_return_real_numbers(way):
    with pytest.raises(ShapeError, match=r"Scaled.*\.forward must return numbers.* dtype"):
        model_with(Scaled(way)).fit(X, C, verbose=0)


def test_a_layer_cannot_have_two_parameters_of_one_name():
    """A file would keep one of them."""

    class Twice(Layer):
        def make_parameters(self, input_shape):
            self.first = self.add_parameter("W", input_shape, "ones")
            self.second = self.add_parameter("W", input_shape, "zeros")

    with pytest.raises(ValueError, match="two parameters of Twice 'twice_1' are called 'W'"):
        model_with(Twice()).build((None, 4))


def test_a_parameter_may_be_called_like_one_of_another_layer_or_of_an_earlier_build():
    model = model_with(Scaled(lambda layer, X: X * layer.W.value))
    model.fit(X, C, verbose=0)
    model.reset()
    model.fit(X, C, verbose=0)


class InConstructor(Layer):
    """Makes its weights where other libraries do."""

    def __init__(self, n):
        super().__init__()
        self.g = self.add_parameter("g", (n,), "ones")

    def forward(self, X, training=False):
        return X * self.g.value

    def backward(self, delta):
        return delta * self.g.value


class BeforeBuild(InConstructor):
    def __init__(self):
        Layer.__init__(self)

    def build(self, input_shape, rng=None, dtype="float32"):
        self.g = self.add_parameter("g", input_shape, "ones")
        super().build(input_shape, rng, dtype)


def test_a_parameter_that_build_would_throw_away_is_refused():
    words = r"add_parameter\('g', …\) in make_parameters, which"
    with pytest.raises(NotBuiltError, match=words):
        InConstructor(4)
    with pytest.raises(NotBuiltError, match=words):
        bp.Sequential([BeforeBuild()]).build((None, 4))


class Kept(Layer):
    """Multiplies by W; keeps and writes what it is told to."""

    def __init__(self, keep=lambda parameter: None, write=None):
        super().__init__()
        self.keep, self.write = keep, write or (lambda gradient, found: np.copyto(gradient, found))

    def make_parameters(self, input_shape):
        self.W = self.add_parameter("W", input_shape, "ones")
        self.kept = self.keep(self.W)

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.W.value

    def backward(self, delta):
        self.write(self.W.gradient, np.sum(delta * self.X, axis=0))
        return delta * self.W.value


@pytest.mark.parametrize(
    ("keep", "what"),
    [
        (lambda parameter: parameter.value, "value"),
        (lambda parameter: parameter.value.T, "value"),
        (lambda parameter: [parameter.value[1:]], "value"),
        (lambda parameter: {"g": parameter.gradient}, "gradient"),
    ],
)
def test_a_layer_that_keeps_an_array_of_a_parameter_is_refused(keep, what):
    # a model moves the numbers into θ: the array kept would never change again
    for call in (
        lambda: model_with(Kept(keep)).fit(X, C, verbose=0),
        lambda: bp.Sequential([bp.Input(5), Kept(keep)]),
        lambda: check_layer(Kept(keep), (5,)),
    ):
        with pytest.raises(ValueError, match=rf"keeps the {what} of .*W' in self\.kept, an array"):
            call()


def test_a_layer_may_keep_a_copy_of_a_parameter():
    model_with(Kept(lambda parameter: parameter.value.copy())).fit(X, C, verbose=0)


def add(gradient, found):
    gradient += found


def write_some(gradient, found):
    gradient[1:] = found[1:]


@pytest.mark.parametrize("write", [add, write_some, lambda gradient, found: None])
def test_a_backward_that_does_not_write_a_gradient_is_refused(write):
    model = model_with(Kept(write=write))
    model.predict(X)
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=r"must write the whole gradient of 'kept_1\.W'"):
        model.fit(X, C, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert np.isfinite(model.parameters.gradients).all()


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: bp.layers.Chain([layer])])
def test_a_backward_that_takes_the_step_itself_is_refused(wrap):
    """As in programs without an optimizer; here each step would be taken twice."""

    class Stepping(Kept):
        def backward(self, delta):
            passed = super().backward(delta)
            self.W.value[...] -= 0.1 * self.W.gradient
            return passed

    model = model_with(wrap(Stepping()))
    model.predict(X)
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=r"changed the values of .*W', which is the optimizer's"):
        model.fit(X, C, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)


def test_a_gradient_that_is_nan_by_its_formula_is_no_such_mistake():
    model = model_with(Kept(write=lambda gradient, found: np.copyto(gradient, found * np.nan)))
    with pytest.warns(RuntimeWarning, match="diverged"):
        model.fit(X, C, verbose=0)


def test_a_frozen_layer_need_not_write_its_gradient():
    layer = Kept(write=lambda gradient, found: None)
    layer.trainable = False
    model_with(layer).fit(X, C, verbose=0)


@pytest.mark.parametrize("first", [True, False])
def test_a_parameter_made_in_forward_is_refused(first):
    """The optimizer would never see it: it stayed what it was, and was counted in the summary."""

    class Scale(Layer):
        def forward(self, X, training=False):
            if not self.parameters:
                self.add_parameter("s", X.shape[1:], "ones")
            return X * self.parameters[0].value

        def backward(self, delta):
            return delta

    layers = [Scale(), Dense(2)] if first else [Dense(3), Scale(), Dense(2)]
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"call add_parameter\('s', …\) in make_parameters"):
        model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    model.reset()
    with pytest.raises(ValueError, match="in a built model"):
        model.predict(np.ones((8, 3)))
