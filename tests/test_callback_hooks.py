"""Hooks of a callback that are exchanged, added and taken away while a training goes on."""

import copy

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import Callback, EarlyStopping, LambdaCallback
from backprop.callbacks.base import HOOKS, overrides
from backprop.layers import Dense

X = np.ones((4, 2))
IN_FIT = (
    *("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_train_end"),
)
NEW = [
    (kind, hook)
    for kind in (LambdaCallback, Callback, EarlyStopping)
    for hook in HOOKS
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
def test_a_hook_that_is_added_in_a_training_is_refused(kind, hook):
    callback = kind("loss") if kind is EarlyStopping else kind()
    seen = []

    def add(*_):
        words = f"{hook} of {kind.__name__} cannot be added now: fit, evaluate"
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
    assert ("mine" in seen[3:]) is ("predict" not in hook)


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize("data", [X, [X[:2], X[2:]]], ids=["array", "batches"])
def test_nor_is_one_added_in_an_evaluation_or_a_prediction(verb, data):
    hook = "on_test_batch_begin" if verb == "evaluate" else "on_predict_batch_begin"
    callback = LambdaCallback(**{hook: lambda *_: add()})
    seen = []

    def add():
        with pytest.raises(AttributeError, match="on_test_end of LambdaCallback cannot be added"):
            callback.on_test_end = print
        seen.append(verb)

    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    if verb == "evaluate":
        given = (data, X[:, :1]) if data is X else ([(part, part[:, :1]) for part in data],)
    else:
        given = (data if data is X else iter(data),)
    getattr(model, verb)(*given, callbacks=[callback], verbose=0)
    assert seen
    callback.on_test_end = lambda logs: None


def test_a_training_inside_another_leaves_the_outer_one_as_it_was():
    told, seen = LambdaCallback(on_epoch_end=lambda *_: None), []

    def inner(logs):
        fit(told)
        with pytest.raises(AttributeError, match="on_epoch_begin of LambdaCallback cannot be adde"):
            told.on_epoch_begin = lambda *_: None
        seen.append("refused")

    fit(told, LambdaCallback(on_train_begin=inner))
    assert seen == ["refused"]
