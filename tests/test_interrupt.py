"""Ctrl-C in the middle of training: the step in hand is finished, and nothing is lost."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from scripts import line

from backprop.callbacks import Callback


class Press(Callback):
    """Presses Ctrl-C in a hook, at an epoch and batch or at any; notes what comes after."""

    def __init__(self, hook, epoch=0, times=1):
        self.after = []
        self.epochs = []
        self.wanted = epoch
        self.times = times
        setattr(self, hook, self.press)

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def press(self, *arguments):
        if self.epochs[-1] == self.wanted:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
            self.after.append(self.model.optimizer.iterations)

    def on_train_end(self, logs=None):
        self.end = self.model.optimizer.iterations


def fit(model, X, y, callback, **arguments):
    return model.fit(X, y, 1, epochs=3, verbose=0, callbacks=[callback], **arguments)


@pytest.fixture(autouse=True)
def handler_is_put_back():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore SIGINT
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_step_in_hand_is_finished_and_the_history_is_there():
    model, X, y = line()  # 4 steps an epoch
    press = Press("on_train_batch_begin", epoch=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, press)
    assert press.after == [4]  # the signal came before the fifth step
    assert press.end == model.optimizer.iterations == 5
    assert model.history.epoch == [0]
    assert len(model.history.history["loss"]) == 1


def test_the_model_is_as_after_that_many_steps():
    (model, X, y), (other, _, _) = line(), line()
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, Press("on_train_batch_begin"), shuffle=False)
    other.train_on_batch(X[:1], y[:1])
    np.testing.assert_array_equal(model.parameters.values, other.parameters.values)
    fit(model, X, y, Callback())  # and it can be trained on
    assert model.history.epoch == [0, 1, 2]


def test_the_hooks_after_the_step_are_called_too():
    model, X, y = line()
    press = Press("on_train_batch_end")
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, press)
    assert press.after == [1]
    assert press.end == 1


def test_a_second_press_interrupts_at_once():
    model, X, y = line()
    press = Press("on_train_batch_begin", times=2)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, press)
    assert press.after == []  # the second one was raised inside the hook
    assert press.end == 0


def test_a_press_during_the_validation():
    model, X, y = line()
    press = Press("on_test_batch_begin")
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, press, validation_data=(X, y))
    assert len(press.after) == 1
    assert press.end == 4
    assert model.history.epoch == []


@pytest.mark.parametrize("epoch", [0, 2])  # the last epoch too: it is never forgotten
def test_a_press_at_the_end_of_an_epoch_comes_after_its_numbers(epoch):
    model, X, y = line()
    press = Press("on_epoch_end", epoch=epoch)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, press)
    assert model.history.epoch == list(range(epoch + 1))
    assert press.end == 4 * (epoch + 1)


def test_a_press_at_the_very_end():
    model, X, y = line()
    callback = Callback()
    callback.on_train_end = lambda logs: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, y, callback)
    assert model.history.epoch == [0, 1, 2]


def test_an_error_of_another_kind_is_not_hidden():
    model, X, y = line()

    def fail(batch, logs):
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError("mine")

    callback = Callback()
    callback.on_train_batch_begin = fail
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, X, y, callback)


def test_what_the_user_made_of_ctrl_c_stays():
    model, X, y = line()
    pressed = []
    signal.signal(signal.SIGINT, lambda *arguments: pressed.append(model.optimizer.iterations))
    try:
        fit(model, X, y, Press("on_train_batch_end"))
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert pressed == [1, 2, 3, 4]
    assert model.history.epoch == [0, 1, 2]


def test_a_program_that_ignores_ctrl_c_goes_on_ignoring_it():
    model, X, y = line()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        fit(model, X, y, Press("on_train_batch_end"))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert model.history.epoch == [0, 1, 2]


def test_training_in_another_thread():
    model, X, y = line()
    thread = threading.Thread(target=fit, args=(model, X, y, Callback()))
    thread.start()
    thread.join()
    assert model.history.epoch == [0, 1, 2]


PROGRAM = """
import signal
import numpy as np, backprop as bp
from backprop.callbacks import Callback

signal.signal(signal.SIGINT, signal.default_int_handler)

class Tell(Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if self.model.optimizer.iterations == 3:
            print("training", flush=True)

model = bp.Sequential([bp.layers.Dense(1)], seed=0)
model.compile("sgd", "mse")
try:
    model.fit(np.ones((64, 3)), np.ones(64), epochs=10**9, verbose=0, callbacks=[Tell()])
except KeyboardInterrupt:
    steps = model.optimizer.iterations  # 2 an epoch; the last may be reported or not
    print("kept", (steps - 1) // 2 <= len(model.history.epoch) <= steps // 2)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT to one process")
def test_a_signal_from_outside():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "training\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, err) == ("kept True\n", "")
