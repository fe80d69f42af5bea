"""Calls made for K at once: the numbers of K separate replays, or CannotStack."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from rows import each

from backprop.core.functional import at_columns, ones
from backprop.engine.tape import Tape
from backprop.engine.traced import plain
from backprop.experiments.stacked_tape import (
    OUTER,
    CannotStack,
    StackedTape,
    axis_after,
    owner,
    with_biases,
)

ROWS = 4


def numbers(seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    draw = {
        "a": (ROWS, 3),
        "b": (ROWS, 3),
        "row": (3,),
        "column": (ROWS, 1),
        "W": (3, 5),
        "X": (2, ROWS, 3),
        "out": (ROWS, 3),
    }
    arrays = {name: rng.uniform(0.5, 2, shape).astype(dtype) for name, shape in draw.items()}
    return {**arrays, "index": rng.permutation(3 * ROWS)[:5], "base": rng.uniform(1, 2, 40)}


def record(formula, dtype="float64", generator=None):
    """A tape on arrays that all differ, the arrays, and the plain result of the formula."""
    arrays = numbers(0, dtype)
    tape = Tape()
    extra = {} if generator is None else {"rng": tape.trace(generator)}
    found = formula(**{name: tape.trace(array) for name, array in arrays.items()}, **extra)
    assert tape.failure is None
    return tape, arrays, plain(found)


def separately(tape, arrays, found, k, dtype, seed=7):
    """The results of k replays, each on numbers of its own."""
    results = []
    for i in range(k):
        for name, other in numbers(seed + i, dtype).items():
            arrays[name][...] = other
        for call in tape.calls:
            call.bind()()
        results.append((found.copy(), {name: array.copy() for name, array in arrays.items()}))
    return results


def together(tape, arrays, found, k, dtype, seed=7, shared=()):
    """The results of one replay for all k, and the stacked."""
    stacked = StackedTape(tape.calls, k, [])
    blocks = {name: stacked.block(array) for name, array in arrays.items() if name not in shared}
    calls = stacked.bind({})
    for i in range(k):
        for name, other in numbers(seed + i, dtype).items():
            if name in blocks:
                blocks[name][i] = other
    for call in calls:
        call()
    return stacked.block(found), blocks


def assert_same(one, other, exact):
    if exact:
        np.testing.assert_array_equal(one, other)
    else:
        limit = 1e-5 if one.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(one, other, rtol=limit)
    assert one.dtype == other.dtype


def compare(formula, k, dtype, exact=True):
    tape, arrays, found = record(formula, dtype)
    expected = separately(tape, arrays, found, k, dtype)
    result, blocks = together(tape, arrays, found, k, dtype)
    assert result.shape == (k, *found.shape)
    for i, (value, inside) in enumerate(expected):
        assert_same(result[i], value, exact)
        for name, array in inside.items():
            assert_same(blocks[name][i], array, exact)


def strided(base):
    """A matrix that is part of a longer vector, from its element 5 on."""
    return base[5:26].reshape(3, 7)


def where(a, b, out, **rest):
    np.divide(a, b, out=out, where=np.greater(a, 1))
    return np.sqrt(a, out=out, where=np.less(b[:, :1], 1))


def into_views(a, b, row, base, index, out, **rest):
    part = strided(base)
    np.add(part[:, 1:4], row, out=part[:, 1:4])
    part[1:, ::2] *= 0.5
    part[0] = part[1]
    part[:, -1] = 7
    part[::-1, 0] -= b[:3, 1]
    return part


def quiet(a, out, **rest):
    with np.errstate(over="ignore"):
        return np.exp(a * 1e4, out=out)


ELEMENTWISE = {
    "same shape": lambda a, b, **rest: a * b,
    "row": lambda a, row, **rest: a + row,
    "column": lambda a, column, **rest: a - column,
    "row and column": lambda row, column, **rest: row * column,
    "fewer axes": lambda X, a, row, column, **rest: X * a + row - column,
    "numbers": lambda a, **rest: (1 - a) * 2.5 + a**2,
    "numbers of NumPy's": lambda a, **rest: a * np.float64(0.3),
    "without axes": lambda a, b, **rest: a * np.add.reduce(b, axis=None),
    "out": lambda a, b, out, **rest: np.maximum(a, b, out=out),
    "in place": lambda a, row, **rest: a.__imul__(row),
    "broadcast to out": lambda row, out, **rest: np.exp(row, out=out),
    "compared": lambda a, b, **rest: a > b,
    "integers": lambda index, **rest: index * 2 + index[:1],
    "where": where,
    "transposed": lambda a, b, out, **rest: np.subtract(a.T, b.T[:, ::-1], out=out.T),
    "new axes": lambda a, row, **rest: a[:, np.newaxis] * row[np.newaxis, :, np.newaxis],
    "reversed": lambda a, b, **rest: a[::-1, ::-1] * b[:, ::-1],
    "windows": lambda a, row, **rest: sliding_window_view(a, 2, axis=0).copy() * row[:, np.newaxis],
    "windows of a part": lambda base, **rest: (
        sliding_window_view(strided(base), (2, 3), axis=(0, 1))[:, ::2].copy() * 2
    ),
    "part of a vector": lambda base, a, **rest: strided(base)[:, 1:4].T + a[:3],
    "into views": into_views,
    "copy": lambda a, column, out, **rest: (np.copyto(out, column), out.copy() + a)[1],
    "copy of a row": lambda row, X, **rest: (np.copyto(X, row), X)[1],
    "copy of a number": lambda out, **rest: (out.fill(3), out)[1],
    "copy transposed": lambda a, **rest: a.T.copy() + 1,
    "argmax": lambda a, **rest: a.argmax(-1),
    "argmax of an axis": lambda X, **rest: X.argmax(axis=1) * 2,
    "the largest": lambda X, **rest: at_columns(X, X.argmax(-1)),
    "take": lambda a, index, **rest: a.reshape(-1).take(index, mode="clip"),
    "take twice": lambda a, b, index, **rest: (
        a.ravel().take(index, mode="clip") - b.ravel().take(index, mode="clip")
    ),
    "take, out": lambda a, index, out, **rest: a.reshape(-1).take(
        index, out=out.reshape(-1)[2:7], mode="clip"
    ),
    "take from a part": lambda base, index, **rest: base[7:21].take(index, mode="clip"),
    "take one": lambda a, **rest: a.reshape(-1).take(3, mode="clip"),
    "take by computed": lambda a, index, **rest: a.ravel().take(index // 2 + 1, mode="clip"),
    "take by many": lambda a, index, **rest: a.ravel().take(index[:4].reshape(2, 2), mode="clip"),
    "put": lambda out, index, base, **rest: (
        out.reshape(-1).put(index, base[3:8], mode="clip"),
        out,
    )[1],
    "put a number": lambda out, index, **rest: (out.reshape(-1).put(index, 0.5, mode="clip"), out)[
        1
    ],
    "put one's number": lambda out, a, index, **rest: (
        out.reshape(-1).put(index, np.add.reduce(a, axis=None), mode="clip"),
        out,
    )[1],
    "put into a part": lambda base, index, row, **rest: (
        base[6:].put(index[:3], row, mode="clip"),
        base,
    )[1],
    "rows by number": lambda a, index, **rest: a.take(index % ROWS, 0, mode="clip"),
    "rows by fixed number": lambda a, **rest: a.take(np.array([2, 0, 2]), 0, mode="clip"),
    "columns by number": lambda X, index, **rest: X.take(index % 3, axis=2, mode="clip"),
    "added by number": lambda out, index, base, **rest: (
        np.add.at(out.reshape(-1), index // 2, base[3:8]),
        out,
    )[1],
    "added at fixed numbers": lambda out, row, **rest: (
        np.add.at(out[1], np.array([2, 2, 1]), row),
        out,
    )[1],
    "negated by number": lambda out, index, **rest: (
        np.negative.at(out.reshape(-1), index),
        out,
    )[1],
    "copy of another kind": lambda index, row, **rest: (
        np.copyto(index[:3], row, casting="unsafe"),
        index * 2,
    )[1],
    "errors": quiet,
}


@each("dtype", ["float32", "float64"])
@each("k", [1, 3])
@each("name", ELEMENTWISE)
def test_elementwise_calls_give_the_same_bits(name, k, dtype):
    compare(ELEMENTWISE[name], k, dtype)


SUMS = {
    "first axis": lambda a, **rest: np.add.reduce(a, axis=0),
    "last axis": lambda a, **rest: np.add.reduce(a, axis=-1),
    "axis of three": lambda X, **rest: np.add.reduce(X, axis=1),
    "from the end": lambda X, **rest: np.add.reduce(X, axis=-2),
    "two axes": lambda X, **rest: X.sum(axis=(0, -1)),
    "no axes": lambda X, **rest: X.sum(axis=()),
    "all": lambda X, **rest: X.sum(),
    "all, keepdims": lambda X, a, **rest: a * X.sum(keepdims=True)[0],
    "keepdims": lambda a, **rest: a - a.mean(axis=1, keepdims=True),
    "out": lambda a, out, **rest: np.add.reduce(a, axis=0, out=out[1]),
    "dtype": lambda a, **rest: a.sum(axis=0, dtype="float64"),
    "maximum": lambda a, **rest: np.maximum.reduce(a, axis=-1, keepdims=True),
    "of a vector": lambda row, **rest: np.add.reduce(row),
    "of a view": lambda a, **rest: np.add.reduce(a.T[::-1], axis=0),
}
PRODUCTS = {
    "matrices": lambda a, W, **rest: np.dot(a, W),
    "transposed": lambda a, b, **rest: np.dot(a.T, b),
    "out": lambda a, b, out, **rest: np.dot(a[:, :3], b[:3], out=out),
    "with a column": lambda a, row, **rest: np.dot(a, row),
    "with a row": lambda row, W, **rest: np.dot(row, W),
    "of vectors": lambda a, b, **rest: np.dot(a[0], b[1]),
    "three axes": lambda X, W, **rest: np.dot(X, W),
    "three axes and a column": lambda X, row, **rest: np.dot(X, row),
    "of parts": lambda a, base, **rest: np.dot(a, strided(base)[:, ::3]),
    "matmul": lambda a, W, **rest: a @ W,
    "matmul of stacks": lambda X, **rest: np.matmul(X, X.transpose(0, 2, 1)),
    "matmul of a stack and a matrix": lambda X, W, **rest: np.matmul(X, W),
    "matmul of a matrix and a stack": lambda a, X, **rest: np.matmul(a.T, X),
    "vecdot": lambda a, b, **rest: np.vecdot(a, b),
    "vecdot of three axes": lambda X, a, **rest: np.vecdot(X, a),
    "vecdot with a row": lambda X, row, **rest: np.vecdot(X, row),
}


@each("dtype", ["float32", "float64"])
@each("k", [1, 3])
@each("name", SUMS | PRODUCTS)
def test_sums_and_products_are_the_same_to_rounding(name, k, dtype):
    compare((SUMS | PRODUCTS)[name], k, dtype, exact=False)


CONSTANT = np.array([3.0, -1.0, 0.5])
CONSTANT.setflags(write=False)
MATRIX = np.arange(12.0).reshape(4, 3) / 7
MATRIX.setflags(write=False)
CUBE = np.arange(24.0).reshape(2, 4, 3) / 7
CUBE.setflags(write=False)

WITH_CONSTANTS = {
    "row": lambda a, **rest: a * CONSTANT,
    "more axes than others": lambda row, **rest: MATRIX + row,
    "copied": lambda out, **rest: (np.copyto(out, CONSTANT), out)[1],
    "column": lambda a, **rest: np.dot(a, CONSTANT),
    "column, three axes": lambda X, **rest: np.dot(X, CONSTANT),
    "row of a product": lambda W, **rest: np.dot(CONSTANT, W),
    "on the left": lambda a, **rest: np.dot(MATRIX.T, a),
    "three axes on the left": lambda W, **rest: np.dot(CUBE, W),
    "three axes on the left, column": lambda row, **rest: np.dot(CUBE, row),
    "on the right": lambda a, **rest: np.dot(a, MATRIX.T),
    "on the right of three axes": lambda X, **rest: np.dot(X, MATRIX.T),
    "of vectors": lambda row, **rest: np.dot(row, CONSTANT),
    "vecdot": lambda X, **rest: np.vecdot(X, CONSTANT),
    "indices": lambda a, **rest: a.reshape(-1).take(np.array([0, 5, 11]), mode="clip"),
    "values": lambda out, **rest: (
        out.reshape(-1).put(np.array([0, 5, 11]), CONSTANT, mode="clip"),
        out,
    )[1],
    "source": lambda index, **rest: traced_like(index, MATRIX).reshape(-1).take(index, mode="clip"),
    "summed": lambda a, row, **rest: a * np.add.reduce(traced_like(a, MATRIX), axis=-1)[:, None],
}


def traced_like(array, constant):
    return array.tape.trace(constant)


@each("k", [1, 3])
@each("name", WITH_CONSTANTS)
def test_what_is_only_read_is_the_same_for_all(name, k):
    compare(WITH_CONSTANTS[name], k, "float64", exact=False)


@pytest.mark.parametrize("k", [2, 4])  # 4 is the number of rows too
def test_an_array_that_nobody_lifted_is_not_copied(k):
    tape, arrays, found = record(lambda a, b, row, **rest: a * b + row)
    stacked = StackedTape(tape.calls, k, [])
    block = stacked.block(arrays["a"])
    calls = stacked.bind({})
    block[...] = np.arange(k)[:, np.newaxis, np.newaxis]
    arrays["b"][...] = 2  # it is read where it is
    arrays["row"][...] = [1, 2, 3]
    for call in calls:
        call()
    for i in range(k):
        expected = np.add([1, 2, 3], np.full((ROWS, 3), 2.0 * i))
        np.testing.assert_array_equal(stacked.block(found)[i], expected)


def test_blocks_begin_with_the_numbers_that_are_there():
    tape, arrays, _ = record(lambda a, out, **rest: out + a)
    stacked = StackedTape(tape.calls, 3, [])
    np.testing.assert_array_equal(stacked.block(arrays["a"]), np.stack([arrays["a"]] * 3))
    part = arrays["a"][1:, ::2]
    np.testing.assert_array_equal(stacked.block(part), np.stack([part] * 3))
    assert np.shares_memory(stacked.block(part), stacked.block(arrays["a"]))


def test_blocks_that_are_given_are_used():
    theta = np.arange(10.0)
    W = theta[1:7].reshape(2, 3)
    rows = np.stack([theta, 2 * theta, 3 * theta])
    tape = Tape()
    found = plain(tape.trace(W) * 2)
    stacked = StackedTape(tape.calls, 3, [(theta, rows)])
    assert np.shares_memory(stacked.block(W), rows)
    for call in stacked.bind({}):
        call()
    for k in range(3):
        np.testing.assert_array_equal(stacked.block(found)[k], 2 * (k + 1) * W)
    rows[1] = 1
    np.testing.assert_array_equal(stacked.block(W)[1], np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_generator_draws_for_its_own(dtype):
    def formula(rng, out, **rest):
        rng.random(out=out, dtype=dtype)
        rng.standard_normal(out=out[:2], dtype=dtype)
        return out

    own = np.random.default_rng(0)
    tape, _, found = record(formula, np.dtype(dtype).name, own)
    stacked = StackedTape(tape.calls, 3, [])
    calls = stacked.bind({id(own): [np.random.default_rng(5 + k) for k in range(3)]})
    for _ in range(2):
        for call in calls:
            call()
    for k in range(3):
        rng, expected = np.random.default_rng(5 + k), np.empty((ROWS, 3), dtype)
        for _ in range(2):
            formula(rng, expected)
        np.testing.assert_array_equal(stacked.block(found)[k], expected)


def test_a_generator_of_which_there_is_only_one():
    tape, _, _ = record(
        lambda rng, out, **rest: rng.random(out=out), generator=np.random.default_rng(0)
    )
    with pytest.raises(CannotStack, match="random generator"):
        StackedTape(tape.calls, 2, []).bind({})


NO_FORM = {
    "matmul with a vector": lambda a, row, **rest: a @ row,
    "product of three axes": lambda a, X, **rest: np.dot(a, X.transpose(0, 2, 1)),
    "product with a number": lambda a, b, **rest: np.dot(b, a.reshape(-1)[:1].reshape(())),
    "number on the left": lambda a, b, **rest: np.dot(a.reshape(-1)[:1].reshape(()), b[0]),
    "take along an axis from the end": lambda a, index, **rest: a.take(index % 3, axis=1),
    "take from the end": lambda a, index, **rest: a.reshape(-1).take(index),
    "take around the end": lambda a, index, **rest: a.reshape(-1).take(index, mode="wrap"),
    "take from a view": lambda a, index, **rest: a.T.take(index, mode="clip"),
    "put from the end": lambda out, index, **rest: out.put(index, 3),
    "put into a view": lambda out, index, **rest: out.T.put(index, 3, mode="clip"),
    "put again and again": lambda out, index, row, **rest: out.put(index, row[:1], mode="clip"),
    "put of another shape": lambda out, index, a, **rest: out.put(index[:4], a[:, :1], mode="clip"),
    "take as another dtype": lambda a, index, **rest: (
        a.view("int64").reshape(-1).take(index, mode="clip")
    ),
    "more axes than the result": lambda a, row, **rest: np.copyto(row, a[:1]),
}


@each("name", NO_FORM)
def test_what_has_no_form_for_many(name):
    tape, arrays, _ = record(NO_FORM[name])
    stacked = StackedTape(tape.calls, 2, [])
    for array in arrays.values():
        stacked.block(array)
    with pytest.raises(CannotStack):
        stacked.bind({})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4, 1, 4), (8, 1, 2), (32, 1, 20), (64, 1, 33)])
def test_a_product_adds_the_bias_with_the_same_bits(shape, dtype):
    n, n_in, n_out = shape
    rng = np.random.default_rng(0)
    X1 = np.ones((n, n_in + 1), dtype)
    theta = rng.standard_normal(2 + (n_in + 1) * n_out).astype(dtype)
    W, b = theta[2:-n_out].reshape(n_in, n_out), theta[-n_out:]
    X, Z, tape = X1[:, :-1], np.empty((n, n_out), dtype), Tape()
    X[...] = rng.standard_normal(X.shape)
    traced = np.dot(tape.trace(X), tape.trace(W), out=tape.trace(Z))
    traced += tape.trace(b)
    (call,) = with_biases(tape.calls, X1)
    rows = np.stack([theta, 3 * theta, 5 * theta])
    stacked = StackedTape([call], 3, [(theta, rows)])
    block = stacked.block(X)
    block[1:] = rng.standard_normal(block[1:].shape)
    for each_call in stacked.bind({}):
        each_call()
    for k in range(3):
        expected = np.dot(np.ascontiguousarray(block[k]), stacked.block(W)[k])
        expected += stacked.block(b)[k]
        np.testing.assert_array_equal(stacked.block(Z)[k], expected)


def biased(X1, theta, *, columns=slice(0, 3), start=15, other=False, apart=False, rows=4):
    W, b, X = theta[:15].reshape(3, 5), theta[start : start + 5], X1[:rows, columns]
    Z = np.dot(X, W)
    if apart:  # what follows may read both
        return np.add(Z, b)
    return np.multiply(Z, 2) + b if other else np.add(Z, b, out=Z)


@pytest.mark.parametrize(
    "change",
    [
        {"start": 16},
        {"start": 0},
        {"columns": slice(1, 4)},
        {"other": True},
        {"apart": True},
        {"rows": 1},
    ],
    ids=str,
)
def test_a_bias_elsewhere_or_other_columns_are_no_one_product(change):
    X1, theta, tape = np.ones((4, 4)), np.arange(21.0), Tape()
    biased(tape.trace(X1), tape.trace(theta))
    assert len(with_biases(tape.calls, X1)) == len(tape.calls) - 1
    tape = Tape()
    biased(tape.trace(X1), tape.trace(theta), **change)
    assert with_biases(tape.calls, X1) == tape.calls


@pytest.mark.parametrize("n", [3, OUTER])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_times_rows(n, dtype):
    def formula(column, row, out, **rest):
        return np.dot(column, row, out=out)

    rng, tape = np.random.default_rng(0), Tape()
    a, b = (rng.standard_normal(s).astype(dtype) for s in ((n, 1), (1, 5)))
    found = plain(np.dot(tape.trace(a), tape.trace(b), out=tape.trace(np.empty((n, 5), dtype))))
    stacked = StackedTape(tape.calls, 2, [])
    A, B = stacked.block(a), stacked.block(b)
    calls = stacked.bind({})
    assert len(calls) == (1 if n < OUTER else 3)
    for numbers in (1.0, -2.0, np.inf):
        A[1], B[0, 0, 0] = 3, numbers
        for call in calls:
            call()
        np.testing.assert_array_equal(stacked.block(found), A * B)


def test_constants_are_repeated_and_not_what_may_change():
    tape, array = Tape(), np.full(3, 2.0)
    a = np.arange(6.0).reshape(2, 3)[0]
    sums = [plain(tape.trace(a) * each) for each in (ones(3, a.dtype), tape.trace(array), 7)]
    large = np.linspace(-1, 1, 300)
    others = [plain(each(tape.trace(large), 0.5)) for each in (np.maximum, np.multiply)]
    stacked = StackedTape(tape.calls, 4, [])
    calls = stacked.bind({})
    assert [call.args[1].shape for call in calls] == [(4, 3), (3,), (4, 3), (4, 300), ()]
    array[...] = 5
    for call in calls:
        call()
    for found, factor in zip(sums, (1, 5, 7), strict=True):
        np.testing.assert_array_equal(stacked.block(found), np.stack([a * factor] * 4))
    for found, expected in zip(others, (np.maximum(large, 0.5), 0.5 * large), strict=True):
        np.testing.assert_array_equal(stacked.block(found), np.stack([expected] * 4))


def test_an_owner_that_is_not_contiguous_cannot_be_stacked():
    array = np.asfortranarray(np.ones((2, 3)))
    tape = Tape()
    with pytest.raises(CannotStack, match="not contiguous"):
        StackedTape([], 2, []).block(array)
    tape.trace(array).fill(3)
    with pytest.raises(CannotStack, match="not contiguous"):
        StackedTape(tape.calls, 2, [])


@pytest.mark.parametrize(
    ("axis", "expected"),
    [(0, 1), (2, 3), (-1, -1), (-3, -3), (None, (1, 2, 3)), ((0, -1), (1, -1)), ((), ())],
)
def test_axes_of_an_array_with_one_more_in_front(axis, expected):
    assert axis_after(axis, 3) == expected


def test_the_owner_of_a_view():
    array = np.ones((4, 3))
    assert owner(array) is array
    assert owner(array[1:].T.reshape(3, 3)[::-1]) is array
    assert owner(sliding_window_view(array, 2, axis=0)[1:]) is array
    fixed = np.frombuffer(b"12345678", np.int64)  # its memory is no array's
    assert owner(fixed[:1]) is fixed
