"""A declaration against the files of its deploy folder."""

from collections.abc import Mapping

import pytest

from paiwatch.catalog.declaration import parse_service
from paiwatch.catalog.files import check_files, link_oids
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.problem import Problem, Severity
from tests.catalog.trees import START, an_entry, entries, links

FILE = "src/grafana/deploy/service.yaml"


def check(text: str, files: Mapping[str, str]) -> tuple[Problem, ...]:
    document = parse(text, file=FILE, dialect=Dialect.STRICT)
    service, problems = parse_service("grafana", "src/grafana", document)
    assert service is not None, problems
    return check_files(service, entries({"service.yaml": text, **files}), links(files), document)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        pytest.param(START, {"start.sh": "true"}, id="static script"),
        pytest.param(START + "template-list: [start.sh]", {"start.sh.template": ""}, id="rendered script"),
        pytest.param(START, {"start.sh": "-> bin/run.sh", "bin/run.sh": "true"}, id="link inside"),
        pytest.param(
            START, {"start.sh": "-> a", "a": "-> bin/b", "bin/b": "-> ../c", "c": "true"}, id="chain of links"
        ),
        pytest.param(
            START + "template-list: [a]", {"start.sh": "-> a", "a.template": ""}, id="link to rendered"
        ),
        pytest.param(
            START + "template-list: [sub/a]", {"start.sh": "true", "sub/a.template": ""}, id="sub-folder"
        ),
        pytest.param(START, {"start.sh": "true", "dangling": "-> nowhere"}, id="unused dangling link"),
        pytest.param(START, {"start.sh": "true", "unlisted.template": ""}, id="unlisted template"),
    ],
)
def test_a_folder_that_keeps_what_is_declared_has_no_problem(text: str, files: Mapping[str, str]) -> None:
    assert check(text, files) == ()


@pytest.mark.parametrize(
    ("text", "files", "place", "message", "remedy"),
    [
        pytest.param(START, {}, ":1:1", "'start.sh' does not exist", "add 'start.sh' to the deploy folder", id="no script"),
        pytest.param(START, {"strat.sh": "true"}, ":1:1", "does not exist", "did you mean 'strat.sh'?", id="misspelt script"),
        pytest.param(START, {"start.sh.template": ""}, ":1:1", "does not exist", "add 'start.sh' to template-list", id="unlisted"),
        pytest.param(START, {"start.sh": ""}, ":1:1", "is empty", "exit 0", id="empty"),
        pytest.param(START, {"start.sh": "-> a", "a": ""}, ":1:1", "is empty", "exit 0", id="link to empty"),
        pytest.param(START, {"start.sh": "-> nowhere"}, ":1:1", "does not exist", "", id="dangling link"),
        pytest.param(START, {"start.sh": "-> a", "a": "-> start.sh"}, ":1:1", "does not exist", "", id="ring of links"),
        pytest.param("start-script: sub", {"sub/a": ""}, ":1:1", "'sub' does not exist", "", id="folder as script"),
        pytest.param("start-script: d/a", {"d": "-> e", "e/a": ""}, ":1:1", "behind the symbolic link 'd'", "real", id="linked folder"),
        pytest.param(
            START + "template-list:\n- a\n- d/b", {"start.sh": "true", "a.template": "", "d": "-> e", "e/b.template": ""},
            ":4:3", "template 'd/b' lies behind the symbolic link 'd'", "real", id="template behind link"),
        pytest.param(START + "template-list: [a]", {"start.sh": "true"}, ":2:17", "'a.template' does not exist", "add 'a.template'", id="no template"),
        pytest.param(START + "template-list: [a]", {"start.sh": "true", "a": ""}, ":2:17", "does not exist", "rename 'a' to 'a.template'", id="static"),
        pytest.param(START + "template-list: [a.template]", {"start.sh": "true", "a.template": ""}, ":2:17", "does not exist", "write 'a'", id="suffix"),
        pytest.param(START + "template-list: [grafna.yaml]", {"start.sh": "true", "grafana.yaml.template": ""}, ":2:17", "does not exist", "did you mean 'grafana.yaml'?", id="misspelt"),
        pytest.param(START + "template-list: [a]", {"start.sh": "true", "a.template": "-> b", "b": ""}, ":2:17", "'a.template' is a symbolic link", "file of its own", id="linked template"),
        pytest.param(START + "template-list: [a]", {"start.sh": "true", "a.template": "", "a/b": ""}, ":2:17", "'a' is a folder", "rename", id="folder in the way"),
        pytest.param(START + "template-list: [a, a/b]", {"start.sh": "true", "a.template": "", "a/b.template": ""}, ":2:17", "'a' is a folder", "rename", id="both"),
    ],
)  # fmt: skip
def test_what_is_missing_is_an_error_at_its_key(
    text: str, files: Mapping[str, str], place: str, message: str, remedy: str
) -> None:
    problems = check(text, files)

    assert [problem.place for problem in problems] == [FILE + place]
    assert problems[0].severity is Severity.ERROR
    assert problems[0].service == "grafana"
    assert message in problems[0].message
    assert remedy in problems[0].remedy


@pytest.mark.parametrize("target", ["../../x", "/etc/passwd", "sub/../../x", "", "..", "a\0b", "x" * 4096])
def test_a_link_that_leaves_the_folder_is_an_error_of_that_file(target: str) -> None:
    problems = check(START, {"start.sh": "true", "odd\x1b": f"-> {target}"})

    assert [str(problem) for problem in problems] == [
        "src/grafana/deploy/odd\\x1b: is a symbolic link that leaves the deploy folder; copy the file here instead"
    ]


def test_a_submodule_is_an_error() -> None:
    problems = check(START, {"start.sh": "true", "vendor": "submodule"})

    assert [problem.file for problem in problems] == ["src/grafana/deploy/vendor"]
    assert "submodule" in problems[0].message


def test_a_static_file_that_a_rendered_one_replaces_is_a_warning() -> None:
    problems = check(START + "template-list: [start.sh]", {"start.sh": "true", "start.sh.template": ""})

    assert [problem.severity for problem in problems] == [Severity.WARNING]
    assert "the rendered one replaces it" in problems[0].message


def test_only_targets_of_links_are_asked_for() -> None:
    assert link_oids(entries({"a": "", "b": "-> a"})) == {an_entry("-> a").oid}
