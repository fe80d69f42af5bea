"""What other libraries call the verbs of a metric, and what to write here."""

from typing import NoReturn

from backprop.core.elsewhere import KnowsElsewhere

VERBS = "write metric.update(prediction, target), metric.result() and metric.reset()"


class KnowsVerbs(KnowsElsewhere):
    """The base of a metric: where it is called, or by other names, it says what to write."""

    _elsewhere = dict.fromkeys(("update_state", "reset_state", "compute"), VERBS)

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """Metrics have verbs, and are not called."""
        raise TypeError(f"{self} is not called: {VERBS}.")
