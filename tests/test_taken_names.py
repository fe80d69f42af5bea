"""Names that a base class needs are refused to classes of one's own, and others are free."""

import numpy as np
import pytest

import backprop as bp
from backprop.core.taken import kept_by
from backprop.layers import LSTM, Activation, Block, Dense, Layer
from backprop.layers.block import backward_of
from backprop.losses import Loss
from backprop.metrics import MeanMetric, Metric
from backprop.optimizers import Optimizer

X, Y = np.random.default_rng(0).standard_normal((2, 12, 3))


class Same(Layer):
    def forward(self, X, training=False):
        return X.copy()

    def backward(self, delta):
        return delta.copy()


class Threshold(Same):
    def __init__(self):
        super().__init__()
        self.delta = 0.5


class Difference(Same):
    def forward(self, X, training=False):
        if training:
            self.kept, self.delta = X, X - 1
        return X.copy()


class Drawing(Same):
    def __init__(self):
        super().__init__()
        self._rng = np.random.default_rng(7)


class Typed(Same):
    def __init__(self):
        super().__init__()
        self.dtype = "float64"


class Sine(Activation):
    """A sin(z)."""

    def __init__(self):
        super().__init__()
        self.A = 2.0

    def f(self, Z, out=None):
        return np.multiply(self.A, np.sin(Z), out=out)

    def f_prime(self, Z, A, out):
        return np.multiply(self.A, np.cos(Z), out=out)


class Collecting(Same):
    def __init__(self):
        super().__init__()
        self.buffers = {}


class Stepping(LSTM):
    def __init__(self):
        super().__init__(2)
        self._steps = 3


class Unrolling(LSTM):
    def __init__(self, unroll=False):
        super().__init__(2)
        self.unroll = unroll


class Scaled(Loss):
    def __init__(self, scale=2.0):
        super().__init__()
        self._scale = scale

    def values(self, prediction, target):
        return self._scale * ((prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return 2 * self._scale * (prediction - target)


class Weighing(MeanMetric):
    def __init__(self):
        super().__init__("weighing")
        self._weight = 3.0

    def values(self, prediction, target):
        return self._weight * np.abs(prediction - target).mean(axis=1)


class Several(Metric):
    def __init__(self):
        super().__init__("several")

    def reset(self):
        self.outputs = 3

    def update(self, prediction, target, sample_weight=None):
        pass

    def result(self):
        return 0.0


class Plain(Optimizer):
    def __init__(self):
        super().__init__(0.1)
        self._state = None

    def coefficients(self, t, eta):
        return (eta,)

    def update(self, theta, g, scratch):
        theta -= self.scalars[0] * g


def changed(made, name, value):
    setattr(made, name, value)
    return made


def fit(layer=None, optimizer="sgd", loss="mse", metrics=None):
    model = bp.Sequential([layer or Same(), Dense(3)], seed=0)
    model.compile(optimizer, loss, metrics)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(("given", "words"), [
    ({"layer": Threshold()}, r"Threshold.__init__ assigns to self.delta, .* Layer keeps ∂E/∂Y of"),
    ({"layer": Difference()}, r"Difference.forward assigns to self.delta, .* self.own_delta"),
    ({"layer": Drawing()}, "Drawing.__init__ assigns to self._rng, .* the random generator"),
    ({"layer": Typed()}, "Typed.__init__ assigns to self.dtype, .* which build sets"),
    ({"layer": Sine()}, "Sine.__init__ assigns to self.A, .* Activation keeps the outputs of"),
    ({"layer": Collecting()}, "Collecting.__init__ assigns to self.buffers, .* the arrays that"),
    ({"layer": Stepping()}, "Stepping.__init__ assigns to self._steps, .* LSTM keeps something"),
    ({"layer": Unrolling()}, "Unrolling has False under the name unroll, .* LSTM has a method"),
    ({"layer": changed(Same(), "linear", Dense(2))}, "Same has .* name linear, but there Layer"),
    ({"layer": changed(Same(), "inside", 3)}, "Same has 3 under the name inside, .* has a method"),
    ({"layer": type("Odd", (Same,), {"random": lambda self: 0})()}, "Odd has .* name random"),
    ({"loss": Scaled()}, "Scaled.__init__ assigns to self._scale, .* Loss keeps something of its"),
    ({"metrics": [Weighing()]}, "Weighing.__init__ assigns to self._weight, .* MeanMetric keeps"),
    ({"metrics": [Several()]}, "Several.reset assigns to self.outputs, .* as compile says"),
    ({"optimizer": Plain()}, "Plain.__init__ assigns to self._state, .* Optimizer keeps"),
])  # fmt: skip
def test_a_name_that_the_base_class_needs_is_refused(given, words):
    with pytest.raises(TypeError, match=words):
        fit(**given)


def test_checks_by_hand_say_it_too():
    with pytest.raises(TypeError, match=r"Difference\.forward assigns to self\.delta"):
        bp.inspection.check_layer(Difference(), (3,))
    with pytest.raises(TypeError, match=r"Scaled\.__init__ assigns to self\._scale"):
        bp.inspection.check_loss(Scaled(), (3,))


def test_other_names_are_free():
    class Around(Block):
        """Writes δ into the layer that it holds, as blocks do."""

        def __init__(self, layer):
            super().__init__()
            self.layer = self.adopt(layer)
            self.own_delta, self.scale, self.random_state = 0.5, 2.0, 3

        makes_mask = False

        @property
        def linear(self):
            return False

        def make_parameters(self, input_shape):
            self.build_child(self.layer, input_shape)

        def output_shape(self, input_shape):
            return self.layer.output_shape(input_shape)

        def forward(self, X, training=False, mask=None):
            return self.layer.forward(X, training)

        def backward(self, delta):
            layer = self.layer
            layer.delta = delta
            return backward_of(layer, delta)

    class Odd(Activation):
        """Keeps Z and A in a forward of its own."""

        def __init__(self):
            super().__init__()
            self.Z = self.A = None

        def forward(self, Z, training=False):
            self.Z, self.A = Z, Z.copy()
            return self.A

        def backward(self, delta):
            return delta * (self.Z == self.A)

    fit(Odd())

    class Wide(Dense):
        def forward(self, X, training=False):
            self.X = X
            return super().forward(X, training)

    fit(Around(Wide(4)))


def test_delta_may_be_kept_where_it_is_given():
    class Keeping(Same):
        def backward(self, delta):
            self.delta = delta
            return self.delta.copy()

    model = bp.Sequential([Dense(2), Keeping(), Dense(3)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert model.layers[1].delta.shape == (12, 2)


def test_what_base_classes_keep_is_found_in_their_code():
    assert {"_scale", "_target", "_prediction"} <= kept_by(Loss).keys()
    assert {"delta", "_rng", "_trainable"} <= kept_by(Layer).keys()
    assert {"_total", "_weight"} <= kept_by(MeanMetric).keys()
    assert {"_state", "_parameters"} <= kept_by(Optimizer).keys()


class Inheriting(Threshold):
    pass


def test_the_class_is_named_whose_method_assigns():
    with pytest.raises(TypeError, match=r"^Threshold\.__init__ assigns to self\.delta"):
        fit(Inheriting())
