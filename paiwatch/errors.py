"""Exceptions, named for what the caller must do. Expected outcomes (a failed script) are values, not these.

    PaiwatchError
    ├── ConfigError      stop: somebody must change the settings or the call; exit 2
    ├── StalledError     wait for a new revision: this one can never work
    ├── TransientError   back off and look again: network, a slow server, a moving directory
    ├── StoreError       refuse to act: without memory nothing may be started; try again
    │   ├── DamagedError     the same, and no try will help: what was kept is not what was written
    │   └── OutdatedError    the same for who may only read: an older paiwatch left it so, a daemon of today migrates it
    ├── BusyError        another paiwatch holds the state folder, or the daemon refused a command; exit 2
    └── CrashedError     paiwatch met a bug of its own: never somebody's bad input; exit 3

Third-party exceptions are caught in the one module that imports the library and re-raised as one of these.
"""

from collections.abc import Sequence

from paiwatch.problem import Problem


class PaiwatchError(Exception):
    """Anything paiwatch raises on purpose; its text says where, what and what to do."""


class ConfigError(PaiwatchError):
    """Settings or arguments that cannot be used; `problems` has every fault found, not only the first."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class StalledError(PaiwatchError):
    """The revision can never work (a missing branch, an unreadable tree); only a new one helps."""


class TransientError(PaiwatchError):
    """It may work later without anybody's help."""


class StoreError(PaiwatchError):
    """The record cannot be read or written; nothing may be started until it can."""


class DamagedError(StoreError):
    """What was kept is not what was written; it must be replaced."""


class OutdatedError(StoreError):
    """The record is as an older paiwatch left it."""


class BusyError(PaiwatchError):
    """Somebody else holds what this command needs; the text says who."""


class CrashedError(PaiwatchError):
    """Paiwatch met a bug of its own and ends; the text says what became of what was asked, the log has the traceback."""
