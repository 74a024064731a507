"""A run's output file as its script was given it, whatever the script then does to its name: it may remove the file, or put a
pipe, a link or a folder in its place.
"""

import os
from pathlib import Path

from paiwatch import private
from paiwatch.operators import output
from paiwatch.operators.output import Scrub


class Witness:
    """Holds the file from before its script begins until `close`. Raises OSError."""

    def __init__(self, log: Path) -> None:
        self._log = log
        os.close(output.open_log(log))  # made, if it is not there
        self._descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.path = Path(f"/proc/self/fd/{self._descriptor}")  # leads to the file itself, not to its name

    def is_bereft(self) -> bool:
        """Whether the file is no longer where it belongs."""
        ours = os.fstat(self._descriptor)
        try:
            theirs = self._log.lstat()
        except OSError:
            return True
        return (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino)

    def restore(self, limit: int, scrub: Scrub | None) -> None:
        """Put its content, cut and masked, back where it belongs, in place of whatever is there. Raises OSError."""
        private.remove_tree(self._log)
        descriptor = output.open_log(self._log)
        with os.fdopen(descriptor, "wb") as new:
            output.copy(self._descriptor, new, limit, scrub)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
