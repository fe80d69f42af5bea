"""Data sets with items by number, and whatever makes batches for ``predict``."""

import itertools
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import LSTM, Conv2D, Dense, Flatten, ReLU, Softmax

RNG = np.random.default_rng(0)
N = 20
X = RNG.normal(size=(N, 4)).astype("float32")
Y = RNG.integers(0, 3, N)


def classifier(seed=1):
    model = bp.Sequential([Dense(5), ReLU(), Dense(3), Softmax()], seed=seed)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class PyDataset:
    """As Keras has it: batch k is item k, and an index beyond the end is no error."""

    def __init__(self, x, *others, size=6):
        self.arrays, self.size = (x, *others), size
        self.asked, self.told = [], []

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, k):
        self.asked.append(k)
        rows = slice(k * self.size, (k + 1) * self.size)
        return tuple(array[rows] for array in self.arrays)

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


class Numbered(PyDataset):
    """Keras's newer way: ``num_batches`` in the place of a length."""

    __len__ = None
    n = 4

    @property
    def num_batches(self):
        return self.n


class Samples:
    """As PyTorch has it: item k is sample k."""

    def __init__(self, x, y=None):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, k):
        return self.x[k % N] if self.y is None else (self.x[k % N], self.y[k % N])


# ------------------------------------------------------------------------------- batches by number


def test_a_data_set_of_batches_trains_as_its_arrays_do():
    model, other = classifier(), classifier()
    given = PyDataset(X, Y)
    mine = model.fit(given, epochs=3, shuffle=False, verbose=0)
    its = other.fit(X, Y, batch_size=6, epochs=3, shuffle=False, verbose=0)
    assert mine.history == its.history
    assert given.asked == [0, 1, 2, 3] * 3
    assert given.told == ["begin", "end"] * 3
    assert mine.params["steps"] == 4


def test_its_batches_are_shuffled_by_the_model_s_own_generator():
    given = PyDataset(X, Y)
    classifier().fit(given, epochs=4, verbose=0)
    epochs = [given.asked[4 * k : 4 * k + 4] for k in range(4)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    again = PyDataset(X, Y)
    classifier().fit(again, epochs=4, verbose=0)
    assert again.asked == given.asked


def test_a_data_set_works_wherever_batches_do():
    model = classifier()
    model.fit(X, Y, verbose=0)
    weight = RNG.uniform(size=N)
    np.testing.assert_allclose(model.evaluate(PyDataset(X, Y)), model.evaluate(X, Y))
    np.testing.assert_allclose(
        model.evaluate(PyDataset(X, Y, weight)), model.evaluate(X, Y, sample_weight=weight)
    )
    np.testing.assert_allclose(model.predict(PyDataset(X, Y)), model.predict(X), rtol=1e-6)
    np.testing.assert_allclose(
        classifier().predict(PyDataset(X)), classifier().predict(X), rtol=1e-6
    )
    history = classifier().fit(X, Y, validation_data=PyDataset(X, Y), verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    made = classifier().fit(lambda: PyDataset(X, Y), verbose=0)
    assert made.params["steps"] == 4


class Endless(PyDataset):
    """As ``ImageDataGenerator(…).flow(…)`` makes it: an iterator too, which never ends."""

    at = 0
    __getitem__ = PyDataset.__getitem__

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        assert self.at < 100, "it goes on for ever"
        return self[(self.at - 1) % len(self)]


class WithShape(PyDataset):
    """It keeps the shape of its images in an attribute of its own."""

    def __init__(self, *arrays):
        super().__init__(*arrays)
        self.shape = (192, 192, 4)


class IteratedWithShape:
    def __init__(self, *arrays):
        self.rows, self.shape = PyDataset(*arrays), [4]

    def __iter__(self):
        return (self.rows[k] for k in range(len(self.rows)))


@pytest.mark.parametrize("kind", [PyDataset, Endless, WithShape, IteratedWithShape])
def test_a_data_set_may_be_an_iterator_that_never_ends_or_have_a_shape(kind):
    model, other = classifier(), classifier()
    mine = model.fit(
        kind(X, Y), epochs=2, shuffle=False, verbose=0, validation_data=kind(X[:7], Y[:7])
    )
    its = other.fit(
        *(X, Y), batch_size=6, epochs=2, shuffle=False, verbose=0, validation_data=(X[:7], Y[:7])
    )
    np.testing.assert_allclose(mine.history["val_loss"], its.history["val_loss"], rtol=1e-6)
    np.testing.assert_array_equal(model.parameters.values, other.parameters.values)
    given = kind(X, Y)
    model.fit(given, steps_per_epoch=2, verbose=0)  # from which an iterator would go on
    np.testing.assert_allclose(model.predict(given), model.predict(X), rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(given), model.evaluate(X, Y), rtol=1e-6)


def test_a_loader_that_says_how_to_iterate_is_iterated():
    """It may shuffle its samples there, as ``for x, y in loader`` does."""

    class Loader:
        def __init__(self):
            self.order, self.rng = np.arange(N), np.random.default_rng(0)

        def __len__(self):
            return -(-N // 6)

        def __getitem__(self, k):
            rows = self.order[6 * k : 6 * k + 6]
            return X[rows], Y[rows]

        def __iter__(self):
            self.rng.shuffle(self.order)
            for k in range(len(self)):
                yield self[k]

    model, by_hand, loader = classifier(), classifier(), Loader()
    history = model.fit(Loader(), epochs=3, verbose=0)
    for _ in range(3):
        for x, y in loader:
            by_hand.train_on_batch(x, y)
    np.testing.assert_array_equal(model.parameters.values, by_hand.parameters.values)
    assert history.params["steps"] == 4


def test_num_batches_may_stand_for_a_length_and_none_for_no_end():
    given = Numbered(X, Y)
    classifier().fit(given, shuffle=False, verbose=0)
    assert given.asked == [0, 1, 2, 3]
    endless = Numbered(X, Y, size=1)
    endless.n = None
    with pytest.raises(ValueError, match="x has no end: say how many batches an epoch has"):
        classifier().fit(endless, verbose=0)
    assert classifier().fit(endless, steps_per_epoch=3, verbose=0).params["steps"] == 3


@pytest.mark.parametrize("source", [lambda given: given, lambda given: lambda: given])
@pytest.mark.parametrize("kind", [PyDataset, Numbered])
def test_a_data_set_may_have_another_length_in_each_epoch(source, kind):
    class Growing(kind):
        n = 1
        __len__ = None if kind is Numbered else lambda self: self.n

        def on_epoch_end(self):
            self.n += 1

    given, held_out = Growing(X, Y), Growing(X, Y)
    model = classifier()
    model.fit(source(given), epochs=3, shuffle=False, verbose=0, validation_data=source(held_out))
    assert given.asked == held_out.asked == [0, 0, 1, 0, 1, 2]
    shuffled_too = Growing(X, Y)
    model.fit(shuffled_too, epochs=3, verbose=0)
    asked = shuffled_too.asked
    assert [sorted(asked[:1]), sorted(asked[1:3]), sorted(asked[3:])] == [[0], [0, 1], [0, 1, 2]]


def test_a_data_set_of_nothing():
    with pytest.raises(ValueError, match="x makes no batches: it is empty"):
        classifier().fit(PyDataset(X[:0], Y[:0]), verbose=0)


SAMPLES = {
    "samples": (Samples(X, Y), r"ndarray of shape \(4,\), int64 of shape \(\)"),
    "numbers": (Samples(X.tolist(), Y.tolist()), "list, int"),
    "images": (Samples(X.reshape(N, 2, 2), Y), r"shape \(2, 2\)"),
    "images and rows": (Samples(X.reshape(N, 2, 2), np.eye(3)[Y]), r"shape \(2, 2\)"),
}


@pytest.mark.parametrize(("given", "words"), SAMPLES.values(), ids=SAMPLES)
def test_a_data_set_of_samples_is_refused(given, words):
    model = classifier()
    for call, name in (
        (lambda: model.fit(given, verbose=0), "x"),
        (lambda: model.evaluate(given), "x"),
        (lambda: model.fit(X, Y, validation_data=given, verbose=0), "validation x"),
    ):
        with pytest.raises(
            TypeError, match=rf"^{name} is a Samples whose items are single samples"
        ):
            call()
        with pytest.raises(TypeError, match=words):
            call()
    assert model.input_shape is None


def test_a_data_set_of_dicts_is_not_called_one_of_samples():
    for given in (Samples([{"x": row} for row in X]), Samples([{"x": X, "y": Y}])):
        for call in (classifier().fit, classifier().evaluate, classifier().predict):
            with pytest.raises(TypeError, match=r"items are of the type dict.*tuples \(x, y\)"):
                call(given)


def test_batches_that_are_dicts_are_told_to_be_tuples():
    """As a function that collates for PyTorch's DataLoader may make them."""
    for call in (classifier().fit, classifier().evaluate, classifier().predict):
        with pytest.raises(TypeError, match=r"items are of the type dict.*tuples \(x, y\)"):
            call(lambda: iter([{"x": X, "y": Y}]))


def test_dicts_in_the_batches_of_a_data_set_are_said_not_to_be_taken():
    """As Keras's data sets have them for models of several inputs."""
    for item, name in (({"x": X}, Y), "x"), ((X, {"y": Y}), "y"):
        for call in (classifier().fit, classifier().evaluate):
            with pytest.raises(TypeError, match=rf"^{name} must hold numbers, but it is a dict: "):
                call(Samples([item]))
    with pytest.raises(TypeError, match=r"^x must hold numbers, but it is a dict: pass one array"):
        classifier().predict(Samples([({"x": X}, Y)]))


def test_lazy_frames_in_batches_are_told_to_be_collected():
    lazy = pl.DataFrame(X).lazy()
    for item, name in (((lazy, Y), "x"), ((X, lazy), "y")):
        for call in (classifier().fit, classifier().evaluate):
            with pytest.raises(TypeError, match=rf"^{name} .*: pass {name}\.collect\(\)"):
                call(lambda item=item: iter([item]))
    with pytest.raises(TypeError, match=r"^x .*: pass x\.collect\(\)"):
        classifier().predict(lambda: iter([(lazy, Y)]))


class Iterates(Samples):
    """As PyTorch's iterable data sets, which inherit an item that nobody can ask for."""

    length = 4

    def __len__(self):
        if self.length is None:
            raise TypeError("object of type 'Iterates' has no len()")
        return self.length

    def __iter__(self):
        return ((self.x[k : k + 5], self.y[k : k + 5]) for k in range(0, N, 5))


@pytest.mark.parametrize("length", [4, None])
def test_who_says_how_to_iterate_is_not_asked_for_items_that_are_inherited(length):
    given = Iterates(X, Y)
    given.length = length
    history = classifier().fit(given, verbose=0, validation_data=given)
    expected = classifier().fit(X, Y, 5, verbose=0, shuffle=False, validation_data=(X, Y))
    for name, numbers in expected.history.items():
        assert history.history[name] == pytest.approx(numbers)
    assert history.params["steps"] == 4
    np.testing.assert_allclose(classifier().predict(given), classifier().predict(X), rtol=1e-6)


def test_samples_are_refused_by_predict_too():
    for given in (Samples(X), Samples(X, Y)):
        with pytest.raises(TypeError, match="whose items are single samples"):
            classifier().predict(given)
    with pytest.raises(TypeError, match="x is a generator whose items are single samples"):
        classifier().fit(((x, y) for x, y in zip(X, Y, strict=True)), verbose=0)


@pytest.mark.parametrize("form", [list, lambda items: lambda: iter(items)])
def test_samples_with_a_target_for_each_step_may_look_like_batches(form):
    x, y = np.ones((8, 5, 2)), np.ones((8, 5, 3))

    def model():
        made = bp.Sequential([LSTM(3, return_sequences=True)], seed=0)
        made.compile("sgd", "mse")
        return made

    words = r"received one of shape \(N, 2\).* the items of x may be single samples: let them be b"
    with pytest.raises(ShapeError, match=words):
        model().fit(form(list(zip(x, y, strict=True))), verbose=0)
    with pytest.raises(ShapeError, match=r"targets have the shape \(8, 5, 2\).*last layer\.$"):
        model().fit(form([(x, y[..., :2])]), verbose=0)
    with pytest.raises(ShapeError, match=r"received one of shape \(N, 10\).*np\.newaxis\]"):
        model().fit(form([(x.reshape(8, 10), y)]), verbose=0)


def test_a_built_model_tells_images_from_batches():
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.build((None, 2, 2))
    square = np.zeros((N, 2, 2))
    with pytest.raises(TypeError, match="whose items are single samples"):
        model.fit(Samples(square, np.zeros((N, 2), int)), verbose=0)


# --------------------------------------------------------------------------------- predict(batches)


def batches_of(*arrays):
    return [tuple(a[k : k + 6] for a in arrays) for k in range(0, N, 6)]


SOURCES = {
    "function": lambda: lambda: (x for (x,) in batches_of(X)),
    "generator": lambda: (x for (x,) in batches_of(X)),
    "iterator": lambda: iter([x for (x,) in batches_of(X)]),
    "list of arrays": lambda: [x for (x,) in batches_of(X)],
    "tuples": lambda: iter(batches_of(X)),
    "list of tuples": lambda: batches_of(X),
    "pairs": lambda: batches_of(X, Y),
    "triples": lambda: lambda: iter(batches_of(X, Y, np.ones(N))),
    "lists of two": lambda: map(list, batches_of(X, Y)),
    "lists of rows": lambda: iter([x.tolist() for (x,) in batches_of(X)]),
    "data set": lambda: PyDataset(X, Y),
}


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_predict_takes_whatever_makes_batches(source, built):
    model = classifier()
    if built:
        model.fit(X, Y, verbose=0)
    expected = classifier()
    expected.build((None, 4))
    if built:
        expected.set_weights(model.get_weights())
    found = model.predict(source())
    assert found.shape == (N, 3)
    np.testing.assert_allclose(found, expected.predict(X), rtol=1e-6)


@pytest.mark.parametrize("empty", [[0], [2], [1, 2]])
def test_batches_without_rows_make_no_predictions(empty):
    model = bp.Sequential([bp.layers.Conv2D(2, 3), bp.layers.Flatten(), bp.layers.Dense(2)], seed=0)
    images = np.random.default_rng(0).normal(size=(6, 5, 5, 1)).astype("float32")
    batches = [images[:4], images[4:]]
    for place in empty:
        batches.insert(place, images[:0])
    found = model.predict(iter(batches))
    np.testing.assert_allclose(found, model.predict(images), rtol=1e-5)


def test_predict_takes_as_many_batches_as_steps_say():
    model = classifier()
    endless = (X[:6] for _ in itertools.count())
    assert model.predict(endless, steps=3).shape == (18, 3)
    assert model.predict(X, batch_size=6, steps=2).shape == (12, 3)
    with pytest.raises(ValueError, match="steps must be an integer of 1 or more"):
        model.predict(X, steps=0)
    with pytest.raises(ValueError, match="x ran out: this epoch got 4 batches of the 9"):
        model.predict(lambda: iter(batches_of(X)), steps=9)


@pytest.mark.parametrize(
    "make",
    [
        PyDataset,
        Numbered,
        batches_of,
        lambda *arrays: lambda: PyDataset(*arrays),
        lambda *arrays: lambda: batches_of(*arrays),
        lambda *arrays: Sized(batches_of(*arrays)),
    ],
    ids=["data set", "num_batches", "list", "function of data set", "of list", "sized"],
)
def test_steps_are_the_most_where_the_number_of_batches_is_known(make):
    model, wanted = classifier(), classifier()
    given = {"epochs": 2, "verbose": 0, "shuffle": False, "validation_data": make(X, Y)}
    history = model.fit(make(X, Y), **given, steps_per_epoch=9, validation_steps=9)
    expected = wanted.fit(make(X, Y), **given, steps_per_epoch=4)
    assert history.history == expected.history
    assert history.params["steps"] == 4
    assert model.evaluate(make(X, Y), steps=9) == wanted.evaluate(make(X, Y))
    np.testing.assert_array_equal(model.predict(make(X), steps=9), wanted.predict(make(X)))


class Sized:
    """Batches that a function makes, and how many they are."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __call__(self):
        yield from self.batches


@pytest.mark.parametrize("source", [lambda given: given, lambda given: lambda: given])
@pytest.mark.parametrize("size", [6, 1], ids=["some", "endless"])
def test_a_data_set_is_told_of_the_end_of_an_epoch_of_some_steps(source, size):
    given = Numbered(X, Y, size=size)
    given.n = None if size == 1 else 4
    held_out = PyDataset(X, Y)
    classifier().fit(
        source(given),
        epochs=3,
        steps_per_epoch=2,
        shuffle=False,
        verbose=0,
        validation_data=source(held_out),
        validation_steps=1,
    )
    assert given.asked == [0, 1] * 3
    assert given.told == ["begin", "end"] * 3
    assert held_out.told == ["begin", "end"] * 3
    held_out.told.clear()
    classifier().predict(held_out, steps=1)
    classifier().evaluate(held_out, steps=2)
    assert held_out.told == ["begin", "end"] * 2


def test_predict_calls_its_hooks_for_every_batch():
    seen = []

    class Watch(bp.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append((batch, len(logs["outputs"])))

        def on_predict_end(self, logs=None):
            seen.append("end")

    classifier().predict(lambda: iter(batches_of(X)), callbacks=[Watch()])
    assert seen == [(0, 6), (1, 6), (2, 6), (3, 2), "end"]


@pytest.mark.parametrize(
    ("x", "options", "error", "words"),
    [
        (lambda: iter([]), {}, ValueError, "x makes no batches"),
        (lambda: iter(batches_of(X)), {"batch_size": 3}, ValueError, "batch_size needs arrays"),
        (lambda: iter([X, X[:, :3]]), {}, ValueError, "was built for 4 features"),
        (lambda: iter([X, np.where(X > 1, np.nan, X)]), {}, ValueError, "x holds nan"),
        (lambda: 3, {}, TypeError, "x must be a function that returns batches"),
        (lambda: iter(["a"]), {}, TypeError, "x must hold numbers"),
    ],
)
def test_mistakes_in_predict_of_batches(x, options, error, words):
    with pytest.raises(error, match=words):
        classifier().predict(x, **options)


@pytest.mark.parametrize("n", [10**12, sys.maxsize])
def test_memory_does_not_grow_with_the_length_of_a_shuffled_data_set(n):
    class Huge(PyDataset):
        def __len__(self):
            return n

        def __getitem__(self, k):
            self.asked.append(k)
            return X, Y

    given = Huge(X, Y)
    tracemalloc.start()
    classifier().fit(given, steps_per_epoch=20, epochs=2, verbose=0)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert len(set(given.asked)) == 40
    again = Huge(X, Y)
    classifier().fit(again, steps_per_epoch=20, epochs=2, verbose=0)
    assert again.asked == given.asked
    assert all(0 <= k < n for k in given.asked)
    assert max(given.asked) > n // 2


@pytest.mark.parametrize("n", ["a", -1, 2.5, True])
def test_a_number_of_batches_that_is_none_is_refused(n):
    class Odd(Numbered):
        pass

    Odd.n = n
    with pytest.raises(ValueError, match="num_batches of x must be an integer of 0 or more"):
        classifier().fit(Odd(X, Y), verbose=0)


@pytest.mark.parametrize("n", [np.ceil(N / 6), -1, "a"])
def test_a_length_that_is_none_is_refused_by_name(n):
    """Python's own len() says that a 'numpy.float64' object cannot be interpreted."""

    class Odd(PyDataset):
        def __len__(self):
            return n

    odd = Odd(X, Y)
    for verb in ("fit", "evaluate", "predict"):
        with pytest.raises(ValueError, match=r"^len\(x\) must be an integer of 0 or more"):
            getattr(classifier(), verb)(odd)
    with pytest.raises(ValueError, match=r"^len\(validation x\) must be an integer"):
        classifier().fit(X, Y, validation_data=odd, verbose=0)


def test_lists_that_are_arrays_stay_arrays():
    model = classifier()
    np.testing.assert_array_equal(model.predict(X.tolist()), model.predict(X))
    np.testing.assert_array_equal(model.predict(list(X)), model.predict(X))
    np.testing.assert_array_equal(
        model.predict([tuple(row) for row in X.tolist()]), model.predict(X)
    )


def test_a_list_of_equal_arrays_is_read_in_one_way_only():
    """Batches to a model that is built; to one that is not where its layers take nothing else."""
    built = classifier()
    built.build((None, 4))
    assert built.predict([X, X]).shape == (2 * N, 3)
    for source in ([X, X], [X], (X, X)):
        new = classifier()
        with pytest.raises(ShapeError, match=r"batches or samples.*np\.concatenate.*np\.stack"):
            new.predict(source)
        assert new.input_shape is None
    steps, images = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 6, 6, 2))
    assert bp.Sequential([LSTM(2)]).predict([steps, steps]).shape == (2, 2)
    convolution = bp.Sequential([Conv2D(3, 3), Flatten()])
    assert convolution.predict([images, images]).shape == (10, 48)
    assert bp.Sequential([Conv2D(3, 3)]).predict(list(images)).shape == (5, 4, 4, 3)


def test_batches_without_targets_are_inputs():
    model = classifier()
    found = model.predict((x, None) for x in (X[:10], X[10:]))
    np.testing.assert_array_equal(found, model.predict(X))
    with pytest.raises(ValueError, match="y is missing"):
        model.fit(((x, None) for x in (X[:10], X[10:])), verbose=0)


@pytest.mark.parametrize("verb", ["predict", "fit", "evaluate"])
@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (lambda: X, r"ndarray of shape \(20, 4\)"),
        (lambda: (X, Y), r"a tuple of ndarray of shape \(20, 4\), ndarray of shape \(20,\)"),
        (lambda: [X, Y, Y], "a list of ndarray of shape"),
    ],
    ids=["array", "pair", "list"],
)
def test_functions_that_return_arrays_are_told_to_return_batches(verb, function, shown):
    with pytest.raises(
        TypeError, match=rf"x must be a function.*it returned {shown}.*\[\(x, y\)\]"
    ):
        getattr(classifier(), verb)(function)


@pytest.mark.parametrize(
    "make",
    [
        lambda batches: lambda: iter(batches),
        iter,
        lambda batches: (batch for batch in batches),
        lambda batches: PyDataset(X, Y),
    ],
    ids=["function", "iterator", "generator", "data set"],
)
def test_targets_beside_what_makes_batches_are_one_too_many(make):
    """It has the targets in its batches, and is no mistake itself."""
    model, batches = classifier(), [(X, Y)]
    for verb in (model.fit, model.evaluate):
        with pytest.raises(TypeError, match=r"pass it alone to fit or evaluate of a Sequential"):
            verb(make(batches), Y, verbose=0)
    with pytest.raises(TypeError, match=r"pass it alone to fit or evaluate of a Sequential"):
        model.fit(make(batches), Y, epochs=2, verbose=0)
    with pytest.raises(TypeError, match=r"^validation x .*, pass it alone as validation_data"):
        model.fit(X, Y, validation_data=(make(batches), Y), verbose=0)
    model.fit(X, Y, validation_data=make(batches), verbose=0)
    model.evaluate(make(batches), verbose=0)


@pytest.mark.parametrize("kind", [PyDataset, Numbered, Endless, WithShape, IteratedWithShape])
@pytest.mark.parametrize("of_all", [lambda source: source, lambda source: lambda: source])
def test_a_layer_is_adapted_to_the_batches_of_a_data_set(kind, of_all):
    layer, known = bp.layers.Normalization(), bp.layers.Normalization()
    layer.adapt(of_all(kind(X, np.arange(N) % 3)))
    known.adapt(X)
    np.testing.assert_allclose(layer.mean, known.mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(layer.variance, known.variance, rtol=1e-6)


@pytest.mark.parametrize("targets", [[], [np.arange(N) % 3]])
def test_adapting_to_a_data_set_of_samples_or_without_an_end_is_refused(targets):
    endless = Numbered(X, *targets)
    endless.n = None
    for source in (Samples(X, *targets), PyDataset(X[:0], *targets), endless):
        with pytest.raises(TypeError, match="which gives its items one by one: pass arrays"):
            bp.layers.Normalization().adapt(source)


def test_a_class_is_a_function_that_makes_its_batches():
    class Made(PyDataset):
        def __init__(self):
            super().__init__(X, Y)

    assert classifier().fit(Made, verbose=0).params["steps"] == 4
    assert classifier().predict(Made).shape == (N, 3)


@pytest.mark.parametrize("n", [2.0, -1, 2**70])
def test_a_length_that_is_none_is_not_needed_where_batches_are_iterated(n):
    class Odd:
        def __len__(self):
            return n

        def __iter__(self):
            return iter([(X, Y)] * 2)

    model = classifier()
    history = model.fit(Odd(), epochs=2, verbose=0, validation_data=Odd())
    assert (len(history.epoch), model.optimizer.iterations) == (2, 4)
    assert model.evaluate(Odd())[1] == model.evaluate(X, Y)[1]
    assert len(model.predict(Odd())) == 2 * N


@pytest.mark.parametrize("kind", [list, tuple])
def test_batches_of_several_inputs_or_outputs_are_not_called_samples(kind):
    """As a model of Keras's with several of them takes."""

    class Several(PyDataset):
        def __getitem__(self, k):
            x, y = super().__getitem__(k)
            return self.form(x, y)

    forms = {
        "inputs": [lambda x, y: (kind([x, x]), y), lambda x, y: (kind([x, x]), kind([y, y]))],
        "outputs": [lambda x, y: (x, kind([y, y])), lambda x, y: (x, kind([y, y, y]), y + 1.0)],
    }
    for what, each in ((what, each) for what, some in forms.items() for each in some):
        odd = Several(X, Y, size=5)
        odd.form = each
        for verb in ("fit", "evaluate", "predict"):
            with pytest.raises(TypeError, match=f"hold several {what} each, but a model"):
                getattr(classifier(), verb)(odd)
    rows = Several(X, Y, size=4)  # four rows of four numbers are none of them
    rows.form = lambda x, y: (kind(x), y)
    classifier().fit(rows, verbose=0)


def test_a_row_of_a_later_batch_is_numbered_from_the_first_one():
    wrong = X.copy()
    wrong[17, 2] = np.nan
    batches = [wrong[:7], wrong[7:14], wrong[14:]]
    for given in (iter(batches), PyDataset(wrong, Y), lambda: iter(batches)):
        with pytest.raises(ValueError, match="first in row 17, column 2"):
            classifier().predict(given)


@pytest.mark.parametrize("kind", [pd.DataFrame, lambda x: pl.DataFrame(x).fill_nan(None)])
def test_the_row_of_a_frame_is_said_to_be_one_of_a_later_batch(kind):
    """Of a frame the gap is found before its rows are counted."""
    wrong = X.copy()
    wrong[17, 2] = np.nan
    batches = [kind(wrong[:7]), kind(wrong[7:14]), kind(wrong[14:])]
    for given in (batches, lambda: iter(batches)):
        with pytest.raises(ValueError, match="nan, first in row 3, column") as error:
            classifier().predict(given)
        assert error.value.__notes__ == ["It is batch 2 of x (from 0)."]


def test_what_makes_samples_is_not_told_to_have_targets_beside_it():
    """Targets are given beside arrays alone."""
    frame = pd.DataFrame(X).assign(y=Y)
    for given in (lambda: iter([frame]), (row for _, row in frame.iterrows())):
        with pytest.raises(ShapeError, match="samples themselves, pass them as arrays, x and y"):
            classifier().fit(given, verbose=0)


def test_verbs_that_take_one_batch_say_so():
    model = classifier()
    for call in (model.predict_on_batch, lambda x: model.test_on_batch(x, None)):
        for given in (PyDataset(X, Y), iter([(X, Y)]), lambda: [(X, Y)]):
            with pytest.raises(TypeError, match="x must be the inputs of one batch, an array"):
                call(given)


def test_a_large_set_of_samples_is_refused_before_all_of_them_are_put_in_order():
    class Samples:
        def __len__(self):
            return 10**12

        def __getitem__(self, k):
            return np.zeros(4), 1

    model = bp.Sequential([bp.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="whose items are single samples"):
        model.fit(Samples(), verbose=0)


@pytest.mark.parametrize("beside", ["part-1.csv", 3])
def test_predict_reads_the_inputs_alone_whatever_stands_behind_them(beside):
    X = np.arange(24.0).reshape(6, 4)
    model = bp.Sequential([bp.Input(4), bp.layers.Dense(1)], seed=0)
    found = model.predict((X[k : k + 3], beside) for k in (0, 3))
    np.testing.assert_array_equal(found, model.predict(X))
