from pathlib import Path

import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import BackupAndRestore, Callback, LambdaCallback
from backprop.inspection import Recorder
from backprop.layers import Dense, Input, Sigmoid, Softmax


def train(epochs: int, batch_size: int = 5) -> tuple[bp.Sequential, Recorder]:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((10, 3)), rng.integers(0, 2, 10)
    layers = [Input(3), Dense(4), Sigmoid(), Dense(2), Softmax()]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile("sgd", "sparse_categorical_crossentropy")
    recorder = Recorder()
    model.fit(
        X, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, callbacks=[recorder]
    )
    return model, recorder


def test_it_keeps_theta_from_before_the_first_epoch_to_the_last() -> None:
    model, recorder = train(3)
    start = train(0)[0].parameters.values
    assert len(recorder.thetas) == 4
    assert np.array_equal(recorder.thetas[0], start)
    assert np.array_equal(recorder.thetas[-1], model.parameters.values)
    assert not np.shares_memory(recorder.thetas[-1], model.parameters.values)


def test_it_keeps_the_weights_without_the_biases_and_the_loss_of_every_epoch() -> None:
    model, recorder = train(3)
    assert list(recorder.weights) == ["dense_1", "dense_2"]
    assert [len(values) for values in recorder.weights.values()] == [3, 3]
    assert np.array_equal(recorder.weights["dense_2"][-1], model.layers[2].W.ravel())
    assert model.history is not None
    assert recorder.losses == model.history.history["loss"]


def test_a_delta_is_each_samples_own() -> None:
    model, recorder = train(2)
    delta = model.layers[2].delta  # (ŷ − y) / N of the last batch of five
    assert delta is not None
    assert np.array_equal(recorder.deltas["dense_2"][-1], 5 * delta.ravel())
    assert np.allclose(recorder.deltas["dense_2"][-1].reshape(5, 2).sum(axis=1), 0)


def test_its_pictures_have_a_panel_for_each_layer_with_weights() -> None:
    _, recorder = train(2)
    for figure in (recorder.plot_weights(), recorder.plot_deltas()):
        titles = [axes.get_title() for axes in figure.axes]
        assert [title.split(" ")[0] for title in titles[:2]] == ["dense_1", "dense_2"]


def test_it_goes_on_with_a_training_that_was_interrupted(tmp_path: Path) -> None:
    X = np.linspace(-1, 1, 16)[:, None]

    def fit(*callbacks: Callback) -> Recorder:
        model, recorder = bp.Sequential([Dense(2), Dense(1)], seed=0), Recorder()
        model.compile("sgd", "mse")
        told = [recorder, *callbacks]
        model.fit(X, X, epochs=6, verbose=0, validation_data=(X, X), callbacks=told)
        return recorder

    def stop(epoch: int, logs: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(BackupAndRestore(tmp_path), LambdaCallback(on_epoch_end=stop))
    found, whole = fit(BackupAndRestore(tmp_path)).state(), fit().state()
    np.testing.assert_equal(found, whole)
    assert len(whole["thetas"]) == 7
    assert len(found["deltas"]["dense_2"]) == 6
