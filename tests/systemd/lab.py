"""A real systemd for tests: PID 1 of a throw-away container over this machine's own files, with a journal and nothing else.

Namespaces, an overlay and one control group, all gone with `down`. It shares the kernel and is no security boundary.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

#: Where the lab of the session sees this checkout and the libraries of its virtual environment.
CHECKOUT, LIBRARIES = "/opt/checkout", "/opt/libraries"

_BOOT = Path(__file__).with_name("boot.sh")
_SYSTEMD = Path("/lib/systemd/systemd")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")


def reason_against() -> str:
    """Why no systemd can be booted here; empty when one can."""
    if os.geteuid() != 0:
        return "booting a systemd needs root"
    if not _SYSTEMD.exists():
        return "the package systemd is not installed"
    if missing := [
        tool for tool in ("unshare", "nsenter", "setpriv", "pivot_root") if not shutil.which(tool)
    ]:
        return f"{', '.join(missing)} not found"
    home = cgroup_home()
    if home is None or not os.access(home, os.W_OK):
        return "no cgroup2 hierarchy is mounted for writing"
    probe = subprocess.run(
        ("unshare", "--mount", "--pid", "--fork", "true"), check=False, capture_output=True
    )
    return "" if probe.returncode == 0 else "this container may not make namespaces"


def cgroup_home() -> Path | None:
    """Where the cgroup2 hierarchy has this process; a lab gets its directory below it."""
    own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [fields[4] for fields in mounts if fields[fields.index("-") + 1] == "cgroup2"]
    return Path(points[0] + own[0]) if own and points else None


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until the condition holds; fail with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Lab:
    """One booted systemd. `root` is its file system as seen from here.

    `state` is a folder for itself; `binds` are folders of this machine and where they are to be seen inside, read-only.
    """

    def __init__(self, state: Path, *, binds: Mapping[Path, str]) -> None:
        home = cgroup_home()
        assert home is not None
        self._state, self._binds = state, binds
        self._cgroup = home / f"paiwatch-lab-{os.getpid()}-{state.name}"
        self._unshare: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """PID 1 of the lab, as a pid of this machine."""
        return int((self._state / "pid").read_text())

    @property
    def cgroup(self) -> Path:
        """The control group that holds every process of the lab, and no other."""
        return self._cgroup

    @property
    def root(self) -> Path:
        """The lab's root folder."""
        return Path(f"/proc/{self.pid}/root")

    def up(self) -> None:
        """Boot, and wait until systemd says that it is running. Raises with the console's text when it does not."""
        self._cgroup.mkdir()
        (self._state / "console").touch()
        (self._state / "binds").write_text("".join(f"{at}\t{to}\n" for at, to in self._binds.items()))
        with (self._state / "console").open("ab") as console:
            # Should this process die, so does unshare, and with it the container.
            self._unshare = subprocess.Popen(
                (
                    *(
                        "setpriv",
                        "--pdeathsig",
                        "KILL",
                        "unshare",
                        "--mount",
                        "--uts",
                        "--ipc",
                        "--net",
                        "--pid",
                        "--fork",
                    ),
                    *("--kill-child", "--propagation", "private"),
                    *("bash", str(_BOOT), "enter", str(self._state), str(self._cgroup)),
                ),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            wait_for(self._has_booted, "a running systemd")
        except TimeoutError as error:
            raise RuntimeError(
                f"{error}; console:\n{(self._state / 'console').read_text()[-4000:]}"
            ) from error

    def _has_pid(self) -> bool:
        """Whether it is written: the file is there a moment before."""
        file = self._state / "pid"
        return file.exists() and bool(file.read_text().strip())

    def _has_booted(self) -> bool:
        assert self._unshare is not None
        if self._unshare.poll() is not None:
            raise TimeoutError("it ended while booting")
        if not self._has_pid() or not (self.root / "run/systemd/private").exists():
            return False
        return self.run("systemctl", "is-system-running", check=False) in {"running", "degraded"}

    def run(self, *command: str, check: bool = True) -> str:
        """What a command inside prints on standard output, stripped. Raises when it fails, unless told not to check."""
        clean = (
            "/usr/bin/env",
            "-i",
            f"PATH={_PATH}",
            "HOME=/root",
            "LANG=C.UTF-8",
            "SYSTEMD_COLORS=0",
            "SYSTEMD_PAGER=cat",
        )
        result = subprocess.run(
            ("nsenter", "-t", str(self.pid), *_NAMESPACES, "--", *clean, *command),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and result.returncode != 0:
            raise AssertionError(
                f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}"
            )
        return result.stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file into the lab, for example a unit; folders are made."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit)

    def journal(self, unit: str) -> str:
        """All that the journal has of a unit, messages only."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--unit", unit, "--output", "cat", "--no-pager")

    def down(self) -> None:
        """Power off, and make sure that nothing is left: no process, no control group."""
        if self._unshare is not None:
            self._power_off(self._unshare)
        if self._cgroup.exists():
            (self._cgroup / "cgroup.kill").write_text("1")
            wait_for(self._has_gone, f"removal of {self._cgroup}")

    def _power_off(self, unshare: "subprocess.Popen[bytes]") -> None:
        try:
            if unshare.poll() is None and self._has_pid():
                os.kill(self.pid, signal.SIGRTMIN + 4)  # systemd: start poweroff.target
                unshare.wait(timeout=15)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            pass
        finally:
            unshare.kill()
            unshare.wait()

    def _has_gone(self) -> bool:
        """Remove the control group from its leaves upwards; busy ones are tried again by the caller."""
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                return False
        return not self._cgroup.exists()
