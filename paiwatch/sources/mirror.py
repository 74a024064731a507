"""The private bare repository that everything is read through: its skeleton, its lock, and what a killed git leaves in it.

Written by hand, not by `git init`: no template, no hooks, no configuration but what stands here.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paiwatch import private
from paiwatch.errors import BusyError, TransientError
from paiwatch.failpoint import reach

#: Its contents may be secret: git makes files for the owner only, whatever the umask says.
_CONFIG = (
    "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfilemode = true\n\tsharedRepository = 0600\n"
)
#: For the git that serves a repository on this machine: it drops our environment, but reads the global settings. The only
#: repository it enters is the one that the settings name, whoever owns it.
_GLOBAL = "[safe]\n\tdirectory = *\n"


class Mirror:
    """One folder (0700): the repository in `git/`, our settings for git beside it. Holding it excludes other processes."""

    def __init__(self, home: Path, *, branch: str) -> None:
        self._home = home
        self._branch = branch
        self.git = home / "git"
        self.global_config = home / "gitconfig"
        self._held = _hold(home)
        self.mend()

    def mend(self) -> None:
        """Make the skeleton whole and remove the locks and half packs that a killed git left. Only the holder calls this."""
        with _transient(self._home):
            for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
                private.make_folder(self.git / folder)
            _write(self.git / "HEAD", f"ref: refs/heads/{self._branch}\n")
            _write(self.git / "config", _CONFIG)
            _write(self.global_config, _GLOBAL)
        self.sweep()

    def sweep(self) -> None:
        """Remove stale locks and temporary packs: we are the only user, and no git of ours runs now."""
        with _transient(self._home):
            refs = (self.git / "refs").rglob("*.lock")
            packs = (self.git / "objects" / "pack").glob("tmp_*")
            for leftover in (*self.git.glob("*.lock"), *refs, *packs):
                leftover.unlink(missing_ok=True)

    def borrow(self, lenders: Sequence[Path]) -> None:
        """Read these object folders as if they were ours (see gitrepository-layout(5), objects/info/alternates)."""
        with _transient(self._home):
            text = "".join(f"{lender}\n" for lender in lenders)
            _write(self.git / "objects" / "info" / "alternates", text)

    def recreate(self) -> None:
        """Throw the repository away and begin an empty one."""
        alternates = self.git / "objects" / "info" / "alternates"
        with _transient(self._home):
            kept = alternates.read_text() if alternates.is_file() else ""
            shutil.rmtree(self.git)
            self.mend()
            _write(alternates, kept)
            reach("source.recreated")

    def needs_packing(self) -> bool:
        """Whether loose objects or packs have piled up; judged by one of the 256 folders, as `git gc --auto` does."""
        sample = self.git / "objects" / "17"
        loose = sum(1 for _ in sample.iterdir()) if sample.is_dir() else 0
        packs = sum(1 for pack in (self.git / "objects" / "pack").iterdir() if pack.suffix == ".pack")
        return loose > 27 or packs > 50

    def close(self) -> None:
        """Let other processes have it."""
        os.close(self._held)


def _hold(home: Path) -> int:
    """Lock the folder for this process; the kernel lets go when the process ends, however it ends."""
    with _transient(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
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


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and only when it differs."""
    if file.is_file() and file.read_bytes() == os.fsencode(text):
        return
    if file.is_dir():
        shutil.rmtree(file)
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    private.write_file(fresh, os.fsencode(text))
    fresh.replace(file)
