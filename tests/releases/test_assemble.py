"""A deploy folder becomes a release."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.releases.digest import release_digest
from paiwatch.releases.release import ReleaseFile
from paiwatch.snapshot import Mode, blob_id
from tests.releases.builders import assembled

FILES = {
    "service.yaml": b"start-script: start.sh\n",
    "start.sh": b"echo hi\n",
    "sub/a.yaml.template": b"port: {{ cluster_cfg.port }}\n",
    "b.template": b"{{ cluster_cfg.name | upper }}",
}
CFG = {"port": 1, "name": "x", "other": 2}


def test_a_release_has_every_file_and_the_rendered_ones_beside_their_templates() -> None:
    outcome = assembled(FILES, CFG, "sub/a.yaml", "b")

    assert outcome.release is not None
    assert outcome.rendered is not None
    assert outcome.rendered.contents == {"sub/a.yaml": b"port: 1", "b": b"X"}
    assert outcome.release.rendered == {"sub/a.yaml", "b"}
    assert set(outcome.release.files) == {*FILES, "sub/a.yaml", "b"}
    assert outcome.release.files["b"].oid == blob_id(b"X")
    assert [(read.template, read.path) for read in outcome.release.reads] == [
        ("b", ("name",)),
        ("sub/a.yaml", ("port",)),
    ]


def test_a_rendered_file_has_its_templates_mode() -> None:
    outcome = assembled(FILES, CFG, "b", executable=frozenset({"b.template"}))

    assert outcome.release is not None
    assert outcome.release.files["b"].mode is Mode.EXECUTABLE


def test_keys_nobody_reads_change_no_digest_and_keys_somebody_reads_do() -> None:
    first, unread, read = (
        assembled(FILES, cluster_cfg, "b").release
        for cluster_cfg in (CFG, CFG | {"other": 3}, CFG | {"name": "y"})
    )

    assert first is not None
    assert unread is not None
    assert read is not None
    assert first.digest == unread.digest
    assert first.digest != read.digest


def test_all_templates_that_fail_are_told_and_there_is_no_release() -> None:
    outcome = assembled({"a.template": b"{{ nope }}", "b.template": b"\xff\xfe"}, {}, "a", "b")

    assert outcome.release is None
    assert [problem.file for problem in outcome.problems] == [
        "src/grafana/deploy/a.template",
        "src/grafana/deploy/b.template",
    ]
    assert "not UTF-8" in outcome.problems[1].message


def test_unlisted_templates_are_left_as_they_are() -> None:
    outcome = assembled({"conf/nginx.conf.template": b"{{ rendered.later }}"}, {})

    assert outcome.release is not None
    assert set(outcome.release.files) == {"conf/nginx.conf.template"}


def test_includes_find_the_other_files_of_the_folder() -> None:
    outcome = assembled({"a.template": b"{% include 'parts/x.yaml' %}", "parts/x.yaml": b"x: 1"}, {}, "a")

    assert outcome.rendered is not None
    assert outcome.rendered.contents == {"a": b"x: 1"}


names = st.text("ab/1:", min_size=1, max_size=4)
some_files = st.dictionaries(
    names, st.tuples(st.sampled_from(list(Mode)), st.text("ab01", min_size=1, max_size=3)), max_size=4
)


@given(some_files, some_files)
def test_digests_are_equal_exactly_for_equal_files(
    first: dict[str, tuple[Mode, str]], second: dict[str, tuple[Mode, str]]
) -> None:
    def digest(files: dict[str, tuple[Mode, str]]) -> str:
        return release_digest({path: ReleaseFile(*file) for path, file in files.items()})

    assert (digest(first) == digest(second)) == (first == second)
    assert digest(dict(reversed(first.items()))) == digest(first)
