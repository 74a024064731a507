"""Deploy folders on disk as they would be run (rendered and static files, modes, links), and how a plan changes them."""

from pathlib import Path

from paiwatch import private
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError
from paiwatch.record import layout
from paiwatch.record.archive import Archive, Files
from paiwatch.releases.release import Release
from paiwatch.report import differences
from paiwatch.snapshot import Contents, Mode


def contents(release: Release, read: Contents) -> Files:
    """Every file of the release by its path in the deploy folder; `read` gives what is not rendered."""
    static = {
        file.oid
        for path, file in release.files.items()
        if path not in release.rendered and file.mode is not Mode.SUBMODULE
    }
    found = read(sorted(static))
    return {
        path: (file.mode, release.rendered[path] if path in release.rendered else found.get(file.oid, b""))
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


def diffs(seen: View) -> str:
    """Unified diffs of the deploy folders that the plan changes: from the applied release to the new one, secrets masked."""
    archive = Archive(layout.archive_folder(seen.state))
    return "".join(
        differences.file_diffs(
            _applied(seen, archive, step.id.service),
            contents(seen.render(step.id.service), seen.read_src),
            folder=f"{step.folder}/deploy",
            mask=seen.scrub,
        )
        for step in seen.plan.steps
        if step.last and step.id.service in seen.plan.releases
    )


def _applied(seen: View, archive: Archive, service: str) -> Files:
    """The archived files of the applied release; none when nothing was applied or it is no longer kept."""
    applied = seen.memory.get(service)
    if applied is None or not applied.digest or not archive.has(applied.digest):
        return {}
    return archive.load(applied.digest)


def _write(path: Path, mode: Mode, content: bytes) -> None:
    private.make_folder(path.parent)
    if mode is Mode.LINK:
        path.symlink_to(content.decode(errors="surrogateescape"))
    elif mode is Mode.SUBMODULE:
        private.make_folder(path)
    else:
        private.write_file(path, content, mode=0o700 if mode is Mode.EXECUTABLE else 0o600)
