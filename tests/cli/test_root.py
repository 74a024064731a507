"""The command as a whole: light to start, helpful to misspellings, the same options before and after a verb."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from paiwatch.cli import root
from paiwatch.cli.call import Call, Output, configured, shared
from paiwatch.cli.verbs import SECTIONS, VERBS

HEAVY = {
    "pydantic",
    "jinja2",
    "git",
    "sqlalchemy",
    "structlog",
    "yaml",
    "kubernetes",
    "watchdog",
    "asyncio",
    "rich",
}


def run_python(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(argument: str) -> None:
    code = """
import json, sys
from paiwatch.cli import exits, root
exits.run(root.command, sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

    loaded = json.loads(run_python(code, argument).splitlines()[-1])

    assert HEAVY.isdisjoint(loaded)


def test_completion_of_verbs_imports_none_of_them() -> None:
    code = """
import json, os, sys
from paiwatch.cli import exits, root
os.environ |= {"_PAIWATCH_COMPLETE": "bash_complete", "COMP_WORDS": "paiwatch s", "COMP_CWORD": "1"}
try:
    exits.run(root.command, [])
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

    *words, loaded = run_python(code).splitlines()

    assert words == ["plain,status", "plain,service", "plain,suspend", "plain,schema"]
    assert HEAVY.isdisjoint(json.loads(loaded))


def test_help_lists_every_verb_with_its_summary() -> None:
    text = CliRunner().invoke(root.command, ["--help"], terminal_width=200).output

    for name, verb in VERBS.items():
        assert name in text
        assert verb.summary in text
    assert all(f"{heading}:" in text for heading in SECTIONS)


def test_a_misspelt_verb_is_bad_input_with_a_guess() -> None:
    result = CliRunner().invoke(root.command, ["statsu"])

    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output


def heard(call: Call) -> None:
    click.echo(f"{call.config} {call.output}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], "None table", id="nothing"),
        pytest.param(["-c", "a.yaml", "-o", "json", "verb"], "a.yaml json", id="before"),
        pytest.param(["verb", "-c", "a.yaml", "-o", "json"], "a.yaml json", id="after"),
        pytest.param(["-c", "a.yaml", "-o", "json", "verb", "-c", "b.yaml"], "b.yaml json", id="after-wins"),
        pytest.param(["-o", "json", "verb", "-o", "table"], "None table", id="after-wins-output"),
    ],
)
def test_options_count_before_and_after_the_verb(arguments: list[str], expected: str) -> None:
    group = click.Group("paiwatch", params=root.command.params, callback=root.command.callback)
    group.add_command(click.command("verb")(shared(heard)))

    result = CliRunner().invoke(group, arguments or ["verb"])

    assert result.output == f"{expected}\n"


def test_a_verb_without_output_forms_still_takes_the_settings_file() -> None:
    result = CliRunner().invoke(click.command("verb")(configured(heard)), ["-c", "a.yaml"])

    assert result.output == f"a.yaml {Output.TABLE}\n"


def test_settings_are_looked_for_in_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").touch()

    assert Call().locate() == Path("config.yaml")

    monkeypatch.setenv("PAIWATCH_CONFIG", "/named.yaml")
    assert Call().locate() == Path("/named.yaml")
    assert Call(Path("given.yaml")).locate() == Path("given.yaml")


def test_no_settings_anywhere_says_how_to_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paiwatch.cli.call.SYSTEM_CONFIG", tmp_path / "absent.yaml")

    with pytest.raises(Exception, match="name a file with -c"):
        Call().locate()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, None), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, None), ({"TERM": "dumb"}, False)],
    ids=["terminal-decides", "no-color", "empty-no-color", "dumb"],
)
def test_colours_are_off_where_people_said_so(environ: dict[str, str], *, expected: bool | None) -> None:
    assert root.may_colour(environ) is expected
