"""Steps that several threads make together: they leave the same bits as steps by the layers."""

import numpy as np
import pytest
from layer_cases import CASES as LAYERS
from layer_cases import others_long
from loss_cases import CASES as LOSSES
from loss_cases import batch
from optimizer_cases import EVERY
from rows import thirds
from sharing import share_every_step
from test_recorded import ACTIONS, NOT_REPLAYED, At, compare, data, ending, network, network_with

import backprop as bp
from backprop.callbacks import Callback
from backprop.core import grids
from backprop.core.parameters import Parameter, Parameters
from backprop.engine import recorded as replay
from backprop.engine.intervals import intervals
from backprop.engine.parts import Piece
from backprop.layers import BatchNormalization, Dense, Dropout, ReLU


@pytest.fixture(params=[3, pytest.param(2, marks=pytest.mark.long)])
def shared(request, monkeypatch):
    """Shares every step out to so many threads, and collects these steps.

    Three cut rows as two do and unevenly, too; two have the random models.
    """
    share_every_step(monkeypatch)
    monkeypatch.setattr(grids, "WORTH_A_PART", 1)
    monkeypatch.setattr(replay, "several", lambda: request.param)
    found = []
    make = replay.SharedStep.__init__

    def watched(self, *arguments):
        make(self, *arguments)
        found.append(self)

    monkeypatch.setattr(replay.SharedStep, "__init__", watched)
    return found


@pytest.mark.parametrize("case", thirds(others_long(c for c in LAYERS if c.recorded), 1), ids=str)
def test_a_network_with_any_layer(case, shared, by_layers):
    x, y = case.batch(26, 3)
    compare(lambda: network_with(case), x, y, by_layers, batch_size=10)
    assert len(shared) == 2


@pytest.mark.filterwarnings("ignore:the outputs stand for classes")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", thirds(LOSSES, 2), ids=lambda case: case.name)
def test_a_network_with_any_loss(case, weighted, shared, by_layers):
    n_out = case.sizes[-1]
    _, y, w = batch(case, 26, n_out)

    def make():
        model = bp.Sequential([Dense(4), ReLU(), Dense(n_out), ending(case)], seed=1)
        model.compile("sgd", case.make())
        return model

    w = w if weighted else None
    compare(make, data()[0], y, by_layers, sample_weight=w, batch_size=10)
    assert len(shared) == (0 if case.name in NOT_REPLAYED else 2)


@pytest.mark.parametrize("name", thirds(EVERY))
def test_any_optimizer(name, shared, by_layers):
    kind, options = EVERY[name]
    x, y, _ = data()

    def make():
        layers = [Dense(5, kernel_regularizer="l2"), ReLU(), Dense(4), ReLU()]
        return network(*layers, optimizer=kind(0.05, **options))

    compare(make, x, y, by_layers, batch_size=10, epochs=20)
    assert len(shared) == 2
    assert all(len(step._programs) in (1, 2) for step in shared)
    assert all(len(part) > 1 for step in shared for part in step._programs[0])


@pytest.mark.parametrize(
    "hook",
    [
        "on_train_batch_end",
        pytest.param("on_epoch_begin", marks=pytest.mark.long),
        pytest.param("on_train_batch_begin", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_what_callbacks_change_is_noticed(action, hook, shared, by_layers):
    x, y, _ = data()

    def make():
        return network(Dense(5, kernel_regularizer="l2"), BatchNormalization(), Dropout(0.2))

    compare(make, x, y, by_layers, callbacks=lambda: [At(hook, action)], batch_size=10, epochs=8)
    assert shared


def test_a_step_of_the_optimizer_that_a_callback_replaces_is_called(shared):
    x, y, _ = data()
    calls = []

    class Watch(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            step = self.model.optimizer.step
            if epoch == 12:
                self.model.optimizer.step = lambda given: (calls.append(epoch), step(given))

    model = network(Dense(6), ReLU())
    history = model.fit(x, y, batch_size=len(x), epochs=14, verbose=0, callbacks=[Watch()])
    assert shared
    assert len(calls) == len(history.epoch) - 12


@pytest.mark.parametrize("sizes", [(4,), (3, 2)], ids=["sequences", "images"])
def test_sequences_and_images(sizes, shared, by_layers, rng):
    x, y = rng.standard_normal((26, *sizes, 3)), rng.integers(0, 3, (26, *sizes))
    compare(lambda: network(Dense(5), ReLU()), x, y, by_layers, batch_size=10)
    assert len(shared) == 2


def test_a_wide_network(shared, by_layers, rng):
    """Products of every kind of BLAS, biases, and more than one block of θ for each thread."""
    x, y = rng.standard_normal((256, 200)), rng.integers(0, 3, 256)

    def make():
        return network(Dense(700), ReLU(), Dense(600), ReLU())

    compare(make, x, y, by_layers, batch_size=128, epochs=9)
    assert len(shared) == 1


def test_a_stretch_that_is_written_twice_is_updated_once():
    """As ∂E/∂W of an embedding, which is set first and then added to."""
    theta = Parameters([Parameter("W", np.ones(8))], np.dtype("float64"))
    g = theta.gradients
    span = intervals(g)

    def piece(function):
        return Piece(function, (), span, None, 0.0)

    section = [[piece(lambda: g.fill(1)), piece(lambda: np.add(g, 1, out=g))], []]
    step = replay.SharedStep([[[]], section], theta)
    step.gradients()
    step.update(bp.optimizers.SGD(0.25))
    np.testing.assert_array_equal(theta.values, np.full(8, 0.5))


@pytest.mark.parametrize("shared", [2], indirect=True)
@pytest.mark.filterwarnings("ignore:training has diverged")
def test_g_of_a_step_that_diverged_is_whole(shared, by_layers):
    def spoil(model, number):
        model.optimizer.learning_rate = 1e25 if number == 5 else 0.01

    def make():
        model = bp.Sequential([Dense(4), ReLU(), Dense(3)], seed=1)
        model.compile("sgd", "mse")
        return model

    x, y, _ = data(40)
    with np.errstate(all="ignore"):
        compare(make, x, np.eye(3)[y], by_layers, lambda: [At("on_train_batch_end", spoil)])
    assert len(shared) == 1
