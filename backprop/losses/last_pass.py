"""What a loss knows of the model's last training pass, so that nothing older is differentiated."""

from typing import Any

import numpy as np

from backprop.core.errors import NoForwardError
from backprop.core.settings import Settings
from backprop.core.types import Array


class LastPass(Settings):
    """The base of ``CheckedLoss``, which keeps what its last ``forward`` was given."""

    _judged: tuple[Array, Array] | None
    _returned: Array | None
    _target: Any
    _scale: Any

    def predict(self, output: Array, training: bool = False) -> Array:
        """The prediction for the last layer's outputs: the same, unless an activation is joined."""
        if training:
            self._returned = output  # what a backward pass through the layers will differentiate
            self._scale = None  # that of the last pass goes with other outputs
        return output

    @property
    def ready(self) -> bool:
        """Whether ``backward`` has what ``forward`` keeps."""
        return self._scale is not None

    def check_ready(self, more: str = "") -> None:
        """Checks that there is something to differentiate; ``more`` is said if there is not.

        Raises:
            NoForwardError: No ``forward`` came before, or a training pass after it.
        """
        if not self.ready:
            raise NoForwardError(
                f"{self}: call forward(prediction, target) before backward(): of a compiled model "
                f"model.loss.forward, after each model.forward(X, training=True), with a loss "
                f"object for each model.{more}"
            )

    def check_given(self) -> None:
        """Checks that ``forward`` was given what the model's last training pass returned.

        Raises:
            NoForwardError: It was not called since that pass.
            ValueError: It was given other numbers, of which the layers have kept nothing.
        """
        self.check_ready(
            " Or pass model.backward a delta that is not None: another model's backward returns "
            "∂E/∂X only if the first of its layers has needs_input_gradient = True."
        )
        judged, returned = self._judged, self._returned
        if judged is None or returned is None or self._target is not judged[1]:
            return  # the last one to ask for E was no user
        if judged[0] is not returned and not np.array_equal(judged[0], returned, equal_nan=True):
            raise ValueError(
                f"{self}: forward was given other numbers than the last training pass returned: "
                f"pass what model.forward(X, training=True) did, or delta to model.backward."
            )
