"""The layers of models and blocks are read from lists that refuse to be changed."""

import copy
import pickle
import re

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Chain, Dense, Parallel, ReLU, Residual, Softmax, Tanh

CHANGES = {
    "append": lambda layers: layers.append(ReLU()),
    "clear": lambda layers: layers.clear(),
    "extend": lambda layers: layers.extend([ReLU()]),
    "insert": lambda layers: layers.insert(1, Tanh()),
    "pop": lambda layers: layers.pop(),
    "remove": lambda layers: layers.remove(layers[0]),
    "reverse": lambda layers: layers.reverse(),
    "sort": lambda layers: layers.sort(key=str),
    "[…] = …": lambda layers: layers.__setitem__(1, Tanh()),
    "del": lambda layers: layers.__delitem__(0),
    "+=": lambda layers: layers.__iadd__([ReLU()]),
    "*=": lambda layers: layers.__imul__(2),
}
LISTS = {
    "a model's": lambda model: model.layers,
    "a chain's": lambda model: model.layers[0].layers,
    "a block's children": lambda model: model.layers[1].children,
    "a residual's": lambda model: model.layers[1].layers,
    "branches": lambda model: model.layers[2].branches,
}


def network():
    blocks = Chain([Dense(4), ReLU()]), Residual([Dense(4), Tanh()]), Parallel([ReLU(), Tanh()])
    model = bp.Sequential([*blocks, Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.build((None, 4))
    return model


@pytest.mark.parametrize("of", LISTS)
@pytest.mark.parametrize("how", CHANGES)
def test_a_list_of_layers_refuses_to_be_changed(of, how):
    model = network()
    before = [*LISTS[of](model)]
    with pytest.raises(TypeError, match=rf"changed by {re.escape(how)}: a model gets more layers"):
        CHANGES[how](LISTS[of](model))
    assert [*LISTS[of](model)] == before


def test_the_last_layers_of_a_trained_model_are_replaced_as_the_error_says():
    model = network()
    with pytest.raises(TypeError, match=r"\[layer.copy\(\) for layer in model.layers\[:-1\]\]"):
        model.layers[-1] = Dense(1)
    swapped = bp.Sequential([*(layer.copy() for layer in model.layers[:-1]), Dense(1)], seed=0)
    swapped.build((None, 4))
    for before, after in zip(model.get_weights(), swapped.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("how", CHANGES)
def test_so_does_that_of_the_metrics(how):
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", "auc"])
    with pytest.raises(
        TypeError, match=rf"changed by {re.escape(how)}: a model gets other metrics"
    ):
        CHANGES[how](model.metrics)
    assert [metric.name for metric in model.metrics] == ["accuracy", "auc"]
    back = pickle.loads(pickle.dumps(model))
    for each in (model, back, copy.deepcopy(model)):
        assert len(each.evaluate(np.ones((3, 4)), [0, 1, 2])) == 3


def test_what_is_made_of_it_is_a_list():
    layers = network().layers
    for made in (layers.copy(), layers[1:], [*layers], layers + []):  # noqa: RUF005
        assert type(made) is list
        made.pop()


def test_copies_are_models_that_train_and_grow():
    model = network()
    X = np.ones((2, 4), np.float32)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(twin.predict(X), model.predict(X))
        assert twin.layers[0] is not model.layers[0]
        twin.layers[0].layers[0].W[...] = 0
        assert not np.array_equal(twin.predict(X), model.predict(X))
        with pytest.raises(TypeError, match="cannot be changed by pop"):
            twin.layers.pop()
        twin.add(Dense(2))
        assert twin.predict(X).shape == (2, 2)
