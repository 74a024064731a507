"""The line that reads a key is the right one, or none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.model.reads import How, Sight
from paiwatch.releases.places import Place, Places, certain_line, find_places
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Entry, Mode, blob_id
from tests.releases.builders import a_service


def places(cluster_cfg: Any, **texts: str) -> Places:
    """Of the service whose only template is `a.template`; `part="…"` is a file it may include."""
    files = {f"{name}.template" if name == "a" else name: text.encode() for name, text in texts.items()}
    return find_places(
        a_service("a"),
        {path: Entry(Mode.FILE, blob_id(content)) for path, content in files.items()},
        contents={blob_id(content): content for content in files.values()},
        sight=Sight(cluster_cfg),
        renderer=Renderer(strict=True),
    )


def line_of(found: Places, *path: str | int, how: How = How.VALUE) -> int:
    return found["a", path, how].line


CFG: dict[str, Any] = {"g": {"a": 1, "b": 2, "c": 3, "hosts": [{"ip": "x"}, {"ip": "y"}], "m": {"k": 1}}}


def test_each_construct_has_its_own_line() -> None:
    text = (
        "{% set g = cluster_cfg.g %}\n"
        "{% macro show(x) %}\n"
        "{{ x.a }}\n"
        "{% endmacro %}\n"
        "{% for host in g.hosts %}\n"
        "{{ host.ip }}\n"
        "{% endfor %}\n"
        "{% if g.absent is defined %}{% elif g.b == 2 %}\n"
        "{{ show(g) }}\n"
        "{{ g['c'] | string | upper }} {{ g.m | tojson }}\n"
        "{% endif %}"
    )

    found = places(CFG, a=text)

    assert found["a", ("g", "hosts"), How.LENGTH] == Place("src/grafana/deploy/a.template", 5)
    assert line_of(found, "g", how=How.KIND) == 1
    assert line_of(found, "g", "a") == 3
    assert line_of(found, "g", "hosts", 0, "ip") == 6
    assert line_of(found, "g", "absent", how=How.MISSING) == 8
    assert line_of(found, "g", "b") == 8
    assert line_of(found, "g", "c") == 10
    assert line_of(found, "g", "m", how=How.SUBTREE) == 10


def test_the_first_of_several_readings_counts() -> None:
    assert line_of(places(CFG, a="\n{{ cluster_cfg.g.a }}\n{{ cluster_cfg.g.a }}"), "g", "a") == 2


def test_of_a_tag_over_several_lines_the_one_that_spells_the_key() -> None:
    found = places(CFG, a="{{\n cluster_cfg.g.a\n ~ cluster_cfg.g.b\n}}")

    assert line_of(found, "g", "a") == 2
    assert line_of(found, "g", "b") == 3


def test_where_it_is_not_certain_there_is_no_place() -> None:
    twice = places(CFG, a="{{ cluster_cfg.g.a\n ~ cluster_cfg.g.a }}")
    computed = places(CFG, a="{% set k = 'a' %}\n{{ cluster_cfg.g[\nk] }}")

    assert ("a", ("g", "a"), How.VALUE) not in twice
    assert ("a", ("g", "a"), How.VALUE) not in computed


def test_an_included_file_is_named_itself() -> None:
    found = places(CFG, a="{% include 'part' %}", part="x\n{{ cluster_cfg.g.a }}")

    assert found["a", ("g", "a"), How.VALUE] == Place("src/grafana/deploy/part", 2)


def test_a_file_that_lies_there_twice_is_not_named() -> None:
    text = "{{ cluster_cfg.g.a }}"

    assert places(CFG, a="{% include 'part' %}", part=text, twin=text) == {}


def test_a_template_that_fails_has_no_places() -> None:
    assert places(CFG, a="{{ cluster_cfg.g.a }}{{ cluster_cfg.nope.b }}") == {}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        pytest.param("{{ a }}", 1, 1, id="one line"),
        pytest.param("no tag\n{{ a }}", 1, 0, id="no tag there"),
        pytest.param("{# {{ k\n }} #}\n{{ k }}", 3, 3, id="after a comment"),
        pytest.param("{{ x\n.k }}", 1, 2, id="spelt on another line"),
        pytest.param("{{ x.k-other\n.k }}", 1, 2, id="a longer word is another word"),
        pytest.param("{{ k }}{{ x\n }}", 1, 1, id="a long tag begins beside it"),
        pytest.param("{{ k }}{{ x\n.k }}", 1, 0, id="either of two"),
    ],
)
def test_which_line_is_certain(text: str, line: int, expected: int) -> None:
    assert certain_line(text, line, "k") == expected


KEYS = [f"key{number}" for number in range(12)]
SHAPES = [
    "{{ cluster_cfg.KEY }}",
    "a {{ cluster_cfg['KEY'] }} b",
    "{% if cluster_cfg.KEY %}x{% endif %}",
    "{% set v = cluster_cfg.KEY %}",
    "{% if false %}{% elif cluster_cfg.KEY == 2 %}{% else %}y{% endif %}",
    "{% for i in range(2) if cluster_cfg.KEY %}{{ i }}{% endfor %}",
    "{{ cluster_cfg.KEY | default(3) | string }}",
    "{% set t %}{{ cluster_cfg.KEY }}{% endset %}",
    "{% macro m_KEY() %}{{ cluster_cfg.KEY }}{% endmacro %}{{ m_KEY() }}",
    "{{\ncluster_cfg.KEY }}",
    "{% if 1\n and cluster_cfg.KEY\n %}x{% endif %}",
    "",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=12))
def test_the_line_is_the_one_on_which_the_key_stands(shapes: list[str]) -> None:
    text = "\n".join(shape.replace("KEY", key) for shape, key in zip(shapes, KEYS, strict=False))
    expected = {
        key: number
        for key in KEYS
        for number, line in enumerate(text.split("\n"), 1)
        if f".{key} " in line.replace("\n", " ") or f"'{key}'" in line or line.endswith(f".{key}")
    }

    found = places(dict.fromkeys(KEYS, 1), a=text)

    assert {path[0]: place.line for (_, path, how), place in found.items() if how is How.VALUE} == expected
