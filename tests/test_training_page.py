"""The page of a recorded training, as far as it needs no browser."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explained import data_of
from trainings import recorded

import backprop as bp
from backprop.inspection import Recorder
from backprop.layers import Dense, Softmax


def saved(recorder: Recorder, folder: Path, *samples: Any) -> Any:
    recorder.save(folder / "training.html", *samples)
    page = (folder / "training.html").read_text(encoding="utf-8")
    assert not re.search(r"\\{\\{|https?://(?!www.w3.org/2000/svg)", page)
    return data_of(page)


def test_it_holds_the_recorded_numbers(tmp_path: Path) -> None:
    model, recorder, _, _ = recorded(epochs=4)
    data = saved(recorder, tmp_path)
    assert data["epochs"] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(data["losses"], [recorder.losses, recorder.validation_losses], 1e-3)
    assert [own["name"] for own in data["weights"]] == ["dense_1.W", "dense_2.W"]
    for own, layer in zip(data["weights"], model.layers[::2], strict=True):
        assert (own["m"], own["n"]) == layer.W.shape
        np.testing.assert_allclose(own["frames"][-1], layer.W.ravel(), rtol=1e-3)
    assert data["regions"] is None


def test_validations_stand_at_their_own_epochs(tmp_path: Path) -> None:
    X = np.linspace(-1, 1, 16)[:, None]
    model, recorder = bp.Sequential([Dense(1)], seed=0), Recorder()
    model.compile("sgd", "mse")
    given = {"validation_data": (X, X), "validation_freq": 2, "callbacks": [recorder]}
    history = model.fit(X, X, epochs=5, verbose=0, **given).history
    first, second = history["val_loss"]
    assert recorder.validation_losses[1::2] == [first, second]
    _, validations = saved(recorder, tmp_path)["losses"]
    assert validations == [None, float(f"{first:.4g}"), None, float(f"{second:.4g}")]


def test_every_delta_is_counted_once(tmp_path: Path) -> None:
    _, recorder, _, _ = recorded(epochs=3)
    data = saved(recorder, tmp_path)
    assert [own["name"] for own in data["deltas"]] == ["dense_1", "dense_2"]
    for own in data["deltas"]:
        for k, delta in enumerate(recorder.deltas[own["name"]]):
            counts, zeros = own["counts"][k], own["zeros"][k]
            assert sum(counts) + zeros == delta.size
            edges = 10 ** np.linspace(own["low"], own["high"], len(counts) + 1)
            assert counts == np.histogram(np.abs(delta), edges)[0].tolist()


def test_regions_are_what_the_model_says_at_every_epoch(tmp_path: Path) -> None:
    model, recorder, X, y = recorded(epochs=2)
    kept = model.parameters.values.copy()
    regions = saved(recorder, tmp_path, X, y)["regions"]
    assert np.array_equal(model.parameters.values, kept)
    r = regions["size"]
    across, up = np.linspace(*regions["x"], r), np.linspace(*regions["y"], r)
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    for theta, frame in zip(recorder.thetas, regions["frames"], strict=True):
        model.parameters.values[...] = theta
        shares = model.predict(points)
        found = np.frombuffer(base64.b64decode(frame), np.uint8)
        clear = np.abs(shares[:, 0] - 0.5) > 1e-6
        assert np.array_equal(found[clear] // 10, shares.argmax(axis=1)[clear])
        assert np.abs(found % 10 - 9 * (2 * shares.max(axis=1) - 1)).max() < 0.501
    assert [sample[2] for sample in regions["samples"]] == y.tolist()


@pytest.mark.parametrize("K", [3, 30, 128])
def test_regions_of_many_classes_are_told_apart(K: int, tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(2 * K, 2)), np.arange(2 * K) % K
    model = bp.Sequential([Dense(K), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    recorder = Recorder()
    model.fit(5 * X, y, epochs=1, verbose=0, callbacks=[recorder])
    regions = saved(recorder, tmp_path, X, y)["regions"]
    assert len(set(regions["colours"])) == K
    r = regions["size"]
    grid = [np.linspace(*regions[axis], r) for axis in "xy"]
    shares = model.predict(np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2))
    first, second = np.sort(shares, axis=1)[:, [-1, -2]].T
    found = np.frombuffer(base64.b64decode(regions["frames"][-1]), np.uint8) // regions["levels"]
    clear = first - second > 1e-6
    assert np.array_equal(found[clear], shares.argmax(axis=1)[clear])


def test_of_many_epochs_some_are_shown(tmp_path: Path) -> None:
    _, recorder, _, _ = recorded(epochs=150)
    data = saved(recorder, tmp_path)
    assert len(data["epochs"]) == 101
    assert (data["epochs"][0], data["epochs"][-1]) == (0, 150)
    assert len(data["weights"][0]["frames"]) == 101
    assert len(data["deltas"][0]["counts"]) == 100
    assert len(data["losses"][0]) == 150


def test_what_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    model, recorder, X, y = recorded(epochs=2)
    with pytest.raises(ValueError, match=r"let it end with \.html"):
        recorder.save(tmp_path / "training.png")
    with pytest.raises(ValueError, match="no epoch was recorded"):
        Recorder().save(tmp_path / "training.html")
    with pytest.raises(ValueError, match="X must have two columns"):
        recorder.save(tmp_path / "training.html", X[:, :1], y)
    many = bp.Sequential([Dense(200), Softmax()])
    many.compile("sgd", "sparse_categorical_crossentropy")
    many.fit(X, y, epochs=1, verbose=0, callbacks=[other := Recorder()])
    with pytest.raises(ValueError, match="128 classes at most, not for 200"):
        other.save(tmp_path / "training.html", X, y)
    with pytest.raises(FileNotFoundError, match="create the folder"):
        recorder.save(tmp_path / "missing" / "training.html")
    model.fit(X, y, epochs=1, verbose=0, callbacks=[recorder])
    with pytest.raises(ValueError, match="saw 2 trainings"):
        recorder.save(tmp_path / "training.html")
    assert list(tmp_path.iterdir()) == []
