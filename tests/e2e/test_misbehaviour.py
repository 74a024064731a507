"""Scripts that misbehave, in a whole platform: each ends as promised, is recorded, and spoils nothing but itself."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from paiwatch.operators import leftovers
from paiwatch.operators.leftovers import Trail
from tests.e2e.platform import Platform

LIMIT = 64 * 1024

pytestmark = pytest.mark.xdist_group("misbehaviour")  # they share one platform

#: What each service's start script does, and the outcome and message that its run must have.
SCRIPTS: Mapping[str, tuple[str, str, str]] = {
    "deaf": ("trap '' TERM; sleep 71 & sleep 72", "timed-out", "not done after 2 s"),
    "asleep": ("kill -STOP $$", "timed-out", "not done after 2 s"),
    "forker": ("setsid sleep 73 & (setsid bash -c 'sleep 74 &' &)", "succeeded", "left behind and ended"),
    "crowd": (
        "set -m; for i in {1..60}; do env -i /bin/sleep 75 & done",
        "succeeded",
        "left behind and ended: 60",
    ),
    "chatty": ("yes | head -c 200M", "succeeded", ""),
    "endless": ("head -c 200M /dev/zero | tr '\\0' x", "succeeded", ""),
    "crashed": ("kill -ABRT $$", "failed", "ended by signal SIGABRT"),
    "absent": ("nosuchcommand; exit", "failed", "exit code 127"),
    "locked": ("/etc/passwd; exit", "failed", "exit code 126"),
    "reader": ("cat; read line; exit 9", "failed", "exit code 9"),
    "mute": ("exec >&- 2>&-; exit 8", "failed", "exit code 8"),
    "vandal": (
        'echo x >> start.sh; mkdir -p a/b; chmod 0 a/b a .; cd /; rm -rf "$OLDPWD"/../../..; exit 7',
        "failed",
        "exit code 7",
    ),
    "taker": (
        "log=$(readlink /proc/$$/fd/1); rm $log; mkfifo $log; exit 6",
        "failed",
        "took its output file away",
    ),
    "respawner": (
        "r() { trap '' TERM; while :; do setsid sleep 0.01 & sleep 0.01; done; }; r & exit 0",
        "succeeded",
        "left behind and ended",
    ),
    "asker": (
        f"cd; {sys.executable} -m paiwatch -c ${{PAIWATCH_REASON_FILE%/state/*}}/config.yaml service stop -n asker; exit $?",
        "failed",
        "exit code 2",
    ),
    "digger": (
        "for n in {1..120}; do mkdir dddddddddddddddddddddddddddddddddddddddd; cd d*; done",
        "succeeded",
        "",
    ),
    "painter": (r"printf 'a\e[2Jb\0c\377\e]0;title\ad\n'", "succeeded", ""),
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Every script above has had its one attempt; the daemon still runs."""
    operators = f"{{parallel: 4, timeout: 30s, grace: 300ms, retries: {{attempts: 1}}, log_limit: {LIMIT}}}"
    lab = Platform(tmp_path_factory.mktemp("misbehaviour"), operators=operators)
    lab.build(dict.fromkeys(SCRIPTS, ()))
    for name, (text, _, _) in SCRIPTS.items():
        lab.add(name, start=text)
        with (lab.root / f"tree/src/{name}/deploy/service.yaml").open("a") as declaration:
            declaration.write("timeout: 2s\n" if name in {"deaf", "asleep"} else "timeout: 60s\n")
    lab.start()
    lab.wait_until(lambda: lab.log().count('"step.finished"') == len(SCRIPTS), "all ended")
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


@pytest.fixture(name="runs", scope="module")
def _runs(platform: Platform) -> dict[str, dict[str, object]]:
    """By service."""
    return {run["service"]: run for run in platform.json("history", "-n", "50")}


@pytest.mark.parametrize("service", SCRIPTS)
def test_it_ends_as_promised(runs: Mapping[str, Mapping[str, object]], service: str) -> None:
    _, outcome, message = SCRIPTS[service]

    assert runs[service]["outcome"] == outcome
    assert message in str(runs[service]["message"])


def test_output_is_bounded(platform: Platform) -> None:
    for service in ("chatty", "endless"):
        (log,) = (platform.root / "state" / "runs" / service).iterdir()
        assert log.stat().st_size < LIMIT + 200
        assert b"were cut here" in log.read_bytes()


def test_nothing_is_left_of_stages_and_processes(platform: Platform) -> None:
    assert list((platform.root / "state" / "stages").iterdir()) == []
    for line in platform.trace():
        assert not leftovers.find(Trail(group=0, marker=line.run))
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "/bin/sleep 75" not in commands


def test_the_source_tree_is_as_it_was(platform: Platform) -> None:
    deploy = platform.root / "tree" / "src" / "vandal" / "deploy"

    assert sorted(path.name for path in deploy.iterdir()) == [
        *("delete.sh", "refresh.sh", "service.yaml", "start.sh", "stop.sh", "value.txt.template"),
    ]
    assert not (deploy / "start.sh").read_text().endswith("x\n")


def test_a_terminal_is_not_steered(platform: Platform) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "paiwatch", "-c", str(platform.root / "config.yaml"), "logs", "painter"]
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)

    assert done.returncode == 0
    assert shown == "a�[2Jbc��]0;title�d\r\n"


def test_the_daemon_goes_on(platform: Platform) -> None:
    assert "Traceback" not in platform.log()
    assert platform.stop() == 0
