"""The private bare repository that everything is read through: its skeleton, its lock, and what a killed git leaves in it.

Written by hand, not by `git init`: no template, no hooks, no configuration but what stands here.
"""

import fcntl
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from paiwatch import private
from paiwatch.errors import BusyError, TransientError
from paiwatch.failpoint import reach
from paiwatch.sources import orphans

#: Its contents may be secret: git makes files for the owner only, whatever the umask says.
_CONFIG = (
    "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfilemode = true\n\tsharedRepository = 0600\n"
)
#: For the git that serves a repository on this machine: it drops our environment, but reads the global settings. The only
#: repository it enters is the one that the settings name, whoever owns it.
_GLOBAL = "[safe]\n\tdirectory = *\n"


_FOLDERS = ("objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags")
_SKELETON = frozenset({"HEAD", "config", "objects", "refs", "shallow"})
_ID = re.compile(rb"[0-9a-f]{40}\n")


class DamagedMirrorError(TransientError):
    """Our own mirror may lack something that it should have."""


class Mirror:
    """One folder (0700): the repository in `git/`, our settings for git beside it. Holding it excludes other processes."""

    def __init__(self, home: Path, *, branch: str) -> None:
        self._home = home
        self._branch = branch
        self.git = home / "git"
        self.global_config = home / "gitconfig"
        self._fresh = home / "fresh"
        was_there = (home / "held").exists()
        self._held = _hold(home)
        if was_there:
            orphans.end(home)
        self.mend()

    def is_there(self) -> bool:
        """Whether the skeleton stands, as far as a glance can tell."""
        is_whole = (self.git / "objects" / "info").is_dir()
        return is_whole and _says(self.git / "config", _CONFIG) and _says(self.global_config, _GLOBAL)

    def rebuild(self) -> None:
        """Make it again where somebody took it away; everything has to be fetched anew."""
        if not (self._home / "held").exists():
            old, self._held = self._held, _hold(self._home)
            os.close(old)
        self.mend()

    def mend(self) -> None:
        """Make the skeleton whole, and remove what is no part of it. Only the holder calls this, while no git runs."""
        with _transient(self._home):
            for leftover in (self._fresh, self._home / "old"):
                private.remove_tree(leftover)
            _write(self.global_config, _GLOBAL)
            _lay_out(self.git, self._branch)
            self.sweep()

    def sweep(self) -> None:
        """Remove what a git that failed or was killed left: locks, half packs, and refs that may be in the way of ours."""
        ours = self.git / "refs" / "heads" / self._branch
        with _transient(self._home):
            for file in (ours, self.git / "shallow"):
                if not _has_ids_only(file):
                    private.remove_tree(file)
            for entry in [entry for entry in self.git.iterdir() if entry.name not in _SKELETON]:
                private.remove_tree(entry)
            for file in [
                file for file in (self.git / "refs").rglob("*") if file != ours and not file.is_dir()
            ]:
                file.unlink()
            for leftover in (self.git / "objects").rglob("*"):
                if leftover.name.startswith("tmp_") or leftover.suffix == ".lock":
                    private.remove_tree(leftover)
            _remove_empty(self.git / "refs")
            _lay_out(self.git, self._branch)

    def forget(self) -> None:
        """Remove our branch: the other side has none of this name."""
        with _transient(self._home):
            private.remove_tree(self.git / "refs" / "heads" / self._branch)

    def borrow(self, lenders: Sequence[Path]) -> None:
        """Read these object folders as if they were ours (see gitrepository-layout(5), objects/info/alternates)."""
        with _transient(self._home):
            text = "".join(f"{lender}\n" for lender in lenders)
            _write(self.git / "objects" / "info" / "alternates", text)

    def begin_again(self) -> Path:
        """An empty repository beside the damaged one, which serves on until `adopt`."""
        with _transient(self._home):
            private.remove_tree(self._fresh)
            _lay_out(self._fresh, self._branch)
        return self._fresh

    def adopt(self) -> None:
        """Put what `begin_again` began in place of the damaged one."""
        old = self._home / "old"
        with _transient(self._home):
            private.remove_tree(old)
            if os.path.lexists(self.git):
                self.git.rename(old)
            reach("source.recreated")
            self._fresh.rename(self.git)
            private.remove_tree(old)

    def needs_packing(self) -> bool:
        """Whether loose objects or packs have piled up; judged by one of the 256 folders, as `git gc --auto` does."""
        sample = self.git / "objects" / "17"
        loose = sum(1 for _ in sample.iterdir()) if sample.is_dir() else 0
        packs = sum(1 for pack in (self.git / "objects" / "pack").iterdir() if pack.suffix == ".pack")
        return loose > 27 or packs > 50

    def close(self) -> None:
        """Let other processes have it."""
        os.close(self._held)


def prune(top: Path, *, keep: Collection[str]) -> tuple[str, ...]:
    """Remove the mirrors below `top` but these and those that somebody holds; gives the names of those that went.

    A setting that names another repository or branch has a mirror of its own, and nobody comes back for the old one.
    """
    mirrors = sorted(held.parent for held in top.glob("*/held"))
    return tuple(home.name for home in mirrors if not _is_kept(home.name, keep) and _is_removed(home))


def _is_kept(name: str, keep: Collection[str]) -> bool:
    """By its own name; or, as mirrors of submodules are, by that of their parent with a dot."""
    parent, dot, _ = name.partition(".")
    return name in keep or bool(dot and parent + dot in keep)


def _is_removed(home: Path) -> bool:
    try:
        held = _hold(home)
    except (BusyError, TransientError):
        return False
    try:
        return private.remove_tree(home)
    finally:
        os.close(held)


def _hold(home: Path) -> int:
    """Lock the folder for this process; the kernel lets go when the process ends, however it ends."""
    with _transient(home):
        if not home.is_dir():
            private.remove_tree(home)  # whatever took its place is not ours to read
        private.make_folder(home, durable=True).chmod(0o700)
        held = os.open(home / "held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        os.close(held)
        raise BusyError(
            f"{home}: another paiwatch uses this copy; stop it or use another state folder"
        ) from fault
    return held


@contextmanager
def _transient(home: Path) -> Iterator[None]:
    """A full disk or a folder that is not ours may be put right while we run."""
    try:
        yield
    except OSError as fault:
        raise TransientError(
            f"{home}: cannot keep a copy of the repository: {fault.strerror}; check the state folder's owner and space"
        ) from fault


def _lay_out(git: Path, branch: str) -> None:
    """What makes a folder a repository for git; files in the place of folders give way."""
    for folder in (git, *(git / name for name in _FOLDERS)):
        if not folder.is_dir():
            private.remove_tree(folder)
        private.make_folder(folder)
    _write(git / "HEAD", f"ref: refs/heads/{branch}\n")
    _write(git / "config", _CONFIG)


def _has_ids_only(file: Path) -> bool:
    """A power cut can leave a file empty: then it has none."""
    content = file.read_bytes() if file.is_file() else b""
    return bool(content) and not _ID.sub(b"", content)


def _remove_empty(folder: Path) -> None:
    """Folders of refs that are gone would be in the way of refs of their name."""
    for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            inner.rmdir()


def _says(file: Path, text: str) -> bool:
    """Whether this is what it holds: nobody else has a say in what git does here."""
    return file.is_file() and file.read_bytes() == os.fsencode(text)


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and only when it differs."""
    if _says(file, text):
        return
    if file.is_dir():
        private.remove_tree(file)
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    private.write_file(fresh, os.fsencode(text))
    fresh.replace(file)
