"""Layers in sequence, and the declaration of the input."""

import re

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import NotBuiltError
from backprop.layers import Chain, Dense, Input, ReLU, Softmax, Tanh
from backprop.layers.chain import unfold


def built() -> Chain:
    chain = Chain([Dense(5), Tanh(), Dense(3), Softmax()])
    chain.build((4,), np.random.default_rng(0), "float64")
    return chain


def test_a_layer_of_two_models_is_refused_when_the_second_is_built():
    shared = Dense(3)
    one, other = (bp.Sequential([shared, Dense(2)], seed=0) for _ in range(2))
    one.build((None, 4))
    before = one.get_weights()
    with pytest.raises(ValueError, match=r"belongs to a model already.*layer\.copy\(\)"):
        other.build((None, 4))
    for mine, its in zip(before, one.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert np.shares_memory(shared.W, one.parameters.values)
    one.reset(seed=1)
    assert np.shares_memory(shared.W, one.parameters.values)


def test_layers_are_numbered_by_kind():
    chain = Chain(
        [Dense(1), ReLU(), Dense(1), Dense(1, name="dense_3"), Dense(1), Dense(1, name="x")]
    )
    names = ["dense_1", "relu_1", "dense_2", "dense_3", "dense_4", "x"]
    assert [layer.name for layer in chain.layers] == names


def test_parameters_carry_the_layers_names_through_nested_chains():
    chain = Chain([Dense(2), Chain([Dense(3), Dense(1)])])
    chain.build((4,))
    assert [p.name for p in chain.parameters] == [
        *("dense_1.W", "dense_1.b"),
        *("chain_1.dense_1.W", "chain_1.dense_1.b", "chain_1.dense_2.W", "chain_1.dense_2.b"),
    ]
    assert [p.shape for p in chain.parameters] == [(4, 2), (2,), (2, 3), (3,), (3, 1), (1,)]


def test_the_same_generator_builds_the_same_chain():
    for one, other in zip(built().parameters, built().parameters, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    first, _, second, _ = built().parameters
    assert not np.array_equal(first.value.ravel()[:5], second.value.ravel()[:5])


def test_forward_is_the_composition():
    chain = built()
    X = np.random.default_rng(1).standard_normal((2, 4))
    Y = X
    for layer in chain.layers:
        Y = layer.forward(Y)
    np.testing.assert_array_equal(chain.forward(X), Y)


def test_backward_leaves_each_layer_its_delta():
    chain = built()
    rng = np.random.default_rng(1)
    chain.forward(rng.standard_normal((2, 4)), training=True)
    delta = rng.standard_normal((2, 3))
    chain.backward(delta)
    first, tanh, second, softmax = chain.layers
    assert softmax.delta is delta
    np.testing.assert_array_equal(second.delta, softmax.backward(delta))
    np.testing.assert_array_equal(tanh.delta, second.backward(second.delta))
    np.testing.assert_array_equal(first.delta, tanh.backward(tanh.delta))


def test_a_chain_has_the_delta_of_its_last_layer():
    chain = built()
    rng = np.random.default_rng(1)
    assert chain.delta is None
    chain.forward(rng.standard_normal((2, 4)), training=True)
    delta = rng.standard_normal((2, 3))
    chain.backward(delta)
    assert chain.delta is delta
    assert chain.layers[-1].delta is delta
    assert Chain().delta is None


def test_unfold_opens_the_chains_that_end_a_list_of_layers():
    first, second, last = Chain([Dense(2), Tanh()]), Dense(3), Softmax()
    assert unfold([first, Chain([second, Chain([last])])]) == [first, second, last]
    assert unfold([second, first]) == [second, *first.layers]
    assert unfold([Chain()])[0].layers == []
    assert unfold([]) == []


def test_a_layer_appended_to_a_built_chain_is_built():
    chain = Chain([Dense(5)])
    chain.build((4,), np.random.default_rng(0), "float64")
    W = chain.layers[0].W
    chain.append(Dense(2))
    assert chain.layers[0].W is W
    assert chain.layers[1].W.shape == (5, 2)
    assert chain.layers[1].W.dtype == "float64"
    assert [p.name for p in chain.parameters][2:] == ["dense_2.W", "dense_2.b"]


def test_frozen_chain_freezes_its_layers_before_and_after_build():
    """Freezing before build was once forgotten."""
    early, late = Chain([Dense(5), Dense(2)]), Chain([Dense(5), Dense(2)])
    early.trainable = False
    early.build((4,))
    late.build((4,))
    late.trainable = False
    for chain in (early, late):
        assert [p.trainable for p in chain.parameters] == [False] * 4
        chain.trainable = True
        assert [p.trainable for p in chain.parameters] == [True] * 4


def test_frozen_layer_in_a_trainable_chain_stays_frozen():
    chain = Chain([Dense(5), Dense(2)])
    chain.layers[0].trainable = False
    chain.build((4,))
    assert [p.trainable for p in chain.parameters] == [False, False, True, True]


def test_what_a_chain_does_not_take():
    layer = Dense(3)
    with pytest.raises(TypeError, match="add the parentheses"):
        Chain([Dense])
    with pytest.raises(TypeError, match="made of layers, but it was given 'dense'"):
        Chain(["dense"])
    with pytest.raises(ValueError, match="belongs to a model already"):
        Chain([layer, layer])
    with pytest.raises(ValueError, match="belongs to a model already"):
        Chain([built().layers[0]])
    with pytest.raises(ValueError, match="two layers are called 'a'"):
        Chain([Dense(1, name="a"), Dense(1, name="a")])


def test_an_unbuilt_chain_says_so():
    with pytest.raises(NotBuiltError, match=r"Dense 'dense_1' is not built"):
        Chain([Dense(3)]).forward(np.ones((2, 4)))


def test_input_shapes():
    assert Input(784).shape == Input((784,)).shape == Input([784]).shape == (784,)
    assert Input((28, 28, 1)).shape == (28, 28, 1)
    assert Input(np.int64(3)).shape == Input(np.array([3])).shape == (3,)
    assert repr(Input(3)) == "Input(shape=(3,))"


@pytest.mark.parametrize("shape", [(), 0, -1, (3, 0), (None, 784), (1.5,), "784", ("784",)])
def test_input_takes_positive_integers(shape):
    with pytest.raises(ValueError, match=re.escape("Input(shape) must be the shape of one sample")):
        Input(shape)
