"""OpenPAI's trees: rendered as paictl renders them, told what paictl keeps to itself, looked at incrementally."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.problem import Problem, errors
from paiwatch.releases.release import Desired
from paiwatch.survey.rendering import expect
from tests.builders import edit_trees
from tests.openpai_tree import LAYOUT, SERVICES, SRC, Olympus


def the_only(problems: tuple[Problem, ...], words: str) -> Problem:
    found = [problem for problem in problems if re.search(words, str(problem))]
    assert len(found) == 1, problems
    return found[0]


def test_sections_come_from_parsers_and_templates_see_them() -> None:
    olympus = Olympus()
    desired = olympus.look()

    assert not errors(desired.problems)
    assert olympus.rendered("k8s-mail", "list") == "zeus hera ['a', 'b']"
    assert olympus.rendered("lonely", "out") == "https://10.0.0.1:6443"
    assert olympus.rendered("rest-server", "start.sh") == "echo safe\necho 9"


def test_deploy_rules_become_affinity_and_the_file_is_dumped_anew() -> None:
    olympus = Olympus()
    olympus.look()

    assert olympus.rendered("rest-server", "server.yaml") == (
        "kind: Deployment\nspec:\n  template:\n    spec:\n      affinity:\n        nodeAffinity:\n"
        "          requiredDuringSchedulingIgnoredDuringExecution:\n            nodeSelectorTerms:\n"
        "            - matchExpressions:\n              - key: pai-master\n                operator: In\n"
        "                values:\n                - 'true'\n      containers:\n      - env:\n        - name: URI\n"
        "          value: http://10.0.0.1:8000?q=a%20b\n        - name: PASSWORD\n          value: nectar-and-ambrosia\n"
    )


def test_services_of_another_kind_of_cluster_are_left_out() -> None:
    assert set(Olympus().look().services) == {"k8s-mail", "lonely", "rest-server"}


def test_scripts_that_are_missing_or_idle_are_warnings() -> None:
    desired = Olympus().look()

    assert "nowhere.sh" in the_only(desired.problems, "k8s-mail.*refresh-script").message
    assert "does nothing" in the_only(desired.problems, "rest-server/deploy/refresh.sh").message
    assert "k8s-mail" in desired.releases


def test_a_parser_that_refuses_holds_the_readers_of_its_section_only() -> None:
    desired = Olympus(services=SERVICES.replace("password", "pasword")).look()

    problem = the_only(errors(desired.problems), "parser of 'rest-server'")
    assert problem.place == "conf/services-configuration.yaml:3:1"
    assert "says: a password is needed (in validation_pre)" in problem.message
    assert "needs the section 'rest-server'" in str(
        the_only(errors(desired.problems), "parser of 'k8s-mail'")
    )
    assert desired.invalid == {"rest-server", "k8s-mail"}
    assert set(desired.releases) == {"lonely"}
    assert not desired.is_broken


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("while True: pass", r"still at work after .* \(in run\)", id="hangs"),
        pytest.param("import os; os._exit(3)", r"exit code 3 \(in run\)", id="exits"),
        pytest.param("raise SystemExit(1)", r"fails with SystemExit: 1 \(in run\)", id="sys-exit"),
        pytest.param("import os; os.kill(os.getpid(), 9)", r"signal 9 \(in run\)", id="killed"),
        pytest.param("return object()", r"no section can hold: the value is a object \(in run\)", id="rubbish"),
        pytest.param("return {'a': {1: open}}", r"\['a'\]\[1\] is a builtin_function_or_method", id="rubbish-inside"),
        pytest.param("return self.section['passwort']", r"k8s_mail.py:12: .*KeyError: 'passwort'", id="key-error"),
        pytest.param("import os; os.system('true')", r"may not start a program", id="program"),
        pytest.param("import socket; socket.create_connection(('127.0.0.1', 9))", r"may not use the network", id="network"),
        pytest.param("return [0] * 10**9", r"fails with MemoryError", id="memory"),
    ],
)  # fmt: skip
def test_a_parser_that_goes_wrong_is_a_problem_and_the_others_go_on(code: str, said: str) -> None:
    olympus = Olympus()
    olympus.seconds = 2.0
    path = "src/k8s-mail/config/k8s_mail.py"
    olympus.src[path] = SRC[path].replace("        letters = ", f"        {code}\n        letters = ")

    desired = olympus.look(olympus.another())

    faults = tuple(problem for problem in errors(desired.problems) if "parser of" in problem.message)
    assert the_only(faults, said).service == "k8s-mail"
    assert desired.invalid == {"k8s-mail"}
    assert set(desired.releases) == {"lonely", "rest-server"}


def test_a_parser_in_python_2_syntax_names_its_line() -> None:
    olympus = Olympus()
    olympus.src["src/k8s-mail/config/k8s_mail.py"] = "x = 1\nprint x\n"

    problem = the_only(errors(olympus.look().problems), "is not valid Python 3")

    assert problem.place == "src/k8s-mail/config/k8s_mail.py:2"


def test_no_message_shows_a_secret() -> None:
    olympus = Olympus()
    path = "src/rest-server/config/rest_server.py"
    olympus.src[path] = SRC[path].replace(
        "return self.section\n", "raise ValueError(self.section['password'])\n"
    )

    desired = olympus.look()

    assert "fails with ValueError" in str(the_only(errors(desired.problems), "parser of 'rest-server'"))
    assert not any("ambrosia" in str(problem) for problem in desired.problems)


def test_the_parsers_environment_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "ours")
    olympus = Olympus()
    path = "src/k8s-mail/config/k8s_mail.py"
    olympus.src[path] = SRC[path].replace("= os.listdir(", "= sorted(os.environ) or os.listdir(")
    olympus.look()

    assert "SECRET_TOKEN" not in olympus.rendered("k8s-mail", "list")
    assert "PATH" in olympus.rendered("k8s-mail", "list")


def test_a_boolean_where_text_is_compared_holds_whom_it_would_change() -> None:
    desired = Olympus(services=SERVICES.replace('secure: "true"', "secure: false")).look()

    problem = the_only(errors(desired.problems), "secure")
    assert problem.service == "rest-server"
    assert problem.place == "conf/services-configuration.yaml:2:31"
    assert "k8s-mail" in desired.releases


def test_a_boolean_that_changes_nothing_is_a_warning() -> None:
    desired = Olympus(services=SERVICES.replace('secure: "true"', "secure: true")).look()

    assert not errors(desired.problems)
    assert "is the boolean true" in the_only(desired.problems, "secure").message


def test_a_key_that_a_partial_override_loses_holds_whom_prints_it() -> None:
    desired = Olympus(services=SERVICES + "  limits: {small: 5}\n").look()

    problem = the_only(errors(desired.problems), "large")
    assert (problem.service, problem.line) == ("rest-server", 6)


def test_text_that_yaml_reads_as_a_number_holds_whom_it_changes() -> None:
    desired = Olympus(services=SERVICES.replace("nectar-and-ambrosia", "1.10")).look()

    assert "quote it" in the_only(errors(desired.problems), "not what it looks like").remedy


@pytest.mark.parametrize("password", ["ab #cd", "ab: cd", "*ab", "'quoted'", "a\\nkind: Pod"])
def test_a_value_that_its_yaml_cuts_holds_its_service(password: str) -> None:
    services = SERVICES.replace("nectar-and-ambrosia", f'"{password}"')
    desired = Olympus(services=services).look()

    problem = the_only(errors(desired.problems), "stands unquoted")
    assert problem.place == "src/rest-server/deploy/server.yaml.template:10"
    assert desired.invalid == {"rest-server"}


def test_a_number_that_kubernetes_refuses_holds_its_service() -> None:
    desired = Olympus(services=SERVICES.replace("nectar-and-ambrosia", "123456")).look()

    assert "variable 'PASSWORD' is a number" in the_only(errors(desired.problems), "Kubernetes").message


def test_unknown_sections_and_keys_are_told_with_what_was_meant() -> None:
    desired = Olympus(services=SERVICES + "  prot: 1\nrest-sever: {}\n").look()

    assert "did you mean 'port'?" in the_only(desired.problems, "rest-server.prot").remedy
    assert "did you mean 'rest-server'?" in the_only(desired.problems, "'rest-sever'").remedy
    assert not errors(desired.problems)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param('pai-master: "true"', "pai-master: true", "boolean true", id="boolean"),
        pytest.param("hostname: hera", "hostname: zeus", "given twice", id="hostname-twice"),
        pytest.param(', pai-master: "true"', "", "no machine is the master", id="no-master"),
        pytest.param("pai-worker", "pai-master", "second master", id="two-masters"),
        pytest.param("hostip: 10.0.0.2, ", "", "no 'hostip'", id="no-address"),
        pytest.param("machine-list:", "machines:", "not a list of machines", id="no-machines"),
    ],
)
def test_a_layout_that_cannot_be_used_breaks_the_whole(before: str, after: str, said: str) -> None:
    desired = Olympus(layout=LAYOUT.replace(before, after)).look()

    assert desired.is_broken
    assert any(said in problem.message for problem in errors(desired.problems))


def test_a_machine_of_an_unknown_kind_holds_whom_reads_the_kind() -> None:
    olympus = Olympus(layout=LAYOUT.replace("machine-type: big", "machine-type: bigg"))
    olympus.src["src/lonely/deploy/out.template"] = (
        "{{ cluster_cfg.layout['machine-list'].hera['machine-type'] }}"
    )

    desired = olympus.look()

    assert desired.invalid == {"lonely"}
    assert "did you mean 'big'?" in the_only(errors(desired.problems), "machine-sku").remedy


def test_an_old_configuration_is_read_and_what_it_loses_is_told() -> None:
    olympus = Olympus(
        services="cluster: {cluster-id: old, zone: x}\nrestserver: {port: 81, password: ambrosia}\nhadoop: {}\n"
    )
    olympus.src["src/lonely/deploy/out.template"] = (
        "{{ cluster_cfg['rest-server'].port }}{{ cluster_cfg.cluster.common }}"
    )

    desired = olympus.look()

    assert olympus.rendered("lonely", "out") == "81{'cluster-id': 'old', 'cluster-type': 'k8s'}"
    assert "loses 'cluster.zone', 'hadoop'" in the_only(desired.problems, "old OpenPAI release").message


def test_an_empty_section_changes_nothing() -> None:
    olympus = Olympus(services=SERVICES + "k8s-mail:\n")
    desired = olympus.look()

    assert not errors(desired.problems)
    assert "is empty" in the_only(desired.problems, "k8s-mail' is empty").message


def test_a_missing_file_breaks_the_whole() -> None:
    olympus = Olympus()
    del olympus.config["conf/layout.yaml"]

    assert "conf/layout.yaml: does not exist" in str(the_only(errors(olympus.look().problems), "layout"))


EDITS: list[tuple[str, str, str | None]] = [
    ("config", "conf/services-configuration.yaml", text)
    for text in (
        SERVICES,
        "# moved\n" + SERVICES,
        SERVICES.replace("8000", "8001"),
        SERVICES.replace("8000", "'8000'"),
        SERVICES.replace("password", "pasword"),
        SERVICES.replace('"true"', "false"),
        "\n" + SERVICES.replace('"true"', "false"),
        SERVICES + "  limits: {small: 1}\n",
        "rest-server: [",
    )
]
EDITS += [
    ("config", "conf/layout.yaml", LAYOUT.replace("hera", "iris")),
    ("config", "conf/layout.yaml", LAYOUT.replace("machine-type: big", "machine-type: bigg")),
    ("config", "conf/layout.yaml", None),
    ("config", "conf/layout.yaml", LAYOUT),
    ("src", "src/k8s-mail/deploy/letters/c", "new"),
    ("src", "src/k8s-mail/deploy/letters/a", None),
    ("src", "src/cluster/config/cluster.yaml", "common: {secure: 'true', more: 1}\n"),
    ("src", "src/cluster/config/cluster.yaml", None),
    ("src", "src/rest-server/config/rest_server.py", None),
    (
        "src",
        "src/rest-server/config/rest_server.py",
        SRC["src/rest-server/config/rest_server.py"] + "# more\n",
    ),
    (
        "src",
        "src/lonely/deploy/out.template",
        "{{ cluster_cfg['rest-server'] is defined }}{{ cluster_cfg | length }}",
    ),
    (
        "src",
        "src/lonely/deploy/out.template",
        "{{ 'x' in cluster_cfg.cluster }}{{ cluster_cfg['k8s-mail'] }}",
    ),
    ("src", "src/elsewhere/deploy/service.yaml", "start-script: start.sh\n"),
]


def told(desired: Desired) -> Any:
    return desired.releases, desired.invalid, desired.services, desired.problems


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.sampled_from(EDITS), min_size=1, max_size=2), min_size=1, max_size=4))
def test_looking_again_equals_looking_for_the_first_time(
    history: list[list[tuple[str, str, str | None]]],
) -> None:
    olympus = Olympus()
    olympus.look()

    for edits in history:
        edit_trees(olympus.config, olympus.src, edits)
        again, first = olympus.look(), olympus.look(fresh := olympus.another())
        assert told(again) == told(first)
        for name in first.releases:
            assert expect(olympus.survey.rendering.render(name)) == expect(fresh.rendering.render(name))
