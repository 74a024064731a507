"""Stages: a script finds the tree around it, cannot write into the source, and leaves nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paiwatch.operators import stage, surroundings
from paiwatch.operators.stage import Stage
from paiwatch.snapshot import Mode
from tests.operators.scripts import an_order, run
from tests.operators.test_surroundings import Blobs

RELEASE = {
    "start.sh": (
        Mode.FILE,
        b'pushd $(dirname "$0") > /dev/null\ncat ../../../version/X conf/a.cfg link; ./tool; popd > /dev/null; ls src',
    ),
    "tool": (Mode.EXECUTABLE, b"#!/bin/bash\necho tool $(pwd | grep -o 'src/.*')\n"),
    "conf/a.cfg": (Mode.FILE, b"a\n"),
    "link": (Mode.LINK, b"conf/a.cfg"),
    "outside": (Mode.LINK, b"../../../../../etc/passwd"),
}
AROUND = Blobs(
    {
        "version/X": "one\n",
        "README": "r\n",
        "src/grafana/config/grafana.yaml": "c\n",
        "src/loki/config/loki.yaml": "l\n",
        "src/loki/build.sh": "b\n",
    }
)


def a_stage(state: Path, *, folder: str = "src/grafana", number: int = 7) -> Stage:
    around = surroundings.prepare(state, AROUND.files, AROUND.contents)
    return stage.build(state, number, folder, RELEASE, surroundings=around, reasons=b"[]")


async def test_a_script_finds_the_tree_around_it(tmp_path: Path) -> None:
    built = a_stage(tmp_path / "state")
    order = an_order(tmp_path, "", stage=built.tree, script="src/grafana/deploy/start.sh")

    result = await run(order)

    assert result.exit == 0, order.log.read_text()
    assert order.log.read_text() == "one\na\na\ntool src/grafana/deploy\ngrafana\nloki\n"


def test_links_are_made_at_the_highest_level_that_can_be(tmp_path: Path) -> None:
    tree = a_stage(tmp_path / "state").tree

    links = {
        str(path.relative_to(tree))
        for path in [*tree.iterdir(), *(tree / "src").iterdir(), *(tree / "src/grafana").iterdir()]
        if path.is_symlink()
    }
    assert links == {"version", "README", "src/loki", "src/grafana/config"}
    assert (tree / "src/loki/config/loki.yaml").read_text() == "l\n"
    assert sorted(path.name for path in (tree / "src/grafana/deploy").iterdir()) == [
        "conf",
        "link",
        "start.sh",
        "tool",
    ]


def test_components_may_lie_at_the_root_or_deep(tmp_path: Path) -> None:
    for number, folder in enumerate(["grafana", "a/b/c/grafana"]):
        built = a_stage(tmp_path / "state", folder=folder, number=number)
        assert (built.tree / folder / "deploy" / "tool").stat().st_mode & 0o777 == 0o700
        assert (built.tree / "version" / "X").read_text() == "one\n"


def test_without_surroundings_there_is_the_release_alone(tmp_path: Path) -> None:
    built = stage.build(tmp_path, 7, "src/grafana", RELEASE, surroundings=None, reasons=b'["why"]')

    assert [path.name for path in built.tree.iterdir()] == ["src"]
    assert built.reasons.read_bytes() == b'["why"]'
    assert built.top.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(
    shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root to become somebody"
)
def test_who_is_not_root_can_neither_write_around_nor_be_hindered_in_cleaning(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in list(tmp_path.parents)[:3]:
        parent.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from tests.operators.test_stage import a_stage;"
        "from paiwatch.operators import stage; import subprocess\n"
        "state = Path(sys.argv[1]); built = a_stage(state)\n"
        "ran = subprocess.run(['bash', '-c', 'echo x > version/X || echo y > src/loki/new ||'\n"
        "    ' mkdir src/grafana/config/d || echo refused; mkdir -p src/grafana/deploy/d/e;'\n"
        "    ' chmod 0 src/grafana/deploy/d/e src/grafana/deploy/d'], cwd=built.tree, capture_output=True, text=True)\n"
        "assert ran.stdout == 'refused\\n', ran; assert stage.remove(built); stage.clear(state)\n"
        "assert not list(state.iterdir())\n"
    )
    python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.path.realpath(sys.executable)]
    if subprocess.run([*python, "-c", "pass"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this Python cannot be run by others")
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *sys.path])
    ran = subprocess.run(
        [*python, "-c", code, tmp_path / "state"],
        cwd=root,
        env={"PYTHONPATH": paths, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_removal_does_not_follow_links(tmp_path: Path) -> None:
    built = a_stage(tmp_path / "state")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("stays")
    (built.tree / "src/grafana/deploy/mine").symlink_to(tmp_path / "mine")

    assert stage.remove(built)

    assert not built.top.exists()
    assert (tmp_path / "mine" / "file").read_text() == "stays"
    assert list((tmp_path / "state/surroundings").rglob("X"))


def test_start_up_clears_what_a_dead_paiwatch_left(tmp_path: Path) -> None:
    a_stage(tmp_path, number=1)
    a_stage(tmp_path, number=2).tree.chmod(0)

    stage.clear(tmp_path)

    assert list(tmp_path.iterdir()) == []
    stage.clear(tmp_path)


def test_a_stage_that_was_left_does_not_shine_through(tmp_path: Path) -> None:
    (a_stage(tmp_path).tree / "old").write_text("")

    assert not (a_stage(tmp_path).tree / "old").exists()


def test_what_cannot_be_built_leaves_nothing(tmp_path: Path) -> None:
    files = {"a": (Mode.FILE, b""), "a/b": (Mode.FILE, b"")}  # as good as a full disk: one cannot be written

    with pytest.raises(OSError, match="a"):
        stage.build(tmp_path, 7, "src/grafana", files, surroundings=None, reasons=b"")

    assert list((tmp_path / "stages").iterdir()) == []


_MOUNTING = """
import subprocess, sys
from pathlib import Path
from tests.operators.test_stage import a_stage
from paiwatch.operators import stage

state = Path(sys.argv[1])
(state / "precious").mkdir()
(state / "precious" / "file").write_text("stays")
built = a_stage(state)
for place in ("version", "src/grafana/deploy/conf"):
    subprocess.run(["mount", "--bind", state / "precious", built.tree / place], check=True)
print(stage.remove(built), sorted(path.name for path in (built.surroundings / "version").iterdir()), built.top.exists())
"""


def test_what_a_script_mounted_is_gone_for_the_next_one(tmp_path: Path, project_root: Path) -> None:
    state = tmp_path.resolve()
    command = ("unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", _MOUNTING, str(state))
    ran = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    if "unshare failed" in ran.stderr or "permission denied" in ran.stderr.lower():
        pytest.skip("nothing can be mounted here")

    assert ran.stdout == "True ['X'] False\n", ran.stderr
    assert (state / "precious" / "file").read_text() == "stays"
