"""Fits shared out to a Dask cluster of two processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from small_models import assert_same_weights, classifier
from test_executor import dies_once, threads_used

from backprop import cross_validate
from backprop.experiments.tasks import run_tasks


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_cross_validation_on_a_cluster(client: Client, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(40, 3)), rng.integers(3, size=40)
    here = cross_validate(classifier, X, y, 4, epochs=3)
    there = cross_validate(classifier, X, y, 4, epochs=3, executor=client.get_executor())
    for mine, other in zip(here.models, there.models, strict=True):
        assert_same_weights(mine, other)


def test_processes_share_the_cores(client: Client) -> None:
    found = run_tasks(client.get_executor(), threads_used, [()] * 2)
    assert max(found) <= max(1, (os.cpu_count() or 1) // 2)


def test_task_whose_process_died_is_tried_once_more(client: Client, tmp_path: Path) -> None:
    """Dask starts another process and gives it the task."""
    found = run_tasks(client.get_executor(), dies_once, [(str(tmp_path / "mark"),)])
    assert found[0] != os.getpid()
