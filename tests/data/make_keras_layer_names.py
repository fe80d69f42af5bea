"""Writes ``keras_layer_names.json``: the names in ``keras.layers`` and ``keras.activations``.

    KERAS_BACKEND=numpy python tests/data/make_keras_layer_names.py

needs Keras 3, which the tests do not. Of each class or function the file has the arguments, in
their order, with their defaults as ``repr`` shows them, and "" for one without a default.
"""

import inspect
import json
from pathlib import Path

import keras


def arguments(made: object) -> dict[str, str]:
    """The arguments that have names, and their defaults."""
    call = made.__init__ if inspect.isclass(made) else made
    given = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    return {
        p.name: "" if p.default is p.empty else repr(p.default)
        for p in given
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }


def main() -> None:
    found = {"keras": keras.__version__}
    for room in (keras.layers, keras.activations):
        names = [name for name in dir(room) if not name.startswith("_")]
        parts = {name: getattr(room, name) for name in names}
        found[room.__name__.split(".")[-1]] = {
            name: arguments(part) for name, part in parts.items() if callable(part)
        }
    path = Path(__file__).with_name("keras_layer_names.json")
    path.write_text(json.dumps(found, indent=1, sort_keys=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
