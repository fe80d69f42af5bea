"""Fits shared out to a Dask cluster of two processes."""

import numpy as np
from distributed import Client, LocalCluster
from small_models import assert_same_weights, classifier

from backprop import cross_validate


def test_cross_validation_on_a_cluster(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 3)), rng.integers(3, size=40)
    here = cross_validate(classifier, X, y, 4, epochs=3)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        there = cross_validate(classifier, X, y, 4, epochs=3, executor=client.get_executor())
    for mine, other in zip(here.models, there.models, strict=True):
        assert_same_weights(mine, other)
