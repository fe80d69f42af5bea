"""What is passed in a wrong place may be large: messages show its beginning alone."""

import re
from pathlib import Path

import numpy as np
import pytest

import backprop as bp
from backprop import datasets, inspection, plotting
from backprop.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from backprop.estimators import SequentialRegressor
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


class Thing:
    """Python shows it with its address, as it shows functions."""


WITH_OBJECTS = {
    "callbacks, not in a list": lambda thing: model().fit(X, Y, callbacks=EarlyStopping()),
    "callbacks": lambda thing: model().fit(X, Y, callbacks=[thing]),
    "epochs": lambda thing: model().fit(X, Y, epochs=thing),
    "EarlyStopping": lambda thing: EarlyStopping(thing),
    "compile, loss": lambda thing: model().compile("adam", thing),
    "compile, optimizer": lambda thing: model().compile(thing),
    "a name of a layer": lambda thing: model().get_layer(thing),
    "a name of a parameter": lambda thing: fitted().parameters[thing],
    "search": lambda thing: bp.search(model, {"units": thing}, X, Y),
    "cross_validate": lambda thing: bp.cross_validate(lambda: thing, X, Y),
    "X": lambda thing: model().fit([[thing]] * 4, Y[:4]),
    "class_weight": lambda thing: model().fit(X, Y, class_weight={thing: 1}),
    "a schedule": lambda thing: bp.optimizers.SGD(lambda step: thing).step(fitted().parameters),
    "an optimizer": lambda thing: fitted(bp.optimizers.SGD(lambda step: 0.1), ReduceLROnPlateau()),
    "a file": lambda thing: fitted(bp.optimizers.SGD(lambda step: 0.1)).save("model.npz"),
    "build": lambda thing: SequentialRegressor(thing).set_params(units_=2),
}


def fitted(optimizer="adam", *callbacks):
    made = bp.Sequential([Dense(1)], seed=0)
    made.compile(optimizer, "mse")
    made.fit(X, Y, verbose=0, callbacks=callbacks)
    return made


@pytest.mark.parametrize("thing", [Thing(), fitted, [Thing()]], ids=["object", "function", "list"])
@pytest.mark.parametrize("name", WITH_OBJECTS)
def test_a_message_shows_no_address(name, thing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        WITH_OBJECTS[name](thing)
    assert " at 0x" not in str(caught.value)


def test_the_advice_about_brackets_names_the_class():
    with pytest.raises(TypeError, match=r"a list: write callbacks=\[EarlyStopping\(…\)\]\."):
        model().fit(X, Y, callbacks=EarlyStopping())


def test_what_is_cut_short_goes_through_the_function_that_leaves_addresses_out():
    for path in Path(bp.__file__).parent.rglob("*.py"):
        assert not re.search(r"\{[^{}]*!r:", path.read_text(encoding="utf-8")), path


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
