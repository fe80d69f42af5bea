"""Writes ``keras_names.json``: the names in Keras's families but for the layers.

    KERAS_BACKEND=numpy python tests/data/make_keras_names.py

needs Keras 3, which the tests do not. Of each class or function the file has the arguments, in
their order, with their defaults as ``repr`` shows them, and "" for one without a default. A metric
without a name is called by its class: that is the default which the file has for it.
"""

import inspect
import json
from pathlib import Path

import keras
from keras.src.utils.naming import to_snake_case

ROOMS = {
    "losses": keras.losses,
    "metrics": keras.metrics,
    "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules,
    "callbacks": keras.callbacks,
    "regularizers": keras.regularizers,
    "constraints": keras.constraints,
    "initializers": keras.initializers,
}


def arguments(made: object) -> dict[str, str]:
    """The arguments that have names, and their defaults."""
    call = made.__init__ if inspect.isclass(made) else made
    given = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    found = {
        p.name: "" if p.default is p.empty else repr(p.default)
        for p in given
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    metric = inspect.isclass(made) and issubclass(made, keras.metrics.Metric)
    if metric and found.get("name") == "None":
        found["name"] = repr(to_snake_case(made.__name__))
    return found


def main() -> None:
    found = {"keras": keras.__version__}
    for name, room in ROOMS.items():
        parts = {each: getattr(room, each) for each in dir(room) if not each.startswith("_")}
        found[name] = {
            each: arguments(part)
            for each, part in parts.items()
            if callable(part) and not inspect.ismodule(part)
        }
    path = Path(__file__).with_name("keras_names.json")
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
