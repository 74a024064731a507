"""The memory of a repository with rules as files beside its mirror: `accepted`, one JSON object, and `refused`, a message."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from paiwatch import private
from paiwatch.errors import TransientError
from paiwatch.failpoint import reach
from paiwatch.sources import refused
from paiwatch.sources.acceptance_memory import Accepted, DamagedMemoryError, Memories

_FILE = "accepted"
_KEYS = {"commit", "verified", "rewrite"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


class AcceptanceFiles:
    """In the folder `home`; what another paiwatch remembers in `lender` counts while nothing is remembered there."""

    def __init__(self, home: Path, *, lender: Path | None = None) -> None:
        self._home = home
        self._lender = lender

    def load(self) -> Accepted | None:
        """See AcceptanceMemory.load."""
        return _load(self._home / _FILE) or (_load(self._lender / _FILE) if self._lender else None)

    def remember(self, accepted: Accepted) -> None:
        """See AcceptanceMemory.remember."""
        file = self._home / _FILE
        fresh = file.with_name(f"{_FILE}.new")
        try:
            fresh.unlink(missing_ok=True)
            private.write_file(fresh, json.dumps(asdict(accepted)).encode(), durable=True)
            fresh.replace(file)
            private.sync_folder(self._home)
            reach("source.accepted")
        except OSError as fault:
            raise TransientError(f"{file}: cannot be written: {fault.strerror}; see to the disk") from fault

    def tell_refusal(self, message: str) -> None:
        """See AcceptanceMemory.tell_refusal; `paiwatch status` reads it where no daemon answers."""
        refused.tell(self._home, message)


def beside_mirrors(sources: Path, *, lender: Path | None = None) -> Memories:
    """In the mirrors' own folders below `sources`; `lender` is where another paiwatch has its own."""
    return lambda name: AcceptanceFiles(sources / name, lender=lender / name if lender else None)


def _load(file: Path) -> Accepted | None:
    """None when there is no such file."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise TransientError(f"{file}: cannot be read: {fault.strerror}; check who may read it") from fault
    try:
        return _parse(json.loads(text))
    except (ValueError, RecursionError) as fault:
        raise DamagedMemoryError(
            f"{file}: is damaged: it does not say which commit was accepted last ({fault}); "
            "put a good copy back, or look at what the branch has now and remove the file"
        ) from fault


def _parse(content: object) -> Accepted:
    """Raises ValueError for what we never wrote."""
    if not isinstance(content, dict) or not {"commit"} <= content.keys() <= _KEYS:
        raise ValueError("it has other keys than ours")
    commit, rewrite, verified = content["commit"], content.get("rewrite", ""), content.get("verified", False)
    ids = (commit,) if rewrite == "" else (commit, rewrite)
    if not all(isinstance(each, str) and _COMMIT.fullmatch(each) for each in ids):
        raise ValueError("what should be a commit is none")
    if not isinstance(verified, bool):
        raise ValueError("'verified' is neither true nor false")  # noqa: TRY004 (of the text, not of a caller)
    return Accepted(commit=commit, verified=verified, rewrite=rewrite)
