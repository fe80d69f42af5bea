"""What other libraries call the verbs of a metric, and what to write here."""

from typing import NoReturn

VERBS = "write metric.update(prediction, target), metric.result() and metric.reset()"


class Elsewhere:
    """An attribute that there is none of: looking it up says what to write."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, made: object, kind: type) -> NoReturn:
        raise AttributeError(f"{kind.__name__} has no attribute {self.name!r}: {VERBS}.")


class KnowsVerbs:
    """The base of a metric: where it is called, or by other names, it says what to write."""

    update_state, reset_state, compute = Elsewhere(), Elsewhere(), Elsewhere()

    def __call__(self, *arguments: object, **options: object) -> NoReturn:
        """Metrics have verbs, and are not called."""
        raise TypeError(f"{self} is not called: {VERBS}.")
