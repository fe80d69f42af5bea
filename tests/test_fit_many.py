"""fit_many: what it makes of several models is what the fit of each would have made of it."""

import itertools
import os
import signal
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse
from layer_cases import CASES as LAYERS
from layer_cases import others_long
from loss_cases import CASES as LOSSES
from loss_cases import batch
from measuring import peak
from optimizer_cases import EVERY
from rows import thirds
from test_recorded import NOT_REPLAYED, PAIRS, ending, network_with

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from backprop.callbacks.base import HOOKS
from backprop.core.errors import NotCompiledError, ShapeError
from backprop.distributed import Workers
from backprop.experiments import many, stacked_scores
from backprop.experiments.stacked_models import StackedModels
from backprop.layers import BatchNormalization, Chain, Dense, Dropout, ReLU, Softmax, Tanh
from backprop.optimizers import SGD, Adam, Nadam
from backprop.schedules import ExponentialDecay
from backprop.training.batched_metrics import COUNTED_AT_ONCE

K = 3


@pytest.fixture
def stacked(monkeypatch):
    """How many models were trained in step, each time that some were."""
    found = []
    fit = StackedModels.fit

    def watched(self, *arguments):
        found.append(len(self.models))
        return fit(self, *arguments)

    monkeypatch.setattr(StackedModels, "fit", watched)
    return found


def data(n=26, n_in=3):
    rng = np.random.default_rng(3)
    return rng.standard_normal((n, n_in)), rng.integers(0, 3, n)


def network(*layers, seed=0, optimizer=None, dtype="float32", metrics=("accuracy",), n_out=3):
    model = bp.Sequential([*layers, Dense(n_out), Softmax()], seed=seed, dtype=dtype)
    model.compile(optimizer or SGD(0.1), "sparse_categorical_crossentropy", metrics)
    return model


def small(k, **options):
    return network(Dense(5), Tanh(), seed=k, **options)


def inside(model):
    """All numbers of a model that go into its further training."""
    found = {f"parameter {p.name}": p.value for p in model.parameters}
    found |= {f"gradient {p.name}": p.gradient for p in model.parameters}
    found |= {f"state {name}": value for name, value in model.optimizer.state.items()}
    found["iterations"] = np.array(model.optimizer.iterations)
    found["rate"] = np.array(model.optimizer.learning_rate)
    return found


def randomness(model):
    return {name: rng.bit_generator.state for name, rng in model.generators.items()}


def assert_alike(model, other, exact=False):
    one, two = inside(model), inside(other)
    assert one.keys() == two.keys()
    limit = 1e-6 if model.dtype == np.float32 else 1e-12
    for name in one:
        # what cancels out is as exact as the largest of the numbers that it came from
        scale = max(1.0, float(np.abs(two[name]).max(initial=0)))
        atol = 0 if exact else limit * scale
        np.testing.assert_allclose(
            one[name], two[name], rtol=0 if exact else limit, atol=atol, err_msg=name
        )
    assert randomness(model) == randomness(other)


def assert_same_history(mine, its, dtype, exact=False):
    assert mine.epoch == its.epoch
    assert mine.params == its.params
    assert list(mine.history) == list(its.history)
    limit = 1e-6 if dtype == np.float32 else 1e-12
    for name, values in mine.history.items():
        assert all(type(value) is float for value in values)
        if exact:
            assert values == its.history[name], name
        else:
            np.testing.assert_allclose(values, its.history[name], rtol=limit, err_msg=name)


def compare(
    make, x, y, *, rows=None, validation_rows=None, k=K, exact=False, times=1, weight=None, **given
):
    """Trains k models by fit_many and k by their own fit, and compares all that is left in them."""
    given = {"batch_size": 4, "epochs": 3, "verbose": 0, **given}
    models, others = [make(i) for i in range(k)], [make(i) for i in range(k)]
    for _ in range(times):
        whole = {} if weight is None else {"sample_weight": weight}
        found = bp.fit_many(
            models, x, y, rows=rows, validation_rows=validation_rows, **whole, **given
        )
        for i, (model, other) in enumerate(zip(models, others, strict=True)):
            mine = slice(None) if rows is None else rows[i]
            own = {} if weight is None else {"sample_weight": weight[mine]}
            if validation_rows is not None:
                own["validation_data"] = x[validation_rows[i]], y[validation_rows[i]]
            expected = other.fit(x[mine], y[mine], **{**own, **given})
            assert_same_history(found[i], expected, model.dtype, exact)
            assert_alike(model, other, exact)
            assert model.history is found[i]
            assert found[i].model is model
            np.testing.assert_allclose(
                model.predict(x[mine]), other.predict(x[mine]), rtol=1e-5, atol=0 if exact else 1e-6
            )
    return models


# --- what models are made of ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize("case", thirds(others_long(LAYERS)), ids=str)
def test_models_with_any_layer(case, dtype, stacked):
    compare(lambda k: network_with(case, k, SGD(0.1), dtype), *case.batch(26, 3), k=2)
    assert stacked == ([2] if case.stacked else [])


@pytest.mark.filterwarnings("ignore:the outputs stand for classes")  # targets are drawn
@pytest.mark.parametrize("case", thirds(LOSSES, 1), ids=lambda case: case.name)
def test_models_with_any_loss(case, stacked):
    n_out = case.sizes[-1]
    _, y, w = batch(case, 26, n_out)

    def make(k):
        layers = [Dense(4), Tanh(), Dense(n_out), ending(case)]
        model = bp.Sequential(layers, seed=k, dtype="float64")
        model.compile("sgd", case.make())
        return model

    compare(make, data()[0], y)
    compare(make, data()[0], y, weight=w)
    assert stacked == ([] if case.name in NOT_REPLAYED else [K, K])


@pytest.mark.parametrize("name", PAIRS)
def test_models_with_matched_pairs(name, stacked):
    end, loss, form = PAIRS[name]
    x, c = data()

    def make(k):
        model = bp.Sequential([Dense(5), ReLU(), Dense(3), end()], seed=k)
        model.compile("sgd", loss(), metrics=["accuracy"])
        return model

    compare(make, x, form(c))
    assert stacked == [K]


@pytest.mark.parametrize("name", thirds(EVERY, 2))
def test_models_with_any_optimizer(name, stacked):
    """The others are trained one after the other, with the same results."""
    kind, options = EVERY[name]
    x, y = data()
    compare(
        lambda k: small(k, optimizer=kind(0.02, **options), dtype="float64"),
        x,
        y,
        times=2,
        epochs=5,
    )
    other = {"weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"}
    other |= {"gradient_accumulation_steps"}
    alone = other & options.keys() or kind is bp.optimizers.AdamW or kind.by_parameter
    assert stacked == ([] if alone else [K, K])


def test_lbfgs(stacked):
    x, y = data()
    compare(lambda k: small(k, optimizer=bp.optimizers.LBFGS()), x, y, exact=True)
    assert stacked == []


@pytest.mark.parametrize("kind", [SGD, Adam, Nadam])
def test_learning_rates_may_differ(kind, stacked):
    x, y = data()
    compare(lambda k: small(k, optimizer=kind([0.1, 0.02, 0.1, 0.05][k])), x, y, k=4, epochs=4)
    assert stacked == [4]


@pytest.mark.parametrize("kind", [SGD, Nadam])
def test_schedules_may_differ(kind, stacked):
    def rate(k):
        return [
            ExponentialDecay(0.1, 5, 0.5),
            lambda t: 0.1 / (1 + t),
            0.03,
            ExponentialDecay(0.2, 5, 0.5),
        ][k]

    x, y = data()
    models = compare(lambda k: small(k, optimizer=kind(rate(k))), x, y, k=4, times=2)
    assert stacked == [4, 4]
    assert ["learning_rate" in model.history.history for model in models] == [True, True, False, 1]


def test_each_formula_is_computed_by_an_optimizer_that_went_along(monkeypatch):
    """Nadam multiplies one factor a step, and all of them only where it has not."""
    calls = []
    mu = Nadam.mu
    monkeypatch.setattr(Nadam, "mu", lambda self, t: calls.append(t) or mu(self, t))
    x, y = data(24)
    models = [small(k, optimizer=Nadam([0.1, 0.02, 0.05][k])) for k in range(3)]
    bp.fit_many(models, x, y, batch_size=4, epochs=20, verbose=0)
    assert len(calls) < 120 * 3 * 4


def test_the_state_is_rounded_to_0_as_by_the_optimizers(stacked):
    """Tiny gradients leave a momentum that would shrink to denormal numbers."""

    def make(k):
        model = bp.Sequential([Dense(2, kernel_initializer="zeros")], seed=k)
        model.compile(SGD(0.1, momentum=0.5), "mse")
        return model

    x, y = np.full((8, 3), 1e-36), np.zeros((8, 2))
    y[0] = 1e-2
    compare(make, x, y, batch_size=1, epochs=9, exact=True, shuffle=False)
    assert stacked == [K]


# --- what they are trained on ---------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 4, 7, 25, 26, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_any_batch_size(batch_size, shuffle, stacked):
    x, y = data()
    compare(small, x, y, batch_size=batch_size, shuffle=shuffle)
    assert stacked == [K]


def test_sums_of_losses_have_the_same_bits():
    """Where a product of two numbers is not rounded differently, nothing is."""

    def make(k):
        model = bp.Sequential([Dense(1, use_bias=False)], seed=k, dtype="float64")
        model.compile(SGD(0.1), "mse")
        return model

    x = np.random.default_rng(0).standard_normal((26, 1))
    compare(make, x, 3 * x + 1, batch_size=7, epochs=5, exact=True)


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_losses_are_added_up_after_any_number_of_steps(at_once, monkeypatch, stacked):
    monkeypatch.setattr(stacked_scores, "LOSSES_AT_ONCE", at_once)
    x, y = data()
    compare(small, x, y, batch_size=4)  # seven steps
    assert stacked == [K]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 7, 25])  # and last ones of 1 and 5
@pytest.mark.parametrize(("units", "bias"), [(20, True), (1, True), (4, False)])
def test_one_feature(units, bias, batch_size, dtype, stacked):
    def make(k):
        model = bp.Sequential([Dense(units, bias), Tanh(), Dense(1)], seed=k, dtype=dtype)
        model.compile(SGD(0.1), "mse")
        return model

    x = np.random.default_rng(0).standard_normal((26, 1))
    compare(make, x, np.sin(x), batch_size=batch_size, epochs=5)
    assert stacked == [K]


@pytest.mark.parametrize("n", [20, 60])  # bootstrap samples may be more than there are
def test_rows_of_equal_lengths(n, stacked):
    x, y = data()
    rows = np.random.default_rng(0).integers(0, 26, (K, n))
    compare(small, x, y, rows=rows, batch_size=32)
    compare(small, x, y, rows=list(rows.astype("uint8")))
    assert stacked == [K, K]


def test_rows_of_different_lengths(stacked):
    x, y = data()
    rows = [np.arange(20), np.arange(6, 26), np.arange(5, 26), np.arange(26), [25, 3, 3, 1]]
    rows += [np.arange(21)]
    compare(small, x, y, rows=rows, k=6)
    assert stacked == [2, 2]


def test_validation_rows(stacked):
    x, y = data()
    held_out = [np.arange(3), np.arange(10, 14), np.array([25])]
    compare(small, x, y, validation_rows=held_out)
    rows = [np.setdiff1d(np.arange(26), each)[:22] for each in held_out]
    compare(small, x, y, rows=rows, validation_rows=held_out)
    assert stacked == [K, K]


@pytest.mark.parametrize("form", ["pair", "list", "weighted", "function", "batches"])
def test_validation_data(form, stacked):
    x, y = data()
    other = x[:9] + 1, y[:9]
    given = {
        "pair": other,
        "list": list(other),
        "weighted": (*other, np.linspace(0, 1, 9)),
        "function": lambda: iter([other, other]),
        "batches": [other, other],
    }[form]
    compare(small, x, y, validation_data=given)
    assert stacked == [K]


def test_a_validation_split_wins_over_validation_rows():
    """Else ``cross_validate`` would stop training by the fold that it is going to score on."""
    x, y = data()
    given = {"epochs": 2, "verbose": 0, "validation_split": 0.25}
    found = bp.fit_many([small(0)], x, y, rows=[np.arange(20)], validation_rows=[[21]], **given)
    expected = small(0).fit(x[:20], y[:20], **given)
    assert found[0].history == expected.history
    result = bp.cross_validate(lambda: small(0), x, y, folds=2, **given)
    mine = result.held_out[1]
    assert result.histories[0].history == small(0).fit(x[mine], y[mine], **given).history


def test_validation_data_win_over_validation_rows(stacked):
    x, y = data()
    models = [small(k) for k in range(2)]
    held_out = x[:9] + 1, y[:9]
    found = bp.fit_many(
        models, x, y, validation_rows=[[1], [2]], validation_data=held_out, verbose=0
    )
    for model, history in zip(models, found, strict=True):
        assert history.history["val_loss"] == [model.evaluate(*held_out)[0]]


def test_a_generator_of_validation_data_is_left_to_the_fits(stacked):
    x, y = data()

    def endless():
        for k in itertools.count():
            yield x[k % 20 :][:5], y[k % 20 :][:5]

    models, others = [small(k) for k in range(2)], [small(k) for k in range(2)]
    found = bp.fit_many(models, x, y, validation_data=endless(), validation_steps=2, verbose=0)
    held_out = endless()  # which the checks do not draw from
    for model, other, history in zip(models, others, found, strict=True):
        expected = other.fit(x, y, validation_data=held_out, validation_steps=2, verbose=0)
        assert history.history == expected.history
        assert_alike(model, other, exact=True)
    assert stacked == []


def test_one_model_may_use_a_generator_up():
    x, y = data()
    (history,) = bp.fit_many([small(0)], x, y, validation_data=iter([(x, y)]), verbose=0)
    assert len(history.history["val_loss"]) == 1


def test_the_samples_are_not_copied_for_every_model():
    x, y = np.ones((20_000, 30)), np.zeros(20_000, int)
    models = [small(k) for k in range(20)]
    most = peak(lambda: bp.fit_many(models, x, y, epochs=0, verbose=0))
    assert most < 5 * x.nbytes  # each would have had its own in float32


def test_weights_may_be_a_list():
    x, y = data()
    weights, rows = list(range(26)), [list(range(k, 20 + k)) for k in range(2)]
    models, others = [small(k) for k in range(2)], [small(k) for k in range(2)]
    bp.fit_many(models, x, y, rows=rows, sample_weight=weights, verbose=0)
    bp.fit_many(others, x, y, rows=rows, sample_weight=np.array(weights, float), verbose=0)
    for model, other in zip(models, others, strict=True):
        assert_alike(model, other, exact=True)


@pytest.mark.parametrize("rows", [None, "bootstrap"])
def test_sample_weights_go_with_their_samples(rows, stacked):
    x, y = data()
    weight = np.random.default_rng(1).uniform(0, 2, 26)
    if rows:
        rows = list(np.random.default_rng(0).integers(0, 26, (K, 26)))

    def make(k):
        model = small(k)
        model.compile(SGD(0.1), "sparse_categorical_crossentropy", ["acc"], ["acc"])
        return model

    compare(make, x, y, rows=rows, weight=weight)
    compare(make, x, y, rows=rows, weight=weight, callbacks=[Callback()])
    assert stacked == [K]


def test_class_weights(stacked):
    x, y = data()
    compare(small, x, y, class_weight={0: 3.0, 2: 0.5})
    compare(small, x, y, rows=[range(20), range(5, 25), range(6, 26)], class_weight={0: 3.0})
    assert stacked == [K, K]


def test_samples_of_several_axes(stacked):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((26, 2, 3)), rng.integers(0, 3, (26, 2))
    compare(lambda k: network(Dense(5), BatchNormalization(), ReLU(), seed=k), x, y)
    compare(small, x, y, weight=rng.uniform(0, 2, 26))
    assert stacked == [K, K]


@pytest.mark.parametrize("form", ["float32", "int", "list", "fortran", "reversed", "column"])
def test_forms_of_data(form, stacked):
    x, y = data()
    x = {
        "float32": x.astype("float32"),
        "int": (x * 9).astype(int),
        "list": x,
        "fortran": np.asfortranarray(x),
        "reversed": x[::-1, ::-1],
        "column": x,
    }[form]
    if form == "column":
        y = np.stack([y, y], axis=1)[:, :1]
    if form == "list":
        models, others = [small(k) for k in range(2)], [small(k) for k in range(2)]
        bp.fit_many(models, x.tolist(), y.tolist(), verbose=0)
        bp.fit_many(others, x, y, verbose=0)
        for model, other in zip(models, others, strict=True):
            assert_alike(model, other, exact=True)
        return
    compare(small, x, y)
    assert stacked == [K]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse_inputs_are_trained_on_one_after_the_other(kind, stacked):
    x, y = data()
    x[x < 0] = 0
    rows = [range(20), range(5, 25), range(6, 26)]
    models, others = [small(k) for k in range(K)], [small(k) for k in range(K)]
    bp.fit_many(models, scipy.sparse.coo_matrix(x).asformat(kind), y, rows=rows, verbose=0)
    bp.fit_many(others, x, y, rows=rows, verbose=0)
    for model, other in zip(models, others, strict=True):
        np.testing.assert_allclose(model.predict(x), other.predict(x), rtol=1e-5)
    assert stacked == [K]


def test_a_memory_map_is_not_read_at_once(tmp_path, stacked):
    x, y = data()
    mapped = np.memmap(tmp_path / "x", "float64", "w+", shape=x.shape)
    mapped[...] = x
    compare(small, mapped, y, exact=True)
    assert stacked == []


def test_samples_that_nobody_is_trained_on_are_not_looked_at(stacked):
    x, y = data()
    x[25], y[24] = np.nan, 99
    compare(small, x, y, rows=[range(20), range(4, 24), range(3, 23)], exact=False)
    assert stacked == [K]


def test_targets_that_are_right_for_each_but_not_together(stacked):
    """Labels of a hinge loss are -1 and 1 for one model here, and 0 and 1 for the other."""

    def make(k):
        model = bp.Sequential([Dense(1)], seed=k)
        model.compile("sgd", "hinge")
        return model

    x = data(20)[0]
    y = np.array([-1.0, 1] * 5 + [0.0, 1] * 5)
    compare(make, x, y, rows=[range(10), range(10, 20)], k=2, exact=True)
    assert stacked == []


# --- metrics --------------------------------------------------------------------------------------


def test_any_metrics(stacked):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3)), rng.integers(0, 2, 50)

    def make(k):
        model = bp.Sequential([Dense(4), Tanh(), Dense(1), bp.layers.Sigmoid()], seed=k)
        names = ["accuracy", "precision", "recall", "f1_score", "auc", "mse", "rmse", "mae"]
        model.compile(SGD(0.3), "binary_crossentropy", names)
        return model

    compare(make, x, y, validation_rows=[range(9), range(9, 20), range(20, 30)])
    assert stacked == [K]


def test_a_users_metric_sees_each_batch_by_itself(stacked):
    class Largest(bp.metrics.MeanMetric):
        def values(self, prediction, target):
            return np.full(len(target), prediction.max())

    def spread(y, p):
        return p.max() - p.min()

    x, y = data()
    compare(lambda k: small(k, metrics=[spread, "accuracy", Largest(f"largest {k}")]), x, y)
    assert stacked == [K]


def test_metrics_of_more_samples_than_are_kept(stacked):
    rng = np.random.default_rng(0)
    x, y = (
        rng.standard_normal((COUNTED_AT_ONCE + 100, 2)),
        rng.integers(0, 3, COUNTED_AT_ONCE + 100),
    )
    compare(small, x, y, batch_size=50, epochs=2, k=2)
    assert stacked == [2]


def test_models_that_share_a_metric(stacked):
    shared = bp.metrics.SparseCategoricalAccuracy()
    x, y = data()
    compare(lambda k: small(k, metrics=[shared]), x, y, exact=True)
    assert stacked == []


def test_names_of_metrics_may_differ(stacked):
    x, y = data()
    named = bp.metrics.SparseCategoricalAccuracy
    compare(lambda k: small(k, metrics=[named(name=f"mine_{k}")]), x, y, verbose=2)
    assert stacked == [K]


# --- models ---------------------------------------------------------------------------------------


def test_a_second_fit_goes_on(stacked):
    x, y = data()
    compare(
        lambda k: network(Dense(5), BatchNormalization(), Dropout(0.3), seed=k, optimizer=Adam()),
        x,
        y,
        times=3,
    )
    assert stacked == [K, K, K]


def trained(k, steps=2):
    model = small(k, optimizer=Adam())
    model.fit(*data(), epochs=steps, verbose=0)
    return model


def test_models_that_were_trained_before(stacked):
    x, y = data()
    compare(trained, x, y)
    assert stacked == [K]
    compare(lambda k: trained(k, steps=1 + k % 2), x, y, k=4)  # as many steps as another one
    assert stacked == [K, 2, 2]


def test_a_model_that_was_built_beside_ones_that_were_not(stacked):
    x, y = data()

    def make(k):
        model = small(k)
        if k == 1:
            model.build((None, 3))
        return model

    compare(make, x, y)
    assert stacked == [K]


def test_models_without_a_seed():
    x, y = data()
    models = [small(None) for _ in range(3)]
    histories = bp.fit_many(models, x, y, verbose=0)
    assert len({history.history["loss"][0] for history in histories}) == 3


def test_frozen_layers(stacked):
    x, y = data()

    def make(k):
        model = network(Dense(5), BatchNormalization(), Tanh(), Dense(4), seed=k, optimizer=Adam())
        model.layers[0].trainable = model.layers[1].trainable = False
        return model

    before = [make(k) for k in range(K)]
    models = compare(make, x, y)
    for model, other in zip(models, before, strict=True):
        other.build((None, 3))
        np.testing.assert_array_equal(model.layers[0].W, other.layers[0].W)
    assert stacked == [K]


def test_everything_frozen(stacked):
    x, y = data()

    def make(k):
        model = small(k)
        for layer in model.layers:
            layer.trainable = False
        return model

    compare(make, x, y)
    assert stacked == [K]


def test_models_of_several_forms(stacked):
    x, y = data()

    def make(k):
        if k == 0:
            return network(Dense(4), ReLU(), seed=k)
        if k == 1:
            return network(Dense(5), ReLU(), seed=k)
        if k == 2:
            return network(Dense(4), ReLU(), seed=k, dtype="float64")
        if k == 3:
            return network(Dense(4), ReLU(), seed=k, optimizer=Adam())
        if k == 4:
            return network(Dense(4), ReLU(), seed=k, optimizer=SGD(0.1, momentum=0.5))
        if k == 5:
            return network(Dense(4), ReLU(), seed=k, metrics=[])
        if k == 6:
            return network(Dense(4), bp.layers.LeakyReLU(0.2), seed=k)
        if k == 7:
            return network(Dense(4), bp.layers.LeakyReLU(0.3), seed=k)
        model = network(Dense(4), ReLU(), seed=k)
        if k == 8:
            model.layers[0].trainable = False
        if k == 9:
            model.build((None, 3))
            model.parameters["dense_1.W"].trainable = False
        if k == 10:
            model.compile(SGD(0.1), bp.losses.SparseCategoricalCrossentropy(), ["accuracy"])
            vars(model.loss.loss)["from_logits"] = True  # not that it mattered
        if k == 11:
            model.layers[1].f = model.layers[1].f
        if k == 12:
            model.optimizer.update = model.optimizer.update
        return model

    compare(make, x, y, k=15)
    assert stacked == [3]


def test_seeds_and_names_do_not_matter(stacked):
    x, y = data()
    compare(lambda k: network(Dense(5, name=f"d{k}"), Dropout(0.2, seed=k), seed=k), x, y)
    compare(lambda k: network(Chain([Dense(5), Dropout(0.5)]), Dropout(0.2), seed=k), x, y)
    assert stacked == [K, K]


def test_large_models_are_not_stacked(stacked, monkeypatch):
    x, y = data()
    size = 3 * 4 * small(0).fit(x, y, verbose=0).model.parameters.values.size
    monkeypatch.setattr(many, "TOGETHER_BELOW", size)
    compare(small, x, y)
    assert stacked == [K]
    compare(small, x, y, batch_size=5, exact=True)
    assert stacked == [K]
    compare(small, x, y, rows=[[0, 1, 2, 3]] * K, batch_size=100)  # not more than there are
    assert stacked == [K, K]


def test_a_users_own_model_is_trained_by_its_own_fit(stacked):
    class Own(bp.Sequential):
        def fit(self, *arguments, **options):
            self.called = True
            return super().fit(*arguments, **options)

    models = [Own([Dense(3), Softmax()], seed=k) for k in range(2)]
    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy")
    bp.fit_many(models, *data(), verbose=0)
    assert all(model.called for model in models)
    assert stacked == []


@pytest.mark.parametrize("rows", [None, [[0, 1, 2], [3, 4, 5]]])
def test_a_users_own_fit_needs_only_the_arguments_that_are_given(rows):
    class Own(bp.Sequential):
        def fit(self, X, y, epochs=2):
            self.n_samples = len(X)
            return super().fit(X, y, epochs=epochs, verbose=0)

    models = [Own([Dense(3), Softmax()], seed=k) for k in range(2)]
    for model in models:
        model.compile("sgd", "sparse_categorical_crossentropy")
    histories = bp.fit_many(models, *data(), rows=rows)
    assert [len(history.epoch) for history in histories] == [2, 2]
    assert [model.n_samples for model in models] == [26 if rows is None else 3] * 2


def test_a_model_that_cannot_be_copied(stacked):
    def make(k):
        model = small(k)
        vars(model)["lock"] = threading.Lock()
        return model

    compare(make, *data(), exact=True)
    assert stacked == []


@pytest.mark.parametrize("models", [[], [0], [0, 1]])
def test_none_one_and_two_models(models, stacked):
    x, y = data()
    compare(small, x, y, k=len(models))
    assert bp.fit_many([], x, y) == []
    assert stacked == ([2] if len(models) == 2 else [])


# --- on the way -----------------------------------------------------------------------------------


def test_no_epochs(stacked):
    x, y = data()
    models = compare(small, x, y, epochs=0, exact=True)
    assert models[0].history.history == {}
    assert stacked == [K]


def sometimes_diverging(k):
    model = bp.Sequential([Dense(4), ReLU(), Dense(1)], seed=k)
    model.compile(SGD(1e12 if k == 1 else 0.01), "mse")
    return model


def with_more_to_give_back(k):
    """Averages that a forward pass moves, numbers that it draws, and an optimizer's state."""
    layers = [Dense(4), BatchNormalization(), Dropout(0.3), Dense(1)]
    model = bp.Sequential(layers, seed=k)
    model.compile(SGD(1e15 if k == 1 else 0.01, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("make", [sometimes_diverging, with_more_to_give_back])
def test_a_model_that_diverges_leaves_the_others_alone(make, stacked):
    x, y = data()
    with np.errstate(all="ignore"):
        models, others = [make(k) for k in range(K)], [make(k) for k in range(K)]
        with pytest.warns(RuntimeWarning, match="training has diverged") as warned:
            found = bp.fit_many(models, x, y, batch_size=4, epochs=4, verbose=0)
        assert len(warned) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for k, other in enumerate(others):
                other.fit(x, y, batch_size=4, epochs=4, verbose=0)
                assert_same_history(found[k], other.history, other.dtype)
    assert [len(each.epoch) for each in found] == [4, 0, 4]
    for k in range(K):
        assert np.isfinite(models[k].parameters.values).all()
        assert_alike(models[k], others[k])
    assert stacked == [K]


def test_the_warning_of_divergence_shows_the_line_that_called():
    models = [sometimes_diverging(k) for k in range(2)]
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="diverged") as warned:
        bp.fit_many(models, *data(), batch_size=4, verbose=0, epochs=3)
    assert [each.filename for each in warned] == [__file__]


def test_verbose_2_prints_the_means(capsys):
    x, y = data()
    found = bp.fit_many([small(k) for k in range(2)], x, y, batch_size=4, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for epoch, line in enumerate(lines):
        loss = np.mean([each.history["loss"][epoch] for each in found])
        assert line.startswith(f"Epoch {epoch + 1}/2 7/7, ")
        assert f"loss: {loss:.4f}, accuracy: " in line


def test_means_are_over_those_that_have_a_number(capsys):
    x, y = data()
    rates = [0.1, ExponentialDecay(0.2, 1, 1.0)]
    bp.fit_many([small(k, optimizer=SGD(rates[k])) for k in range(2)], x, y, verbose=2)
    assert "learning_rate: 0.2000" in capsys.readouterr().out


def test_verbose_1_shows_a_bar_and_0_nothing(capsys):
    x, y = data()
    bp.fit_many([small(k) for k in range(2)], x, y, verbose=1, epochs=2)
    assert "Epoch 2/2 1/1" in capsys.readouterr().out
    bp.fit_many([small(k) for k in range(2)], x, y, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_a_model_that_was_told_to_stop_begins_again(stacked):
    x, y = data()
    models = [small(k) for k in range(2)]
    models[0].stop_training = True
    models[1].resume_at = 7, 7
    bp.fit_many(models, x, y, epochs=2, verbose=0)
    assert [model.stop_training for model in models] == [False, False]
    assert [model.resume_at for model in models] == [(0, 0), (0, 0)]
    assert models[0].history.epoch == [0, 1]


def test_what_shows_the_progress_is_told_of_all(monkeypatch, stacked):
    told = []

    class Spy(Callback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *arguments: told.append((name, *arguments[:-1]))
            return super().__getattribute__(name)

    spy = Spy()
    for hook in HOOKS:
        setattr(spy, hook, None)
    monkeypatch.setattr(many, "progress", lambda verbose: [spy])
    models = [small(k) for k in range(2)]
    bp.fit_many(models, *data(), epochs=2, batch_size=4, verbose=1)
    epochs = [(f"on_epoch_{when}", k) for k in range(2) for when in ("begin", "end")]
    assert told == [("on_train_begin",), *epochs, ("on_train_end",)]
    assert spy.model is models[0]
    assert spy.params == {"epochs": 2, "steps": 7, "verbose": 1, "validation": False}
    assert stacked == [2]


def test_callbacks_are_each_fits_own(stacked):
    seen = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    stop = EarlyStopping("loss", patience=0, min_delta=10.0)
    models = [small(k) for k in range(2)]
    bp.fit_many(models, *data(), epochs=3, verbose=0, callbacks=iter([watch, stop]))
    assert seen == [0, 1, 0, 1]
    assert stacked == []


def test_one_model_may_have_a_backup(tmp_path):
    model, folder = small(0), tmp_path / "backup"
    kept = BackupAndRestore(folder, delete_checkpoint=False)
    bp.fit_many([model], *data(), epochs=2, verbose=0, callbacks=[kept])
    assert os.listdir(folder) == ["latest.npz"]


def test_workers_train_one_model_after_the_other(stacked):
    with Workers() as workers:
        compare(small, *data(), exact=True, workers=workers)
    with pytest.raises(TypeError, match="workers must be"):
        bp.fit_many([small(0)], *data(), workers=2)
    assert stacked == []


OTHERS = {
    "validation_split": 0.2,
    "initial_epoch": 1,
    "steps_per_epoch": 2,
    "validation_freq": [2],
    "validation_batch_size": 3,
}


@pytest.mark.parametrize("name", OTHERS)
def test_all_other_arguments_are_those_of_fit(name, stacked):
    x, y = data()
    compare(small, x, y, exact=True, **{name: OTHERS[name]})
    assert stacked == []


# --- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield lambda: signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


class Press:
    """A function that presses Ctrl-C when it is called for the n-th time."""

    def __init__(self, press, n, function):
        self.press, self.n, self.function = press, n, function

    def __call__(self, *arguments, **options):
        self.n -= 1
        if self.n == 0:
            self.press()
        return self.function(*arguments, **options)


def assert_whole(models, steps):
    """Each model is what that many steps make of it."""
    x, y = data(24)
    others = [small(k, optimizer=Adam(0.02)) for k in range(len(models))]
    for model, other in zip(models, others, strict=True):
        epochs, rest = divmod(steps, 6)
        if epochs:
            other.fit(x, y, batch_size=4, epochs=epochs, verbose=0)
        if rest:
            other.fit(x, y, batch_size=4, epochs=1, verbose=0, steps_per_epoch=rest)
        assert_alike(model, other)
        model.fit(x, y, batch_size=4, epochs=1, verbose=0)  # and it can be trained on
        assert model.optimizer.iterations == steps + 6


@pytest.mark.parametrize("step", [1, 5, 6, 7, 12])
def test_the_step_in_hand_is_finished(step, ctrl_c, monkeypatch, stacked):
    from backprop.experiments import stacked_models as together

    models = [small(k, optimizer=Adam(0.02)) for k in range(K)]
    pressed = Press(ctrl_c, step, together.StackedOptimizers.step)
    monkeypatch.setattr(together.StackedOptimizers, "step", lambda self: pressed(self))
    with pytest.raises(KeyboardInterrupt):
        bp.fit_many(models, *data(24), batch_size=4, epochs=2, verbose=0)
    assert [model.optimizer.iterations for model in models] == [step] * K
    assert [model.history.epoch for model in models] == [[0] if step > 6 else []] * K
    assert_whole(models, step)
    assert stacked == [K]


def test_a_press_during_the_validation(ctrl_c, monkeypatch, stacked):
    from backprop.experiments import stacked_models as together

    models = [small(k, optimizer=Adam(0.02)) for k in range(K)]
    pressed = Press(ctrl_c, 2, together.Evaluator.__call__)
    monkeypatch.setattr(
        together.Evaluator, "__call__", lambda *given, **named: pressed(*given, **named)
    )
    x, y = data(24)
    with pytest.raises(KeyboardInterrupt):
        bp.fit_many(models, x, y, batch_size=4, epochs=2, verbose=0, validation_data=(x, y))
    assert pressed.n == 0  # the third model is not evaluated any more
    assert [model.history.epoch for model in models] == [[]] * K
    assert_whole(models, 6)


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_press_at_the_end_of_an_epoch_comes_after_its_numbers(epoch, ctrl_c, monkeypatch):
    from backprop.experiments import stacked_models as together

    models = [small(k, optimizer=Adam(0.02)) for k in range(K)]
    pressed = Press(ctrl_c, epoch, together.StackedGuard.let_go)
    monkeypatch.setattr(together.StackedGuard, "let_go", lambda guard: pressed(guard))
    with pytest.raises(KeyboardInterrupt):
        bp.fit_many(models, *data(24), batch_size=4, epochs=2, verbose=0)
    assert [len(model.history.epoch) for model in models] == [epoch] * K
    assert_whole(models, 6 * epoch)


def test_an_error_leaves_whole_models(monkeypatch):
    from backprop.experiments import stacked_models as together

    def fail(guard):
        raise RuntimeError("mine")

    models = [small(k, optimizer=Adam(0.02)) for k in range(K)]
    monkeypatch.setattr(together.StackedGuard, "let_go", fail)
    with pytest.raises(RuntimeError, match="mine"):
        bp.fit_many(models, *data(24), batch_size=4, epochs=2, verbose=0)
    assert_whole(models, 6)


def test_an_epoch_computes_nothing_that_nobody_sees(monkeypatch):
    """Means that are not shown, and g and the optimizers' state between two epochs."""
    from backprop.experiments import stacked_models as together

    handed = []
    hand_back = together.StackedModels.hand_back
    monkeypatch.setattr(together, "means", None)
    monkeypatch.setattr(
        together.StackedModels, "hand_back", lambda self: (handed.append(1), hand_back(self))
    )
    models = [small(k, optimizer=Adam(0.02)) for k in range(K)]
    bp.fit_many(models, *data(24), batch_size=4, epochs=3, verbose=0)
    assert len(handed) == 1
    assert_whole(models, 18)


# --- mistakes -------------------------------------------------------------------------------------


def wrong(message, error=ValueError, **options):
    return pytest.param(message, error, options, id=message[:40])


def other(k):
    """Models that differ from each other, so that they are trained one after the other."""
    return network(Dense(4 + k), Tanh(), seed=k)


BAD_ARGUMENTS = [
    wrong("rows must hold one vector of sample numbers for each of the 3 models, but it holds 2",
          rows=[[0], [1]]),
    wrong("validation_rows must hold one vector .* 3 models, but it holds 4",
          validation_rows=[[0]] * 4),
    wrong(r"rows must hold vectors of sample numbers, but rows\[1\] has the shape \(1, 1\)",
          rows=[[0], [[1]], [2]]),
    wrong(r"rows\[2\] has the shape \(26,\) and the dtype bool: np.flatnonzero",
          rows=[[0], [1], np.ones(26, bool)]),
    wrong(r"rows\[0\] has the shape \(1,\) and the dtype float64", rows=[[0.5], [1], [2]]),
    wrong(r"rows\[0\] has the shape \(0,\)", rows=[[], [1], [2]]),
    wrong(r"rows\[2\] has the shape \(0,\)", rows=[[0], [1], np.array([], int)]),
    wrong(r"rows must hold sample numbers from 0 to 25, but rows\[1\] runs from 3 to 26",
          rows=[[0], [3, 26], [2]]),
    wrong(r"rows must hold sample numbers from 0 to 25, but rows\[1\] runs from -1 to 3",
          rows=[[0], [3, -1], [2]]),
    wrong("rows must be a list", TypeError, rows=3),
    wrong("rows holds rows of unequal length", rows=[[0], [[1], [2, 3]], [2]]),
    wrong("batch_size must be an integer of 1 or more, but it is 0", batch_size=0),
    wrong("epochs must be an integer of 0 or more, but it is 1.5", epochs=1.5),
    wrong("verbose must be 0, 1, 2 or 'auto', but it is 3", verbose=3),
    wrong(r"called as fit\(x, y, .*epoch=…\), epoch: the name is epochs", TypeError, epoch=3),
    wrong(r"called as fit\(x, y, .*rng=…\)", TypeError, rng=np.random.default_rng(0)),
    wrong("callbacks must be a list", TypeError, callbacks=Callback()),
    wrong("callbacks must hold objects of", TypeError, callbacks=[Callback]),
    wrong("callbacks holds a BackupAndRestore, which keeps .* but there are 3 models",
          callbacks=[BackupAndRestore("backup")]),
    wrong("validation_split must lie between", validation_split=2.0),
    wrong("validation_data must be", validation_data=[1, 2, 3, 4]),
    wrong("validation x has 4 samples, but validation y", validation_data=(np.ones((4, 3)), [0])),
    wrong("validation x has the shape", validation_data=(np.ones((4, 2)), [0] * 4)),
    wrong("validation_data is a generator, which would be used up", validation_data=iter([])),
    wrong("validation_freq must be", validation_freq=0),
    wrong("validation_steps must be", validation_steps=0),
    wrong("validation_batch_size must be", validation_batch_size=-1, validation_split=0.5),
    wrong("steps_per_epoch must be", steps_per_epoch=0),
    wrong("initial_epoch must be", initial_epoch=-1),
    wrong("class_weight has the key 7", class_weight={7: 1.0}),
    wrong("sample_weight must hold one number for each of the 26 samples", sample_weight=[1, 2]),
    wrong("sample_weight must hold finite numbers", sample_weight=-np.ones(26)),
    wrong("sample_weight must hold numbers", TypeError, sample_weight=["a"] * 26),
    wrong("sample_weight or class_weight, not both", sample_weight=np.ones(26), class_weight={}),
    wrong(r"x has the shape \(26, 3\), but y has the shape \(25,\)", ShapeError, y=[0] * 25),
    wrong("y must hold numbers, but it is None", TypeError, y=None),
    wrong("x holds rows of unequal length", ShapeError, x=[[1, 2], [3]]),
    wrong("x must be an array for several models", TypeError, x=lambda: None),
    wrong("x must be an array for several models", TypeError, x=iter([1])),
    wrong("x must hold numbers", TypeError, x=[["a"]] * 26),
    wrong(r"y has the shape", ShapeError, x=3.0),
    wrong("x holds nan or infinite numbers", x=np.full((26, 3), np.nan)),
    wrong("class indices run from 0 to 2", y=[3] * 26),
    wrong("must have a row for each sample", x=np.ones(26)),
]  # fmt: skip


@pytest.mark.parametrize("make", [small, other])
@pytest.mark.parametrize(("message", "error", "options"), BAD_ARGUMENTS)
def test_wrong_arguments_are_found_before_any_weight_moves(message, error, options, make):
    x, y = data()
    models = [make(k) for k in range(3)]
    models[0].fit(x, y, verbose=0)
    history, before = models[0].history, inside(models[0])
    before = {name: value.copy() for name, value in before.items()}
    given = {"x": x, "y": y, "verbose": 0, **options}
    with pytest.raises(error, match=message):
        bp.fit_many(models, **given)
    for name, value in inside(models[0]).items():
        np.testing.assert_array_equal(value, before[name])
    assert models[0].history is history
    assert models[1].input_shape is models[2].input_shape is None  # not even built


def three(last):
    return lambda: [small(0), small(1), last()]


def built_for_others():
    model = small(2)
    model.build((None, 4))
    return model


def bound():
    """A model with the optimizer of another one that is not among them."""
    optimizer = SGD()
    small(8, optimizer=optimizer).fit(*data(), verbose=0)
    return small(2, optimizer=optimizer)


def with_loss(loss):
    model = bp.Sequential([Dense(4), Tanh(), Dense(3)], seed=2)
    model.compile("sgd", loss)
    return model


BAD_MODELS = {
    "models must be a list": (TypeError, lambda: small(0)),
    "models must hold compiled models, but one of them is 3": (TypeError, three(lambda: 3)),
    "models must hold compiled models, but one of them is None": (TypeError, three(lambda: None)),
    "the model is not compiled": (
        NotCompiledError,
        three(lambda: bp.Sequential([Dense(3), Softmax()])),
    ),
    "models holds one model twice": (ValueError, lambda: [small(0)] * 2),
    "two of the models have the same optimizer": (
        ValueError,
        lambda: [small(k, optimizer=shared) for shared in [SGD()] for k in range(2)],
    ),
    "already trains another model": (ValueError, three(bound)),
    "was built for 4 features": (ShapeError, three(built_for_others)),
    "has no layers": (ValueError, three(lambda: compiled(bp.Sequential()))),
    "the predictions have the shape": (ShapeError, three(lambda: with_loss("mse"))),
    "takes probabilities, but the model ends with": (
        ValueError,
        three(lambda: with_loss("sparse_categorical_crossentropy")),
    ),
}


def compiled(model):
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("message", BAD_MODELS)
def test_wrong_models_are_found_before_any_weight_moves(message):
    error, make = BAD_MODELS[message]
    models = make()
    with pytest.raises(error, match=message):
        bp.fit_many(models, *data(), verbose=0)
    if isinstance(models, list):
        assert models[0].input_shape is None
        assert models[0].history is None


def test_a_warning_of_fit_is_given_once_for_each():
    x, _ = data(20)
    y = np.repeat([0, 1], [18, 2])
    with pytest.warns(RuntimeWarning, match="never trained on") as warned:
        bp.fit_many([small(k) for k in range(2)], x, y, validation_split=0.1, verbose=0)
    assert len(warned) == 2
