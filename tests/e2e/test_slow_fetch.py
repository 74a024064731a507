"""A server that takes its time: what was fetched before goes on being deployed while the next fetch hangs."""

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.platform import Platform
from tests.sources.servers import Gate, serve_http

_WATCHDOG = 0.1  # seconds between two messages to the service manager


@dataclass(frozen=True, slots=True)
class Scene:
    """`b` stands on `a`, whose refresh waits for a line in `pipe`; `gate` holds up fetches, `manager` hears the daemon."""

    platform: Platform
    gate: Gate
    pipe: Path
    manager: socket.socket

    def push(self, value: int) -> str:
        """One commit that changes both services, their scripts too; gives it."""
        for name in ("a", "b"):
            note = self.platform.work / "src" / name / "deploy" / "note"
            note.write_text(f"{value}\n")
        self.platform.write_config({"a": value, "b": value})
        return self.platform.push(f"both to {value}")

    def let_a_end(self) -> None:
        """Write the line that its script waits for."""
        self.pipe.write_text("go on\n")

    def has(self, what: str, service: str) -> bool:
        """Whether the refresh of this service has begun or ended."""
        return (what, service, "refresh") in {
            (line.what, line.service, line.operator) for line in self.platform.trace()
        }

    def hear_the_watchdog(self, times: int) -> None:
        """Wait for so many messages that it has not sent yet."""
        self.manager.setblocking(False)
        try:
            while self.manager.recv(4096):
                pass
        except BlockingIOError:
            self.manager.settimeout(10)
        while times:
            times -= self.manager.recv(4096) == b"WATCHDOG=1"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's ear."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "n"))
        yield receiver


@pytest.fixture
def scene(tmp_path: Path, manager: socket.socket) -> Iterator[Scene]:
    """One repository with configuration and components behind a server, and a daemon that has deployed it."""
    environment = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": f"{int(_WATCHDOG * 2e6)}"}
    lab = Platform(tmp_path / "lab", environment=environment)
    lab.build({"a": (), "b": ("a",)})
    pipe, gate = tmp_path / "pipe", Gate()
    os.mkfifo(pipe)
    lab.add("a", refresh=f"read -r _ < {pipe}\ncp value.txt {lab.out('a')}")
    shutil.copytree(lab.root / "tree" / "src", lab.work / "src")
    scene = Scene(lab, gate, pipe, manager)
    first = scene.push(1)
    with serve_http(lab.root, gate=gate) as url:
        source = f"{{repo: {url}/config.git, poll: 100ms, folder: "
        (lab.root / "config.yaml").write_text(
            f"config: {source}.}}\nsrc: {source}src}}\nstate: {lab.root / 'state'}\noperators: {lab.operators}\n"
        )
        lab.start()
        lab.wait_settled(first)
        yield scene
        gate.open()
        if lab.process is not None and lab.process.poll() is None:
            lab.kill()


def test_the_next_step_does_not_wait_for_a_fetch_that_hangs(scene: Scene) -> None:
    newest = scene.push(2)
    scene.platform.wait_until(lambda: scene.has("begin", "a"), "a is refreshed")
    scene.gate.shut()
    scene.gate.wait_for_somebody()

    scene.let_a_end()
    scene.platform.wait_until(lambda: scene.has("end", "b"), "b is refreshed")
    scene.hear_the_watchdog(3)

    assert scene.gate.waiting == 1, "the fetch was to hang all the time"
    assert scene.platform.value("b") == "2 steady"
    scene.gate.open()
    scene.platform.wait_settled(newest)
