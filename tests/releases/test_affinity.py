"""deploy-rules: what is placed, how, and that everything else stays byte for byte."""

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.documents import yamlplain
from paiwatch.documents.yamlplain import BadYamlError
from paiwatch.releases.affinity import MisshapenError, Yaml, is_placed, placed

YAML = Yaml(load_all=yamlplain.load_all, dump=yamlplain.dump, bad=BadYamlError)
MASTER = [{"in": "pai-master"}]
EXPRESSION = {"key": "pai-master", "operator": "In", "values": ["true"]}


def terms(text: str, *way: str) -> object:
    value = pyyaml.safe_load(text)
    for key in (*(way or ("spec", "template", "spec")), "affinity", "nodeAffinity"):
        value = value[key]
    return value["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a.yaml", True),
        ("yaml/d.json", True),
        ("a.yml", False),
        ("delete.yaml", False),
        ("undeleted/a.yaml", False),
    ],
)
def test_rules_apply_by_two_words_in_the_path(target: str, *, expected: bool) -> None:
    assert is_placed(target) is expected


@pytest.mark.parametrize(
    "text",
    ["kind: ConfigMap\ndata: {}", "# nothing\n", "", "- kind\n", "kind: [Pod]\n", "just kind words", "5"],
)
def test_text_without_workloads_is_kept_byte_for_byte(text: str) -> None:
    assert placed(text, MASTER, YAML) == text


def test_all_rules_are_one_list_in_order() -> None:
    text = "kind: DaemonSet\nspec: {template: {spec: {}}}\n"

    found = terms(placed(text, [{"IN": "a", "notin": "b"}, {"NotIn": "c"}], YAML))

    expressions = [("a", "In"), ("b", "NotIn"), ("c", "NotIn")]
    assert found == [
        {
            "matchExpressions": [
                {"key": key, "operator": word, "values": ["true"]} for key, word in expressions
            ]
        }
    ]


def test_a_dump_changes_form_as_pyyaml_does() -> None:
    text = "kind: Deployment # x\nspec:\n  template: {spec: {b: 0755, a: 'yes', c: 'ü', d: {on: 1}}}\n"

    assert placed(text, [], YAML) == (
        "kind: Deployment\nspec:\n  template:\n    spec:\n      a: 'yes'\n      b: 493\n"
        '      c: "\\xFC"\n      d:\n        true: 1\n'
    )


def test_every_document_of_a_text_is_placed() -> None:
    text = "kind: Service\n---\nkind: Deployment\nspec: {template: {spec: {}}}\n---\n"

    first, second = placed(text, MASTER, YAML).split("---\n")

    assert first == "kind: Service\n"
    assert terms(second) == [{"matchExpressions": [EXPRESSION]}]


def test_affinity_that_is_there_already_is_kept_and_must_hold_too() -> None:
    text = """\
kind: StatefulSet
spec:
  template:
    spec:
      affinity:
        podAntiAffinity: {x: 1}
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions: [{key: disk, operator: Exists}]
            - matchFields: [{key: name}]
"""

    result = placed(text, MASTER, YAML)

    assert terms(result) == [
        {"matchExpressions": [{"key": "disk", "operator": "Exists"}, EXPRESSION]},
        {"matchFields": [{"key": "name"}], "matchExpressions": [EXPRESSION]},
    ]
    assert pyyaml.safe_load(result)["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"] == {"x": 1}


def test_a_pod_is_placed_by_its_own_spec() -> None:
    assert terms(placed("kind: Pod\nspec: {}\n", MASTER, YAML), "spec") == [
        {"matchExpressions": [EXPRESSION]}
    ]


def test_a_workload_without_a_place_is_an_error_and_so_is_bad_text() -> None:
    with pytest.raises(MisshapenError, match=r"has no spec\.template\.spec"):
        placed("kind: Deployment\nspec: {}\n", MASTER, YAML)
    with pytest.raises(BadYamlError, match="line 2"):
        placed("a: 1\nb: c: d\n", MASTER, YAML)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=8,
)


@given(plain, st.lists(st.dictionaries(st.sampled_from(["in", "notin"]), st.text(max_size=5)), max_size=3))
def test_the_text_is_what_pyyaml_dumps_of_the_changed_document(
    extra: object, rules: list[dict[str, str]]
) -> None:
    document = {"kind": "Deployment", "spec": {"template": {"spec": {"extra": extra}}}}
    text = pyyaml.safe_dump(document)

    result = placed(text, rules, YAML)

    loaded = pyyaml.safe_load(result)
    assert result == pyyaml.dump(loaded, default_flow_style=False)
    loaded["spec"]["template"]["spec"].pop("affinity", None)
    assert loaded == document
