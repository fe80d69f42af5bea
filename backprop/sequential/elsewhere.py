"""What Keras, PyTorch and scikit-learn call the verbs of a model, and what to write here."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import getattr_static
from typing import Any, NoReturn

NO_MODES = (
    "there are no modes: fit trains, predict and evaluate do not; forward(x, training=True) "
    "computes as training does"
)
WEIGHTS = "write model.get_weights() or model.parameters"

ELSEWHERE = {
    "predict_proba": "model.predict(x) returns the probabilities",
    "predict_classes": "write model.predict(x).argmax(axis=-1)",
    "score": "write model.evaluate(x, y)",
    "partial_fit": "write model.fit(x, y), which goes on where the last fit ended",
    **dict.fromkeys(("train", "eval"), NO_MODES),
    "zero_grad": "model.backward() writes the gradients anew, so that none need be emptied",
    "state_dict": "write model.get_weights(), or model.save_weights(path)",
    "load_state_dict": "write model.set_weights(weights), or model.load_weights(path)",
    **dict.fromkeys(("weights", "variables"), WEIGHTS),
    **dict.fromkeys(("trainable_weights", "trainable_variables"), WEIGHTS),
    "count_params": "write model.parameters.values.size",
    "pop": "make a new model of the layers, [layer.copy() for layer in model.layers[:-1]]",
    "fit_generator": "model.fit takes generators",
    "evaluate_generator": "model.evaluate takes generators",
    "predict_generator": "model.predict takes generators",
    **dict.fromkeys(("get_config", "to_json"), "model.save(path) keeps the layers and the weights"),
}
"""By the name of an attribute, what there is for it."""


class Elsewhere:
    """An attribute that there is none of: looking it up says what to write.

    It costs nothing where others are read, which a ``__getattr__`` of the class would slow down.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, made: Any, kind: type) -> NoReturn:
        raise AttributeError(
            f"{kind.__name__} has no attribute {self.name!r}: {ELSEWHERE[self.name]}."
        )


class Missing:
    """What the constructor of a model sets, until it has: reading it says who must call it.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, made: Any, kind: type) -> NoReturn:
        if made is None:
            raise AttributeError(f"{kind.__name__} has no attribute {self.name!r}.")
        raise TypeError(
            f"{kind.__name__}.__init__ must call super().__init__() in its first line: what that "
            f"sets is missing."
        )


class KnowsElsewhere:
    """The base of a model: it answers to those names, and does not list them."""

    def __dir__(self) -> Iterable[str]:
        return [
            name
            for name in super().__dir__()
            if not isinstance(getattr_static(self, name, None), Elsewhere)
        ]


for each in ELSEWHERE:
    setattr(KnowsElsewhere, each, Elsewhere(each))
for each in ("_chain", "_head"):
    setattr(KnowsElsewhere, each, Missing(each))
