"""What the example programs share: a configuration that HUP reads again, small HTTP answers, /health. Standard library only."""

import hmac
import http.client
import json
import os
import select
import signal
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Live:
    """config/config.json as it was last read. HUP reads it again, TERM ends the program."""

    def __init__(self, room):
        """Read it for the first time."""
        self.room, self.since = room, time.time()
        self._wakened, self._waken = os.pipe()
        os.set_blocking(self._waken, False)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGHUP, self._read_again)
        self._read()

    def _read(self):
        with open(self.path("config", "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        with open(self.path("config", "id"), encoding="utf-8") as file:
            name = file.read().strip()
        self.config, self.id = config, name

    def _read_again(self, *_):
        try:
            self._read()
            os.write(self._waken, b".")  # a pipe, because a lock must not be taken where signals arrive
        except BlockingIOError:
            pass  # full: whoever waits is awake already
        except (OSError, ValueError) as error:  # the old one stays, and refresh.sh reports that nothing changed
            print(f"config.json cannot be read: {error}", file=sys.stderr, flush=True)

    def wait(self, seconds):
        """Sleep so long, or until the configuration was read again."""
        if select.select([self._wakened], [], [], seconds)[0]:
            os.read(self._wakened, 65536)

    def path(self, *parts):
        """A place in the service's room."""
        return os.path.join(self.room, *parts)

    def health(self):
        """What everybody may know of this service."""
        return {
            "service": self.config["service"],
            "version": self.config["version"],
            "config": self.id,
            "up_seconds": round(time.time() - self.since),
        }


def text(status, content, kind="text/plain"):
    """An answer: status, content type, bytes."""
    return status, f"{kind}; charset=utf-8", content.encode()


def as_json(status, value):
    """The same, as JSON."""
    return text(status, json.dumps(value) + "\n", "application/json")


def _handler(live, answer, numbers):
    class Handler(BaseHTTPRequestHandler):
        def _reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/health":
                result = as_json(200, {**live.health(), "numbers": numbers() if numbers else {}})
            elif self.path.startswith("/keys/") and not self._may():
                result = text(403, "a password is needed here\n")
            else:
                result = answer(self.command, self.path, body)
            status, kind, content = result
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if 300 <= status < 400:
                self.send_header("Location", "/")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _reply

        def _may(self):
            given = self.headers.get("Authorization", "")
            return hmac.compare_digest(given.encode(), ("Bearer " + live.config["password"]).encode())

        def log_message(self, *_):
            """Requests are not worth a line each."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        """Bind without asking the name service who we are, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def serve(live, answer, numbers=None):
    """Serve for ever on the configured port of this machine only.

    `answer(method, path, body)` gives an answer; `numbers()` what /health shows; what lies below /keys/ needs the password.
    """
    server = _Server(("127.0.0.1", live.config["port"]), _handler(live, answer, numbers))
    server.serve_forever(poll_interval=0.1)


def ask(port, path, method="GET", body=None, password=None, timeout=1.0):
    """Ask a service of this machine; gives status and text, or (0, reason) when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"Authorization": f"Bearer {password}"} if password else {}
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()
