"""Parquet files and folders of images as batches."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

import backprop as bp
from backprop.datasets import from_image_folder, from_parquet
from backprop.layers import Conv2D, Dense, Flatten, ReLU, Sigmoid, Softmax


@pytest.fixture
def table(tmp_path, rng):
    frame = pd.DataFrame(rng.standard_normal((300, 3)), columns=["a", "b", "c"])
    frame["y"] = (frame["a"] > frame["c"]).astype(int)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=70)
    return tmp_path / "t.parquet", frame


def test_batches_of_a_parquet_file_are_its_rows(table):
    path, frame = table
    x, y = (
        np.concatenate(part) for part in zip(*from_parquet(path, ["c", "a"], "y")(), strict=True)
    )
    np.testing.assert_array_equal(x, frame[["c", "a"]])
    np.testing.assert_array_equal(y, frame["y"])


def test_the_number_of_batches_is_known_before_they_are_read(table):
    source = from_parquet(table[0], ["a"], "y", batch_size=16)  # of 70 rows, and of the last 20
    assert len(source) == len(list(source())) == 4 * 5 + 2
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy")
    steps = []
    told = bp.callbacks.LambdaCallback(
        on_train_begin=lambda logs: steps.append(told.params["steps"])
    )
    model.fit(source, verbose=0, steps_per_epoch=99, callbacks=[told])
    assert steps == [22]


@pytest.mark.parametrize("name", ["path", "columns", "target", "batch_size", "seed"])
def test_a_source_stays_as_it_was_made(table, name):
    source = from_parquet(table[0], ["a"], "y", seed=0)
    with pytest.raises(AttributeError, match=f"{name} cannot be changed: make another source"):
        setattr(source, name, 3)
    with pytest.raises(AttributeError, match="nobody reads 'shuffle' of Parquet"):
        source.shuffle = True


@pytest.mark.parametrize("name", ["path", "size", "batch_size", "grey", "seed"])
def test_so_does_one_of_images(folder, name):
    source = from_image_folder(folder, (8, 6), grey=True)
    before = next(source())[0].shape
    with pytest.raises(AttributeError, match=f"{name} cannot be changed: make another source"):
        setattr(source, name, 3)
    with pytest.raises(AttributeError, match="classes of ImageFolder cannot be assigned: it follo"):
        source.classes = ["a"]
    assert next(source())[0].shape == before


def test_shuffled_rows_keep_their_targets(table):
    path, frame = table
    source = from_parquet(path, ["a", "b", "c"], "y", batch_size=16, seed=1)
    epochs = [list(source()) for _ in range(2)]
    for batches in epochs:
        x = np.concatenate([x for x, _ in batches])
        y = np.concatenate([y for _, y in batches])
        np.testing.assert_array_equal(y, x[:, 0] > x[:, 2])
        np.testing.assert_array_equal(np.sort(x[:, 1]), np.sort(frame["b"]))
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_a_parquet_file_trains_a_model(table):
    path, _ = table
    model = bp.Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.compile(bp.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(from_parquet(path, ["a", "b", "c"], "y", 32, seed=0), epochs=20, verbose=0)
    assert history.history["accuracy"][-1] > 0.95


def test_a_column_that_is_not_there_is_named(table):
    with pytest.raises(ValueError, match="has no column 'd': it has a, b, c, y"):
        from_parquet(table[0], ["a", "d"], "y")


@pytest.mark.parametrize("columns", [[], "abc", None])
def test_columns_must_be_a_list(table, columns):
    with pytest.raises(TypeError, match="columns must be a list of names"):
        from_parquet(table[0], columns, "y")


def test_columns_may_be_those_of_a_frame(table):
    path, frame = table
    expected = next(from_parquet(path, ["a", "b", "c"], "y")())[0]
    for columns in (
        frame.columns[:3],
        np.array(["a", "b", "c"]),
        tuple("abc"),
        pd.Series(list("abc")),
    ):
        np.testing.assert_array_equal(next(from_parquet(path, columns, "y")())[0], expected)
    with pytest.raises(TypeError, match="columns must be a list: write columns="):
        from_parquet(path, {"a", "b"}, "y")


def test_times_are_no_numbers(table):
    path, frame = table
    frame["when"] = pd.date_range("2020-01-01", periods=300)
    frame.to_parquet(path)
    with pytest.raises(TypeError, match="the column 'when' must hold numbers"):
        next(from_parquet(path, ["a", "when"], "y")())
    with pytest.raises(TypeError, match="the column 'when' must hold numbers"):
        next(from_parquet(path, ["a"], "when")())


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ("text", TypeError, "the column 'other' must hold numbers, but it holds text"),
        ([True, None] * 150, ValueError, "the column 'other' holds None, first in row 1"),
        ([1.0, None] * 150, ValueError, "the column 'other' holds None, first in row 1:"),
        ([None] * 300, ValueError, "the column 'other' holds None, first in row 0:"),
        ([[1.0, 2.0], [1.0]] * 150, ValueError, "the column 'other' holds rows of unequal length"),
        ([Decimal("1.5"), None] * 150, ValueError, "the column 'other' holds None, first in row"),
    ],
)
def test_a_column_that_holds_no_numbers_is_named(values, error, message, table):
    path, frame = table
    frame["other"] = values
    frame.to_parquet(path)
    for columns, target in ((["a", "other"], "y"), (["a"], "other")):
        with pytest.raises(error, match=message) as caught:
            next(from_parquet(path, columns, target)())
        assert "damaged" not in str(caught.value)


def test_a_gap_is_named_by_its_row_in_the_file(table):
    path, frame = table
    frame.loc[217, "b"] = None
    frame.to_parquet(path, row_group_size=70)
    for seed in (None, 0):
        with pytest.raises(ValueError, match="the column 'b' holds None, first in row 217:"):
            list(from_parquet(path, ["a", "b"], "y", seed=seed)())


def test_decimal_fractions_are_numbers(table):
    path, frame = table
    frame["price"] = [Decimal("1.25")] * 300
    frame.to_parquet(path)
    x, y = next(from_parquet(path, ["a", "price"], "price")())
    assert x[0, 1] == y[0] == 1.25


def test_a_model_remembers_the_columns_of_a_file(table):
    path, frame = table
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy")
    model.fit(from_parquet(path, ["a", "b"], "y"), verbose=0)
    assert model.predict(frame[["a", "b"]]).shape == (300, 1)
    for reordered in (frame[["b", "a"]], from_parquet(path, ["b", "a"], "y")):
        with pytest.raises(ValueError, match="the columns of another order"):
            model.predict(reordered)
    with pytest.raises(ValueError, match="no column 'a'"):
        model.evaluate(from_parquet(path, ["b", "c"], "y"), verbose=0)


def test_a_number_that_was_changed_in_a_page_with_a_checksum_is_noticed(tmp_path):
    column = np.arange(100.0)
    table, path = pyarrow.table({"a": column, "y": column}), tmp_path / "t.parquet"
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    parquet.write_table(table, path, **options, write_page_checksum=True)
    content = path.read_bytes()
    old, new = (np.float64(value).tobytes() for value in (42.0, 43.0))
    assert content.count(old) == 2
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(bp.CorruptFileError, match="damaged"):
        list(from_parquet(path, ["a"], "y")())


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k, name in enumerate(["dark", "light"]):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(150 * k, 100 + 150 * k, (10, 12, 3), dtype=np.uint8)
            where = tmp_path / name / ("more" if i % 2 else "")
            Image.fromarray(pixels).save(where / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_images_come_with_the_numbers_of_their_folders(folder):
    source = from_image_folder(folder, (8, 6), batch_size=5)
    assert source.classes == ["dark", "light"]
    assert len(source) == 5
    batches = list(source())
    assert [x.shape for x, _ in batches] == [(5, 8, 6, 3)] * 4 + [(4, 8, 6, 3)]
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert x.dtype == np.float32
    assert 0 <= x.min() < x.max() <= 1
    np.testing.assert_array_equal(x.mean((1, 2, 3)) > 0.5, y)
    assert sorted(y) == [0] * 12 + [1] * 12
    assert list(y) != sorted(y)
    assert next(from_image_folder(folder, (8, 6), grey=True, seed=None)())[0].shape == (24, 8, 6, 1)


def test_a_folder_of_images_trains_a_model(folder):
    model = bp.Sequential([Conv2D(2, 3), Flatten(), Dense(2), Softmax()], seed=0)
    model.compile(bp.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(from_image_folder(folder, (8, 6), 8), epochs=30, verbose=0).history
    assert history["accuracy"][-1] == 1


def test_a_folder_without_images_says_what_it_needs(tmp_path):
    with pytest.raises(ValueError, match="a folder for each class"):
        from_image_folder(tmp_path, (8, 8))


def test_hidden_folders_and_files_do_not_count(folder):
    known = from_image_folder(folder, (8, 6))
    for hidden in (".git", "dark/.ipynb_checkpoints", "light/folder.png"):
        (folder / hidden).mkdir()
    for hidden in ("dark/.ipynb_checkpoints/1.png", "dark/._1.png"):
        (folder / hidden).write_bytes(b"no image")
    found = from_image_folder(folder, (8, 6))
    assert found.classes == known.classes
    np.testing.assert_array_equal(next(found())[0], next(known())[0])


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut"])
def test_a_damaged_image_is_named(folder, content):
    bad = folder / "light" / "2.png"
    bad.write_bytes(bad.read_bytes()[:60] if content is None else content)
    with pytest.raises(OSError, match=r"2\.png cannot be read as an image"):
        list(from_image_folder(folder, (8, 6))())


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "it is empty"), (b"<html>", "a web page"), (b"version https://git-lfs", "git lfs pull")],
)
def test_what_stands_in_the_place_of_an_image_is_named(folder, content, kind):
    (folder / "light" / "2.png").write_bytes(content)
    with pytest.raises(OSError, match=rf"2\.png cannot be read as an image: .*{kind}"):
        list(from_image_folder(folder, (8, 6))())


@pytest.mark.parametrize("size", [8, (8,), (8, 0), "ab", None, (8.5, 6)])
def test_sizes_that_cannot_be(folder, size):
    with pytest.raises((TypeError, ValueError), match="size"):
        from_image_folder(folder, size)


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_images_of_16_bits_keep_their_greys(kind, dtype, tmp_path):
    pixels = np.linspace(0, 65535, 16).reshape(4, 4)
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels.astype(dtype)).save(tmp_path / "a" / f"1.{kind}")
    for grey, channels in ((True, 1), (False, 3)):
        x = next(from_image_folder(tmp_path, (4, 4), grey=grey)())[0]
        assert x.dtype == np.float32
        expected = np.repeat(pixels[..., np.newaxis], channels, -1) / 65535
        np.testing.assert_allclose(x[0], expected, rtol=1e-5)
    larger = next(from_image_folder(tmp_path, (9, 7))())[0]
    assert larger.shape == (1, 9, 7, 3)
    assert larger.min() >= 0
    assert larger.max() <= 1


@pytest.mark.parametrize(("dtype", "mode"), [("i4", "I"), ("f4", "F")])
def test_an_image_of_numbers_without_a_known_range_is_named(dtype, mode, folder):
    Image.fromarray(np.ones((4, 4), dtype)).save(folder / "light" / "deep.tif")
    with pytest.raises(OSError, match=rf"deep\.tif cannot be read .* mode is '{mode}'"):
        list(from_image_folder(folder, (8, 6))())
