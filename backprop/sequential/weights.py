"""The parameters of a model as one vector: read, set, written into files and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backprop import storage
from backprop.core.descriptors import Checked
from backprop.core.durable import FilePath
from backprop.core.elsewhere import KnowsElsewhere, WithoutItems
from backprop.core.errors import NotBuiltError
from backprop.core.file_kinds import check_ending
from backprop.core.frames import check_names
from backprop.core.parameters import Parameters
from backprop.core.settings import Settings
from backprop.core.signatures import answered
from backprop.core.transfer import set_weights
from backprop.core.types import Array
from backprop.sequential.elsewhere import ELSEWHERE, Missing, warn_of_uncalled

OTHERS = (".tflite", ".keras", ".h5", ".pt", ".pth", ".pb", ".npz", ".safetensors")
"""Endings of files that are not ONNX."""


class ColumnNames(Checked):
    """The names of the columns of a frame; None of a model that saw none."""

    def __get__(self, made: Any, kind: type) -> Any:
        return None if made is None else vars(made).get(self.name)

    def __set__(self, made: Any, value: Any) -> None:
        names, shape = self.check(value, self.name), made.input_shape
        if names and shape and len(shape) == 1 and len(names) != shape[0]:
            raise ValueError(
                f"{self.name} must name the {shape[0]} features of the model, but there are "
                f"{len(names)}."
            )
        vars(made)[self.name] = names


class Weights(KnowsElsewhere, WithoutItems, Settings):
    """θ and g of a model, and the files that hold it."""

    feature_names: Any = ColumnNames(check_names)
    _elsewhere = ELSEWHERE
    _instead_of_items = "write model.layers[0], or model.get_layer(name)"
    not_taken = dict.fromkeys(
        ("lr", "learning_rate"), "it is the optimizer's: model.optimizer.learning_rate"
    )
    _parameters: Parameters | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        warn_of_uncalled(cls)

    @property
    def parameters(self) -> Parameters:
        """θ (``.values``) and g (``.gradients``), and by iteration each named parameter.

        Raises:
            NotBuiltError: The number of inputs is not known yet.
        """
        if self._parameters is None:
            raise NotBuiltError(
                "the model is not built, so that it has no parameters yet: call "
                "build((None, *X.shape[1:])), start with Input(X.shape[1:]), or fit it."
            )
        return self._parameters

    def get_weights(self) -> list[Array]:
        """Copies of all parameters, in the order of the layers.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1, kernel_initializer="ones")])
            >>> [weights.shape for weights in model.get_weights()]  # W, b
            [(2, 1), (1,)]
        """
        return [p.value.copy() for p in self.parameters]

    @answered
    def set_weights(self, weights: Sequence[Array]) -> None:
        """Sets all parameters, in the order of ``get_weights``.

        Raises:
            TypeError: They are not arrays of numbers.
            ValueError: One is masked or too large for the dtype, or a moving variance is negative.
            ShapeError: Their number or a shape differs. Nothing is changed after an error.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)])
            >>> model.set_weights([[[2.0], [3.0]], [1.0]])  # W, b
            >>> model.parameters.values
            array([2., 3., 1.], dtype=float32)
        """
        set_weights(list(self.parameters), weights)

    @answered
    def save(self, path: FilePath, include_optimizer: bool = True) -> None:
        """Writes the whole model as one file, from which training goes on with the same bits.

        ``bp.load_model(path)`` reads it. The file is whole or not there, also after a crash.

        Args:
            path: The file, for example ``"digits.npz"``; one that is there is replaced.
            include_optimizer: Whether the optimizer's state goes into the file: vectors as long as
                θ, one of SGD with momentum, two of Adam.

        Raises:
            TypeError: A part of the model cannot be written down; the message says which and why.
            ValueError: A part could not be made again from what would be written down, or the name
                is that of an ONNX file.
            OSError: The file cannot be written; the one that was there is still there.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)])
            >>> model.save("model.npz")
            >>> bp.load_model("model.npz")
            <Sequential [Dense 'dense_1']>
        """
        storage.models.save(self, path, include_optimizer)

    @answered
    def save_weights(self, path: FilePath) -> None:
        """Writes the parameters alone, each under its name; whole or not at all, as ``save``.

        Raises:
            OSError: The file cannot be written; the one that was there is still there.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)])
            >>> model.save_weights("weights.npz")
            >>> "weights/dense_1.W" in np.load("weights.npz")
            True
        """
        storage.save_weights(self, path)

    @answered
    def load_weights(self, path: FilePath) -> None:
        """Sets the parameters from a file, also of Keras or PyTorch; all of them or none.

        Raises:
            FileNotFoundError: There is no such file.
            ShapeError: Layers, names or shapes differ; the message names the layers.
            CorruptFileError: The file is damaged, or none of those that can be read.
            ValueError: It is of a newer version, or in a form that is not read; or it holds a
                number that overflows the model's dtype.
            ImportError: It is Keras's, and the package ``h5py`` is not installed.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)], seed=0)
            >>> model.save_weights("weights.npz")
            >>> other = bp.Sequential([bp.Input(2), bp.layers.Dense(1)], seed=1)
            >>> other.load_weights("weights.npz")
            >>> np.array_equal(other.parameters.values, model.parameters.values)
            True
        """
        storage.load_weights(self, path)

    @answered
    def export(self, path: FilePath, logits: bool = False) -> None:
        """Writes what ``predict`` computes as an ONNX file, for other runtimes; needs ``onnx``.

        The file has one input, ``"x"``, with the shape of ``predict``'s and the model's dtype, and
        one output, ``"probabilities"`` where the model ends with a Softmax or Sigmoid, ``"logits"``
        or ``"y"``. ``bp.load_onnx(path)`` reads chains and blocks back.

        Args:
            path: The file, for example ``"digits.onnx"``; one that is there is replaced at the end.
            logits: Whether to leave out the Softmax or Sigmoid at the end.

        Raises:
            ImportError: The package ``onnx`` is not installed.
            NotBuiltError: The model has no weights yet.
            TypeError: A layer of your own does not say how to express it; the message shows how
                (see ``storage.onnx_graph.Graph``).
            ValueError: Logits are asked for, but no Softmax or Sigmoid stands at the end; or the
                name is that of another format.

        Example:
            >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1), bp.layers.Sigmoid()])
            >>> model.export("model.onnx", logits=True)
            >>> bp.load_onnx("model.onnx").layers
            [<Dense 'dense_1'>]
        """
        check_ending(
            path, OTHERS, "export writes ONNX; model.save(path) writes backprop's own file"
        )
        storage.export_onnx(self, path, logits)


for each in ("_chain", "_head"):
    setattr(Weights, each, Missing(each))
