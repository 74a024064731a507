"""A survey's memory saves work and changes nothing: looking again equals looking for the first time."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.errors import StalledError, TransientError
from paiwatch.problem import errors
from paiwatch.releases.release import Desired
from paiwatch.settings.sections import Logging
from paiwatch.snapshot import Entry, Mode, Revision, Snapshot, Tree, blob_id
from paiwatch.survey import Survey
from paiwatch.survey.rendering import expect
from tests.builders import edit_trees


class Shop:
    """Two trees in memory: makes snapshots of them and counts what is read."""

    def __init__(self, config: dict[str, str], src: dict[str, str]) -> None:
        self.config = config
        self.src = src
        self.reads: list[str] = []
        self._blobs: dict[str, bytes] = {}

    def snapshot(self) -> Snapshot:
        return Snapshot(config=self._tree(self.config, "conf"), src=self._tree(self.src, "src"))

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        wanted = sorted(oids)
        self.reads += [self._blobs[oid].decode() for oid in wanted]
        return {oid: self._blobs[oid] for oid in wanted}

    def look(self, survey: Survey) -> Desired:
        self.reads.clear()
        return survey.look(self.snapshot(), self.read, self.read)

    def _tree(self, texts: dict[str, str], folder: str) -> Tree:
        files = {}
        for path, text in sorted(texts.items()):
            oid = blob_id(text.encode())
            self._blobs[oid] = text.encode()
            files[path] = Entry(Mode.FILE, oid)
        state = "".join(f"{path}{entry}" for path, entry in files.items())
        return Tree(revision=Revision(id=blob_id(state.encode())), folder=folder, files=files)


def a_survey() -> Survey:
    return Survey(strict=True, secret_keys=Logging().secret_keys)


def a_component(name: str, declaration: str = "start-script: start.sh", **files: str) -> dict[str, str]:
    """A service with a start script; `start_sh_template="…"` is deploy/start.sh.template."""
    texts = {"start.sh": "true\n"} | {key.replace("_", "."): text for key, text in files.items()}
    return {f"src/{name}/deploy/{path}": text for path, text in texts.items()} | {
        f"src/{name}/deploy/service.yaml": declaration + "\n"
    }


def a_shop() -> Shop:
    grafana = a_component(
        "grafana",
        "template-list: [a.conf]\nstart-script: start.sh",
        a_conf_template="port={{ cluster_cfg.grafana.port }}",
    )
    store = a_component(
        "store",
        "prerequisite: [grafana]\ntemplate-list: [b.conf]\nstart-script: start.sh",
        b_conf_template="{{ cluster_cfg.store.password }} {{ cluster_cfg.cluster.name }}",
    )
    return Shop(
        {
            "conf/services-configuration.yaml": "grafana: {port: 3000}\nstore: {password: hunter22}\n",
            "conf/cluster.yaml": "name: demo\n",
        },
        {**grafana, **store, "src/store/config/store.yaml": "size: 5\n"},
    )


def test_a_snapshot_becomes_services_with_releases() -> None:
    desired = a_shop().look(a_survey())

    assert list(desired.services) == ["grafana", "store"]
    assert list(desired.releases) == ["grafana", "store"]
    assert not desired.problems
    assert not desired.invalid
    assert desired.secrets == {"hunter22"}


def test_the_name_of_a_service_or_an_operator_is_no_secret_for_that_would_hide_it_everywhere() -> None:
    sections = "grafana: {password: grafana, token: refresh, secret: hunter22}"
    shop = Shop({"conf/services-configuration.yaml": sections}, a_component("grafana"))

    assert shop.look(a_survey()).secrets == {"hunter22"}


def test_bytes_of_rendered_files_are_made_on_demand() -> None:
    shop, survey = a_shop(), a_survey()
    desired = shop.look(survey)

    files = expect(survey.rendering.render("grafana"))

    assert files.contents == {"a.conf": b"port=3000"}
    assert files.release.digest == desired.releases["grafana"].digest
    assert files.release.files is desired.releases["grafana"].files
    assert files.release.reads is desired.releases["grafana"].reads
    assert list(desired.releases["grafana"].rendered) == ["a.conf"]


def test_one_key_renders_only_its_readers_again() -> None:
    shop, survey = a_shop(), a_survey()
    before = shop.look(survey)
    shop.config["conf/services-configuration.yaml"] = "grafana: {port: 3001}\nstore: {password: hunter22}\n"

    after = shop.look(survey)

    assert after.releases["grafana"].digest != before.releases["grafana"].digest
    assert after.releases["store"] is before.releases["store"]
    assert shop.reads == [
        shop.config["conf/services-configuration.yaml"],
        shop.src["src/grafana/deploy/a.conf.template"],
    ]


def test_a_comment_and_another_order_of_keys_read_one_file_and_render_nothing() -> None:
    shop, survey = a_shop(), a_survey()
    before = shop.look(survey)
    shop.config["conf/services-configuration.yaml"] = (
        "# hi\nstore: {password: hunter22}\ngrafana: {port: 3000}\n"
    )

    after = shop.look(survey)

    assert after.releases == before.releases
    assert shop.reads == [shop.config["conf/services-configuration.yaml"]]


def test_an_equal_snapshot_reads_nothing() -> None:
    shop, survey = a_shop(), a_survey()
    shop.look(survey)

    shop.look(survey)

    assert not shop.reads


def test_one_changed_script_reads_one_service_again() -> None:
    shop, survey = a_shop(), a_survey()
    before = shop.look(survey)
    shop.src["src/store/deploy/start.sh"] = "echo\n"

    after = shop.look(survey)

    assert after.releases["grafana"] is before.releases["grafana"]
    assert after.releases["store"].digest != before.releases["store"].digest
    assert shop.src["src/grafana/deploy/a.conf.template"] not in shop.reads


def test_a_broken_configuration_makes_every_service_invalid_and_is_forgotten_when_mended() -> None:
    shop, survey = a_shop(), a_survey()
    good = shop.look(survey)
    kept = shop.config["conf/cluster.yaml"]
    shop.config["conf/cluster.yaml"] = "name: [\n"

    broken = shop.look(survey)
    shop.config["conf/cluster.yaml"] = kept
    mended = shop.look(survey)

    assert broken.is_broken
    assert broken.invalid == {"grafana", "store"}
    assert not broken.releases
    assert [problem.file for problem in errors(broken.problems)] == ["conf/cluster.yaml"]
    assert not mended.is_broken
    assert mended == good


def test_a_service_that_cannot_be_rendered_is_invalid_and_the_others_go_on() -> None:
    shop, survey = a_shop(), a_survey()
    shop.config["conf/services-configuration.yaml"] = "grafana: {prot: 1}\nstore: {password: hunter22}\n"

    desired = shop.look(survey)

    assert desired.invalid == {"grafana"}
    assert list(desired.releases) == ["store"]
    assert not desired.is_broken
    assert "did you mean 'prot'?" in desired.problems[0].message
    with pytest.raises(StalledError, match="grafana"):
        expect(survey.rendering.render("grafana"))


def test_includes_are_read_with_the_templates_that_ask_for_them() -> None:
    shop = a_shop()
    shop.src["src/grafana/deploy/a.conf.template"] = "{% include 'parts/x' %}"
    shop.src["src/grafana/deploy/parts/x"] = "from {{ cluster_cfg.cluster.name }}"
    survey = a_survey()
    shop.look(survey)

    assert expect(survey.rendering.render("grafana")).contents == {"a.conf": b"from demo"}


def test_contents_that_cannot_be_read_leave_no_wrong_memory() -> None:
    shop, survey = a_shop(), a_survey()
    shop.look(survey)
    shop.config["conf/cluster.yaml"] = "name: other\n"
    shop.src["src/grafana/deploy/start.sh"] = "echo other\n"
    snapshot = shop.snapshot()

    def fails_on_templates(oids: Iterable[str]) -> Mapping[str, bytes]:
        found = shop.read(oids)
        if any(b"cluster_cfg" in content for content in found.values()):
            raise TransientError("the disk is away")
        return found

    with pytest.raises(TransientError):
        survey.look(snapshot, shop.read, fails_on_templates)

    assert survey.look(snapshot, shop.read, shop.read) == a_survey().look(snapshot, shop.read, shop.read)


def test_links_in_the_config_folder_are_a_problem() -> None:
    shop = a_shop()
    snapshot = shop.snapshot()
    files = {**snapshot.config.files, "conf/layout.yaml": Entry(Mode.LINK, blob_id(b"name: demo\n"))}
    linked = Snapshot(config=Tree(revision=Revision(id="1"), folder="conf", files=files), src=snapshot.src)

    desired = a_survey().look(linked, shop.read, shop.read)

    assert desired.is_broken
    assert "symbolic link" in desired.problems[0].message


SERVICES = ("a", "b", "c")
templates = st.sampled_from([
    "{{ cluster_cfg.a.x }}",
    "{{ cluster_cfg.b.x | default('none') }}",
    "{% for k, v in cluster_cfg.a.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in cluster_cfg %}{{ k }};{% endfor %}",
    "{{ cluster_cfg }}",
    "{{ 'c' in cluster_cfg }}{{ cluster_cfg.c is mapping }}",
    "{{ cluster_cfg.a.list | length }}{{ cluster_cfg.a.list[-1] }}",
    "{% include 'part' %}",
    "{{ service.name }}",
    "{% if",
    "",
])  # fmt: skip
declarations = st.sampled_from([
    "start-script: start.sh",
    "start-script: start.sh\ntemplate-list: [t]",
    "start-script: t\ntemplate-list: [t, u]",
    "start-script: start.sh\nprerequisite: [b]",
    "start-script: start.sh\nprerequisite: [a]\ntemplate-list: [t]",
    "start-script: [",
    "start-script: nope.sh",
    "start-script: start.sh\nwatch: [shared/*, src/*/deploy/part]",
    "start-script: start.sh\ntemplate-list: [t]\nwatch: [shared/**]",
])  # fmt: skip
config_texts = st.sampled_from([
    "a: {x: 1, list: [1, 2]}\n",
    "a: {list: [1, 2], x: 1}\n# moved\n",
    "a: {x: true, list: []}\nb: {x: '1'}\n",
    "b: {x: 1}\na: {x: 1, list: [2]}\n",
    "a: {x: '1', password: hunter22}\n",
    "c: 5\n",
    "a:\n",
    "[",
    "",
])  # fmt: skip
src_paths = st.sampled_from(
    [
        f"src/{name}/deploy/{file}"
        for name in SERVICES
        for file in ("start.sh", "part", "t.template", "u.template")
    ]
    + ["shared/x", "shared/y/z"]
)
edit = st.one_of(
    st.tuples(st.just("src"), src_paths, templates | st.none()),
    st.tuples(st.just("src"), st.sampled_from([f"src/{name}/deploy/service.yaml" for name in SERVICES]), declarations | st.none()),
    st.tuples(st.just("src"), st.sampled_from([f"src/{name}/config/{name}.yaml" for name in SERVICES]), config_texts | st.none()),
    st.tuples(
        st.just("config"),
        st.sampled_from(["conf/services-configuration.yaml", "conf/layout.yaml", "conf/c.yaml", "conf/sub/x.yaml", "x"]),
        config_texts | st.none(),
    ),
)  # fmt: skip


def a_small_shop() -> Shop:
    src: dict[str, str] = {}
    for name in SERVICES:
        src |= a_component(
            name, "start-script: start.sh\ntemplate-list: [t]", t_template="{{ cluster_cfg.a.x }}"
        )
    return Shop({"conf/services-configuration.yaml": "a: {x: 1, list: [1]}\n"}, src)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(edit, min_size=1, max_size=3), min_size=1, max_size=6))
def test_looking_again_equals_looking_for_the_first_time(history: list[list[Any]]) -> None:
    shop, survey = a_small_shop(), a_survey()
    shop.look(survey)

    for edits in history:
        edit_trees(shop.config, shop.src, edits)
        again, first = shop.look(survey), shop.look(fresh := a_survey())
        if first.is_broken:  # then the secrets of the last good look are still masked
            again = replace(again, secrets=first.secrets)
        assert again == first
        assert list(again.releases) == list(first.releases)
        for name in first.releases:
            assert expect(survey.rendering.render(name)) == expect(fresh.rendering.render(name))


def test_looking_changes_no_snapshot() -> None:
    shop = a_shop()
    snapshot = shop.snapshot()
    before = copy.deepcopy(snapshot)

    a_survey().look(snapshot, shop.read, shop.read)

    assert snapshot == before


# ── watched files ───────────────────────────────────────────────────────────────────────────────────────────────────


def a_watching_shop(pattern: str = "version/*.VERSION") -> Shop:
    shop = a_shop()
    shop.src["version/PAI.VERSION"] = "v1.0\n"
    shop.src["src/grafana/deploy/service.yaml"] += f"watch:\n  - {pattern!r}\n"
    return shop


def test_a_watched_file_changes_the_release_of_its_watcher_alone_and_renders_nothing() -> None:
    shop, survey = a_watching_shop(), a_survey()
    before = shop.look(survey)
    shop.src["version/PAI.VERSION"] = "v1.1\n"

    after = shop.look(survey)

    assert after.releases["grafana"].digest != before.releases["grafana"].digest
    assert after.releases["grafana"].files == before.releases["grafana"].files
    assert list(after.releases["grafana"].watched) == ["version/PAI.VERSION"]
    assert after.releases["store"] is before.releases["store"]
    assert not shop.reads
    assert after == shop.look(a_survey())
    assert expect(survey.rendering.render("grafana")).release.digest == after.releases["grafana"].digest


def test_what_is_not_watched_changes_no_release() -> None:
    shop, survey = a_watching_shop(), a_survey()
    before = shop.look(survey)
    shop.src["version/notes.txt"] = "hello\n"

    after = shop.look(survey)

    assert after.releases == before.releases


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        ("version", "did you mean 'version/**'?"),
        ("store/config/*", "did you mean 'src/store/config/*'?"),
        ("nowhere/*", "correct it, or remove it"),
    ],
)
def test_a_pattern_that_matches_nothing_is_a_warning_at_its_line(pattern: str, remedy: str) -> None:
    desired = a_watching_shop(pattern).look(a_survey())

    (problem,) = desired.problems
    assert problem.place == "src/grafana/deploy/service.yaml:4"
    assert problem.message == f"watch: '{pattern}' matches no file of the tree"
    assert problem.remedy.startswith(remedy)
    assert not desired.invalid


def test_a_watched_file_that_goes_away_changes_the_release_and_is_a_warning() -> None:
    shop, survey = a_watching_shop(), a_survey()
    before = shop.look(survey)
    del shop.src["version/PAI.VERSION"]

    after = shop.look(survey)

    assert after.releases["grafana"].digest != before.releases["grafana"].digest
    assert len(after.problems) == 1
    assert after == shop.look(a_survey())
