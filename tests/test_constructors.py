"""Every number that an object is made with: NumPy's pass, and what cannot be used is refused."""

import inspect
import math
from contextlib import suppress

import numpy as np
import pytest
from constructors import BASES, arguments, numbers, public_classes, required
from rows import each

import backprop as bp
from backprop import layers
from backprop.core.errors import ACTIVATIONS
from backprop.core.walk import SIMPLE, holds_only
from backprop.layers import Input

CLASSES = {**public_classes(*BASES), "layers.Input": Input, "Sequential": bp.Sequential}
ASKED_ONLY_WHETHER_TRUE = {"verbose"}
NEGATIVE = {
    *("ignore_class", "default_value"),
    *("axis", "baseline", "fill_value", "initial_value_threshold", "maxval", "mean", "min_delta"),
    *("minval", "mask_value", "offset", "scale", "threshold", "thresholds", "value"),
    *("beta_2_decay", "learning_rate_power", "muon_a", "muon_b", "muon_c"),
}
"""Arguments that may be below 0."""

RANGES = {"factor", "height_factor", "width_factor"}
"""Arguments kept as two ends, of which a number is the upper; the lower is then −f or 0."""

ALL = {"GroupNormalization.groups"}
"""Arguments of which −1 stands for as many as there are."""

EXAMPLES = {
    "baseline": 0.5,
    "class_id": 1,
    "ignore_class": 1,
    "max_value": 1.5,
    "top_k": 1,
    "clipnorm": 0.5,
    "clipvalue": 0.5,
    "ema_overwrite_frequency": 5,
    "factor": 0.5,
    "global_clipnorm": 0.5,
    "gradient_accumulation_steps": 5,
    "height_factor": 0.5,
    "initial_value_threshold": 0.5,
    "kernel_size": 2,
    "max_iterations": 5,
    "output_padding": 0,
    "save_freq": 5,
    "seed": 5,
    "sliding_window": 2,
    "strides": 2,
    "threshold": 0.5,
    "thresholds": 0.5,
    "update_freq": 5,
    "value_dim": 5,
    "warmup_target": 0.5,
    "weight_decay": 0.5,
    "width_factor": 0.5,
}
"""Values of arguments whose default is no number; a class with another one needs a line here."""

EVERY = [
    pytest.param(kind, name, fraction, default, id=f"{path}-{name}")
    for path, kind in CLASSES.items()
    for name, (fraction, default) in numbers(kind).items()
    if name not in ASKED_ONLY_WHETHER_TRUE
]
each_number = each(("kind", "name", "fraction", "default"), EVERY)


def make(kind, **given):
    path = {"path": "a.png"} if kind is bp.callbacks.LivePlot else {}
    return kind(**{**required(kind), **path, **given})


@each_number
def test_what_is_no_number_or_not_finite_is_refused_by_name(kind, name, fraction, default):
    bad = [math.nan, math.inf, -math.inf, np.float32("nan"), np.inf, "0.5", True, np.True_, 0.5j]
    bad += [np.array([0.5, math.nan])]
    bad += [10**400] if fraction else []
    listed = name in ("value", "q", "thresholds")
    listed |= kind is bp.losses.CategoricalFocalCrossentropy and name == "alpha"
    bad += [["a"], [math.nan], {}] if listed else [[0.5], {}]
    bad += [] if fraction else [2.5, np.float64(2.0)]
    bad += [] if name in NEGATIVE else [-2, np.int64(-2), -0.5]
    bad += [] if name in NEGATIVE or f"{kind.__name__}.{name}" in ALL else [-1, np.int64(-1)]
    for wrong in bad:
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            make(kind, **{name: wrong})


VERBOSE = [kind for kind in CLASSES.values() if "verbose" in arguments(kind)]


@each("kind", VERBOSE)
def test_what_cannot_be_verbose_is_refused_where_it_is_made(kind):
    for wrong in ("False", "", None, 3, -1, math.nan, [1], np.array([1, 0])):
        with pytest.raises(ValueError, match="verbose must be 0, 1 or 2"):
            make(kind, verbose=wrong)
    for value in (False, True, np.True_, np.int64(2)):
        assert make(kind, verbose=value).verbose == value


def example(kind, name, default):
    value = required(kind).get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        assert name in EXAMPLES, f"{kind.__name__} takes the number {name}: add it to EXAMPLES"
        value = EXAMPLES[name]
    return value


def flat(kept):
    """The numbers in tuples, such as a shape or the widths of borders."""
    return [n for part in kept for n in flat(part)] if isinstance(kept, tuple) else [kept]


@each_number
def test_numbers_of_numpy_pass_and_are_kept_as_numbers_of_python(kind, name, fraction, default):
    value = example(kind, name, default)
    whole = float(value).is_integer()
    for wrap in [np.float32, np.float64] * fraction + [np.int64, np.int16] * whole:
        kept = getattr(make(kind, **{name: wrap(value)}), name)
        number = float(wrap(value))
        assert {type(n) for n in flat(kept)} <= {int, float}
        if name in RANGES and isinstance(kept, tuple):
            assert kept in ((-number, number), (0, number))
        else:
            assert set(flat(kept)) == {number}


@each_number
def test_one_that_is_set_later_leaves_what_would_have_been_made(kind, name, fraction, default):
    """Unless the assignment is refused; nothing is left that follows from the old one."""
    value = example(kind, name, default)
    value = value / 2 if fraction else value + 1
    with suppress(AttributeError, ValueError):  # also one that misfits others
        made, expected = make(kind), make(kind, **{name: value})
        setattr(made, name, value)
        for each_name in vars(made) | vars(expected):
            kept, right = (getattr(one, each_name, None) for one in (made, expected))
            if holds_only(kept, SIMPLE):
                assert kept == right, each_name


@each_number
def test_so_are_tuples_of_numbers_where_a_number_stands_for_several(kind, name, fraction, default):
    value = example(kind, name, default)
    kept = getattr(make(kind, **{name: value}), name)
    if not isinstance(kept, tuple):
        return
    for dtype in [np.float32] * fraction + [np.int16] * float(value).is_integer():
        numbers = [dtype(value)] * len(kept)
        for given in (numbers, tuple(numbers)):
            found = getattr(make(kind, **{name: given}), name)
            assert {type(n) for n in flat(found)} <= {int, float}
            assert set(flat(found)) == {float(dtype(value))}
        for wrong in (math.nan, math.inf, "0.5", True, 0.5j, None):
            with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
                make(kind, **{name: (*numbers[1:], wrong)})


def of_type(wanted):
    """Classes with those of their arguments that are of this type, or None."""
    return [
        pytest.param(kind, name, id=f"{path}-{name}")
        for path, kind in CLASSES.items()
        for name, (kinds, _) in arguments(kind).items()
        if set(kinds) - {type(None)} == {wanted}
    ]


PATHS = [
    (bp.callbacks.ModelCheckpoint, "filepath"),
    (bp.callbacks.CSVLogger, "filename"),
    (bp.callbacks.BackupAndRestore, "backup_dir"),
    (bp.callbacks.LivePlot, "path"),
]


@each(("kind", "name"), of_type(bool))
def test_what_is_neither_true_nor_false_is_refused_by_name(kind, name):
    for wrong in ("False", "tanh", "", None, 2, math.nan, [1], [], np.array([True])):
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            make(kind, **{name: wrong})
    for flag in (True, False):
        assert getattr(make(kind, **{name: np.bool_(flag)}), name) is flag


@each(("kind", "name"), of_type(str))
def test_what_is_no_string_is_refused_by_name(kind, name):
    for wrong in (5, math.nan, b"same", ["same"], {}, True, np.array(["a", "b"]), np.ones(2)):
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            make(kind, **{name: wrong})


LISTS = [
    *((layers.Chain, "layers"), (layers.Residual, "layers"), (layers.Parallel, "branches")),
    *((layers.Columns, "which"), (bp.Sequential, "layers")),
    *((bp.schedules.PiecewiseConstantDecay, "values"),),
    *((bp.schedules.PiecewiseConstantDecay, "boundaries"),),
]


@each(("kind", "name"), LISTS)
def test_what_is_no_list_is_refused_by_name(kind, name):
    for wrong in (5, 0.5, True, "ab", b"ab", {1: 2}, np.array(3), layers.Dense(2), object()):
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            make(kind, **{name: wrong})


PARTS = ("_initializer", "_regularizer", "_constraint")


@each(("kind", "name"), [
    pytest.param(kind, name, id=f"{path}-{name}")
    for path, kind in CLASSES.items()
    for name in inspect.signature(kind).parameters
    if name.endswith(PARTS)
])  # fmt: skip
def test_what_is_no_part_is_refused_by_name(kind, name):
    """A layer takes up to nine of them, so that the word initializer does not say which."""
    for wrong in (5, True, math.nan, [1], "", "no such name", int, object(), layers.Dense(2)):
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            make(kind, **{name: wrong})


@each(("kind", "name"), PATHS)
def test_what_is_no_path_is_refused_by_name(kind, name):
    wrong_paths = [5, True, ["a"], "", math.nan, "a\0b", b"a\0b", "\ud800"]
    for wrong in wrong_paths + [None] * (kind is not bp.callbacks.LivePlot):
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
            kind(wrong)


def test_the_lists_hold_nothing_that_is_gone():
    names = {parameter.values[1] for parameter in EVERY}
    assert names >= EXAMPLES.keys() | NEGATIVE | RANGES
    assert {f"{p.values[0].__name__}.{p.values[1]}" for p in EVERY} >= ALL


def test_arguments_are_not_written_out_where_they_are_right():
    class Unspoken:
        def __repr__(self):
            raise AssertionError("nobody needs to know")

        def __call__(self, *arrays):
            return arrays[0]

    function = Unspoken()
    assert isinstance(layers.Lambda(function, function), layers.Layer)


@each(
    ("activation", "written"),
    [
        ("sigmoid", "Dense(2), Sigmoid()."),
        ("softmax", "Dense(2), Softmax()."),
        ("leaky_relu", "Dense(2), LeakyReLU()."),
        ("swish", "Dense(2), SiLU()."),
        ("Hard_Sigmoid", "Dense(2), HardSigmoid()."),
        (np.tanh, "Dense(2), Tanh()."),
        (layers.Softmax, "Dense(2), Softmax()."),
        (layers.ELU(), "Dense(2), ELU()."),
        (np.ones(2), "Dense(2), and a layer such as ReLU()."),
        ("mine", "Dense(2), and a layer such as ReLU()."),
        ("linear", "an activation is a layer of its own, and Dense(2) has none."),
        (None, "an activation is a layer of its own, and Dense(2) has none."),
    ],
)
def test_what_to_write_for_an_activation_is_the_one_that_was_meant(activation, written):
    """Whoever copied ReLU() for a sigmoid had another network."""
    for wrong in (lambda: layers.Dense(2, activation=activation),
                  lambda: layers.Dense(2, activation)):  # fmt: skip
        with pytest.raises(TypeError) as caught:
            wrong()
        assert str(caught.value).endswith(written)
    layer = layers.Dense(2)
    with pytest.raises(AttributeError) as caught:
        layer.activation = activation
    assert str(caught.value).endswith(written.replace("(2)", "(…)"))


def test_all_activations_have_such_a_name():
    kinds = [kind for kind in vars(layers).values() if isinstance(kind, type)]
    named = {kind.__name__ for kind in kinds if issubclass(kind, layers.Activation)}
    assert named - set(ACTIVATIONS.values()) <= {"Activation", "Identity"}
    assert all(hasattr(layers, name) for name in ACTIVATIONS.values())
