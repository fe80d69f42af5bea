"""Optimizers on parameters of several shapes, step by step as Keras takes them; mistakes show.

How the numbers were made is said in ``data/make_keras_optimizers.py``.
"""

import ast
import inspect
import textwrap
from itertools import zip_longest

import mutations
import numpy as np
import pytest
from published import arrays_of, published

from backprop.core.parameters import Parameter, Parameters
from backprop.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    ScheduleFreeAdamW,
)
from backprop.optimizers.bookkeeping import Bookkeeping
from backprop.schedules import ExponentialDecay, PiecewiseConstantDecay

KERAS = arrays_of("keras_more_optimizers.npz")

SHAPES = {
    "embedding_1.W": (4, 3),
    "dense_1.W": (3, 4),
    "dense_1.b": (4,),
    "conv_1.W": (2, 2, 2, 3),
    "dense_2.W": (9, 2),
    "dense_2.b": (2,),
}
RATE = ExponentialDecay(0.1, 2, 0.5)
EMA = {"use_ema": True, "ema_momentum": 0.7}
CASES = {
    "adafactor": lambda: Adafactor(0.1),
    "adafactor_slow": lambda: Adafactor(0.7, relative_step=False, epsilon_2=0.9),
    "adafactor_options": lambda: Adafactor(0.2, -0.5, 0.3, 0.1, 0.5, weight_decay=0.1),
    "adafactor_schedule": lambda: Adafactor(RATE),
    "lamb": lambda: Lamb(0.1),
    "lamb_options": lambda: Lamb(0.1, 0.5, 0.8, 0.01, weight_decay=0.1),
    "lamb_from_0": lambda: Lamb(PiecewiseConstantDecay([1], [0.0, 0.1])),
    "ftrl": lambda: Ftrl(0.1),
    "ftrl_options": lambda: Ftrl(0.2, -0.3, 0.5, 0.4, 0.2, 0.1, 0.3, weight_decay=0.1),
    "muon": lambda: Muon(0.1),
    "muon_layers": lambda: Muon(
        0.1, 0.5, 0.8, 0.3, 0.01, 0.1, exclude_layers=["dense_2"], adam_lr_ratio=2.0
    ),
    "muon_options": lambda: Muon(
        0.1, adam_weight_decay=None, exclude_embeddings=False, muon_a=3.0, muon_b=-4.0, muon_c=1.5,
        momentum=0.8, ns_steps=3, nesterov=False, rms_rate=None,
    ),
    "accumulated_sgd": lambda: SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    "accumulated_adam": lambda: Adam(0.1, gradient_accumulation_steps=4),
    "accumulated_clipnorm": lambda: SGD(0.1, clipnorm=0.5, gradient_accumulation_steps=3),
    "accumulated_global": lambda: SGD(0.1, global_clipnorm=0.5, gradient_accumulation_steps=3),
    "accumulated_clipvalue": lambda: SGD(0.1, clipvalue=0.2, gradient_accumulation_steps=3),
    "accumulated_decay": lambda: AdamW(RATE, 0.3, gradient_accumulation_steps=2),
    "accumulated_average": lambda: SGD(0.1, gradient_accumulation_steps=3, **EMA),
    "accumulated_overwrite": lambda: RMSprop(
        0.1, gradient_accumulation_steps=2, ema_overwrite_frequency=2, **EMA
    ),
    "accumulated_muon": lambda: Muon(RATE, gradient_accumulation_steps=2, **EMA),
    "accumulated_adafactor": lambda: Adafactor(0.1, gradient_accumulation_steps=2, clipnorm=0.5),
    "accumulated_free": lambda: ScheduleFreeAdamW(0.1, gradient_accumulation_steps=2),
    "free": lambda: ScheduleFreeAdamW(0.1),
    "free_options": lambda: ScheduleFreeAdamW(RATE, 0.6, 0.8, 0.01, 4, clipnorm=0.5, **EMA),
    "average": lambda: Adam(0.1, ema_overwrite_frequency=3, **EMA),
    "changed_sgd": lambda: SGD(0.1, momentum=0.9),
    "changed_adam": lambda: Adam(0.1, amsgrad=True),
    "changed_nadam": lambda: Nadam(0.1),
    "changed_adamax": lambda: Adamax(0.1),
    "changed_lamb": lambda: Lamb(0.1),
    "changed_lion": lambda: Lion(0.1),
    "changed_muon": lambda: Muon(0.1),
    "changed_rmsprop": lambda: RMSprop(0.1, centered=True, momentum=0.5),
    "changed_adadelta": lambda: Adadelta(1.0),
    "changed_free": lambda: ScheduleFreeAdamW(0.1),
}  # fmt: skip
BETAS = {"beta_1": 0.4, "beta_2": 0.7}
CHANGES = {
    "changed_sgd": {"momentum": 0.4},
    "changed_muon": {"momentum": 0.4, "adam_beta_1": 0.4, "adam_beta_2": 0.7},
    "changed_rmsprop": {"rho": 0.4, "momentum": 0.8},
    "changed_adadelta": {"rho": 0.4},
    **dict.fromkeys(
        ("changed_adam", "changed_nadam", "changed_adamax", "changed_lamb", "changed_lion"), BETAS
    ),
    "changed_free": BETAS,
}
"""What is set after the fourth step: state vectors stay the averages that they are."""


def start(dtype: str = "float64") -> Parameters:
    sizes = np.cumsum([np.prod(shape) for shape in SHAPES.values()])[:-1]
    parts = np.split(KERAS["start"].copy(), sizes)
    each = zip(SHAPES.items(), parts, strict=True)
    found = [Parameter(n, part.reshape(s), decays=len(s) > 1) for (n, s), part in each]
    return Parameters(found, np.dtype(dtype))


def trajectory(case: str, dtype: str = "float64") -> dict[str, np.ndarray]:
    parameters, optimizer = start(dtype), CASES[case]()
    if case == "lamb_from_0":
        parameters.values[...] = 0
    found: dict[str, list] = {"theta": [], "counted": [], "rates": [], "average": []}
    for step, noise in enumerate(KERAS["noise"]):
        for name, value in CHANGES.get(case, {}).items() if step == 4 else ():
            setattr(optimizer, name, value)
        parameters.gradients[...] = parameters.values + noise
        optimizer.step(parameters)
        found["theta"].append(parameters.values.copy())
        found["counted"].append(optimizer.iterations)
        found["rates"].append(optimizer.learning_rate)
        if optimizer.use_ema:
            found["average"].append(optimizer.state["average"].copy())
    return {name: np.array(values) for name, values in found.items() if values}


def as_in_keras(case: str) -> bool:
    found = trajectory(case)
    expected = published("keras_more_optimizers.npz", case)
    assert found.keys() == expected.keys()
    return all(np.allclose(found[n], v, rtol=1e-9, atol=1e-11) for n, v in expected.items())


def test_every_case_of_the_file_is_used():
    assert {key.split("/")[0] for key in KERAS if "/" in key} == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_keras(case):
    found = trajectory(case)
    for name, values in found.items():
        expected = KERAS[f"{case}/{name}"]
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-11, err_msg=name)
    assert np.abs(found["theta"][-1] - KERAS["start"]).max() > 1e-2


# ------------------------------------------------------------------------------ planted mistakes

FORMULAS = [
    (Adafactor, "coefficients", "adafactor"),
    (Adafactor, "update", "adafactor"),
    (Lamb, "coefficients", "lamb"),
    (Lamb, "update", "lamb"),
    (Ftrl, "coefficients", "ftrl"),
    (Ftrl, "update", "ftrl"),
    (Muon, "coefficients", "muon"),
    (Muon, "update", "muon"),
    (Muon, "orthogonalize", "muon"),
    (ScheduleFreeAdamW, "coefficients", "free"),
    (ScheduleFreeAdamW, "update", "free"),
    (Optimizer, "change", "accumulated"),
    (Bookkeeping, "conclude", "accumulated"),
    (Bookkeeping, "gather", "accumulated"),
]
"""What is changed in one place, and which cases must then go wrong."""

EQUIVALENT = {
    "Optimizer.change: `if due and (not t % ROUNDING):`": "see test_optimizer_vectors.py",
    "Optimizer.change: `round_to_0(vector)`": "see test_optimizer_vectors.py",
    "Optimizer.change: `if returned is not None": "see test_errors_elsewhere.py",
    "Optimizer.change: `refuse_returned(self)`": "see test_errors_elsewhere.py",
    "Bookkeeping.conclude: `attributes['_earlier']": "see test_accumulation.py",
    "Bookkeeping.conclude: `p.constraint.project(p.value)`": "see test_constraints.py",
}
"""Mistakes that no case can notice; why."""


def mutants():
    for owner, name, cases in FORMULAS:
        source = textwrap.dedent(inspect.getsource(vars(owner)[name]))
        sound = ast.unparse(ast.parse(source)).splitlines()
        for _, tree in mutations.mutated(source):
            pairs = zip_longest(sound, ast.unparse(tree).splitlines(), fillvalue="")
            line, changed = next((a.strip(), b.strip()) for a, b in pairs if a != b)
            label = f"{owner.__name__}.{name}: `{line}` -> `{changed}`"
            yield label, owner, name, cases, tree


def test_every_mistake_in_a_formula_is_noticed(monkeypatch):
    survivors, needed = [], set()
    for label, owner, name, cases, tree in mutants():
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, mutations.compiled(tree, owner, name))
            try:
                right = all(as_in_keras(case) for case in CASES if case.startswith(cases))
            except Exception:
                right = False
        known = [start for start in EQUIVALENT if label.startswith(start)]
        if right:
            needed.update(known)
            survivors += [] if known else [label]
    assert "\n".join(survivors) == ""
    assert needed == EQUIVALENT.keys()
