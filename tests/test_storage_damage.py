"""A damaged file is never believed: it is a CorruptFileError, or the model that was saved."""

import time
from functools import partial

import numpy as np
import pytest
from damages import DAMAGES
from measuring import peak
from scripts import classes, classifier

import backprop as bp
from backprop import CorruptFileError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two files of models with the same arrays in them, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp("damage")
    contents = []
    for seed in (0, 1):
        model = classifier(seed)
        model.fit(*classes(), 10, verbose=0)
        model.save(folder / "good.npz")
        contents.append((folder / "good.npz").read_bytes())
    return folder, *contents


def outcome(folder, damaged, content):
    """Whether the file was refused; else it must hold the same as before, bit for bit."""
    path = folder / "damaged.npz"
    path.write_bytes(damaged)
    start = time.process_time()
    try:
        model = bp.load_model(path)
    except CorruptFileError as error:
        assert str(error).startswith(repr(str(path)))  # noqa: PT017
        assert "allow_pickle" not in str(error)  # noqa: PT017
        return True
    finally:
        assert time.process_time() - start < 1
    model.save(folder / "again.npz")
    assert (folder / "again.npz").read_bytes() == content
    return False


def try_all(saved, times, first_seed):
    folder, content, other = saved
    refused = dict.fromkeys(DAMAGES, 0)
    for seed in range(first_seed, first_seed + times):
        for name, damage in DAMAGES.items():
            damaged = damage(np.random.default_rng(seed), content, other)
            if damaged not in (content, other):
                refused[name] += outcome(folder, damaged, content)
    return refused


@pytest.mark.parametrize("place", [14, 18, 22])
def test_a_member_that_contradicts_the_directory_is_noticed(saved, place):
    """Its checksum and its two sizes stand in front of it, and a second time at the end."""
    folder, content, _ = saved
    damaged = bytearray(content)
    damaged[place] ^= 1
    assert outcome(folder, bytes(damaged), content)


def test_damage_is_noticed(saved):
    refused = try_all(saved, 16, 0)
    rarely = {name for name, count in refused.items() if count < 8}
    assert rarely <= {"flipped_in_the_structure", "long_list"}


@pytest.mark.long
def test_twenty_thousand_damages_are_noticed(saved):
    try_all(saved, -(-20_000 // len(DAMAGES)), 1000)


@pytest.mark.parametrize("name", ["bomb", "long_list", "hostile_text", "hostile_member"])
def test_no_file_takes_more_memory_than_it_is_long(saved, name):
    folder, content, other = saved
    for seed in range(8):
        damaged = DAMAGES[name](np.random.default_rng(seed), content, other)
        assert peak(partial(outcome, folder, damaged, content)) < 4e6 + 10 * len(damaged)
