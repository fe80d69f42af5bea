"""What other libraries call the verbs of a metric, and what to write here."""

from typing import Any, NoReturn

VERBS = "write metric.update(prediction, target), metric.result() and metric.reset()"


class KnowsVerbs:
    """The base of a metric: where it is called, or by other names, it says what to write."""

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """Metrics have verbs, and are not called."""
        raise TypeError(f"{self} is not called: {VERBS}.")

    def __getattr__(self, name: str) -> Any:
        hint = f": {VERBS}" if name in ("update_state", "reset_state", "compute") else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}.")
