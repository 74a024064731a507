"""sd_notify: tells the service manager how the daemon is doing. Says nothing, and fails at nothing, where there is no manager.

The protocol is systemd's: newline-separated assignments in one datagram to $NOTIFY_SOCKET, see sd_notify(3).
"""

import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def status(text: str) -> str:
    """One line of free text for `systemctl status`."""
    return "STATUS=" + " ".join(text.split())


def extend(seconds: float) -> str:
    """Starting or stopping goes on; the manager should wait this much longer from now."""
    return f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}"


def send(*states: str, environ: Mapping[str, str]) -> bool:
    """Send these states in one message; whether it was handed over. Never blocks: a full queue drops it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        ) as channel:
            channel.connect("\0" + address[1:] if address[0] == "@" else address)
            channel.send("\n".join(states).encode())
    except OSError:  # a manager that went away is no reason to fail
        return False
    return True


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between WATCHDOG messages (half of what the manager allows), or None when it does not watch `pid`."""
    allowed = environ.get("WATCHDOG_USEC", "")
    if not allowed.isdecimal() or int(allowed) == 0 or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(allowed) / 2e6
