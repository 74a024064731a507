"""Messages to the service manager, received by a socket of the test."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.daemon import notify


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A bound datagram socket; its name is short because a socket's path may have 107 characters only."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "n"))
        receiver.settimeout(5)
        yield receiver


def test_states_arrive_in_one_message(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname()}

    sent = notify.send(notify.READY, notify.status("3 services,\n settled"), environ=environ)

    assert sent
    assert manager.recv(4096) == b"READY=1\nSTATUS=3 services, settled"


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("")  # the kernel chooses an abstract name
        receiver.settimeout(5)

        assert notify.send(
            notify.WATCHDOG, environ={"NOTIFY_SOCKET": "@" + receiver.getsockname()[1:].decode()}
        )
        assert receiver.recv(4096) == b"WATCHDOG=1"


def test_times_are_microseconds(manager: socket.socket) -> None:
    notify.send(notify.extend(12.5), environ={"NOTIFY_SOCKET": manager.getsockname()})

    assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=12500000"


@pytest.mark.parametrize("address", [None, "", "relative", "/nowhere/at/all", "vsock:2:1"])
def test_without_a_manager_nothing_happens(address: str | None) -> None:
    environ = {} if address is None else {"NOTIFY_SOCKET": address}

    assert not notify.send(notify.STOPPING, environ=environ)


def test_a_manager_that_does_not_listen_cannot_block_the_daemon(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname()}

    results = [notify.send(notify.WATCHDOG, environ=environ) for _ in range(2000)]

    assert results[0]
    assert not results[-1]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0, id="watched"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 15.0, id="any process"),
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None, id="another process"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="off"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="not a number"),
        pytest.param({}, None, id="not watched"),
    ],
)
def test_the_watchdog_is_fed_twice_per_period(environ: dict[str, str], seconds: float | None) -> None:
    assert notify.watchdog_interval(environ, 7) == seconds
