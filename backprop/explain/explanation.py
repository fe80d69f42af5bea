"""``model.explain``: one forward and backward pass laid open, for looking at and for teaching."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backprop.core.checks import is_whole
from backprop.core.durable import FilePath, check_file, save_text
from backprop.core.errors import said
from backprop.core.settings import Settings
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.explain.drawing import draw
from backprop.explain.formulas import derivation
from backprop.explain.latex import as_latex
from backprop.explain.page import as_page
from backprop.explain.paths import Paths, find_paths
from backprop.explain.record import LayerRecord, Record
from backprop.explain.recording import Explainable, record_pass
from backprop.explain.text import as_html, as_text
from backprop.training.divergence import quietly

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Explanation(Settings):
    """One training step, every number of it: forward, loss, backward, update.

    ``print`` shows it as a table of formulas and values, a notebook as HTML, ``latex()`` as a
    derivation for a document, ``plot()`` as a picture and ``paths()`` as the chain rule written
    out; ``save()`` writes any of these to a file, or a page that runs the network. The superscript
    in z⁽¹⁾, a⁽¹⁾, W⁽¹⁾ counts the layers with weights, δ⁽¹⁾ is ∂E/∂z⁽¹⁾, and rows are samples.

    The numbers themselves are found by a layer's name or position::

        explanation["dense_1"].dW        # ∂E/∂W
        explanation["dense_1"].W_new     # W after the optimizer's step
        explanation["dense_1"].delta     # ∂E/∂Z; explanation[0].delta is the same
        explanation["sigmoid_1"].delta   # ∂E/∂A

    Attributes:
        layers: What each layer computed, in order; see ``LayerRecord``.
        X: The inputs, shape ``(N, …)``.
        y: The targets as the loss takes them.
        prediction: ŷ, shape ``(N, K)``.
        loss: E.
        loss_parts: What every output of every sample adds to E, shape ``(N, K)``; shape ``(N,)``
            for a loss that is not known to be a sum over outputs.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
        >>> model.compile(bp.optimizers.SGD(0.1), "half_squared_error")
        >>> explanation = model.explain([2.0], [5.0])
        >>> explanation.loss, explanation["dense_1"].delta  # ½ (2 − 5)² and 2 − 5
        (4.5, array([[-3.]], dtype=float32))
        >>> explanation["dense_1"].dW, explanation["dense_1"].W_new  # 2 · −3 and 1 + 0.1 · 6
        (array([[-6.]], dtype=float32), array([[1.6]], dtype=float32))
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self.layers = record.layers
        self.X: Array = record.data.X
        self.y: Array = record.data.y
        self.prediction = record.prediction
        self.loss = record.loss
        self.loss_parts = record.loss_parts

    def __getitem__(self, layer: str | int) -> LayerRecord:
        """What the layer of that name, or at that position, computed.

        Raises:
            KeyError: No layer has that name.
            IndexError: There are not so many layers.
        """
        return self.layers[self._position(layer)]

    @quietly
    @answered
    def paths(self, source: str | int, unit: int = 0, sample: int = 0) -> Paths:
        """The chain rule written out: all paths from one unit to the loss, and their sum.

        Args:
            source: The layer whose unit it is, by name or position, or ``"x"`` for the input. For
                a layer that an activation follows, it is the unit after the activation.
            unit: The unit, from 0; formulas count from 1.
            sample: The sample, from 0.

        Returns:
            The paths, a sequence; each has its named ``factors`` and their ``product``. Their
            ``total`` equals the ``backpropagated`` derivative. ``print`` shows them.

        Raises:
            ValueError: There are more than 10,000 paths, a layer does not map vectors to vectors,
                or it mixes the samples of the batch.
        """
        if source == "x" and all(layer.name != "x" for layer in self.layers):
            return find_paths(self._record, -1, unit, sample)
        position = self._position(source)
        after = self.layers[position].activation is not None
        return find_paths(self._record, position + after, unit, sample)

    @quietly
    @answered
    def latex(self) -> str:
        """The derivation in LaTeX with its numbers, for a document that loads ``amsmath``."""
        return as_latex(self._head(), derivation(self._record))

    @quietly
    @answered
    def plot(self, path: FilePath | None = None, sample: int = 0) -> Figure:
        """Draws the activations flowing forward and the error flowing back.

        Networks of dense layers with up to eight units each are drawn as nodes and edges, others
        as heat maps, layer by layer.

        Args:
            path: Where to save the picture, if anywhere.
            sample: The sample whose activations and δ are drawn; the gradients of the weights are
                those of the whole batch.
        """
        return draw(self._record, path, sample)

    @answered
    def save(self, path: FilePath) -> None:
        """Writes the explanation to a file, in the form that its ending names.

        ``.html`` is a page that runs the network and needs nothing but a browser, ``.tex`` the
        derivation in LaTeX, ``.txt`` the table that ``print`` shows, and ``.png`` and ``.svg`` are
        the picture of the first sample.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            ValueError: The ending is none of these.
            FileNotFoundError: The folder does not exist.
        """
        texts: dict[str, Callable[[], str]] = {
            ".html": self._page,
            ".tex": self.latex,
            ".txt": lambda: f"{self}\n",
        }
        name = check_file(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix in (".png", ".svg"):
            self.plot(path)
        elif suffix in texts:
            save_text(path, texts[suffix]())
        else:
            raise ValueError(f"path is {name!r}: let it end with .html, .tex, .txt, .png or .svg.")

    def _position(self, layer: str | int) -> int:
        if isinstance(layer, str):
            names = [own.name for own in self.layers]
            if layer not in names:
                raise KeyError(f"no layer is called {layer!r}: there are {', '.join(names)}.")
            return names.index(layer)
        if not is_whole(layer):
            raise TypeError(f"a layer is found by its name or its position, not by {said(layer)}.")
        if not -len(self.layers) <= layer < len(self.layers):
            raise IndexError(f"there are {len(self.layers)} layers, but {layer} was asked for.")
        return layer % len(self.layers)

    def _head(self) -> str:
        n = len(self.X)
        samples = "one sample" if n == 1 else f"{n} samples (rows)"
        return f"One training step on {samples}; `w_ij` leads from unit i to unit j"

    @quietly
    def _page(self) -> str:
        return as_page(self._head(), self._record)

    @quietly
    def __str__(self) -> str:
        return as_text(self._head(), derivation(self._record))

    @quietly
    def _repr_html_(self) -> str:
        return as_html(self._head(), derivation(self._record))

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers)
        return f"<Explanation of {names}: loss {self.loss:.6g}; print it>"


@answered
def explain(model: Explainable, X: Any, y: Any, sample_weight: Any = None) -> Explanation:
    """One forward and backward pass and the update that would follow, laid open.

    Nothing in the model changes: everything is computed on a copy of it, as training would.

    The text has Greek letters and arrows. Where stdout lacks them, as in cp1252 or ASCII, ``print``
    raises a UnicodeEncodeError: call stdout's ``reconfigure(errors="replace")`` before, or set the
    environment variable PYTHONIOENCODING=utf-8. So it is with the other reports of the package
    that are printed by ``print``; what the package prints itself is always shown.

    Args:
        model: A compiled model.
        X: A batch ``(N, …)``, or a single sample.
        y: Its targets, or that of the single sample.
        sample_weight: Weights of the samples in the loss, as for ``fit``.

    Raises:
        ValueError: The model is not compiled, or the data do not fit it.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1, False, "ones")])
        >>> model.compile("sgd", "half_squared_error")
        >>> explanation = bp.explain.explain(model, [[2.0], [3.0]], [[5.0], [5.0]])
        >>> explanation.prediction, explanation.loss_parts.round(4)  # ½ · 9/2 and ½ · 4/2
        (array([[2.],
               [3.]], dtype=float32), array([[2.25],
               [1.  ]], dtype=float32))
    """
    return Explanation(record_pass(model, X, y, sample_weight))
