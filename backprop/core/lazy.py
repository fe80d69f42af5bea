"""Loads the files of a folder when one of their names is first used: importing stays quick."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

PACKAGE = __name__.partition(".")[0]

ELSEWHERE = {
    "linear": "Dense",
    "swish": "SiLU",
    "inputlayer": "Input",
    "concatenate": "Parallel",
    "add": "Residual",
    "average": "Parallel",
    "maximum": "Parallel",
    "minimum": "Parallel",
    "multiply": "Parallel",
    "activations": "layers",
    "embeddingbag": "Embedding",
    "rnn": "SimpleRNN",
    "crossentropyloss": "SparseCategoricalCrossentropy",
    "nllloss": "SparseCategoricalCrossentropy",
    "bceloss": "BinaryCrossentropy",
    "bcewithlogitsloss": "BinaryCrossentropy",
    "mse": "MeanSquaredError",
    "mseloss": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "kld": "KLDivergence",
    "attention": "MultiHeadAttention",
    "subtract": "Parallel",
    "l1loss": "MeanAbsoluteError",
    "auroc": "AUC",
    "nonneg": "NonNegative",
    "loaddata": "load_mnist",
    "learningrateschedule": "Schedule",
    "model": "Sequential",
    "models": "Sequential",
    "module": "layers",
    "nn": "layers",
    "optim": "optimizers",
}
"""Names from other libraries in small letters, and what they are called here."""


def lazy_names(
    folder: str, **names: Sequence[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The ``__getattr__``, ``__dir__`` (PEP 562) and ``__all__`` of a folder's ``__init__``.

    Beside the call the same names stand as imports under ``TYPE_CHECKING``, for readers, editors
    and type checkers, which take ``import Dense as Dense`` for a name of the folder itself. The
    files themselves are found, too; one that defines none of the names stands with an empty list,
    ``files=[]``. No file may have the name of something that it defines: Python sets a folder's
    attribute to the file once that is loaded.

    Args:
        folder: The ``__name__`` of the ``__init__``.
        **names: The names by the file that defines them: ``surface=["loss_surface"]``.
    """
    file_of = {name: f"{folder}.{file}" for file, defined in names.items() for name in defined}

    def getattr_(name: str) -> Any:
        if name in names:
            return load(f"{folder}.{name}")
        if name not in file_of:
            path = f"{folder}.{name}"  # estimators, which nothing else loads
            if name[:1] != "_" and find_spec(path):
                hint = f" before import {path}"
                raise AttributeError(f"module {folder!r} has no attribute {name!r}{hint}")
            refuse(folder, name)
        return getattr(load(file_of[name]), name)

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[folder]), *file_of})

    sys.modules[folder].__class__ = NotCalled
    set_again(sys.modules[folder])
    if "pdoc" in sys.modules:  # it looks at the names of a folder without asking for them
        vars(sys.modules[folder]).update({name: getattr_(name) for name in file_of})
    return getattr_, dir_, sorted(file_of)


class NotCalled(ModuleType):
    """A module that says what to call in its place: ``layers.Dense`` for ``layers.dense``."""

    def __call__(self, *given: object, **named: object) -> NoReturn:
        """Modules are not called."""
        folder, _, name = self.__name__.rpartition(".")
        for place in (folder, self.__name__):
            for each in public(place):
                if plain(each) == plain(name) and f"{place}.{each}" not in sys.modules:
                    raise TypeError(f"module {self.__name__!r} is not called: write {place}.{each}")
        raise TypeError(f"module {self.__name__!r} is not called")

    def __setattr__(self, name: str, value: object) -> None:
        """Python sets each file that is imported, by whomever, in its folder."""
        if type(value) is ModuleType and value.__name__ == f"{self.__name__}.{name}":
            value.__class__ = Answering
            set_again(value)
        super().__setattr__(name, value)


def set_again(folder: ModuleType) -> None:
    """Sets the files that were imported before their folder had its class."""
    for name, held in vars(folder).copy().items() if "__path__" in vars(folder) else ():
        if type(held) is ModuleType:
            setattr(folder, name, held)


class Answering(NotCalled):
    """A module whose names are all there."""

    def __getattr__(self, name: str) -> NoReturn:
        refuse(self.__name__, name)


def refuse(folder: str, name: str) -> NoReturn:
    """Raises the AttributeError of a name that a module has not."""
    hint = like(folder, name) if name[:1] != "_" else ""  # tools ask for those, and often
    raise AttributeError(f"module {folder!r} has no attribute {name!r}{hint}")


def load(path: str) -> ModuleType:
    """A file of the package."""
    return import_module(path)


@lru_cache(256)
def like(folder: str, name: str) -> str:
    """What to write in the place of a name that a folder has not, and another library has.

    Python itself tells of names that differ in letters.
    """
    package = sys.modules.get(PACKAGE)
    folders = (folder, PACKAGE, *(f"{PACKAGE}.{each}" for each in getattr(package, "__all__", ())))
    wanted = plain(name)
    for place in folders:
        for each in public(place):
            same_kind = each[0].isupper() == name[0].isupper()  # classes are told from functions
            if (same_kind and plain(each) == wanted) or each == ELSEWHERE.get(wanted):
                return f": write {place}.{each}"
    return ""


def public(place: str) -> list[str]:
    """The public names of a module, if it is loaded."""
    module = sys.modules.get(place, ModuleType(place))
    defined = [name for name, v in vars(module).items() if getattr(v, "__module__", "") == place]
    return getattr(module, "__all__", [name for name in defined if name[0] != "_"])


@lru_cache(1024)
def plain(name: str) -> str:
    """A name in small letters, and without the abbreviations that other libraries have."""
    whole = re.sub(r"initializer$", "", name.lower().replace("_", ""))
    whole = re.sub(r"norm([123]d)?$", "normalization", whole)
    whole = re.sub(r"pool(?!ing)", "pooling", whole.replace("avg", "average"))
    return re.sub(r"^convtranspose(..)$", r"conv\1transpose", whole.replace("convolution", "conv"))


def makers(folder: str, classes: Mapping[str, str]) -> dict[str, Callable[[], Any]]:
    """Functions that make an object of a class without arguments, by other names of the class.

    Args:
        folder: The folder that has the classes among its lazy names.
        classes: The classes' own names by the other ones.
    """

    def maker(kind: str) -> Callable[[], Any]:
        return lambda: getattr(import_module(folder), kind)()

    return {name: maker(kind) for name, kind in classes.items()}
