"""Copies of blocks, of what is in them, and of layers that were copies before."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import (
    GRU,
    Bidirectional,
    Block,
    Chain,
    Dense,
    Parallel,
    Residual,
    Tanh,
    TimeDistributed,
    TransformerBlock,
)

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 4)), RNG.standard_normal((20, 1))


def moved(*layers):
    """Which parameters of a model made of these layers a training changes."""
    model = bp.Sequential([bp.Input(4), *layers, Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    pairs = zip(model.parameters, before, strict=True)
    return {p.name for p, old in pairs if (p.value != old).any()}


@pytest.mark.parametrize("kind", [Chain, Residual, lambda layers: Parallel([layers, Tanh()])])
def test_what_was_thawed_in_a_block_is_so_in_its_copies(kind):
    first = bp.Sequential([bp.Input(4), Dense(4)], seed=0)
    first.parameters["dense_1.W"].trainable = False
    block = kind([first.layers[0].copy(), Tanh()])
    model = bp.Sequential([bp.Input(4), block], seed=1)
    (name,) = (p.name for p in model.parameters if p.name.endswith(".W"))
    assert name not in moved(block.copy())
    model.parameters[name].trainable = True
    for trainable in (None, True):
        assert name in moved(block.copy(trainable))
    assert moved(block.copy(False)) == {"dense_1.W", "dense_1.b"}


def sequences(block):
    return bp.Sequential([bp.Input((5, 4)), block], seed=0)


INSIDE = {
    "chain": (lambda: Chain([Dense(3), Tanh()]), lambda block: block.layers[0]),
    "residual": (lambda: Residual([Dense(4), Tanh()]), lambda block: block.layers[0]),
    "time distributed": (lambda: TimeDistributed(Dense(3)), lambda block: block.layer),
    "bidirectional": (lambda: Bidirectional(GRU(2)), lambda block: block.layer),
    "backwards": (lambda: Bidirectional(GRU(2)), lambda block: block.backward_layer),
    "branch": (lambda: Parallel([Dense(3), Dense(2)]), lambda block: block.branches[1]),
    "deep": (lambda: Chain([Residual([Dense(4)])]), lambda block: block.layers[0].layers[0]),
}


@pytest.mark.parametrize("what", INSIDE)
@pytest.mark.parametrize("again", [False, True])
def test_a_layer_out_of_a_copy_has_its_weights(what, again):
    make, inside = INSIDE[what]
    model = sequences(make())
    model.compile("sgd", "mse")
    model.fit(RNG.standard_normal((8, 5, 4)), np.zeros((8, *model.output_shape)), verbose=0)
    block = model.layers[0]
    taken = inside(block.copy())
    taken = taken.copy() if again else taken
    shape = inside(block).input_shape
    bp.Sequential([bp.Input(shape), taken], seed=7)
    for mine, its in zip(taken.parameters, inside(block).parameters, strict=True):
        np.testing.assert_array_equal(mine.value, its.value)


def test_a_copy_of_a_copy_in_a_block_has_the_weights_after_training():
    first = bp.Sequential([bp.Input(4), Dense(4)], seed=0)
    block = Chain([first.layers[0].copy(), Tanh()])
    model = bp.Sequential([bp.Input(4), block, Dense(1)], seed=1)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    out = bp.Sequential([bp.Input(4), block.copy().layers[0].copy()])
    np.testing.assert_array_equal(out.layers[0].W, block.layers[0].W)
    assert (out.layers[0].W != first.layers[0].W).any()


class Anew(Block):
    """Makes its layer whenever it is built."""

    def make_parameters(self, input_shape):
        list.clear(self.children)
        self.dense = Dense(4)
        self.build_child(self.dense, input_shape)

    def forward(self, X, training=False):
        return self.dense.forward(X, training)

    def backward(self, delta):
        return self.dense.backward(delta)


def test_a_block_that_makes_its_layers_anew_has_the_weights_in_copies_too():
    model = bp.Sequential([bp.Input(4), Residual([Anew()])], seed=0)
    copied = bp.Sequential([bp.Input(4), model.layers[0].copy()], seed=1)
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))


def test_the_second_direction_of_a_copied_one_begins_with_weights_of_its_own():
    model = sequences(GRU(2))
    both = sequences(Bidirectional(model.layers[0].copy())).layers[0]
    np.testing.assert_array_equal(both.layer.W, model.layers[0].W)
    assert (both.backward_layer.W != both.layer.W).any()

    class Last(Block):
        return_sequences = False

        def __init__(self, go_backwards=False):
            super().__init__()
            self.go_backwards, self.dense = go_backwards, self.adopt(Dense(3))

        def make_parameters(self, input_shape):
            self.build_child(self.dense, input_shape)

        def output_shape(self, input_shape):
            return (3,)

        def forward(self, X, training=False, mask=None):
            return self.dense.forward(X, training)[:, -1]

    own = sequences(Last()).layers[0]
    both = sequences(Bidirectional(own.copy())).layers[0]
    np.testing.assert_array_equal(both.layer.dense.W, own.dense.W)
    assert (both.backward_layer.dense.W != own.dense.W).any()
    frozen = sequences(Bidirectional(model.layers[0].copy(trainable=False))).layers[0]
    assert not any(p.trainable for p in frozen.layer.parameters)
    assert all(p.trainable for p in frozen.backward_layer.parameters)  # they are no weights of it


@pytest.mark.parametrize(("name", "value"), [("causal", True), ("dropout", 0.1)])
def test_a_copied_transformer_block_with_frozen_layers_stays_as_it_was_made(name, value):
    model = sequences(TransformerBlock(2, 8))
    copied = model.layers[0].copy()
    setattr(copied, name, value)
    other = sequences(copied)
    assert getattr(copied, name) == value
    for mine, its in zip(other.parameters, model.parameters, strict=True):
        np.testing.assert_array_equal(mine.value, its.value)
    model.layers[0].layers[0].trainable = False
    with pytest.raises(AttributeError, match=f"in which layers are frozen, and another {name}"):
        setattr(model.layers[0].copy(), name, value)


def test_a_weight_that_is_trained_in_a_frozen_layer_is_so_in_copies_and_after_a_reset(tmp_path):
    model = bp.Sequential([bp.Input(4), Dense(4), Dense(1)], seed=0)
    model.layers[0].trainable = False
    model.parameters["dense_1.b"].trainable = True
    flags = [False, True, True, True]
    assert [p.trainable for p in model.parameters] == flags
    copied = bp.Sequential([bp.Input(4), *(layer.copy() for layer in model.layers)])
    assert [p.trainable for p in copied.parameters] == flags
    thawed = bp.Sequential([bp.Input(4), model.layers[0].copy(True)])
    assert all(p.trainable for p in thawed.parameters)
    frozen = bp.Sequential([bp.Input(4), model.layers[0].copy(False)])
    assert not any(p.trainable for p in frozen.parameters)
    model.save(tmp_path / "m.npz")
    for each in (model, bp.load_model(tmp_path / "m.npz"), copied):
        each.reset()
        assert [p.trainable for p in each.parameters] == flags
    model.layers[0].trainable = False  # which freezes all of it
    model.reset()
    assert [p.trainable for p in model.parameters] == [False, False, True, True]
