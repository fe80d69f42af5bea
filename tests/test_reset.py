"""``reset``: as if the model had just been made."""

import numpy as np
import pytest
from small_models import assert_same_weights, built, classifier, regressor

import backprop as bp
from backprop.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    GaussianNoise,
    Input,
    Layer,
    PReLU,
    Tanh,
)
from backprop.optimizers import SGD, Adam

pytestmark = pytest.mark.filterwarnings("ignore:.*batch of one")
SHARED = {"batch_size": 4, "verbose": 0}


@pytest.fixture
def data(rng):
    return rng.normal(size=(13, 3)), rng.normal(size=(13, 2))


def varied(seed: int | None = 0, optimizer=None):
    """Layers that draw, layers that keep averages, layers inside of another."""
    model = bp.Sequential(
        [
            Dense(6),
            BatchNormalization(),
            PReLU(),
            Dropout(0.3),
            Chain([Dense(5, kernel_initializer="he_normal"), GaussianNoise(0.1), Tanh()]),
            Dense(2, kernel_regularizer="l2"),
        ],
        seed=seed,
        dtype="float64",
    )
    model.compile(optimizer or Adam(0.01), "mse", ["mae"])
    return model


def differs(model, other):
    return np.any(model.parameters.values != other.parameters.values)


class Drawing(Layer):
    random = True

    def __init__(self, rng=None):
        super().__init__()
        self.rng = rng

    def forward(self, X, training=False):
        rng = self._rng if self.rng is None else self.rng
        return X + rng.standard_normal(X.shape) if training else X

    def backward(self, delta):
        return delta


def test_layers_of_ones_own_draw_anew_from_what_the_model_gives_them(data):
    """What they were given is the user's, who may draw from it elsewhere."""
    for given, again in ((None, True), (np.random.default_rng(0), False)):
        model = regressor_of(Drawing(given))
        losses = []
        for _ in range(2):
            model.reset()
            losses.append(model.fit(*data, epochs=2, **SHARED).history["loss"])
        assert (losses[0] == losses[1]) is again


def regressor_of(*layers):
    model = bp.Sequential([*layers, Dense(2)], seed=0)
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("make", [regressor, varied])
@pytest.mark.parametrize("trained", [False, True])
def test_weights_are_those_of_a_new_model(data, make, trained):
    model, new = built(make()), built(make())
    if trained:
        model.fit(*data, epochs=2, **SHARED)
        assert differs(model, new)
    model.reset()
    assert_same_weights(model, new)
    assert model.input_shape == (3,)
    np.testing.assert_array_equal(model.parameters.gradients, 0)
    assert [p.name for p in model.parameters] == [p.name for p in new.parameters]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_after_it_is_that_of_a_new_model(data, optimizer, shuffle):
    model, new = varied(), varied()
    for each in (model, new):
        each.compile(optimizer, "mse", ["mae"])
    model.fit(*data, epochs=3, **SHARED)
    model.reset()
    again = model.fit(*data, epochs=3, shuffle=shuffle, **SHARED)
    first = new.fit(*data, epochs=3, shuffle=shuffle, **SHARED)
    assert_same_weights(model, new)
    assert again.history == first.history
    np.testing.assert_array_equal(model.predict(data[0]), new.predict(data[0]))


def test_the_optimizer_forgets_its_state(data):
    model = varied(optimizer=Adam(0.01, use_ema=True))
    model.fit(*data, epochs=2, **SHARED)
    assert model.optimizer.iterations == 8
    assert model.optimizer.state
    model.reset()
    assert model.optimizer.iterations == 0
    assert model.optimizer.state == {}
    assert model.history is None
    new = varied(optimizer=Adam(0.01, use_ema=True))
    model.fit(*data, **SHARED)
    new.fit(*data, **SHARED)
    assert_same_weights(model, new)


def test_a_schedule_begins_anew(data):
    model = regressor()
    model.compile(SGD(bp.schedules.ExponentialDecay(0.1, 4, 0.5)), "mse")
    first = model.fit(*data, epochs=2, **SHARED).history
    model.reset()
    assert model.optimizer.learning_rate == 0.1
    assert model.fit(*data, epochs=2, **SHARED).history == first
    assert first["learning_rate"] == [0.05, 0.025]


def test_a_learning_rate_that_a_callback_lowered_is_as_before_training(data):
    model = regressor()
    model.compile(SGD(0.1), "mse")
    model.optimizer.learning_rate = 0.05  # by the user, before training
    lower = bp.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    first = model.fit(*data, epochs=3, callbacks=[lower], **SHARED).history
    assert model.optimizer.learning_rate == 0.05 / 8
    model.reset()
    assert model.optimizer.learning_rate == 0.05
    assert model.fit(*data, epochs=3, callbacks=[lower], **SHARED).history == first


def test_a_schedule_that_was_set_in_training_goes_and_the_first_one_returns(data):
    model = regressor()
    model.compile(SGD(0.1), "mse")
    model.fit(*data, **SHARED)
    model.optimizer.learning_rate = lambda step: 0.01
    model.reset()
    assert model.optimizer.schedule is None
    assert model.optimizer.learning_rate == 0.1


def test_a_learning_rate_set_after_a_reset_stays(data):
    model = regressor()
    model.compile(SGD(0.1), "mse")
    model.fit(*data, **SHARED)
    model.reset()
    model.optimizer.learning_rate = 0.3
    model.reset()
    assert model.optimizer.learning_rate == 0.3


def test_another_seed_is_that_of_another_model(data):
    model = varied(seed=0)
    model.fit(*data, **SHARED)
    model.reset(seed=7)
    assert model.seed == 7
    assert_same_weights(model, built(varied(seed=7)))
    assert differs(model, built(varied(seed=0)))
    new = varied(seed=7)
    assert model.fit(*data, **SHARED).history == new.fit(*data, **SHARED).history
    assert_same_weights(model, new)
    model.reset()  # the new seed stays
    assert_same_weights(model, built(varied(seed=7)))


def test_a_model_without_a_seed_gets_other_weights(data):
    model = built(varied(seed=None))
    before, seed = model.get_weights(), model.seed
    model.reset()
    assert np.any(model.get_weights()[0] != before[0])
    assert model.seed != seed
    first = model.get_weights()
    model.reset(model.seed)  # what chance gave can be had again
    assert_same_weights(model, first)


def test_a_model_that_is_not_built_stays_so(data):
    model, new = varied(seed=0), varied(seed=3)
    model.reset(seed=3)
    assert model.input_shape is None
    model.fit(*data, **SHARED)
    new.fit(*data, **SHARED)
    assert_same_weights(model, new)


def test_a_model_that_is_not_compiled(data):
    model = bp.Sequential([Input((3,)), Dense(2)], seed=0)
    before = model.get_weights()
    model.parameters.values[:] = 1
    model.reset()
    assert_same_weights(model, before)


def test_layers_added_later_are_there(data):
    model = bp.Sequential([Input((3,)), Dense(4)], seed=0, dtype="float64")
    model.add(Dense(2))
    model.reset()
    assert_same_weights(model, built(bp.Sequential([Dense(4), Dense(2)], seed=0, dtype="float64")))
    assert len(model.parameters) == 4


def test_an_empty_model():
    model = bp.Sequential(seed=1)
    model.reset(seed=2)
    model.add(Dense(2))
    assert_same_weights(built(model), built(bp.Sequential([Dense(2)], seed=2)))


def test_frozen_layers_are_drawn_anew_and_stay_frozen(data):
    model = built(regressor())
    model.layers[0].trainable = False
    model.layers[0].W[:] = 0
    model.reset()
    assert_same_weights(model, built(regressor()))
    model.fit(*data, **SHARED)
    np.testing.assert_array_equal(model.layers[0].W, built(regressor()).layers[0].W)
    assert np.any(model.layers[2].W != built(regressor()).layers[2].W)


def test_weights_are_views_of_one_vector_afterwards(data):
    model = built(regressor())
    model.reset()
    model.parameters.values[:] = 2
    assert np.all(model.layers[0].W == 2)
    model.layers[2].b[:] = 3
    assert np.all(model.parameters.values[-2:] == 3)
    assert not model.layers[0].needs_input_gradient


def test_generators_start_again(data):
    model, new = built(varied()), built(varied())
    model.fit(*data, epochs=2, **SHARED)
    model.reset()
    mine, its = model.generators, new.generators
    assert mine.keys() == its.keys()
    assert len(mine) > 2
    for way, rng in mine.items():
        assert rng.bit_generator.state == its[way].bit_generator.state


def test_a_layers_own_seed_starts_again(data):
    def make():
        model = bp.Sequential([Dense(8), Dropout(0.5, seed=11), Dense(2)], seed=0, dtype="float64")
        model.compile("sgd", "mse")
        return model

    model, new = make(), make()
    model.fit(*data, **SHARED)
    model.reset()
    assert model.fit(*data, **SHARED).history == new.fit(*data, **SHARED).history
    assert_same_weights(model, new)


def test_fit_and_explain_work_as_before(rng):
    X, y = rng.normal(size=(12, 3)), np.arange(12) % 3
    model = classifier(metrics=["accuracy"])
    model.fit(X, y, **SHARED)
    model.reset()
    assert model.compiled
    assert model.check_gradients(X, y).ok
    assert len(model.fit(X, y, epochs=3, **SHARED).epoch) == 3


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_a_wrong_seed_changes_nothing(data, seed):
    model = varied()
    model.fit(*data, **SHARED)
    before, history = model.get_weights(), model.history
    with pytest.raises(ValueError, match="seed must be an integer of 0 or more, but it is"):
        model.reset(seed)
    assert_same_weights(model, before)
    assert model.history is history
    assert model.optimizer.iterations == 4
    assert model.seed == 0
