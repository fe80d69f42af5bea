"""The one way in which files are written here: whole or not at all, and durably.

A file is written beside its place under a name of its own, forced to the disk, and renamed. Whoever
reads meanwhile, or after a crash or a power cut, finds the old file or the new one, whole.
"""

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from backprop.core.errors import said

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""What names a file."""

LONGEST_ENDING = 20
"""Characters of a name's ending that a temporary name keeps: it may say the format."""


def check_path(value: Any, name: str) -> str:
    """The path of a file or a folder as a string, with the home folder for a ``~`` in front.

    Raises:
        TypeError: It is no path.
        ValueError: It is empty, or holds a character that no path can have.
    """
    if not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(
            f"{name} must be a path, a string or a pathlib.Path, but it is {said(value)}."
        )
    path = os.fsdecode(value)
    if not path:
        raise ValueError(f"{name} must be a path, but it is empty.")
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        if not "\ud800" <= path[error.start] <= "\udfff":
            raise ValueError(
                f"{name} is {value!r}, but Python takes the names of files here to be "
                f"{error.encoding.upper()}, which lacks {path[error.start]!r}: set the environment "
                f"variable PYTHONUTF8=1, or LC_ALL=C.UTF-8, before it starts, or take another name."
            ) from None
        encoded = b"\0"  # half a character
    if b"\0" in encoded:
        raise ValueError(f"{name} holds a character that no path can have: it is {value!r}.")
    return os.path.expanduser(path)


def check_file(path: FilePath) -> str:
    """The path of a file as a string; the file need not be there.

    Raises:
        TypeError: It is no path.
        ValueError: It is empty, or holds a character that no path can have.
        IsADirectoryError: It is a folder.
    """
    name = check_path(path, "path")
    if os.path.isdir(name) or name.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(f"path is {name!r}, a folder: name a file.")
    return name


def check_target(path: FilePath) -> str:
    """Where a file is to be written: the path, or what it links to.

    Raises:
        FileNotFoundError: The folder does not exist.
        NotADirectoryError: There is a file in its place.
        IsADirectoryError: ``path`` is a folder; see ``check_file``.
        PermissionError: There is a file that is protected against writing.
        OSError: ``path`` is a device or a named pipe.
    """
    name = check_file(path)
    shown, target = repr(name), os.path.realpath(name)
    folder = os.path.dirname(target)
    if os.path.isdir(folder) and not os.path.isdir(os.path.dirname(name) or "."):
        folder = os.path.dirname(name)  # "missing/../name", which nothing would find again
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise NotADirectoryError(
            f"path is {shown}, in {folder!r}, which is no folder: name another one."
        )
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"path is {shown}: create the folder {folder!r} first.")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    if not stat.S_ISREG(mode):
        raise OSError(f"path is {shown}, a device or a pipe: name a file.")
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
        raise PermissionError(
            f"path is {shown}, a file that is protected against writing: name another one, or "
            f"change its permissions."
        )
    return target


def make_folder(path: str, name: str) -> None:
    """Makes a folder, and those above it, where they are missing; ``name`` is the argument's name.

    Raises:
        OSError: It cannot be made, as a file stands in its place or above it, for instance.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"{name}: the folder {path!r} cannot be made ({error.strerror}): name another one."
        ) from error


def try_folder(path: str, name: str) -> None:
    """Makes a folder where it is missing, and tries to write a file there, before hours go by.

    Raises:
        OSError: Either fails.
    """
    make_folder(path, name)
    target = os.path.join(os.path.realpath(path), "trial")
    remove_litter(target)
    try:
        made, descriptor = locked_file(target)
        os.close(descriptor)
        with suppress(FileNotFoundError):  # another process took it for litter
            os.remove(made)
    except OSError as error:
        raise type(error)(
            f"{name}: nothing can be written into the folder {path!r} ({error.strerror}): name "
            f"another one."
        ) from error


@contextmanager
def replacing(path: FilePath) -> Iterator[str]:
    """A path in the same folder to write to; its file takes the place of ``path`` at the end.

    In this order the file is forced to the disk, the folder too, the file is renamed, and the
    folder is forced to the disk again. The new file has the permissions of the old one, where the
    file system sets any. Threads, processes and containers that write the same path at once never
    meet: each has a name of its own. If the body raises nothing is left behind; what a process
    leaves that is killed, the next one to write that path removes, where there are locks.

    Raises:
        OSError: The file cannot be written, see ``check_target``.
    """
    target = check_target(path)
    folder, temporary, descriptor = os.path.dirname(target), "", -1
    remove_litter(target)
    try:
        temporary, descriptor = locked_file(target)
        yield temporary
        keep_permissions(descriptor, target)
        os.fsync(descriptor)  # also what was written through other descriptors
        if fcntl is None:  # Windows renames no file that is open
            os.close(descriptor)
            descriptor = -1
        sync_folder(folder)
        os.replace(temporary, target)
        sync_folder(folder)
    except OSError as error:
        named = str(error.filename or "")
        if error.errno and (not named or named.startswith(start_of_names(target))):
            error.filename = os.fspath(path)  # which says more to the user than a temporary name
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        with suppress(FileNotFoundError):
            os.remove(temporary)


def save_text(path: FilePath, text: str) -> None:
    """Writes a text in the place of a file, in UTF-8 and the same on every system."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)


def remove(path: FilePath) -> None:
    """Removes a file, if it is there, and what killed processes have left of it."""
    with suppress(FileNotFoundError):
        os.remove(path)
    remove_litter(os.path.realpath(os.fsdecode(path)))


def append(path: FilePath, content: bytes) -> None:
    """Writes content behind what is in a file, all of it or nothing, and forces it to the disk."""
    with open(path, "ab", buffering=0) as file:
        before, left = file.seek(0, os.SEEK_END), memoryview(content)
        try:
            while left:  # what is full takes a part first
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException as error:
            with suppress(OSError):
                file.truncate(before)
            if isinstance(error, OSError):
                error.filename = os.fspath(path)  # which a write does not know
            raise


# ---------------------------------------------------------------------------------- its steps


def start_of_names(target: str) -> str:
    """How the paths of temporary files for a target begin; short, so that long names work."""
    import zlib  # slow to load, and only files need it

    folder, name = os.path.split(target)
    return os.path.join(folder, f".backprop-{zlib.crc32(os.fsencode(name)):08x}-")


def locked_file(target: str) -> tuple[str, int]:
    """A new file of which a lock says that a living process writes it: its path and descriptor."""
    ending = os.path.splitext(target)[1]
    if len(ending) > LONGEST_ENDING:
        ending = ""
    # readable by others only when it is whole, if the old one is there to say by whom
    mode = 0o600 if os.path.exists(target) else 0o666
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    start, locked = start_of_names(target), True
    while True:
        own = f"{os.getpid()}-{threading.get_native_id()}-{os.urandom(4).hex()}"
        path = f"{start}{own}{ending}"
        descriptor = os.open(path, flags, mode)
        if not locked or not lock(descriptor, wait=True):
            return path, descriptor
        there = os.path.exists(path)  # else it was taken for litter before it was locked
        if there and is_open_to_others(path):
            return path, descriptor
        os.close(descriptor)
        if there:
            remove(path)
            start, locked = f"{start[:-1]}+", False  # a name that nobody takes for litter


def is_open_to_others(path: str) -> bool:
    """Whether an empty file can be written through a descriptor that does not hold its lock.

    Not so in network folders of Windows and Samba (SMB), where a lock keeps out all others.
    """
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(b"-")
            file.truncate(0)
    except OSError as error:  # of a full disk whoever writes is going to hear
        return not isinstance(error, PermissionError)
    return True


def lock(descriptor: int, wait: bool = False) -> bool | None:
    """Whether this process now holds the lock of a file; None where there are no locks.

    The system gives it back when the process ends, however it ends.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def remove_litter(target: str) -> None:
    """Removes the temporary files for a target that no living process is writing."""
    folder, start = os.path.split(start_of_names(target))
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(start):
                remove_if_litter(os.path.join(folder, name))


def remove_if_litter(path: str) -> None:
    """Removes a file unless a living process holds its lock."""
    with suppress(OSError):
        if fcntl is None:
            os.remove(path)  # fails while it is open anywhere
            return
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if lock(descriptor):
                os.remove(path)
        finally:
            os.close(descriptor)


def keep_permissions(descriptor: int, target: str) -> None:
    """Gives a new file the permissions of the one whose place it takes, and its owner if it may."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) and hasattr(os, "fchown"):
        with suppress(OSError):  # another user's file in a folder that is shared
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        with suppress(OSError):  # a network folder, where all files have the same
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def sync_folder(folder: str) -> None:
    """Forces a folder's list of names to the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows, or a folder that may be written to but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
