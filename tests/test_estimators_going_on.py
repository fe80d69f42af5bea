"""MLPs whose training goes on: after a crash, in a warm start, in a partial fit."""

import numpy as np
import pytest
from sklearn import datasets

import backprop as bp
from backprop.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = datasets.load_iris(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y


# --- after a crash -------------------------------------------------------------------------------

CUT = [
    {"shuffle": False},
    {"dropout": 0.2},
    {"batch_normalization": True},
    {"early_stopping": True, "learning_rate_init": 0.5},  # the second epoch is the best
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2},
    {"solver": "sgd", "learning_rate": "invscaling"},
    {"tol": 10.0, "n_iter_no_change": 4},
    {"solver": "lbfgs"},
]


def brought(mlp):
    """Everything that training has brought."""
    told = [vars(mlp._records[0]), mlp.history_.history, mlp.model_.optimizer.learning_rate]
    return [mlp.model_.parameters.values.tolist(), *told]


@pytest.mark.parametrize("arguments", CUT, ids=str)
@pytest.mark.parametrize("save_freq", ["epoch", 3])
@pytest.mark.parametrize("hook", ["on_epoch_end", "on_test_begin"])
def test_an_interrupted_training_goes_on_with_the_same_bits(
    arguments, save_freq, hook, iris, tmp_path
):
    class Crash(bp.callbacks.Callback):
        times = 0

        def fail(self, *_):
            self.times += 1
            if self.times == 4:
                raise RuntimeError("crash")

    setattr(Crash, hook, lambda self, *rest: self.fail(*rest))
    common = {"hidden_layer_sizes": (4,), "max_iter": 8, "random_state": 0, "batch_size": 40}

    def fitted(*callbacks):
        mlp = MLPClassifier(**common | arguments, callbacks=callbacks)
        return mlp.fit(*iris, validation_data=(iris[0][::5], iris[1][::5]))

    def backup():
        return bp.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)

    with pytest.raises(RuntimeError, match="crash"):
        fitted(backup(), Crash())
    assert brought(fitted(backup())) == brought(fitted())
    assert not (tmp_path / "backup").exists()  # or the next fit would begin where this one ended


# --- curves over several fits --------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_losses_of_a_validation_stand_beside_those_of_their_epochs(solver, iris):
    mlp = MLPClassifier((3,), solver=solver, max_iter=2, warm_start=True, random_state=0)
    expected, held_out = [], []
    for validated in (False, True, False, True, False):
        mlp.fit(*iris, validation_data=iris if validated else None)
        expected += mlp.history_.history["loss"]
        held_out += mlp.history_.history["val_loss"] if validated else [np.nan] * 2
        curves = {
            "validation" if line.get_linestyle() == "--" else "training": line.get_ydata()
            for line in mlp.plot_loss_curve().axes[0].lines
            if len(line.get_xdata()) > 1
        }
        np.testing.assert_array_equal(curves["training"], expected)
        if "validation" in curves:
            np.testing.assert_array_equal(curves["validation"], held_out)
        assert "not finite" not in mlp.plot_loss_curve().axes[0].get_title()
    np.testing.assert_array_equal(mlp.validation_loss_curve_, held_out[:-2])


def test_curves_of_one_solver_after_the_other(iris):
    mlp = MLPClassifier((3,), max_iter=4, warm_start=True, random_state=0)
    mlp.fit(*iris).set_params(solver="lbfgs", max_iter=3).fit(*iris, validation_data=iris)
    lines = mlp.plot_loss_curve().axes[0].lines
    (line,) = (each for each in lines if each.get_label() == "training")
    assert len(line.get_ydata()) == 7
    assert len(mlp.loss_curve_) == 4  # as in scikit-learn
    assert len(mlp.validation_loss_curve_) == 7


def test_a_fit_without_an_iteration_is_drawn_too(iris):
    mlp = MLPRegressor(
        hidden_layer_sizes=(3,), solver="lbfgs", tol=0.01, warm_start=True, random_state=0
    )
    mlp.fit(iris[0], iris[0][:, 0]).fit(iris[0], iris[0][:, 0])
    assert mlp.n_iter_ == 0
    assert mlp.history_.history["loss"] == [mlp.loss_]
    assert mlp.plot_loss_curve()
