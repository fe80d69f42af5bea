"""scikit-learn's judgement: its checks of estimators, and its own tests of its MLPs, on ours."""

import json
import re
import warnings
from pathlib import Path

import programs
import pytest
from sklearn.utils.estimator_checks import check_estimator

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, ReLU

ROOT = Path(__file__).resolve().parents[1]

PRIVATE = {
    "test_gradient": "calls the private method _loss_grad_lbfgs with buffers of its own",
}
"""Tests of scikit-learn's that look at what is private there, and why they cannot run on ours."""

INAPPLICABLE = {
    "check_classifiers_multilabel_output_format_decision_function": "there is no such method",
}
"""Checks that scikit-learn leaves out by itself, for its own MLPs too."""


def build(n_features, n_outputs, units=16):
    return bp.Sequential([Dense(units), ReLU(), Dense(n_outputs)], dtype="float64")


ADAM = bp.optimizers.Adam(0.01)
ESTIMATORS = {
    "MLPClassifier": MLPClassifier(max_iter=100),
    "MLPRegressor": MLPRegressor(max_iter=100),
    "SequentialClassifier": SequentialClassifier(build, epochs=60, optimizer=ADAM),
    "SequentialRegressor": SequentialRegressor(build, epochs=60, optimizer=ADAM),
}


def judgement():
    """For each estimator how many checks there were, and what those said that did not pass."""
    warnings.simplefilter("ignore")
    return {name: judged(estimator) for name, estimator in ESTIMATORS.items()}


def judged(estimator):
    found = check_estimator(estimator, on_skip=None, on_fail=None)
    other = {
        each["check_name"]: f"{each['status']}: {each['exception']}"
        for each in found
        if each["status"] != "passed"
    }
    return len(found), other


def run(tmp_path, *arguments, **variables):
    return programs.run(
        *arguments, cwd=tmp_path, timeout=None, OPENBLAS_NUM_THREADS="1", **variables
    )


@pytest.mark.long
def test_every_check_of_an_estimator(tmp_path):
    """With SCIPY_ARRAY_API, which SciPy reads when it is imported; without it there is one less."""
    code = "import json, test_estimators_sklearn as t; print(json.dumps(t.judgement()))"
    answer = run(tmp_path, "-c", code, SCIPY_ARRAY_API="1")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert {name: n for name, (n, _) in found.items()} == {
        "MLPClassifier": 68,
        "MLPRegressor": 60,
        "SequentialClassifier": 68,
        "SequentialRegressor": 60,
    }
    for _, other in found.values():
        assert other.keys() <= INAPPLICABLE.keys(), other
        assert all(said.startswith("skipped") for said in other.values()), other


@pytest.mark.long
def test_its_own_tests_pass_on_ours(tmp_path):
    plugins = ["-p", "sklearn_plugin", "-p", "no:cacheprovider", "-p", "no:xdist"]
    deselected = [f"--deselect=::{name}" for name in PRIVATE]
    module = "sklearn.neural_network.tests.test_mlp"
    answer = run(tmp_path, "-m", "pytest", "-q", *plugins, "--pyargs", module, *deselected)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-2000:]
    counted = re.search(r"(\d+) passed, (\d+) deselected", answer.stdout)
    assert counted is not None
    assert int(counted[1]) >= 58
    assert int(counted[2]) == len(PRIVATE)
