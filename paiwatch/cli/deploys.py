"""Deploy folders on disk as they would be run (rendered and static files, modes, links), and how a plan changes them."""

from collections.abc import Iterator
from pathlib import Path

from paiwatch import private
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError, TransientError
from paiwatch.record.archive import Files
from paiwatch.releases.release import RenderedFiles
from paiwatch.report import differences
from paiwatch.report.differences import File
from paiwatch.snapshot import Contents, Entry, Mode


def contents(files: RenderedFiles, read: Contents) -> Files:
    """Every file of the release by its path in the deploy folder; `read` gives what is not rendered."""
    release = files.release
    static = {
        file.oid
        for path, file in release.files.items()
        if path not in release.rendered and file.mode is not Mode.SUBMODULE
    }
    found = read(sorted(static))
    return {
        path: (file.mode, files.contents[path] if path in release.rendered else found.get(file.oid, b""))
        for path, file in sorted(release.files.items())
    }


def write(files: Files, folder: Path) -> None:
    """Write a deploy folder anew, for the owner only. Raises ConfigError when something cannot be written."""
    try:
        private.remove_tree(folder)
        private.make_folder(folder)
        for path, (mode, content) in files.items():
            _write(folder / path, mode, content)
    except OSError as error:
        where = error.filename or folder
        raise ConfigError(f"{where}: cannot be written: {error.strerror}; choose another --out") from error


def diffs(seen: View) -> Iterator[tuple[str, str]]:
    """Service and unified diff of its deploy folder, for each that the plan changes: from old to new, secrets masked."""
    for step in seen.plan.steps:
        name = step.id.service
        if not step.last or name not in seen.plan.releases:
            continue
        if seen.plan.releases[name].instead_of:  # rolled back: the archive has what would run
            now = seen.archived(step.digest)
        else:
            now = contents(seen.render(name), seen.read_src)
        folder = f"{step.spec.folder}/deploy"
        text = differences.file_diffs(seen.old(name), now, folder=folder, mask=seen.scrub)
        if text := text + _watched(seen, name):
            yield name, text


def _watched(seen: View, name: str) -> str:
    """How the files differ that the service watches outside its folder. An old one may not be known any more."""
    old = seen.memory[name].watched if name in seen.memory else {}
    new = seen.plan.releases[name].watched
    text = ""
    for path in sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path)):
        try:
            before, after = (_file(seen, entries.get(path)) for entries in (old, new))
        except TransientError:
            text += f"diff --git a/{path} b/{path}\nwatched, and changed; what it was is not known any more\n"
            continue
        text += differences.one_diff(path, before, after, mask=seen.scrub)
    return text


def _file(seen: View, entry: Entry | None) -> File | None:
    return None if entry is None else (entry.mode, seen.read_src([entry.oid])[entry.oid])


def _write(path: Path, mode: Mode, content: bytes) -> None:
    private.make_folder(path.parent)
    if mode is Mode.LINK:
        path.symlink_to(content.decode(errors="surrogateescape"))
    elif mode is Mode.SUBMODULE:
        private.make_folder(path)
    else:
        private.write_file(path, content, mode=0o700 if mode is Mode.EXECUTABLE else 0o600)
