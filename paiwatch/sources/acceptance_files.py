"""What an older paiwatch remembered of repositories with rules, in files beside their mirrors: `accepted`, one JSON object, and `refused`.

They are only read. Nobody removes them: with the copy of the record that was made before its migration they are what an older paiwatch
finds as it left it, and a newer one looks at them only where its record has nothing.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paiwatch.errors import TransientError
from paiwatch.sources.acceptance_memory import Accepted, DamagedMemoryError, from_text


@dataclass(frozen=True, slots=True)
class Earlier:
    """What lies beside one mirror."""

    accepted: Accepted | None
    refused: str


def load(home: Path) -> Accepted | None:
    """The last good commit of the mirror in `home`; None when there is no such file.

    Raises TransientError when it cannot be read now, DamagedMemoryError for what no paiwatch wrote.
    """
    file = home / "accepted"
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise TransientError(f"{file}: cannot be read: {fault.strerror}; check who may read it") from fault
    try:
        return from_text(text)
    except ValueError as fault:
        raise DamagedMemoryError(
            f"{file}: is damaged: it does not say which commit was accepted last ({fault}); "
            "put a good copy back, or look at what the branch has now and remove the file"
        ) from fault


def refused(home: Path) -> str:
    """What was refused there last, "" for nothing; nobody relies on it, and what cannot be read is nothing."""
    with suppress(OSError):
        return (home / "refused").read_text(errors="replace")
    return ""


def find(sources: Path) -> Mapping[str, Earlier]:
    """By mirror, what lies below the folder of all mirrors. What cannot be read is left out: the first look at that source says so."""
    found = {}
    with suppress(OSError):
        for home in sorted(sources.iterdir()):
            with suppress(TransientError):
                found[home.name] = Earlier(load(home), refused(home))
    return {name: earlier for name, earlier in found.items() if earlier.accepted or earlier.refused}
