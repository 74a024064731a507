"""service.yaml to a Service, or to problems that say where, what and what to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.declaration import parse_service
from paiwatch.catalog.service import (
    Dependents,
    OnChange,
    OnInterruption,
    Operator,
    Prerequisite,
    Retries,
    Service,
)
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.problem import Problem, Severity
from tests.catalog.trees import START

FILE = "src/grafana/deploy/service.yaml"


def declare(text: str) -> tuple[Service | None, tuple[Problem, ...]]:
    return parse_service("grafana", "src/grafana", parse(text, file=FILE, dialect=Dialect.STRICT))


def the_service(text: str) -> Service:
    service, problems = declare(text)
    assert service is not None, problems
    return service


def the_problem(text: str) -> Problem:
    _, problems = declare(text)
    assert len(problems) == 1, problems
    return problems[0]


def test_an_original_file_is_read_without_a_problem() -> None:
    text = """
cluster-type:
  - k8s
prerequisite:
  - cluster-configuration
  - drivers
template-list:
  - start.sh
  - sub/grafana.yaml
start-script: start.sh
stop-script: stop.sh
delete-script: delete.sh
refresh-script: refresh.sh
upgraded-script: upgraded.sh
deploy-rules:
  - in: pai-master
  - notin: no-drivers
"""
    service, problems = declare(text)

    assert problems == ()
    assert service == Service(
        name="grafana",
        folder="src/grafana",
        prerequisites=(
            Prerequisite(service="cluster-configuration", line=5),
            Prerequisite(service="drivers", line=6),
        ),
        templates=("start.sh", "sub/grafana.yaml"),
        scripts={operator: f"{operator}.sh" for operator in Operator},
        env={},
        cluster_types=("k8s",),
        deploy_rules=({"in": "pai-master"}, {"notin": "no-drivers"}),
    )


def test_our_own_keys_are_read() -> None:
    service = the_service(
        START
        + """
prerequisite: [a, {service: b, dependents: ignore}, {service: c, dependents: refresh}]
on-change: restart
interrupted: hold
timeout: 90s
retries: {attempts: 2, first: 1s, max: 1m}
env: {PORT: "8080", GREETING: hello}
"""
    )

    assert service.prerequisites == (
        Prerequisite(service="a", line=3),
        Prerequisite(service="b", dependents=Dependents.IGNORE, line=3),
        Prerequisite(service="c", dependents=Dependents.REFRESH, line=3),
    )
    assert (service.on_change, service.timeout) == (OnChange.RESTART, 90.0)
    assert service.interrupted is OnInterruption.HOLD
    assert service.retries == Retries(attempts=2, first=1.0, max=60.0)
    assert service.env == {"PORT": "8080", "GREETING": "hello"}


def test_keys_without_a_value_are_as_if_they_were_not_there() -> None:
    service = the_service(
        START + "prerequisite:\ntemplate-list:\nstop-script:\nenv:\ndeploy-rules:\nupgraded-script:\n"
    )

    assert (service.prerequisites, service.templates, service.env) == ((), (), {})
    assert list(service.scripts) == [Operator.START]


def test_paths_are_written_one_way() -> None:
    service = the_service("start-script: ./sub//start.sh\ntemplate-list: [./a, sub/./b]\n")

    assert service.scripts[Operator.START] == "sub/start.sh"
    assert service.templates == ("a", "sub/b")


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        pytest.param("", "1:1", "'start-script' is missing", "write 'start-script: start.sh'", id="empty"),
        pytest.param("stop-script: stop.sh", "1:1", "'start-script' is missing", "write", id="no start"),
        pytest.param("- a", "1:1", "the file must be a mapping of keys to values, not a list", "lines", id="a list"),
        pytest.param("text", "1:1", "the file must be a mapping of keys to values, not text", "lines", id="a text"),
        pytest.param(START + "prerequisite: a", "2:1", "'prerequisite' must be a list, not text", "after '- '", id="text for list"),
        pytest.param(START + "template-list: {a: b}", "2:1", "must be a list, not a mapping", "write a list", id="mapping for list"),
        pytest.param(START + "template-list: [5]", "2:17", "'template-list[0]' must be text, not a number", "quote it", id="number for text"),
        pytest.param(START + "prerequisite: [[a]]", "2:16", "'prerequisite[0]' must be a mapping", "lines", id="list in list"),
        pytest.param(START + "prerequisite: [~]", "2:16", "must be a mapping of keys to values, not nothing", "", id="null item"),
        pytest.param(START + "prerequisite: [{dependents: ignore}]", "2:16", "'prerequisite[0].service' is missing", "write", id="no name"),
        pytest.param(START + "prerequisite: [{service: a, dependents: ignor}]", "2:29", "none of the words", "write one of: refresh, ignore; did you mean 'ignore'?", id="wrong word"),
        pytest.param(START + "prerequisite: ['']", "2:16", "has no name", "write the name", id="empty name"),
        pytest.param(START + "prerequisite: [grafana]", "2:16", "its own prerequisite", "remove it", id="itself"),
        pytest.param(START + "on-change: reload", "2:1", "'on-change' is none of the words", "refresh, restart, start", id="on-change"),
        pytest.param(START + "timeout: 5 minutes", "2:1", "'timeout' cannot be used", "write a duration such as", id="duration"),
        pytest.param(START + "timeout: 0", "2:1", "'timeout' must be more than 0", "in that range", id="no time"),
        pytest.param(START + "timeout: .inf", "2:1", "'timeout' must be a finite number", "", id="infinite"),
        pytest.param(START + "timeout: -5", "2:1", "must be more than 0", "", id="negative"),
        pytest.param(START + "retries: {attempts: 0}", "2:11", "'retries.attempts' must be at least 1", "", id="no attempts"),
        pytest.param(START + "retries: {attempts: '3'}", "2:11", "must be a whole number, not text", "", id="text for number"),
        pytest.param(START + "retries: {attempts: true}", "2:11", "must be a whole number, not true or false", "", id="truth for number"),
        pytest.param(START + "retries: 5", "2:1", "must be a mapping of keys to values, not a number", "", id="number for mapping"),
        pytest.param(START + "env: {PORT: 8080}", "2:7", "'env.PORT' must be text, not a number", "quote it", id="env number"),
        pytest.param(START + "env: {PORT: [a]}", "2:7", "'env.PORT' must be text, not a list", "write text", id="env list"),
        pytest.param(START + "env: {1PORT: a}", "2:7", "no name for an environment variable", "letters", id="env name"),
        pytest.param(START + "env: {PAIWATCH_RUN: a}", "2:7", "is taken", "another name", id="env ours"),
        pytest.param(START + 'env: {A: "a\\0b"}', "2:7", "NUL", "remove it", id="env NUL"),
        pytest.param("start-script: ''", "1:1", "'start-script' is empty", "inside the deploy folder", id="empty path"),
        pytest.param("start-script: ../x.sh", "1:1", "leaves the deploy folder with '..'", "inside", id="up"),
        pytest.param("start-script: /bin/sh", "1:1", "is an absolute path", "inside", id="absolute"),
        pytest.param("start-script: sub/", "1:1", "names a folder", "inside", id="folder"),
        pytest.param('start-script: "a\\nb"', "1:1", "cannot be printed", "rename", id="control character"),
        pytest.param(START + "template-list: [a/../../b]", "2:17", "'template-list[0]' leaves", "inside", id="template up"),
        pytest.param(START + "template-list: [service.yaml]", "2:17", "cannot be a template", "off the list", id="itself a template"),
        pytest.param(START + "cluster-type: k8s", "2:1", "'cluster-type' must be a list, not text", "after '- '", id="cluster-type"),
        pytest.param(START + "deploy-rules: [{in: [a]}]", "2:17", "must be text, not a list", "", id="deploy-rules"),
        pytest.param(START + "stop-script: no", "2:14", "means false in YAML 1.1", "quote it", id="surprise"),
        pytest.param(START + "a: [", "3:1", "is not valid YAML", "brackets", id="syntax"),
    ],
)  # fmt: skip
def test_an_error_says_where_what_and_what_to_do(text: str, place: str, message: str, remedy: str) -> None:
    service, _ = declare(text)
    problem = the_problem(text)

    assert service is None
    assert problem.severity is Severity.ERROR
    assert problem.service == "grafana"
    assert message in problem.message
    assert remedy in problem.remedy
    assert problem.place == f"{FILE}:{place}"


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        pytest.param(
            "prerequsite: [a]", "unknown key 'prerequsite'", "did you mean 'prerequisite'?", id="typo"
        ),
        pytest.param(
            "stop_script: a", "unknown key 'stop_script'", "did you mean 'stop-script'?", id="underscore"
        ),
        pytest.param(
            "zzz: a", "unknown key 'zzz'", "the keys here are prerequisite, template-list", id="far"
        ),
        pytest.param(
            "retries: {atempts: 3}", "unknown key 'retries.atempts'", "did you mean 'attempts'?", id="nested"
        ),
        pytest.param(
            "prerequisite: [{service: a, dependent: ignore}]",
            "unknown key 'prerequisite[0].dependent'",
            "did you mean 'dependents'?",
            id="in a list",
        ),
        pytest.param(
            "prerequisite: [a, a]", "prerequisite 'a' is listed twice", "line 2", id="prerequisite twice"
        ),
        pytest.param(
            "template-list: [a, ./a]", "template 'a' is listed twice", "line 2", id="template twice"
        ),
    ],
)
def test_a_warning_leaves_the_service_as_it_is(text: str, message: str, remedy: str) -> None:
    problem = the_problem(START + text)

    assert the_service(START + text).scripts == {Operator.START: "start.sh"}
    assert problem.severity is Severity.WARNING
    assert problem.line == 2
    assert message in problem.message
    assert remedy in problem.remedy


def test_of_two_equal_prerequisites_the_first_counts() -> None:
    service = the_service(START + "prerequisite: [{service: a, dependents: ignore}, a]")

    assert service.prerequisites == (Prerequisite(service="a", dependents=Dependents.IGNORE, line=2),)


def test_every_fault_of_a_file_is_reported_at_once() -> None:
    _, problems = declare(
        "start-scrip: a\nstop-script: ../b\nenv: {A-B: c}\non-change: x\ntimeout: 017\nprerequisite: a\n"
    )

    assert [problem.line for problem in problems] == [1, 4, 5, 5, 6]

    _, problems = declare("start-scrip: a\nstop-script: ../b\nenv: {A-B: c}\ntemplate-list: [/x, a, a]\n")

    assert [problem.line for problem in problems] == [1, 1, 2, 3, 4, 4]


def test_values_of_environment_variables_stay_out_of_problems() -> None:
    _, problems = declare(START + "env: {PASSWORD: 12345678, PAIWATCH_X: hunter2, 'A B': hunter2}")

    assert len(problems) == 1
    assert not any("hunter2" in str(problem) or "12345678" in str(problem) for problem in problems)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["refresh", "10s", "../x", "start.sh"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["service", "dependents", "attempts", "first", "in", "A", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["prerequisite", "template-list", "start-script", "stop-script", "upgraded-script", "on-change", "timeout",
     "retries", "env", "cluster-type", "deploy-rules", "unknown"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=st.dictionaries(_KEYS, _VALUES))
def test_any_yaml_gives_a_service_or_an_error(value: object) -> None:
    document = parse(repr(value).replace("None", "~"), file=FILE, dialect=Dialect.STRICT)

    service, problems = parse_service("grafana", "src/grafana", document)

    assert (service is None) == any(problem.severity is Severity.ERROR for problem in problems)
    assert all(problem.remedy and problem.line for problem in problems)
