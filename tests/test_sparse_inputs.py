import numpy as np
import pytest
import scipy.sparse
from measuring import peak

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import Dense, ReLU, Softmax, Tanh

SCIPY = tuple(map(int, scipy.__version__.split(".")[:2]))


def matrix(n: int = 60, d: int = 40, seed: int = 0) -> scipy.sparse.csr_matrix:
    return scipy.sparse.random(n, d, density=0.1, random_state=seed, format="csr")


def classifier(*first: object) -> bp.Sequential:
    layers = [*first, Dense(5), Tanh(), Dense(2), Softmax()]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_gradients_of_sparse_inputs_are_checked_as_those_of_dense_ones() -> None:
    X = matrix(6, 5)
    y = labels(X)
    reports = []
    for given in (X, X.tocoo(), X.toarray()):
        model = bp.Sequential([Dense(4), ReLU(), Dense(2), Softmax()], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        reports.append(model.check_gradients(given, y))
    assert all(report.ok for report in reports)
    assert len({str(report) for report in reports}) == 1


def labels(X: scipy.sparse.csr_matrix) -> np.ndarray:
    return (np.asarray(X.sum(axis=1)).ravel() > 2).astype(int)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_sparse_matrix_trains_as_the_dense_one_does(kind: str, shuffle: bool) -> None:
    X = matrix()
    y = labels(X)
    models = []
    for given in (X.asformat(kind), X.toarray()):
        model = classifier()
        model.fit(given, y, epochs=3, batch_size=7, shuffle=shuffle, verbose=0)
        models.append(model)
    sparse, dense = models
    assert np.allclose(sparse.parameters.values, dense.parameters.values, rtol=1e-10, atol=1e-12)
    assert np.allclose(sparse.predict(X), dense.predict(X.toarray()), rtol=1e-10)
    assert sparse.evaluate(X, y) == pytest.approx(dense.evaluate(X.toarray(), y), rel=1e-10)


def test_validation_and_weights_work_on_sparse_inputs() -> None:
    X = matrix()
    model = classifier()
    history = model.fit(
        X, labels(X), validation_split=0.25, class_weight={1: 2.0}, epochs=2, verbose=0
    )
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    direct = model.evaluate(X[45:], labels(X)[45:])
    assert history.history["val_loss"][-1] == pytest.approx(direct[0], rel=1e-12)


@pytest.mark.long
def test_training_never_holds_a_tenth_of_the_dense_matrix() -> None:
    """20,000 features, 0.1 % filled, as a text might give."""
    n, d = 1000, 20_000
    X = scipy.sparse.random(n, d, density=0.001, random_state=0, format="csr", dtype=np.float32)
    y = np.arange(n) % 2
    model = bp.Sequential([Dense(16), ReLU(), Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    training = peak(lambda: model.fit(X, y, epochs=1, verbose=0))
    assert max(training, peak(lambda: model.predict(X))) < n * d * 4 / 10


def test_mistakes_are_named() -> None:
    X = matrix()
    with pytest.raises(TypeError, match=r"the first layer, Tanh 'tanh_1', takes arrays only"):
        classifier(Tanh()).fit(X, labels(X), verbose=0)
    model = classifier()
    model.fit(X, labels(X), verbose=0)
    with pytest.raises(ShapeError, match="was built for 40 features but x has the shape"):
        model.predict(X[:, :39])
    X.data[3] = np.nan
    with pytest.raises(ValueError, match="holds nan or infinite numbers, the first in row"):
        model.fit(X, labels(matrix()), verbose=0)


@pytest.mark.skipif(SCIPY < (1, 15), reason="SciPy has sparse arrays of three axes since 1.15")
def test_a_sparse_array_of_three_axes_is_refused_in_our_words() -> None:
    """It has neither rows and columns nor a form from which rows are drawn."""
    cube = scipy.sparse.coo_array(np.ones((6, 2, 2)))
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    y = np.zeros(6)
    words = r"x is a sparse array of shape \(6, 2, 2\).*toarray"
    for call in (
        lambda: model.fit(cube, y),
        lambda: model.evaluate(cube, y),
        lambda: bp.fit_many([model], cube, y),
        lambda: model.fit(np.ones((6, 4)), y, validation_data=(cube, y)),
        lambda: model.predict(cube),
    ):
        with pytest.raises(ShapeError, match=words):
            call()
    with pytest.raises(ShapeError, match=words.replace("x is", "X is")):
        bp.cross_validate(lambda: model, cube, y, folds=2)


@pytest.mark.parametrize("kind", ["csr", "csc"])
@pytest.mark.parametrize("number", [99, -1])
def test_numbers_beyond_the_shape_of_a_sparse_matrix_are_refused(kind: str, number: int) -> None:
    """SciPy makes such a matrix and computes with it, and then writes beyond its memory."""
    X = matrix().asformat(kind)
    X.indices[0] = number
    y = labels(matrix())
    model = classifier()
    model.build((None, 40))
    calls = [
        lambda: model.fit(X, y),
        lambda: model.fit([(X, y)]),
        lambda: model.fit(matrix(), y, validation_data=(X, y)),
        lambda: model.evaluate(X, y),
        lambda: model.predict(X),
        lambda: model(X),
        lambda: model.check_gradients(X, y),
        lambda: bp.fit_many([classifier(), classifier()], X, y),
        lambda: bp.cross_validate(classifier, X, y, folds=2),
    ]
    place = f"{'column' if kind == 'csr' else 'row'} {number}: make it with a shape"
    for call in calls:
        with pytest.raises(ShapeError, match=rf"of shape \(60, 40\), but has a number in {place}"):
            call()


@pytest.mark.skipif(SCIPY < (1, 15), reason="SciPy has sparse arrays of one axis since 1.15")
@pytest.mark.parametrize("kind", ["coo", "csr"])
def test_a_sparse_array_of_one_axis_has_no_rows(kind: str) -> None:
    vector = scipy.sparse.coo_array(np.arange(6.0)).asformat(kind)
    model = classifier()
    for call in (lambda: model.fit(vector, np.zeros(6, int)), lambda: model.predict(vector)):
        with pytest.raises(
            ShapeError, match=r"x must have a row .* \(6,\): use x\.reshape\(-1, 1\)"
        ):
            call()


def test_a_list_of_sparse_matrices_is_one_of_batches() -> None:
    X = matrix()
    expected = classifier().predict(X)
    for form in (list, tuple):
        found = classifier().predict(form([X[:30], X[30:]]))  # which is not built
        np.testing.assert_allclose(found, expected, rtol=1e-12)
