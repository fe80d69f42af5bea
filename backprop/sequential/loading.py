"""Models from files."""

from collections.abc import Mapping
from typing import Any

from backprop import storage
from backprop.core.durable import FilePath
from backprop.core.signatures import answered
from backprop.sequential.model import Sequential


@answered
def load_model(path: FilePath, custom_objects: Mapping[str, Any] | None = None) -> Sequential:
    """The model that ``model.save`` wrote: it predicts and trains on with the same bits.

    Args:
        path: The file, for example ``"digits.npz"``.
        custom_objects: Classes and functions of your own by name, ``{"Scale": Scale}``; nothing
            else is looked up, and nothing in the file is run.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: It is none of ours, or damaged: a damaged file is never believed.
        ValueError: It is not a model's, or of a newer version; or a class in it is not known, or
            cannot be made as it was.

    Example:
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)])
        >>> model.save("model.npz")
        >>> X = np.ones((3, 2))
        >>> np.array_equal(bp.load_model("model.npz").predict(X), model.predict(X))
        True
    """
    return storage.models.load(Sequential, path, custom_objects)


@answered
def load_onnx(path: FilePath) -> Sequential:
    """The model that an ONNX file holds, to predict, explain or train on with; needs ``onnx``.

    It can be read if it is a chain of the operators that ``model.export`` writes, whoever wrote it.
    A value may go several ways that are joined again by an Add, which becomes a ``Residual``, or by
    a Sum, Mean, Max, Mul or Concat, which become a ``Parallel``. Attention, masks, RMS
    and unit normalisations and layers for each step by itself are refused. The model takes the
    inputs that the file does: where these have channels first, it begins with a ``Permute``. It is
    not compiled.

    Args:
        path: The file, for example ``"digits.onnx"``.

    Raises:
        ImportError: The package ``onnx`` is not installed.
        FileNotFoundError: There is no such file.
        CorruptFileError: It is no ONNX file, or damaged.
        ValueError: A node cannot be read; the message names the node and its operator.

    Example:
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1), bp.layers.Sigmoid()])
        >>> model.export("model.onnx")
        >>> bp.load_onnx("model.onnx").layers
        [<Dense 'dense_1'>, <Sigmoid 'sigmoid_1'>]
    """
    return storage.import_onnx(Sequential, path)
