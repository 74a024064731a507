"""The progress line is for a terminal's eyes only, and leaves nothing behind."""

import os
import pty
import subprocess
import sys

CODE = """
from paiwatch.cli.progress import working
with working("fetching config"):
    pass
print("done")
"""


def test_a_terminal_sees_the_line_and_then_a_clean_one() -> None:
    ours, theirs = pty.openpty()
    run = subprocess.run(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True
    )
    os.close(theirs)
    said = os.read(ours, 1000).decode()
    os.close(ours)

    assert "fetching config …" in said
    assert said.endswith("\r\x1b[K")
    assert run.stdout == b"done\n"


def test_a_pipe_sees_nothing() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, timeout=60, check=True)

    assert run.stderr == b""
