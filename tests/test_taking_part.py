"""A quick look at a model's settings sees whatever comparing all of them would."""

import numpy as np
import pytest
from layer_cases import CASES as LAYERS
from test_recorded import ACTIONS, data, network, network_with

from backprop.engine.taking_part import Known, parts, settings
from backprop.layers import BatchNormalization, Dense, Dropout, Residual

INSIDE = ("children", "buffers", "loss", "parameters")  # other parts


def changes(value):
    """Other values in the place of one."""
    yield from (7, None, (3, 4), len)
    if isinstance(value, float | int):
        yield from (value + 1, np.float32(0.3))
    if isinstance(value, tuple):
        yield [*value, 1]


def see(model):
    """Every attribute of every part is changed in its turn; how often that changed a setting."""
    seen, known = 0, Known(model)
    for part in parts(model):
        held = vars(part)
        for name in [*held, "forward", "new"]:
            there, before = name in held, held.get(name)
            if name in INSIDE or (name[0] == "_" and name not in ("_rng", "_trainable", "_held")):
                continue
            if isinstance(before, np.ndarray):
                continue  # what a step leaves, and the next one writes
            for value in changes(before):
                held[name] = value
                same = settings(model) == known.settings
                assert known.still() == same, (part, name, value)
                seen += not same
                if there:
                    held[name] = before
                else:
                    del held[name]
            assert known.still()
    return seen


QUICK = ("lstm", "batch_normalization", "residual", "embedding")
LONG = (
    "conv",
    "gru",
    "bidirectional_concat",
    "time_distributed",
    "parallel_add",
    "transformer_block",
)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=str(case), marks=() if str(case) in QUICK else pytest.mark.long)
        for case in LAYERS
        if str(case) in QUICK + LONG
    ],
)
def test_of_many_a_layer(case):
    x, y = case.batch(6, 3)
    model = network_with(case)
    model.fit(x, y, batch_size=3, epochs=2, verbose=0)
    assert see(model) > 20


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_what_a_user_changes(action):
    x, y, _ = data(12)
    model = network(Dense(4, kernel_regularizer="l2"), BatchNormalization(), Dropout(0.2))
    model.fit(x, y, batch_size=4, verbose=0)
    known = Known(model)
    assert known.still()
    action(model, 1)
    assert known.still() == (settings(model) == known.settings)


def test_lists_are_looked_into():
    model = network(Residual([Dense(4), Dropout(0.2)]), Dense(4))
    model.build((None, 4))
    part = model.layers[1]
    vars(part)["sizes"] = [1, [2, 3], (4, [5])]
    for change in (
        lambda made: made.append(6),
        lambda made: made[1].append(6),
        lambda made: made[2][1].pop(),
    ):
        known = Known(model)
        assert known.still()
        change(part.sizes)
        assert not known.still()
    known = Known(model)
    list.append(model.layers[0].children, model.layers[0].children[0])
    assert not known.still()
