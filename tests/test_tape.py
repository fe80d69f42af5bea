"""The tape: what is replayed gives the bits of the formula, and what it cannot note is refused."""

import ast
import copy
import gc
import math
import operator
import pickle
import weakref
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_array_equal
from rows import each
from scipy.special import betainc, ndtr

import backprop
from backprop.engine.tape import SMALL, Tape, run_by_run
from backprop.engine.traced import Traced, TracedGenerator, plain

SIZES = {"small": 4, "large": 40}  # rows of three: below and above SMALL elements


def numbers(rows=4, dtype="float32", seed=0):
    """The arrays that every formula is given: two matrices, a row, indices and a buffer."""
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2, (rows, 3)).astype(dtype) for _ in range(2))
    row = rng.uniform(-2, -0.5, 3).astype(dtype)
    index = rng.permutation(3 * rows)[:5]
    return {"a": a, "b": b, "row": row, "index": index, "out": np.zeros_like(a)}


def copies(arrays):
    return {name: array.copy() for name, array in arrays.items()}


def same(one, other):
    """Whether two results have the same bits, dtypes and shapes, also in tuples and lists."""
    if isinstance(one, tuple | list):
        assert len(one) == len(other)
        return all(map(same, one, other))
    if one is None or other is None:
        return one is other
    one, other = np.asarray(plain(one)), np.asarray(plain(other))
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    return one.tobytes() == other.tobytes()


def assert_same_arrays(one, other):
    for name, array in one.items():
        assert same(array, other[name]), name


def record(formula, arrays):
    """The tape of a formula, and what the formula returned."""
    tape = Tape()
    return tape, formula(**{name: tape.trace(array) for name, array in arrays.items()})


def run(tape):
    for call in tape.calls:
        call.bind()()


# --- what is recorded -----------------------------------------------------------------------------


def in_place(function):
    def formula(a, b, row, index, out):
        x = np.add(a, b, out=out)
        x = function(x, b)
        x = function(x, 0.75)
        x = function(x, 3)
        function(x, row)
        return x

    return formula


def compared(a, b, row, index, out):
    mask = a > 1
    mask &= b < 1.25
    np.logical_not(mask, out=out)
    out *= 0.3 - 1
    return mask


def changed_by_index(a, b, row, index, out):
    out[...] = a
    out[1:3] = b[:2]
    out[:, 0] = 7
    out[:, 1:] = row[1:]
    out[0] += 1
    out[..., -1] = b[::-1, 0]
    out[:1, np.newaxis] *= 2
    out[1:] = out[:-1]  # NumPy takes care where the two overlap
    return out.reshape(-1)


def at_indices(a, b, row, index, out):
    flat = out.reshape(-1)
    flat[...] = b.ravel()
    flat.put(index, flat.take(index, mode="clip") - 1, mode="clip")
    return out


def counted_on(a, b, row, index, out):
    """A number of NumPy's does not change when ``+=`` gives its name to another one."""
    s = np.add.reduce(a, axis=None)
    t = s
    s += 1
    s *= b.sum()
    return s - t


def chosen(a, b, row, index, out):
    out.fill(0.5)
    np.divide(a, b, out=out, where=a != b)
    np.sqrt(b, out=out, where=np.greater(a, 1))
    return out


def standardised(a, b, row, index, out):
    mean = a.mean(axis=0, keepdims=True)
    np.subtract(a, mean, out=out)
    variance = np.multiply(out, out, out=out).mean(axis=0)
    inverse = 1 / np.sqrt(variance + a.dtype.type(1e-3))
    return (a - mean) * inverse


def quiet(a, b, row, index, out):
    with np.errstate(over="ignore", divide="ignore"):
        return np.exp(a * 1e3, out=out) + 1 / (b - b)


RECORDED = {
    "add": lambda a, b, row, index, out: a + b,
    "ufunc of one": lambda a, b, row, index, out: np.exp(-a),
    "out": lambda a, b, row, index, out: np.multiply(a, row, out=out),
    "out of another dtype": lambda a, b, row, index, out: np.greater(a, 1, out=out),
    "operators": lambda a, b, row, index, out: (1 - a) / (2 * b) ** 2 - abs(row) % 0.3 // 0.1,
    "power": lambda a, b, row, index, out: np.power(a, 3) + a**-1.5 + 2**b,
    "a user's ufunc": lambda a, b, row, index, out: ndtr(row, out=out),
    "bool": lambda a, b, row, index, out: a * True + np.bool_(True),
    "complex": lambda a, b, row, index, out: a * 2j,
    "compared": compared,
    "where": chosen,
    "+=": in_place(operator.iadd),
    "-=": in_place(operator.isub),
    "*=": in_place(operator.imul),
    "/=": in_place(operator.itruediv),
    "**=": in_place(operator.ipow),
    "a number of NumPy's": lambda a, b, row, index, out: a * np.float32(0.1) + np.float64(0.1),
    "a constant array": lambda a, b, row, index, out: a * np.broadcast_to(np.float32(0.1), (3,)),
    "integer and number": lambda a, b, row, index, out: (index * 2 - 1, index * 0.1, index / 3),
    "integer and float": lambda a, b, row, index, out: index[:3] * row,
    "float and integer": lambda a, b, row, index, out: np.ldexp(a, 2),
    "dtypes": lambda a, b, row, index, out: np.copysign(a, np.float64(-1)) + 0.1,
    "three": lambda a, b, row, index, out: betainc(a, b, 0.3) + betainc(a, np.float64(2), 0.1),
    "reduce": lambda a, b, row, index, out: np.add.reduce(a),
    "reduce, axis": lambda a, b, row, index, out: np.maximum.reduce(a, axis=-1),
    "reduce, by position": lambda a, b, row, index, out: np.add.reduce(a, 1, None, None, True),
    "reduce, keepdims": lambda a, b, row, index, out: np.add.reduce(a, axis=1, keepdims=True) * b,
    "reduce, None": lambda a, b, row, index, out: np.multiply.reduce(a, axis=None),
    "reduce, out": lambda a, b, row, index, out: np.add.reduce(a, axis=0, out=out[0]),
    "reduce, dtype": lambda a, b, row, index, out: np.add.reduce(a, axis=0, dtype=np.float64),
    "reduce, logical": lambda a, b, row, index, out: np.logical_and.reduce(a > b, axis=0),
    "reduce, integer": lambda a, b, row, index, out: np.add.reduce(a > b, axis=None) + index,
    "sum": lambda a, b, row, index, out: (a.sum(), a.sum(0), a.sum(axis=(0, 1), keepdims=True)),
    "sum, dtype": lambda a, b, row, index, out: a.sum(dtype="float64") + index.sum(),
    "np.sum": lambda a, b, row, index, out: (np.sum(a), np.sum(a, 1), np.sum(a, axis=0)),
    "np.sum, out": lambda a, b, row, index, out: np.sum(a, axis=(0,), out=row),
    "mean": lambda a, b, row, index, out: (a.mean(), a.mean(0), a.mean(axis=(0, 1), keepdims=True)),
    "np.mean": lambda a, b, row, index, out: (np.mean(a), np.mean(a, 1), np.mean(a, axis=0)),
    "mean in place": lambda a, b, row, index, out: operator.isub(a, a.mean(axis=-1, keepdims=True)),
    "dot": lambda a, b, row, index, out: np.dot(a, b.T),
    "dot, out": lambda a, b, row, index, out: np.dot(a.T, b, out=out[:3]),
    "dot, column": lambda a, b, row, index, out: np.dot(a, row),
    "dot, row": lambda a, b, row, index, out: np.dot(row, b.T),
    "dot, three axes": lambda a, b, row, index, out: np.dot(a.reshape(2, -1, 3), b.T),
    "dot of three axes": lambda a, b, row, index, out: np.dot(
        row, b.reshape(2, -1, 3).transpose(0, 2, 1)
    ),
    "dot of vectors": lambda a, b, row, index, out: np.dot(row, a[0]) * 2,
    "@": lambda a, b, row, index, out: a @ b.T @ a,
    "matmul, out": lambda a, b, row, index, out: np.matmul(a, b[:3], out=out),
    "vecdot": lambda a, b, row, index, out: np.vecdot(a, b),
    "windows": lambda a, b, row, index, out: sliding_window_view(a.reshape(-1), 5)[::2].T * 2,
    "windows of two axes": lambda a, b, row, index, out: np.add(
        1, sliding_window_view(a, (2, 3), axis=(0, 1)).transpose(0, 3, 1, 2)
    ),
    "argmax": lambda a, b, row, index, out: (a.argmax(-1), b.argmax(axis=0) + index[:3]),
    "argmax of a row": lambda a, b, row, index, out: row.argmax(0),
    "take": lambda a, b, row, index, out: a.take(index),
    "take, axis": lambda a, b, row, index, out: a.take(index % 3, axis=1, mode="clip"),
    "take, out": lambda a, b, row, index, out: b.take(index, out=out.reshape(-1)[:5], mode="wrap"),
    "take, one": lambda a, b, row, index, out: a.take(3) * 2,
    "put": at_indices,
    "put, a number": lambda a, b, row, index, out: (out.put(index, 0.1), out)[1],
    "copyto": lambda a, b, row, index, out: (np.copyto(out, row), np.copyto(row, 3), out)[2],
    "copyto, unsafe": lambda a, b, row, index, out: (
        np.copyto(index[:3], row, casting="unsafe"),
        index * 2,
    )[1],
    "add.at": lambda a, b, row, index, out: (np.add.at(out.reshape(-1), index, 1), out)[1],
    "add.at twice": lambda a, b, row, index, out: (np.add.at(out[0], index[:3] * 0, row), out)[1],
    "negative.at": lambda a, b, row, index, out: (np.negative.at(out.reshape(-1), index), out)[1],
    "fill": lambda a, b, row, index, out: (out.fill(2), out.fill(np.float64(0.1)), out)[2],
    "setitem": changed_by_index,
    "copy": lambda a, b, row, index, out: a.copy() * a.T.copy("F").T,
    "views": lambda a, b, row, index, out: (
        a.T + b.transpose(1, 0) - out.swapaxes(0, 1),
        a[:, :1].squeeze() - b[np.newaxis, :, 2].squeeze(axis=0) + a.mT[0],
        a.reshape(-1) + b.ravel() - out.reshape((-1,)),
        a.astype(a.dtype, copy=False) + b.view(),
        a.view(np.ndarray) * 2,
    ),
    "negative strides": lambda a, b, row, index, out: np.dot(a[::-1, ::2], b[1:3, ::-1]),
    "counted on": counted_on,
    "standardised": standardised,
    "errors": quiet,
    "facts": lambda a, b, row, index, out: a * len(b) + row.size * a.ndim / a.shape[0],
    "read-only": lambda a, b, row, index, out: np.dot(frozen(a.shape[0], a.dtype), a),
}


def frozen(n, dtype):
    ones = np.ones(n, dtype)
    ones.setflags(write=False)
    return ones


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each("size", SIZES)
@each("name", RECORDED)
def test_replayed_on_other_numbers_it_gives_the_bits_of_the_formula(name, size, dtype):
    formula = RECORDED[name]
    arrays = numbers(SIZES[size], dtype)
    ordinary = copies(arrays)
    tape, found = record(formula, arrays)
    assert tape.failure is None
    assert same(found, formula(**ordinary))  # and recording changes nothing
    assert_same_arrays(arrays, ordinary)
    for seed in (1, 2):
        for key, other in numbers(SIZES[size], dtype, seed).items():
            arrays[key][...] = ordinary[key][...] = other
        run(tape)
        assert same(found, formula(**ordinary))
        assert_same_arrays(arrays, ordinary)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize(
    "formula",
    [
        lambda x: x + 1,
        lambda x: x * 2.5,
        lambda x: 3 / (x + 1),
        lambda x: x.sum(),
        lambda x: np.add.reduce(x, axis=0),
        lambda x: x == 1,
        lambda x: np.sqrt(x),
    ],
)
def test_dtypes_are_those_of_numpy(formula, dtype):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    tape, found = record(lambda x: formula(x), {"x": x})
    assert tape.failure is None
    x[...] = x[:, ::-1].copy()
    run(tape)
    assert same(found, formula(x.copy()))


def test_numbers_beside_arrays_are_constants_of_their_dtype_and_shape():
    for rows, shape in ((SMALL // 4, (SMALL // 4, 4)), (SMALL // 4 + 1, ())):
        tape, _ = record(lambda x: x * 0.1, {"x": np.ones((rows, 4), "float32")})
        (call,) = tape.calls
        assert call.inputs[1].dtype == "float32"
        assert call.inputs[1].shape == shape
    tape, _ = record(lambda x: x + 1, {"x": np.arange(3)})
    assert tape.calls[0].inputs[1] == 1  # beside integers a number stays one
    assert type(tape.calls[0].inputs[1]) is int


def test_copies_run_by_run_give_the_bits_of_copies():
    rng = np.random.default_rng(0)
    quicker = 0
    for _ in range(600):
        n_axes = rng.integers(1, 5)
        whole = rng.integers(1, 9, n_axes)
        dtype = rng.choice(["float32", "float64", "bool", "int8", "complex64"])
        raw = rng.integers(0, 2, (2, *whole, 16), dtype="uint8")
        source, target = raw.view(dtype)  # any bits, so also those of NaN
        cut = tuple(slice(rng.integers(0, n), None, rng.integers(1, 3)) for n in source.shape)
        if rng.random() < 0.3:  # axes in another order
            source = np.moveaxis(source, 0, -2).copy()
            source = np.moveaxis(source, -2, 0)
        A, out, expected = source[cut], target[cut], target.copy()
        np.copyto(expected[cut], A)
        pair = run_by_run(out, A)
        assert np.shares_memory(pair[0], out)
        np.copyto(*pair)
        quicker += pair[0] is not out
        assert target.tobytes() == expected.tobytes()
    assert 100 < quicker < 500


def test_copies_of_other_forms_dtypes_or_lengths_are_numpys():
    whole = np.zeros((3, 8), "float32")
    out = whole[:, :4]
    forms = (2.0, np.ones(4, "float32"), np.ones((1, 4), "float32"), whole[:, ::2])
    for A in (*forms, whole.astype("int32")[:, :4], whole.astype("float64")[:, :4]):
        assert run_by_run(out, A)[1] is A
    for n in (0, 1):
        assert run_by_run(out[:, :n], whole[:, 4 : 4 + n])[0].dtype == "float32"
    assert run_by_run(out, whole[:, 4:])[0].dtype == "V16"


def test_copies_run_by_run_know_memory_that_overlaps():
    moved = np.arange(40.0).reshape(10, 4)
    np.copyto(*run_by_run(moved[1:, :2], moved[:-1, :2]))
    assert_array_equal(moved[:, 0], [0, *range(0, 36, 4)])


def test_calls_are_noted_in_order_with_their_arrays():
    a, out = np.ones(3), np.zeros(3)

    def formula(a, out):
        np.exp(a, out=out)
        np.copyto(a, out)

    tape, _ = record(formula, {"a": a, "out": out})
    first, second = tape.calls
    assert (first.function, second.function) == (np.exp, "copy")
    assert type(first.out) is np.ndarray
    assert np.shares_memory(first.out, out)
    assert np.shares_memory(first.inputs[0], a)
    assert np.shares_memory(second.out, a)
    assert first.errors == second.errors == {}


def test_the_numbers_of_a_call_are_read_when_it_is_made():
    a = np.ones(3)
    tape, found = record(lambda a: a * 2, {"a": a})
    a[...] = [1, 2, 3]
    np.testing.assert_array_equal(plain(found), [2, 2, 2])
    run(tape)
    np.testing.assert_array_equal(plain(found), [2, 4, 6])


def test_floating_point_errors_are_treated_as_where_they_were_recorded():
    a = np.ones(3)

    def formula(a):
        with np.errstate(divide="ignore"):
            b = 1 / a
        return np.log(b)

    tape, _ = record(formula, {"a": a})
    assert [call.errors for call in tape.calls] == [{"divide": "ignore"}, {}]
    a[...] = 0
    run(tape)
    a[...] = -1
    with pytest.raises(FloatingPointError, match="invalid value"):
        run(tape)


# --- draws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["random", "standard_normal", "standard_exponential"])
def test_draws_go_on_as_the_generator_does(kind, dtype):
    mine, its = np.random.default_rng(3), np.random.default_rng(3)
    out, expected = np.empty((4, 3), dtype), np.empty((4, 3), dtype)
    tape, found = record(
        lambda rng, out: getattr(rng, kind)(out=out, dtype=dtype), {"rng": mine, "out": out}
    )
    assert tape.failure is None
    assert isinstance(found, Traced)
    getattr(its, kind)(out=expected, dtype=dtype)
    assert same(out, expected)
    for _ in range(2):
        run(tape)
        getattr(its, kind)(out=expected, dtype=dtype)
        assert same(out, expected)


DRAWS = {
    "size": lambda rng, out: rng.standard_normal((2, 3)),
    "numbers": lambda rng, out: rng.random(4, out=out.reshape(-1)[:4]),
    "uniform": lambda rng, out: rng.uniform(0, 1, 5),
    "shuffle": lambda rng, out: (rng.shuffle(out), out)[1],
    "permutation": lambda rng, out: rng.permutation(out),
    "spawn": lambda rng, out: rng.spawn(1)[0].random(3),
    "bit generator": lambda rng, out: rng.bit_generator.random_raw(),
    "an array inside": lambda rng, out: rng.standard_gamma(np.ones_like(plain(out)), out=out),
    "an array not traced": lambda rng, out: rng.random(out=np.empty(3)),
    "copy": lambda rng, out: copy.deepcopy(rng).random(out=out),
    "pickle": lambda rng, out: pickle.loads(pickle.dumps(rng)).random(3),
}


@each("name", DRAWS)
def test_other_draws_are_refused_but_made(name):
    mine, its = np.random.default_rng(3), np.random.default_rng(3)
    out, expected = np.ones((4, 3)), np.ones((4, 3))
    tape, found = record(DRAWS[name], {"rng": mine, "out": out})
    assert tape.failure is not None
    assert same(found, DRAWS[name](its, expected))
    assert same(out, expected)
    assert mine.random() == its.random()


# --- what is refused ------------------------------------------------------------------------------


def beside(function):
    """A formula that computes with an array which nobody traces."""

    def formula(a, b, row, index, out):
        return function(a, np.linspace(0, 1, 3, dtype=a.dtype), out)

    return formula


def written(function):
    def formula(a, b, row, index, out):
        function(a, b, row, index, out)
        return out

    return formula


def into_fresh(a, b, row, index, out):
    fresh = np.empty(a.shape, a.dtype)
    np.add(a, b, out=fresh)
    np.exp(fresh, out=fresh)  # of this a tape knows nothing
    np.copyto(out, fresh)
    return fresh


def written_out_of_sight(a, b, row, index, out):
    hidden = np.asarray(a) * 2
    out[...] = hidden
    return out


REFUSED = {
    "float()": lambda a, b, row, index, out: a * float(b.sum()),
    "int()": lambda a, b, row, index, out: a * int(b.sum()),
    "complex()": lambda a, b, row, index, out: complex(b.sum()),
    "index": lambda a, b, row, index, out: list(range(index.sum() * 0 + 2)),
    "bool()": lambda a, b, row, index, out: a if a.sum() > b.sum() else b,
    "max()": lambda a, b, row, index, out: max(a.sum(), b.sum()),
    "math": lambda a, b, row, index, out: math.sqrt(a.sum()),
    "iteration": lambda a, b, row, index, out: [x * 2 for x in a],
    "unpacking": lambda a, b, row, index, out: tuple(row),
    "in": lambda a, b, row, index, out: a * (0.5 in b),
    "text": lambda a, b, row, index, out: float(f"{a.sum():.9e}"),
    "mask": lambda a, b, row, index, out: a[a > 1],
    "indices": lambda a, b, row, index, out: a.ravel()[index],
    "rows and columns": lambda a, b, row, index, out: a[[0, 1], [1, 2]],
    "traced in a tuple": lambda a, b, row, index, out: a[index % 3, 0],
    "one number": lambda a, b, row, index, out: a[0, 1] + 1,
    "a row's number": lambda a, b, row, index, out: row[-1] * a,
    "set by mask": written(lambda a, b, row, index, out: operator.setitem(out, a > 1, 3)),
    "set by indices": written(lambda a, b, row, index, out: operator.setitem(row, index % 3, 3)),
    "set one": written(lambda a, b, row, index, out: operator.setitem(out, (0, 1), b[1, 1])),
    "into integers": lambda a, b, row, index, out: (operator.setitem(index, slice(3), 2.7), index),
    "fill of integers": lambda a, b, row, index, out: (index.fill(2.7), index),
    "floats into integers": lambda a, b, row, index, out: (
        operator.setitem(index, slice(3), row * -3),
        index,
    ),
    "argmax": lambda a, b, row, index, out: a.argmax(),
    "argmax, keepdims": lambda a, b, row, index, out: a.argmax(axis=-1, keepdims=True),
    "argmax, out": lambda a, b, row, index, out: a.argmax(0, index[:3]),
    "max": lambda a, b, row, index, out: (a.max(), a.min(axis=0)),
    "any": lambda a, b, row, index, out: ((a > 1).any(), (a > 1).all(axis=0)),
    "nonzero": lambda a, b, row, index, out: (a > 1).nonzero(),
    "sort": lambda a, b, row, index, out: (out.sort(), a.sort(), row.partition(1), a, row),
    "item": lambda a, b, row, index, out: a.item(3),
    "tolist": lambda a, b, row, index, out: a.tolist(),
    "tobytes": lambda a, b, row, index, out: np.frombuffer(a.tobytes(), a.dtype),
    "cumsum": lambda a, b, row, index, out: a.cumsum(axis=0),
    "cumsum, out": lambda a, b, row, index, out: a.cumsum(axis=0, out=out),
    "clip": lambda a, b, row, index, out: a.clip(0.75, row + 3),
    "clip by name": lambda a, b, row, index, out: a.clip(max=b),
    "a.dot": lambda a, b, row, index, out: a.dot(b.T),
    "var": lambda a, b, row, index, out: (a.var(axis=0), a.std(), a.prod(), a.round(1)),
    "repeat": lambda a, b, row, index, out: a.repeat(2),
    "flatten": lambda a, b, row, index, out: a.flatten() + 1,
    "flat": lambda a, b, row, index, out: a.flat[3] + a.real + a.imag,
    "set flat": lambda a, b, row, index, out: (
        setattr(a, "flat", row),
        setattr(b, "real", row),
        operator.setitem(out.flat, 3, 2),
        (a, b, out),
    ),
    "base": lambda a, b, row, index, out: np.multiply(a.base, 2, out=a.base),
    "data": lambda a, b, row, index, out: np.asarray(a.data) * 2,
    "interface": lambda a, b, row, index, out: a.__array_interface__["shape"],
    "struct": lambda a, b, row, index, out: type(a.__array_struct__).__name__,
    "from_dlpack": lambda a, b, row, index, out: np.from_dlpack(a) + 1,
    "__array__": lambda a, b, row, index, out: a.__array__() * 2,
    "other dtype": lambda a, b, row, index, out: a.astype("float16") + 1,
    "a copy by astype": lambda a, b, row, index, out: a.astype(a.dtype) + 1,
    "asanyarray": lambda a, b, row, index, out: np.asanyarray(a, "float16") + 1,
    "array": lambda a, b, row, index, out: np.array(a, subok=True) + 1,
    "more axes": lambda a, b, row, index, out: np.array(a, copy=None, subok=True, ndmin=3) + 1,
    "matrix": lambda a, b, row, index, out: np.asarray(a.view(np.recarray)),
    "reshape": lambda a, b, row, index, out: a.T.reshape(-1) + 1,
    "ravel": lambda a, b, row, index, out: a.T.ravel() + 1,
    "nothing": lambda a, b, row, index, out: a[:0] * 2,
    "deepcopy": lambda a, b, row, index, out: copy.deepcopy(a) + 1,
    "copy": lambda a, b, row, index, out: copy.copy(b) + 1,
    "pickle": lambda a, b, row, index, out: pickle.loads(pickle.dumps(a, 5)) + 1,
    "pickle of old": lambda a, b, row, index, out: pickle.loads(pickle.dumps(a, 2)) + 1,
    "reduce": lambda a, b, row, index, out: a.__reduce__()[2][1],
    "np.where": lambda a, b, row, index, out: np.where(a > 1, b, 0),
    "np.clip": lambda a, b, row, index, out: np.clip(a, 0.75, 1.5, out=out),
    "concatenate": lambda a, b, row, index, out: np.concatenate([a, b]),
    "stack": lambda a, b, row, index, out: np.stack((a, b), axis=-1),
    "block": lambda a, b, row, index, out: np.block([[a, b], [b, a]]),
    "einsum": lambda a, b, row, index, out: np.einsum("ij,ij->i", a, b),
    "tensordot": lambda a, b, row, index, out: np.tensordot(a, b.T, 1),
    "inner": lambda a, b, row, index, out: np.inner(a, b),
    "np.max": lambda a, b, row, index, out: (np.max(a), np.argmax(a), np.median(a), np.any(a > 1)),
    "norm": lambda a, b, row, index, out: np.linalg.norm(a),
    "empty_like": lambda a, b, row, index, out: np.zeros_like(a),
    "np.copyto, where": written(
        lambda a, b, row, index, out: np.copyto(out, a, where=np.greater(a, 1))
    ),
    "np.copyto by name": written(lambda a, b, row, index, out: np.copyto(dst=out, src=a)),
    "np.put": written(lambda a, b, row, index, out: np.put(out, index, row)),
    "put_along_axis": written(
        lambda a, b, row, index, out: np.put_along_axis(
            out[:3], index[:3, np.newaxis] % 3, 5, axis=1
        )
    ),
    "accumulate": lambda a, b, row, index, out: np.add.accumulate(a, axis=0),
    "accumulate, out": lambda a, b, row, index, out: np.add.accumulate(a, axis=0, out=out),
    "reduceat": lambda a, b, row, index, out: np.add.reduceat(row, [0, 2]),
    "outer": lambda a, b, row, index, out: np.multiply.outer(row, row),
    "reduce, where": lambda a, b, row, index, out: np.add.reduce(a, axis=0, where=a > 1),
    "sum, initial": lambda a, b, row, index, out: a.sum(initial=3) + np.sum(a, where=a > 1),
    "sum by name": lambda a, b, row, index, out: np.sum(a=a) + np.mean(a=a),
    "mean, dtype": lambda a, b, row, index, out: a.mean(dtype="float64"),
    "mean, dtype by position": lambda a, b, row, index, out: a.mean(0, "float64"),
    "sum of a list": lambda a, b, row, index, out: np.sum([[1, 2, 3]] * 2, axis=0, out=row),
    "copyto, casting": lambda a, b, row, index, out: (np.copyto(index[:3], row, "unsafe"), index),
    "mean, out": lambda a, b, row, index, out: a.mean(axis=0, out=out[0]),
    "mean, where": lambda a, b, row, index, out: np.mean(a, where=b < 5),
    "mean of integers": lambda a, b, row, index, out: index.mean() + np.mean(index),
    "mean of halves": lambda a, b, row, index, out: a.astype("float16").mean(axis=0),
    "dtype": lambda a, b, row, index, out: np.add(a, 0.1, dtype="float64"),
    "casting": lambda a, b, row, index, out: np.multiply(row, 3.7, out=index[:3], casting="unsafe"),
    "modf": lambda a, b, row, index, out: np.modf(a),
    "modf, out": lambda a, b, row, index, out: np.modf(a, out=(out, None)),
    "modf, both": lambda a, b, row, index, out: (np.modf(a, out=(out, b)), out, b),
    "divmod": lambda a, b, row, index, out: divmod(a, 0.3),
    "frexp": lambda a, b, row, index, out: np.frexp(a),
    "@=": lambda a, b, row, index, out: operator.imatmul(a, np.eye(3, dtype=a.dtype)),
    "vecdot, axis": lambda a, b, row, index, out: np.vecdot(a, b, axis=0),
    "dot with a number": lambda a, b, row, index, out: (np.dot(a, 2.5), np.dot(2.5, a)),
    "dot with a list": lambda a, b, row, index, out: np.dot([1.0, 2.0, 3.0], a[:3]),
    "dot by name": lambda a, b, row, index, out: np.dot(a=a, b=row),
    "dot, out by position": lambda a, b, row, index, out: np.dot(a, b[:3], out),
    "a list": lambda a, b, row, index, out: np.add(a, [1, 2, 3]),
    "a list of traced": lambda a, b, row, index, out: a[:2] + np.add([row, row], 1),
    "take by list": lambda a, b, row, index, out: a.take([1, 2]),
    "put of a list": written(lambda a, b, row, index, out: out.put(index, [1, 2])),
    "an array beside": beside(lambda a, v, out: a * v),
    "an array in place beside": beside(lambda a, v, out: operator.iadd(v, a[0])),
    "an array beside, out": beside(lambda a, v, out: np.exp(v, out=out)),
    "an array beside, where": beside(lambda a, v, out: np.exp(a, out=out, where=v > 0.1)),
    "an array beside, set": beside(lambda a, v, out: (operator.setitem(out, slice(None), v), out)),
    "an array beside, copied": beside(lambda a, v, out: (np.copyto(out, v), out)),
    "an array beside, copied to": beside(lambda a, v, out: (np.copyto(v, a[0]), v)),
    "an array beside, dot": beside(lambda a, v, out: np.dot(a, v)),
    "an array beside, dot into": beside(lambda a, v, out: np.dot(a[:3, 0], a[:3], out=v)),
    "an array beside, put": beside(lambda a, v, out: (out.put(np.arange(3), v), out)),
    "an array beside, take": beside(lambda a, v, out: a[0].take(np.arange(3), out=v)),
    "an array beside, reduce": beside(lambda a, v, out: np.add.reduce(a, axis=0, out=v)),
    "an array in tuples": beside(lambda a, v, out: np.add(a[:2], (v, v))),
    "into a fresh array": into_fresh,
    "computed out of sight": lambda a, b, row, index, out: a * np.exp(np.asarray(b)),
    "contiguous out of sight": lambda a, b, row, index, out: a + np.ascontiguousarray(b.T).T,
    "written out of sight": written_out_of_sight,
}


@each("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_and_computed_nevertheless(name):
    formula = REFUSED[name]
    arrays = numbers()
    ordinary = copies(arrays)
    tape, found = record(formula, arrays)
    expected = formula(**{key: array[...] for key, array in ordinary.items()})  # views too
    assert tape.failure
    assert same(found, expected)
    assert_same_arrays(arrays, ordinary)


@pytest.mark.parametrize(
    "formula",
    [
        lambda x, out: np.add(x, 1, out=out),
        lambda x, out: np.add.reduce(x, axis=0, out=out[0]),
        lambda x, out: np.dot(x, x, out=out),
        lambda x, out: x.take([[0, 1, 2]] * 3, out=out),
        lambda x, out: np.add.accumulate(x, out=out),
        lambda x, out: np.add(x, 1, out=out, dtype="float64"),
        lambda x, out: np.clip(x, 0, 1, out=out),
        lambda x, out: np.modf(x, out=(out, None))[0],
        lambda x, out: x.sum(axis=0, out=out[0]),
        lambda x, out: x.mean(axis=0, out=out[0]),
        lambda x, out: x.__iadd__(out),
    ],
)
def test_what_is_given_for_the_result_is_returned(formula):
    tape = Tape()
    x, out = tape.trace(np.ones((3, 3))), tape.trace(np.zeros((3, 3)))
    found = formula(x, out)
    assert type(found) is Traced
    assert any(np.shares_memory(plain(found), plain(each)) for each in (x, out))


def test_the_first_failure_is_kept():
    tape, _ = record(lambda x: (x.argmax(), x.item(0)), {"x": np.ones(3)})
    assert tape.failure == "argmax"


def test_what_is_out_of_numpys_range_is_an_error_of_numpys():
    for formula, error in [
        (lambda x: x[7], IndexError),
        (lambda x: operator.setitem(x, 7, 1), IndexError),
        (lambda x: x + np.ones(4), ValueError),
        (lambda x: operator.setitem(x, slice(None), np.ones(4)), ValueError),
        (lambda x: x.nothing, AttributeError),
        (lambda x: x.take(9), IndexError),
        (lambda x: x.reshape(2, 2), ValueError),
        (lambda x: np.add(x, 1, out=np.empty(2)), ValueError),
    ]:
        tape = Tape()
        for array in (np.ones(3), tape.trace(np.ones(3))):
            with pytest.raises(error):
                formula(array)


def test_the_mean_of_nothing():
    tape, found = record(lambda x: x.mean(axis=0), {"x": np.ones((2, 0), "float32")})
    assert tape.failure
    assert found.shape == (0,)


# --- tracing and what is left of it ---------------------------------------------------------------


def test_arrays_and_generators_are_traced_and_nothing_else():
    tape = Tape()
    rng, array = np.random.default_rng(0), np.ones(3)
    traced = tape.trace(array)
    assert type(traced) is Traced
    assert np.shares_memory(traced, array)
    assert type(tape.trace(rng)) is TracedGenerator
    assert plain(tape.trace(rng)) is rng
    for other in (None, 1.5, "x", [array], np.float32(1), np.ma.array([1])):
        assert tape.trace(other) is other
    assert tape.trace(traced) is traced


def test_plain_looks_into_lists_tuples_and_dicts():
    tape = Tape()
    traced = tape.trace(np.ones(3))
    found = plain([traced, (traced, 1), {"a": traced}])
    assert [type(found[0]), type(found[1][0]), type(found[2]["a"])] == [np.ndarray] * 3
    assert found[1][1] == 1
    assert plain("text") == "text"


def test_facts_are_no_failures():
    a = np.ones((4, 3), "float32")
    tape = Tape()
    x = tape.trace(a)
    for fact in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides"):
        assert getattr(x, fact) == getattr(a, fact)
    assert x.flags.c_contiguous
    assert len(x) == 4
    assert tape.failure is None


def test_views_are_on_the_same_tape():
    tape = Tape()
    x = tape.trace(np.ones((4, 3)))
    views = [x.T, x[1:], x.reshape(-1), x.ravel(), x.mT, x.transpose(), x.view(np.ndarray)]
    for view in views:
        assert type(view) is Traced
        assert view.tape is tape
        assert type(plain(view).base) is np.ndarray  # and a view of nothing that is traced
    other = np.asanyarray(x, copy.deepcopy(x.dtype))  # equal, but another object
    assert other is not x
    assert other.tape is tape
    assert type(plain(np.asanyarray(other, copy.deepcopy(x.dtype))).base) is np.ndarray
    assert tape.failure is None
    assert tape.calls == []


def test_nothing_keeps_a_tape_alive():
    """An array holds what it is a view of, which Python's garbage collector does not see."""

    def formula(a, b, row, index, out):
        np.dot(a.T, np.asanyarray(b, copy.deepcopy(b.dtype)), out=out[:3])
        return np.add(out.reshape(-1), a.mT.transpose().view().swapaxes(0, 1).T.ravel())

    tape, found = record(formula, numbers())
    kept = [plain(found), *(call.out for call in tape.calls)]
    assert tape.failure is None
    watched = weakref.ref(tape)
    del tape, found
    gc.collect()
    assert watched() is None
    assert kept


STRIPPING = {"asarray", "array", "ascontiguousarray", "asfortranarray", "require", "frombuffer"}
STRIPPING |= {"fromiter", "nditer", "as_strided", "memoryview", "tolist", "from_dlpack"}
ALLOWED = {  # what a step does not call, or only for arrays that are of another kind
    "check_input",
    "check_target",
    "check_weight",
    "forward in Loss",
    "penalties in Regularizer",
    "centred",
}


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield each, f"{each.name} in {node.name}"
        elif isinstance(node, ast.Module):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield each, each.name


def test_no_formula_of_the_package_takes_an_array_out_of_sight():
    root = Path(backprop.__file__).parent
    files = [*root.glob("layers/*.py"), *root.glob("losses/*.py")]
    files += [root / "regularizers.py", root / "core" / "functional.py"]
    found = set()
    for file in files:
        for function, where in functions(ast.parse(file.read_text(encoding="utf-8"))):
            if {function.name, where} & ALLOWED:
                continue
            called = {n.func for n in ast.walk(function) if isinstance(n, ast.Call)}
            names = {n.attr if isinstance(n, ast.Attribute) else ast.unparse(n) for n in called}
            found |= {(file.name, where, name) for name in names & STRIPPING}
    assert found == set()
