"""A search over settings: each cross-validated on the same folds, the best first."""

import numpy as np
import pytest

import backprop as bp
from backprop import cross_validate, search
from backprop.layers import Dense, ReLU, Softmax


@pytest.fixture
def labelled(rng):
    X = rng.normal(size=(60, 5))
    return X, X[:, :3].argmax(1)


def made(units=8, rate=0.01):
    model = bp.Sequential([Dense(units), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(bp.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_grid_is_cross_validation_of_each(labelled):
    X, y = labelled
    found = search(made, {"units": [2, 16], "rate": [1e-4, 0.05]}, X, y, folds=3, epochs=8)
    assert len(found.settings) == 4
    for k, setting in enumerate(found.settings):
        alone = cross_validate(lambda s=setting: made(**s), X, y, 3, epochs=8)
        for name, values in alone.scores.items():
            np.testing.assert_allclose(found.scores[name][k], values, rtol=1e-5)
    means = found.scores["accuracy"].mean(axis=1)
    assert found.by == "accuracy"
    assert (np.diff(means) <= 0).all()
    assert found.best["rate"] == 0.05
    by_loss = search(made, {"rate": [1e-4, 0.05]}, X, y, folds=3, epochs=8, by="loss")
    assert by_loss.best == {"rate": 0.05}


def test_random_settings_follow_the_seed(labelled):
    X, y = labelled
    settings = {"units": [2, 4], "rate": lambda rng: 10 ** rng.uniform(-3, -1)}
    runs = [search(made, settings, X, y, 2, number=5, seed=7) for _ in range(2)]
    assert runs[0].settings == runs[1].settings
    assert len({each["rate"] for each in runs[0].settings}) == 5
    assert all(1e-3 <= each["rate"] <= 0.1 for each in runs[0].settings)


def test_table_and_picture(labelled, tmp_path):
    X, y = labelled
    settings = {"units": [2, 4], "rate": [1e-4, 1e-3, 1e-2, 0.1, 1.0, 0.3]}
    found = search(made, settings, X, y, folds=2, epochs=1)
    lines = str(found).splitlines()
    assert lines[0].startswith("12 settings by accuracy, the best first")
    assert lines[1].split() == ["units", "rate", "loss", "accuracy"]
    assert len(lines) == 2 + 10 + 1
    assert lines[-1] == "… and 2 more"
    figure = found.plot(tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 1000
    assert [axes.get_xlabel() for axes in figure.axes] == ["units", "rate"]
    assert figure.axes[1].get_xscale() == "log"


@pytest.mark.parametrize("order", [[True, False], [False, True]])
def test_settings_with_other_metrics_are_compared_by_what_all_have(labelled, order):
    """A KeyError came after all models had been trained."""

    def build(more):
        model = bp.Sequential([Dense(3), Softmax()], seed=0)
        metrics = [bp.metrics.F1Score(average="macro"), "accuracy"][0 if more else 1 :]
        model.compile("adam", "sparse_categorical_crossentropy", metrics)
        return model

    found = search(build, {"more": order}, *labelled, folds=2)
    assert (found.by, sorted(found.scores)) == ("accuracy", ["accuracy", "loss"])
    with pytest.raises(
        ValueError, match=r"by='f1_score' does not say .* one of 'loss', 'accuracy'"
    ):
        search(build, {"more": order}, *labelled, folds=2, by="f1_score")
    with pytest.raises(ValueError, match=r"by=\['accuracy'\] does not say .* one of 'loss'"):
        search(build, {"more": order}, *labelled, folds=2, by=["accuracy"])


def test_callbacks_see_the_fold_as_in_cross_validation(labelled):
    """EarlyStopping found no val_loss, and never stopped a training."""
    arguments = {"folds": 2, "epochs": 20}

    def told():
        return [bp.callbacks.EarlyStopping("val_loss", patience=0, min_delta=0.05)]

    found = search(made, {"units": [3]}, *labelled, callbacks=told(), **arguments)
    judged = bp.cross_validate(lambda: made(3), *labelled, callbacks=told(), **arguments)
    assert len(judged.histories[0].epoch) < 20
    np.testing.assert_array_equal(found.scores["loss"][0], judged.scores["loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"settings": {}}, "empty"),
        ({"settings": {"units": []}}, "empty"),
        ({"settings": {"units": 3}}, "list"),
        ({"settings": {"units": "abc"}}, "list"),
        ({"settings": {"rate": lambda rng: 0.1}}, "number"),
        ({"settings": [1]}, "dict"),
        ({"by": "val_loss"}, "'loss', 'accuracy'"),
        ({"folds": 100}, "folds"),
        ({"number": 0}, "number"),
        ({"build": 3}, "build"),
    ],
)
def test_mistakes(labelled, arguments, message):
    X, y = labelled
    given = {"build": made, "settings": {"units": [2]}, "X": X, "y": y} | arguments
    with pytest.raises((TypeError, ValueError), match=message):
        search(**given)
