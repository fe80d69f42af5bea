"""Objects that cannot be changed say what to do instead."""

import copy
import dataclasses
import importlib
import pickle
import pkgutil
from functools import partial

import numpy as np
import pytest

import backprop as bp
from backprop.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay


def frozen_classes():
    """Every frozen dataclass of the package."""
    for module in pkgutil.walk_packages(bp.__path__, "backprop."):
        if module.name.endswith("__main__"):
            continue
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                yield kind


def test_every_frozen_object_says_what_to_do():
    found = {kind.__name__: kind for kind in frozen_classes()}
    assert {"CosineDecay", "GradientReport", "CrossValidation", "LossSurface"} <= found.keys()
    for kind in found.values():
        made = object.__new__(kind)
        name = dataclasses.fields(kind)[-1].name
        words = "optimizer.learning_rate = |dataclasses.replace|search\\("
        for change in (partial(setattr, made, name, 0), partial(delattr, made, name)):
            with pytest.raises(
                AttributeError, match=f"{name} of .* cannot be changed: .*({words})"
            ):
                change()
        with pytest.raises(AttributeError, match=f"nobody reads 'foo' of {kind.__name__}"):
            made.foo = 1


def test_what_a_schedule_advises_works():
    optimizer = bp.optimizers.SGD(CosineDecay(0.1, 10))
    with pytest.raises(AttributeError, match=r"optimizer\.learning_rate = CosineDecay\(…, alpha="):
        optimizer.schedule.alpha = 0.5
    with pytest.raises(AttributeError, match="nobody reads 'decay_step' of ExponentialDecay"):
        ExponentialDecay(0.1, 10, 0.5).decay_step = 5
    optimizer.learning_rate = dataclasses.replace(optimizer.schedule, alpha=0.5)
    optimizer.iterations = 10
    assert optimizer.learning_rate == pytest.approx(0.05)


def test_a_schedule_of_ones_own_has_attributes_of_its_own():
    class Mine(CosineDecay):
        pass

    mine = Mine(0.1, 10)
    mine.note = "a"
    del mine.note
    with pytest.raises(AttributeError, match="decay_steps of Mine cannot be changed"):
        mine.decay_steps = 5


def test_frozen_objects_are_copied_and_pickled():
    for schedule in (ExponentialDecay(0.1, 10, 0.5), PiecewiseConstantDecay([1], [0.1, 0.2])):
        for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
            assert other == schedule
            assert hash(other) == hash(schedule)
    report = bp.inspection.check_layer(bp.layers.Dense(2), 3)
    assert copy.deepcopy(report).ok
    assert np.isfinite(pickle.loads(pickle.dumps(report))["X"].numeric)
