"""What is passed in a wrong place may be large: messages show its beginning alone."""

import numpy as np
import pytest

import backprop as bp
from backprop import datasets, inspection, plotting
from backprop.callbacks import EarlyStopping, LearningRateScheduler
from backprop.layers import Dense

R = np.random.default_rng(0)
X, Y = R.standard_normal((80, 9)), R.standard_normal((80, 1))


def model():
    made = bp.Sequential([Dense(1)], seed=0)
    made.compile("adam", "mse")
    return made


CALLS = {
    "cross_validate": lambda: bp.cross_validate(X, Y, model),
    "search": lambda: bp.search(X, Y, model, {}),
    "search, settings": lambda: bp.search(model, X, X, Y),
    "fit_many": lambda: bp.fit_many([X], X, Y),
    "learning_rate_range": lambda: bp.learning_rate_range(X, Y, model()),
    "Sequential": lambda: bp.Sequential([X]),
    "compile, loss": lambda: model().compile("adam", X),
    "compile, optimizer": lambda: model().compile(X, "mse"),
    "compile, metrics": lambda: model().compile("adam", "mse", metrics=[X]),
    "build": lambda: model().build(X),
    "fit, batch_size": lambda: model().fit(X, Y, X),
    "fit, class_weight": lambda: model().fit(X, Y, class_weight=X),
    "fit, callbacks": lambda: model().fit(X, Y, callbacks=[X]),
    "fit, validation_split": lambda: model().fit(X, Y, validation_split=X),
    "fit, shuffle": lambda: model().fit(X, Y, shuffle=X),
    "fit, verbose": lambda: model().fit(X, Y, verbose=X),
    "fit, workers": lambda: model().fit(X, Y, workers=X),
    "predict": lambda: model().predict(X, Y),
    "EarlyStopping": lambda: EarlyStopping(X),
    "LearningRateScheduler": lambda: LearningRateScheduler(X),
    "check_layer": lambda: inspection.check_layer(X, 3),
    "check_loss": lambda: inspection.check_loss(X, 3),
    "decision_regions": lambda: plotting.decision_regions(X[:, :2], Y, model()),
    "Vocabulary": lambda: datasets.Vocabulary([X]),
    "Dense": lambda: Dense(X),
    "a name": lambda: Dense(1, units_in=X),
    "load_model": lambda: bp.load_model("m.npz", X),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_message_does_not_print_a_whole_array(name):
    with pytest.raises((TypeError, ValueError)) as caught:
        CALLS[name]()
    assert len(str(caught.value)) < 500


def test_a_model_in_the_place_of_what_makes_one_is_told_so():
    with pytest.raises(TypeError, match=r"\]>: write a function that makes and returns it\."):
        bp.cross_validate(model(), X, Y)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([X[:, :4], X[:, :4]], Y, r"list of several inputs: a model has one, such as np.concat"),
        (X, [Y, Y], r"list of several outputs: np.concatenate\(y, axis=-1\) joins them"),
        (X, [Y[:, 0], Y[:, 0]], r"list of several outputs: np.transpose\(y\) joins them"),
    ],
)
def test_lists_of_several_inputs_or_outputs_are_told_what_to_write(x, y, words):
    with pytest.raises(ValueError, match=words):
        model().fit(x, y)
    with pytest.raises(ValueError, match=r"target for each sample\.$"):
        model().fit(X, Y[:-1])
