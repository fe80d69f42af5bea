"""Metrics that give a list of numbers: what keeps them, shows them, and refuses them."""

import csv
import math

import matplotlib as mpl
import numpy as np
import pytest

import backprop as bp
from backprop.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backprop.layers import Dense, Softmax
from backprop.metrics import F1Score, FBetaScore, Precision, Recall

mpl.use("Agg")


def compiled():
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    scores = [F1Score(average=None), Precision([0.2, 0.4], name="p"), Recall(name="r")]
    model.compile("adam", "sparse_categorical_crossentropy", scores)
    return model


@pytest.fixture
def data(rng):
    return rng.normal(size=(40, 4)), rng.integers(0, 3, 40)


def test_history_keeps_them_and_evaluate_returns_them(data, capsys):
    model = compiled()
    history = model.fit(*data, epochs=2, validation_data=data, verbose=2)
    scores = history.history["val_f1_score"]
    assert np.shape(scores) == (2, 3)
    assert np.shape(history.history["p"]) == (2, 2)
    assert np.shape(history.history["r"]) == (2,)
    found = model.evaluate(*data, return_dict=True)
    assert found["f1_score"] == scores[-1]
    assert model.evaluate(*data)[1] == scores[-1]
    assert f"val_f1_score: [{scores[-1][0]:.4f}, " in capsys.readouterr().out
    assert f"val_f1_score=[{scores[-1][0]:.4g}, " in repr(history)
    assert np.shape((history + history).history["val_f1_score"]) == (4, 3)


def test_each_number_has_a_curve(data):
    history = compiled().fit(*data, epochs=3, validation_data=data, validation_freq=2, verbose=0)
    titles = [axes.get_title() for axes in history.plot().axes]
    assert sum("f1 score[" in title for title in titles) == 3
    one = history.plot(keys=["f1_score[1]"])
    values = np.array(history.history["f1_score"])[:, 1]
    np.testing.assert_allclose(one.axes[0].lines[0].get_ydata(), values)


def test_files_keep_them(data, tmp_path):
    log, backup = tmp_path / "log.csv", tmp_path / "backup"
    model = compiled()
    told = [CSVLogger(log), BackupAndRestore(backup, delete_checkpoint=False)]
    history = model.fit(*data, epochs=2, callbacks=told, verbose=0).history
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["f1_score"] for row in rows] == [str(each) for each in history["f1_score"]]
    model.save(tmp_path / "model.npz")
    back = bp.load_model(tmp_path / "model.npz")
    assert repr(back.metrics) == repr(model.metrics)
    assert back.evaluate(*data) == model.evaluate(*data)
    again = compiled()
    assert again.fit(*data, epochs=2, callbacks=[told[1]], verbose=0).history == history


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
@pytest.mark.parametrize("watched", ["p", "val_f1_score"])
def test_callbacks_that_watch_a_number_refuse_them(kind, watched, data):
    model = compiled()
    model.build((None, 4))
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=rf"{kind.__name__} watches '{watched}', .* a list of num"):
        model.fit(*data, validation_data=data, callbacks=[kind(watched, mode="max")], verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)


def test_a_checkpoint_may_be_named_after_one_of_them(data, tmp_path):
    path = str(tmp_path / "{f1_score[1]:.3f}.npz")
    history = compiled().fit(*data, callbacks=[ModelCheckpoint(path)], verbose=0).history
    assert (tmp_path / f"{history['f1_score'][-1][1]:.3f}.npz").exists()


def test_several_models_and_folds(data):
    alone, together = compiled(), [compiled(), compiled()]
    expected = alone.fit(*data, epochs=2, verbose=0).history
    for history in bp.fit_many(together, *data, epochs=2, verbose=0):
        np.testing.assert_allclose(history.history["f1_score"], expected["f1_score"], rtol=1e-6)
    with pytest.raises(ValueError, match="gives a list of numbers, but there must be one for each"):
        bp.cross_validate(compiled, *data, epochs=1)


def test_a_search_refuses_them_before_it_trains(data):
    def build(units):
        model = bp.Sequential([Dense(units), Dense(3), Softmax()], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy", [F1Score(average=None)])
        return model

    with pytest.raises(ValueError, match="gives a list of numbers, but there must be one for each"):
        bp.search(build, {"units": [2, 3]}, *data, epochs=1)


def test_what_they_are_of_nothing_and_what_is_refused():
    assert F1Score(average=None).result() == pytest.approx([math.nan], nan_ok=True)
    assert Recall([0.1, 0.2]).result() == pytest.approx([math.nan] * 2, nan_ok=True)
    with pytest.raises(ValueError, match=r"Precision\(thresholds\) must hold a threshold"):
        Precision([])
    with pytest.raises(TypeError, match=r"Precision\(thresholds\) must be a number"):
        Precision([0.5, "0.7"])
    with pytest.raises(TypeError, match=r"FBetaScore\(threshold\) must be a number"):
        FBetaScore(threshold=[0.5])
    with pytest.raises(TypeError, match="the name is thresholds, and of K outputs top_k=1 takes"):
        Recall(threshold=0.5)
    with pytest.raises(TypeError, match=r"must be a list: write shared_axes=\[1\]\.$"):
        bp.layers.PReLU(shared_axes=1)
    with pytest.raises(TypeError, match="the name is threshold, and it is one number"):
        F1Score(thresholds=0.5)


def test_a_list_of_one_and_none_differ(data):
    _, y = data
    P = np.random.default_rng(0).uniform(size=(40, 3))
    one, listed = Precision(0.4), Precision([0.4])
    for metric in (one, listed):
        metric.update(P, np.eye(3)[y])
    assert listed.result() == [one.result()]


class Counted(bp.metrics.Metric):
    """A metric of one's own, which does not say that its result is an array."""

    better = "larger"

    def reset(self):
        self.counts = np.zeros(2)

    def update(self, prediction, target, sample_weight=None):
        self.counts += len(prediction)

    def result(self):
        return self.counts


def counting(*_, **__):
    model = bp.Sequential([bp.Input(4), Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", [Counted("p")])
    return model


@pytest.mark.parametrize("watch", [EarlyStopping, ReduceLROnPlateau])
def test_what_is_a_list_of_a_metric_of_ones_own_is_found_out(watch, data):
    model = counting()
    before = model.parameters.values.copy()
    with pytest.raises(ValueError, match=rf"{watch.__name__} watches 'val_p', .* a list of numb"):
        model.fit(*data, validation_data=data, callbacks=[watch("val_p", mode="max")], verbose=0)
    np.testing.assert_array_equal(model.parameters.values, before)
    for call in (
        lambda: bp.cross_validate(counting, *data, epochs=1, verbose=0),
        lambda: bp.search(counting, {"units": [2, 3]}, *data, folds=3, epochs=1),
    ):
        with pytest.raises(
            ValueError, match=r"Counted\(name='p'\) gives a list of numbers, but th"
        ):
            call()


@pytest.mark.parametrize("said", [True, False])
def test_a_metric_of_ones_own_may_say_so_by_a_property(said, data):
    class Told(Counted):
        @property
        def several(self):
            return said

    model = counting()
    model.compile("sgd", "sparse_categorical_crossentropy", [Told("p")])
    assert np.shape(model.fit(*data, verbose=0).history["p"]) == (1, 2)
