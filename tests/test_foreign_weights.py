"""Files that Keras and PyTorch wrote go into models of the same layers, or are refused whole.

``data/weights/make_keras_files.py`` and ``make_torch_files.py`` made the files with the libraries
themselves, in float32, and beside them inputs and what the libraries predict.
"""

import io
import json
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import CorruptFileError, ShapeError
from backprop.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Chain,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GroupNormalization,
    Identity,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    Parallel,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Reshape,
    Residual,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    SimpleRNN,
    Softmax,
    Tanh,
    TimeDistributed,
    TransformerBlock,
    UnitNormalization,
)
from backprop.storage import safetensors
from backprop.storage.torch_layers import CONVERSIONS

Array = np.ndarray[Any, Any]
FILES = Path(__file__).parent / "data" / "weights"
KERAS, TORCH = (np.load(FILES / f"{name}.npz") for name in ("keras", "torch"))


def as_in_torch(*layers: Any) -> list[Any]:
    """The layers, with the ε that PyTorch has where none is given."""
    for layer in layers:
        if isinstance(layer, BatchNormalization | LayerNormalization | GroupNormalization):
            layer.epsilon = 1e-5
    return list(layers)


def keras_images() -> list[Any]:
    return [
        *(Conv2D(3, 3, padding="same"), BatchNormalization(), PReLU(shared_axes=[1, 2])),
        *(SeparableConv2D(4, 2), DepthwiseConv2D(2), GroupNormalization(2)),
        *(Conv2DTranspose(2, 2, strides=2), MaxPooling2D(), Conv2D(4, 1, use_bias=False)),
        *(Flatten(), PReLU(), Dense(4), BatchNormalization(scale=False), Dense(3)),
    ]


def torch_images() -> list[Any]:
    return as_in_torch(
        *(Conv2D(3, (3, 2)), BatchNormalization(), PReLU(shared_axes=[1, 2])),
        *(LayerNormalization([-3, -2, -1]), SeparableConv2D(4, 2, depth_multiplier=2)),
        *(GroupNormalization(2), DepthwiseConv2D(2, depth_multiplier=2)),
        *(Conv2DTranspose(3, 2, strides=2), ReLU(), Conv2D(4, (2, 3)), Flatten()),
        *(BatchNormalization(), PReLU(), Dropout(0.5), LayerNormalization(), Dense(4), PReLU()),
        *(Dense(3), Softmax()),
    )


def torch_words() -> list[Any]:
    return as_in_torch(
        *(Embedding(7, 4), Bidirectional(LSTM(3, return_sequences=True))),
        *(Bidirectional(LSTM(3, return_sequences=True)), GRU(4, return_sequences=True)),
        *(SimpleRNN(4, return_sequences=True), MultiHeadAttention(2, 2), LayerNormalization()),
        *(RMSNormalization(), Dense(3), ReLU(), Chain([Dense(4, use_bias=False)])),
        *(LSTM(3, use_bias=False), Dense(2)),
    )


def torch_series() -> list[Any]:
    return as_in_torch(
        *(Conv1D(4, 2), BatchNormalization(), PReLU(shared_axes=[1]), MaxPooling1D(2, 1)),
        *(Conv1D(6, 2, groups=2, dilation_rate=2), Flatten(), Dense(2)),
    )


MODELS = {
    "keras_images.weights.h5": keras_images,
    "keras_words.keras": lambda: [
        *(Embedding(7, 4), Bidirectional(LSTM(3, return_sequences=True)), GRU(3)),
        *(Chain([Dense(4), Chain([LayerNormalization(), Dense(4)])]), Dense(2)),
    ],
    "keras_states.weights.h5": lambda: [
        *(SimpleRNN(4, return_sequences=True), RMSNormalization(), TimeDistributed(Dense(3))),
        *(GRU(3, reset_after=False), Dense(2, use_bias=False)),
    ],
    "keras_series.weights.h5": lambda: [
        Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1, 2, 3, 4]),
        *(Conv1D(4, 2, padding="causal"), TransformerBlock(2, 6), GlobalAveragePooling1D()),
    ],
    "keras_branches.weights.h5": lambda: [
        Parallel([[Dense(3, name="first"), ReLU()], [Dense(3, name="second"), Tanh()]], "add"),
        Dense(2, name="last"),
    ],
    "keras_adapted.weights.h5": lambda: [Normalization(), Dense(2)],
    "keras_windows.weights.h5": lambda: [
        *(DepthwiseConv1D(2, depth_multiplier=2), SeparableConv1D(4, 3), Conv1DTranspose(2, 3, 2)),
        *(Flatten(), RepeatVector(2), UnitNormalization(), Dense(2)),
    ],
    "torch_images.safetensors": torch_images,
    "torch_windows.safetensors": lambda: [
        *(
            DepthwiseConv1D(2, depth_multiplier=2),
            Tanh(),
            SeparableConv1D(4, 3, depth_multiplier=2),
        ),
        *(Conv1DTranspose(2, 3, strides=2), Flatten(), Dense(2)),
    ],
    "torch_series.safetensors": torch_series,
    "torch_words.safetensors": torch_words,
    "torch_named.safetensors": lambda: [
        *(Dense(4, name="first"), ReLU()),
        *(Residual([Dense(4, name="inner"), Tanh()]), Dense(2, name="out")),
    ],
    "torch_half.safetensors": lambda: [Dense(3), Tanh(), Dense(2)],
    "torch_many.safetensors": lambda: [Dense(2) for _ in range(12)],
}


def built(file: str, layers: Any = None, dtype: str = "float32") -> bp.Sequential:
    """A model for the inputs of a file."""
    x, _ = data_of(file)
    layers = MODELS[file]() if layers is None else layers
    return bp.Sequential([bp.Input(x.shape[1:]), *layers], seed=0, dtype=dtype)


def data_of(file: str) -> tuple[Array, Array]:
    library, _, rest = file.partition("_")
    name, arrays = rest.partition(".")[0], KERAS if library == "keras" else TORCH
    return arrays[f"{name}/x"], arrays[f"{name}/y"]


def refused(model: bp.Sequential, path: Path, words: str, error: Any = ValueError) -> str:
    """Loading raises, and not a bit of θ changes."""
    before = model.parameters.values.copy()
    with pytest.raises(error, match=words) as caught:
        model.load_weights(path)
    np.testing.assert_array_equal(model.parameters.values, before)
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("file", MODELS)
def test_a_file_of_the_library_gives_the_predictions_of_the_library(file: str, dtype: str) -> None:
    model, (x, y) = built(file, dtype=dtype), data_of(file)
    assert np.abs(model.predict(x) - y).max() > 1e-3
    model.load_weights(FILES / file)
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-6, atol=1e-6)


def test_every_kind_of_layer_is_tried() -> None:
    tried = {
        type(layer) for file in MODELS if "torch" in file for layer in built(file)._chain.inside()
    }
    assert set(CONVERSIONS) - tried == set()


# ------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("file", "place", "layer", "words"),
    [
        ("keras_images.weights.h5", 0, Conv2D(5, 3, padding="same"), "Conv2D 'conv2d_1' has .*5"),
        ("keras_images.weights.h5", 4, DepthwiseConv2D(2, use_bias=False), "'depthwise_conv2d_1'"),
        ("keras_images.weights.h5", 6, Identity(), "no layer for its 'conv2d_transpose'"),
        ("keras_images.weights.h5", 12, BatchNormalization(), "'batch_normalization_2' has"),
        ("keras_images.weights.h5", 13, Identity(), "2 of the kind Dense, but the model 1"),
        ("keras_words.keras", 1, LSTM(6, return_sequences=True), "0 of the kind LSTM"),
        ("keras_words.keras", 2, GRU(3, reset_after=False), r"b \(9,\), but its 'gru"),
        ("keras_words.keras", 3, Chain([Dense(4)]), "no layer for its .sequential"),
        ("keras_adapted.weights.h5", 0, BatchNormalization(), "0 of the kind BatchNormalization"),
        ("keras_branches.weights.h5", 0, Dense(6), "3 of the kind Dense, but the model 2"),
        ("torch_images.safetensors", 0, Conv2D(4, (3, 2)), r"W \(3, 2, 2, 4\), .* but its '0' has"),
        ("torch_images.safetensors", 1, LayerNormalization(), "'1' has .*running_mean"),
        ("torch_images.safetensors", 1, Identity(), "PReLU 'prelu_1' has alpha"),
        ("torch_images.safetensors", 17, Identity(), "no layer for its '18'"),
        ("torch_words.safetensors", 1, LSTM(6, return_sequences=True), "'1 layer 0' has"),
        (
            "torch_words.safetensors",
            3,
            GRU(4, return_sequences=True, use_bias=False),
            "GRU 'gru_1'",
        ),
        (
            "torch_words.safetensors",
            3,
            GRU(4, return_sequences=True, reset_after=False),
            "PyTorch's GRU resets after the product",
        ),
        ("torch_words.safetensors", 5, MultiHeadAttention(1, 2), "MultiHeadAttention .* has"),
        ("torch_words.safetensors", 8, Dense(3, use_bias=False), "Dense 'dense_1' has W"),
        (
            "torch_named.safetensors",
            0,
            Dense(4, name="begin"),
            "no weights for Dense 'begin': give",
        ),
        ("torch_half.safetensors", 0, Normalization(), "PyTorch has no such layer"),
        ("torch_many.safetensors", 11, Identity(), "no layer for its '11'"),
    ],
)
def test_layers_that_differ_are_named_before_a_weight_changes(
    file: str, place: int, layer: Any, words: str
) -> None:
    layers = MODELS[file]()
    layers[place] = layer.copy() if layer.input_shape else layer
    message = refused(built(file, layers), FILES / file, words, ShapeError)
    assert file in message


def test_weights_of_branches_that_nothing_tells_apart_are_refused() -> None:
    file = "keras_branches.weights.h5"
    model = built(file, [Parallel([Dense(3), Dense(3)], "add"), Dense(2)])
    refused(model, FILES / file, "Dense 'dense_1' and Dense 'dense_2' stand in branches .*'second'")


def test_weights_of_branches_go_by_the_names_that_keras_gave(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    file = "keras_branches.weights.h5"
    model = built(file)
    model.load_weights(FILES / file)

    def renamed(*names: str) -> Path:
        path = tmp_path / f"{names[0]}.h5"
        shutil.copy(FILES / file, path)
        with h5py.File(path, "a") as opened:
            for folder, name in zip(("dense", "dense_1", "dense_2"), names, strict=True):
                opened[f"layers/{folder}/vars"].attrs["name"] = name
        return path

    def named(first: str, second: str, last: str) -> Any:
        branches = [Dense(3, name=first), Dense(3, name=second)]
        return built(file, [Parallel(branches, "add"), Dense(2, name=last)])

    found = {}
    for names in (("dense", "dense_1", "dense_2"), ("dense_6", "dense_7", "dense_8")):
        path, other = (
            renamed(*names),
            built(file, [Parallel([Dense(3), Dense(3)], "add"), Dense(2)]),
        )
        refused(other, path, f"give the layers Dense the names .* {names[0]!r}, {names[1]!r}")
        found[names] = named(*names)
        found[names].load_weights(path)
        swapped = named(names[1], names[0], names[2])
        swapped.load_weights(path)
        pairs = zip(found[names].get_weights()[2:4], swapped.get_weights()[:2], strict=True)
        assert all(np.array_equal(*pair) for pair in pairs)
    weights = [each.get_weights() for each in found.values()]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
    assert all(
        np.isclose(each.sum(), [w.sum() for w in model.get_weights()]).any() for each in weights[0]
    )
    refused(
        named("dense_1", "dense_2", "dense_3"),
        renamed("dense_1", "dense_2", "dense_3"),
        "set_weights",
    )


def test_what_keras_classes_of_ones_own_and_bfloat16_make(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    model = bp.Sequential([bp.Input((4,)), Dense(2)], seed=0)
    W = np.arange(8, dtype="f4").reshape(4, 2)
    with h5py.File(tmp_path / "own.weights.h5", "w") as file:
        file["fc1/vars/0"], file["fc1/vars/1"] = W, np.ones(2, "f4")
        file.create_group("vars")
    refused(
        model,
        tmp_path / "own.weights.h5",
        r"'fc1'.*get_weights\(\) there, .*set_weights",
        ShapeError,
    )
    with h5py.File(tmp_path / "half.weights.h5", "w") as file:
        for name, array in (("0", W), ("1", np.ones(2, "f4"))):
            upper = (array.view("<u4") >> 16).astype("<u2").view("V2")
            file[f"layers/dense/vars/{name}"] = upper
            file[f"layers/dense/vars/{name}"].attrs["dtype"] = "bfloat16"
    model.load_weights(tmp_path / "half.weights.h5")
    np.testing.assert_array_equal(model.layers[0].W, W)
    np.testing.assert_array_equal(model.layers[0].b, 1)


DOUBTFUL = {
    "a permutation": [Conv2D(3, (3, 2)), Permute((3, 1, 2)), Flatten(), Dense(2)],
    "features that become images": [Flatten(), Dense(8), Reshape((2, 2, 2)), Conv2D(2, 1)],
    "features that become sequences": [
        *(Conv2D(2, (6, 5)), Flatten(), Dense(8), Reshape((4, 2)), Conv1D(2, 1)),
    ],
    "channels that a layer looks at as the last": [Conv2D(3, 1), Dense(3), Flatten(), Dense(2)],
    "flat inputs": [Flatten(), Dense(2)],
    "a sum of mixed numbers": [Conv2D(2, 2), Flatten(), Residual([Dense(40)]), Dense(2)],
    "a mixture in a branch": [Conv2D(2, 2), Parallel([[Flatten()], [Flatten()]]), Dense(2)],
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_an_order_of_numbers_that_cannot_be_known_is_refused(tmp_path: Path, case: str) -> None:
    model = built("torch_images.safetensors", DOUBTFUL[case])
    arrays = {}
    layers = [layer for layer in model._chain.inside() if layer.parameters]
    for k, layer in enumerate(each for each in layers if not hasattr(each, "children")):
        for p in layer.parameters:
            axes = range(p.value.ndim)
            turned = p.value.transpose(*axes[:-3:-1], *axes[:-2])
            arrays[f"{k}.{'bias' if p.value.ndim == 1 else 'weight'}"] = turned
    path = tmp_path / "x.safetensors"
    write(path, arrays)
    refused(model, path, "stands behind .* in which order PyTorch has them", ShapeError)


@pytest.mark.parametrize("ends", [[Flatten()], [Flatten(), Dense(12), Reshape((2, 2, 3))]])
def test_outputs_in_another_order_are_refused(ends: list[Any], tmp_path: Path) -> None:
    layers = [Conv2D(2, 3, use_bias=False), *ends]
    model = built("torch_images.safetensors", layers)
    arrays = {"0.weight": np.ones((2, 2, 3, 3), "f4")}
    if len(ends) > 1:
        arrays |= {"1.weight": np.ones((12, 24), "f4"), "1.bias": np.ones(12, "f4")}
    write(tmp_path / "x.safetensors", arrays)
    refused(model, tmp_path / "x.safetensors", "outputs behind .* have another order", ShapeError)


def test_images_of_one_pixel_or_channel_may_be_reshaped(tmp_path: Path) -> None:
    layers = [Reshape((4, 4, 1)), Conv2D(3, 4), Flatten(), Dense(2)]
    model = bp.Sequential([bp.Input((16,)), *layers], seed=0)
    arrays = {
        "0.weight": model.layers[1].W.transpose(3, 2, 0, 1),
        "0.bias": model.layers[1].b,
        "1.weight": model.layers[3].W.T,
        "1.bias": model.layers[3].b + 1,
    }
    write(tmp_path / "x.safetensors", arrays)
    before = model.parameters.values.copy()
    model.load_weights(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(model.parameters.values[:-2], before[:-2])
    np.testing.assert_array_equal(model.layers[3].b, [1, 1])


# -------------------------------------------------------------------------- files that are wrong


@pytest.mark.parametrize("file", ["keras_states.weights.h5", "keras_words.keras"])
def test_a_file_of_keras_that_was_cut_off_is_refused(tmp_path: Path, file: str) -> None:
    model, content = built(file), (FILES / file).read_bytes()
    for length in np.linspace(0, len(content) - 1, 40, dtype=int):
        (tmp_path / file).write_bytes(content[:length])
        refused(model, tmp_path / file, file, CorruptFileError)


def test_changed_bytes_of_a_keras_archive_are_noticed(tmp_path: Path) -> None:
    file = "keras_words.keras"
    model, content = built(file), bytearray((FILES / file).read_bytes())
    with zipfile.ZipFile(FILES / file) as archive:
        start = archive.getinfo("model.weights.h5").header_offset + 100
    for place in np.random.default_rng(0).integers(start, start + 40_000, 60):
        changed = content.copy()
        changed[place] ^= 255
        (tmp_path / file).write_bytes(changed)
        refused(model, tmp_path / file, "damaged", CorruptFileError)


def test_an_archive_that_would_grow_without_bounds_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", bytes(10_000_000))
    refused(built("keras_states.weights.h5"), path, "20 times its size", CorruptFileError)


def test_files_that_keras_does_not_write_are_refused_and_links_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    file = "keras_states.weights.h5"
    shutil.copy(FILES / file, tmp_path / "other.h5")
    for change in ("external", "soft", "virtual", "strings", "gap", "more"):
        path = tmp_path / f"{change}.h5"
        shutil.copy(FILES / file, path)
        with h5py.File(path, "a") as opened:
            folder = opened["layers/dense/vars"]
            if change == "more":
                opened["layers/dense/inner/vars/0"] = np.ones(3, "f4")
            elif change == "gap":
                folder.move("0", "1")
            else:
                del folder["0"]
            if change == "external":
                del opened["layers/dense"]
                opened["layers/dense"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
            elif change == "soft":
                del opened["layers/dense"]
                opened["layers/dense"] = h5py.SoftLink("/layers/gru")
            elif change == "virtual":
                layout = h5py.VirtualLayout((3, 2), "f4")
                source = h5py.VirtualSource(tmp_path / "other.h5", "layers/dense/vars/0", (3, 2))
                layout[:] = source
                folder.create_virtual_dataset("0", layout)
            elif change == "strings":
                folder["0"] = np.full((3, 2), b"a")
        words = "but its 'dense" if change == "more" else "damaged"
        refused(built(file), path, words, ShapeError if change == "more" else CorruptFileError)


def test_keras_files_need_h5py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    file = "keras_states.weights.h5"
    refused(built(file), FILES / file, "pip install h5py", ImportError)


def test_keras_old_form_and_pickles_are_refused_with_advice(tmp_path: Path) -> None:
    model = bp.Sequential([bp.Input((4,)), Dense(2)], seed=0)
    refused(model, FILES / "keras_old_form.h5", r"old form: .*save_weights\('model.weights.h5'\)")
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"")
    refused(model, tmp_path / "x.pt", "pickle.*safetensors", CorruptFileError)


def test_our_own_files_may_have_any_ending(tmp_path: Path) -> None:
    model = bp.Sequential([bp.Input((4,)), Dense(2)], seed=0)
    for name in ("x.h5", "x.keras", "x.safetensors"):
        model.save_weights(tmp_path / name)
        other = bp.Sequential([bp.Input((4,)), Dense(2)], seed=1)
        other.load_weights(tmp_path / name)
        np.testing.assert_array_equal(other.parameters.values, model.parameters.values)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "nowhere.keras")


def test_a_number_that_overflows_is_refused(tmp_path: Path) -> None:
    model = bp.Sequential([bp.Input((1,)), Dense(1, use_bias=False)], seed=0)
    write(tmp_path / "x.safetensors", {"weight": np.array([[1e300]])})
    refused(model, tmp_path / "x.safetensors", "overflow in float32")


# ---------------------------------------------------------------------------- the safetensors form


def write(path: Path, arrays: dict[str, Array]) -> None:
    """A safetensors file, written plainly from the description of the form."""
    names = {"f4": "F32", "f8": "F64"}
    header: dict[str, Any] = {}
    content = io.BytesIO()
    for key, array in arrays.items():
        begin = content.tell()
        content.write(np.ascontiguousarray(array).tobytes())
        kind = names[array.dtype.str[1:]]
        header[key] = entry(kind, array.shape, begin, content.tell())
    path.write_bytes(with_header(json.dumps(header), content.getvalue()))


def entry(kind: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def with_header(header: str, content: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + content


def test_every_dtype_is_read(tmp_path: Path) -> None:
    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "|b1", "I64": "<i8", "U8": "|u1"}
    header, content = {"__metadata__": {"format": "pt"}}, b""
    for kind, dtype in kinds.items():
        part = np.array([[1, 0, 1]], dtype).tobytes()
        header[kind] = entry(kind, [1, 3], len(content), len(content) + len(part))
        content += part
    header["BF16"] = entry("BF16", [2], len(content), len(content) + 4)
    content += struct.pack("<HH", 0x3F80, 0xC020)  # 1, −2.5
    (tmp_path / "x").write_bytes(with_header(json.dumps(header), content))
    found = safetensors.read(tmp_path / "x")
    for kind, dtype in kinds.items():
        assert found[kind].dtype == dtype
        np.testing.assert_array_equal(found[kind], [[1, 0, 1]])
    np.testing.assert_array_equal(found["BF16"], [1, -2.5])


GOOD = entry("F32", [2], 0, 8)
WRONG = {
    "nothing": b"",
    "a short file": b"abc",
    "a header that is too long": struct.pack("<Q", 1 << 60) + b"{}",
    "no JSON": with_header("{nonsense", bytes(8)),
    "a list": with_header("[]", b""),
    "no UTF-8": struct.pack("<Q", 2) + b"{\xff",
    "deep nesting": with_header("[" * 100_000, b""),
    "a name twice": with_header(f'{{"a": {json.dumps(GOOD)}, "a": {json.dumps(GOOD)}}}', bytes(8)),
    "bytes too few": with_header(json.dumps({"a": GOOD}), bytes(7)),
    "bytes too many": with_header(json.dumps({"a": GOOD}), bytes(9)),
    "no shape": with_header('{"a": {"dtype": "F32", "data_offsets": [0, 8]}}', bytes(8)),
    "more than is known": with_header(json.dumps({"a": GOOD | {"x": 1}}), bytes(8)),
    **{
        what: with_header(json.dumps({"a": wrong}), bytes(8))
        for what, wrong in {
            "another shape": entry("F32", [3], 0, 8),
            "a negative shape": entry("F32", [-1, -2], 0, 8),
            "a fraction": entry("F32", [2.0], 0, 8),
            "True": entry("F64", [True], 0, 8),
            "a hole": entry("F32", [1], 4, 8),
            "an end before the beginning": entry("F32", [2], 8, 0),
            "no dtype": entry(None, [2], 0, 8),
            "one place": {"dtype": "F32", "shape": [2], "data_offsets": [0]},
        }.items()
    },
}


@pytest.mark.parametrize("what", WRONG)
def test_a_safetensors_file_that_is_wrong_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(WRONG[what])
    model = bp.Sequential([bp.Input((2,)), Dense(1)], seed=0)
    refused(model, path, "no safetensors file, or it is damaged", CorruptFileError)


def test_a_safetensors_file_that_was_cut_off_or_changed_is_refused(tmp_path: Path) -> None:
    file = "torch_named.safetensors"
    model, content = built(file), (FILES / file).read_bytes()
    for length in range(len(content)):
        (tmp_path / file).write_bytes(content[:length])
        refused(model, tmp_path / file, file, CorruptFileError)
    header = struct.unpack("<Q", content[:8])[0] + 8
    for place in range(header):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / file).write_bytes(changed)
        if place in range(8, header) and changed[place : place + 1].isspace():
            continue
        refused(model, tmp_path / file, file, (CorruptFileError, ValueError))


def test_numbers_of_eight_bits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(with_header(json.dumps({"a": entry("F8_E4M3", [2], 0, 2)}), bytes(2)))
    model = bp.Sequential([bp.Input((2,)), Dense(1)], seed=0)
    refused(model, path, "F8_E4M3.*float32")
