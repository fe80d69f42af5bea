"""Activations of one's own: the arguments of f and f′, and what they return."""

import numpy as np
import pytest
from mistakes import C, X, assert_speaks, model_with

import backprop as bp
from backprop.inspection import check_layer
from backprop.layers import (
    LSTM,
    Activation,
    Bidirectional,
    Chain,
    Dense,
    ReLU,
    Tanh,
    TimeDistributed,
)


def f(self, Z, out=None):
    return np.tanh(Z, out=out)


def f_prime(self, Z, A, out):
    return np.subtract(1, A * A, out=out)


def made(f=f, f_prime=f_prime, base=Activation):
    """A layer of a class Own with these functions."""
    return type("Own", (base,), {"f": f, "f_prime": f_prime})()


def fitted(layer):
    model = model_with(layer)
    model.fit(X, C, verbose=0)
    return model.get_weights()


MISFITS = {
    "f without out": made(f=lambda self, Z: np.tanh(Z)),
    "f with another name": made(f=lambda self, Z, into=None: np.tanh(Z, out=into)),
    "f that must have out": made(f=lambda self, Z, out: np.tanh(Z, out=out)),
    "f without anything": made(f=lambda self: 1),
    "f_prime of Z": made(f_prime=lambda self, Z: 1 - np.tanh(Z) ** 2),
    "f_prime of Z and A": made(f_prime=lambda self, Z, A: 1 - A * A),
    "f_prime by name": made(f_prime=lambda self, Z, A, *, out: 1 - A * A),
}


@pytest.mark.parametrize("which", MISFITS)
def test_the_arguments_are_named(which):
    name = which.split()[0]
    written = {"f": "Z, out=None", "f_prime": "Z, A, out"}[name]
    for call in (lambda: model_with(MISFITS[which]), lambda: check_layer(MISFITS[which], 3)):
        with pytest.raises(TypeError, match=rf"^Own\.{name} takes .*, but is called") as caught:
            call()
        assert_speaks(caught, [f"write def {name}(self, {written})."])


RIGHT = {
    "into out": f_prime,
    "a new array": lambda self, Z, A, out: 1 - A * A,
    "into out, and returns nothing": lambda self, Z, A, out: out.__setitem__(..., 1 - A * A),
    "other names": lambda self, z, a, o=None: np.subtract(1, a * a, out=o),
}


@pytest.mark.parametrize("derivative", RIGHT.values(), ids=RIGHT)
def test_a_derivative_may_stand_in_out_alone(derivative):
    np.testing.assert_equal(fitted(made(f_prime=derivative)), fitted(made()))
    assert check_layer(made(f_prime=derivative), 3).ok
    assert check_layer(made(f_prime=derivative, base=ReLU), 3).ok


def test_a_constant_derivative_may_be_a_number():
    double = made(lambda self, Z, out=None: np.multiply(2, Z, out=out), lambda self, Z, A, out: 2.0)
    assert check_layer(double, 3).ok
    fitted(double)


WRONG = {
    "nothing": lambda *_, **__: None,
    "a column": lambda self, Z, *_, **__: np.ones((len(Z), 1), Z.dtype),
    "a row": lambda self, Z, *_, **__: np.ones(Z.shape[1:], Z.dtype),
    "an axis more": lambda self, Z, *_, **__: np.ones((1, *Z.shape), Z.dtype),
    "a list": lambda self, Z, *_, **__: Z.tolist(),
    "text": lambda self, Z, *_, **__: Z.astype(str),
    "masked": lambda self, Z, *_, **__: np.ma.masked_less(Z, 0),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", ["f", "f_prime"])
def test_what_they_return_is_looked_at(name, wrong):
    words = rf"^Own.*\.{name} must return .* an array of Z's shape \(\d+, 5\), but it returned"
    model = model_with(made(**{name: wrong}))
    model.build((None, 4))
    before = model.get_weights()
    for call in (lambda: model.fit(X, C, verbose=0), lambda: check_layer(made(**{name: wrong}), 5)):
        with pytest.raises((TypeError, ValueError), match=words) as caught:
            call()
        assert_speaks(caught, [])
    np.testing.assert_equal(model.get_weights(), before)


def test_integers_of_f_prime_are_refused():
    with pytest.raises(ValueError, match=r"f_prime must return f′\(Z\) in floats"):
        fitted(made(f_prime=lambda self, Z, A, out: np.ones(Z.shape, int)))


def test_a_layer_with_a_forward_of_its_own_may_call_them_as_it_likes():
    class Own(Activation):
        def f(self, Z, power):
            return (Z**power).sum(axis=0)  # of the whole batch

        def f_prime(self, Z, power, out):
            return power * Z ** (power - 1)

        def forward(self, Z, training=False):
            if training:
                self.Z = Z
            return Z**2 + 0 * self.f(Z, power=2)

        def backward(self, delta):
            return delta * self.f_prime(self.Z, power=2, out=None)

    assert check_layer(Own(), 3).ok
    fitted(Own())


class Unit(Tanh):
    """(1 + tanh z) / 2, which lies between 0 and 1."""

    def f(self, Z, out=None):
        return np.divide(1 + np.tanh(Z), 2, out=out)

    def f_prime(self, Z, A, out):
        return np.multiply(2, A * (1 - A), out=out)


class UnitLSTM(LSTM):
    """Outputs between 0 and 1."""

    def forward(self, X, training=False, mask=None):
        return (1 + super().forward(X, training, mask)) / 2

    def backward(self, delta):
        return super().backward(delta / 2)


@pytest.mark.parametrize(
    "ending",
    [
        lambda: [Dense(2), Unit()],
        lambda: [Dense(2), TimeDistributed(Unit())],
        lambda: [TimeDistributed(Chain([Dense(2), Unit()]))],
        lambda: [Bidirectional(UnitLSTM(1, return_sequences=True))],
    ],
)
def test_the_range_of_a_base_class_is_not_that_of_another_formula(ending):
    # a binary cross-entropy refuses what a tanh makes
    steps = np.random.default_rng(0).standard_normal((12, 3, 4))
    model = bp.Sequential(ending(), seed=0)
    model.compile("sgd", "binary_crossentropy")
    y = np.arange(72).reshape(12, 3, 2) % 2
    model.fit(steps, y, verbose=0)
    assert model.check_gradients(steps[:2], y[:2]).ok
