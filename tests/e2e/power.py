"""Power: a folder on a disk of its own, from which the power can be taken. What nobody waited for to be written is lost then, as in earnest.

The disk is a file under a loop device. A cut stops the file system where it stands (the kernel writes nothing more, neither contents
nor journal), ends every process that used it, and mounts what the device holds: the journal is replayed as after a real one.
"""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_GOING_DOWN = 0x8004587D  # the ioctl with which ext4 and xfs can be stopped
_FLUSH_NOTHING = struct.pack("I", 2)
_LIMIT = 10.0  # seconds in which killed processes are gone

#: Told that all went well, or left alone: whatever becomes of us, no process, no mount and no file stays.
_CARETAKER = """
read -r || for home in /proc/[0-9]*; do
    readlink "$home/cwd" "$home"/fd/* | grep -q "^$1/" && kill -KILL "${home#/proc/}"
done
umount --lazy "$1"
rm -f "$2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A file system: how it is made, mounted and looked over. The kernel writes nothing of itself for minutes."""

    make: tuple[str, ...] = ("mkfs.ext4", "-q", "-F")
    options: str = "commit=300"
    check: tuple[str, ...] = ("fsck.ext4", "-f", "-n")


#: As most machines have it.
ORDERED = Kind()
#: The same without the favours that ext4 does to programs that forget to wait: names may come before contents.
HARSH = Kind(options="commit=300,data=writeback,noauto_da_alloc")


class Disk:
    """The disk at `folder`; `file` is what its device holds."""

    def __init__(self, folder: Path, file: Path, kind: Kind) -> None:
        self._folder = folder
        self._file = file
        self._kind = kind

    def cut(self) -> None:
        """Take the power away and give it back. Whoever used the disk is gone, and what was not flushed."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _GOING_DOWN, _FLUSH_NOTHING)
        finally:
            os.close(descriptor)
        self._unmount()
        self._mount_again()  # replays the journal
        self._unmount()
        if self._kind.check:
            _run(*self._kind.check, str(self._file))
        self._mount_again()

    def mount(self) -> None:
        """Put it in its place; never read-only, as mount likes to do with a device that is not ready."""
        _run("mount", "--rw", "-o", f"loop,{self._kind.options}", str(self._file), str(self._folder))

    def _mount_again(self) -> None:
        """The kernel lets go of the device a little after its disk."""
        deadline = time.monotonic() + _LIMIT
        while True:
            try:
                return self.mount()
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)  # a bounded poll of the kernel

    def _unmount(self) -> None:
        """End whoever uses it; a process that is killed lets go a little later."""
        deadline = time.monotonic() + _LIMIT
        while (
            _end_users(self._folder)
            or subprocess.run(["umount", self._folder], capture_output=True, check=False).returncode
        ):
            assert time.monotonic() < deadline, f"{self._folder} stays in use"
            time.sleep(0.005)  # a bounded poll of processes that are not our children


@contextmanager
def disk(folder: Path, kind: Kind = ORDERED, *, size: int = 64 << 20) -> Iterator[Disk]:
    """A disk of so many bytes at this folder, private to its owner. Skips the test where none can be mounted."""
    if os.geteuid() != 0 or shutil.which(kind.make[0]) is None:
        pytest.skip(f"only root may mount a disk, and only where there is {kind.make[0]}")
    folder.mkdir(mode=0o700, exist_ok=True)
    shared = Path("/dev/shm")  # memory, where a flush costs nothing
    descriptor, name = tempfile.mkstemp(prefix="paiwatch-disk-", dir=shared if shared.is_dir() else None)
    os.ftruncate(descriptor, size)
    os.close(descriptor)
    words = ("bash", "-c", _CARETAKER, "caretaker", str(folder), name)
    caretaker = subprocess.Popen(
        words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        made = Disk(folder, Path(name), kind)
        _run(*kind.make, name)
        try:
            made.mount()
        except subprocess.CalledProcessError as fault:
            pytest.skip(f"no disk can be mounted here: {fault.stderr.strip()}")
        folder.chmod(0o700)
        yield made
    finally:
        _end_users(folder)
        caretaker.communicate(b"all is well\n")


def _end_users(folder: Path) -> bool:
    """Kill every process that uses this folder: that works in it, has a file of it open, or was told of it. Whether one did."""
    users = [int(home.name) for home in Path("/proc").glob("[0-9]*") if _uses(home, folder)]
    for pid in users:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(users)


def _uses(home: Path, folder: Path) -> bool:
    if home.name == str(os.getpid()):
        return False
    with suppress(OSError):  # it has ended
        links = [home / "cwd", *(home / "fd").iterdir()]
        if any(_target(link).is_relative_to(folder) for link in links):
            return True
        return os.fsencode(folder) in (home / "environ").read_bytes()
    return False


def _target(link: Path) -> Path:
    with suppress(OSError):
        return link.readlink()
    return Path()


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)
