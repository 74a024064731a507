"""Commands and a daemon that dies while it answers."""

import socket
import threading
from pathlib import Path

import pytest

from paiwatch.control import client


@pytest.mark.parametrize(
    "last",
    [b'{"ok": tr', b"", b"garbage\n", b"\xff\n", b"[" * 100_000 + b"\n"],
    ids=["cut off", "none", "words", "bytes", "deep"],
)
def test_an_answer_that_breaks_off_is_the_end_of_the_answer(tmp_path: Path, last: bytes) -> None:
    with client.short_path(tmp_path) as path, socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b'{"news": "begun"}\n' + last)

        daemon = threading.Thread(target=answer)
        daemon.start()
        told = list(client.converse(tmp_path, {"verb": "nudge"}, timeout=30))
        daemon.join()

    assert told[0] == {"news": "begun"}
    assert [reply["ok"] for reply in told[1:]] == [False]
    assert "the daemon ended before it answered" in told[1]["error"]
