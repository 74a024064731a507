"""Private files and folders: 0600 and 0700 whatever the umask says, durable when asked, removable whatever their modes.

Everything under the state folder is made here, because it may hold secrets. It refuses nothing and decides nothing.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from paiwatch import mounts

_LONG = 512  # characters below the top after which a folder is lifted; with the top's own they stay under 4096 bytes
_GET_FLAGS, _SET_FLAGS, _FIXED = 0x80086601, 0x40086602, 0x30  # ioctl_iflags(2): immutable, append-only


def make_folder(folder: Path, *, durable: bool = False) -> Path:
    """Make this folder, and those above that are missing, for the owner only. Returns it.

    `durable` waits until the disk has their names, as far as the folder above may be read.
    """
    missing = [folder] if not folder.is_dir() else []
    while missing and not missing[-1].parent.is_dir():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        each.chmod(0o700)  # the umask may have taken bits of the owner's
        if durable:
            with suppress(PermissionError):
                sync_folder(each.parent)
    return folder


def open_file(file: Path, flags: int, *, mode: int = 0o600) -> int:
    """Descriptor of this file, created for the owner only where `flags` ask for it. The folder must exist."""
    descriptor = os.open(file, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    if flags & os.O_CREAT:
        os.fchmod(descriptor, mode)
    return descriptor


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte: one write may take fewer than it was given."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def write_file(file: Path, content: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Write a new file with exactly this mode; `durable` waits until the disk has it."""
    descriptor = open_file(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=mode)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(file: Path, content: bytes) -> None:
    """Put this content in place of whatever the file holds, at once or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, content)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has this folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(file: Path) -> None:
    """Wait until the disk has this file and its name; whatever else has taken its place is left alone. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(file.parent)


def remove_tree(top: Path) -> bool:
    """Remove this file or folder with all in it, whatever modes and attributes it has; links are not followed, and what
    is mounted in it is unmounted, not emptied.

    True when nothing is left; False when something could not be removed (still written to, another owner's).
    """
    try:
        if not stat.S_ISDIR(top.lstat().st_mode):
            _unlink(str(top))
            return True
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if not mounts.detach(top):
        return False
    folders = _empty(top)
    removed = [_remove_folder(folder) for folder in reversed(folders)]
    return all(removed)


def _empty(top: Path) -> list[str]:
    """Unlink every file below; returns the folders, outer before inner. A stack: scripts may nest deeper than Python recurses."""
    folders: list[str] = []
    waiting = [str(top)]
    longest = len(waiting[0]) + _LONG
    while waiting:
        folder = waiting.pop()
        folders.append(folder)
        try:
            _open_up(folder)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        is_long = len(entry.path) > longest
                        waiting.append(_lifted(entry.path, top) if is_long else entry.path)
                    else:
                        _unlink(entry.path)
        except OSError:
            continue  # what stays is noticed when its folder cannot be removed
    return folders


def _lifted(folder: str, top: Path) -> str:
    """Move a folder up, before its path is longer than the kernel takes: who goes down step by step can nest so deep."""
    _open_up(folder)
    place = tempfile.mkdtemp(dir=top)
    os.rename(folder, place)  # noqa: PTH104
    return place


def _remove_folder(folder: str) -> bool:
    try:
        os.rmdir(folder)  # noqa: PTH106
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _unlink(file: str) -> None:
    try:
        os.unlink(file)  # noqa: PTH108 (paths here may be thousands long)
    except PermissionError:
        _loosen(file)
        os.unlink(file)  # noqa: PTH108


def _open_up(folder: str) -> None:
    try:
        os.chmod(folder, 0o700)  # noqa: PTH101
    except PermissionError:
        _loosen(folder)
        os.chmod(folder, 0o700)  # noqa: PTH101


def _loosen(place: str) -> None:
    """Take away the attributes (chattr) that keep even root from removing it, where we may."""
    import fcntl  # noqa: PLC0415 (hardly ever needed)

    with suppress(OSError):
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            flags = int.from_bytes(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)), "little")
            fcntl.ioctl(descriptor, _SET_FLAGS, (flags & ~_FIXED).to_bytes(8, "little"))
        finally:
            os.close(descriptor)
