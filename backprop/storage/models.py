"""Model files: one ``.npz`` with all that a model is, from which training goes on.

The parts of a model are written down as the calls that make them (see ``storage.calls``).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from backprop.core.durable import FilePath, check_file
from backprop.core.errors import said
from backprop.core.file_kinds import check_ending
from backprop.core.lookup import own_arguments
from backprop.core.settings import Settings
from backprop.core.transfer import check_none_kept
from backprop.layers import Layer
from backprop.layers.held import check_names
from backprop.losses import Loss
from backprop.metrics import Metric
from backprop.optimizers import Optimizer
from backprop.storage import files, snapshot
from backprop.storage.calls import DICT, describe, find, inside, is_own, remake, set_inside
from backprop.storage.lost import warn_of_lost
from backprop.storage.remade import check_model

M = TypeVar("M")

BASES: dict[str, type] = {
    "optimizer": Optimizer,
    "loss": Loss,
    "metrics": Metric,
    "weighted_metrics": Metric,
}
"""What the arguments of ``compile`` are."""


def save(model: Any, path: FilePath, include_optimizer: bool = True) -> None:
    """Writes a model as one file: architecture, weights and how it is trained.

    The file is whole or not there, also after a crash or a power cut (see ``core.durable``), and
    has the permissions of the one whose place it takes.

    Args:
        model: A ``Sequential``.
        path: The file, for example ``"digits.npz"``; one that is there is replaced.
        include_optimizer: Whether the optimizer's state goes into the file too: vectors as long as
            θ, one of SGD with momentum, two of Adam. Without them the loaded model predicts the
            same, and its optimizer begins as if it had not made a step.

    Raises:
        TypeError: A part of the model cannot be written down; the message says which and why.
        ValueError: A part could not be made again from what would be written down, or would be
            another one; or the name is that of an ONNX file.
        NotBuiltError: The model is not built, but has copies of layers with their weights.
        OSError: The file cannot be written; the one that was there is still there.
    """
    tree = try_saving(model, path)
    if model.input_shape is None:
        check_names(model.layers)
        check_none_kept(model.layers)
    else:
        tree |= snapshot.take(model, include_optimizer)
    files.write(path, "model", tree)


def try_saving(model: Any, path: FilePath) -> dict[str, Any]:
    """Finds out whether a model can be saved under that name; returns its ``description``.

    Raises:
        TypeError: A part of the model cannot be written down.
        ValueError: A part could not be made again, or the name is that of an ONNX file.
    """
    check_ending(path, (".onnx", ".tflite"), "model.export(path) writes ONNX")
    return description(model)


def description(model: Any) -> dict[str, Any]:
    """All of a model but its numbers.

    Raises:
        TypeError: A part of the model cannot be written down; the message says which and why.
        ValueError: A part could not be made again from what would be written down.
    """
    known: dict[str, Any] = {}
    tree: dict[str, Any] = {
        "class": type(model).__name__,
        "layers": [describe(layer, str(layer), known) for layer in model.layers],
        "seed": model.seed,
        "dtype": model.dtype.name,
        "input_shape": model.input_shape,
        "compiled": None,
    }
    if model.compiled:
        tree["compiled"] = {
            "optimizer": describe(model.optimizer, "the optimizer", known),
            "loss": describe(model._given_loss, "the loss", known),
            "metrics": metrics_of(model, False, known),
            "weighted_metrics": metrics_of(model, True, known),
        }
    # what could not be made again is to be found now, not when the file is needed
    for part in (tree["compiled"] or {}).values():
        remake(part, known, "the model")
    made = remake(tree["layers"], known, "the model")
    tree["inside"] = inside(model.layers, made, known)
    if not model.of_package:
        tree["arguments"] = others_of(model, known)
        check_model(model, lambda: new_model(type(model), made, tree, known, "the model"))
    if model.input_shape is not None:
        set_inside(made, tree["inside"], known, "the model")
        warn_of_lost(model.layers, made)
    return tree


def others_of(model: Any, known: dict[str, Any]) -> dict[str, Any]:
    """What the constructor of a model of the user's own takes besides layers, seed and dtype.

    An argument that is kept nowhere has served for making the layers.
    """
    names = [p.name for p in own_arguments(type(model))[1:]]
    passed = vars(model).get("_others", ([], {}))[1]
    found = {n: passed.get(n, ...) for n in [*names, *passed]}
    found |= {n: getattr(model, n) for n in found if is_own(model, n)}
    return {
        name: describe(value, f"{name} of the model", known)
        for name, value in found.items()
        if value is not ... and name not in ("seed", "dtype")
    }


def new_model(
    kind: Any, made: list[Layer], tree: dict[str, Any], custom: Mapping[str, Any], origin: str
) -> Any:
    """A model of these layers, neither compiled nor built."""
    others = remake({DICT: tree.get("arguments", {})}, custom, origin)
    return kind(made, seed=tree["seed"], dtype=tree["dtype"], **others)


def metrics_of(model: Any, weighted: bool, known: dict[str, Any]) -> list[Any]:
    """The descriptions of those metrics that follow the sample weights, or of the others."""
    found = [metric for metric in model.metrics if metric.weighted == weighted]
    return [describe(metric, f"metric {metric.name!r}", known) for metric in found]


def load(
    model_class: type[M],
    path: FilePath,
    custom_objects: Mapping[str, Any] | None = None,
) -> M:
    """The model that ``save`` wrote: predicting and training give the same bits.

    Args:
        model_class: ``Sequential``.
        path: The file.
        custom_objects: Classes and functions of one's own by name: ``{"Scale": Scale}``.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: The file is none of ours, or damaged.
        ValueError: It holds something else, or is of a newer version; or a class is not known, or
            cannot be made as it was.
        TypeError: ``custom_objects`` is no dict, or holds an object in the place of its class.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(
            f"custom_objects must be a dict such as {{'Scale': Scale}}, not {said(custom_objects)}."
        )
    origin, custom = repr(check_file(path)), custom_objects or {}
    for name, given in custom.items():
        if isinstance(given, Settings):
            raise TypeError(
                f"custom_objects[{name!r}] must be the class, but it is an object of it, "
                f"{said(given)}: leave out the parentheses."
            )
    tree = files.read(path, "model")
    kind: Any = model_class
    with files.belief(path):
        if tree["class"] != kind.__name__:
            kind = find(tree["class"], custom, origin)
        made = [remake(layer, custom, origin, Layer) for layer in tree["layers"]]
        settings = tree.get("inside", {})  # which files of older versions have not
        set_inside(made, settings, custom, origin)
        model = new_model(kind, made, tree, custom, origin)
        if tree["compiled"] is not None:
            parts = tree["compiled"].items()
            model.compile(**{k: remake(v, custom, origin, BASES[k]) for k, v in parts})
        if tree["input_shape"] is not None:
            model.build((None, *tree["input_shape"]))
            if set_inside(model.layers, settings, custom, origin):
                model.reset()  # which builds it again
            snapshot.put_back(model, tree, origin)
    loaded: M = model
    return loaded
