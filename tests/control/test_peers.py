"""Who is at the other end of a real socket, as the kernel says it."""

import asyncio
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.control import peers
from paiwatch.control.peers import Names, local_principal, principal_of, read_login
from paiwatch.domain.principal import Principal

NOBODY = 65534
STRANGER = 54321  # no user has this number

_CLIENT = """
import os, socket, sys
_, path, uid, login = sys.argv
if login:
    open("/proc/self/loginuid", "w").write(login)
if uid:
    os.setresuid(int(uid), int(uid), int(uid))
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
connection.sendall(b"here")
sys.stdin.read()
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture(name="door")
def _door() -> Iterator[socket.socket]:
    """A socket in a folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="paiwatch-") as folder, socket.socket(socket.AF_UNIX) as door:
        Path(folder).chmod(0o755)
        door.bind(f"{folder}/door")
        Path(f"{folder}/door").chmod(0o777)
        door.listen()
        door.settimeout(30)
        yield door


def a_client(door: socket.socket, *, uid: str = "", login: str = "") -> "subprocess.Popen[bytes]":
    """A process that connects as this user and then stays until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _CLIENT, door.getsockname(), uid, login], stdin=subprocess.PIPE
    )


def met(door: socket.socket, *, uid: str = "", login: str = "", gone: bool = False) -> Principal:
    """What is known of such a client; of one that is `gone` by the time we look."""
    client = a_client(door, uid=uid, login=login)
    try:
        connection, _ = door.accept()
        with connection:
            assert connection.recv(16) == b"here"
            if gone:
                client.communicate(timeout=30)
            return asyncio.run(principal_of(connection, Names()))
    finally:
        client.communicate(timeout=30)


def our_login() -> str:
    login = read_login("self")
    return "unknown" if login is None else name_of(login) or f"uid {login}"


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def keeps_logins() -> bool:
    """Whether this kernel keeps logins, and lets us say one."""
    told = "open('/proc/self/loginuid', 'w').write('65534'); print(open('/proc/self/loginuid').read())"
    child = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    return child.returncode == 0 and child.stdout.strip() == "65534"


def test_a_client_of_our_own_is_us(door: socket.socket) -> None:
    uid = os.geteuid()

    assert met(door) == Principal(uid=uid, user=name_of(uid), login=our_login(), door="control socket")


@root_only
def test_a_client_of_another_user_is_that_user(door: socket.socket) -> None:
    found = met(door, uid=str(NOBODY))

    assert (found.uid, found.user) == (NOBODY, name_of(NOBODY))


@root_only
def test_a_user_without_a_name_is_a_number(door: socket.socket) -> None:
    found = met(door, uid=str(STRANGER))

    assert (found.uid, found.user) == (STRANGER, "")
    assert found.name.endswith(f"uid {STRANGER}") or found.name.endswith(f"uid {STRANGER})")


@root_only
@pytest.mark.parametrize(("login", "name"), [(NOBODY, name_of(NOBODY)), (STRANGER, f"uid {STRANGER}")])
def test_who_logged_in_is_known_whoever_they_became(door: socket.socket, login: int, name: str) -> None:
    if not keeps_logins():
        pytest.skip("this kernel keeps no logins, or lets nobody say one")

    found = met(door, login=str(login))

    assert found == Principal(uid=0, user="root", login=name, door="control socket")
    assert found.name == f"{name} (as root)"


@pytest.mark.parametrize("kernel", ["as it is", "before 6.5"])
def test_the_login_of_one_that_has_ended_is_unknown(
    door: socket.socket, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "before 6.5":
        monkeypatch.setattr(peers, "_SO_PEERPIDFD", 9999)

    found = met(door, gone=True)

    assert (found.uid, found.user, found.login) == (os.geteuid(), name_of(os.geteuid()), "unknown")


def test_an_older_kernel_knows_as_much_of_one_that_lives(
    door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_SO_PEERPIDFD", 9999)

    assert met(door).login == our_login()


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_no_descriptor_of_a_process_is_left_open(door: socket.socket) -> None:
    met(door)
    before = open_descriptors()
    met(door)
    met(door, gone=True)

    assert open_descriptors() == before


def test_whoever_runs_this_process_is_its_principal() -> None:
    uid = os.geteuid()

    assert asyncio.run(local_principal()) == Principal(
        uid=uid, user=name_of(uid), login=our_login(), door="command line"
    )


async def test_names_that_do_not_come_hold_nobody_up_and_take_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    asked: list[int] = []

    def slow(uid: int) -> str:
        asked.append(uid)
        answered.wait(30)
        return "late"

    monkeypatch.setattr(peers, "_look_up", slow)
    monkeypatch.setattr(peers, "_PATIENCE", 0.01)
    names = Names()

    assert list(await asyncio.gather(names.of(7), names.of(7))) == ["", ""]
    monkeypatch.setattr(peers, "_PATIENCE", 30)
    waiting = asyncio.create_task(names.of(7))
    answered.set()

    assert await waiting == "late"
    assert asked == [7]
