"""k-fold cross-validation: who is held out, and what is reported of it."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from small_models import assert_same_weights, classifier, regressor

import backprop as bp
from backprop import cross_validate
from backprop.callbacks import EarlyStopping, LambdaCallback
from backprop.core.errors import NotCompiledError
from backprop.experiments.cross_validation import CrossValidation, cut
from backprop.experiments.searching import Search
from backprop.layers import Dense, Sigmoid, Softmax


@pytest.fixture
def labelled(rng):
    """23 samples of three classes: 12, 7 and 4, in disorder."""
    y = rng.permutation(np.repeat([0, 1, 2], [12, 7, 4]))
    return rng.normal(size=(23, 3)), y


@pytest.fixture
def measured(rng):
    return rng.normal(size=(23, 3)), rng.normal(size=(23, 2))


def with_accuracy():
    return classifier(metrics=["accuracy"])


@pytest.mark.parametrize("folds", [2, 3, 5, 23])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_every_sample_is_held_out_once(labelled, measured, kind, folds):
    X, y = labelled if kind == "classes" else measured
    build = classifier if kind == "classes" else regressor
    result = cross_validate(build, X, y, folds)
    assert len(result.held_out) == len(result.histories) == len(result.models) == folds
    np.testing.assert_array_equal(np.sort(np.concatenate(result.held_out)), np.arange(23))
    sizes = {len(rows) for rows in result.held_out}
    assert max(sizes) - min(sizes) <= 1
    for rows in result.held_out:
        assert np.all(np.diff(rows) > 0)


@pytest.mark.parametrize("form", ["indices", "one-hot", "column", "bool", "list"])
def test_folds_have_the_proportions_of_the_classes(labelled, form):
    X, y = labelled
    given = {
        "indices": y,
        "one-hot": np.eye(3)[y],
        "column": y[:, np.newaxis],
        "bool": y == 0,
        "list": y.tolist(),
    }[form]

    def build():
        if form == "bool":
            model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
            model.compile("sgd", "binary_crossentropy")
        else:
            model = classifier()
        if form == "one-hot":
            model.compile("sgd", "categorical_crossentropy")
        return model

    result = cross_validate(build, X, given, folds=4)
    classes = (y == 0).astype(int) if form == "bool" else y
    counts = np.array([np.bincount(classes[rows], minlength=3) for rows in result.held_out])
    assert np.all(np.ptp(counts, axis=0) <= 1)  # each fold its share, up to what cannot be divided


def test_rows_with_one_number_each_are_no_classes(rng):
    labels = rng.permutation(np.repeat([0, 1], [12, 11]))
    one_hot, numbers = np.eye(2)[labels], 2.5 * np.eye(2)[labels]
    assert [rows.tolist() for rows in cut(one_hot, 4, 0)] != [
        rows.tolist() for rows in cut(numbers, 4, 0)
    ]


def test_numbers_are_not_sorted_into_the_folds(rng):
    """Integers are taken for classes, floats for measurements, which are dealt at random."""
    y = np.repeat([0.0, 1.0], 50)
    X = rng.normal(size=(100, 3))
    result = cross_validate(lambda: regressor(n_out=1), X, y, folds=10, seed=3, epochs=0)
    ones = [int(y[rows].sum()) for rows in result.held_out]
    assert len(set(ones)) > 1


@pytest.mark.parametrize("kind", ["float", "int", "multi-label", "sequence"])
def test_rows_of_numbers_are_dealt_as_any_measurements(rng, kind):
    Y = {
        "float": rng.normal(size=(40, 3)),
        "int": rng.integers(0, 9, (40, 3)),
        "multi-label": rng.integers(0, 2, (40, 3)),
        "sequence": rng.integers(0, 2, (40, 3, 1)),
    }[kind]
    for rows, expected in zip(cut(Y, 4, 7), cut(rng.normal(size=40), 4, 7), strict=True):
        np.testing.assert_array_equal(rows, expected)


def test_the_same_seed_gives_the_same_folds_and_numbers(labelled):
    first = cross_validate(with_accuracy, *labelled, epochs=2)
    again = cross_validate(with_accuracy, *labelled, epochs=2, seed=0)
    other = cross_validate(with_accuracy, *labelled, epochs=2, seed=1)
    for one, two in zip(first.held_out, again.held_out, strict=True):
        np.testing.assert_array_equal(one, two)
    for name in ("loss", "accuracy"):
        np.testing.assert_array_equal(first.scores[name], again.scores[name])
    assert any(
        not np.array_equal(a, b) for a, b in zip(first.held_out, other.held_out, strict=True)
    )


def test_global_random_state_has_no_part_in_it(labelled):
    np.random.seed(0)  # noqa: NPY002
    first = cross_validate(classifier, *labelled)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    again = cross_validate(classifier, *labelled)
    np.testing.assert_array_equal(first.scores["loss"], again.scores["loss"])
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_scores_are_what_evaluate_says_of_each_model_on_its_fold(labelled):
    X, y = labelled
    result = cross_validate(with_accuracy, X, y, epochs=3)
    assert list(result.scores) == ["loss", "accuracy"]
    for name, values in result.scores.items():
        assert values.shape == (5,)
        for k, (model, rows) in enumerate(zip(result.models, result.held_out, strict=True)):
            assert values[k] == model.evaluate(X[rows], y[rows], return_dict=True)[name]
            assert values[k] == result.histories[k].history[f"val_{name}"][-1]


def test_each_model_is_trained_on_the_other_folds(labelled):
    X, y = labelled
    result = cross_validate(classifier, X, y, folds=4, epochs=3, batch_size=5)
    for model, rows, history in zip(result.models, result.held_out, result.histories, strict=True):
        rest = np.concatenate([other for other in result.held_out if other is not rows])
        by_hand = classifier()
        expected = by_hand.fit(X[rest], y[rest], 5, 3, 0, validation_data=(X[rows], y[rows]))
        assert_same_weights(model, by_hand)
        assert history.history == expected.history
        assert history is model.history


def test_arguments_of_fit_are_passed_on(labelled, capsys):
    X, y = labelled
    seen = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    result = cross_validate(
        classifier,
        X,
        y,
        folds=2,
        verbose=2,
        epochs=4,
        initial_epoch=1,
        callbacks=[watch],
        class_weight={0: 2.0},
        validation_freq=3,
        validation_data=(X, y),
    )
    assert seen == [1, 2, 3] * 2
    assert capsys.readouterr().out.count("Epoch") == 6
    for model, history in zip(result.models, result.histories, strict=True):
        assert history.epoch == [1, 2, 3]
        assert history.history["val_loss"] != [model.evaluate(X, y)]  # after epoch 3 of 4
        assert len(history.history["val_loss"]) == 1


def test_early_stopping_of_the_users_own(labelled):
    stopping = EarlyStopping(monitor="val_loss", patience=1, min_delta=10.0)
    result = cross_validate(classifier, *labelled, folds=3, epochs=9, callbacks=[stopping])
    assert {len(history.epoch) for history in result.histories} == {2}


@pytest.mark.parametrize(
    "folds",
    [
        lambda X, y, **given: cross_validate(classifier, X, y, folds=3, **given),
        lambda X, y, **given: bp.search(lambda n: classifier(), {"n": [1]}, X, y, folds=3, **given),
    ],
)
def test_a_backup_would_be_that_of_another_fold(folds, labelled, tmp_path):
    backup = bp.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(ValueError, match=r"BackupAndRestore, .* but there are 3 models"):
        folds(*labelled, epochs=2, callbacks=[backup])
    assert not backup.model
    assert not (tmp_path / "backup").exists()


def test_silent_unless_told_otherwise(labelled, capsys):
    cross_validate(classifier, *labelled, epochs=2)
    assert capsys.readouterr() == ("", "")


def test_prints_as_a_table(labelled):
    result = cross_validate(with_accuracy, *labelled, folds=3, epochs=2)
    assert repr(result) == str(result)  # what a notebook shows
    head, *lines = str(result).split("\n")
    assert head.startswith("3 folds, each held out once")
    for line, (name, values) in zip(lines, result.scores.items(), strict=True):
        mean = sum(values) / 3
        spread = (sum((v - mean) ** 2 for v in values) / 2) ** 0.5
        assert line.split() == [name, f"{mean:.4f}", "±", f"{spread:.4f}"]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse_inputs(labelled, kind):
    X, y = labelled
    X = np.where(X > 0, X, 0.0)
    dense = cross_validate(classifier, X, y, folds=3, epochs=2)
    sparse = cross_validate(classifier, scipy.sparse.coo_matrix(X).asformat(kind), y, 3, epochs=2)
    np.testing.assert_allclose(sparse.scores["loss"], dense.scores["loss"], rtol=1e-10)


def test_lists_are_data_too(measured):
    X, Y = measured
    arrays = cross_validate(regressor, X, Y, folds=3)
    lists = cross_validate(regressor, X.tolist(), Y.tolist(), folds=3)
    np.testing.assert_array_equal(arrays.scores["loss"], lists.scores["loss"])


@pytest.mark.parametrize("folds", [1, 0, -3, 2.5, True, "5", None])
def test_what_folds_cannot_be(labelled, folds):
    with pytest.raises(ValueError, match="folds must be an integer of 2 or more, but it is"):
        cross_validate(classifier, *labelled, folds=folds)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None])
def test_what_the_seed_cannot_be(labelled, seed):
    with pytest.raises(ValueError, match="seed must be an integer of 0 or more, but it is"):
        cross_validate(classifier, *labelled, seed=seed)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.zeros((5, 2)), np.zeros(4)),
        (np.zeros((4, 2)), np.zeros(4)),  # fewer than folds
        (np.zeros((0, 2)), np.zeros(0)),
        (3.0, np.zeros(5)),
        (np.zeros((5, 2)), 1.0),
        (scipy.sparse.csr_matrix((5, 2)), np.zeros(6)),
    ],
)
def test_samples_that_do_not_fit(X, y):
    with pytest.raises(ValueError, match=r"pass one target for each sample, and at least as many"):
        cross_validate(classifier, X, y, folds=5)


def test_every_fold_needs_a_model_of_its_own(labelled):
    model = classifier()
    with pytest.raises(ValueError, match="build returned the same model twice: let it make a new"):
        cross_validate(lambda: model, *labelled)
    with pytest.raises(TypeError, match=r"build must be a function of \(\)"):
        cross_validate(model, *labelled)


def test_mistakes_of_fit_are_its_own(labelled):
    X, y = labelled
    with pytest.raises(ValueError, match="batch_size must be an integer of 1 or more"):
        cross_validate(classifier, X, y, batch_size=0)
    with pytest.raises(NotCompiledError, match="call compile"):
        cross_validate(lambda: bp.Sequential([Dense(3), Softmax()]), X, y)


def test_folds_that_have_all_diverged_are_shown_in_silence():
    for value in (np.inf, -np.inf, np.nan):
        scores = {"loss": np.full(3, value)}
        with np.errstate(all="warn"), warnings.catch_warnings():
            warnings.simplefilter("error")
            shown = str(CrossValidation([], [], [], scores))
            assert f"loss  {value:.4f} ± nan" in shown
            found = Search([{"k": 1}], {"loss": np.full((1, 3), value)}, "loss")
            assert f"{value:.4f} ± nan" in str(found)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("which", ["x", "y", "sample_weight"])
def test_wrong_numbers_are_named_by_the_rows_of_the_user(which, value):
    rng = np.random.default_rng(0)
    given = {"x": rng.random((30, 2)), "y": rng.random(30), "sample_weight": np.ones(30)}
    given[which][17] = value
    x, y, weight = given.values()

    def build():
        model = bp.Sequential([bp.layers.Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model

    rows = [np.arange(20), np.arange(10, 30)]
    kept = [np.arange(20, 30), np.arange(10)]
    for call in (
        lambda: bp.cross_validate(build, x, y, folds=3, sample_weight=weight),
        lambda: bp.fit_many(
            [build(), build()], x, y, rows=rows, validation_rows=kept, sample_weight=weight
        ),
    ):
        with pytest.raises(ValueError, match="in row 17") as caught:
            call()
        assert "validation" not in str(caught.value)
    fine = [np.arange(10), np.arange(20, 30)]  # what nobody uses may hold anything
    options = {"rows": fine, "sample_weight": weight, "verbose": 0}
    bp.fit_many([build(), build()], x, y, **options)


@pytest.mark.parametrize(
    ("odd", "loss", "words"),
    [
        ("x", "mse", "holds text, 'x' in row 17 "),
        ("x", "sparse_categorical_crossentropy", "row 17 holds the str 'x' and row 0 holds"),
        (None, "sparse_categorical_crossentropy", "^y holds None, first in row 17: remove"),
    ],
)
def test_text_and_gaps_in_targets_are_named_by_the_rows_of_the_user(odd, loss, words):
    X, y = np.zeros((30, 2)), np.array([0, 1] * 15, dtype=object)
    if odd is None:
        y = np.array(["no", "yes"] * 15, dtype=object)
    y[17] = odd

    def build(**_settings):
        model = bp.Sequential([Dense(1)] if loss == "mse" else [Dense(2), Softmax()], seed=0)
        model.compile("sgd", loss)
        return model

    for call in (
        lambda: cross_validate(build, X, y, folds=3),
        lambda: bp.search(build, {"k": [1, 2]}, X, y, folds=3),
    ):
        with pytest.raises((TypeError, ValueError), match=words) as caught:
            call()
        assert "validation" not in str(caught.value)
