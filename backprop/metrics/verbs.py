"""What other libraries call the verbs of a metric, and what to write here."""

from typing import Any, NoReturn

from backprop.core.elsewhere import KnowsElsewhere

VERBS = "write metric.update(prediction, target), metric.result() and metric.reset()"

STATE = "keep it in an attribute, self.total = 0.0, which reset empties and update adds to"

FORMULAS = {"values", "result", "ratio", "count", "score", "rates"}
"""The methods of the metrics that say what a number is."""


class KnowsVerbs(KnowsElsewhere):
    """The base of a metric: where it is called, or by other names, it says what to write."""

    _elsewhere = {
        **dict.fromkeys(("update_state", "reset_state", "compute"), VERBS),
        **dict.fromkeys(("add_weight", "add_variable", "add_state"), STATE),
    }
    _of_one = "'accuracy' or 'binary_accuracy'"  # what to take where there is one output

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        kind: Any = cls
        if not kind.of_package and "better" not in vars(kind) and FORMULAS & vars(kind).keys():
            kind.better = None  # which way another formula is better, nobody has said

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """Metrics have verbs, and are not called."""
        raise TypeError(f"{self} is not called: {VERBS}.")
