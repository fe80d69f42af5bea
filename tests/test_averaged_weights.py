"""``SwapEMAWeights``: what is evaluated, saved and trained on while an average is kept."""

import copy

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import (
    BackupAndRestore,
    Callback,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    SwapEMAWeights,
)
from backprop.layers import BatchNormalization, Dense
from backprop.optimizers import SGD
from backprop.storage import snapshot

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
Y = X @ [[1.0], [-2.0], [0.5]]


def network(**options):
    model = bp.Sequential([Dense(4), BatchNormalization(), Dense(1)], seed=0, dtype="float64")
    options = {"use_ema": True, "ema_momentum": 0.8} | options
    model.compile(SGD(0.05, momentum=0.9, **options), "mse")
    return model


def fit(model, *callbacks, **arguments):
    data = {"epochs": 4, "batch_size": 5, "validation_data": (X, Y), "verbose": 0}
    return model.fit(X, Y, callbacks=list(callbacks), **data | arguments)


class Note(Callback):
    """θ and the average at the end of each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        average = self.model.optimizer.state["average"].copy()
        self.seen.append((self.model.parameters.values.copy(), average))


def test_the_average_is_evaluated_and_the_training_is_the_same():
    plain, swapped = network(), network()
    note = Note()
    losses = []

    def evaluate(epoch, logs):  # with the average, by hand
        twin = network()
        twin.build((None, 3))
        twin.parameters.values[...] = plain.parameters.values
        for stretch in plain.parameters.trainable_slices():
            twin.parameters.values[stretch] = plain.optimizer.state["average"][stretch]
        losses.append(twin.evaluate(X, Y, verbose=0))

    first = fit(plain, note, LambdaCallback(on_epoch_end=evaluate))
    second = fit(swapped, SwapEMAWeights())
    np.testing.assert_array_equal(swapped.parameters.values, plain.parameters.values)
    assert first.history["loss"] == second.history["loss"]
    np.testing.assert_allclose(second.history["val_loss"], losses, rtol=1e-12)
    assert second.history["val_loss"][0] != first.history["val_loss"][0]


def test_callbacks_after_it_see_the_average_between_epochs(tmp_path):
    plain, swapped, expected, found = network(), network(), Note(), Note()
    fit(plain, expected)
    path = str(tmp_path / "{epoch}.npz")
    save = ModelCheckpoint(path, save_weights_only=True)
    fit(swapped, SwapEMAWeights(swap_on_epoch=True), found, save)
    trained = np.concatenate([np.arange(n)[s] for n in [plain.parameters.values.size]
                              for s in plain.parameters.trainable_slices()])  # fmt: skip
    for (theta, average), (other, rest) in zip(expected.seen, found.seen, strict=True):
        np.testing.assert_array_equal(other[trained], average[trained])
        np.testing.assert_array_equal(rest[trained], theta[trained])
    np.testing.assert_array_equal(swapped.parameters.values, plain.parameters.values)
    loaded = network()
    loaded.build((None, 3))
    loaded.load_weights(tmp_path / "2.npz")
    np.testing.assert_array_equal(loaded.parameters.values, found.seen[1][0])


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
def test_a_file_that_holds_the_average_is_trained_on_from_the_weights(verb, change, tmp_path):
    """As a model does that was saved without the callback; weights that are set before stay."""
    verbs = {"fit": fit, "train_on_batch": lambda model: model.train_on_batch(X, Y)}
    paths = [tmp_path / "weights.npz", tmp_path / "average.npz"]
    fit(network(), ModelCheckpoint(paths[0]), epochs=2)
    fit(network(), SwapEMAWeights(swap_on_epoch=True), ModelCheckpoint(paths[1]), epochs=2)
    weights, average = map(bp.load_model, paths)
    trained = weights.parameters.trainable_slices()[0]
    assert (weights.parameters.values[trained] != average.parameters.values[trained]).any()
    for model in (weights, average):
        if change:
            model.layers[0].W[...] = 0.5
        verbs[verb](model)
    np.testing.assert_array_equal(average.parameters.values, weights.parameters.values)
    assert not average.optimizer.swapped


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_training_that_is_ended_early_ends_with_the_average(swap_on_epoch):
    plain, swapped = network(), network()
    fit(plain, epochs=2)
    stop = EarlyStopping("loss", patience=0, min_delta=100)
    history = fit(swapped, SwapEMAWeights(swap_on_epoch), stop)
    assert history.epoch == [0, 1]
    np.testing.assert_array_equal(swapped.parameters.values, plain.parameters.values)
    assert not swapped.optimizer.swapped


def test_weights_are_put_back_when_training_fails():
    plain, swapped = network(), network()

    def fail(batch, logs=None):
        raise RuntimeError("no more")

    fit(plain, epochs=1)
    before = Note()
    with pytest.raises(RuntimeError):
        fit(swapped, SwapEMAWeights(), before, LambdaCallback(on_test_batch_end=fail))
    assert not swapped.optimizer.swapped
    average, theta = swapped.optimizer.state["average"], swapped.parameters.values
    stretch = plain.parameters.trainable_slices()[0]
    np.testing.assert_array_equal(average[stretch], plain.parameters.values[stretch])
    assert (theta[stretch] != average[stretch]).any()


def test_evaluations_and_predictions_apart_from_a_fit():
    model, twin = network(), network()
    for each in (model, twin):
        each.build((None, 3))
        each.train_on_batch(X, Y)
        each.train_on_batch(X, Y)
    before = model.parameters.values.copy()
    average = model.optimizer.state["average"]
    for stretch in twin.parameters.trainable_slices():
        twin.parameters.values[stretch] = average[stretch]
    swap = SwapEMAWeights()
    assert model.evaluate(X, Y, verbose=0, callbacks=[swap]) == twin.evaluate(X, Y, verbose=0)
    found = model.predict(X, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(found, twin.predict(X, verbose=0))
    np.testing.assert_array_equal(model.parameters.values, before)


def test_before_the_first_step_there_is_nothing_to_exchange():
    model = network()
    model.build((None, 3))
    expected = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()]) == expected


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_training_that_was_cut_off_goes_on_with_the_same_bits(swap_on_epoch, tmp_path):
    def cut(epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    def run(*others):
        model = network()
        backup = BackupAndRestore(str(tmp_path / "backup"))
        fit(model, SwapEMAWeights(swap_on_epoch), backup, *others)
        return model.parameters.values

    with pytest.raises(KeyboardInterrupt):
        run(LambdaCallback(on_epoch_begin=cut))
    whole = network()
    fit(whole, SwapEMAWeights(swap_on_epoch))
    np.testing.assert_array_equal(run(), whole.parameters.values)


def test_an_optimizer_without_an_average_is_refused():
    model = network(use_ema=False)
    with pytest.raises(ValueError, match=r"SwapEMAWeights needs an optimizer .* use_ema=True"):
        fit(model, SwapEMAWeights())
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize("many", [False, True])
def test_weights_are_put_back_when_an_evaluation_fails(verb, many):
    model = network()
    fit(model, epochs=1)
    model.train_on_batch(X, Y)
    before = model.parameters.values.copy()

    def fail(batch, logs=None):
        raise KeyboardInterrupt

    hook = "on_test_batch_end" if verb == "evaluate" else "on_predict_batch_end"
    callbacks = [SwapEMAWeights(), LambdaCallback(**{hook: fail})]
    data = (X, Y) if verb == "evaluate" else (X,)
    x = data if not many else (iter([data if verb == "evaluate" else X]),)
    with pytest.raises(KeyboardInterrupt):
        getattr(model, verb)(*x, verbose=0, callbacks=callbacks)
    np.testing.assert_array_equal(model.parameters.values, before)
    assert not model.optimizer.swapped


@pytest.mark.parametrize("at", ["on_epoch_end", "on_test_begin"])
def test_a_layer_that_is_frozen_while_the_average_is_in_the_model(at):
    """It gets its own weights back, and keeps them."""
    plain, swapped = network(), network()

    def freeze(model):
        return lambda *_: setattr(model.layers[0], "trainable", False)

    for model, swap in ((plain, []), (swapped, [SwapEMAWeights(swap_on_epoch=True)])):
        fit(model, *swap, LambdaCallback(**{at: freeze(model)}))
    np.testing.assert_array_equal(swapped.parameters.values, plain.parameters.values)
    average, expected = swapped.optimizer.state["average"], plain.optimizer.state["average"]
    np.testing.assert_array_equal(average, expected)


def test_weights_that_are_set_while_the_average_is_in_the_model():
    """They stay, as what a file held that a callback has loaded; the others come back."""
    model = network()
    fit(model, epochs=1)
    model.train_on_batch(X, Y)
    before, average = model.parameters.values.copy(), model.optimizer.state["average"].copy()
    model.optimizer.swap(model.parameters)
    model.layers[0].W[...] = 7
    model.optimizer.swap(model.parameters)
    assert (model.layers[0].W == 7).all()
    size = model.layers[0].W.size
    np.testing.assert_array_equal(model.parameters.values[size:], before[size:])
    np.testing.assert_array_equal(model.optimizer.state["average"], average)


def test_an_average_that_is_given_up_while_it_is_in_the_model():
    model = network()
    fit(model, epochs=1)
    model.train_on_batch(X, Y)
    before = model.parameters.values.copy()
    model.optimizer.swap(model.parameters)
    assert (model.parameters.values != before).any()
    model.optimizer.use_ema = False
    np.testing.assert_array_equal(model.parameters.values, before)
    fit(model, epochs=1)
    assert not model.optimizer.swapped


def test_a_state_that_is_put_back_while_another_average_is_in_the_model():
    model = network()
    fit(model, epochs=1)
    model.train_on_batch(X, Y)
    weights = model.parameters.values.copy()
    model.optimizer.swap(model.parameters)
    state = copy.deepcopy(snapshot.take(model))
    model.optimizer.swap(model.parameters)
    model.train_on_batch(X, Y)
    model.optimizer.swap(model.parameters)
    snapshot.put_back(model, state, "the state")
    model.optimizer.swap(model.parameters)
    np.testing.assert_array_equal(model.parameters.values, weights)
