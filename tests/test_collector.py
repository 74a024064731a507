"""The pace of the garbage collector."""

import subprocess
import sys

from paiwatch import collector


def test_the_command_lets_the_collector_look_less_often() -> None:
    words = "import atexit, gc, sys; atexit.register(lambda: print(gc.get_threshold()[0]))"
    words += "; import paiwatch.cli; sys.argv = ['paiwatch', '--version']; paiwatch.cli.main()"

    said = subprocess.run((sys.executable, "-c", words), capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == str(collector.EVERY)
