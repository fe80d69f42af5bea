"""Settings with which an optimizer makes wrong numbers of good gradients: it stops before."""

import contextlib
import warnings

import numpy as np
import pytest

import backprop as bp
from backprop.estimators import MLPClassifier, MLPRegressor
from backprop.layers import Dense, Softmax
from backprop.optimizers import SGD, Adam, AdamW, Ftrl, Muon, RMSprop, ScheduleFreeAdamW
from backprop.schedules import ExponentialDecay, PiecewiseConstantDecay

RNG = np.random.default_rng(0)
X, Y = 1e-20 * RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)  # no weight shows in the loss
X[:, 0] = 0  # and these have no gradient

SPOILING = {
    "decay": lambda: SGD(0.1, weight_decay=50),
    "decay-of-adam": lambda: AdamW(0.1, weight_decay=50),
    "polynomial": lambda: Muon(muon_a=1e20),
    "decay-where-muon-follows-adam": lambda: Muon(
        0.1, adam_weight_decay=50, exclude_layers=["dense"]
    ),
    "penalty": lambda: Ftrl(0.1, l2_shrinkage_regularization_strength=100),
    "power": lambda: Ftrl(0.1, learning_rate_power=-60),
    "accumulator": lambda: Ftrl(0.1, initial_accumulator_value=1e-50),
}


@pytest.fixture(autouse=True)
def errors_as_ever():
    """Overflow is warned of, as NumPy does unless told otherwise."""
    with np.errstate(all="warn", under="ignore"):
        yield


def networks(optimizer, k=1):
    models = [bp.Sequential([Dense(3), Softmax()], seed=i) for i in range(k)]
    for model in models:
        model.compile(optimizer(), "sparse_categorical_crossentropy")
    return models


def by_steps(models, x, y):
    for _ in range(200):
        if not np.isfinite(models[0].train_on_batch(x, y)):
            return
        assert np.isfinite(models[0].parameters.values).all()


VERBS = {
    "fit": lambda models: models[0].fit(X, Y, epochs=200, verbose=0),
    "fit-of-many-steps": lambda models: models[0].fit(X, Y, epochs=200, batch_size=1, verbose=0),
    "train_on_batch": lambda models: by_steps(models, X, Y),
    "fit_many": lambda models: bp.fit_many(models, X, Y, epochs=200, verbose=0),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("setting", SPOILING)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
def test_weights_stay_finite(setting, verb):
    models = networks(SPOILING[setting], 3 if verb == "fit_many" else 1)
    with pytest.warns(RuntimeWarning, match="training has diverged"):
        VERBS[verb](models)
    for model in models:
        assert np.isfinite(model.parameters.values).all()


@pytest.mark.parametrize("verb", VERBS)
def test_a_rate_that_falls_to_nothing_spoils_no_weights(verb):
    models = networks(lambda: Ftrl(ExponentialDecay(0.1, 1, 0.5)), 3 if verb == "fit_many" else 1)
    with pytest.raises(ValueError, match="divides by its learning rate"):
        VERBS[verb](models)
    for model in models:
        assert np.isfinite(model.parameters.values).all()


def test_the_usual_settings_are_not_looked_at_in_every_step():
    usual = [
        SGD(0.1, weight_decay=0.01),
        Muon(),
        Ftrl(),
        AdamW(ExponentialDecay(1, 9, 0.5)),
    ]
    for optimizer in usual:
        (model,) = networks(lambda given=optimizer: given)
        model.build((None, 4))
        assert optimizer.largest_square(model.parameters) > 1e30


JUMPING = {
    "sgd": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "clipped": (RMSprop, {"clipnorm": 9.0}),
    "decaying": (RMSprop, {"weight_decay": 0.01}),
    "adam": (Adam, {}),
    "schedule-free": (ScheduleFreeAdamW, {}),
}


@pytest.mark.parametrize("where", [10, 18, 19, 39])
@pytest.mark.parametrize("verb", ["fit", "fit_many"])
@pytest.mark.parametrize("name", JUMPING)
def test_a_schedule_that_jumps_within_an_epoch_spoils_no_weights(name, verb, where):
    """To a rate that is too large for a g whose squares are far from overflow."""
    kind, options = JUMPING[name]
    x, y = RNG.normal(size=(400, 4)), 90 * RNG.normal(size=(400, 1))
    models = [bp.Sequential([Dense(1)], seed=i) for i in range(3 if verb == "fit_many" else 1)]
    for model in models:
        model.compile(kind(PiecewiseConstantDecay([where], [0.01, 1e38]), **options), "mse")
    with warnings.catch_warnings(record=True):  # of a loss that diverges at the next step, if any
        warnings.simplefilter("always")
        if verb == "fit":
            models[0].fit(x, y, 20, 2, 0)
        else:
            bp.fit_many(models, x, y, batch_size=20, epochs=2, verbose=0)
    for model in models:
        assert np.isfinite(model.parameters.values).all()
        assert all(np.isfinite(vector).all() for vector in model.optimizer.state.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [1e-4, 1e24, 1e36])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimator_never_has_weights_that_are_not_finite(kind, solver, alpha, dtype):
    x, y = RNG.normal(size=(90, 4)), np.arange(90) % 3
    rates = {"float32": (1e3, 1e18, 1e20, 1e38, 1e300), "float64": (1e20, 1e155, 1e300)}
    for rate in rates[dtype]:
        mlp = kind(hidden_layer_sizes=5, solver=solver, alpha=alpha, max_iter=1)
        mlp.set_params(learning_rate_init=rate, dtype=dtype)
        with contextlib.suppress(ValueError):  # which leaves the attributes as they were
            mlp.fit(x, y)
        for model in getattr(mlp, "models_", []):
            assert np.isfinite(model.parameters.values).all()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_without_best_weights_early_stopping_answers_a_divergence_as_none_does(kind):
    x, y = RNG.normal(size=(900, 4)), np.arange(900) % 3
    options = {"solver": "sgd", "learning_rate_init": 1e160, "early_stopping": True}
    mlp = kind(hidden_layer_sizes=5, **options)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        mlp.fit(x, y)
