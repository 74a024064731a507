"""What the newest commit of a repository must satisfy before it is taken. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Verify(StrEnum):
    """Which commits must be signed by a known signer."""

    OFF = "off"
    TIP = "tip"
    ALL = "all"


class History(StrEnum):
    """How a branch may move."""

    ANY = "any"
    FAST_FORWARD_ONLY = "fast-forward-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`allowed_signers` (ssh) and `keyring` (gpg: a file of keys or a folder of them) say whose signatures count."""

    verify: Verify = Verify.OFF
    history: History = History.ANY
    allowed_signers: Path | None = None
    keyring: Path | None = None

    @property
    def hold_something_up(self) -> bool:
        """Whether there can be a commit that these rules refuse."""
        return self.verifies or self.history is History.FAST_FORWARD_ONLY

    @property
    def verifies(self) -> bool:
        """Whether signatures are looked at."""
        return self.verify is not Verify.OFF
