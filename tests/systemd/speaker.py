"""A tiny service for the lab: speaks sd_notify through paiwatch's own module, and runs one script as the daemon would.

Run with the system's Python, beside a folder paiwatch/ that holds notify.py alone.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from paiwatch.daemon import notify


def reload(*_: object) -> None:
    notify.send(notify.READY, notify.status("reloaded"), environ=os.environ)


def stop(*_: object) -> None:
    notify.send(notify.STOPPING, notify.extend(30), notify.status("draining"), environ=os.environ)
    print("drained", flush=True)
    sys.exit(0)


def main(state: Path) -> None:
    signal.signal(signal.SIGHUP, reload)
    signal.signal(signal.SIGTERM, stop)
    notify.send(notify.status("planning"), environ=os.environ)
    while not (state / "go").exists():
        time.sleep(0.02)
    script = state / "script.sh"
    if script.exists():
        subprocess.run(("/bin/bash", script), cwd=state, check=False)
    notify.send(notify.READY, notify.status("settled"), environ=os.environ)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(Path(os.environ["STATE_DIRECTORY"]))
