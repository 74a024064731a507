"""Where things lie in the state folder. Pure.

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


def log_file(state: Path, service: str, run: int) -> Path:
    """The output of one run. Raises ConfigError for a name that would leave the folder."""
    if not service or service in {".", ".."} or "/" in service or "\0" in service:
        raise ConfigError(f"service {service!r}: not a name for a folder; rename the component")
    return state / "runs" / service / f"{run}.log"
