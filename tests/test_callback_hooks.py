"""Hooks of a callback that are exchanged, added and taken away while a training goes on."""

import copy

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import Callback, EarlyStopping, LambdaCallback
from backprop.callbacks.base import HOOKS, OF_STEPS, overrides
from backprop.layers import Dense

X = np.ones((4, 2))
IN_FIT = (
    *("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_train_end"),
)
NEW = [
    (kind, hook)
    for kind in (LambdaCallback, Callback, EarlyStopping)
    for hook in OF_STEPS
    if not overrides(kind("loss") if kind is EarlyStopping else kind(), hook)
]


def fit(*callbacks):
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    data = X, X[:, :1]
    model.fit(*data, 2, verbose=0, validation_data=data, callbacks=list(callbacks))


@pytest.mark.parametrize("hook", IN_FIT)
def test_a_function_in_the_place_of_another_is_called_from_then_on(hook):
    seen = []
    callback = LambdaCallback(**{hook: lambda *_: seen.append("first")})
    second = lambda *_: seen.append("second")  # noqa: E731
    before = "on_train_begin" if hook == "on_epoch_begin" else "on_epoch_begin"
    fit(callback, LambdaCallback(**{before: lambda *_: setattr(callback, hook, second)}))
    assert seen
    assert set(seen) == {"second"}
    seen.clear()
    fit(callback, LambdaCallback(**{before: lambda *_: setattr(callback, hook, None)}))
    assert seen == []


@pytest.mark.parametrize(("kind", "hook"), NEW)
def test_a_hook_of_steps_that_is_added_in_a_training_is_refused(kind, hook):
    callback = kind("loss") if kind is EarlyStopping else kind()
    seen = []

    def add(*_):
        words = f"{hook} of {kind.__name__} cannot be added now: fit looks for"
        with pytest.raises(AttributeError, match=words):
            setattr(callback, hook, lambda *_: None)
        other = copy.copy(callback)  # of which nobody is told
        setattr(other, hook, lambda *_: seen.append(other))
        seen.append(hook)

    def fail(logs):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(callback, LambdaCallback(on_train_begin=fail))
    fit(callback, LambdaCallback(on_train_begin=add, on_epoch_end=add, on_train_end=add))
    assert seen == [hook] * 3
    setattr(callback, hook, lambda *_: seen.append("mine"))
    fit(callback)
    assert "mine" in seen[3:]


LATER = [hook for hook in HOOKS if hook not in OF_STEPS and "predict" not in hook]


@pytest.mark.parametrize("hook", LATER)
@pytest.mark.parametrize("own", [False, True])
def test_other_hooks_that_are_added_in_a_training_are_called(hook, own):
    class Own(Callback):
        pass

    callback, seen = Own() if own else LambdaCallback(), []

    def add(*_):
        setattr(callback, hook, lambda *_: seen.append(hook))

    other = bp.Sequential([Dense(1)])
    other.compile("sgd", "mse")

    def inner(*_):  # a training and a verb inside, which have the same callback
        other.fit(X, X[:, :1], verbose=0, callbacks=[callback])
        other.evaluate(X, X[:, :1], verbose=0, callbacks=[callback])
        seen.clear()
        if not own:
            add()

    if own:
        add()
        fit(callback)
    else:
        fit(callback, LambdaCallback(on_train_begin=inner))
    assert bool(seen) is (own or hook != "on_train_begin")


def test_a_training_inside_another_leaves_the_outer_one_as_it_was():
    told, seen = LambdaCallback(on_epoch_end=lambda *_: None), []

    def inner(logs):
        fit(told)
        with pytest.raises(AttributeError, match="on_batch_begin of LambdaCallback cannot be adde"):
            told.on_batch_begin = lambda *_: None
        seen.append("refused")

    fit(told, LambdaCallback(on_train_begin=inner))
    assert seen == ["refused"]


def test_what_is_set_when_an_evaluation_begins_counts_in_it():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, 6)), rng.integers(0, 2, (64, 1))
    loss = bp.losses.BinaryCrossentropy

    def model_with(smoothing, threshold):
        model = bp.Sequential([bp.Input(6), Dense(1), bp.layers.Sigmoid()], seed=1)
        metric = bp.metrics.BinaryAccuracy(threshold=threshold)
        model.compile("sgd", loss(label_smoothing=smoothing), metrics=[metric])
        return model

    def plain(logs):
        model.loss.label_smoothing, model.metrics[0].threshold = 0.0, 0.3

    def smoothed(logs):
        model.loss.label_smoothing, model.metrics[0].threshold = 0.2, 0.5

    told = LambdaCallback(on_test_begin=plain, on_test_end=smoothed)
    model, made, other = model_with(0.2, 0.5), model_with(0.0, 0.3), model_with(0.2, 0.5)
    assert model.evaluate(*data, callbacks=[told]) == made.evaluate(*data)
    assert model.evaluate(*data) == other.evaluate(*data) != made.evaluate(*data)
    seen = model.fit(*data, verbose=0, validation_data=data, callbacks=[told]).history
    made.set_weights(model.get_weights())
    assert [seen["val_loss"][-1], seen["val_binary_accuracy"][-1]] == made.evaluate(*data)
    assert seen["loss"] == other.fit(*data, verbose=0).history["loss"]


@pytest.mark.parametrize("hook", ["on_test_batch_begin", "on_test_batch_end"])
def test_a_hook_that_is_added_when_an_evaluation_begins_is_called_in_it(hook):
    seen = []
    callback = LambdaCallback(
        on_test_begin=lambda logs: setattr(callback, hook, lambda *_: seen.append(hook))
    )
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    model.evaluate(X, X[:, :1], 2, verbose=0, callbacks=[callback])
    assert seen == [hook] * 2


def test_a_hook_that_is_added_after_an_epoch_is_called_after_the_next_ones():
    callback, seen = LambdaCallback(), []

    def add(epoch, logs):
        if epoch == 0:
            callback.on_epoch_end = lambda epoch, logs: seen.append(epoch)

    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    told = [callback, LambdaCallback(on_epoch_end=add)]
    model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=told)
    assert seen == [1, 2]
