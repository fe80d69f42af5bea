"""Models from files."""

from collections.abc import Mapping
from typing import Any

from backprop.core.durable import FilePath
from backprop.sequential.model import Sequential
from backprop.storage import models as saving


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
    """
    return saving.load(Sequential, path, custom_objects)
