"""A real systemd and a service that speaks to it, inside the walls of systemd/paiwatch.service."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.daemon import notify
from tests.systemd.lab import Lab, reason_against, wait_for

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.xdist_group("systemd"),
    pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no /usr/bin/python3 to run in the lab"),
]

#: What scripts of operators do all day, and one thing that they must not; each line of output is an answer.
_SCRIPT = """\
set -u
tell() { printf '%s: %s\\n' "$1" "$("${@:2}" >/dev/null 2>&1 && echo yes || echo no)"; }
tell 'may write its state' touch "$STATE_DIRECTORY/data"
tell 'may write temporary files' mktemp
tell 'may use process substitution' bash -c 'read -r line < <(echo line)'
tell 'may start a session of its own' setsid true
tell 'may be nice' nice true
tell 'may see the boot id' cat /proc/sys/kernel/random/boot_id
tell 'may see its own processes' test -r "/proc/$$/environ"
tell 'may open a socket' python3 -c 'import socket; socket.create_server(("127.0.0.1", 0))'
tell 'may list interfaces' python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'
tell 'may change the system' touch /usr/changed
tell 'may look into homes' ls /root
"""


class Speaker:
    """One installed unit with a folder of its own."""

    def __init__(self, lab: Lab, unit: str) -> None:
        self.lab, self.unit = lab, unit

    def ask(self, name: str) -> str:
        return self.lab.show(self.unit, name)

    def put(self, name: str, text: str = "") -> None:
        self.lab.write(f"/var/lib/{self.unit}/{name}", text)

    def start(self) -> None:
        self.put("go")
        self.lab.run("systemctl", "start", self.unit)


@pytest.fixture
def install(lab: Lab, project_root: Path) -> Iterator["Install"]:
    """Installs the speaker as units of the lab, and takes them away after the test."""
    lab.write("/opt/speaker/paiwatch/daemon/notify.py", Path(notify.__file__).read_text())
    lab.write("/opt/speaker/speaker.py", Path(__file__).with_name("speaker.py").read_text())
    installer = Install(lab, (project_root / "systemd" / "paiwatch.service").read_text())
    yield installer
    installer.remove()


class Install:
    """Makes units out of the project's own, under other names, so that tests do not meet."""

    def __init__(self, lab: Lab, text: str) -> None:
        self._lab, self._text, self._units = lab, text, list[str]()

    def __call__(self, unit: str) -> Speaker:
        text = self._text.replace(
            "ExecStart=/opt/paiwatch/bin/paiwatch -c /etc/paiwatch/config.yaml run",
            "ExecStart=/usr/bin/python3 /opt/speaker/speaker.py",
        )
        assert "speaker.py" in text
        text = text.replace("=paiwatch\n", f"={unit}\n")
        self._lab.run("useradd", "--system", "--home-dir", f"/var/lib/{unit}", unit)
        self._lab.write(f"/etc/systemd/system/{unit}.service", text)
        self._lab.run("systemctl", "daemon-reload")
        self._units.append(unit)
        return Speaker(self._lab, unit)

    def remove(self) -> None:
        for unit in self._units:
            self._lab.run("systemctl", "stop", unit, check=False)
            (self._lab.root / f"etc/systemd/system/{unit}.service").unlink()
            self._lab.run("userdel", unit)
            shutil.rmtree(self._lab.root / f"var/lib/{unit}")


def test_the_unit_is_active_only_after_ready(lab: Lab, install: Install) -> None:
    speaker = install("gated")

    lab.run("systemctl", "start", "--no-block", speaker.unit)
    wait_for(lambda: speaker.ask("StatusText") == "planning", "its first status")
    before = speaker.ask("ActiveState")
    speaker.put("go")
    wait_for(lambda: speaker.ask("ActiveState") == "active", "an active unit")

    assert before == "activating"
    assert speaker.ask("StatusText") == "settled"


def test_a_reload_is_told_and_keeps_the_process(lab: Lab, install: Install) -> None:
    speaker = install("reloaded")
    speaker.start()
    pid = speaker.ask("MainPID")

    lab.run("systemctl", "reload", speaker.unit)

    wait_for(lambda: speaker.ask("StatusText") == "reloaded", "the status after a reload")
    assert speaker.ask("MainPID") == pid


def test_a_stop_drains_and_is_a_success(lab: Lab, install: Install) -> None:
    speaker = install("drained")
    speaker.start()

    lab.run("systemctl", "stop", speaker.unit)

    assert (speaker.ask("ActiveState"), speaker.ask("Result")) == ("inactive", "success")
    assert "drained" in lab.journal(speaker.unit).splitlines()


def test_scripts_can_do_their_job_inside_the_walls(lab: Lab, install: Install) -> None:
    speaker = install("walled")
    speaker.put("script.sh", _SCRIPT)

    speaker.start()

    answers = dict(
        line.split(": ") for line in lab.journal(speaker.unit).splitlines() if ": " in line and "may " in line
    )
    refused = {question for question, answer in answers.items() if answer == "no"}
    assert len(answers) == 11
    assert refused == {"may change the system", "may look into homes"}


def test_the_lab_is_a_machine_of_its_own(lab: Lab) -> None:
    lab.write("/etc/only-in-the-lab", "here")

    assert lab.run("cat", "/proc/1/comm") == "systemd"
    assert lab.run("hostname") == "paiwatch-lab"
    assert lab.run("systemctl", "is-active", "systemd-journald") == "active"
    assert lab.run("cat", "/etc/only-in-the-lab") == "here"
    assert not Path("/etc/only-in-the-lab").exists()


@pytest.mark.parametrize("how", ["asked", "killed"])
def test_nothing_is_left_of_a_lab(tmp_path: Path, how: str) -> None:
    if reason := reason_against():
        pytest.skip(reason)
    lab = Lab(tmp_path, binds={})
    try:
        lab.up()
        pid = lab.pid
        if how == "killed":
            os.kill(pid, signal.SIGKILL)
    finally:
        lab.down()

    assert not Path(f"/proc/{pid}").exists()
    assert not lab.cgroup.exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
