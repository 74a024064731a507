"""Which folders of a tree are components, and which of those services."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.components import components, components_since, is_usable_name, services
from paiwatch.differing import differing
from paiwatch.snapshot import Entry, Mode, Revision, Tree
from tests.catalog.trees import a_tree


def test_files_are_grouped_by_component_and_seen_from_the_deploy_folder() -> None:
    tree = a_tree(
        {
            "README.md": "",
            "src/README.md": "",
            "src/a/deploy/service.yaml": "",
            "src/a/deploy/sub/x": "",
            "src/a/config/a.yaml": "",
            "src/b/deploy": "-> ../a/deploy",
            "src/c/deploy/other": "",
            "srcs/d/deploy/service.yaml": "",
        }
    )

    found = components(tree)

    assert {name: sorted(deploy) for name, deploy in found.items()} == {
        "a": ["service.yaml", "sub/x"],
        "b": [],
        "c": ["other"],
    }
    assert list(services(found)) == ["a"]


@pytest.mark.parametrize("folder", ["", "."])
def test_components_may_lie_at_the_root(folder: str) -> None:
    assert list(services(components(a_tree({"a/deploy/service.yaml": ""}, folder)))) == ["a"]


@pytest.mark.parametrize(
    ("name", "usable"),
    [("rest-server", True), ("k8s_1.2", True), ("a b", False), ("-a", False), (".a", False), ("a\n", False),
     ("\udcff", False), ("größe", False), ("a" * 101, False), ("", False), ("a;b", False)],
)  # fmt: skip
def test_names_that_scripts_and_files_can_have(name: str, usable: bool) -> None:
    assert is_usable_name(name) is usable


_LISTINGS = st.dictionaries(
    st.sampled_from(
        [
            f"src/{name}/{file}"
            for name in ("a", "a-b", "b")
            for file in ("deploy/x", "deploy/y/z", "readme", "deploy", ".", "deploy/.")
        ]
        + ["src/notes", "conf/a.yaml", "src/a/deploy/service.yaml"]
    ),
    st.builds(Entry, st.sampled_from([Mode.FILE, Mode.LINK]), st.sampled_from(["1" * 40, "2" * 40])),
)


def test_a_folder_that_is_shut_meanwhile_does_not_look_as_if_its_service_were_gone() -> None:
    older = a_tree({"src/a/deploy/service.yaml": "", "src/a/deploy/x": "", "src/b/deploy/x": ""})
    shut = {
        "src/a/deploy/.": Entry(Mode.UNREADABLE, "0" * 40),
        "src/b/deploy/x": older.files["src/b/deploy/x"],
    }

    found = components_since(replace(older, files=shut), components(older), differing(older.files, shut))

    assert services(found) == {"a": {"service.yaml": Entry(Mode.UNREADABLE, "0" * 40)}}
    assert components_since(older, found, differing(shut, older.files)) == components(older)


@given(before=_LISTINGS, after=_LISTINGS, folder=st.sampled_from(["src", "."]))
def test_components_of_a_changed_listing_are_those_of_the_listing(
    before: dict[str, Entry], after: dict[str, Entry], folder: str
) -> None:
    older, newer = (
        Tree(revision=Revision(id=""), folder=folder, files=dict(sorted(files.items())))
        for files in (before, after)
    )
    known = components(older)

    found = components_since(newer, known, differing(before, after))

    assert found == components(newer)
    assert all(found[name] is known[name] for name in found if name in known and found[name] == known[name])
    assert known == components(older)
