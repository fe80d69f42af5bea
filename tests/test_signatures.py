"""Functions and methods of the user's own that take other arguments than they are called with."""

import numpy as np
import pytest
from mistakes import C, X, assert_speaks, classifier

import backprop as bp
from backprop import callbacks, experiments, layers, metrics, plotting
from backprop.callbacks import Callback, LambdaCallback, LearningRateScheduler
from backprop.callbacks.base import HOOKS
from backprop.constraints import Constraint
from backprop.estimators import SequentialClassifier
from backprop.initializers import Initializer
from backprop.layers import Dense, Lambda, Softmax
from backprop.losses import Loss
from backprop.optimizers import SGD, Optimizer
from backprop.regularizers import Regularizer
from backprop.schedules import Schedule


def none():
    return 0.1


def many(a, b, c, d, e):
    return 0.1


def compiled(**arguments):
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile(**{"loss": "sparse_categorical_crossentropy", **arguments})
    return model


def evaluate_with(callback):
    classifier().evaluate(X, C, callbacks=[callback])


class Decay(Schedule):
    def __call__(self):
        return 0.1


FUNCTIONS = {
    "metric": (lambda f: compiled(metrics=[f]), "y_true, y_pred"),
    "weighted metric": (lambda f: compiled(weighted_metrics=[f]), "y_true, y_pred"),
    "FunctionMetric": (metrics.FunctionMetric, "y_true, y_pred"),
    "learning_rate": (SGD, "step"),
    "set later": (lambda f: setattr(SGD(0.1), "learning_rate", f), "step"),
    "schedule": (LearningRateScheduler, "epoch, learning_rate"),
    "Lambda": (lambda f: Lambda(f, lambda delta, X, Y: delta), "X"),
    "derivative": (lambda f: Lambda(np.sin, f), "delta, X, Y"),
    "shape": (lambda f: Lambda(np.sin, lambda delta, X, Y: delta, shape=f), "input_shape"),
    "predict": (lambda f: plotting.decision_regions(f, X[:, :2], C), "X"),
    "settings": (
        lambda f: bp.search(lambda a: classifier(), {"a": f}, X, C, number=2, folds=2),
        "rng",
    ),
    **{
        f"{name}": (lambda f, name=name: LambdaCallback(**{name: f}), "logs=None") for name in HOOKS
    },
}


@pytest.mark.parametrize(("call", "words"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_of_other_arguments_is_refused_with_those_it_should_have(call, words):
    for function in (none, many):
        with pytest.raises(TypeError) as caught:
            call(function)
        assert_speaks(
            caught, [words, f"but it takes {'()' if function is none else '(a, b, c, d'}"]
        )


def test_what_takes_none_is_refused_where_it_wants_some():
    needy = {
        "x": lambda: classifier().fit(many, verbose=0),
        "x of evaluate": lambda: classifier().evaluate(many),
        "x of predict": lambda: classifier().predict(many),
        "validation": lambda: classifier().fit(X, C, validation_data=many, verbose=0),
        "build": lambda: experiments.cross_validate(many, X, C),
    }
    for call in needy.values():
        with pytest.raises(TypeError, match=r"a function of \(\), but it takes \(a, b") as caught:
            call()
        assert_speaks(caught, [])


def test_build_is_asked_for_the_names_of_the_settings():
    with pytest.raises(TypeError, match=r"called as build\(a=…, b=…\), but it takes \(a\)"):
        bp.search(lambda a: classifier(), {"a": [1], "b": [2]}, X, C)
    with pytest.raises(TypeError, match=r"build\(n_features, n_outputs\), but it takes \(n\)"):
        SequentialClassifier(lambda n: classifier()).fit(X, C)


def of(base, name, arguments):
    """A class that defines one method, with these arguments."""
    return type("Own", (base,), {name: eval(f"lambda {', '.join(['self', *arguments])}: 0.1")})


class Counting(metrics.Metric):
    def __init__(self):
        super().__init__("count")

    def reset(self):
        pass

    def update(self, prediction, target, sample_weight=None):
        pass

    def result(self):
        return 0.0


METHODS = {
    **{name: (Callback, name, evaluate_with, callbacks.base.METHODS[name]) for name in HOOKS},
    "due": (Callback, "due", evaluate_with, "batch"),
    "restore": (Callback, "restore", evaluate_with, "state"),
    "set_model": (Callback, "set_model", evaluate_with, "model"),
    "update of a metric": (
        Counting,
        "update",
        lambda m: compiled(metrics=[m]),
        "prediction, target",
    ),
    "values": (Loss, "values", lambda loss: compiled(loss=loss), "prediction, target"),
    "update": (Optimizer, "update", lambda o: compiled(optimizer=o), "theta, g, scratch"),
    "coefficients": (Optimizer, "coefficients", lambda o: compiled(optimizer=o), "t, eta"),
    "penalty": (Regularizer, "penalty", lambda r: Dense(3, kernel_regularizer=r), "W"),
    "project": (Constraint, "project", lambda c: Dense(3, kernel_constraint=c), "W"),
    "draw": (Initializer, "draw", lambda i: Dense(3, kernel_initializer=i), "shape, rng"),
    "forward": (layers.Layer, "forward", lambda layer: bp.Sequential([layer]), "X, training"),
}


@pytest.mark.parametrize(("base", "name", "use", "words"), METHODS.values(), ids=METHODS)
def test_a_method_of_other_arguments_is_refused_with_those_it_should_have(base, name, use, words):
    arguments = ("learning_rate",) if base is Optimizer else ()
    for wrong in ([], ["a", "b", "c", "d", "e"]):
        made = of(base, name, wrong)(*[0.1 for _ in arguments])
        with pytest.raises(TypeError) as caught:
            use(made)
        assert_speaks(caught, [f"Own.{name} takes (", f"write def {name}(self, {words}"])


def test_an_attribute_in_the_place_of_a_method_is_refused():
    class Odd(Callback):
        on_epoch_end = 5

    with pytest.raises(TypeError, match=r"Odd\.on_epoch_end must be a method, but it is 5"):
        evaluate_with(Odd())


def test_a_metric_without_the_constructor_of_its_base_is_refused():
    class Odd(Counting):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match=r"super\(\)\.__init__\(\)"):
        compiled(metrics=[Odd()])


def test_a_schedule_that_is_an_object_is_looked_at_too():
    with pytest.raises(TypeError, match=r"a function of \(step\), but it takes \(\)"):
        SGD(Decay())


def test_what_can_be_called_so_passes():
    class Own(Callback):
        def on_epoch_end(self, *given):
            pass

        def on_train_begin(self, logs):
            pass

    LearningRateScheduler(lambda epoch: 0.1)
    LearningRateScheduler(lambda epoch, rate, more=1: 0.1)
    SGD(lambda step, more=3: 0.1)
    SGD(max)
    model = compiled(metrics=[lambda *given: 0.5], optimizer=SGD(np.exp))
    others = [Own(), LambdaCallback(on_batch_end=lambda *given: None)]
    history = model.fit(X, C, verbose=0, callbacks=others).history
    assert [0.5] in history.values()
