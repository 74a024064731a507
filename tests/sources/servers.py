"""Servers on loopback: git over http with a password, git over ssh, and one that accepts and says nothing."""

import base64
import contextlib
import getpass
import http.server
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

SSHD = Path("/usr/sbin/sshd")


class Gate:
    """Between a server and those who ask it; a test shuts it to have them wait."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._moved = threading.Condition()
        self._waiting = 0

    def shut(self) -> None:
        """Answer nobody from now on."""
        self._open.clear()

    def open(self) -> None:
        """Answer all who wait, and everybody from now on."""
        self._open.set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._moved:
            return self._waiting

    def wait_for_somebody(self, seconds: float = 20.0) -> None:
        """Until somebody waits. Fails when that takes too long."""
        with self._moved:
            assert self._moved.wait_for(lambda: self._waiting > 0, seconds), "nobody asked"

    def pass_through(self) -> None:
        """Wait until it is open."""
        self._count(1)
        self._open.wait()
        self._count(-1)

    def _count(self, more: int) -> None:
        with self._moved:
            self._waiting += more
            self._moved.notify_all()


class _Backend(http.server.BaseHTTPRequestHandler):
    """Hands every request to git-http-backend, once the password is right."""

    protocol_version = "HTTP/1.0"

    def __init__(
        self, root: Path, password: str, is_old: bool, gate: Gate | None, *arguments: object
    ) -> None:
        self._root = root
        self._gate = gate
        self._password = password
        self._is_old = is_old
        super().__init__(*arguments)  # type: ignore[arg-type]  # request, address and server of the standard library

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *arguments: object) -> None:
        """Be quiet."""

    def _answer(self) -> None:
        if self._gate is not None:
            self._gate.pass_through()
        wanted = base64.b64encode(f"x-access-token:{self._password}".encode()).decode()
        if self._password and self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_PROTOCOL": "" if self._is_old else self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "x-access-token",
        }
        ran = subprocess.run(
            ("git", "http-backend"), input=body, env=environ, capture_output=True, check=False
        )
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value for key, value in fields if key == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for key, value in fields:
            if key not in {"Status", "Content-Length"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def serve_http(
    root: Path,
    *,
    password: str = "",
    tls: tuple[Path, Path] | None = None,
    is_old: bool = False,
    gate: Gate | None = None,
) -> Iterator[str]:
    """Serve the repositories below a folder; yields the URL of that folder. `tls`: a certificate and its key.

    `is_old`: it speaks the first protocol only, in which nobody gets a commit by its id. `gate` holds up answers.
    """
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Backend, root, password, is_old, gate)
    )
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    if tls is not None or gate is not None:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is what is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="git-http")
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        if gate is not None:
            gate.open()
        server.shutdown()
        server.server_close()
        thread.join()


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that only its own file vouches for, and its key."""
    certificate, key = folder / "ca.pem", folder / "tls.key"
    words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key)  # fmt: skip
    subprocess.run(("openssl", *words), check=True, capture_output=True)
    return certificate, key


@contextlib.contextmanager
def serve_silence() -> Iterator[str]:
    """A server that accepts and never answers; yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def serve_drips() -> Iterator[str]:
    """A server that begins to answer one request and sends a byte now and then, for ever; yields host:port."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            peer, _ = server.accept()
            with peer:
                peer.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
                )
                while not over.wait(0.02):
                    peer.sendall(b"0")

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        thread = threading.Thread(target=drip, args=(server,), name="drips")
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def reason_against_ssh() -> str:
    """Why no sshd can serve this user here; empty when one can."""
    if not SSHD.exists():
        return f"{SSHD} is not installed"
    shell = pwd.getpwuid(os.geteuid()).pw_shell
    return (
        f"this user may not log in (its shell is {shell})" if Path(shell).name in {"nologin", "false"} else ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """A running sshd: `url` is the prefix of absolute paths on this machine."""

    url: str
    key: Path
    stranger: Path  # a key that the host does not accept
    known_hosts: Path


@contextlib.contextmanager
def serve_ssh(folder: Path) -> Iterator[Ssh]:
    """Run sshd on loopback with keys of its own; sessions see no git settings but defaults."""
    folder.mkdir(parents=True)
    for name in ("host", "user key", "stranger"):
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)), check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shutil.copy(folder / "user key.pub", folder / "authorized")
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nLogLevel ERROR\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen((str(SSHD), "-D", "-e", "-f", str(folder / "config")), stderr=log)
    try:
        _wait_for_port(port)
        user = getpass.getuser()
        yield Ssh(
            url=f"ssh://{user}@127.0.0.1:{port}",
            key=folder / "user key",
            stranger=folder / "stranger",
            known_hosts=folder / "known hosts",
        )
    finally:
        server.terminate()
        server.wait()


def _wait_for_port(port: int) -> None:
    deadline = threading.Event()
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        deadline.wait(0.02)
    raise AssertionError("sshd did not start")
