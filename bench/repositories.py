"""Git repositories for measuring: made at one go from generated files, pushed to, and asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import children
from bench.ground import Ground

#: Nothing of git's own housekeeping may start behind a measurement, or outlive it.
_SETTINGS = (("gc.auto", "0"), ("receive.autogc", "false"), ("maintenance.auto", "false"))


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git on one ground."""

    ground: Ground

    def run(self, folder: Path, *words: str, stdin: bytes = b"") -> str:
        """Give what git prints. Raises NotMeasuredError when it fails."""
        return children.output(("git", *words), env=self.ground.environment, cwd=folder, stdin=stdin)

    def bare(self, folder: Path, files: Iterable[tuple[str, str]]) -> None:
        """A bare repository whose branch main has one commit with these files, packed."""
        self.run(folder.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(folder))
        self.run(folder, "fast-import", "--quiet", stdin=b"".join(_stream(files)))
        self._settle(folder)

    def copy(self, source: Path, target: Path) -> None:
        """A bare repository with the same commits."""
        self.run(source.parent, "clone", "--quiet", "--bare", str(source), str(target))
        self._settle(target)

    def clone(self, source: Path, target: Path) -> None:
        """A clone to commit in."""
        self.run(source.parent, "clone", "--quiet", str(source), str(target))
        self._settle(target)

    def _settle(self, folder: Path) -> None:
        for key, value in _SETTINGS:
            self.run(folder, "config", key, value)


def _stream(files: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """git-fast-import(1): one commit that adds every file; scripts are executable."""
    yield b"commit refs/heads/main\ncommitter bench <bench@example.org> 1700000000 +0000\ndata 5\nfirst\n"
    for path, text in files:
        content = text.encode()
        mode = "100755" if path.endswith(".sh") else "100644"
        yield f"M {mode} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
