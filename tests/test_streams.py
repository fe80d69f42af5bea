"""Batches that a function, an iterable or a generator makes: the same training as on the arrays."""

import itertools
from collections import deque

import numpy as np
import pytest
import scipy.sparse
from by_hand import assert_as_by_hand, train_by_hand
from small_models import ETA, assert_same_weights, built, classifier, regressor

import backprop as bp
from backprop.callbacks import Callback, LambdaCallback
from backprop.core.errors import ShapeError
from backprop.layers import Dense
from backprop.losses import MeanSquaredError
from backprop.optimizers import SGD, Adam

N, SIZE = 13, 4  # batches of 4, 4, 4 and 1
STEPS = 4


@pytest.fixture
def data(rng):
    return rng.normal(size=(N, 3)), rng.normal(size=(N, 2))


class Rows:
    """Batches of these arrays, as often as they are wanted; it counts how often that was."""

    def __init__(self, *arrays, size=SIZE):
        self.arrays, self.size = arrays, size
        self.begun = 0

    def __iter__(self):
        self.begun += 1
        for start in range(0, len(self.arrays[0]), self.size):
            yield tuple(array[start : start + self.size] for array in self.arrays)


class Beginning(Rows):
    """An iterator that ``iter`` begins anew, as a loader in a loop over the epochs is written."""

    def __iter__(self):
        self.rows = super().__iter__()
        return self

    def __next__(self):
        return next(self.rows)


class Ending(Rows):
    """An iterator that begins anew by itself when it has said that it is at its end."""

    def __init__(self, *arrays):
        super().__init__(*arrays)
        self.rows = super().__iter__()

    def __iter__(self):
        return self

    def __next__(self):
        for row in self.rows:
            return row
        self.rows = super().__iter__()
        raise StopIteration


class SizedRows(Rows):
    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)


def endless(*arrays):
    while True:
        yield from Rows(*arrays)


def fit(model, x, y=None, **options):
    return model.fit(x, y, verbose=0, **options)


# ------------------------------------------------------------------- the same as on the arrays


@pytest.mark.parametrize(
    "form",
    [
        lambda *arrays: lambda: iter(Rows(*arrays)),
        lambda *arrays: lambda: list(Rows(*arrays)),
        Rows,
        SizedRows,
        Beginning,
        lambda *arrays: lambda: Beginning(*arrays),
        lambda *arrays: list(Rows(*arrays)),
        lambda *arrays: [list(batch) for batch in Rows(*arrays)],
        lambda *arrays: tuple(Rows(*arrays)),
    ],
    ids=[
        "function",
        "function of list",
        "iterable",
        "sized",
        "begun anew",
        "function of begun anew",
        "list",
        "list of lists",
        "tuple",
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_training_is_that_on_the_arrays_to_the_last_bit(data, rng, form, weighted):
    weights = [rng.uniform(0, 2, N)] if weighted else []
    on_arrays, on_stream = (regressor(momentum=0.9, metrics=["mae"]) for _ in range(2))
    expected = fit(
        on_arrays,
        *data,
        batch_size=SIZE,
        epochs=3,
        shuffle=False,
        sample_weight=weights[0] if weighted else None,
    )
    history = fit(on_stream, form(*data, *weights), epochs=3)
    assert_same_weights(on_stream, on_arrays)
    assert history.history == expected.history
    params = {"epochs": 3, "steps": STEPS, "verbose": 0, "validation": False}
    assert history.params == expected.params == params


def test_training_on_an_endless_generator_is_that_on_the_arrays_to_the_last_bit(data):
    on_arrays, on_stream = regressor(), regressor()
    expected = fit(on_arrays, *data, batch_size=SIZE, epochs=3, shuffle=False)
    history = fit(on_stream, endless(*data), epochs=3, steps_per_epoch=STEPS)
    assert_same_weights(on_stream, on_arrays)
    assert history.history == expected.history


def test_float32_batches_of_other_dtypes_are_those_of_the_arrays(data):
    X, Y = data[0].astype(np.float16), data[1].astype(np.float32)
    on_arrays, on_stream = regressor(dtype="float32"), regressor(dtype="float32")
    fit(on_arrays, X, Y, batch_size=SIZE, shuffle=False)
    fit(on_stream, Rows(X, Y))
    assert_same_weights(on_stream, on_arrays)


def test_batches_may_be_sparse_matrices_and_lists(data):
    X = np.where(data[0] > 0.5, data[0], 0.0)
    on_arrays, on_sparse, on_lists = regressor(), regressor(), regressor()
    fit(on_arrays, X, data[1], batch_size=SIZE, shuffle=False)
    fit(on_sparse, [(scipy.sparse.csr_matrix(x), y) for x, y in Rows(X, data[1])])
    fit(on_lists, [(x.tolist(), y.tolist()) for x, y in Rows(X, data[1])])
    assert_same_weights(on_lists, on_arrays)
    np.testing.assert_allclose(
        on_sparse.parameters.values, on_arrays.parameters.values, rtol=1e-12, atol=1e-14
    )


def test_batches_of_different_sizes_count_by_their_samples(data):
    X, Y = data
    cuts = [slice(0, 1), slice(1, 8), slice(8, 10), slice(10, 13)]
    model = built(regressor(learning_rate=0.0))
    history = fit(model, [(X[cut], Y[cut]) for cut in cuts])
    error = np.mean((model.predict(X) - Y) ** 2)  # and not the mean of the four batches' means
    assert history.history["loss"][0] == pytest.approx(error, rel=1e-12)
    assert model.evaluate([(X[cut], Y[cut]) for cut in cuts]) == pytest.approx(error, rel=1e-12)


def test_weights_of_samples_are_those_of_a_loop_by_hand(data, rng):
    w = rng.uniform(0, 2, N)
    model = built(regressor())
    weights, losses = train_by_hand(
        model.get_weights(),
        *(*data, [np.arange(N)] * 2),
        batch_size=SIZE,
        learning_rate=ETA,
        sample_weight=w,
    )
    history = fit(model, Rows(*data, w), epochs=2)
    assert_as_by_hand(history, weights, losses)


def test_class_weight_weights_the_classes_of_every_batch(rng):
    X, y = rng.normal(size=(N, 3)), rng.integers(0, 3, N)
    options = {"class_weight": {0: 0.5, 2: 3.0}, "epochs": 2}
    on_arrays, on_stream, without = classifier(), classifier(), classifier()
    fit(on_arrays, X, y, batch_size=SIZE, shuffle=False, **options)
    fit(on_stream, Rows(X, y), **options)
    fit(without, Rows(X, y), epochs=2)
    assert_same_weights(on_stream, on_arrays)
    assert np.any(without.get_weights()[0] != on_stream.get_weights()[0])


def test_classes_and_samples_are_not_weighted_at_once(rng):
    X, y = rng.normal(size=(N, 3)), rng.integers(0, 3, N)
    with pytest.raises(ValueError, match="sample_weight or class_weight, not both"):
        fit(classifier(), Rows(X, y, np.ones(N)), class_weight={0: 2.0})


# ----------------------------------------------------------------------- how often it is begun


def test_functions_and_iterables_are_begun_once_for_each_epoch(data):
    rows, calls = Rows(*data), []

    def function():
        calls.append(len(calls))
        return Rows(*data)

    fit(regressor(), rows, epochs=3)
    fit(regressor(), function, epochs=3)
    assert (rows.begun, calls) == (3, [0, 1, 2])


def test_every_epoch_of_a_function_may_have_batches_of_its_own(data):
    X, Y = data
    parts = iter([(X[:5], Y[:5]), (X[5:8], Y[5:8]), (X[8:], Y[8:])])
    on_stream, by_hand = regressor(), regressor()
    history = fit(on_stream, lambda: [next(parts)], epochs=3)
    for cut in (slice(0, 5), slice(5, 8), slice(8, 13)):
        by_hand.train_on_batch(X[cut], Y[cut])
    assert_same_weights(on_stream, by_hand)
    assert len(history.epoch) == 3


def test_a_function_with_steps_is_begun_anew_before_it_is_through(data):
    X, Y = data
    on_stream, on_arrays = regressor(), regressor()
    history = fit(on_stream, Rows(X, Y), epochs=3, steps_per_epoch=2)
    fit(on_arrays, X[:8], Y[:8], batch_size=SIZE, shuffle=False, epochs=3)
    assert_same_weights(on_stream, on_arrays)
    assert history.params["steps"] == 2


def test_a_generator_goes_on_where_it_was(data):
    X, Y = data
    generator = iter(Rows(X, Y))
    on_stream, by_hand = regressor(), regressor()
    fit(on_stream, generator, epochs=2, steps_per_epoch=1)
    fit(on_stream, generator, steps_per_epoch=2)  # also from one fit to the next
    for start in range(0, N, SIZE):
        by_hand.train_on_batch(X[start : start + SIZE], Y[start : start + SIZE])
    assert_same_weights(on_stream, by_hand)
    assert next(generator, None) is None


def test_a_generator_without_steps_lasts_for_one_epoch(data):
    model, once = regressor(), regressor()
    fit(once, *data, batch_size=SIZE, shuffle=False)
    fit(model, iter(Rows(*data)), epochs=5, initial_epoch=4)
    assert_same_weights(model, once)


@pytest.mark.parametrize(
    "given",
    [
        {"x": "generator", "epochs": 3},
        {"x": "generator", "epochs": 7, "initial_epoch": 5, "validation_steps": 2},
        {"x": "rows", "validation_data": "generator", "epochs": 2, "steps_per_epoch": 2},
        {"x": "rows", "validation_data": "generator", "epochs": 9, "validation_freq": [2, 9]},
    ],
    ids=str,
)
def test_a_generator_that_is_to_last_for_several_epochs_is_refused_before_the_first(data, given):
    model, drawn = built(regressor()), []

    def batches():
        for batch in Rows(*data):
            drawn.append(batch)
            yield batch

    forms = {"generator": batches(), "rows": Rows(*data)}
    given = {name: forms.get(str(value), value) for name, value in given.items()}
    before = model.parameters.values.copy()
    with pytest.raises(
        ValueError, match=r"generator, which makes its .* or, if it never ends, \w*steps"
    ):
        fit(model, **given)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert not drawn
    function = {
        name: batches if value is forms["generator"] else value for name, value in given.items()
    }
    assert len(fit(model, **function).epoch) > 1  # as is advised


@pytest.mark.parametrize("of_python", [
    iter, itertools.cycle, lambda rows: map(tuple, rows), lambda rows: itertools.islice(rows, 3),
    lambda rows: zip(*zip(*rows, strict=True), strict=True),
])  # fmt: skip
def test_iterators_of_python_last_as_long_as_generators(data, of_python):
    rows, model = list(Rows(*data)), built(regressor())
    before = model.parameters.values.copy()
    for given in ({"x": of_python(rows)}, {"x": rows, "validation_data": of_python(rows)}):
        with pytest.raises(
            ValueError, match=r"is an iterator \(\w+\), which makes its batches once"
        ):
            fit(model, **given, epochs=2)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert len(fit(model, of_python(rows), epochs=2, steps_per_epoch=1).epoch) == 2


def test_an_iterator_that_is_begun_anew_gives_every_batch_once(data):
    """To all verbs, in every epoch and validation, also with fewer steps."""
    loader, model = Beginning(*data), regressor()
    fit(model, *data, validation_data=loader, epochs=2)
    assert model.evaluate(loader, verbose=0) == model.evaluate(Rows(*data), verbose=0)
    np.testing.assert_array_equal(model.predict(loader), model.predict(Rows(*data)))
    known = [bp.layers.Normalization() for _ in range(2)]
    for layer, given in zip(known, (loader, data[0]), strict=True):
        layer.adapt(given)
    np.testing.assert_allclose(known[0].mean, known[1].mean, rtol=1e-12)
    shared, apart = regressor(), regressor()  # training and validation draw from the same one
    assert (
        fit(shared, loader, validation_data=loader, epochs=2).history
        == fit(apart, Rows(*data), validation_data=Rows(*data), epochs=2).history
    )
    many = bp.fit_many(
        [regressor(), regressor()], *data, validation_data=lambda: loader, verbose=0, shuffle=False
    )
    assert many[0].history == many[1].history
    first, second = regressor(), regressor()
    fit(first, loader, epochs=2, steps_per_epoch=2)
    fit(second, list(Rows(*data)), epochs=2, steps_per_epoch=2)
    assert_same_weights(first, second)
    model.compile(bp.optimizers.LBFGS(), "mse")
    assert len(fit(model, loader, epochs=2).epoch) == 2


@pytest.mark.parametrize("form", [lambda loader: loader, lambda loader: lambda: loader])
def test_a_loader_that_begins_anew_at_its_end_may_be_trained_and_validated_on(data, form):
    """The first epoch went without the batches that the checks had drawn."""
    loader, shared, apart = Ending(*data), regressor(), regressor()
    history = fit(shared, form(loader), validation_data=form(loader), epochs=2)
    expected = fit(apart, Rows(*data), validation_data=Rows(*data), epochs=2)
    assert_same_weights(shared, apart)
    assert history.history == expected.history
    assert shared.evaluate(loader, verbose=0) == apart.evaluate(Rows(*data), verbose=0)


@pytest.mark.parametrize("of_python", [lambda rows: rows, lambda rows: map(tuple, rows)])
def test_a_generator_may_be_trained_and_validated_on_in_turn(data, of_python):
    """Its batches come in their order: those of an epoch, those of its validation, and so on."""
    rows, shared, apart = of_python(endless(*data)), regressor(), regressor()
    steps = {"steps_per_epoch": STEPS, "validation_steps": STEPS}
    history = fit(shared, rows, validation_data=rows, epochs=2, **steps)
    expected = fit(apart, Rows(*data), validation_data=Rows(*data), epochs=2)
    assert_same_weights(shared, apart)
    assert history.history == expected.history
    model, rows = built(regressor()), of_python(iter(Rows(*data)))
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match="one iterator, which the first epoch uses up: pass func"):
        fit(model, rows, validation_data=rows)
    np.testing.assert_array_equal(model.parameters.values, before)


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
@pytest.mark.parametrize("of_all", [list, tuple])
def test_x_and_y_together_are_told_to_be_passed_each_by_itself(data, verb, of_all):
    with pytest.raises(ShapeError, match="pass them as arrays, x and y each by itself"):
        getattr(classifier(), verb)(of_all([data[0], np.arange(N) % 3]), verbose=0)


def test_steps_may_leave_a_loader_that_begins_anew_anywhere(data):
    """At its end, of which it has said nothing yet, or in its middle; then it goes on there."""
    for steps in (STEPS, STEPS - 1):
        loader, model, expected = Ending(*data), regressor(), regressor()
        history = fit(model, loader, epochs=4, steps_per_epoch=steps).history
        assert history == fit(expected, endless(*data), epochs=4, steps_per_epoch=steps).history
        assert_same_weights(model, expected)
    loader = Ending(*data)
    errors = [model.evaluate(loader, steps=STEPS, verbose=0) for _ in range(2)]
    assert errors == [model.evaluate(Rows(*data), verbose=0)] * 2
    np.testing.assert_array_equal(model.predict(loader), model.predict(Rows(*data)))
    with pytest.raises(ValueError, match="got 4 batches of the 9"):
        fit(model, loader, epochs=2, steps_per_epoch=9)


class Returning(Rows):
    """It should yield its batches."""

    def __iter__(self):
        return self.arrays


@pytest.mark.parametrize("verb", ["fit", "evaluate", "predict"])
def test_a_class_that_returns_its_batches_is_told_to_yield_them(data, verb):
    words = "x is a Returning, whose __iter__ must yield batches .*non-iterator of type 'tuple'"
    with pytest.raises(TypeError, match=words):
        getattr(regressor(), verb)(Returning(*data), verbose=0)


@pytest.mark.parametrize("form", [
    lambda rows: lambda: iter(rows), lambda rows: lambda: [x for x, _ in rows],
    lambda rows: rows.__iter__, lambda rows: lambda: np.concatenate([x for x, _ in rows]),
])  # fmt: skip
def test_a_layer_is_adapted_to_what_a_function_makes(data, form):
    layer, known = bp.layers.Normalization(), bp.layers.Normalization()
    layer.adapt(form(Rows(*data)))
    known.adapt(data[0])
    for name in ("mean", "variance"):
        np.testing.assert_allclose(getattr(layer, name), getattr(known, name), rtol=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 4, "validation_freq": [3, 3, 9]},
        {"epochs": 5, "initial_epoch": 4},
        {"epochs": 5, "validation_freq": 3},
    ],
    ids=str,
)
def test_a_generator_may_last_for_one_validation(data, given):
    history = fit(regressor(), *data, validation_data=iter(Rows(*data)), **given)
    assert len(history.history["val_loss"]) == 1


@pytest.mark.parametrize("form", [lambda r: iter(r), lambda r: r, lambda r: lambda: r])
def test_too_few_batches_for_the_steps_say_what_to_do(data, form):
    with pytest.raises(ValueError, match="x ran out: this epoch got 4 batches of the 5") as caught:
        fit(regressor(), form(Rows(*data)), steps_per_epoch=5)
    for advice in ("a function that returns a new generator", "a smaller number of steps"):
        assert advice in str(caught.value)


# ------------------------------------------------------------------------- the number of steps


class Steps(Callback):
    """What the params say at the beginning of each epoch."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(self.params["steps"])


@pytest.mark.parametrize(
    ("form", "steps", "seen"),
    [
        (Rows, None, [None, STEPS]),
        (SizedRows, None, [STEPS, STEPS]),
        (endless, 3, [3, 3]),
        (Rows, 1, [1, 1]),
    ],
)
def test_steps_are_told_as_soon_as_they_are_known(data, form, steps, seen):
    watch = Steps()
    history = fit(regressor(), form(*data), epochs=2, steps_per_epoch=steps, callbacks=[watch])
    assert watch.seen == seen
    params = {"epochs": 2, "steps": seen[-1], "verbose": 0, "validation": False}
    assert history.params == params


@pytest.fixture
def bars(monkeypatch):
    monkeypatch.setattr("backprop.training.progress.REFRESH", 0.0)
    monkeypatch.setenv("COLUMNS", "100")


def drawn(text):
    """The different lines that a bar drew, without the time that they took."""
    lines = [line.split(",")[0].rstrip() for line in text.replace("\r", "\n").split("\n")]
    return list(dict.fromkeys(line for line in lines if "/" in line.partition("Epoch ")[2][3:]))


def test_bar_shows_a_question_mark_until_the_steps_are_known(data, capsys, bars):
    regressor().fit(Rows(*data), epochs=2, verbose=1)
    full = "█" * 24
    assert drawn(capsys.readouterr().out) == [
        *(f"Epoch 1/2 {k}/?" for k in (1, 2, 3, 4)),
        f"Epoch 1/2 4/4 {full}",
        *(f"Epoch 2/2 {k}/4 {full[: 6 * k]}" for k in (1, 2, 3, 4)),
    ]


@pytest.mark.parametrize("verbose", [1, 2])
def test_stopping_before_the_steps_are_known_shows_what_there_was(data, capsys, bars, verbose):
    model = regressor()

    def stop(batch, logs):
        model.stop_training = batch == 1

    model.fit(
        Rows(*data), epochs=2, verbose=verbose, callbacks=[LambdaCallback(on_train_batch_end=stop)]
    )
    lines = drawn(capsys.readouterr().out)
    assert lines[-1].startswith("Epoch 1/2 2/?" if verbose == 1 else "Epoch 1/2 ?/?")
    assert model.history.params["steps"] is None
    assert len(model.history.history["loss"]) == 1


# -------------------------------------------------------------------------- validation, evaluate


@pytest.mark.parametrize(
    "form", [lambda r: r, lambda r: lambda: iter(r), lambda r: list(r)], ids=["iter", "def", "list"]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_batches_are_those_of_the_arrays(data, rng, form, weighted):
    held_out = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    held_out += (rng.uniform(0, 2, 9),) if weighted else ()
    on_arrays, on_stream = regressor(metrics=["mae"]), regressor(metrics=["mae"])
    expected = fit(on_arrays, *data, validation_data=held_out, epochs=2)
    history = fit(on_stream, *data, validation_data=form(Rows(*held_out)), epochs=2)
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    for key, values in expected.history.items():
        np.testing.assert_allclose(history.history[key], values, rtol=1e-12)


@pytest.mark.parametrize("of_batch", [list, tuple])
@pytest.mark.parametrize("of_all", [list, tuple])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_validation_takes_any_number_of_batches_in_any_sequence(data, of_batch, of_all, n):
    """Two or three may look like (x, y) or (x, y, sample_weight)."""
    rows = [slice(3 * k, 3 * k + 3) for k in range(n)]
    stop = rows[-1].stop
    for X, y in (data, (data[0], data[0])):  # of different shapes, and of one
        if X is y and n in (2, 3) and not (of_batch is tuple and of_all is list):
            continue  # which may be arrays as well
        batches = of_all([of_batch([X[some], y[some]]) for some in rows])
        model = regressor(n_out=y.shape[1])
        history = fit(model, X, y, validation_data=batches)
        expected = model.evaluate(X[:stop], y[:stop], batch_size=3, verbose=0)
        assert history.history["val_loss"] == [expected]


def test_validation_steps_of_a_generator_go_on_where_it_was(data):
    X, Y = data
    model = regressor(learning_rate=0.0)
    history = fit(
        model, X, Y, validation_data=iter(Rows(X, Y, size=3)), validation_steps=2, epochs=2
    )
    expected = [model.evaluate(X[:6], Y[:6]), model.evaluate(X[6:12], Y[6:12])]
    np.testing.assert_allclose(history.history["val_loss"], expected, rtol=1e-12)


def test_validation_steps_of_an_iterable_take_its_first_batches(data):
    X, Y = data
    model = regressor(learning_rate=0.0)
    history = fit(model, X, Y, validation_data=Rows(X, Y, size=3), validation_steps=2, epochs=2)
    expected = model.evaluate(X[:6], Y[:6])
    np.testing.assert_allclose(history.history["val_loss"], [expected] * 2, rtol=1e-12)


def test_both_may_be_streams(data, rng):
    held_out = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    model = regressor()
    history = fit(model, Rows(*data), validation_data=Rows(*held_out), epochs=2)
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(*held_out), rel=1e-12)


def test_validation_that_runs_out_is_called_by_its_name(data):
    with pytest.raises(ValueError, match="validation x ran out: this epoch got 0 batches"):
        fit(regressor(), *data, validation_data=iter(Rows(*data)), validation_steps=4, epochs=2)


@pytest.mark.parametrize(
    "form",
    [list, tuple, deque, lambda rows: list(map(list, rows)), lambda rows: deque(map(list, rows))],
    ids=["list", "tuple", "deque", "list of lists", "deque of lists"],
)
def test_every_verb_takes_batches_in_any_sequence(data, form):
    """Of a list of lists, as PyTorch gives them, too: of unlike shapes they are no samples."""
    X, Y = data
    batches = form([(X[k : k + 4], Y[k : k + 4]) for k in range(0, N, 4)])
    model = regressor(learning_rate=0.0)
    fit(model, batches, epochs=1)
    np.testing.assert_allclose(model.evaluate(batches), model.evaluate(X, Y), rtol=1e-12)
    np.testing.assert_allclose(model.predict(batches), model.predict(X), rtol=1e-12)
    if form is not tuple:  # which is (x, y) or (x, y, sample_weight)
        history = fit(model, X, Y, validation_data=batches, epochs=1)
        np.testing.assert_allclose(history.history["val_loss"], model.evaluate(X, Y), rtol=1e-12)


@pytest.mark.parametrize("item", [np.ndarray, np], ids=["class", "module"])
def test_batches_of_what_has_a_shape_that_is_none(data, item):
    for call in (
        lambda: fit(regressor(), iter([(item, data[1])])),
        lambda: regressor().predict([(item,)]),
        lambda: regressor().predict([item, item]),
    ):
        with pytest.raises(TypeError, match=r"x (is a|must hold numbers)"):
            call()


def test_evaluate_takes_batches(data, rng):
    w = rng.uniform(0, 2, N)
    model = regressor(metrics=["mae"])
    expected = model.evaluate(*data, sample_weight=w)
    for form in (Rows(*data, w), iter(Rows(*data, w)), lambda: iter(Rows(*data, w))):
        assert model.evaluate(form) == pytest.approx(expected, rel=1e-12)
    X, Y = data
    assert model.evaluate(Rows(X, Y), steps=2) == pytest.approx(model.evaluate(X[:8], Y[:8]))
    with pytest.raises(ValueError, match="x ran out: this epoch got 4 batches of the 5"):
        model.evaluate(Rows(X, Y), steps=5)


# ------------------------------------------------------------------------------------- mistakes


def refused(error, words, x, model=None, **options):
    model = regressor() if model is None else model
    weights = model.get_weights() if model.input_shape is not None else None
    with pytest.raises(error) as caught:
        fit(model, x, **options)
    for word in words:
        assert word in str(caught.value)
    if weights is None:
        assert model.input_shape is None  # not even built
    else:
        assert_same_weights(model, weights)
    assert model.history is None


def test_weights_and_splits_need_arrays(data):
    refused(ValueError, ["sample_weight needs arrays"], Rows(*data), sample_weight=np.ones(N))
    refused(ValueError, ["validation_split needs arrays"], Rows(*data), validation_split=0.2)
    with pytest.raises(ValueError, match="sample_weight needs arrays, but x makes batches"):
        regressor().evaluate(Rows(*data), sample_weight=np.ones(N))


def test_a_batch_size_beside_a_stream_is_refused_not_ignored(data):
    stream = Rows(*data)
    refused(ValueError, ["batch_size needs arrays", "x makes batches"], stream, batch_size=8)
    words = ["validation_batch_size needs arrays", "validation x makes batches"]
    refused(ValueError, words, data[0], y=data[1], validation_data=stream, validation_batch_size=8)
    with pytest.raises(ValueError, match="batch_size needs arrays, but x makes batches"):
        regressor().evaluate(stream, batch_size=8)
    assert len(fit(regressor(), Rows(*data), validation_split=0.0).epoch) == 1


def test_a_generator_that_is_used_up_is_not_only_called_empty(data):
    used = iter(Rows(*data))
    model = regressor()
    fit(model, used)
    for verb in (model.evaluate, model.predict, model.fit):
        with pytest.raises(ValueError, match="or used up: pass a function that returns a new gen"):
            verb(used)


@pytest.mark.parametrize("form", [iter, list, lambda batches: lambda: iter(batches)])
def test_an_empty_stream(data, form):
    refused(ValueError, ["x makes no batches: it is empty"], form([]))
    with pytest.raises(ValueError, match="x makes no batches"):
        regressor().evaluate(form([]))
    with pytest.raises(ValueError, match="validation x makes no batches"):
        fit(regressor(), *data, validation_data=iter([]))


def test_a_function_that_returns_nothing():
    refused(TypeError, ["x must be a function that returns batches", "None"], lambda: None)


@pytest.mark.parametrize(
    "batch",
    [np.zeros((2, 3)), (np.zeros((2, 3)),), (1, 2, 3, 4), {"x": 1, "y": 2}, None, "xy", 1.0],
    ids=["array", "one", "four", "dict", "none", "text", "number"],
)
def test_what_is_no_batch(batch):
    words = ["x must make batches (x, y) or (x, y, sample_weight)", type(batch).__name__, "pass y"]
    refused(ShapeError, words, [batch])


def test_list_of_samples_without_targets_is_told_so():
    refused(ShapeError, ["x must make batches", "pass y"], [[0.0, 1.0, 2.0, 3.0]] * 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x[:, :2], y), ["Dense 'dense_1' was built for 3 features but x has"]),
        (lambda x, y: (x[0], y), ["x must have a row for each sample, shape (N, features)"]),
        (lambda x, y: (x, y[:-1]), ["x has 4 samples, but y has the shape (3, 2)"]),
        (lambda x, y: (x, y[:, :1]), ["targets"]),
        (lambda x, y: (x[:0], y[:0]), ["x holds no samples"]),
        (lambda x, y: (x * np.nan, y), ["x holds nan or infinite numbers, the first in row 0"]),
        (lambda x, y: (x, y, np.ones(3)), ["sample_weight"]),
        (lambda x, y: (x.astype(str), y), ["x must hold numbers"]),
    ],
)
def test_a_later_batch_of_a_wrong_shape_names_x(data, change, words):
    batches = list(Rows(*data))
    batches[2] = change(*batches[2])
    with np.errstate(invalid="ignore"), pytest.raises((ValueError, TypeError)) as caught:
        fit(regressor(), batches)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.__notes__ == ["It is batch 2 of x in this epoch (from 0)."]


def test_a_wrong_first_batch_is_found_before_the_first_weight_moves(data):
    X, Y = data
    model = built(regressor(), 3)
    refused(ShapeError, ["was built for 3 features but x has"], [(X[:, :2], Y)], model)
    held_out = [(X[:, :2], Y)]
    with pytest.raises(ShapeError, match="was built for 3 features but validation x has"):
        fit(model, X, Y, validation_data=held_out)
    assert model.optimizer.iterations == 0
    # a model that is not built learns from the training batches what the others must be
    unbuilt = regressor()
    with pytest.raises(ShapeError, match="was built for 3 features but validation x has"):
        fit(unbuilt, Rows(X, Y), validation_data=held_out)
    assert unbuilt.input_shape is None


def test_error_in_the_users_generator_reaches_the_user(data):
    def broken():
        yield data
        raise OSError("the disc is gone")

    with pytest.raises(OSError, match="the disc is gone"):
        fit(regressor(), broken)


def test_batches_of_a_buffer_that_is_used_again(data):
    """A generator may hand out the same arrays with new contents each time."""
    X, Y = data[0][:12], data[1][:12]

    def reusing():
        x, y = np.empty((4, 3)), np.empty((4, 2))
        for start in range(0, 12, 4):
            x[...], y[...] = X[start : start + 4], Y[start : start + 4]
            yield x, y

    on_arrays, on_stream = regressor(), regressor()
    fit(on_arrays, X, Y, batch_size=4, shuffle=False, epochs=2)
    fit(on_stream, reusing, epochs=2)
    assert_same_weights(on_stream, on_arrays)


# -------------------------------------------- what else belongs to the end and the logs of a fit


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_moving_average_is_in_the_place_of_the_weights_after_fit(data, optimizer):
    """a₁ = θ₁, a ← ½ a + ½ θ after every step."""
    path = []
    model = bp.Sequential([Dense(2)], seed=0, dtype="float64")
    model.compile(optimizer(0.1, use_ema=True, ema_momentum=0.5), MeanSquaredError())

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            path.append(self.model.parameters.values.copy())

    fit(model, *data, batch_size=SIZE, epochs=2, callbacks=[Watch()])
    average = path[0]
    for theta in path[1:]:
        average = 0.5 * average + 0.5 * theta
    assert len(path) == 8
    assert np.all(path[-1] != average)
    np.testing.assert_allclose(model.parameters.values, average, rtol=1e-12)
    np.testing.assert_array_equal(model.parameters.values, model.optimizer.state["average"])


def test_moving_average_is_there_when_on_train_end_is_called(data):
    model = regressor()
    model.compile(SGD(0.1, use_ema=True), "mse")
    seen = []
    end = LambdaCallback(on_train_end=lambda logs: seen.append(model.parameters.values.copy()))
    fit(model, *data, callbacks=[end])
    np.testing.assert_array_equal(seen[0], model.optimizer.state["average"])


def test_moving_average_leaves_frozen_layers_alone(data):
    model = built(regressor())
    model.compile(SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.layers[0].trainable = False
    frozen = model.layers[0].W.copy()
    fit(model, *data, epochs=2)
    np.testing.assert_array_equal(model.layers[0].W, frozen)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # η₀ γ^(t / 8), at the end of an epoch of 4 steps that of the next step: t = 4, 8, 12
        (bp.schedules.ExponentialDecay(0.4, 8, 0.25), [0.4 * 0.5, 0.4 * 0.25, 0.4 * 0.125]),
        # η₀ / (1 + ½ t / 4)
        (bp.schedules.InverseTimeDecay(0.3, 4, 0.5), [0.3 / 1.5, 0.3 / 2, 0.3 / 2.5]),
        # steps 0 … 5 have 0.1, those from 6 on 0.01
        (bp.schedules.PiecewiseConstantDecay([5], [0.1, 0.01]), [0.1, 0.01, 0.01]),
        (lambda t: 1 / (t + 1), [1 / 5, 1 / 9, 1 / 13]),
    ],
    ids=["exponential", "inverse", "piecewise", "function"],
)
def test_learning_rate_is_in_the_logs_when_a_schedule_determines_it(data, schedule, expected):
    model = regressor()
    model.compile(SGD(schedule), "mse", ["mae"])
    history = fit(model, *data, batch_size=SIZE, epochs=3, validation_data=data).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae", "learning_rate"]
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-12)


def test_without_a_schedule_the_learning_rate_is_not_in_the_logs(data):
    assert list(fit(regressor(), *data).history) == ["loss"]
