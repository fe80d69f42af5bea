"""How often a callback writes files."""

from backprop.callbacks.base import Callback
from backprop.core.checks import check_integer


class FixedFrequency(Callback):
    """The base of callbacks whose hooks are chosen by ``save_freq`` when they are made."""

    def check_setting(self, name: str) -> None:
        """Raises AttributeError: the hooks would stay those of another frequency."""
        if name == "save_freq":
            made = type(self).__name__
            raise AttributeError(f"save_freq cannot be changed: make another {made}.")


def check_frequency(frequency: str | int, name: str = "save_freq") -> str | int:
    """``"epoch"`` or a number of steps.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(frequency, str) and frequency == "epoch":
        return frequency
    return check_integer(frequency, f"{name}, if it is not 'epoch',")
