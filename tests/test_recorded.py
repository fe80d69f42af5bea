"""Replayed training steps: they leave the same bits as steps by the layers, or are not replayed."""

import copy
import gc
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from layer_cases import CASES as LAYERS
from layer_cases import others_long
from loss_cases import CASES as LOSSES
from loss_cases import batch
from optimizer_cases import EVERY
from rows import thirds

import backprop as bp
from backprop.callbacks import Callback, LambdaCallback
from backprop.data import batches
from backprop.engine import recorded as replay
from backprop.engine.taking_part import parts
from backprop.engine.tape import Tape
from backprop.engine.traced import Traced
from backprop.layers import (
    Activation,
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Exponential,
    Identity,
    LayerNormalization,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)

NOT_REPLAYED = {  # they look at numbers: what they do depends on these
    *("rmse", "poisson", "kl", "bce", "bce_smooth", "cce", "cce_smooth", "scce"),
    *("cosine", "categorical_hinge", "generalized", "focal_bce", "focal_cce", "dice", "tversky"),
}


@pytest.fixture
def replayed(monkeypatch):
    """Counts the steps that were recorded, and whether they can be replayed."""
    found = []
    record = replay.RecordedStep.__init__

    def watched(self, *arguments):
        record(self, *arguments)
        found.append(self.works)

    monkeypatch.setattr(replay.RecordedStep, "__init__", watched)
    return found


def inside(model):
    """All numbers that a training left in a model, by the way to them."""
    optimizer = model.optimizer
    kept = {f"parameter {p.name}": p.value for p in model.parameters}
    kept |= {f"gradient {p.name}": p.gradient for p in model.parameters}
    kept |= {f"state {name}": value for name, value in optimizer.state.items()}
    for part in parts(model):
        for name, value in vars(part).items():
            values = value if isinstance(value, tuple) else (value,)
            for k, each in enumerate(values):
                if isinstance(each, float):
                    kept[f"{part}.{name}.{k}"] = each
                if isinstance(each, np.ndarray):
                    assert type(each) is np.ndarray, f"{part}.{name} is still traced"
                    kept[f"{part}.{name}.{k}"] = each
    for name, generator in model.generators.items():
        state = generator.bit_generator.state["state"]
        kept[f"generator {name}"] = np.array([str(state)])
    return {name: np.array(value) for name, value in kept.items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def data(n=26, n_in=3):
    rng = np.random.default_rng(3)
    return rng.standard_normal((n, n_in)), rng.integers(0, 3, n), rng.uniform(0.1, 2, n)


def compare(make, x, y, by_layers, callbacks=list, **options):
    """Trains two models of the same seed, the second one by its layers, and compares all bits."""
    models = make(), make()
    options = {"batch_size": 4, "epochs": 4, "verbose": 0, **options}
    histories = [models[0].fit(x, y, callbacks=callbacks(), **options)]
    by_layers()
    histories.append(models[1].fit(x, y, callbacks=callbacks(), **options))
    assert histories[0].history == histories[1].history
    assert_same(*map(inside, models))


def network(*layers, optimizer="adam", loss="sparse_categorical_crossentropy", dtype="float32"):
    model = bp.Sequential([*layers, Dense(3), Softmax()], seed=1, dtype=dtype)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def network_with(case, seed=1, optimizer="adam", dtype="float32"):
    """A classifier, of every step if the layer's outputs have some, with the layer in it."""
    layers = [*case.in_front(), case.make(), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=seed, dtype=dtype)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", others_long(LAYERS), ids=str)
def test_a_network_with_any_layer(case, weighted, dtype, by_layers, replayed):
    """Weights of samples are the loss's alone: vectors have them with each loss, others below."""
    x, y = case.batch(26, 3)
    w = data()[2] if weighted else None
    compare(lambda: network_with(case, dtype=dtype), x, y, by_layers, sample_weight=w)
    # full batches and the short one at the end of an epoch; one that does not work is the last one
    assert replayed == ([True, True] if case.recorded else [] if case.own else [False])


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((4,), id="sequences", marks=pytest.mark.long),
        pytest.param((3, 2), id="images"),
    ],
)
@pytest.mark.parametrize("case", thirds(others_long(c for c in LAYERS if c.leading)), ids=str)
def test_a_layer_along_the_last_axis_of_sequences_and_images(case, sizes, by_layers, replayed):
    of_images = replace(case, shape=(*sizes, *case.shape))
    x, y = of_images.batch(26, 3)
    compare(lambda: network_with(of_images), x, y, by_layers, sample_weight=data()[2])
    assert replayed == ([True, True] if case.recorded else [] if case.own else [False])


def ending(case):
    """A last layer whose outputs the loss takes, and which it is not joined with."""
    if case.prediction.__name__ == "probabilities":
        return Chain([Sigmoid() if "bce" in case.name else Softmax(), Identity()])
    return Softplus() if case.prediction.__name__ == "rates" else Identity()


@pytest.mark.filterwarnings("ignore:the outputs stand for classes")  # targets are drawn
@pytest.mark.parametrize("weighted", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_a_network_with_any_loss(case, weighted, by_layers, replayed):
    n_out = case.sizes[-1]
    _, y, w = batch(case, 26, n_out)

    def make():
        layers = [Dense(4), Tanh(), Dense(n_out), ending(case)]
        model = bp.Sequential(layers, seed=1, dtype="float64")
        model.compile("sgd", case.make())
        return model

    compare(make, data()[0], y, by_layers, sample_weight=w if weighted else None)
    if case.name in NOT_REPLAYED:
        assert not any(replayed)
    else:
        assert replayed == [True, True]


PAIRS = {
    "sparse": (Softmax, lambda: SparseCategoricalCrossentropy(), lambda c: c),
    "categorical": (Softmax, lambda: CategoricalCrossentropy(), lambda c: np.eye(3)[c]),
    "smooth": (
        Softmax,
        lambda: CategoricalCrossentropy(label_smoothing=0.2),
        lambda c: np.eye(3)[c],
    ),
    "binary": (Sigmoid, lambda: BinaryCrossentropy(label_smoothing=0.2), lambda c: np.eye(3)[c]),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_matched_pairs(name, weighted, by_layers, replayed):
    end, loss, form = PAIRS[name]
    x, c, w = data()

    def make():
        model = bp.Sequential([Dense(5), ReLU(), Dense(3), end()], seed=1)
        model.compile("sgd", loss(), metrics=["accuracy"])
        return model

    compare(make, x, form(c), by_layers, sample_weight=w if weighted else None)
    assert replayed == [True, True]


@pytest.mark.parametrize("name", EVERY)
def test_any_optimizer(name, by_layers, replayed):
    kind, options = EVERY[name]
    x, y, _ = data()
    compare(lambda: network(Dense(5), ReLU(), optimizer=kind(0.05, **options)), x, y, by_layers)
    assert replayed == [True, True]


def test_samples_of_several_axes(by_layers, replayed):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((26, 2, 3)), rng.integers(0, 3, (26, 2))
    compare(lambda: network(Dense(5), ReLU(), LayerNormalization()), x, y, by_layers)
    assert replayed == [True, True]


class At(Callback):
    """Does something at one of the hooks."""

    def __init__(self, hook, action):
        setattr(self, hook, lambda number, logs=None: action(self.model, number))


def freeze(model, number):
    model.layers[0].trainable = number % 2 == 0


def drop_more(model, number):
    model.layers[2].rate = 0.1 + 0.1 * (number % 3)


def train_on_others(model, number):
    x, y, _ = data(7)
    model.train_on_batch(x, y)


def penalise_more(model, number):
    model.parameters["dense_1.W"].regularizer.l2 = 0.01 * (number % 3)


def drop_a_number_of_numpys(model, number):
    model.layers[2].rate = np.float32(0.1 + 0.1 * (number % 3))


def freeze_a_parameter(model, number):
    model.parameters["dense_1.W"].trainable = number % 2 == 0


def replace_a_method(model, number):
    layer = model.layers[0]
    if number == 2 and "forward" not in vars(layer):
        forward = type(layer).forward
        layer.forward = lambda *a, **k: forward(layer, *a, **k) * np.float32(0.5)


def replace_a_method_of_the_model(model, number):
    if number == 2 and "penalty" not in vars(model):
        model.penalty = lambda: 3.0


def begin_anew(model, number):
    if number == 2:
        model.reset(seed=5)


def look(model, number):
    x, y, _ = data(5)
    model.evaluate(x, y)
    model.predict(x)
    model.explain(x[:2], y[:2])


def new_weights(model, number):
    model.set_weights([w + 0.01 for w in model.get_weights()])


def compile_anew(model, number):
    if number == 2:
        model.compile(bp.optimizers.SGD(0.3), "sparse_categorical_crossentropy")


def new_rate(model, number):
    model.optimizer.learning_rate = 0.01 / (number + 1)


ACTIONS = (freeze, drop_more, train_on_others, look, new_weights, compile_anew, new_rate)
ACTIONS += (penalise_more, drop_a_number_of_numpys, freeze_a_parameter, begin_anew)
ACTIONS += (replace_a_method, replace_a_method_of_the_model)


@pytest.mark.parametrize(
    "hook",
    [
        *("on_epoch_begin", "on_train_batch_end"),
        pytest.param("on_train_batch_begin", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_what_callbacks_change_is_noticed(action, hook, by_layers, replayed):
    x, y, _ = data()

    def make():
        return network(Dense(5, kernel_regularizer="l2"), BatchNormalization(), Dropout(0.2))

    compare(make, x, y, by_layers, callbacks=lambda: [At(hook, action)])
    every_step = (freeze, drop_more, penalise_more, drop_a_number_of_numpys, freeze_a_parameter)
    if hook == "on_epoch_begin" or action not in every_step:
        assert replayed


def test_layers_of_ones_own_are_called_at_every_step():
    class Counted(Activation):
        calls = 0

        def f(self, Z, out=None):
            self.calls += 1
            return np.positive(Z, out=out)

        def f_prime(self, Z, A, out):
            out.fill(1)
            return out

    x, y, _ = data(24)
    own = Counted()
    network(own).fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert own.calls == 18


def test_a_method_that_was_replaced_is_called_at_every_step():
    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    calls = []
    forward = model.layers[1].forward
    model.layers[1].forward = lambda *a, **k: calls.append(1) or forward(*a, **k)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert len(calls) == 18


@pytest.mark.parametrize("method", ["f", "f_prime", "check_delta", "buffer"])
def test_any_method_that_was_replaced_is_called_at_every_step(method):
    x, y, _ = data(24)
    model = network(Dense(5), ReLU())
    calls = []
    original = getattr(model.layers[1], method)
    setattr(model.layers[1], method, lambda *a, **k: calls.append(1) or original(*a, **k))
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert len(calls) in (18, 36)  # once or twice a step


def test_a_model_that_computes_on_its_own_is_called_at_every_step():
    class Own(bp.Sequential):
        calls = 0

        def forward(self, X, training=False):
            self.calls += training
            return super().forward(X, training)

    x, y, _ = data(24)
    model = Own([Dense(3), Softmax()], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert model.calls == 18


def test_training_without_shuffling(by_layers, replayed):
    x, y, _ = data()
    compare(lambda: network(Dense(5), ReLU()), x, y, by_layers, shuffle=False)
    assert replayed == []


def test_inputs_in_a_buffer_with_targets_that_are_not(by_layers, replayed, monkeypatch):
    monkeypatch.setattr(batches, "CONVERT_BELOW", 0)
    x, y, _ = data()
    compare(lambda: network(Dense(5), ReLU()), x, y, by_layers, shuffle=False)
    assert replayed == []  # and not at every step


@pytest.mark.parametrize("batch_size", [1, 3, 7, 11, 13, 25, 26])
def test_any_batch_size(batch_size, by_layers):
    x, y, _ = data()
    compare(
        lambda: network(Dense(5), ReLU(), dtype="float64"),
        x,
        y,
        by_layers,
        batch_size=batch_size,
        epochs=9,
    )


def test_batches_that_share_their_inputs(by_layers, replayed):
    x, y, w = data(4)
    x = x.astype("float32")
    others = [np.roll(y, k) for k in (0, 1)]
    weights = [w.astype("float32"), 2 * w.astype("float32")]
    inputs = x, -x
    for made in (
        [(x, others[k]) for k in (0, 0, 0, 0, 1, 1, 1, 0, 0)],
        [(x, others[0], weights[k]) for k in (0, 0, 0, 0, 1, 1, 1, 0, 0)],
        [(x, others[0], *weights[:k]) for k in (0, 0, 0, 0, 1, 1, 1, 0, 0)],
        [(inputs[k], y) for k in (0, 0, 0, 0, 1, 1, 1, 0, 0)],
        [(x, np.roll(y, k)) for k in range(9)],
    ):
        replayed.clear()
        models = network(Dense(5), Tanh()), network(Dense(5), Tanh())
        histories = [models[0].fit(made, epochs=2, verbose=0).history]
        recorded = len(replayed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replay, "replayable", lambda model: False)
            histories.append(models[1].fit(made, epochs=2, verbose=0).history)
        assert histories[0] == histories[1]
        assert_same(*map(inside, models))
        assert recorded == (2 if made[0][1] is made[1][1] else 0)


def test_a_replay_after_a_step_by_the_layers_leaves_its_own_numbers(by_layers, replayed):
    x, y, _ = data(4)
    x = x.astype("float32")
    made = [(x, y)] * 3 + [(x[:2], y[:2]), (x, y)]
    compare(lambda: network(Dense(5), Tanh()), made, None, by_layers, epochs=1, batch_size=None)
    assert replayed == [True]


def test_what_a_head_guessed_is_that_of_the_last_step(replayed):
    x, y, _ = data(40)
    x = x.astype("float32")
    large, small = (x, y), (x[:4].copy(), y[:4])
    model = network(Dense(5), Tanh())
    model.fit([*[large] * 3, *[small] * 3, large], verbose=0)
    assert model.loss.guess is None  # of 40 samples it is not looked for
    model.fit([*[small] * 3, *[large] * 3, small], verbose=0)
    np.testing.assert_array_equal(model.loss.guess, model.layers[-1].A.argmax(axis=1))
    assert replayed == [True] * 4


def test_penalties_of_every_parameter_are_reported(by_layers, replayed):
    def make():
        model = bp.Sequential(
            [Dense(3, use_bias=False, kernel_regularizer="l2"), Softmax()], seed=1
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    compare(make, *data()[:2], by_layers)
    assert all(replayed)
    assert replayed


def test_a_regulariser_of_ones_own_is_called_at_every_step():
    class Counted(bp.regularizers.L2):
        calls = 0

        def gradient(self, value):
            Counted.calls += 1
            return super().gradient(value)

    x, y, _ = data(24)
    network(Dense(4, kernel_regularizer=Counted())).fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert Counted.calls == 1 + 18  # the first when the layer is built


@pytest.mark.parametrize(
    ("seconds", "epochs", "recorded"),
    [(0, 1, 0), (0, 2, 0), (0, 3, 1), (0, 4, 1), (0, 5, 2), (1, 1, 0), (1, 2, 1)],
)
def test_recording_waits_for_a_number_of_steps_of_a_size(
    seconds, epochs, recorded, replayed, monkeypatch
):
    monkeypatch.setattr(replay, "RECORD_AFTER", 4)
    monkeypatch.setattr(replay, "MIDDLING", 0.5)
    monkeypatch.setattr(replay, "LONG", 5)
    monkeypatch.setattr(replay, "COPIED", np.inf)
    monkeypatch.setattr(replay, "perf_counter", count(step=seconds).__next__)
    x, y, _ = data(14)  # an epoch: three batches of 4 and one of 2
    network(Dense(4), ReLU()).fit(x, y, batch_size=4, epochs=epochs, verbose=0)
    assert len(replayed) == recorded


@pytest.mark.parametrize(("copied", "batches"), [(0.0, 3), (np.inf, 2)])
def test_long_steps_are_recorded_early(copied, batches, replayed, monkeypatch):
    monkeypatch.setattr(replay, "RECORD_AFTER", 4)
    monkeypatch.setattr(replay, "LONG", 0)
    monkeypatch.setattr(replay, "MIDDLING", 0)
    monkeypatch.setattr(replay, "COPIED", copied)
    x, y, _ = data(4 * batches)
    network(Dense(4), ReLU()).fit(x[4:], y[4:], batch_size=4, epochs=1, verbose=0)
    assert replayed == []
    network(Dense(4), ReLU()).fit(x, y, batch_size=4, epochs=1, verbose=0)
    assert replayed == [True]


@pytest.mark.parametrize(("planned", "recorded"), [(31, [0, 1, 1]), (32, [1, 2, 2])])
def test_where_many_epochs_are_planned_a_step_is_recorded_when_it_comes_again(
    planned, recorded, replayed, monkeypatch
):
    monkeypatch.setattr(replay, "RECORD_AFTER", 4)
    monkeypatch.setattr(replay, "LONG", np.inf)
    model = network(Dense(4), ReLU())
    x, y, _ = data(14)  # an epoch: three batches of 4 and one of 2
    found = []

    def look(epoch, logs):
        found.append(len(replayed))
        model.stop_training = epoch == 2

    told = LambdaCallback(on_epoch_end=look)
    model.fit(x, y, batch_size=4, epochs=planned, verbose=0, callbacks=[told])
    assert found == recorded


@pytest.mark.parametrize("middling", [np.inf, 0.0], ids=["short", "middling"])
@pytest.mark.parametrize(("planned", "expected"), [(5, [0, 1, 1, 2, 2]), (32, [1, 1, 2, 2, 3])])
def test_after_a_change_steps_are_counted_anew(planned, expected, middling, replayed, monkeypatch):
    monkeypatch.setattr(replay, "RECORD_AFTER", 4)
    monkeypatch.setattr(replay, "LONG", np.inf)
    monkeypatch.setattr(replay, "MIDDLING", middling)
    monkeypatch.setattr(replay, "COPIED", 0.0)
    model = network(Dense(4), ReLU())
    x, y, _ = data(12)  # an epoch: three batches
    recorded = []

    def change(epoch, logs):
        recorded.append(len(replayed))
        model.layers[0].trainable = not model.layers[0].trainable
        model.stop_training = epoch == 4

    wary = LambdaCallback(on_epoch_end=change)
    model.fit(x, y, batch_size=4, epochs=planned, verbose=0, callbacks=[wary])
    # steps 5 and, as the change after epoch 2 undoes that, 11; or 2, 8 and 14: early once alone
    assert recorded == expected


def test_a_backward_pass_after_the_last_step(by_layers):
    """What a loss keeps is that of the last batch, which was the short one."""
    x, y, _ = data()
    models = network(Dense(5), Tanh()), network(Dense(5), Tanh())
    models[0].fit(x, y, batch_size=4, epochs=4, verbose=0)
    by_layers()
    models[1].fit(x, y, batch_size=4, epochs=4, verbose=0)
    for model in models:
        model.backward()
    assert_same(*map(inside, models))
    np.testing.assert_array_equal(models[0].layers[-1].delta, models[1].layers[-1].delta)


def test_an_exponential_overflows_silently_by_replay_too(by_layers):
    def make():
        frozen, steep = Dense(4, kernel_initializer="ones"), Exponential()
        frozen.trainable = False
        model = bp.Sequential([frozen, steep, Sigmoid(), Dense(2)], seed=1)
        model.compile(bp.optimizers.SGD(0.1), "mae")
        return model

    x, y = np.full((24, 3), 400.0), np.zeros((24, 2))
    with np.errstate(over="raise", invalid="ignore"):
        one, other = make(), make()
        histories = [one.fit(x, y, batch_size=4, epochs=3, verbose=0).history]
        by_layers()
        histories.append(other.fit(x, y, batch_size=4, epochs=3, verbose=0).history)
    np.testing.assert_array_equal(histories[0]["loss"], histories[1]["loss"])
    assert np.isinf(one.layers[1].A).all()
    assert one.optimizer.iterations == 18


def test_nothing_of_the_recording_is_kept():
    gc.collect()
    before = sum(isinstance(each, Tape | Traced) for each in gc.get_objects())
    x, y, _ = data()
    model = network(Dense(5), BatchNormalization(), Dropout(0.2))
    for _ in range(3):
        model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    gc.collect()
    assert sum(isinstance(each, Tape | Traced) for each in gc.get_objects()) == before
    for value in inside(model):
        assert value is not None
    array = model.layers[0].Z
    while isinstance(array.base, np.ndarray):
        array = array.base
        assert type(array) is np.ndarray


def test_the_table_holds_every_loss():
    tested = {type(case.make()).__name__ for case in LOSSES}
    tested |= {"Loss", "CrossEntropy", "Formula", "get", "GaussianNegativeLogLikelihood", "Circle"}
    assert set(bp.losses.__all__) - tested == set()


def test_a_chain_in_a_network(by_layers, replayed):
    x, y, _ = data()
    compare(lambda: network(Chain([Dense(5), Tanh()]), Chain([Dropout(0.3)])), x, y, by_layers)
    assert replayed == [True, True]


def test_a_model_can_be_copied_after_replay(rng):
    x, y, _ = data()
    model = network(Dense(5), Dropout(0.5))
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    other = copy.deepcopy(model)
    for each in (model, other):
        each.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert_same(inside(model), inside(other))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", [np.matrix, np.ma.masked_array])
@pytest.mark.parametrize("shuffle", [False, True])
def test_other_classes_of_arrays_count_as_arrays(kind, shuffle):
    x, y, _ = data()
    models = [network(Dense(4), ReLU()) for _ in range(2)]
    for model, given in zip(models, (x, kind(x)), strict=True):
        model.fit(given, y, batch_size=4, epochs=3, verbose=0, shuffle=shuffle)
    assert_same(*map(inside, models))
    found = models[1].predict(kind(x))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, models[0].predict(x))
    for layer in (Dense(2), ReLU(), Softmax()):
        layer.build((3,))
        assert type(layer.forward(kind(x))) is np.ndarray


def test_metrics_count_every_sample_of_long_epochs_of_small_batches():
    x, y, _ = data(1501)
    seen = []

    def same(y_true, y_pred):  # a function is shown every batch by itself
        seen.append(len(y_true))
        return y_pred.argmax(axis=-1) == y_true

    models = [network(Dense(4), ReLU()) for _ in range(2)]
    models[1].compile("adam", "sparse_categorical_crossentropy", metrics=[same])
    found = [model.fit(x, y, batch_size=4, verbose=0).history for model in models]
    assert found[0]["accuracy"] == found[1]["same"]
    assert max(seen[1:]) == 4


def test_eager_steps_are_made_by_the_layers_with_the_same_bits(replayed):
    x, y, _ = data()
    models = [network(Dense(5), Dropout(0.3)) for _ in range(2)]
    models[1].compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    models[0].compile("adam", "sparse_categorical_crossentropy")
    for model in models:
        model.fit(x, y, batch_size=4, epochs=4, verbose=0)
    assert replayed == [True, True]  # both sizes of batches, of the first model alone
    assert_same(*map(inside, models))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("largest", [1e30, 1e160, 1e300])
def test_inputs_whose_squares_overflow_train_as_eager_steps_do(dtype, largest, rng):
    X, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    X[7, 1] = min(largest, 1e30 if dtype == "float32" else largest)
    found = []
    for eager in (False, True):
        model = bp.Sequential([Dense(4), Tanh(), Dense(1)], seed=0, dtype=dtype)
        model.compile("sgd", "mse", run_eagerly=eager)
        with np.errstate(all="ignore"):
            model.fit(X, y, epochs=2, batch_size=8, verbose=0)
        found.append(model.parameters.values.copy())
    assert np.isfinite(found[0]).all()
    assert np.array_equal(*found)
