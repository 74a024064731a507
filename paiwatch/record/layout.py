"""Where things lie in the state folder, and whether the record is missing there.

state/ ── lock · record.db · archive/<digest>/ · runs/<service>/<run>.log · stages/<run>/ · surroundings/<digest>/
"""

from collections.abc import Collection
from pathlib import Path

from paiwatch.errors import ConfigError


def record_file(state: Path) -> Path:
    """The SQLite file."""
    return state / "record.db"


def archive_folder(state: Path) -> Path:
    """The archive of releases."""
    return state / "archive"


def loss(state: Path, judged: Collection[Path] = ()) -> str:
    """What to tell of a record that is not there, though there was one; "" when there never was.

    `judged` are the mirrors of the sources with rules: the record comes before they do, and only it knows their last good commits.
    """
    signs = {home: _of_mirror(home) for home in judged if home.is_dir()}
    archive = archive_folder(state)
    if any(archive.glob("[!.]*")):
        signs = {archive: _of_archive(archive), **signs}
    if not signs:
        return ""
    found, remedies = (", and ".join(texts) for texts in zip(*signs.values(), strict=True))
    return (
        f"{record_file(state)}: missing or empty, but {found}: put a back-up of it in its place; {remedies}"
    )


def _of_archive(archive: Path) -> tuple[str, str]:
    """What it is a sign of, and how to begin anew without the record."""
    return (
        "there are archived releases",
        f"to begin anew, with every service started again, move {archive} away",
    )


def _of_mirror(home: Path) -> tuple[str, str]:
    return (
        f"{home} mirrors a source with rules, whose last good commit nobody else knows",
        f"to trust what its branch has now, look at that and move {home} away",
    )


def log_file(state: Path, service: str, run: int) -> Path:
    """The output of one run. Raises ConfigError for a name that would leave the folder."""
    refuse_bad_name(service)
    return state / "runs" / service / f"{run}.log"


def refuse_bad_name(service: str) -> None:
    """Raises ConfigError for a name that would leave the folder of its runs."""
    if not service or service in {".", ".."} or "/" in service or "\0" in service:
        raise ConfigError(f"service {service!r}: not a name for a folder; rename the component")
