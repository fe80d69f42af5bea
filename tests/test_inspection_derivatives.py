import copy

import numpy as np
import pytest

import backprop as bp
from backprop.core.walk import objects_in
from backprop.inspection.copies import generators, in_dtype
from backprop.inspection.derivatives import (
    CentralDifferences,
    ComplexStep,
    Function,
    Move,
    choose,
)
from backprop.inspection.real_branches import RealBranches, branching_as_real
from backprop.layers import Dense, Dropout, Tanh

H = 1e-30

# --- complex numbers that branch as their real parts do -------------------------------------------


def dual(x, slope=1.0):
    return branching_as_real(np.asarray(x, np.float64) + 1j * H * np.asarray(slope))


def parts_of(Y):
    Y = np.asarray(Y)
    return Y.real.tolist(), (Y.imag / H).tolist()


@pytest.mark.parametrize(
    ("function", "x", "value", "slope"),
    [
        (np.abs, [-2.0, 3.0, 0.0], [2, 3, 0], [-1, 1, 0]),
        (abs, [-2.0, 3.0], [2, 3], [-1, 1]),
        (np.sign, [-2.0, 3.0], [-1, 1], [0, 0]),
        (lambda z: np.maximum(z, 0), [-2.0, 3.0, 0.0], [0, 3, 0], [0, 1, 0]),
        (lambda z: np.minimum(z, 1), [-2.0, 3.0], [-2, 1], [1, 0]),
        (lambda z: np.clip(z, -1, 1), [-2.0, 0.5, 3.0], [-1, 0.5, 1], [0, 1, 0]),
        (lambda z: np.where(z > 0, z, 0.25 * z), [-2.0, 4.0], [-0.5, 4], [0.25, 1]),
        (lambda z: (z >= 0) * z, [-2.0, 0.0], [0, 0], [0, 1]),
        (np.conjugate, [-2.0, 3.0], [-2, 3], [1, 1]),
        (lambda z: np.vecdot(z, z), [2.0, 3.0], 13, 10),
        (lambda z: np.add.reduce(z), [2.0, 3.0], 5, 2),
        (lambda z: z.max(), [2.0, 3.0], 3, 1),
        (lambda z: z * z, [2.0, 3.0], [4, 9], [4, 6]),
        (np.square, [2.0, 3.0], [4, 9], [4, 6]),
    ],
)
def test_derivative_follows_the_real_branch(function, x, value, slope):
    found_value, found_slope = parts_of(function(dual(x)))
    assert found_value == value
    assert found_slope == pytest.approx(slope, rel=1e-15)


def test_branch_is_the_real_one_whatever_the_imaginary_parts():
    tie = branching_as_real(np.array([5j, -5j]))
    assert np.asarray(np.maximum(tie, 0)).tolist() == [0, 0]
    assert (tie > 0).tolist() == [False, False]
    assert (tie == 0).tolist() == [True, True]
    assert type(tie > 0) is np.ndarray


def test_results_are_written_into_out_whatever_its_class():
    for out in (np.empty(2, complex), dual([0.0, 0.0])):
        for function in (np.abs, np.exp, np.negative):
            result = function(dual([-1.0, 2.0]), out=out)
            assert result is out
            np.testing.assert_allclose(
                np.asarray(out), np.asarray(function(dual([-1.0, 2.0]))), rtol=1e-15
            )
    flags = np.empty(2, bool)
    assert np.greater(dual([-1.0, 2.0]), 0, out=flags) is flags
    assert flags.tolist() == [False, True]


def test_imaginary_parts_are_never_dropped_in_silence():
    with pytest.raises(TypeError):
        np.maximum(dual([1.0, 2.0]), 0, out=np.empty(2))
    with pytest.raises(TypeError):
        np.abs(dual([1.0, 2.0]), dtype=np.complex64)
    assert isinstance(np.exp(dual([1.0])), RealBranches)


# --- the two methods ------------------------------------------------------------------------------


def function_of(f, x):
    tensors = {"x": np.array(x)}
    return Function(lambda: f(tensors["x"]), tensors)


def smooth(x):
    return np.sum(np.exp(np.sin(3 * x)) / (1 + x * x))


def smooth_slope(x):
    y = np.exp(np.sin(3 * x)) / (1 + x * x)
    return y * (3 * np.cos(3 * x) - 2 * x / (1 + x * x))


@pytest.mark.parametrize("x", [0.0, 0.3, -1.7, 2.5])
def test_both_methods_are_as_exact_as_they_claim(x):
    exact = ComplexStep(function_of(smooth, [x + 0j])).slope(Move("x", (0,)))
    rough = CentralDifferences(function_of(smooth, [x])).slope(Move("x", (0,)))
    assert exact.value == pytest.approx(smooth_slope(x), rel=1e-14, abs=1e-15)
    assert rough.value == pytest.approx(smooth_slope(x), rel=1e-9, abs=1e-10)
    assert abs(rough.value - smooth_slope(x)) < 4 * rough.noise + 1e-10 * abs(rough.value)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 300.0])
def test_differences_find_a_step_for_slow_and_fast_functions(scale):
    function = function_of(lambda x: np.sum(np.sin(scale * x)), [0.4])
    slope = CentralDifferences(function).slope(Move("x", (0,)))
    assert slope.value == pytest.approx(scale * np.cos(scale * 0.4), rel=1e-6, abs=slope.noise)


@pytest.mark.parametrize("distance", [3e-3, 1e-4, 1e-5, -2e-6])
def test_differences_step_around_a_kink_nearby(distance):
    method = CentralDifferences(function_of(lambda x: np.sum(np.abs(x)) + smooth(x), [distance]))
    slope = method.slope(Move("x", (0,)))
    assert slope.value == pytest.approx(np.sign(distance) + smooth_slope(distance), rel=1e-7)
    assert method.stepped_around == 1


def test_kink_at_the_point_is_told_from_a_smooth_function():
    for jump, kink in ((1.0, True), (0.0, False)):
        function = function_of(lambda x, jump=jump: smooth(x) + jump * np.sum(np.abs(x)), [0.0])
        method = CentralDifferences(function)
        move = Move("x", (0,))
        again = method.again(move, method.slope(move))
        assert (again is None) == kink


def test_complex_step_sees_that_two_kinks_make_up_for_each_other():
    def elu(x):
        return np.sum(np.maximum(x, 0) + np.expm1(np.minimum(x, 0)))

    tensors = {"x": np.zeros(1, complex)}
    method = ComplexStep(Function(lambda: elu(branching_as_real(tensors["x"])), tensors))
    move = Move("x", (0,))
    first = method.slope(move)
    assert first.value == 0  # both branches are constant there
    assert method.again(move, first).value == pytest.approx(1, rel=1e-9)


def test_tensor_is_put_back_to_the_last_bit_even_after_an_error():
    tensors = {"x": np.array([0.1, 0.2])}

    def fails():
        raise ValueError("no")

    function = Function(fails, tensors)
    for move in (Move("x", (1,)), Move("x", ..., np.array([0.3, 0.4]))):
        with pytest.raises(ValueError, match="no"):
            function.moved(move, 0.7)
        assert tensors["x"].tolist() == [0.1, 0.2]


def test_generators_draw_the_same_in_every_pass():
    rng = np.random.default_rng(0)
    function = Function(rng.random, {}, [rng])
    assert function() == function()
    assert function.passes == 2


@pytest.mark.parametrize(
    ("spoilt", "name"),
    [
        (lambda x: np.sum(x * x), "complex step"),
        (lambda x: np.sum(np.real(x * x)), "central differences"),
        (lambda x: np.sum(np.abs(np.asarray(x)) ** 2), "central differences"),
        (lambda x: float(np.sum(x * x)), "central differences"),
        (lambda x: np.sum(x * x) + np.sum(np.iscomplexobj(x)), "central differences"),
    ],
)
def test_complex_step_is_taken_only_where_it_is_right(spoilt, name, rng):
    real = function_of(spoilt, [0.3, -0.7])
    tensors = {"x": np.array([0.3 + 0j, -0.7])}
    step = Function(lambda: spoilt(branching_as_real(tensors["x"])), tensors)
    method, functions = choose(real, lambda: step, rng)
    assert method.name == name
    assert functions == [real, step]
    assert method.slope(Move("x", (1,))).value == pytest.approx(-1.4)


# --- copies ---------------------------------------------------------------------------------------


@pytest.fixture
def model(rng):
    model = bp.Sequential([Dense(5), Tanh(), Dropout(0.2), Dense(2)], seed=1)
    model.compile(bp.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.fit(rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), verbose=0)
    return model


def test_copy_in_another_dtype_shares_nothing_and_is_joined_again(model):
    twin = in_dtype(model, np.float64)
    assert twin.dtype == np.float64
    assert all(layer.dtype == np.float64 for layer in twin.layers)
    assert twin.parameters.values.dtype == np.float64
    np.testing.assert_array_equal(twin.parameters.values, model.parameters.values)
    for p, q in zip(twin.parameters, model.parameters, strict=True):
        assert np.shares_memory(p.value, twin.parameters.values)
        assert np.shares_memory(p.gradient, twin.parameters.gradients)
        assert not np.shares_memory(p.value, q.value)
    twin.layers[0].W[...] = 7
    assert twin.parameters["dense_1.W"].value[0, 0] == 7
    assert twin.forward(np.ones((2, 3))).dtype == np.float64
    arrays = [part for _, part in objects_in(twin) if isinstance(part, np.ndarray)]
    assert {a.dtype for a in arrays if a.dtype.kind == "f"} == {np.dtype(np.float64)}
    assert model.parameters.values.dtype == np.float32
    assert model.forward(np.ones((2, 3))).dtype == np.float32


def test_two_names_for_one_array_stay_so():
    layer = Tanh()
    layer._table = np.ones(3, np.float32)
    layer._both = {"again": layer._table, "list": [layer._table]}
    twin = in_dtype(layer, np.float64)
    assert twin._table is twin._both["again"] is twin._both["list"][0]
    assert (twin._table.dtype, layer._table.dtype) == (np.float64, np.float32)


def test_generators_are_found_wherever_they_hide(model):
    layer = Tanh()
    mine = [np.random.default_rng(k) for k in range(3)]
    layer._rng, layer._noise, layer._more = mine[0], [mine[1]], {"a": (mine[2],)}
    assert {id(g) for g in generators([layer])} == {id(g) for g in mine}
    assert id(model.layers[2]._rng) in {id(g) for g in generators(model)}


def test_walk_ends_where_objects_hold_each_other():
    first, second = Tanh(), Tanh()
    first._other, second._other = second, first
    paths = dict(objects_in(first))
    assert paths["._other"] is second
    assert "._other._other" not in paths
    assert copy.deepcopy(first)._other._other is not first
