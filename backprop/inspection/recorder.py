"""What happens inside a network while it trains: weights, gradients and δ, epoch by epoch."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import plotting
from backprop.callbacks import Callback, Logs
from backprop.core.durable import FilePath, check_file, save_text
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.inspection.training_page import training_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Recorder(Callback):
    """A callback that keeps the weights and the δ of every layer at the end of every epoch.

    It keeps a copy of all parameters for each epoch, so it is meant for small networks.

    Attributes:
        thetas: θ before the first epoch and after each, each of shape ``(size,)``.
        weights: For each layer with weights, its W (all but biases) after each epoch, flattened.
        deltas: For each layer with weights, ∂E/∂Z of the last batch of each epoch, flattened and
            multiplied by the number of samples, which makes it each sample's own δ.
        losses: The loss of each epoch.
        validation_losses: That on the validation data, if there are any, up to the last epoch with
            a validation; nan for the epochs without one before it.

    Example:
        >>> model = bp.Sequential([bp.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> recorder = bp.inspection.Recorder()
        >>> X, y = np.ones((8, 1)), np.ones(8)
        >>> history = model.fit(X, y, epochs=20, verbose=0, callbacks=[recorder])
        >>> len(recorder.thetas), recorder.weights["dense_1"][0].shape
        (21, (1,))
    """

    def __init__(self) -> None:
        self.thetas: list[Array] = []
        self.weights: dict[str, list[Array]] = {}
        self.deltas: dict[str, list[Array]] = {}
        self.losses: list[float] = []
        self.validation_losses: list[float] = []

    def state(self) -> dict[str, Any]:
        """All that was recorded so far."""
        names = ("thetas", "weights", "deltas", "losses", "validation_losses")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind it."""
        for name, recorded in state.items():
            setattr(self, name, recorded)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Keeps the θ that training starts from."""
        self.thetas.append(self.model.parameters.values.copy())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keeps θ, the weights and the δ."""
        self.thetas.append(self.model.parameters.values.copy())
        self.losses.append((logs or {}).get("loss", float("nan")))
        if logs and "val_loss" in logs:
            without = len(self.losses) - 1 - len(self.validation_losses)
            self.validation_losses += [float("nan")] * without + [logs["val_loss"]]
        for layer in self.model.layers:
            if not layer.parameters:
                continue
            W = np.concatenate([p.value.ravel() for p in layer.parameters if p.decays] or [[]])
            self.weights.setdefault(layer.name, []).append(W)
            if layer.delta is not None:
                delta = layer.delta * len(layer.delta)  # undoes the mean over the batch
                self.deltas.setdefault(layer.name, []).append(delta.ravel())

    @answered
    def plot_weights(self, path: FilePath | None = None) -> "Figure":
        """The distribution of each layer's weights over the epochs."""
        return plotting.histograms(self.weights, "weights", path)

    @answered
    def plot_deltas(self, path: FilePath | None = None) -> "Figure":
        """The sizes of each layer's δ over the epochs, on a log axis: it shows where δ vanishes."""
        return plotting.histograms(self.deltas, "δ = ∂E/∂Z", path, logarithmic=True)

    @answered
    def save(self, path: FilePath, X: Any = None, y: Any = None) -> None:
        """Writes a page to scrub through the epochs; it needs nothing but a browser.

        It shows the losses, the weights as heat maps, the sizes of each layer's δ, and for a
        classifier of two inputs its decision regions, all from the recorded numbers. Of more than
        101 epochs, and of larger weight matrices, a part is shown.

        Args:
            path: The file, which ends with ``.html``; one that is there is replaced.
            X: Samples ``(N, 2)``, for the decision regions.
            y: Their classes ``(N,)``, as indices.

        Raises:
            ValueError: The path has another ending, there was no training or more than one, or
                the samples do not fit the model.
            FileNotFoundError: The folder does not exist.
        """
        name = check_file(path)
        if not name.lower().endswith(".html"):
            raise ValueError(f"path is {name!r}: let it end with .html.")
        if not self.losses:
            raise ValueError("no epoch was recorded: pass the Recorder to fit's callbacks first.")
        if len(self.thetas) != len(self.losses) + 1:
            raise ValueError(
                f"the Recorder saw {len(self.thetas) - len(self.losses)} trainings: take a new one "
                f"for each call of fit."
            )
        losses = [self.losses, self.validation_losses]
        save_text(path, training_page(self.model, self.thetas, self.deltas, losses, X, y))
