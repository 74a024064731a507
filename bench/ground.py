"""The ground everything is measured on: one folder, in memory where that is possible, and a quiet environment for children."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: The checkout; children that run modules of `bench` start here.
CHECKOUT = Path(__file__).resolve().parent.parent
LIMIT = 240.0  # seconds any single wait may take


class NotMeasuredError(Exception):
    """A measurement did not come about; the text says why. The others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How often and how much is measured. `size` names the two trees: small and large."""

    small: int = 100
    large: int = 10_000
    small_pushes: int = 24
    large_pushes: int = 8
    polls: int = 40
    starts: int = 12
    scripts: int = 240
    rounds: int = 5
    lines: int = 1_000_000
    idle: float = 10.0

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of services."""
        return (self.small, self.large)

    def pushes(self, services: int) -> int:
        """Pushes measured on a tree of this size."""
        return self.small_pushes if services == self.small else self.large_pushes


QUICK = Scale(
    large=400,
    small_pushes=5,
    large_pushes=3,
    polls=12,
    starts=4,
    scripts=48,
    rounds=2,
    lines=200_000,
    idle=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`root` is removed at the end. `environment` is all that children get."""

    root: Path
    environment: Mapping[str, str]
    is_memory: bool

    def folder(self, name: str) -> Path:
        """A new folder of this name. Raises FileExistsError when there is one."""
        path = self.root / name
        path.mkdir(parents=True)
        return path


@contextmanager
def prepared() -> Iterator[Ground]:
    """A ground that is gone afterwards."""
    memory = Path("/dev/shm")
    is_memory = os.access(memory, os.W_OK | os.X_OK)
    root = Path(tempfile.mkdtemp(prefix="paiwatch-bench-", dir=memory if is_memory else None))
    try:
        home = root / "home"
        home.mkdir()
        yield Ground(root=root, environment=_environment(home), is_memory=is_memory)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    """Neither the caller's git settings nor PYTHONDONTWRITEBYTECODE, which would make every start compile anew."""
    people = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "bench"), ("EMAIL", "bench@example.org"))
    }
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **people,
    }
