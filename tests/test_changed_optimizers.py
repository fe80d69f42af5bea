"""Optimizers whose arguments are changed after a fit: files, copies and backups go on alike."""

import copy

import numpy as np
import pytest
from scripts import classes, classifier

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback, ModelCheckpoint
from backprop.layers import BatchNormalization, Chain, Dense, Softmax
from backprop.optimizers import SGD, Adam, Nadam, RMSprop

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
@pytest.mark.parametrize("again", [False, True])
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
    loaded = bp.load_model(tmp_path / "model.npz")
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
