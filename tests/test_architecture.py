"""The house rules: who may import whom, what loads at import time, and how long a file may be."""

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeGuard

import pytest
from programs import run

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "backprop"
LONGEST_FILE = 330  # lines

# From the ground up. Of two rooms that stand on one floor of the house (see backprop/README.md) the
# one that the other may import stands in a row of its own below it.
FLOORS = (
    {"core"},
    {"initializers", "regularizers", "schedules", "constraints", "plotting", "datasets"},
    {"losses", "layers", "optimizers", "metrics"},
    {"protocol"},
    {"data", "storage"},
    {"callbacks"},
    {"training"},
    {"distributed", "engine"},
    {"experiments", "explain"},
    {"inspection"},
    {"sequential"},
    {"estimators", "__init__", "__main__"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Rooms whose files may import these siblings and no others.
ONLY_SIBLINGS = {
    "layers": {"along_axes", "attributes", "base", "block", "chain", "joined", "random_layer"}
    | {"recurrent", "returned", "sliding", "standardization", "unregistered"}
}

# A layer that is composed of others imports these, and a file whose conveniences stand beside it.
COMPOSED = {"backprop.layers.transformer", "backprop.layers.base", "backprop.layers.activations"}
COMPOSED |= {"backprop.layers.attention"}

ON_DEMAND = {"scipy", "matplotlib", "tqdm", "threadpoolctl", "IPython", "pyarrow", "PIL", "onnx"}
ON_DEMAND |= {"mpi4py", "h5py", "tensorboard", "tensorboardX"}
AT_IMPORT = {"numpy", *sys.stdlib_module_names}
ROOM_NEEDS = {"estimators": {"sklearn"}}  # what one room alone may import, at any time
TYPE_ONLY = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}

# The one file that imports by name, for the folders' __init__ that name their files in a table.
LAZY, LAZY_CALL = "core.lazy", "lazy_names"
LAZY_TARGETS = {f"(__getattr__, __dir__, {name})" for name in ("__all__", "_")}
BY_NAME = {"import_module", "__import__", "LazyLoader", "run_module"}

SEEDED_RANDOM = {
    *("default_rng", "Generator", "SeedSequence", "BitGenerator"),
    *("PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937"),
}


class Import(NamedTuple):
    """One imported module: its full name, its line, and whether it runs at import time."""

    target: str
    line: int
    context: str  # "module", "function" or "type-only"


def read_sources() -> dict[str, str]:
    """Every module of the package by its dotted name; a folder's file is ``….__init__``."""
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file.read_text(encoding="utf-8")
        for file in files
    }


def room_of(module: str) -> str:
    """The room that a module stands in: ``backprop.layers.dense`` stands in ``layers``."""
    return module.split(".")[1]


def imports_of(module: str, tree: ast.Module, known: set[str]) -> Iterator[Import]:
    """All imports of a module, absolute names, with those of the package down to the file."""

    def file_of(name: str) -> str | None:
        return next((file for file in (name, f"{name}.__init__") if file in known), None)

    def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield file_of(alias.name) or alias.name
            return
        base = node.module or ""
        if node.level:
            package = module.split(".")[: -node.level]
            base = ".".join([*package, *([node.module] if node.module else [])])
        for alias in node.names:  # a name may be a file of the folder, or something inside it
            yield file_of(f"{base}.{alias.name}") or file_of(base) or base

    def walk(node: ast.AST, context: str) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in dict.fromkeys(targets(node)):
                yield Import(target, node.lineno, context)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                yield from walk(statement, "function")
        elif isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_ONLY:
            for statement in node.body:
                yield from walk(statement, "type-only")
            for statement in node.orelse:
                yield from walk(statement, context)
        else:
            if is_lazy_call(node):  # a name of the table is an arrow as if it were imported here
                for file in lazy_table(node):
                    target = f"{module.removesuffix('.__init__')}.{file}"
                    yield Import(file_of(target) or target, node.lineno, "module")
            for child in ast.iter_child_nodes(node):
                yield from walk(child, context)

    yield from walk(tree, "module")


def is_lazy_call(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a node calls the helper that makes the names of a folder load when they are used."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == LAZY_CALL


def lazy_table(call: ast.Call) -> dict[str, list[str]]:
    """The names by file in ``lazy_names(__name__, dense=["Dense"])``, which is written out."""
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}


def is_lazy_block(node: ast.AST) -> bool:
    """Whether a statement is imports for type checkers, and else the table for the interpreter."""
    if not (isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_ONLY):
        return False
    if len(node.orelse) != 1 or not isinstance(made := node.orelse[0], ast.Assign):
        return False
    return (
        all(isinstance(statement, ast.ImportFrom) for statement in node.body)
        and ast.unparse(made.targets[0]) in LAZY_TARGETS
        and is_lazy_call(made.value)
    )


def lazy_faults(module: str, tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Imports by name outside of the helper, and tables that do not say what stands beside them."""
    folder = module.removesuffix(".__init__")
    nodes = list(ast.walk(tree))
    used = {getattr(node, "id", getattr(node, "attr", None)) for node in nodes}
    used |= {
        alias.name
        for node in nodes
        for alias in getattr(node, "names", [])  # of imports
        if isinstance(alias, ast.alias)
    }
    forbidden = BY_NAME if folder != module else {*BY_NAME, LAZY_CALL}
    if used & forbidden and module != f"{PACKAGE}.{LAZY}":
        yield f"{module} uses {used & forbidden}: only {LAZY} may, for a folder's __init__"
    if folder == module:
        return
    tables = [lazy_table(node) for node in nodes if is_lazy_call(node)]
    run = {(f"{folder}.{file}", name) for table in tables for file in table for name in table[file]}
    exports = "__dir__, __all__ = " in ast.unparse(tree)
    typed = {
        (statement.module, alias.asname if exports else alias.name)
        for node in tree.body
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    exported = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for name in ast.literal_eval(node.value)
    }
    if exports:  # the table makes __all__
        exported = {name for _, name in run}
    if run != typed:
        yield f"{module} tells type checkers other names: {sorted(map(str, run ^ typed))}"
    for _, name in sorted(run):
        if name not in exported:
            yield f"{module} loads {name}, which is missing from __all__"
        if f"{folder}.{name}" in known:
            yield f"{module} loads {name}, but a file is called so: rename the file"


def misplaced(room: str, found: Import) -> str | None:
    """What is wrong with the place of an import in that room, if anything."""
    top = found.target.split(".")[0]
    if top in ROOM_NEEDS.get(room, ()):
        return None
    if found.context == "function":
        if top in ON_DEMAND or top in sys.stdlib_module_names:
            return None
        return f"imports {found.target} inside a function: import it at the top"
    if top == PACKAGE or top in AT_IMPORT or (found.context == "type-only" and top in ON_DEMAND):
        return None
    return f"imports {found.target} at import time: NumPy alone may be needed there"


def wrong_arrow(module: str, target: str) -> str | None:
    """What is wrong with ``module`` importing ``target``, both of the package, if anything."""
    here, there = room_of(module), room_of(target)
    if here == there and here not in ("__init__", "__main__"):
        if target.endswith(".__init__"):
            return f"imports its own folder {there}/: import the file that defines the name"
        sibling = target.split(".")[2]
        free = module.endswith(".__init__") or module in COMPOSED
        if free or sibling in ONLY_SIBLINGS.get(here, {sibling}):
            return None
        return f"imports its sibling {target}: in {here}/ only {sorted(ONLY_SIBLINGS[here])} may be"
    if there in FLOOR_OF and FLOOR_OF[there] >= FLOOR_OF[here]:
        floors = f"floor {FLOOR_OF[there]} is not below floor {FLOOR_OF[here]}"
        return f"imports {target}: {floors}"
    return None


def more_than_exports(module: str, tree: ast.Module) -> Iterator[str]:
    """What a folder's ``__init__`` holds besides docstring, imports, table and ``__all__``."""
    allowed = {"__all__", "__version__"} if module == f"{PACKAGE}.__init__" else {"__all__"}
    for position, node in enumerate(tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr)
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        assignment = isinstance(node, ast.Assign | ast.AnnAssign) and all(
            isinstance(name, ast.Name) and name.id in allowed for name in names
        )
        imports = isinstance(node, ast.Import | ast.ImportFrom) or is_lazy_block(node)
        if not (docstring or assignment or imports):
            yield f"{module}:{node.lineno} holds code: a folder's __init__ only re-exports"


def violations(sources: dict[str, str]) -> list[str]:
    """Every break of the import rules in ``{module name: source}``, one sentence each."""
    trees = {module: ast.parse(source) for module, source in sources.items()}
    found: list[str] = []
    arrows: dict[str, set[str]] = {}
    for module, tree in trees.items():
        if room_of(module) not in FLOOR_OF:
            found.append(f"{module} stands on no floor: put {room_of(module)!r} on one in FLOORS")
            continue
        if module.endswith(".__init__"):
            found.extend(more_than_exports(module, tree))
        found.extend(lazy_faults(module, tree, set(sources)))
        arrows[module] = set()
        for one in imports_of(module, tree, set(sources)):
            wrong = misplaced(room_of(module), one)
            if wrong is None and one.target in sources:
                wrong = wrong_arrow(module, one.target)
                arrows[module] |= set() if wrong else {one.target}
            elif wrong is None and one.target.split(".")[0] == PACKAGE:
                wrong = f"imports {one.target}, which is not a file of the package"
            if wrong:
                found.append(f"{module}:{one.line} {wrong}")
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        found.append(f"a circle of imports: {' <- '.join(error.args[1])}")
    return found


def random_names(node: ast.AST) -> list[tuple[int, str]]:
    """The lines and full names by which a node reaches for randomness that may be global."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
        return [(node.lineno, f"numpy.random.{node.attr}")]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    if isinstance(node, ast.Import):
        # NumPy under a third name would hide its random module from this check.
        hidden = [a for a in node.names if a.name == "numpy" and a.asname not in (None, "np")]
        names = [a.name for a in node.names] + ["numpy.random" for _ in hidden]
        return [(node.lineno, name) for name in names]
    return []


def global_random_uses(sources: dict[str, str]) -> list[str]:
    """Every use of randomness that does not come from a NumPy Generator."""
    seeded = {f"numpy.random.{name}" for name in SEEDED_RANDOM}
    return [
        f"{module}:{line} uses {name}: draw from a Generator that was handed in"
        for module, source in sources.items()
        for node in ast.walk(ast.parse(source))
        for line, name in random_names(node)
        if f"{name}.".startswith(("random.", "numpy.random.")) and name not in seeded
    ]


# --- the package ---------------------------------------------------------------------------------


def test_package_keeps_to_its_floors() -> None:
    sources = read_sources()
    assert f"{PACKAGE}.core.__init__" in sources
    assert violations(sources) == []


def test_package_never_touches_global_random_state() -> None:
    assert global_random_uses(read_sources()) == []


def test_files_stay_short() -> None:
    lengths = {module: source.count("\n") for module, source in read_sources().items()}
    assert {module: n for module, n in lengths.items() if n > LONGEST_FILE} == {}


def test_import_needs_numpy_alone(tmp_path: Path) -> None:
    heavy = ["scipy", "matplotlib", "tqdm", "threadpoolctl", "urllib.request", "IPython"]
    heavy += ["sklearn", "onnx", "h5py"]
    code = (
        f"import sys, backprop; print(backprop.__file__, [m for m in {heavy} if m in sys.modules])"
    )
    answer = run("-c", code, cwd=tmp_path, check=True)
    assert answer.stdout.strip() == f"{ROOT / PACKAGE / '__init__.py'} []"


# --- the checks themselves -----------------------------------------------------------------------

GOOD = {
    "backprop.__init__": '"""Doc."""\nfrom backprop.layers import Dense\n__version__ = "1"\n',
    "backprop.core.__init__": '"""Doc."""\n',
    "backprop.core.types": "import numpy as np\n",
    "backprop.sequential": "import backprop.training\n",
    "backprop.losses": "from backprop.core.types import Array\n",
    "backprop.layers.__init__": 'from backprop.layers.dense import Dense\n__all__ = ["Dense"]\n',
    "backprop.layers.base": "from ..core import types\n",
    "backprop.layers.dense": "from backprop.layers.base import Layer\nimport backprop.core.types\n",
    "backprop.training.__init__": "from .loop import train\n",
    "backprop.training.batches": "import math\n",
    "backprop.training.loop": "from . import batches\nfrom backprop import losses\n",
    "backprop.plotting": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
    "    from matplotlib.figure import Figure\n"
    "def draw():\n    import gzip\n    from matplotlib.figure import Figure\n",
}


LAZILY = """from typing import TYPE_CHECKING
from backprop.core.lazy import lazy_names
if TYPE_CHECKING:
    from backprop.inspection.checks import check as check
    from backprop.inspection.report import Report as Report
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, checks=["check"], report=["Report"])
"""
GOOD |= {
    "backprop.core.lazy": "from importlib import import_module\ndef lazy_names(): ...\n",
    "backprop.inspection.__init__": LAZILY,
    "backprop.inspection.checks": "from backprop.inspection.report import Report\n",
    "backprop.inspection.report": "from backprop.core.types import Array\n",
}


def test_sound_package_has_no_violations() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('["Report"])', "[])", "tells type checkers other names"),
        (', report=["Report"])', ")", "tells type checkers other names"),
        ('checks=["check"]', 'report=["check"]', "tells type checkers other names"),
        ("check as check", "check as other_check", "tells type checkers other names"),
        ("check as check", "check", "tells type checkers other names"),
        (", __all__ =", ", _ =", None),
        ("else:\n", "else:\n    import math\n", "only re-exports"),
        ("if TYPE_CHECKING:\n", "if TYPE_CHECKING:\n    x = 1\n", "only re-exports"),
        ("__getattr__, __dir__, __all__ =", "__getattr__ =", None),
        ("lazy_names(__name__", "dict(folder=__name__", None),
        ("backprop.inspection.checks import", "backprop.sequential import", None),
        ('["check"]', '["check", "more"]', "tells type checkers other names"),
        ('checks=["check"]', 'nowhere=["check"]', None),
    ],
)
def test_planted_fault_of_a_lazy_folder_is_found(old: str, new: str, complaint: str | None) -> None:
    assert LAZILY.count(old) == 1
    found = violations({**GOOD, "backprop.inspection.__init__": LAZILY.replace(old, new)})
    if complaint is None:  # more than one rule is broken
        assert len(found) > 1
    else:
        assert len(found) == 1, found
        assert complaint in found[0]


def test_lazy_tables_are_arrows() -> None:
    """The files behind a lazy name count as imported, though only type checkers see an import."""
    upwards = {**GOOD, "backprop.inspection.report": "from backprop.sequential import Sequential\n"}
    assert ["floor 10 is not below floor 9" in one for one in violations(upwards)] == [True]
    table_alone = LAZILY.replace("if TYPE_CHECKING:", "if TYPE_CHECKING and False:")
    imports = imports_of("backprop.inspection.__init__", ast.parse(table_alone), set(GOOD))
    by_context = {one.target: one.context for one in imports}
    assert by_context["backprop.inspection.checks"] == "module"
    assert by_context["backprop.inspection.report"] == "module"


def test_no_file_is_called_like_a_lazy_name() -> None:
    """Once such a file is loaded Python sets the folder's attribute of that name to the file."""
    lazily = LAZILY.replace('checks=["check"]', 'check=["check"]').replace("on.checks", "on.check")
    sources = {name: source for name, source in GOOD.items() if not name.endswith(".checks")}
    sources |= {"backprop.inspection.__init__": lazily, "backprop.inspection.check": ""}
    found = violations(sources)
    assert len(found) == 1, found
    assert "loads check, but a file is called so" in found[0]


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("layers.dense", "from backprop.sequential import Sequential", "floor 10 is not below"),
        ("layers.dense", "from ..training.loop import train", "floor 6 is not below"),
        ("layers.dense", "from .. import losses", "floor 2 is not below floor 2"),
        ("layers.dense", "import backprop.losses as head", "floor 2 is not below floor 2"),
        ("core.types", "from backprop.plotting import draw", "floor 1 is not below floor 0"),
        ("training.loop", "import backprop", "floor 11 is not below floor 6"),
        ("training.loop", "from backprop import Dense", "floor 11 is not below floor 6"),
        ("training.loop", "from backprop.nowhere import x", "not a file of the package"),
        ("training.batches", "from .loop import train", "a circle of imports"),
        ("training.loop", "from . import train", "its own folder"),
        ("training.loop", "import backprop.training", "its own folder"),
        ("layers.relu", "from backprop.layers.dense import Dense", "its sibling"),
        ("layers.relu", "from . import dense", "its sibling"),
        ("losses", "def f():\n    from backprop.core import types", "inside a function"),
        ("losses", "class C:\n    async def f(self):\n        import numpy", "inside a function"),
        ("losses", "def f():\n    import pandas", "inside a function"),
        ("losses", "import scipy.special", "at import time"),
        ("losses", "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None", "at import time"),
        ("losses", "class C:\n    import tqdm", "at import time"),
        ("losses", "if TYPE_CHECKING:\n    pass\nelse:\n    import scipy", "at import time"),
        ("losses", "if not TYPE_CHECKING:\n    import scipy", "at import time"),
        ("losses", "if typing.TYPE_CHECKING:\n    from backprop.layers import Dense", "floor 2"),
        ("losses", "if TYPE_CHECKING:\n    import pandas", "at import time"),
        ("layers.__init__", "from .dense import Dense\nif Dense:\n    x = 1", "only re-exports"),
        ("layers.__init__", "def helper(): ...", "only re-exports"),
        ("layers.__init__", "TABLE: dict = {}", "only re-exports"),
        ("layers.__init__", '__version__ = "1"', "only re-exports"),
        ("losses.__init__", "from .mean import Mean\nfrom ..layers import Dense", "floor 2"),
        ("losses", "from importlib import import_module", "only core.lazy may"),
        ("losses", "import importlib\nx = importlib.import_module('backprop.a')", "only core.lazy"),
        ("losses", "def f():\n    __import__('backprop.sequential')", "only core.lazy may"),
        ("losses", "from backprop.core.lazy import lazy_names", "only core.lazy may"),
        ("utilities", "import math", "put 'utilities' on one"),
        ("helpers.text", "import math", "put 'helpers' on one"),
    ],
)
def test_planted_violation_is_found(module: str, source: str, complaint: str) -> None:
    planted = {**GOOD, f"backprop.{module}": source + "\n"}
    if module == "losses.__init__":  # the family grew into a folder of the same name
        del planted["backprop.losses"]
        planted["backprop.losses.mean"] = ""
    found = violations(planted)
    assert len(found) == 1, found
    assert complaint in found[0]


def test_family_may_become_a_folder() -> None:
    grown = {
        **{name: source for name, source in GOOD.items() if name != "backprop.losses"},
        "backprop.losses.__init__": "from backprop.losses.mean import Mean\n",
        "backprop.losses.mean": "from backprop.losses.base import Loss\n",
        "backprop.losses.base": "from backprop.core.types import Array\n",
    }
    assert violations(grown) == []


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nx = np.random.rand(3)",
        "import numpy\nnumpy.random.seed(0)",
        "import numpy as np\ndraw = np.random.normal",
        "import numpy as np\nx = np.random.RandomState(0)",
        "from numpy.random import rand",
        "from numpy import random",
        "import numpy.random as npr",
        "import numpy as onp",
        "import random",
        "from random import shuffle",
    ],
)
def test_planted_global_randomness_is_found(source: str) -> None:
    assert len(global_random_uses({"backprop.losses": source})) == 1


def test_generators_are_no_global_randomness() -> None:
    source = (
        "import numpy as np\nfrom numpy.random import Generator\n"
        "def f(rng: np.random.Generator):\n    return rng.random(3)\n"
        "seed = np.random.SeedSequence(0)\nrng = np.random.default_rng(seed)\n"
    )
    assert global_random_uses({"backprop.losses": source}) == []
