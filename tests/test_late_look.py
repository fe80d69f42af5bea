"""Epochs whose steps are not looked at end as those do whose steps are."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
from rows import thirds

import backprop as bp
from backprop import DivergenceError
from backprop.callbacks import BackupAndRestore, Callback
from backprop.constraints import NonNegative
from backprop.engine import recorded
from backprop.layers import BatchNormalization, Dense, Dropout, GaussianNoise, ReLU
from backprop.losses import MeanSquaredError
from backprop.metrics import MeanAbsoluteError
from backprop.optimizers import SGD, Adam, ByParameter
from backprop.schedules import ExponentialDecay
from backprop.training import late
from backprop.training.kept import Kept
from backprop.training.loop import Loop
from tests.optimizer_cases import EVERY, vector

STEPS, SIZE, EPOCHS = 24, 4, 5
pytestmark = pytest.mark.usefixtures("errors_as_ever")


@pytest.fixture
def errors_as_ever(monkeypatch):
    """NumPy warns as it does unless told otherwise, and epochs of a few steps are long enough."""
    monkeypatch.setattr(late, "MANY_STEPS", STEPS)
    with np.errstate(all="warn", under="ignore"):
        yield


@pytest.fixture
def looks(monkeypatch):
    """For each epoch whether its steps went without a look; then one entry for each made again."""
    found = []
    begin, put_back = late.LateLook.begin, Kept.put_back

    def noted(self, step):
        begin(self, step)
        found.append(step.late)

    def undone(self):
        found.append("again")
        put_back(self)

    monkeypatch.setattr(late.LateLook, "begin", noted)
    monkeypatch.setattr(Kept, "put_back", undone)
    return found


def samples(rng):
    x = rng.normal(size=(STEPS * SIZE, 2)).astype(np.float32)
    return x, rng.normal(size=(STEPS * SIZE, 2)).astype(np.float32)


class Spoils(Callback):
    """Writes a number into the samples before an epoch."""

    def __init__(self, array, place, number, epoch):
        self.array, self.place, self.number, self.epoch = array, place, number, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.array[self.place] = self.number


def network(optimizer, eagerly, layers=(), loss="mse", metrics=("mae",)):
    model = bp.Sequential([Dense(3), ReLU(), *layers, Dense(2)], seed=3)
    model.compile(optimizer, loss, metrics=list(metrics), run_eagerly=eagerly)
    return model


def outcome(make, x, y, where, place, number, epoch, **options):
    """Everything that a training leaves behind whose samples are spoiled on the way."""
    x, y = x.copy(), y.copy()
    model = make()
    spoils = Spoils(x if where == "x" else y, place, number, epoch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, y, SIZE, EPOCHS, 0, [spoils], **options)
        left = {
            "epochs": history.epoch,
            "history": history.history,
            "shuffle": str(model.generators["shuffle"].bit_generator.state),
            "theta": model.parameters.values.tobytes(),
            "state": {name: vector.tobytes() for name, vector in model.optimizer.state.items()},
            "steps": (model.optimizer.iterations, model.optimizer.steps),
            "metrics": [metric.result() for metric in model.metrics],
        }
        spoils.array[place] = 0.5
        model.fit(x, y, SIZE, 2, 0)  # goes on as if nothing had been
        left["later"] = model.parameters.values.tobytes()
        left["messages"] = [str(each.message) for each in caught]
    return left


def steep(optimizer, eagerly):
    """Its loss is finite for inputs so large that ∂E/∂W of its first layer, or g², is not."""
    optimizer.learning_rate = 1e-9
    model = network(optimizer, eagerly, loss="mae")
    model.build((None, 2))
    model.layers[0].W *= 1e-5
    model.layers[2].W *= 1e5
    return model


CASES = [
    *((network, "y", number) for number in (math.nan, math.inf, 1e19)),
    *((network, "x", number) for number in (3e38, 1e30, 3e19, 1e18, 1e15)),
    *((steep, "x", number) for number in (3e35, -3e35, 1e35, 3e34, -3e34, -1e20)),
]


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", thirds(EVERY))
def test_a_training_ends_as_that_by_the_layers(name, every, looks):
    """Of the cases every third one for each optimizer, another third for the next one."""
    kind, options = EVERY[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    again = 0
    for make, where, number in CASES[list(EVERY).index(name) % every :: every]:
        place = (int(rng.integers(STEPS * SIZE)), int(rng.integers(2)))
        case = (*samples(rng), where, place, number, int(rng.integers(1, EPOCHS)))
        expected = outcome(lambda make=make: make(kind(**options), eagerly=True), *case)
        assert True not in looks
        looks.clear()
        found = outcome(lambda make=make: make(kind(**options), eagerly=False), *case)
        assert str(found) == str(expected)  # in which nan is nan
        assert (True in looks) == _may_be_late(kind(**options))
        again += looks[: EPOCHS + 2].count("again") > 0 and len(expected["messages"]) > 0
        looks.clear()
    assert every * again > 1 or not _may_be_late(kind(**options))


@pytest.mark.parametrize(("where", "number"), [("x", 3e38), ("x", 3e34), ("y", math.inf)])
def test_noise_is_drawn_again_as_it_was(where, number, looks):
    x, y = samples(np.random.default_rng(5))
    found = []
    for eagerly in (True, False):
        looks.clear()
        layers = [Dropout(0.3, seed=1), Dropout(0.3), GaussianNoise(0.1)]
        noisy = partial(network, Adam(), eagerly, layers, loss="mae")
        found.append(str(outcome(noisy, x, y, where, (40, 1), number, 2)))
    assert found[0] == found[1]
    assert True in looks


def _may_be_late(optimizer):
    return not (optimizer.gathers or isinstance(optimizer, ByParameter))


@pytest.mark.parametrize(
    "name", thirds((n for n, (kind, o) in EVERY.items() if _may_be_late(kind(**o))), 1)
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_wrong_in_g_stays_wrong(name, dtype):
    """After many steps that are right: it is what all of this rests upon."""
    kind, options = EVERY[name]
    largest = float(np.finfo(dtype).max)
    for bad in (math.inf, -math.inf, math.nan, largest, math.sqrt(largest) * 2):
        for at in (0, 3):
            parameters, optimizer, rng = vector(4, 3, dtype=dtype), kind(**options), None
            model = type("Model", (), {"parameters": parameters, "optimizer": optimizer})
            with np.errstate(all="ignore"):
                wrong = False
                for step in range(100):
                    rng = np.random.default_rng(step)
                    parameters.gradients[...] = rng.normal(size=7)
                    if step == at:
                        parameters.gradients[2] = bad
                    optimizer.begin(parameters)
                    optimizer.step(parameters)
                    finite = Kept(model).finite()
                    assert finite or step >= at
                    assert not (wrong and finite)
                    wrong = not finite
            assert wrong or math.isfinite(bad)


def test_an_average_of_squares_that_overflows_is_found_when_the_epoch_is_through(looks):
    """g is finite, so is every loss: Adam only stops learning."""
    x, y = samples(np.random.default_rng(1))
    case = x, y, "x", (50, 1), 3e14, 2
    make = [lambda e=e: network(Adam(), e, loss="mse") for e in (True, False)]
    expected = outcome(make[0], *case)
    assert "the optimizer's state" in expected["messages"][0]
    looks.clear()
    assert str(outcome(make[1], *case)) == str(expected)
    assert looks[:5] == [False, True, True, "again", False]


def test_raising(looks):
    x, y = samples(np.random.default_rng(1))
    model = network("adam", eagerly=False)
    with pytest.raises(
        DivergenceError, match=r"in epoch 3, step \d+: the loss became nan"
    ) as error:
        model.fit(x, y, SIZE, 9, 0, [Spoils(y, 7, math.nan, 2)], on_divergence="raise")
    assert error.value.__context__ is None
    assert np.isfinite(model.parameters.values).all()
    assert "again" not in looks  # the loss showed it before any weight was wrong


def test_state_that_was_wrong_before_is_no_divergence(looks):
    """Infinite averages of a layer that is frozen: nothing is ever made of them."""
    x, y = samples(np.random.default_rng(2))
    found = []
    for eagerly in (True, False):
        model = network("adam", eagerly)
        model.fit(x, y, SIZE, 1, 0)
        model.layers[0].trainable = False
        model.optimizer.state["velocity"][0] = math.inf
        history = model.fit(x, y, SIZE, 4, 0)
        found.append((history.history, model.parameters.values.tobytes()))
    assert found[0] == found[1]
    assert looks[-5:] == [False, True, "again", False, False, False][-5:]


def test_an_error_of_somebody_elses_passes_through(looks):
    class Stops(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("mine")

    x, y = samples(np.random.default_rng(2))
    with pytest.raises(KeyError, match="mine"):
        network("sgd", eagerly=False).fit(x, y, SIZE, 4, 0, [Stops()])

    model = network("sgd", eagerly=False)
    steps = []

    class Breaks(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                vars(model.metrics[0])["update"] = broken

    def broken(*arguments):
        steps.append(len(steps))
        raise OSError("of a metric")

    with pytest.raises(OSError, match="of a metric"):
        model.fit(x, y, SIZE, 4, 0, [Breaks()])
    assert steps == [0]


class Own(MeanSquaredError):
    """A user's loss."""


class OwnOptimizer(Adam):
    """A user's optimizer."""


class OwnMetric(MeanAbsoluteError):
    """A user's metric."""


class Hears(Callback):
    def __init__(self, model):
        self.seen, self.its = [], model

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(np.isfinite(self.its.parameters.values).all())


def constrained():
    return network("sgd", False, [Dense(3, kernel_constraint=NonNegative())])


WATCHED = {
    "a loss of one's own": (lambda: network("sgd", False, loss=Own()), {}),
    "a metric of one's own": (lambda: network("sgd", False, metrics=[lambda y, p: 0.0]), {}),
    "another metric of one's own": (lambda: network("sgd", False, metrics=[OwnMetric()]), {}),
    "an optimizer of one's own": (lambda: network(OwnOptimizer(), False), {}),
    "a schedule of one's own": (lambda: network(SGD(lambda t: 0.1), False), {}),
    "clipping by value": (lambda: network(SGD(clipvalue=1.0), False), {}),
    "a constraint": (constrained, {}),
    "statistics": (lambda: network("sgd", False, [BatchNormalization()]), {}),
    "many weights": (lambda: network("sgd", False, [Dense(40000)]), {}),
    "a short epoch": (lambda: network("sgd", False), {"steps_per_epoch": STEPS - 1}),
}


@pytest.mark.parametrize("name", WATCHED)
def test_whoever_could_notice_has_every_step_looked_at(name, looks, capsys):
    make, options = WATCHED[name]
    x, y = samples(np.random.default_rng(2))
    make().fit(x, y, **{"batch_size": SIZE, "epochs": 3, "verbose": 0} | options)
    assert looks == [False] * 3


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_progress_bar_is_only_shown(verbose, looks, capsys):
    """It may hear of an epoch's steps twice, and ends with the same lines."""
    x, y = samples(np.random.default_rng(2))
    network("sgd", False).fit(x, y, SIZE, 3, verbose)
    assert looks == [False, True, True]
    model = network("adam", False)
    with pytest.warns(RuntimeWarning, match="training has diverged in epoch 3"):
        model.fit(x, y, SIZE, 4, verbose, [Spoils(x, 5, 3e38, 2)])
    assert np.isfinite(model.parameters.values).all()
    shown = capsys.readouterr().out
    assert "Epoch 2/4 24/24" in shown
    assert "Epoch 3/4 24/24" not in shown


def test_inputs_in_a_large_memory_map(looks, tmp_path, monkeypatch):
    """They are checked while they are drawn for the first time."""
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", 0)
    x, y = samples(np.random.default_rng(2))
    np.save(tmp_path / "x.npy", x)
    network("sgd", False).fit(np.load(tmp_path / "x.npy", mmap_mode="r"), y, SIZE, 3, 0)
    assert looks == [False] * 3


def test_whoever_asked_numpy_for_errors_has_them(looks):
    x, y = samples(np.random.default_rng(2))
    with np.errstate(over="raise"):
        network("sgd", False).fit(x, y, SIZE, 3, 0)
    assert looks == [False] * 3


def test_another_optimizer_from_an_epoch_on(looks):
    x, y = samples(np.random.default_rng(2))
    model = network("sgd", False)
    change = Callback()
    change.on_epoch_begin = lambda epoch, logs: epoch == 2 and model.compile("adam", "mse")
    model.fit(x, y, SIZE, 4, 0, [change])
    assert looks == [False, True, False, False]


def test_a_schedule_of_the_packages(looks):
    x, y = samples(np.random.default_rng(2))
    model = network(SGD(ExponentialDecay(0.1, 10, 0.9)), False)
    model.fit(x, y, SIZE, 3, 0)
    assert looks == [False, True, True]


def test_callbacks_of_steps_and_backups_never_see_a_wrong_weight(looks, tmp_path):
    x, y = samples(np.random.default_rng(2))
    model = network("adam", False)
    hears = Hears(model)
    backup = BackupAndRestore(tmp_path / "backup.npz", save_freq=1)
    for callbacks in ([hears], [backup]):
        model.optimizer.learning_rate = 0.001
        spoiled = x.copy()
        with pytest.warns(RuntimeWarning, match="training has diverged"):
            model.fit(spoiled, y, SIZE, 4, 0, [Spoils(spoiled, 5, 3e38, 2), *callbacks])
        assert looks == [False] * 3
        looks.clear()
    assert all(hears.seen)


def test_steps_between_and_streams(looks):
    x, y = samples(np.random.default_rng(4))
    found = []
    for eagerly in (True, False):
        model = network(SGD(0.01, momentum=0.9), eagerly)
        model.fit(x, y, SIZE, 3, 0)
        model.train_on_batch(x[:4], y[:4])
        model.fit(x, y, SIZE, 3, 0, shuffle=False)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            model.train_on_batch(x[:4] * 1e30, y[:4])
        batches = [(x[k : k + 4], y[k : k + 4]) for k in range(0, len(x), 4)]
        seen = len(looks)
        model.fit(lambda: iter(batches), epochs=3, verbose=0)  # noqa: B023
        assert True not in looks[seen:]
        found.append(model.parameters.values.tobytes())
    assert found[0] == found[1]


def test_ctrl_c_in_an_epoch_that_went_wrong(monkeypatch, looks):
    """The model is left with weights from before anything was wrong."""
    x, y = samples(np.random.default_rng(1))
    model = network(Adam(), False)
    begun = []

    class Presses(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            begun.append(epoch)

    original = Loop.epoch

    def epoch(self, number, first_step):
        logs = original(self, number, first_step)
        if number == 2 and self.step.late:
            self.model.parameters.values[0] = math.nan
            self.interrupt.waiting = True
            self.interrupt.check()
        return logs

    monkeypatch.setattr(Loop, "epoch", epoch)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, SIZE, 4, 0, [Presses()])
    assert begun == [0, 1, 2]
    assert np.isfinite(model.parameters.values).all()
    assert model.optimizer.iterations == 2 * STEPS + 1


def test_of_the_first_step_of_an_epoch_made_again_is_told_once(looks, rng, monkeypatch):
    """As in a fit that begins with a replay, since the one before left its long steps."""
    monkeypatch.setattr(recorded, "LONG", 0.0)
    monkeypatch.setattr(recorded, "MIDDLING", 0.0)
    monkeypatch.setattr(recorded, "COPIED", 0.0)
    x, y = samples(rng)
    weight = np.ones(len(x))
    model = bp.Sequential([Dense(4), ReLU(), Dense(2)], seed=1)
    model.compile(Adam(1e-3), "mae")
    for large in (1, 1e25):
        weight[-1] = large
        looks.clear()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.fit(
                300 * x, 1e8 * y, batch_size=SIZE, sample_weight=weight, shuffle=False, verbose=0
            )
    assert looks[:3] == [True, "again", False]
    said = [str(warning.message)[:12] for warning in told]
    assert said == ["the loss of ", "training has"]
