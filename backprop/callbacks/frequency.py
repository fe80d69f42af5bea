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


def check_frequency(save_freq: str | int) -> str | int:
    """``"epoch"`` or a number of steps.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(save_freq, str) and save_freq == "epoch":
        return save_freq
    return check_integer(save_freq, "save_freq, if it is not 'epoch',")
