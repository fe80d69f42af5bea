"""Weights from files: those that backprop wrote, and those of Keras and PyTorch."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from backprop.core.durable import FilePath, check_file
from backprop.core.types import Array
from backprop.layers import Layer
from backprop.storage import files, keras_weights, snapshot, torch_weights

Read = Callable[[Sequence[Layer], FilePath], dict[str, Array]]
"""Reads the weights of a file for built layers, by the names of the parameters."""

KERAS_ENDINGS = (".h5", ".hdf5", ".keras")
KERAS_MEMBERS = (b"metadata.json", b"config.json", b"model.weights.h5")
"""How names of Keras's files end, and what stands first in those that are zip archives."""


def save_weights(model: Any, path: FilePath) -> None:
    """Writes θ alone, each parameter under its name, whole or not at all as ``save`` does."""
    files.write(path, "weights", {"weights": {p.name: p.value for p in model.parameters}})


def load_weights(model: Any, path: FilePath) -> None:
    """Puts the weights of a file into a built model, whoever wrote it.

    What a file is shows in its first bytes. Of every kind all is checked first: a file that does
    not fit changes nothing. Those of Keras 3 (``.weights.h5`` and ``.keras``) need h5py; of PyTorch
    ``safetensors`` are read, in which the kernels are turned, the gates put into our order, and the
    rows behind a ``Flatten`` of images too, as it has channels first. What is no weight is in none
    of them: give the layers the ε, the padding and the activations that they have there. And
    ``.weights.h5`` and ``safetensors`` have no checksum: a number that was changed in one of them
    cannot be noticed.

    Raises:
        FileNotFoundError: There is no such file.
        ShapeError: Layers, names or shapes differ; the message names the layers.
        CorruptFileError: The file is damaged, or none of those that can be read.
        ValueError: It is of a newer version, or in a form that is not read; or it holds a number
            that overflows the model's dtype.
        ImportError: It is Keras's, and the package ``h5py`` is not installed.
    """
    name, parameters = check_file(path), model.parameters
    weights = reader_of(name)(model.layers, name)
    with files.belief(name):
        snapshot.check_weights(parameters, weights, repr(name))
    snapshot.set_weights(parameters, weights)


def reader_of(path: str) -> Read:
    """What reads the weights of a file, by whoever wrote it."""
    if not os.path.isfile(path):
        return read_own  # it says what is wrong
    with open(path, "rb") as file:
        start = file.read(64)
    if start.startswith(b"PK"):
        return keras_weights.read if start[30:].startswith(KERAS_MEMBERS) else read_own
    if start.startswith(b"\x89HDF") or path.lower().endswith(KERAS_ENDINGS):
        return keras_weights.read
    if start[8:9] == b"{" or path.lower().endswith(".safetensors"):
        return torch_weights.read
    return read_own


def read_own(layers: Sequence[Layer], path: FilePath) -> dict[str, Array]:
    """The weights of a file that backprop wrote, of weights or of a whole model.

    Raises:
        FileNotFoundError: There is no such file.
        CorruptFileError: The file is none of ours, or damaged.
        ValueError: It is of a newer version.
    """
    found: dict[str, Array] = files.read(path, "weights", "model").get("weights", {})
    return found
