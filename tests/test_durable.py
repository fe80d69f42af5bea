"""How files are written: forced to the disk, whole or not at all, by many at once."""

import builtins
import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from programs import environment
from scripts import classes, classifier, line
from sharing import at_once

import backprop as bp
from backprop.callbacks import CSVLogger, ModelCheckpoint
from backprop.core import durable

ROOT = Path(bp.__file__).resolve().parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def built(seed=0):
    model = classifier(seed)
    model.build((None, 4))
    return model


def names(folder):
    return sorted(os.listdir(folder))


def program(text, *arguments, **options):
    """Runs a program that may use the tests' modules."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, env=environment(), **options)


# --------------------------------------------------------------------------- the order of things


def write_model(path):
    built().save(path)


def write_weights(path):
    built().save_weights(path)


def write_checkpoint(path):
    model, X, y = line()
    model.fit(X, y, verbose=0, callbacks=[ModelCheckpoint(path)])


def write_log(path):
    model, X, y = line()
    model.fit(X, y, verbose=0, callbacks=[CSVLogger(path)])


def write_picture(path):
    model, X, y = line()
    model.fit(X, y, verbose=0).plot(os.fsdecode(path))


WRITERS = {
    "model.npz": write_model,
    "weights.npz": write_weights,
    "checkpoint.npz": write_checkpoint,
    "log.csv": write_log,
    "curves.png": write_picture,
}


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_file_and_folder_are_forced_to_the_disk_before_the_new_name(
    tmp_path, monkeypatch, name, write
):
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        if calls[-1] == "file" and "rename" not in calls:
            sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    def note_replace(source, target):
        calls.append("rename")
        sizes.append(os.path.getsize(source))
        replace(source, target)

    sizes = []
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write(tmp_path / name)
    assert calls[:4] == ["file", "folder", "rename", "folder"]
    assert sizes[0] == sizes[1]  # all of it was there when it was forced to the disk
    assert calls[4:] in ([], [*calls[:4], "file"], ["file"])  # the header and the lines of a log
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_permissions_of_the_old_file_are_kept(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_what_cannot_be_replaced_is_refused(tmp_path, name, write):
    path = tmp_path / name
    path.write_bytes(b"mine")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match=r"protected against writing: name another one"):
        write(path)
    assert path.read_bytes() == b"mine"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="a device or a pipe"):
        write(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_paths_may_be_bytes_and_names_as_long_as_a_name_can_be(tmp_path, name, write):
    long = "n" * (255 - len(name)) + name
    write(os.fsencode(tmp_path / long))
    assert names(tmp_path) == [long]


def test_a_device_and_a_pipe_are_no_model(tmp_path, path):
    ends = os.openpty()  # a terminal is a device in whose folder nobody can make files
    with pytest.raises(OSError, match="a device or a pipe: name a file"):
        built().save(os.ttyname(ends[1]))
    for end in ends:
        os.close(end)
    os.mkfifo(path)
    for special in (path, "/dev/zero"):
        with pytest.raises(bp.CorruptFileError, match=f"'{special}' is a device or a pipe"):
            bp.load_model(special)


def test_bytes_are_a_path_to_read_from_too(path):
    model = built()
    model.save(path)
    loaded = bp.load_model(os.fsencode(path))
    loaded.load_weights(os.fsencode(path))
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)


def test_a_picture_without_an_ending_is_a_png(tmp_path):
    write_picture(tmp_path / "curves")
    assert names(tmp_path) == ["curves.png"]


# ------------------------------------------------------------------------------- many at once


@pytest.mark.parametrize("times", [6, pytest.param(25, marks=pytest.mark.long)])
def test_threads_that_write_one_path_never_meet(path, times):
    models, errors = [built(seed) for seed in range(4)], []

    def write(model):
        try:
            for _ in range(times):
                model.save(path)
                bp.load_model(path)
        except BaseException as error:
            errors.append(error)

    at_once(write, models)
    assert errors == []
    assert bp.load_model(path).seed in range(4)
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("times", [25, pytest.param(100, marks=pytest.mark.long)])
def test_processes_that_write_one_path_never_meet(path, times):
    text = (
        "import sys, backprop as bp\nfrom scripts import classifier\n"
        "model = classifier(int(sys.argv[2]))\nmodel.build((None, 4))\n"
        f"for _ in range({times}):\n    model.save(sys.argv[1])\n    bp.load_model(sys.argv[1])\n"
    )
    processes = [program(text, path, seed) for seed in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert bp.load_model(path).seed in range(2)
    assert names(path.parent) == ["model.npz"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(path):
    text = (
        "import sys, time\nfrom backprop.core.durable import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    open(temporary, 'wb').write(b'half')\n    print(flush=True)\n    time.sleep(60)"
    )
    processes = [program(text, path, stdout=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    assert len(names(path.parent)) == 2
    processes[0].kill()
    processes[0].wait()
    built().save(path)
    left = names(path.parent)
    assert len(left) == 2
    assert f"-{processes[1].pid}-" in left[0]
    processes[1].kill()
    processes[1].wait()
    for process in processes:
        process.stdout.close()
    built().save(path)
    assert names(path.parent) == ["model.npz"]


def test_litter_of_other_files_stays(path):
    other = path.parent / ".backprop-00000000-1-1-abcdef12.npz"
    other.write_bytes(b"")
    built().save(path)
    assert names(path.parent) == [other.name, "model.npz"]


def test_a_file_that_is_taken_for_litter_before_it_is_locked_is_made_again(path, monkeypatch):
    made = []
    lock = durable.lock

    def removed_before(descriptor, wait=False):
        if wait and not made:
            made.extend(names(path.parent))
            os.remove(path.parent / made[0])
        return lock(descriptor, wait)

    monkeypatch.setattr(durable, "lock", removed_before)
    built().save(path)
    assert len(made) == 1
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("locks", [None, "none"])
def test_file_systems_and_systems_without_locks(path, monkeypatch, locks):
    if locks is None:
        monkeypatch.setattr(durable, "fcntl", None)
    else:

        def refuse(descriptor, operation):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(durable.fcntl, "flock", refuse)
    built(1).save(path)
    built(2).save(path)
    assert bp.load_model(path).seed == 2
    assert names(path.parent) == ["model.npz"]


@pytest.fixture
def windows_share(monkeypatch):
    """Lets the system behave as in a network folder of Windows or Samba (SMB).

    A lock keeps out whoever reads or writes through another descriptor (``man 2 flock``), and
    nobody but the folder's owner may set permissions.
    """
    flock, opened, held = durable.fcntl.flock, builtins.open, []

    def locking(descriptor, operation):
        flock(descriptor, operation)
        held.append(os.dup(descriptor))  # so that no other file gets its number

    def opening(file, *arguments, **options):
        result = opened(file, *arguments, **options)
        if os.fstat(result.fileno()).st_ino in [os.fstat(each).st_ino for each in held]:
            result.close()
            raise PermissionError(errno.EACCES, "Permission denied")
        return result

    def setting(descriptor, mode):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(durable.fcntl, "flock", locking)
    monkeypatch.setattr(builtins, "open", opening)
    monkeypatch.setattr(os, "fchmod", setting)
    yield
    monkeypatch.undo()
    for each in held:
        os.close(each)


def test_a_network_folder_whose_locks_keep_out_all_others(path, windows_share):
    model, X, y = line()
    callbacks = [CSVLogger(path.parent / "log.csv"), ModelCheckpoint(path)]
    model.fit(X, y, epochs=2, verbose=0, callbacks=callbacks)
    model.history.plot(path.parent / "curves.png")
    again = bp.load_model(path)
    assert np.array_equal(again.predict(X), model.predict(X))
    assert names(path.parent) == ["curves.png", "log.csv", "model.npz"]


def test_a_file_system_where_nobody_sets_permissions(path, monkeypatch):
    built(1).save(path)

    def refuse(descriptor, mode):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    built(2).save(path)
    assert bp.load_model(path).seed == 2


# ------------------------------------------------------------------------------------- failures


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    built(1).save(path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        built(2).save(path)
    monkeypatch.undo()
    assert bp.load_model(path).seed == 1
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("limit", [0, 1000, 4000])
def test_a_limit_of_the_length_of_files_leaves_the_old_one(path, limit):
    built(1).save(path)
    text = (
        "import resource, sys\nfrom scripts import classifier\n"
        "model = classifier(2)\nmodel.build((None, 4))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n    model.save(sys.argv[1])\n"
        "except OSError as error:\n    sys.exit(0 if 'large' in str(error) else str(error))\n"
        "sys.exit(1)"
    )
    assert program(text, path, limit).wait() == 0
    assert bp.load_model(path).seed == 1
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_ctrl_c_in_the_middle_leaves_the_old_file_or_the_new_one(path, monkeypatch, call):
    built(1).save(path)
    original = getattr(os, call)

    def interrupted(*arguments):
        result = original(*arguments)
        if call == "open":
            os.close(result)
        signal.raise_signal(signal.SIGINT)
        return result

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(os, call, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            built(2).save(path)
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGINT, before)
    assert bp.load_model(path).seed == (2 if call == "replace" else 1)
    built(3).save(path)
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_being_ended_in_the_middle_leaves_the_old_file_or_the_new_one(path, number, call):
    built(1).save(path)
    text = (
        "import os, signal, sys\nfrom scripts import classifier\n"
        "model = classifier(2)\nmodel.build((None, 4))\n"
        f"before = os.{call}\n"
        "def end(*arguments):\n    before(*arguments)\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        f"os.{call} = end\nmodel.save(sys.argv[1])"
    )
    assert program(text, path).wait() == -number
    assert bp.load_model(path).seed == (2 if call == "replace" else 1)
    built(3).save(path)
    assert names(path.parent) == ["model.npz"]


@pytest.mark.parametrize("full_at", [0, 1], ids=["header", "line"])
def test_the_lines_of_a_log_that_cannot_be_written_are_an_error(tmp_path, monkeypatch, full_at):
    model, X, y = line()
    path = tmp_path / "log.csv"

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    log = CSVLogger(path)
    log.on_epoch_begin = lambda epoch, logs=None: (
        epoch == full_at and monkeypatch.setattr(os, "fsync", full)
    )
    with pytest.raises(OSError, match=r"No space left on device: .*log\.csv'"):
        model.fit(X, y, epochs=3, verbose=0, callbacks=[log])


def test_a_line_that_does_not_fit_is_not_begun(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"epoch,loss\n")
    text = (
        "import resource, sys\nfrom backprop.core.durable import append\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))\n"
        "try:\n    append(sys.argv[1], b'0,0.123456789\\n')\n"
        "except OSError:\n    sys.exit(0)\nsys.exit(1)"
    )
    assert program(text, path).wait() == 0
    assert path.read_bytes() == b"epoch,loss\n"
    durable.append(path, b"0,0.1\n")
    assert path.read_bytes() == b"epoch,loss\n0,0.1\n"


def test_a_model_with_its_optimizer_and_without(path):
    model = classifier()
    model.fit(*classes(), verbose=0)
    model.save(path)
    whole = path.stat().st_size
    model.save(path, include_optimizer=False)
    assert whole - path.stat().st_size >= model.parameters.values.nbytes
    loaded = bp.load_model(path)
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)
    assert loaded.optimizer.iterations == 0
    assert loaded.optimizer.state == {}
    assert loaded.optimizer.momentum == 0.9
    loaded.fit(*classes(), verbose=0)
