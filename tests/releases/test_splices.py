"""Values that stand unquoted in YAML: found where they are cut or become something else, and nowhere else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.documents import yamlplain
from paiwatch.documents.yamlplain import BadYamlError
from paiwatch.model.reads import Sight
from paiwatch.problem import Problem
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.lint import splices
from paiwatch.releases.render import Rendered, Renderer
from tests.releases.builders import a_sheet

YAML = Yaml(load_all=yamlplain.load_all, dump=yamlplain.dump, bad=BadYamlError)


def problems(template: str, **values: Any) -> list[Problem]:
    renderer, sheet = Renderer(strict=True), a_sheet(template)
    outcome = renderer.render("a.template", sheet, values)
    assert isinstance(outcome, Rendered), outcome
    return splices.misread(outcome, "a.template", sheet, sight=Sight(values), renderer=renderer, yaml=YAML)


@pytest.mark.parametrize(
    "value",
    ["ab #cd", "ab: cd", "*ab", "&ab", "'ab'", "!tag x", "a\nkind: Pod", "- x", "{a: b", "@ab", "| ab"],
)
def test_a_value_that_yaml_cuts_or_turns_is_told_with_its_place(value: str) -> None:
    (problem,) = problems("kind: Secret\npassword: {{ cluster_cfg.password }}\n", password=value)

    assert problem.place == "src/grafana/deploy/a.template:2"
    assert "cluster_cfg.password stands unquoted" in problem.message
    assert value not in str(problem)


@pytest.mark.parametrize(
    "value",
    ["plain", "a b", "10.0.0.1", "http://x:80/y", "1.10", "yes", "", '{"a": [1]}', "[1, 2]", "a#b", "a:b"],
)
def test_a_value_that_stays_what_it_is_or_is_meant_as_yaml_is_no_problem(value: str) -> None:
    assert problems("key: {{ cluster_cfg.value }}\n", value=value) == []


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8))
def test_what_yaml_reads_is_the_judge(value: str) -> None:
    found = problems("key: {{ cluster_cfg.value }}\n", value=value)

    assert bool(found) is not _survives(value)


def _survives(value: str) -> bool:
    """By reading the line as YAML does: the text itself, blanks around it aside, or a scalar of another kind."""
    if value.startswith(("{", "[")) and _read(value) is not None:
        return True
    read = _read(f"key: {value}\n")
    if not (
        isinstance(read, list) and len(read) == 1 and isinstance(read[0], dict) and list(read[0]) == ["key"]
    ):
        return False
    got = read[0]["key"]
    if got is None:
        return value.strip() in {"", "~", "null", "Null", "NULL"}
    return got == value.strip() if isinstance(got, str) else not isinstance(got, dict | list)


def _read(text: str) -> Any:
    try:
        return YAML.load_all(text)
    except BadYamlError:
        return None


def test_a_value_inside_quotes_or_a_block_is_left_alone() -> None:
    template = "quoted: '{{ cluster_cfg.value }}'\nblock: |\n  {{ cluster_cfg.value }}\n"

    assert problems(template, value="ab: cd # ef") == []


@pytest.mark.parametrize(("value", "kind"), [(True, "boolean"), (8080, "number")])
def test_a_variable_that_is_no_text_is_what_kubernetes_refuses(*, value: object, kind: str) -> None:
    template = "env:\n- name: PORT\n  value: {{ cluster_cfg.value }}\n"

    (problem,) = problems(template, value=value)

    assert problem.message.startswith(f"variable 'PORT' is a {kind}")
    assert problem.line == 2
