"""What the record remembers saves rendering and changes nothing: a survey primed with it equals a cold one, whatever it says."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Operator
from paiwatch.engine import commands
from paiwatch.engine.remembering import adopted
from paiwatch.plan.applied import Applied
from paiwatch.record.history import History
from paiwatch.releases import seal
from paiwatch.releases.release import Desired, Read, ReleaseFile
from paiwatch.snapshot import Mode
from paiwatch.survey import Survey
from paiwatch.survey.rendering import expect
from tests.builders import edit_trees
from tests.record.runs import Records
from tests.survey.test_survey import (
    SERVICES,
    Shop,
    a_component,
    a_shop,
    a_small_shop,
    a_survey,
    a_watching_shop,
    edit,
)

Memory = dict[str, Applied]


def remembered(desired: Desired) -> Memory:
    """The memory in which all of it is applied."""
    return {
        name: adopted(None, desired.services[name], release, version=1, revisions=("c", "d"), at=1.0)
        for name, release in desired.releases.items()
    }


def primed(memory: Mapping[str, Applied]) -> Survey:
    survey = a_survey()
    survey.remember(memory)
    return survey


def templates_read(shop: Shop) -> list[str]:
    return [text for text in shop.reads if "{{" in text]


def test_an_unchanged_tree_renders_nothing_and_is_the_same() -> None:
    shop = a_watching_shop()
    cold = shop.look(a_survey())
    survey = primed(remembered(cold))

    warm = shop.look(survey)

    assert templates_read(shop) == []
    assert warm == cold
    assert list(warm.releases) == list(cold.releases)
    assert all(list(warm.releases[name].files) == list(cold.releases[name].files) for name in cold.releases)
    assert expect(survey.rendering.render("grafana")) == a_full(shop, "grafana")


def a_full(shop: Shop, service: str) -> Any:
    survey = a_survey()
    shop.look(survey)
    return expect(survey.rendering.render(service))


def test_one_changed_key_renders_its_readers_alone() -> None:
    shop = a_shop()
    memory = remembered(shop.look(a_survey()))
    shop.config["conf/services-configuration.yaml"] = "grafana: {port: 3001}\nstore: {password: hunter22}\n"

    warm = shop.look(primed(memory))

    assert templates_read(shop) == [shop.src["src/grafana/deploy/a.conf.template"]]
    assert warm == shop.look(a_survey())


def test_a_memory_serves_the_first_look_and_later_ones_follow_from_that() -> None:
    shop = a_shop()
    survey = primed(remembered(shop.look(a_survey())))
    shop.look(survey)
    shop.config["conf/cluster.yaml"] = "name: other\n"

    again = shop.look(survey)

    assert templates_read(shop) == [shop.src["src/store/deploy/b.conf.template"]]
    assert again == shop.look(a_survey())


def test_a_watched_file_that_changed_needs_no_rendering() -> None:
    shop = a_watching_shop()
    memory = remembered(shop.look(a_survey()))
    shop.src["version/PAI.VERSION"] = "v2\n"

    warm = shop.look(primed(memory))

    assert templates_read(shop) == []
    assert warm == shop.look(a_survey())
    assert warm.releases["grafana"].digest != memory["grafana"].digest


def test_other_rules_of_rendering_render_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_shop()
    memory = remembered(shop.look(a_survey()))
    lenient = Survey(strict=False, secret_keys="password")
    lenient.remember(memory)

    shop.look(lenient)
    assert len(templates_read(shop)) == 2

    monkeypatch.setattr(seal, "RENDERING", seal.RENDERING + 1)
    shop.look(primed(memory))
    assert len(templates_read(shop)) == 2


def test_a_key_that_became_secret_is_not_shown_from_memory() -> None:
    shop = a_shop()
    open_handed = Survey(strict=True, secret_keys="nothing")
    memory = remembered(shop.look(open_handed))
    assert any(read.shown == "hunter22" for read in memory["store"].reads)

    warm = shop.look(primed(memory))

    assert templates_read(shop) == []
    assert "hunter22" not in {read.shown for release in warm.releases.values() for read in release.reads}


def test_a_static_file_under_a_rendered_one_is_in_doubt() -> None:
    shop = Shop(
        {"conf/a.yaml": "x: 1\n"},
        a_component(
            "web", "template-list: [t]\nstart-script: start.sh", t="old", t_template="{% include 't' %}"
        ),
    )
    memory = remembered(shop.look(a_survey()))
    shop.src["src/web/deploy/t"] = "new"

    assert shop.look(primed(memory)) == shop.look(a_survey())


def test_the_record_keeps_what_is_needed_across_restarts(tmp_path: Path) -> None:
    shop = a_watching_shop()
    cold = shop.look(a_survey())
    with Records.open(tmp_path) as record:
        record.look(cold)
        record.ask(commands.Adopt(), at=1.0)

    with History.open(tmp_path) as past:
        warm = shop.look(primed(past.applied()))

    assert templates_read(shop) == []
    assert warm == cold


# ── whatever the memory says ────────────────────────────────────────────────────────────────────────────────────────

Damage = Callable[[Applied], Applied]


def without_a_read(one: Applied) -> Applied:
    return replace(one, reads=one.reads[1:])


def with_another_read(one: Applied) -> Applied:
    return replace(one, reads=(Read(template="t", path=("a", "x"), how="value", seen="?"),))


def with_other_bytes(one: Applied) -> Applied:
    return replace(one, files={path: ReleaseFile(file.mode, "0" * 40) for path, file in one.files.items()})


def with_other_results(one: Applied) -> Applied:
    changed = {
        path: ReleaseFile(file.mode, "0" * 40) for path, file in one.files.items() if path in {"t", "u"}
    }
    return replace(one, files={**one.files, **changed})


def with_other_modes(one: Applied) -> Applied:
    changed = {path: ReleaseFile(Mode.EXECUTABLE, file.oid) for path, file in one.files.items()}
    return replace(one, files={**one.files, **changed})


damages: st.SearchStrategy[Damage] = st.sampled_from(
    [
        lambda one: one,
        without_a_read,
        with_another_read,
        with_other_bytes,
        with_other_results,
        with_other_modes,
        lambda one: replace(one, seal=""),
        lambda one: replace(one, seal="0" * 64),
        lambda one: replace(one, digest="0" * 64),
        lambda one: replace(one, digest="", touched="1" * 64, touched_by=Operator.START),
        lambda one: replace(one, spec=replace(one.spec, folder="elsewhere"), watched={}),
        lambda one: replace(one, files={}, reads=()),
        lambda one: replace(one, reads=tuple(reversed(one.reads))),
        lambda one: replace(one, reads=tuple(replace(read, shown="secret") for read in one.reads)),
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    past=st.lists(edit, max_size=3),
    since=st.lists(edit, max_size=2),
    harm=st.dictionaries(st.sampled_from(SERVICES), damages),
    names=st.permutations(SERVICES),
    mixed_up=st.booleans(),
)
def test_a_primed_survey_equals_a_cold_one(
    past: list[Any], since: list[Any], harm: dict[str, Damage], names: list[str], *, mixed_up: bool
) -> None:
    shop = a_small_shop()
    edit_trees(shop.config, shop.src, past)
    memory = remembered(shop.look(a_survey()))
    memory = {name: harm[name](one) if name in harm else one for name, one in memory.items()}
    if mixed_up:
        memory = {other: memory[name] for name, other in zip(SERVICES, names, strict=True) if name in memory}
    edit_trees(shop.config, shop.src, since)

    survey, fresh = primed(memory), a_survey()
    warm, cold = shop.look(survey), shop.look(fresh)

    assert warm == cold
    assert list(warm.releases) == list(cold.releases)
    for name, release in cold.releases.items():
        assert warm.releases[name].reads == release.reads
        assert expect(survey.rendering.render(name)) == expect(fresh.rendering.render(name))
    edit_trees(shop.config, shop.src, past)
    assert shop.look(survey) == shop.look(fresh) == shop.look(a_survey())
