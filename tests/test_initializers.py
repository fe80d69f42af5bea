"""Initialisers: shapes, fans, generators, mistakes; their formulas: test_keras_initializers.py."""

import re

import numpy as np
import pytest
from rows import each

from backprop import initializers
from backprop.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    fans,
)
from backprop.initializers.random import TRUNCATED_STDDEV

DRAWN = [RandomUniform, RandomNormal, TruncatedNormal, GlorotUniform, GlorotNormal, HeUniform]
DRAWN += [HeNormal, LecunUniform, LecunNormal]
ALL = [Zeros, Ones, Constant, *DRAWN]


def test_stddev_of_the_truncated_normal():
    """√(1 − 2·2φ(2)/(2Φ(2) − 1)) with the density φ and 2Φ(2) − 1 = erf(√2)."""
    density = np.exp(-2) / np.sqrt(2 * np.pi)
    assert pytest.approx(np.sqrt(1 - 4 * density / 0.9544997361036416), rel=1e-14) == (
        TRUNCATED_STDDEV
    )


def test_constants(rng):
    assert (Zeros()((2, 3), rng) == 0).all()
    assert (Ones()((2, 3), rng) == 1).all()
    assert (Constant(2.5)((2, 3), rng) == 2.5).all()
    given = np.arange(6.0).reshape(2, 3)
    W = Constant(given)((2, 3), rng, "float64")
    np.testing.assert_array_equal(W, given)
    assert not np.shares_memory(W, given)
    for shape in ((3, 2), (6,), (3,), (4, 2, 3)):
        with pytest.raises(ValueError, match=r"array of shape \(2, 3\).*" + re.escape(str(shape))):
            Constant(given)(shape, rng)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((4, 3, 5), (12, 20)),
        ((3, 2, 8, 16), (48, 96)),
        ((2, 3, 4, 5, 6), (120, 144)),
    ],
)
def test_fans(shape, expected):
    assert fans(shape) == expected


def test_kernels_of_convolutions_use_their_fans(rng):
    W = HeUniform()((3, 3, 50, 100), rng, "float64")
    assert np.abs(W).max() == pytest.approx(np.sqrt(6 / 450), rel=1e-3)
    V = GlorotUniform()((100_000,), rng, "float64")
    assert np.abs(V).max() == pytest.approx(np.sqrt(3 / 100_000), rel=1e-3)


@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (2, 2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each("kind", ALL)
def test_shape_and_dtype(kind, shape, dtype):
    for seed in range(50):  # a few of which draw numbers that are cut off
        W = kind()(shape, np.random.default_rng(seed), dtype)
        assert W.shape == shape
        assert W.dtype == dtype


@pytest.mark.parametrize("kind", ALL)
def test_the_generator_alone_decides(kind):
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - to see that it stays as it is
    W = kind()((4, 3), np.random.default_rng(1), "float64")
    np.testing.assert_array_equal(W, kind()((4, 3), np.random.default_rng(1), "float64"))
    if not isinstance(kind(), Constant):
        assert not np.array_equal(W, kind()((4, 3), np.random.default_rng(2), "float64"))
        rng = np.random.default_rng(1)
        assert not np.array_equal(kind()((4, 3), rng), kind()((4, 3), rng))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("kind", ALL)
def test_both_dtypes_get_the_same_numbers(kind):
    single = kind()((4, 3), np.random.default_rng(1), "float32")
    double = kind()((4, 3), np.random.default_rng(1), "float64")
    np.testing.assert_array_equal(single, double.astype("float32"))
    assert single.dtype == kind()((4, 3), np.random.default_rng(1)).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomUniform(1, 0), "minval <= maxval, .* but received 1 and 0"),
        (lambda: RandomUniform(-1e308, 1e308), "not infinitely far .* -1e.308 and 1e.308"),
        (lambda: RandomUniform(np.nan, 0), "minval must be finite, but it is nan"),
        (lambda: RandomNormal(0, -1), "stddev must be 0 or more, but it is -1"),
        (lambda: TruncatedNormal(0, -1), "stddev must be 0 or more, but it is -1"),
        (lambda: Orthogonal(np.inf), "gain.* 0 or more and finite, but it is inf"),
        (lambda: Orthogonal()((3,), np.random.default_rng(0)), "two axes or more, not \\(3,\\)"),
        (lambda: VarianceScaling(0), "scale must be above 0, but it is 0"),
        (lambda: VarianceScaling(-1), "scale must be above 0, but it is -1"),
        (lambda: VarianceScaling(1, "fan"), "mode must be .*fan_avg.*'fan'"),
        (lambda: VarianceScaling(1, "fan_in", "normal"), "distribution must be .*'normal'"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("shape", [(5, 5), (8, 3), (3, 8), (2, 3, 4), (1, 2, 9)])
def test_orthogonal_rows_or_columns_the_fewer_ones(shape, rng):
    W = Orthogonal(gain=2.0)(shape, rng, "float64").reshape(-1, shape[-1])
    few = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(few, 4 * np.eye(min(W.shape)), atol=1e-14)


def test_orthogonal_matrices_are_uniform(rng):
    """Each element of a uniform one has mean 0 and variance 1/n; Q of QR alone is not uniform."""
    Q = np.stack([Orthogonal()((3, 3), rng, "float64") for _ in range(4000)])
    assert np.abs(Q.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / 4000)
    np.testing.assert_allclose(Q.var(axis=0), 1 / 3, atol=0.03)


def test_initializers_by_their_names():
    names = {
        "zeros": Zeros,
        "ones": Ones,
        "constant": Constant,
        "random_uniform": RandomUniform,
        "uniform": RandomUniform,
        "random_normal": RandomNormal,
        "normal": RandomNormal,
        "truncated_normal": TruncatedNormal,
        "glorot_uniform": GlorotUniform,
        "glorot_normal": GlorotNormal,
        "he_uniform": HeUniform,
        "he_normal": HeNormal,
        "lecun_uniform": LecunUniform,
        "lecun_normal": LecunNormal,
        "orthogonal": Orthogonal,
    }
    for name, kind in names.items():
        assert type(initializers.get(name)) is kind
    given = HeNormal()
    assert initializers.get(given) is given
    with pytest.raises(ValueError, match="initializer 'xavier' is not known"):
        initializers.get("xavier")
    with pytest.raises(TypeError, match="add the parentheses"):
        initializers.get(HeNormal)


def test_representation_and_base(rng):
    assert repr(RandomNormal(0.5, 2)) == "RandomNormal(mean=0.5, stddev=2.0)"
    assert repr(Zeros()) == "Zeros()"
    with pytest.raises(NotImplementedError, match="Initializer must define draw"):
        Initializer()((2,), rng)


@pytest.mark.parametrize("initializer", [Constant(1e300), RandomNormal(stddev=1e300)])
def test_weights_too_large_for_the_dtype_are_refused(initializer):
    with pytest.raises(ValueError, match=r"largest number of float32 is 3\.403e\+38"):
        initializer((3, 2), np.random.default_rng(0), "float32")
    assert np.isfinite(initializer((3, 2), np.random.default_rng(0), "float64")).all()


def test_a_sparse_constant_is_told_to_be_dense():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"must be dense: pass value\.toarray\(\)"):
        Constant(sparse.eye_array(3))


def test_constants_in_rows_of_unequal_length_are_named():
    with pytest.raises(ValueError, match=r"Constant\(value\) holds rows of unequal length"):
        initializers.Constant([[1.0, 2.0], [3.0]])
