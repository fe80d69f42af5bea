"""A whole training on MNIST, where its files lie beside the checkout."""

import time
from pathlib import Path

import pytest

import backprop as bp
from backprop.layers import Dense, ReLU, Softmax
from backprop.optimizers import SGD

MNIST = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.long
@pytest.mark.skipif(not (MNIST / "mnist_train.npz").exists(), reason=f"no MNIST in {MNIST}")
def test_five_epochs_reach_97_3_percent():
    (X, y), (X_test, y_test) = bp.datasets.load_mnist(MNIST)
    model = bp.Sequential([Dense(128), ReLU(), Dense(10), Softmax()], seed=0)
    optimizer = SGD(0.1, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])

    start = time.perf_counter()
    model.fit(X, y, batch_size=128, epochs=4, verbose=0)
    optimizer.learning_rate = 0.01  # an epoch with small steps takes out the noise of the large
    model.fit(X, y, batch_size=128, epochs=5, initial_epoch=4, verbose=0)
    seconds = time.perf_counter() - start

    accuracy = model.evaluate(X_test, y_test, return_dict=True)["accuracy"]
    print(f"784-128-10, five epochs: {seconds:.2f} s, test accuracy {accuracy:.4f}")
    assert accuracy >= 0.973
