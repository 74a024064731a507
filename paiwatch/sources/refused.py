"""Refused commits, told beside each mirror: whoever asks while no daemon runs reads there what is refused, and why."""

from contextlib import suppress
from pathlib import Path

from paiwatch import private

_FILE = "refused"


def tell(home: Path, message: str) -> None:
    """Say what is refused now, "" when nothing is. Nobody relies on it: a file that cannot be written is none."""
    with suppress(OSError):
        file = home / _FILE
        file.unlink(missing_ok=True)
        if message:
            private.write_file(file, message.encode())


def read(sources: Path) -> dict[str, str]:
    """By source, what was refused at its last look; `sources` is the folder of all homes."""
    found = {}
    with suppress(OSError):
        for home in sorted(sources.iterdir()):
            with suppress(OSError):
                found[home.name] = (home / _FILE).read_text(errors="replace")
    return found
