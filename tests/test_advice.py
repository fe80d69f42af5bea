"""Mistakes whose first answer named nothing that one could do, or was another library's."""

import json
import re
import struct

import numpy as np
import pandas as pd
import pytest
from programs import run

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.datasets import from_image_folder, from_parquet
from backprop.layers import (
    BatchNormalization,
    Dense,
    Exponential,
    GroupNormalization,
    LayerNormalization,
    Softmax,
)

X = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
Y = X.sum(axis=1)


def compiled(*layers, loss="mse", optimizer="sgd", metrics=()):
    model = bp.Sequential(list(layers), seed=0)
    model.compile(optimizer, loss=loss, metrics=list(metrics))
    return model


@pytest.mark.parametrize("content", ["", "junk", "no Parquet file at all"])
def test_what_is_no_parquet_file_is_named(tmp_path, content):
    (tmp_path / "t.parquet").write_text(content)
    with pytest.raises(bp.CorruptFileError, match=r"t\.parquet' is no Parquet file"):
        from_parquet(tmp_path / "t.parquet", ["a"], "y")


def test_a_parquet_file_that_is_not_there_is_named(tmp_path):
    path = str(tmp_path / "t.parquet")
    with pytest.raises(FileNotFoundError, match=re.escape(repr(path))) as caught:
        from_parquet(path, ["a"], "y")
    assert caught.value.filename == path


@pytest.mark.parametrize("half", [True, False], ids=["cut", "overwritten"])
def test_a_damaged_parquet_file_is_named(tmp_path, half):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": X[:, 0], "y": Y}).to_parquet(path)
    content = path.read_bytes()
    wrong = content[: len(content) // 2] if half else content[:8] + b"\xff" * 60 + content[68:]
    path.write_bytes(wrong)
    with pytest.raises(bp.CorruptFileError, match=r"t\.parquet' is no Parquet file, or it is dam"):
        list(from_parquet(path, ["a"], "y")())


def test_the_size_of_images_is_two_numbers(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"size must be \(height, width\), but it is 8"):
        from_image_folder(tmp_path, 8)


def test_files_that_others_read_say_by_what(tmp_path):
    model = bp.Sequential([bp.Input(4), Dense(3)])
    model.export(tmp_path / "m.onnx")
    with pytest.raises(bp.CorruptFileError, match=r"bp\.load_onnx"):
        bp.load_model(tmp_path / "m.onnx")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = struct.pack("<Q", len(header)) + header + b"0000"
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(bp.CorruptFileError, match=r"safetensors file.*model\.load_weights"):
        bp.load_model(tmp_path / "m.safetensors")


def test_files_of_ours_say_what_reads_them(tmp_path):
    """All that was told of them were the names of their arrays."""
    vocabulary, model, weights = (tmp_path / f"{name}.npz" for name in ("v", "m", "w"))
    bp.datasets.Vocabulary("a b").save(vocabulary)
    network = bp.Sequential([bp.Input(4), Dense(3)])
    network.save(model)
    network.save_weights(weights)
    for load in (bp.load_model, network.load_weights, bp.load_onnx):
        with pytest.raises(
            bp.CorruptFileError, match=r"vocabulary, and datasets\.Vocabulary\.load"
        ):
            load(vocabulary)
    for load in (bp.load_onnx, bp.datasets.Vocabulary.load):
        for path in (model, weights):
            with pytest.raises(bp.CorruptFileError, match=r"bp\.load_model.*model\.load_weights"):
                load(path)


def scores(y_true, y_pred):
    raise ValueError("a mix of multiclass and continuous-multioutput targets")


def distances(y_true, y_pred):
    return y_true - y_pred.reshape(7)


@pytest.mark.parametrize("function", [scores, distances])
@pytest.mark.parametrize(
    ("layers", "loss", "classes"),
    [
        (lambda: [Dense(3), Softmax()], "sparse_categorical_crossentropy", r"y_pred\.argmax"),
        (lambda: [Dense(1)], "mse", "y_pred > 0.5"),
    ],
)
def test_an_error_in_a_users_metric_tells_its_name_and_what_it_was_given(
    function, layers, loss, classes
):
    model = compiled(*layers(), loss=loss, metrics=[function])
    with pytest.raises(ValueError, match=r"a mix of|cannot reshape") as caught:
        model.fit(X, np.arange(60) % 3, verbose=0)
    (note,) = caught.value.__notes__
    assert re.search(rf"metric '{function.__name__}'.*y_true of shape.*{classes}", note)


@pytest.mark.parametrize("later", [False, True], ids=["first loss", "later"])
def test_what_helps_a_search_for_the_step_is_nothing_that_it_does_not_have(later):
    """``LBFGS`` has neither a learning rate nor clipping."""
    model = compiled(Dense(1), Exponential(), optimizer="lbfgs")
    inputs = X * 100
    if later:
        model.fit(X, np.abs(Y), verbose=0)
    told_of = pytest.warns(RuntimeWarning, match="training has diverged")
    with told_of as caught, np.errstate(all="ignore"):
        model.fit(inputs, Y, verbose=0)
    told = str(caught[0].message)
    assert "scale the inputs" in told
    assert "learning rate" not in told
    assert "clip" not in told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("relu", r"such as Dense\(8\) and ReLU\(\)"),
        (np.tanh, "Lambda"),
        (lambda x: x, "Lambda"),
        (Dense, "add the parentheses"),
        (bp.Sequential([Dense(2)]), "a list of layers in its place"),
        (bp.losses.MeanSquaredError(), "compile"),
        (bp.optimizers.Adam(), "compile"),
        (("fc", Dense(2)), "such as Dense"),
    ],
    ids=["text", "ufunc", "function", "class", "model", "loss", "optimizer", "pair"],
)
def test_what_stands_among_layers_and_is_none_says_what_to_write(given, words):
    with pytest.raises(TypeError, match=f"made of layers, but it was given.*{words}"):
        bp.Sequential([Dense(3), given])


@pytest.mark.parametrize(
    ("layer", "single", "several"),
    [
        (LayerNormalization, (1,), (2,)),
        (lambda: LayerNormalization([1, 2]), (1, 1), (1, 2)),
        (lambda: GroupNormalization(4), (4,), (8,)),
        (lambda: GroupNormalization(-1), (1, 4), (2, 4)),
        (lambda: BatchNormalization(), (), (1,)),
    ],
    ids=["features", "axes", "groups", "a group for each", "over the batch"],
)
def test_what_is_its_own_mean_is_told_of(layer, single, several):
    """Normalised, a number alone is 0, as a Softmax of one output is 1: nothing is learnt."""
    layer().build(several)
    if single:
        with pytest.warns(RuntimeWarning, match="normalises single numbers"):
            layer().build(single)


@pytest.mark.parametrize(("layer", "single", "several"), [
    (lambda: bp.layers.RMSNormalization(), (1,), (2,)),
    (lambda: bp.layers.RMSNormalization([1, 2]), (1, 1), (1, 2)),
    (lambda: bp.layers.Softmax(axis=1), (1, 4), (2, 1)),
])  # fmt: skip
def test_what_keeps_nothing_of_single_numbers_is_told_of(layer, single, several):
    layer().build(several)
    with pytest.warns(RuntimeWarning, match="divides single numbers|of one number along axis=1"):
        layer().build(single)


def test_arrays_that_do_not_fit_together_are_shown():
    model = bp.Sequential([bp.Input(4), Dense(1)])
    with pytest.raises(ShapeError, match=r"different shapes, \(60, 4\), \(60,\), .*one array"):
        model.predict((X, Y))
    with pytest.raises(ShapeError, match=r"different shapes, \(7, 4\), \(7, 3\)"):
        model.predict([X[:7], X[:7, :3]])


UNKNOWN_BACKEND = """
import numpy as np, backprop as bp
from backprop import __main__, plotting
from backprop.callbacks import LivePlot
model = bp.Sequential([bp.Input(2), bp.layers.Dense(2), bp.layers.Softmax()], seed=0)
model.compile("sgd", "mse")
X, grid = np.eye(2), np.linspace(-1, 1, 4)
for draw in (
    lambda: plotting.loss_curves({"loss": [2.0, 1.0]}),
    lambda: plotting.predictions_grid(np.ones((1, 4, 4)), [0], [1]),
    lambda: plotting.confusion_matrix([[3, 1], [0, 2]]),
    lambda: plotting.decision_regions(model, X, [0, 1]),
    lambda: plotting.loss_surface(grid, grid, np.ones((4, 4))),
    lambda: plotting.attention(np.eye(3)),
    lambda: model.explain(X[:1], X[:1]).plot(),
    lambda: plotting.gradient_costs([1, 2], {"a": [1, 2]}),
    lambda: plotting.learning_rates([1, 2], [1, 2]),
    lambda: plotting.histograms({"a": [X]}, "a"),
    lambda: plotting.filters(np.ones((2, 2, 1, 3))),
    lambda: plotting.feature_maps(np.ones((1, 4, 4, 3))),
    lambda: model.fit(X, X, callbacks=[LivePlot("a.png")], verbose=0),
):
    try:
        draw()
    except ValueError as error:
        assert "MPLBACKEND is 'nonsense': unset it, or set it to 'agg'" in str(error), error
    else:
        raise AssertionError
__main__.main(["--output", "pictures"])
"""


def test_a_backend_that_matplotlib_does_not_know_is_named(tmp_path):
    """Before the demonstration trains, too."""
    answer = run("-c", UNKNOWN_BACKEND, cwd=tmp_path, MPLBACKEND="nonsense")
    assert "Traceback" not in answer.stderr
    assert re.search(r"error: matplotlib cannot be loaded.*MPLBACKEND", answer.stderr)
    assert not list((tmp_path / "pictures").iterdir())


@pytest.mark.parametrize(("rows", "code"), [
    ([[0.1, 0.2], [0.3]], "pad_sequences(x, dtype='float32')"),
    ([[1, 2], [3]], "pad_sequences(x)"),
])  # fmt: skip
def test_rows_of_unequal_length_are_padded_by_what_is_advised(rows, code):
    with pytest.raises(ShapeError) as caught:
        bp.Sequential([Dense(1)]).predict(rows)
    assert f"datasets.{code} makes them one array" in str(caught.value)
    padded = eval(f"bp.datasets.{code}", {"bp": bp, "x": rows})
    np.testing.assert_allclose(padded[0], rows[0], rtol=1e-6)
    assert padded.dtype == ("float32" if "float32" in code else "int32")
