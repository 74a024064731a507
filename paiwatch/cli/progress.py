"""One line on a terminal's standard error that says what takes so long; nothing anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BACK_AND_CLEAR = "\r\x1b[K"


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show `what …` while the block runs, and take it away afterwards."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"{_BACK_AND_CLEAR}{what} …")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(_BACK_AND_CLEAR)
        sys.stderr.flush()
