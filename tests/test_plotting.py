"""The pictures: what is drawn equals what was given, and wrong arguments are refused."""

from __future__ import annotations

import itertools
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

import backprop as bp
from backprop.plotting import (
    attention,
    confusion_matrix,
    decision_regions,
    histograms,
    loss_curves,
    loss_surface,
    predictions_grid,
    setting_scores,
)
from backprop.plotting.regions import plane
from backprop.plotting.style import MISTAKE, colours, epoch_ticks

Array = Any


def line(axes: Axes, label: str) -> Line2D:
    """The one line of the axes whose label starts so."""
    (found,) = [line for line in axes.lines if str(line.get_label()).startswith(label)]
    return found


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


# --- every picture -------------------------------------------------------------------------------


def sigmoid_of_first_column(points: Array) -> Array:
    return 1 / (1 + np.exp(-points[:, 0]))


PICTURES: dict[str, Callable[..., Figure]] = {
    "attention": lambda path: attention(np.eye(3), path=path),
    "loss_curves": lambda path: loss_curves({"loss": [2.0, 1.0]}, path=path),
    "predictions_grid": lambda path: predictions_grid(
        np.eye(4).reshape(1, 4, 4), [0], [1], path=path
    ),
    "confusion_matrix": lambda path: confusion_matrix([[3, 1], [0, 2]], path=path),
    "decision_regions": lambda path: decision_regions(
        sigmoid_of_first_column, [[-1.0, 0.0], [1.0, 1.0]], [0, 1], resolution=8, path=path
    ),
    "histograms": lambda path: histograms({"dense": [np.arange(5.0)]}, "weights", path=path),
    "loss_surface": lambda path: loss_surface([0, 1], [0, 1, 2], np.ones((2, 3)), path=path),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_picture_is_returned_and_saved(
    draw: Callable[..., Figure], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would now fail
    file = tmp_path / "picture.png"
    figure = draw(file)
    assert type(figure) is Figure
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
    draw(str(tmp_path / "picture.svg"))
    assert "<svg" in (tmp_path / "picture.svg").read_text()


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_missing_folder_is_named_and_not_created(
    draw: Callable[..., Figure], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"create the folder .*absent"):
        draw(tmp_path / "absent" / "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_colours_are_distinct_however_many() -> None:
    assert all(len(set(colours(count))) == count for count in (1, 7, 8, 30))


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 1, [1]),
        (1, 5, [1, 2, 3, 4, 5]),
        (1, 10, [1, 4, 6, 8, 10]),
        (1, 100, [1, 20, 40, 60, 80, 100]),
        (4, 7, [4, 5, 6, 7]),
    ],
)
def test_epoch_ticks_are_round_and_start_at_the_first(
    first: int, last: int, ticks: list[int]
) -> None:
    assert epoch_ticks(first, last) == ticks


# --- attention -----------------------------------------------------------------------------------


def test_attention_draws_each_head_on_one_scale(rng: np.random.Generator) -> None:
    shares = rng.random((5, 3, 3))
    figure = attention(shares, ["a", "b", "c"])
    *heads, scale = figure.axes
    assert [axes.get_title() for axes in heads[:5]] == [f"head {k}" for k in range(1, 6)]
    assert not any(axes.axison for axes in heads[5:])
    for axes, expected in zip(heads[:5], shares, strict=True):
        (picture,) = axes.images
        np.testing.assert_array_equal(picture.get_array(), expected)
        assert picture.get_clim() == (0, shares.max())
        assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert scale.get_ylabel() == "share of its attention"


def test_attention_of_one_head_has_no_title_and_numbers_its_steps() -> None:
    axes, _ = attention(np.tril(np.ones((60, 60)))).axes
    assert axes.get_title() == ""
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names[:2] == ["0", "2"]  # all of them would overlap


@pytest.mark.parametrize(
    ("weights", "steps", "message"),
    [
        (np.ones((2, 3, 4)), None, r"share for each pair of steps.*\(2, 3, 4\).*one sample of"),
        (np.ones((2, 2, 3, 3)), None, r"weights must be a non-empty array with 3 axes"),
        (-np.eye(3), None, r"the smallest value -1"),
        (np.eye(3), ["a", "b"], r"steps has 2 names but there are 3 steps"),
    ],
)
def test_attention_refuses(weights: Any, steps: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attention(weights, steps)


# --- loss_curves ---------------------------------------------------------------------------------

TRAINING = {
    "loss": [0.9, 0.6, 0.5, 0.4],
    "accuracy": [0.02, 0.3, 0.6, 0.8],
    "val_loss": [1.0, 0.8, 0.7, 0.75],
    "val_accuracy": [0.02, 0.2, 0.5, 0.6],
}


def test_curves_pair_training_and_validation() -> None:
    loss, accuracy = loss_curves(TRAINING).axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    assert loss.get_xlabel() == "epoch"
    training, validation = line(loss, "training"), line(loss, "validation")
    assert list(training.get_xdata()) == [1, 2, 3, 4]
    assert list(training.get_ydata()) == TRAINING["loss"]
    assert list(validation.get_ydata()) == TRAINING["val_loss"]
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert list(line(accuracy, "validation").get_ydata()) == TRAINING["val_accuracy"]
    assert list(loss.get_xticks()) == [1, 2, 3, 4]
    assert loss.get_legend() is not None


def test_curves_mark_the_best_validation_epoch() -> None:
    loss, accuracy = loss_curves(TRAINING).axes
    ring = line(loss, "_best")
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([3], [0.7])
    assert line(loss, "validation").get_label() == "validation (best: epoch 3)"
    assert not [one for one in accuracy.lines if one.get_label() == "_best"]


def test_curves_of_one_line_have_no_legend() -> None:
    (axes,) = loss_curves({"loss": [0.9, 0.5]}).axes
    assert axes.get_legend() is None


def test_curves_take_objects_with_history_and_resumed_epochs() -> None:
    resumed = SimpleNamespace(history={"loss": [0.5, 0.4, 0.3]}, epoch=[5, 6, 7])
    (axes,) = loss_curves(resumed).axes
    assert list(line(axes, "training").get_xdata()) == [6, 7, 8]
    assert list(axes.get_xticks()) == [6, 7, 8]


def test_curves_of_several_trainings_share_one_legend() -> None:
    object_with_history = SimpleNamespace(history={"loss": [0.5]})
    figure = loss_curves({"SGD": TRAINING, "Adam": object_with_history})
    loss, accuracy = figure.axes
    assert list(line(loss, "SGD, training").get_ydata()) == TRAINING["loss"]
    assert list(line(loss, "Adam, training").get_ydata()) == [0.5]
    assert len(accuracy.lines) == 2
    shades = [line(loss, f"SGD, {part}").get_color() for part in ("training", "validation")]
    assert shades[0] == shades[1] != line(loss, "Adam").get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["SGD", "Adam", "validation"]
    assert loss.get_legend() is None


@pytest.mark.parametrize("count", [4, 20])
def test_a_legend_of_long_names_stays_within_the_picture(count: int) -> None:
    runs = {
        f"Adam(learning_rate={k:.4f})": {"loss": [2, 1], "val_loss": [2, 1]} for k in range(count)
    }
    figure = loss_curves({"$^ 語 $": {"loss": [1, 2]}} | runs)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box, (axes,) = legend.get_window_extent(), figure.axes
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert len(legend.get_texts()) == count + 2  # and what dashes mean
    assert axes.bbox.height > 100


def test_curves_of_one_labelled_training_keep_its_label() -> None:
    figure = loss_curves({"SGD": TRAINING})
    assert figure.get_suptitle() == "SGD"
    assert list(line(figure.axes[0], "training").get_ydata()) == TRAINING["loss"]


LONG = "the_share_of_all_customers_who_have_left_within_a_year"


@pytest.mark.parametrize("draw", [
    lambda: loss_curves({name: [1.0, 2.0] for name in ("loss", LONG, f"{LONG}_or_two")}),
    lambda: loss_curves({"loss": [1.0], "sparse_top_k_accuracy": [np.inf], LONG: [1.0]}),
    lambda: histograms({f"{LONG}_{k}": [np.ones(3)] for k in range(6)}, "weights"),
    lambda: setting_scores({LONG: [1, 2], LONG[4:]: [2, 1]}, [0.9, 0.8], [0.1, 0.1]),
    lambda: attention(np.eye(4), ["to", "be", "or", "internationalisation"]),
    lambda: predictions_grid(np.eye(36).reshape(36, 6, 6), [0] * 36, [0, 1] * 18, class_names=[
        "German short-haired pointer", "West Highland white terrier"]),
])  # fmt: skip
def test_long_names_stay_apart_and_within_the_picture(draw: Callable[[], Figure]) -> None:
    figure = draw()
    figure.draw_without_rendering()
    names = [
        text
        for axes in figure.axes
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts)
    ]
    boxes = [text.get_window_extent() for text in names if text.get_text()]
    assert boxes
    for box in boxes:
        assert min(box.min) >= 0
        assert (box.max <= figure.bbox.max).all()
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(("tried", "turned"), [
    (["adam", "sgd", "rmsprop", "adagrad", "adadelta", "nadam"], True), (["relu", "tanh"], False),
])  # fmt: skip
def test_names_of_settings_are_turned_where_they_would_overlap(tried: Any, turned: bool) -> None:
    score = np.linspace(1, 0, len(tried))
    axes = setting_scores({"optimizer": tried}, score, score).axes[0]
    assert {label.get_rotation() > 0 for label in axes.get_xticklabels()} == {turned}


@pytest.mark.parametrize("tried", [[2, 64, 16], list(range(2, 65, 2))])
def test_numbers_below_a_log_axis_stay_apart(tried: list[int]) -> None:
    figure = setting_scores({"units": tried}, np.zeros(len(tried)), np.zeros(len(tried)))
    figure.draw_without_rendering()
    labels = [*figure.axes[0].get_xticklabels(), *figure.axes[0].get_xticklabels(minor=True)]
    low, high = figure.axes[0].get_xlim()
    shown = [label for label in labels if label.get_text() and low < label.get_position()[0] < high]
    boxes = [label.get_window_extent() for label in shown]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert len(tried) > 3 or [label.get_text() for label in shown] == ["2", "16", "64"]


def test_a_figure_without_a_window_says_how_it_can_be_seen() -> None:
    with pytest.raises(AttributeError, match=r"no window: pass path='picture\.png', or in a noteb"):
        loss_curves({"loss": [0.7, 0.4]}).show()


@pytest.mark.parametrize("keys", [{"loss": [0.5]}, bp.training.History()])
def test_two_trainings_are_no_keys(keys: Any) -> None:
    with pytest.raises(TypeError, match=r"write several trainings as {'a': first, 'b': second}"):
        loss_curves({"loss": [0.7, 0.4]}, keys)
    with pytest.raises(TypeError, match=r"or {'a': history} of several, but it is of type list"):
        loss_curves([{"loss": [0.7]}, keys])


def test_a_figure_can_be_sent_to_another_process() -> None:
    figure: Any = pickle.loads(pickle.dumps(loss_curves(TRAINING)))
    assert len(figure.axes) == len(loss_curves(TRAINING).axes)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_curves_pick_keys_in_their_order() -> None:
    accuracy, loss = loss_curves(TRAINING, keys=["accuracy", "val_loss"]).axes
    assert (accuracy.get_title(), loss.get_title()) == ("accuracy", "val loss")
    assert [one.get_label() for one in loss.lines][1:] == ["validation (best: epoch 3)"]
    (only,) = loss_curves(TRAINING, keys="loss").axes
    assert len(only.lines) == 3  # training, validation and the ring


@pytest.mark.parametrize(
    ("quantity", "values", "scale"),
    [
        ("loss", [2.0, 0.05], "log"),
        ("loss", [2.0, 0.15], "linear"),
        ("loss", [2.0, 0.0], "linear"),
        ("loss", [2.0, -0.05], "linear"),
        ("loss", [np.nan, np.nan], "linear"),
        ("learning_rate", [0.1, 0.0001], "log"),
        ("accuracy", [0.01, 0.99], "linear"),
        ("sparse_categorical_accuracy", [0.01, 0.99], "linear"),
        *[
            (name, [0.02, 0.3, 0.8], "linear")
            for name in (
                "fbeta_score",
                "mean_io_u",
                "IoU",
                "sensitivity_at_specificity",
                "cosine_similarity",
                "AUC",
                "F1",
                "Accuracy",
                "R2Score",
                "val_acc",
            )
        ],
        ("accumulated_error", [0.02, 0.3, 0.8], "log"),
        ("account_error", [0.02, 0.3, 0.8], "log"),
        ("auction_loss", [0.02, 0.3, 0.8], "log"),
    ],
)
def test_curves_use_logs_where_they_help(quantity: str, values: list[float], scale: str) -> None:
    (axes,) = loss_curves({quantity: values}).axes
    assert axes.get_yscale() == scale


@pytest.mark.parametrize(
    "name",
    [
        *("精度", r"$\frac{$"),
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("tab\there", "$", "$$", r"$\foo$", "a_$^$", r"$\alpha$ (r²)")
        ),
    ],
)
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    """Letters that the font lacks, and dollars, between which matplotlib looks for a formula."""
    history = bp.training.History()
    history.epoch = [0, 1]
    history.history = {"loss": [2.0, 1.0], name: [0.5, 0.6], f"val_{name}": [0.4, 0.5]}
    loss_curves(history, path=tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    for figure in (
        loss_curves({name: history, "b": history}),
        confusion_matrix(np.eye(3, dtype=int), [name, "b", name]),
    ):
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    for figure in (history.plot(), confusion_matrix(np.eye(3, dtype=int), [name, "b", name])):
        with warnings.catch_warnings(action="ignore"):  # of matplotlib, about letters
            figure.savefig(tmp_path / "by_itself.png")  # as its own method, without ours


@pytest.mark.parametrize(
    ("values", "title"),
    [([None, 0.7, None], "loss"), ([None, np.nan, None], "loss (not finite from epoch 2)")],
)
def test_an_epoch_without_a_value_is_none_that_is_not_finite(
    values: list[float | None], title: str
) -> None:
    history = bp.training.History()
    for epoch, value in enumerate(values):
        logs: dict[str, Any] = {} if value is None else {"val_loss": value}
        history.on_epoch_end(epoch, {"loss": 0.5, **logs})
    (axes,) = history.plot().axes
    assert axes.get_title() == title
    for several in ({"a": history, "b": history}, history, {"loss": [0.5] * 3, "val_loss": values}):
        (axes,) = loss_curves(several).axes
        assert axes.get_title() == title


def test_keys_may_name_a_list_of_numbers() -> None:
    history = bp.training.History()
    for epoch in range(2):
        history.on_epoch_end(epoch, {"loss": 0.5, "f1_score": [0.1, 0.2], "val_f1_score": [1, 2]})
    titles = [axes.get_title() for axes in history.plot(keys=["f1_score"]).axes]
    assert titles == ["f1 score[0]", "f1 score[1]"]


def test_curves_show_lone_points(tmp_path: Path) -> None:
    once = loss_curves({"loss": [0.7]}, path=tmp_path / "once.png").axes[0]
    assert line(once, "training").get_marker() == "o"
    gaps = loss_curves({"loss": [0.7, np.nan, 0.6]}).axes[0]
    assert line(gaps, "training").get_marker() == "o"
    whole = loss_curves({"loss": [0.7, 0.6]}).axes[0]
    assert line(whole, "training").get_marker() == "None"


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ([0.5, 0.4, np.nan, np.inf], "loss (not finite from epoch 3)"),
        ([0.5, np.inf, 0.4, 0.3], "loss"),
        ([np.nan, np.nan], "loss (not finite from epoch 1)"),
    ],
)
def test_curves_say_when_training_broke(values: list[float], title: str, tmp_path: Path) -> None:
    record = {"loss": values, "val_loss": values}
    (axes,) = loss_curves(record, path=tmp_path / "broken.png").axes
    assert axes.get_title() == title
    drawn = line(axes, "training").get_ydata()
    np.testing.assert_array_equal(drawn, np.where(np.isfinite(values), values, np.nan))


@pytest.mark.parametrize(
    ("histories", "keys", "error", "message"),
    [
        (TRAINING, "f1", ValueError, "'f1', which is not recorded; .*'val_accuracy'"),
        (TRAINING, [], ValueError, "nothing to draw"),
        ({}, None, ValueError, "nothing to draw"),
        ({"loss": [1.0, 2.0], "val_loss": [1.0]}, None, ValueError, "'val_loss': 1.*put None"),
        ({"loss": ["low"]}, None, ValueError, r"histories\['loss'\] must hold numbers"),
        ({"loss": []}, None, ValueError, r"histories\['loss'\] must be a non-empty"),
        ({"A": TRAINING, "B": [1.0]}, None, TypeError, r"histories\['B'\] must be a mapping"),
        ([0.9, 0.8], None, TypeError, "histories must be a mapping"),
        (
            SimpleNamespace(history={"loss": [1.0]}, epoch=[0, 1]),
            None,
            ValueError,
            "epoch must hold 1 epochs",
        ),
    ],
)
def test_curves_refuse(histories: Any, keys: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loss_curves(histories, keys)


# --- predictions_grid ----------------------------------------------------------------------------


@pytest.fixture
def images(rng: np.random.Generator) -> Array:
    return rng.random((12, 3, 3))


LABELS = np.arange(12) % 10
WRONG = np.where(LABELS == 8, 3, LABELS)


def frames(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_grid_draws_each_image_once_and_upright(images: Array) -> None:
    (axes,) = predictions_grid(images, LABELS, WRONG, columns=5).axes
    for drawn, image in zip(axes.images, images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image)
    places = np.array([drawn.get_extent() for drawn in axes.images])  # left, right, bottom, top
    assert axes.yaxis_inverted()
    assert (places[:, 2] > places[:, 3]).all()
    assert (np.diff(places[:5, 0]) > 0).all()
    assert (np.ptp(places[:5, 3]), np.unique(places[:, 3]).size) == (0, 3)
    np.testing.assert_allclose(places[:, 2] - places[:, 3], places[:, 1] - places[:, 0])


def test_grid_marks_mistakes_and_only_them(images: Array) -> None:
    (axes,) = predictions_grid(images, LABELS, WRONG).axes
    assert axes.get_title() == "11 of 12 correct"
    assert texts(axes) == ["0", "1", "2", "3", "4", "5", "6", "7", "3 (true 8)", "9", "0", "1"]
    (frame,) = frames(axes)
    assert to_hex(frame.get_edgecolor()).upper() == MISTAKE
    left, right, bottom, top = axes.images[8].get_extent()
    np.testing.assert_allclose(frame.get_bbox().extents, [left, top, right, bottom])
    red = [text.get_text() for text in axes.texts if text.get_color() == MISTAKE]
    assert red == ["3 (true 8)"]


def test_grid_takes_flat_and_one_channel_images(images: Array) -> None:
    for same in (images.reshape(12, 9), images[..., None]):
        (axes,) = predictions_grid(same, LABELS, LABELS).axes
        np.testing.assert_array_equal(axes.images[7].get_array(), images[7])
        assert frames(axes) == []


def test_grid_writes_names_and_probabilities(images: Array) -> None:
    names = ["cat", "dog"]
    output = np.array([[0.9, 0.1], [0.25, 0.75]])
    (axes,) = predictions_grid(images[:2], [0, 0], [0, 1], output, names).axes
    assert texts(axes) == ["cat · 90%", "dog (true cat)\n75%"]
    (again,) = predictions_grid(images[:2], [0, 0], [0, 1], output.max(axis=1), names).axes
    assert texts(again) == texts(axes)


@pytest.mark.parametrize("guess", [[0, 1], [0, 0]])
def test_grid_takes_the_output_of_a_single_sigmoid(images: Array, guess: list[int]) -> None:
    """A column is the probability of class 1, so that of class 0 is what is left of 1."""
    for predictions in (guess, np.array(guess)[:, None] > 0.5):
        output = np.array([[0.2], [0.75]])
        (axes,) = predictions_grid(images[:2], guess, predictions, output).axes
        assert texts(axes) == ["0 · 80%", ["0 · 25%", "1 · 75%"][guess[1]]]


def test_grid_takes_the_flat_output_of_a_sigmoid_that_says_no_to_all(images: Array) -> None:
    flat = np.array([0.2, 0.25])
    (axes,) = predictions_grid(images[:2], [0, 1], flat > 0.5, flat).axes
    assert texts(axes) == ["0 · 80%", "0 (true 1)\n75%"]
    for more in ({"labels": [0, 2]}, {"class_names": ["a", "b", "c"]}):  # each is the largest one
        given = {"labels": [0, 0], "predictions": [0, 0], "probabilities": [0.4, 0.45]}
        (axes,) = predictions_grid(images[:2], **(given | more)).axes
        assert [text[-3:] for text in texts(axes)] == ["40%", "45%"]


def test_grid_shows_what_a_model_that_diverged_says(images: Array) -> None:
    (axes,) = predictions_grid(images[:1], [0], [0], np.full((1, 2), np.nan)).axes
    assert texts(axes) == ["0 · nan%"]


def test_grid_captions_do_not_overlap(images: Array) -> None:
    names = ["T-shirt/top", "Ankle boot"]
    figure = predictions_grid(images, np.zeros(12, int), np.ones(12, int), class_names=names)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes[:10]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.ones((12, 8))}, r"images must have the shape .* \(12, 8\)"),
        ({"images": np.ones((12, 3, 3, 2))}, r"images must have the shape .* \(12, 3, 3, 2\)"),
        ({"images": np.ones((12, 1, 4, 4))}, r"channels first pass np\.moveaxis\(images, 1, -1\)"),
        ({"images": np.ones((12, 8, 8, 4))}, r"leave out channels, images\[\.\.\., :3\]"),
        ({"images": np.ones((12, 8, 8, 2))}, r"leave out channels, images\[\.\.\., :1\]"),
        ({"images": np.ones((8, 8))}, r"of a single one pass images\[None\]"),
        ({"labels": 3}, r"labels .* has the shape \(\): of a single one pass \[labels\]"),
        ({"labels": np.linspace(-1, 5, 12)}, "labels .* dtype float64: a regression has none"),
        ({"labels": np.ones((12, 10))}, r"labels .*\(12, 10\).*np\.argmax\(labels, axis=1\)"),
        ({"labels": LABELS[:3]}, r"each of 12 samples .*\(3,\): pass those of the same samples"),
        ({"labels": np.resize([-1, 1], 12)}, "holds -1: of labels -1 and 1 pass labels > 0"),
        (
            {"labels": LABELS.astype(str)},
            r"np\.searchsorted\(np\.unique\(np\.append\(labels, predictions\)\), labels\)",
        ),
        ({"predictions": LABELS + 0.5}, "predictions must hold class indices"),
        ({"predictions": np.full(12, np.inf)}, "predictions must hold class indices"),
        ({"predictions": LABELS - 1}, "predictions .* holds -1"),
        ({"probabilities": np.ones((12, 3))}, r"probabilities .*\(12, 3\)"),
        ({"probabilities": np.ones((12, 1))}, r"\(12, 1\) for the classes 0 and 1"),
        ({"probabilities": np.linspace(-1, 5, 120).reshape(12, 10)}, "-1 to 5: .* softmax or sig"),
        ({"predictions": np.linspace(0, 1, 12)}, r"of probabilities pass \(predictions > 0\.5\)"),
        ({"class_names": ["zero"]}, "class_names has 1 names but there are 10"),
        ({"columns": 0}, "columns must be an integer of 1 or more"),
    ],
)
def test_grid_refuses(images: Array, change: dict[str, Any], message: str) -> None:
    arguments = {"images": images, "labels": LABELS, "predictions": LABELS, **change}
    with pytest.raises(ValueError, match=message):
        predictions_grid(**arguments)


def test_grid_takes_images_in_colour(rng: np.random.Generator) -> None:
    """Their numbers may go to 255: all share one scale, from the least to the largest."""
    images = rng.integers(0, 256, (4, 2, 3, 3)).astype(np.uint8)
    drawn = predictions_grid(images, [0, 1, 0, 1], [0, 1, 1, 1]).axes[0].images
    scaled = (images - float(images.min())) / (float(images.max()) - images.min())
    np.testing.assert_allclose([picture.get_array() for picture in drawn], scaled)


def test_grid_takes_the_flat_output_of_a_single_sigmoid(images: Array) -> None:
    """``p = model.predict(X).ravel()`` and ``p > 0.5``: of class 0 it is the other share."""
    p = np.array([0.9, 0.12, 0.7])
    texts = predictions_grid(images[:3], [1, 0, 0], p > 0.5, p).axes[0].texts
    shares = [text.get_text().replace("\n", " ").split()[-1] for text in texts]
    assert shares == ["90%", "88%", "70%"]
    texts = predictions_grid(images[:3], [1, 0, 0], [1, 0, 2], [0.9, 0.4, 0.7]).axes[0].texts
    shares = [text.get_text().replace("\n", " ").split()[-1] for text in texts]
    assert shares == ["90%", "40%", "70%"]  # three classes: of each prediction


@pytest.mark.parametrize("names", ["ab", {"a", "b"}])
def test_names_of_classes_are_a_list(names: Any) -> None:
    """Letters of a text, or a set in any order, would stand for classes."""
    with pytest.raises(TypeError, match="class_names must be a list: write class_names="):
        confusion_matrix([[8, 2], [0, 40]], class_names=names)


@pytest.mark.parametrize("names", [{1: "dog", 0: "cat"}, {"dog": 1, "cat": 0}])
def test_names_of_classes_may_be_a_dict(names: Any) -> None:
    """Of the name of each index or, as data loaders have it, the index of each name."""
    axes = confusion_matrix([[8, 2], [0, 40]], class_names=names).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"class_names must name the classes \[0, 1, 2\]"):
        confusion_matrix(np.eye(3), class_names=names)


def test_confusion_takes_the_names_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    true, guess = pandas.Series(["b", "a", "a"]), pandas.Series(["b", "b", "a"])
    axes = confusion_matrix(pandas.crosstab(true, guess)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    table = pandas.crosstab(pandas.Series([0, 1, 1]), pandas.Series([0, 2, 0]))  # 1 × 2 is no 1
    with pytest.raises(ValueError, match=r"they are \[0, 1\] and \[0, 2\]: pass matrix\.reindex"):
        confusion_matrix(table)
    whole = table.reindex(index=[0, 1, 2], columns=[0, 1, 2], fill_value=0)
    assert [text.get_text() for text in confusion_matrix(whole).axes[0].texts] == list("100101000")


def test_rows_and_columns_of_a_frame_may_have_names_of_their_own() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[5, 1], [2, 9]], ["actual 0", "actual 1"], ["said 0", "said 1"])
    axes = confusion_matrix(frame).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["actual 0", "actual 1"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["said 0", "said 1"]
    assert axes.get_title() == "14 of 17 correct (82.4%)"
    axes = confusion_matrix(frame, ["no", "yes"]).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["no", "yes"]
    table = pandas.crosstab(pandas.Series([0, 0]), pandas.Series([1, 1]))  # none of them is right
    with pytest.raises(ValueError, match=r"they are \[0\] and \[1\]: pass matrix\.reindex"):
        confusion_matrix(table)


@pytest.mark.parametrize("normalize", ["pred", "all", "true"])
def test_confusion_is_normalized_over_rows_alone(normalize: Any) -> None:
    """A text, as scikit-learn takes it, was taken for True, whatever it says."""
    with pytest.raises(TypeError, match="normalize must be True or False, but it is"):
        confusion_matrix([[8, 2], [0, 40]], normalize=normalize)


def test_a_data_set_is_not_read_item_by_item() -> None:
    """It may have no end, or be larger than memory."""

    class Batches:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, k: int) -> Any:
            raise AssertionError("it was asked for an item")

    for call in (
        lambda: confusion_matrix(Batches()),
        lambda: decision_regions(lambda points: points[:, 0], Batches(), [0, 1]),
    ):
        with pytest.raises(TypeError, match="must hold numbers, but it is a Batches, which gives"):
            call()


# --- confusion_matrix ----------------------------------------------------------------------------


def test_confusion_shows_counts_and_colours_shares_of_rows() -> None:
    axes, _ = confusion_matrix([[8, 2], [0, 40]]).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert texts(axes) == ["8", "2", "0", "40"]
    assert [text.get_position() for text in axes.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert axes.get_title() == "48 of 50 correct (96.0%)"


def test_confusion_normalized_writes_percents() -> None:
    axes, _ = confusion_matrix([[8, 2], [0, 40]], class_names=["no", "yes"], normalize=True).axes
    assert texts(axes) == ["80.0", "20.0", "0.0", "100.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]


def test_confusion_leaves_numbers_out_where_they_cannot_be_read() -> None:
    assert len(texts(confusion_matrix(np.eye(20)).axes[0])) == 400
    assert texts(confusion_matrix(np.eye(21)).axes[0]) == []


def test_confusion_with_a_class_without_samples() -> None:
    axes, _ = confusion_matrix([[0, 0], [1, 3]]).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0, 0], [0.25, 0.75]])


def test_confusion_of_shares_of_rows_counts_nobody() -> None:
    """The title said "2.166666667 of 3 correct", and cells had ten digits."""
    axes, bar = confusion_matrix([[0.5, 0.5, 0], [0, 1, 0], [1 / 3, 0, 2 / 3]]).axes
    assert texts(axes) == ["0.5", "0.5", "0", "0", "1", "0", "0.33", "0", "0.67"]
    assert axes.get_title() == "72.2% correct in the mean over the true classes"
    assert bar.get_ylabel() == "share of the true class"
    rounded, _ = confusion_matrix([[0.33, 0.33, 0.33], [0, 1, 0], [0, 0, 0]]).axes
    assert rounded.get_title().startswith("66.8% correct in the mean")  # (0.33 + 1) / 1.99


def test_confusion_of_shares_of_columns_colours_them() -> None:
    """They were divided by the sums of their rows, which mean nothing."""
    matrix = np.array([[0.8, 0.4], [0.2, 0.6]])
    axes, bar = confusion_matrix(matrix).axes
    np.testing.assert_allclose(axes.images[0].get_array(), matrix)
    assert bar.get_ylabel() == "share of the predicted class"
    assert axes.get_title() == "70.0% correct in the mean over the predicted classes"


def test_confusion_of_shares_of_all_and_of_weights() -> None:
    axes = confusion_matrix([[0.3, 0.1], [0.1, 0.5]]).axes[0]
    assert axes.get_title() == "0.8 of 1 correct (80.0%)"
    np.testing.assert_allclose(axes.images[0].get_array()[0], [0.75, 0.25])
    weighted = confusion_matrix([[20 / 3, 2.5], [0, 100.0]]).axes[0]
    assert texts(weighted) == ["6.67", "2.5", "0", "100"]
    assert weighted.get_title() == "106.67 of 109.17 correct (97.7%)"


@pytest.mark.parametrize("named", ["All", "Total"])
def test_confusion_takes_no_margins(named: str) -> None:
    """Their sums stood among the classes, and the samples were counted twice as right."""
    pandas = pytest.importorskip("pandas")
    true, guess = pandas.Series([0, 1, 1]), pandas.Series([0, 1, 0])
    matrix = pandas.crosstab(true, guess, margins=True, margins_name=named)
    with pytest.raises(ValueError, match=r"pass matrix\.iloc\[:-1, :-1\], or leave out margins"):
        confusion_matrix(matrix)
    assert confusion_matrix(matrix.iloc[:-1, :-1]).axes[0].get_title() == "2 of 3 correct (66.7%)"


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), r"square .*\(2, 3\)"),
        ([[1, -1], [0, 1]], "smallest value -1"),
        ([[1, np.nan], [0, 1]], "must be square and hold counts"),
        ([1, 2], "with 2 axes"),
    ],
)
def test_confusion_refuses(matrix: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(matrix)


# --- decision_regions ----------------------------------------------------------------------------

CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
SIDES = np.array([0, 1, 1, 0])


def test_regions_take_every_form_of_answer() -> None:
    forms: list[Callable[[Array], Array]] = [
        lambda p: (p[:, 0] > 0).astype(np.float32),
        lambda p: (p[:, :1] > 0).astype(np.float32),
        lambda p: np.stack([p[:, 0] <= 0, p[:, 0] > 0], axis=1).astype(float),
        lambda p: (p[:, 0] > 0).astype(np.int64),
        lambda p: p[:, 0] > 0,
    ]
    drawn = [decision_regions(form, CORNERS, SIDES, resolution=20).axes[0] for form in forms]
    pictures = [axes.images[0].get_array() for axes in drawn]
    for picture in pictures[1:]:
        np.testing.assert_allclose(picture, pictures[0])
    # The left half leans to the blue of class 0, the right one to the red of class 1.
    assert pictures[0].shape == (20, 20, 3)
    assert pictures[0][:, :10, 2].min() > pictures[0][:, :10, 0].max()
    assert pictures[0][:, 10:, 0].min() > pictures[0][:, 10:, 2].max()


def test_regions_take_a_model() -> None:
    model = bp.Sequential([bp.layers.Dense(2), bp.layers.Softmax()], seed=0)
    model.build((None, 2))
    mine, its = (
        decision_regions(given, CORNERS, SIDES, resolution=20).axes[0].images[0].get_array()
        for given in (model, model.predict)
    )
    np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize(("units", "loss", "end"), [
    (1, bp.losses.BinaryCrossentropy, bp.layers.Sigmoid),
    (3, bp.losses.BinaryCrossentropy, bp.layers.Sigmoid),
    (3, bp.losses.SparseCategoricalCrossentropy, bp.layers.Softmax),
])  # fmt: skip
def test_regions_of_logits_are_those_of_probabilities(units: int, loss: Any, end: Any) -> None:
    on_logits = bp.Sequential([bp.Input(2), bp.layers.Dense(units)], seed=0)
    on_shares = bp.Sequential([bp.Input(2), bp.layers.Dense(units), end()], seed=0)
    on_logits.compile("sgd", loss(from_logits=True))
    on_shares.compile("sgd", loss())
    found, known = (plane(model, CORNERS, SIDES, 9).share for model in (on_logits, on_shares))
    np.testing.assert_allclose(found, known, rtol=1e-5)
    np.testing.assert_array_equal(plane(on_logits.predict, CORNERS, SIDES, 9).share, found)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("end", "loss"), [
    ([], "hinge"),
    ([], "squared_hinge"),
    ([bp.layers.Tanh], "hinge"),
    ([bp.layers.Tanh], "mse"),
    ([], "mse"),
    ([bp.layers.Sigmoid], "hinge"),
])  # fmt: skip
def test_regions_of_signs_end_at_their_middle(end: Any, loss: str, nested: bool) -> None:
    """At 0, or after a sigmoid at ½; the samples' classes may be −1 and 1, as the loss has them."""
    layers = [bp.layers.Dense(1), *(kind() for kind in end)]
    ending = [bp.layers.Chain(layers)] if nested else layers
    model = bp.Sequential([bp.Input(2), bp.layers.Dense(3), *ending], seed=3)
    model.compile("sgd", loss)
    seen = plane(model, CORNERS, 2 * SIDES - 1, 9)
    points = np.stack(np.meshgrid(seen.across, seen.up), axis=-1).reshape(-1, 2)
    middle = 0.5 if end == [bp.layers.Sigmoid] else 0
    yes = model.predict(points)[:, 0] > middle
    assert 0 < yes.sum() < len(yes)
    np.testing.assert_array_equal(seen.share.argmax(axis=1), yes)
    np.testing.assert_array_equal(seen.classes, SIDES)
    legend = decision_regions(model, CORNERS, 2 * SIDES - 1, resolution=4).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["-1", "1"]


@pytest.mark.parametrize("loss", ["categorical_hinge", "hinge"])
def test_regions_of_several_scores_are_those_of_the_largest(loss: str) -> None:
    model = bp.Sequential([bp.Input(2), bp.layers.Dense(3)], seed=0)
    model.compile("sgd", loss)
    model.set_weights([5 * model.get_weights()[0], np.zeros(3)])  # several above 1
    seen = plane(model, CORNERS, SIDES, 9)
    points = np.stack(np.meshgrid(seen.across, seen.up), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(seen.share.argmax(axis=1), model.predict(points).argmax(axis=1))


LABELLINGS = {
    "text": ["blue", "red"],
    "signs": [-1, 1],
    "from 1": [1, 2],
    "booleans": [False, True],
    "indices": [0, 1],
}


@pytest.mark.parametrize("labels", LABELLINGS.values(), ids=LABELLINGS.keys())
@pytest.mark.parametrize(
    "verb", ["", "predict_proba", pytest.param("predict", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("from_logits", [False, True])
def test_regions_take_the_labels_of_an_estimator(
    labels: list[Any], verb: str, from_logits: bool
) -> None:
    """Its loss may take logits: what the estimator answers is none."""
    estimators = pytest.importorskip("backprop.estimators")

    def build(n_features: int, n_outputs: int) -> bp.Sequential:
        return bp.Sequential([bp.layers.Dense(1), *[bp.layers.Sigmoid()] * (not from_logits)])

    y = np.array(labels)[SIDES]
    loss = bp.losses.BinaryCrossentropy(from_logits=from_logits)
    model = estimators.SequentialClassifier(build, loss=loss, epochs=20, random_state=0)
    model.fit(CORNERS, y)
    seen = plane(getattr(model, verb) if verb else model, CORNERS, y, 9)
    points = np.stack(np.meshgrid(seen.across, seen.up), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(
        np.array(labels)[seen.share.argmax(axis=1)], model.predict(points)
    )
    assert len(set(model.predict(points))) == 2
    np.testing.assert_array_equal(seen.classes, SIDES)
    names = {labels[1]: "one", labels[0]: "zero"}
    for given, written in ((None, [str(label) for label in labels]), (names, ["zero", "one"])):
        legend = decision_regions(model, CORNERS, y, class_names=given, resolution=4).legends[0]
        assert [text.get_text() for text in legend.get_texts()] == written


def test_regions_take_functions_that_answer_with_signs() -> None:
    answers = [
        lambda p: np.where(p[:, 0] > 0, 1, -1),
        lambda p: np.where(p[:, :1] > 0, 1.0, -1.0),
        lambda p: p[:, 0] > 0,
    ]
    shares = [plane(answer, CORNERS, 2 * SIDES - 1, 6).share for answer in answers]
    for share in shares:
        np.testing.assert_array_equal(
            share[:, 1].reshape(6, 6), np.arange(6) > 2 + np.zeros((6, 1))
        )


def test_regions_of_numbers_say_how_to_make_classes_of_them() -> None:
    """A sigmoid of what was trained on 0 and 1 would divide it at 0."""
    with pytest.raises(ValueError, match=r"> 0 if it learned -1 and 1, predict\(points\) > 0\.5"):
        decision_regions(lambda p: 2 * p[:, 0], CORNERS, SIDES, resolution=4)
    with pytest.raises(ValueError, match=r"the class, predict\(points\)\.argmax\(axis=1\)"):
        decision_regions(lambda p: 2 * p, CORNERS, SIDES, resolution=4)


def test_regions_name_the_numbers_that_were_returned() -> None:
    with pytest.raises(ValueError, match=r"the values go from -0\.5 to 0\.5: apply"):
        decision_regions(lambda p: np.clip(p[:, 0], -0.5, 0.5), CORNERS, SIDES, resolution=8)


def test_regions_are_not_mirrored() -> None:
    top_right = decision_regions(
        lambda p: (p.min(axis=1) > 0).astype(int), CORNERS, SIDES, resolution=20
    ).axes[0]
    picture = top_right.images[0].get_array()
    red = picture[:, :, 0] > picture[:, :, 2]
    assert top_right.images[0].origin == "lower"
    assert red[10:, 10:].all()
    assert red.sum() == 100


def test_regions_grow_pale_where_unsure() -> None:
    axes = decision_regions(sigmoid_of_first_column, CORNERS, SIDES, resolution=21).axes[0]
    darkness = 1 - axes.images[0].get_array().min(axis=2)[0]
    assert darkness[10] < darkness[5] < darkness[0]


def test_regions_show_the_samples() -> None:
    figure = decision_regions(
        sigmoid_of_first_column, CORNERS, SIDES, class_names=["left", "right"], resolution=8
    )
    (axes,) = figure.axes
    left, right = [c for c in axes.collections if isinstance(c, PathCollection)]
    np.testing.assert_array_equal(left.get_offsets(), CORNERS[SIDES == 0])
    np.testing.assert_array_equal(right.get_offsets(), CORNERS[SIDES == 1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["left", "right"]
    assert axes.get_xlim()[0] < -1
    assert axes.get_xlim()[1] > 1


def test_regions_ask_in_the_dtype_of_the_samples() -> None:
    asked: list[np.dtype[Any]] = []

    def predict(points: Array) -> Array:
        asked.append(points.dtype)
        return np.full((len(points), 3), 1 / 3)

    decision_regions(predict, CORNERS.astype(np.float32), SIDES, resolution=4)
    decision_regions(predict, CORNERS.astype(int), SIDES, resolution=4)
    assert asked == [np.float32, np.float64]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones((4, 3))}, r"two columns.*\(4, 3\): pass two columns, .*np\.c_\[points"),
        ({"predict": bp.Sequential([bp.Input(3), bp.layers.Dense(1)])}, r"samples of shape \(3,\)"),
        ({"y": np.eye(4)}, "y must hold one class index"),
        ({"resolution": 1}, "resolution must be an integer of 2 or more"),
        ({"predict": lambda p: 5 * p}, "softmax or sigmoid"),
        ({"predict": lambda p: np.full((len(p), 2), np.nan)}, "returned nan: .* diverged"),
        ({"y": np.array([0, 1, np.nan, 1])}, "^y holds nan, first in row 2: remove or replace it"),
        ({"y": np.array([0.2, 0.9, 0.6, 0.1])}, r"of probabilities pass \(y > 0\.5\)"),
        ({"predict": lambda p: p[:3]}, r"returned the shape \(3, 2\)"),
        ({"predict": lambda p: np.ones((len(p), 2)), "y": [0, 1, 2, 2]}, "the 3 classes in y"),
        ({"class_names": ["left"]}, "class_names has 1 names"),
    ],
)
def test_regions_refuse(change: dict[str, Any], message: str) -> None:
    arguments = {"predict": sigmoid_of_first_column, "X": CORNERS, "y": SIDES, "resolution": 4}
    with pytest.raises(ValueError, match=message):
        decision_regions(**{**arguments, **change})


# --- histograms ----------------------------------------------------------------------------------


def heat(axes: Axes) -> Array:
    (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
    return np.asarray(mesh.get_array())


def test_histograms_share_the_axis_and_follow_the_epochs(rng: np.random.Generator) -> None:
    weights = {
        "dense": [rng.normal(size=(20, 30)) for _ in range(4)],
        "dense_1": [rng.normal(size=50) * 2 for _ in range(4)],
    }
    figure = histograms(weights, "weights")
    first, second, _ = figure.axes
    assert figure.get_suptitle() == "weights"
    assert (first.get_title(), second.get_title()) == ("dense", "dense_1")
    assert first.get_ylim() == second.get_ylim()
    assert first.get_yscale() == "linear"
    assert (first.get_ylabel(), first.get_xlabel()) == ("value", "epoch")
    assert list(first.get_xticks()) == [1, 2, 3, 4]
    assert heat(first).shape[1] == 4
    np.testing.assert_array_equal(heat(first).max(axis=0), 1)
    median = first.lines[1]
    assert list(median.get_xdata()) == [1, 2, 3, 4]
    np.testing.assert_allclose(median.get_ydata(), [np.median(w) for w in weights["dense"]])


def test_histograms_show_vanishing_gradients(rng: np.random.Generator) -> None:
    deltas = {
        f"dense_{depth}": [rng.normal(size=500) * 10.0 ** -(3 * depth) for _ in range(3)]
        for depth in range(3)
    }
    panels = histograms(deltas, "δ").axes[:3]
    assert all(axes.get_yscale() == "log" for axes in panels)
    assert panels[0].get_ylabel() == "|value|"
    peaks = [heat(axes)[:, 0].argmax() for axes in panels]
    assert peaks[0] - peaks[1] > 10
    assert peaks[1] - peaks[2] > 10


def test_histograms_tell_the_zeros_that_logs_cannot_show(rng: np.random.Generator) -> None:
    values = rng.normal(size=100)
    values[:40] = 0
    dead = np.zeros(100)
    figure = histograms({"a": [values], "b": [values * 1e-4], "c": [dead]}, "δ")
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["a\n40% zeros", "b\n40% zeros", "c\n100% zeros"]
    assert heat(figure.axes[2]).max() == 0


def test_histograms_leave_out_what_is_not_finite(tmp_path: Path) -> None:
    broken = {"a": [np.array([1.0, 2.0, 3.0]), np.array([np.nan, np.inf])]}
    axes = histograms(broken, "weights", path=tmp_path / "broken.png").axes[0]
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [2, np.nan])
    assert heat(axes)[:, 1].max() == 0


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_histograms_of_one_value_have_a_range(value: float, tmp_path: Path) -> None:
    figure = histograms({"b": [np.full(4, value)]}, "biases", path=tmp_path / "constant.png")
    low, high = figure.axes[0].get_ylim()
    assert low < high
    assert heat(figure.axes[0]).max() == (0 if np.isnan(value) else 1)


@pytest.mark.parametrize("values", [[["a", "b"]], pd.DataFrame({"a": [1.0]}), [[[1], [1, 2]]]])
def test_histograms_of_what_is_no_numbers(values: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^arrays_by_layer\['dense'\] must be a list of arrays of"
    ):
        histograms({"dense": values}, "weights")


def test_histograms_of_sparse_matrices_say_what_to_do() -> None:
    sparse = scipy.sparse.csr_array(np.eye(3))
    with pytest.raises(TypeError, match=r"of arrays_by_layer\['a'\] is a sparse .*toarray\(\)"):
        histograms({"a": [sparse]}, "weights")


@pytest.mark.parametrize("arrays", [{}, {"dense": []}])
def test_histograms_refuse_nothing(arrays: dict[str, list[Array]]) -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        histograms(arrays, "weights")


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda given: histograms(given, "weights"), "arrays_by_layer"),
        (lambda given: bp.plotting.gradient_costs([1, 2], given), "seconds"),
        (lambda given: bp.plotting.setting_scores(given, [1, 2], [0, 0]), "values"),
        (lambda given: loss_curves(given), "histories"),
    ],
)
@pytest.mark.parametrize("given", [[[1.0], [2.0]], np.ones((2, 2)), bp.Sequential([])])
def test_what_is_no_mapping_is_told_so(draw: Any, name: str, given: Any) -> None:
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"^{name} must be a mapping .* of type {kind}\.$"):
        draw(given)


def test_settings_may_be_columns_of_a_frame() -> None:
    frame = pd.DataFrame({"units": [64, 16, 4], "act": ["tanh", "relu", "tanh"]}, index=[2, 0, 1])
    figure = bp.plotting.setting_scores(frame, [3.0, 2.0, 1.0], [0.1, 0.1, 0.1])
    for axes, x in zip(figure.axes, ([64, 16, 4], [0, 1, 0]), strict=True):
        assert axes.lines[0].get_xdata().tolist() == x


# --- loss_surface --------------------------------------------------------------------------------

ALPHAS, BETAS = np.linspace(-1, 1, 7), np.linspace(0, 3, 9)


def test_surface_has_alpha_across_and_beta_up(tmp_path: Path) -> None:
    losses = np.tile(np.arange(7.0)[:, None], (1, 9))  # grows with alpha alone
    axes, bar = loss_surface(ALPHAS, BETAS, losses, path=tmp_path / "surface.png").axes
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("α", "β", "loss")
    filled = axes.collections[0]
    for level, region in zip(filled.levels, filled.get_paths(), strict=False):
        left = region.vertices[:, 0].min()
        np.testing.assert_allclose(left, np.interp(level, np.arange(7), ALPHAS), atol=1e-12)
    assert filled.levels[0] == 0
    assert filled.levels[-1] == 6


@pytest.mark.parametrize(
    ("low", "high", "ratio"), [(0.01, 10.0, True), (1.0, 10.0, False), (-1.0, 100.0, False)]
)
def test_surface_spaces_levels_in_logs_where_it_helps(low: float, high: float, ratio: bool) -> None:
    losses = np.linspace(low, high, 63).reshape(7, 9)
    levels = loss_surface(ALPHAS, BETAS, losses).axes[0].collections[0].levels
    steps = levels[1:] / levels[:-1] if ratio else np.diff(levels)
    np.testing.assert_allclose(steps, steps[0])


def test_surface_draws_the_path_with_start_and_end() -> None:
    way = np.array([[-0.5, 2.5], [0.0, 1.0], [0.2, 0.5]])
    axes = loss_surface(ALPHAS, BETAS, np.add.outer(ALPHAS**2, BETAS), way).axes[0]
    np.testing.assert_array_equal(line(axes, "optimizer").get_xydata(), way)
    np.testing.assert_array_equal(line(axes, "start").get_xydata(), way[:1])
    np.testing.assert_array_equal(line(axes, "end").get_xydata(), way[-1:])


def test_surface_leaves_holes_where_the_loss_is_not_finite(tmp_path: Path) -> None:
    losses = np.add.outer(ALPHAS**2, BETAS)
    losses[0, 0], losses[3, 3] = np.nan, np.inf
    axes = loss_surface(ALPHAS, BETAS, losses, path=tmp_path / "holes.png").axes[0]
    assert axes.collections[0].levels[-1] == losses[np.isfinite(losses)].max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": np.ones((9, 7))}, r"\(7, 9\) but has \(9, 7\)"),
        ({"losses": np.full((7, 9), np.nan)}, "at least one finite"),
        ({"alphas": ALPHAS[::-1]}, "alphas must hold at least two increasing"),
        ({"betas": [1.0]}, "betas must hold at least two increasing"),
        ({"path_points": np.ones((4, 3))}, r"path_points must have the shape .*\(4, 3\)"),
    ],
)
def test_surface_refuses(change: dict[str, Any], message: str) -> None:
    arguments = {"alphas": ALPHAS, "betas": BETAS, "losses": np.ones((7, 9)), **change}
    with pytest.raises(ValueError, match=message):
        loss_surface(**arguments)


def test_what_is_masked_is_drawn_nowhere() -> None:
    masked = np.ma.masked_equal(np.eye(2), 1.0)
    classes = np.ma.masked_array([0, 1], mask=[False, True])

    def shares(points: Any) -> Any:
        return np.full((len(points), 2), 0.5)

    for call in (
        lambda: confusion_matrix(masked),
        lambda: attention(masked),
        lambda: predictions_grid(masked.reshape(1, 2, 2), [0], [0]),
        lambda: predictions_grid(np.ones((2, 2, 2)), classes, [0, 1]),
        lambda: predictions_grid(np.ones((2, 2, 2)), [0, 1], [0, 1], masked),
        lambda: decision_regions(shares, masked, [0, 1]),
        lambda: decision_regions(shares, np.eye(2), classes),
    ):
        with pytest.raises(ValueError, match="is masked, first in row"):
            call()
