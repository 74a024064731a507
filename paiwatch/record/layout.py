"""Where things lie in the state folder, and whether the record is missing there.

state/ ── lock · record.db · archive/<digest>/ · runs/<service>/<run>.log · stages/<run>/ · surroundings/<digest>/
"""

from pathlib import Path

from paiwatch.errors import ConfigError


def record_file(state: Path) -> Path:
    """The SQLite file."""
    return state / "record.db"


def archive_folder(state: Path) -> Path:
    """The archive of releases."""
    return state / "archive"


def loss(state: Path) -> str:
    """What to tell of a record that is not there, though there was one; "" when there never was."""
    archive = archive_folder(state)
    if not any(archive.glob("[!.]*")):
        return ""
    return (
        f"{record_file(state)}: missing or empty, but there are archived releases: put a back-up of it in its place; "
        f"to begin anew, with every service started again, move {archive} away"
    )


def log_file(state: Path, service: str, run: int) -> Path:
    """The output of one run. Raises ConfigError for a name that would leave the folder."""
    if not service or service in {".", ".."} or "/" in service or "\0" in service:
        raise ConfigError(f"service {service!r}: not a name for a folder; rename the component")
    return state / "runs" / service / f"{run}.log"
