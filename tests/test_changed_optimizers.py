"""Optimizers whose arguments are changed after a fit: files, copies and backups go on alike."""

import copy

import numpy as np
import pytest
from scripts import classes, classifier

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback, ModelCheckpoint
from backprop.layers import BatchNormalization, Chain, Dense, Softmax
from backprop.optimizers import SGD, Adam, Nadam, Optimizer, RMSprop


class OwnDescent(Optimizer):
    def update(self, theta, g, scratch, *state):
        theta -= self.learning_rate * g


class OwnMomentum(SGD):
    pass


class OwnAdam(Adam):
    def __init__(self):
        self.epsilon = 0.5  # before there is anything
        super().__init__(epsilon=self.epsilon)
        self.beta_1 = 0.8


CHANGES = [
    (Adam(), {"use_ema": True}),
    (Adam(use_ema=True), {"use_ema": False}),
    (Adam(), {"amsgrad": True}),
    (Adam(amsgrad=True), {"amsgrad": False}),
    (Adam(), {"gradient_accumulation_steps": 2}),
    (Adam(gradient_accumulation_steps=2), {"gradient_accumulation_steps": None}),
    (SGD(0.1, momentum=0.9), {"momentum": 0.0}),
    (SGD(0.1), {"momentum": 0.9}),
    (RMSprop(centered=True), {"centered": False}),
    (RMSprop(), {"momentum": 0.9}),
    (SGD(0.1, clipnorm=0.1), {"clipnorm": None}),
    (SGD(0.1, clipnorm=0.1), {"clipnorm": None, "clipvalue": 0.01}),
    (Nadam(), {"beta_1": 0.5}),
    (Adam(), {"beta_2": 0.5}),
    (RMSprop(centered=True), {"rho": 0.5}),
    (SGD(gradient_accumulation_steps=4), {"gradient_accumulation_steps": 3}),
    (OwnDescent(0.1), {"use_ema": True}),
    (OwnDescent(0.1), {"clipnorm": 0.01, "gradient_accumulation_steps": 2}),
    (OwnMomentum(0.1), {"momentum": 0.9}),
    (OwnAdam(), {"beta_2": 0.5, "amsgrad": True}),
]
NAMES = [f"{type(made).__name__}-{'-'.join(change)}" for made, change in CHANGES]


def network(optimizer):
    model = bp.Sequential([Dense(6), Dense(3), Softmax()], seed=0)
    model.compile(copy.deepcopy(optimizer), "sparse_categorical_crossentropy")
    return model


def fit(model, *callbacks, epochs=3):
    return model.fit(*classes(), 10, epochs, 0, callbacks=callbacks).history


def change(model, changes):
    for name, value in changes.items():
        setattr(model.optimizer, name, value)


class Change(Callback):
    """Changes the optimizer before the second epoch, unless it begins later; may freeze a layer."""

    def __init__(self, changes, frozen=None):
        self.changes, self.frozen = changes, frozen

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            change(self.model, self.changes)
            if self.frozen is not None:
                self.model.layers[self.frozen].trainable = False


class PowerCut(Exception):
    """What ends a training."""


class Cut(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise PowerCut


@pytest.mark.parametrize(("optimizer", "changes"), CHANGES, ids=NAMES)
@pytest.mark.parametrize("again", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_file_holds_what_the_next_step_needs(optimizer, changes, again, tmp_path):
    model = network(optimizer)
    fit(model)
    change(model, changes)
    if again:
        fit(model)
    before = list(model.optimizer.state)
    model.save(tmp_path / "model.npz")
    assert list(model.optimizer.state) == before
    twin = copy.deepcopy(model)
    own = {kind.__name__: kind for kind in (OwnDescent, OwnMomentum, OwnAdam)}
    loaded = bp.load_model(tmp_path / "model.npz", custom_objects=own)
    assert fit(loaded) == fit(twin) == fit(model)
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)


@pytest.mark.parametrize(("optimizer", "changes"), CHANGES, ids=NAMES)
def test_a_backup_goes_on_with_what_a_callback_has_changed(optimizer, changes, tmp_path):
    whole = network(optimizer)
    expected = fit(whole, Change(changes), epochs=5)
    with pytest.raises(PowerCut):
        fit(network(optimizer), Change(changes), BackupAndRestore(tmp_path), Cut(), epochs=5)
    model = network(optimizer)
    assert fit(model, Change(changes), BackupAndRestore(tmp_path), epochs=5) == expected
    assert repr(model.optimizer) == repr(whole.optimizer)
    np.testing.assert_array_equal(model.parameters.values, whole.parameters.values)


def test_a_checkpoint_behind_a_callback_that_changes_the_optimizer(tmp_path):
    def last_change(epoch, logs):
        model.optimizer.momentum = 0.0

    model = classifier()
    callback = Callback()
    callback.on_epoch_end = last_change
    fit(model, callback, ModelCheckpoint(tmp_path / "model.npz"))
    assert fit(bp.load_model(tmp_path / "model.npz")) == fit(model)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_a_backup_knows_what_a_callback_has_frozen(frozen, tmp_path):
    def made():
        layers = [Chain([Dense(5), BatchNormalization()]), BatchNormalization(), Dense(3)]
        model = bp.Sequential([*layers, Softmax()], seed=0)
        model.compile(SGD(0.1), "sparse_categorical_crossentropy")
        return model

    whole = made()
    expected = fit(whole, Change({}, frozen), epochs=5)
    with pytest.raises(PowerCut):
        fit(made(), Change({}, frozen), BackupAndRestore(tmp_path), Cut(), epochs=5)
    model = made()
    assert fit(model, Change({}, frozen), BackupAndRestore(tmp_path), epochs=5) == expected
    assert [layer.trainable for layer in model.layers] == [k != frozen for k in range(4)]
    np.testing.assert_array_equal(model.parameters.values, whole.parameters.values)


OPTIONS = {
    "clipnorm": 0.001,
    "clipvalue": 0.001,
    "global_clipnorm": 0.001,
    "use_ema": True,
    "gradient_accumulation_steps": 2,
    "weight_decay": 0.1,
}


@pytest.mark.parametrize("epochs", [0, 3])
@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_an_optimizer_of_ones_own_that_are_set_later(name, epochs):
    mine, its = network(OwnDescent(0.1)), network(SGD(0.1))
    for model in (mine, its):
        if epochs:
            fit(model, epochs=epochs)
        setattr(model.optimizer, name, OPTIONS[name])
        fit(model, epochs=2)
    np.testing.assert_array_equal(mine.parameters.values, its.parameters.values)
    assert mine.optimizer.state.keys() == its.optimizer.state.keys()


def test_slots_of_ones_own_beside_those_of_a_class_of_the_package():
    class Lagging(SGD):
        slots = ("past",)

        def update(self, theta, g, scratch, past):
            theta -= self.learning_rate * past
            past[...] = g

    model = network(Lagging(0.1))
    fit(model)
    assert list(model.optimizer.state) == ["past"]


def test_an_average_that_a_callback_asks_for_at_the_end():
    model = network(SGD(0.1))
    ending = Callback()
    ending.on_epoch_end = lambda epoch, logs: change(model, {"use_ema": True})
    plain = network(SGD(0.1))
    assert fit(model, ending, epochs=1) == fit(plain, epochs=1)
    np.testing.assert_array_equal(model.parameters.values, plain.parameters.values)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_a_variance_of_gradients_that_stay_the_same_is_never_negative(rho):
    """It is 0 but for rounding, of which the root would be nan."""
    model = bp.Sequential([bp.Input(300), Dense(20)], seed=0)
    optimizer = RMSprop(1e-4, rho, centered=True)
    model.parameters.gradients[...] = np.random.default_rng(0).normal(size=6020)
    for _ in range(200):
        optimizer.step(model.parameters)
    assert np.isfinite(model.parameters.values).all()


def test_what_the_state_begins_with_is_not_changed_afterwards():
    for optimizer in (bp.optimizers.Adagrad(), bp.optimizers.Ftrl()):
        optimizer.initial_accumulator_value = 0.5
        model = network(optimizer)
        fit(model, epochs=1)
        with pytest.raises(AttributeError, match="no effect after the first step"):
            model.optimizer.initial_accumulator_value = 0.2


def test_models_whose_optimizers_were_changed_are_trained_together():
    def models():
        made = [bp.Sequential([Dense(6), Dense(3), Softmax()], seed=k) for k in range(3)]
        for model in made:
            model.compile(Adam(), "sparse_categorical_crossentropy")
            fit(model, epochs=1)
            change(model, {"beta_2": 0.9, "amsgrad": True})
        return made

    together, alone = models(), models()
    bp.fit_many(together, *classes(), epochs=3, batch_size=10, verbose=0)
    for one, other in zip(together, alone, strict=True):
        fit(other)
        np.testing.assert_array_equal(one.parameters.values, other.parameters.values)
        assert one.optimizer.state.keys() == other.optimizer.state.keys()


class Off(Callback):
    """Switches the average off after an epoch, counted from 0."""

    def __init__(self, last, stop=False):
        self.last, self.stop = last, stop

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.last:
            self.model.optimizer.use_ema = False
            self.model.stop_training = self.stop


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("swapping", [False, True])
def test_an_average_that_is_switched_off_at_the_end_does_not_take_the_place_of_the_weights(
    stop, swapping
):
    without, averaged = network(SGD(0.1)), network(SGD(0.1, use_ema=True))
    swap = [bp.callbacks.SwapEMAWeights(1)] if swapping else []
    fit(without, epochs=3)
    fit(averaged, *swap, Off(2, stop), epochs=3 + stop)
    np.testing.assert_array_equal(averaged.parameters.values, without.parameters.values)
    averaged.optimizer.swap(averaged.parameters)
    averaged.optimizer.finalize(averaged.parameters)
    np.testing.assert_array_equal(averaged.parameters.values, without.parameters.values)
    assert not averaged.optimizer.swapped


@pytest.mark.parametrize(
    ("optimizer", "changes"),
    [
        (Adam(), {"beta_1": 0.5}),
        (Adam(), {"beta_2": 0.5}),
        (RMSprop(), {"rho": 0.5}),
        (bp.optimizers.Muon(), {"adam_beta_1": 0.5}),
    ],
)
def test_what_is_set_of_a_shallow_copy_leaves_the_original_as_it_was(optimizer, changes):
    model, alone = network(optimizer), network(optimizer)
    fit(model)
    fit(alone)
    twin = copy.copy(model.optimizer)
    for name, value in changes.items():
        setattr(twin, name, value)
    assert fit(model) == fit(alone)
    np.testing.assert_array_equal(model.parameters.values, alone.parameters.values)
