"""The command as a process: exit codes, streams, a terminal, a reader that goes away."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.worlds import World, a_world

PAIWATCH = (sys.executable, "-m", "paiwatch")


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return a_world(tmp_path_factory.mktemp("world"))


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PAIWATCH, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def on_a_terminal(*arguments: str, cwd: Path, columns: int, **environ: str) -> str:
    """What a person sees, styles and progress included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "TERM"}}
    process = subprocess.Popen(
        [*PAIWATCH, *arguments], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=env | environ
    )
    os.close(theirs)
    seen = b""
    while chunk := _read(ours):
        seen += chunk
    os.close(ours)
    assert process.wait(60) == 0
    return seen.decode()


def _read(terminal: int) -> bytes:
    """The next piece; nothing once the other side has closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_settings_beside_the_caller_are_found_and_results_go_to_standard_output(world: World) -> None:
    result = run("validate", cwd=world.root)

    assert (result.returncode, result.stdout, result.stderr) == (
        0,
        "2 services: no errors, no warnings\n",
        "",
    )


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_a_file_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path, encoding: str) -> None:
    world = a_world(tmp_path)
    deploy = next(world.root.rglob("web/deploy"))
    (deploy / os.fsdecode(b"odd\xff\xc3\xa4")).write_text("x")

    for words in (["plan", "--diff"], ["-o", "json", "plan"], ["why", "web"]):
        result = run(*words, cwd=world.root, PYTHONIOENCODING=encoding)

        assert (result.returncode, result.stderr) == (0, "")
    assert "/odd" in run("plan", "--diff", cwd=world.root, PYTHONIOENCODING=encoding).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["-c", "absent.yaml", "status"], 2, "absent.yaml", id="no-settings"),
        pytest.param(["plan", "--dif"], 2, "No such option", id="unknown-option"),
        pytest.param(["logs", "nobody"], 2, "no run of 'nobody'", id="no-run"),
    ],
)
def test_bad_input_is_told_on_standard_error(
    world: World, arguments: list[str], code: int, said: str
) -> None:
    result = run(*arguments, cwd=world.root)

    assert result.returncode == code
    assert said in result.stderr
    assert result.stdout == ""


def test_a_terminal_gets_progress_and_a_table_that_fits(world: World) -> None:
    text = on_a_terminal("plan", cwd=world.root, columns=60, TERM="xterm")

    progress, _, table = text.rpartition("\x1b[K")
    assert "reading config and src …" in progress
    assert max(len(line) for line in table.splitlines() if re.match(r"\d|\s", line)) <= 60


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
    ids=["colours", "no-color"],
)
def test_diffs_are_coloured_where_people_want_it(
    world: World, environ: dict[str, str], *, coloured: bool
) -> None:
    text = on_a_terminal("plan", "--diff", cwd=world.root, columns=100, **environ)

    assert ("\x1b[32m+port=8080" in text) is coloured
    assert "+port=8080" in text
