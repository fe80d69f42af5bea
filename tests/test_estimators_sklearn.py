"""scikit-learn's judgement: its checks of estimators, and its own tests of its MLPs, on ours."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import check_estimator

from backprop.estimators import MLPClassifier, MLPRegressor

ROOT = Path(__file__).resolve().parents[1]

PRIVATE = {
    "test_gradient": "calls the private _loss_grad_lbfgs with buffers of its own",
}
"""Tests of scikit-learn's that look at what is private there, and why they cannot run on ours."""

INAPPLICABLE = {
    "check_array_api_input": "needs SCIPY_ARRAY_API=1, set below",
    "check_classifiers_multilabel_output_format_decision_function": "there is no such method",
}
"""Checks that scikit-learn itself leaves out, for its own MLPs too."""

ESTIMATORS = [MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("array_api", [False, True])
def test_every_check_of_an_estimator(estimator, array_api, monkeypatch):
    if array_api:
        monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(found) > 50
    wrong = {each["check_name"]: each["exception"] for each in found if each["status"] != "passed"}
    inapplicable = set(INAPPLICABLE) - ({"check_array_api_input"} if array_api else set())
    assert wrong.keys() <= inapplicable, wrong


def test_its_own_tests_pass_on_ours(tmp_path):
    deselected = [f"--deselect=::{name}" for name in PRIVATE]
    module = "sklearn.neural_network.tests.test_mlp"
    ours = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    plugins = ["-p", "sklearn_plugin", "-p", "no:cacheprovider", "-p", "no:xdist"]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "--pyargs", module, *deselected],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ours, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"(\d+) passed, (\d+) deselected", answer.stdout)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-2000:]
    assert counted is not None
    assert int(counted[1]) >= 58
    assert int(counted[2]) == len(PRIVATE)
