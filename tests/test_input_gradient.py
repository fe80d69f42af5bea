"""Which layers of a model compute ∂E/∂X, wherever they come from and whoever asks for it."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Conv2D, Dense, Dropout, Embedding, Flatten, Residual, Tanh

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 4)).astype("f4")
Y = RNG.standard_normal((12, 4)).astype("f4")


def compiled(layers, seed=0):
    model = bp.Sequential(layers, seed=seed)
    model.compile(bp.optimizers.SGD(0.1), "mse")
    return model


def delta_of(model):
    """∂E/∂X by model.backward(), if there is one."""
    model.loss.forward(model.forward(X, training=True), np.zeros_like(model.predict(X)))
    return model.backward()


@pytest.mark.parametrize("make", [lambda: Dense(4), lambda: Residual([Dense(4), Tanh()])])
def test_a_copy_of_the_first_layer_of_a_model_may_be_a_later_one_of_another(make):
    first = compiled([make()])
    first.fit(X, Y, verbose=0)
    taken = compiled([Dense(4), Tanh(), first.layers[0].copy()])
    made = compiled([Dense(4), Tanh(), make()])
    for model in (taken, made):
        model.build((None, 4))
    made.set_weights(taken.get_weights())
    for model in (taken, made):
        model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)
    assert abs(taken.layers[0].dW).min() > 0
    np.testing.assert_array_equal(taken.parameters.values, made.parameters.values)


def test_a_layer_that_was_first_computes_its_gradient_by_itself():
    first = compiled([Dense(4)])
    first.fit(X, Y, verbose=0)
    assert not first.layers[0].needs_input_gradient
    alone = first.layers[0].copy()
    alone.build((4,))
    alone.forward(X, training=True)
    np.testing.assert_allclose(alone.backward(Y), Y @ alone.W.T, rtol=1e-6)


HOW = {
    "built": lambda model: model.build((None, 4)),
    "fitted": lambda model: model.fit(X, np.zeros((12, 2)), verbose=0),
    "added to": lambda model: model.add(Dense(2)),
    "reset": lambda model: (model.build((None, 4)), model.reset(seed=3)),
    "built and added to": lambda model: (model.build((None, 4)), model.add(Dense(2))),
}


@pytest.mark.parametrize("then", HOW)
@pytest.mark.parametrize("first", [lambda: Dense(4), lambda: Residual([Dense(4), Tanh()])])
def test_who_asks_for_the_gradient_of_the_inputs_gets_it_whatever_comes_then(first, then):
    model = compiled([Dropout(0.0), first(), Dense(2)])
    assert delta_of(compiled([first(), Dense(2)])) is None
    model.layers[0].needs_input_gradient = True
    HOW[then](model)
    model.build((None, 4))
    found, h = delta_of(model), 1e-2
    bump = np.zeros_like(X)
    bump[0, 1] = h
    above, below = (np.mean(model.predict(each) ** 2) for each in (X + bump, X - bump))
    assert found.shape == X.shape
    assert found[0, 1] == pytest.approx((above - below) / (2 * h), rel=0.02)
    model.layers[0].needs_input_gradient = False
    model.layers[1].needs_input_gradient = False
    assert delta_of(model) is None


@pytest.mark.parametrize("inside", [False, True])
def test_layers_behind_others_that_learn_must_pass_the_gradient_on(inside):
    block = Residual([Dense(4), Tanh()])
    model = compiled([Dense(4), block])
    model.build((None, 4))
    layer = block.layers[0] if inside else block
    with pytest.raises(AttributeError, match="passes ∂E/∂X on to layers before it, some of which"):
        layer.needs_input_gradient = False
    model.layers[0].needs_input_gradient = False
    third = compiled([Dense(4), Tanh(), model.layers[0].copy()])
    third.build((None, 4))
    with pytest.raises(AttributeError, match="passes ∂E/∂X on"):
        third.layers[2].needs_input_gradient = False
    alone = third.layers[2].copy()
    alone.needs_input_gradient = False
    unbuilt = compiled([Dense(4), Tanh(), Dense(4)])
    unbuilt.layers[2].needs_input_gradient = False  # before it is known to be the third
    unbuilt.fit(X, Y, verbose=0)
    assert abs(unbuilt.layers[0].dW).min() > 0


def test_a_layer_that_passes_nothing_on_is_found_in_the_middle_of_a_model():
    class Last(bp.layers.Layer):
        def __init__(self):
            super().__init__()
            self.needs_input_gradient = False

        def forward(self, X, training=False):
            return 2 * X

        def backward(self, delta):
            return None

    with pytest.raises(TypeError, match="returned None, but the layers before it need"):
        compiled([Dense(4), Last()]).fit(X, Y, verbose=0)
    compiled([Last(), Dense(4)]).fit(X, Y, verbose=0)


def test_layers_that_do_not_learn_are_passed_over_until_one_does():
    model = compiled([Dropout(0.5), Tanh(), Dense(3), Tanh(), Dense(4)])
    model.fit(X, Y, verbose=0)
    assert [each.needs_input_gradient for each in model.layers] == [False, False, False, True, True]
    words = compiled([Embedding(5, 2), Flatten(), Dense(1)])
    words.fit(RNG.integers(0, 5, (6, 3)), np.ones(6), verbose=0)
    assert [each.needs_input_gradient for each in words.layers] == [False, True, True]
    images = compiled([Conv2D(2, 3), Flatten(), Dense(1)])
    images.fit(RNG.standard_normal((6, 5, 5, 1)), np.ones(6), verbose=0)
    assert not images.layers[0].needs_input_gradient


def test_a_layer_inside_of_the_first_block_may_be_asked_too():
    block = Residual([Dense(4), Tanh()])
    block.layers[0].needs_input_gradient = True
    model = compiled([block])
    model.build((None, 4))
    assert block.layers[0].needs_input_gradient
    assert not block.needs_input_gradient
    block.layers[0].needs_input_gradient = False
    model.fit(X, Y, verbose=0)
