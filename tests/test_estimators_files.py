"""What estimators hand on: their networks as files of our own, and as ONNX."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, Dropout, ReLU

Array = np.ndarray[Any, Any]

X = np.random.default_rng(0).normal(size=(60, 4))
TARGETS = {
    "two classes": X[:, 0] > 0,
    "three classes": np.digitize(X[:, 0], [-0.5, 0.5]),
    "labels": (X[:, :3] > 0).astype(int),
    "numbers": X[:, 1],
    "several numbers": X[:, :2],
    "counts": np.abs(X[:, 0].round()),
}


def build(n_features: int, n_outputs: int) -> bp.Sequential:
    return bp.Sequential(
        [bp.Input((n_features,)), Dense(5), ReLU(), Dropout(0.1), Dense(n_outputs)]
    )


def short(kind: Any, **settings: Any) -> Any:
    return partial(kind, hidden_layer_sizes=(5,), max_iter=3, random_state=0, **settings)


CLASSIFIER, REGRESSOR = short(MLPClassifier), short(MLPRegressor)
CASES = {
    "two classes": CLASSIFIER,
    "three classes": CLASSIFIER,
    "labels": CLASSIFIER,
    "numbers": REGRESSOR,
    "several numbers": REGRESSOR,
    "counts": short(MLPRegressor, loss="poisson"),
}
WRAPPED = {
    "two classes": partial(SequentialClassifier, build, epochs=2, random_state=0),
    "labels": partial(SequentialClassifier, build, epochs=2, random_state=0),
    "numbers": partial(SequentialRegressor, build, epochs=2, random_state=0),
}
ALL = [*CASES.items(), *WRAPPED.items()]


def fitted(make: Any, target: str, **settings: Any) -> Any:
    estimator = make(**settings)
    try:
        return estimator.fit(X, TARGETS[target])
    except UserWarning:  # three epochs are few
        return estimator


def outputs(estimator: Any) -> Array:
    """What a file should compute: probabilities, of two classes that of the second; or numbers."""
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(X)).reshape(len(X), -1)
    found = estimator.predict_proba(X)
    return found[:, 1:] if estimator.model_.output_shape == (1,) else found


pytestmark = pytest.mark.filterwarnings("ignore:.*onverge")


@pytest.mark.parametrize(("target", "make"), ALL)
@pytest.mark.parametrize("n_members", [1, 3])
def test_an_exported_estimator_computes_what_it_predicts(
    target: str, make: Any, n_members: int, tmp_path: Path
) -> None:
    estimator = fitted(make, target, n_members=n_members)
    estimator.export(tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    (Y,) = session.run(None, {"x": X.astype(estimator.model_.dtype)})
    np.testing.assert_allclose(Y, outputs(estimator), rtol=1e-5, atol=1e-6)


def test_logits_are_exported_of_one_network(tmp_path: Path) -> None:
    estimator = fitted(CLASSIFIER, "three classes")
    estimator.export(tmp_path / "a.onnx", logits=True)
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    (Z,) = session.run(None, {"x": X.astype(estimator.model_.dtype)})
    P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
    np.testing.assert_allclose(P, outputs(estimator), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="ends with Parallel"):
        fitted(CLASSIFIER, "labels", n_members=2).export(tmp_path / "b.onnx", logits=True)


def of_logits(n_features: int, n_outputs: int) -> bp.Sequential:
    model = build(n_features, n_outputs)
    several = n_outputs > 2
    kind = bp.losses.SparseCategoricalCrossentropy if several else bp.losses.BinaryCrossentropy
    model.compile("adam", kind(from_logits=True))
    return model


def of_scores(n_features: int, n_outputs: int) -> bp.Sequential:
    model = build(n_features, 1)
    model.compile("adam", "hinge")
    return model


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize(
    ("target", "make"), [("three classes", of_logits), ("two classes", of_scores)]
)
def test_what_predict_makes_of_logits_and_scores_is_exported_too(
    target: str, make: Any, n_members: int, tmp_path: Path
) -> None:
    """The file gave logits, or scores from −1 to 1, where ``predict_proba`` gives probabilities."""
    estimator = SequentialClassifier(make, epochs=2, n_members=n_members, random_state=0)
    estimator.fit(X, TARGETS[target]).export(tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    (Y,) = session.run(None, {"x": X.astype(np.float32)})
    np.testing.assert_allclose(Y, outputs(estimator), rtol=1e-5, atol=1e-6)


def test_what_is_not_fitted_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        MLPClassifier().export(tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("target", "make"), ALL)
def test_the_network_of_an_estimator_is_loaded_without_more(
    target: str, make: Any, tmp_path: Path
) -> None:
    model = fitted(make, target).model_
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert type(loaded.loss) is type(model.loss)
