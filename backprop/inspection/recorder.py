"""What happens inside a network while it trains: weights, gradients and δ, epoch by epoch."""

import os
from typing import TYPE_CHECKING

import numpy as np

from backprop import plotting
from backprop.callbacks import Callback, Logs
from backprop.core.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Recorder(Callback):
    """A callback that keeps the weights and the δ of every layer at the end of every epoch.

    ::

        recorder = bp.inspection.Recorder()
        model.fit(X, y, epochs=20, callbacks=[recorder])
        recorder.plot_deltas()

    It keeps a copy of all parameters for each epoch, so it is meant for small networks.

    Attributes:
        thetas: θ before the first epoch and after each, each of shape ``(size,)``.
        weights: For each layer with weights, its W (all but biases) after each epoch, flattened.
        deltas: For each layer with weights, ∂E/∂Z of the last batch of each epoch, flattened and
            multiplied by the number of samples, which makes it each sample's own δ.
        losses: The loss of each epoch.
    """

    def __init__(self) -> None:
        self.thetas: list[Array] = []
        self.weights: dict[str, list[Array]] = {}
        self.deltas: dict[str, list[Array]] = {}
        self.losses: list[float] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Keeps the θ that training starts from."""
        self.thetas.append(self.model.parameters.values.copy())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keeps θ, the weights and the δ."""
        self.thetas.append(self.model.parameters.values.copy())
        self.losses.append((logs or {}).get("loss", float("nan")))
        for layer in self.model.layers:
            if not layer.parameters:
                continue
            W = np.concatenate([p.value.ravel() for p in layer.parameters if p.decays] or [[]])
            self.weights.setdefault(layer.name, []).append(W)
            if layer.delta is not None:
                delta = layer.delta * len(layer.delta)  # undoes the mean over the batch
                self.deltas.setdefault(layer.name, []).append(delta.ravel())

    def plot_weights(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """The distribution of each layer's weights over the epochs."""
        return plotting.histograms(self.weights, "weights", path)

    def plot_deltas(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """The sizes of each layer's δ over the epochs, on a log axis: it shows where δ vanishes."""
        return plotting.histograms(self.deltas, "δ = ∂E/∂Z", path, logarithmic=True)
