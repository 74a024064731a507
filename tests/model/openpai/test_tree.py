"""Which parsers a tree has, and what they may read."""

from paiwatch.model.openpai import tree
from paiwatch.snapshot import Entry, Mode, Revision, Tree, blob_id


def a_tree(*paths: str) -> Tree:
    files = {path: Entry(Mode.FILE, blob_id(path.encode())) for path in paths}
    return Tree(revision=Revision(id="1"), folder="src", files=files)


def test_a_parser_has_the_name_of_its_component() -> None:
    found = tree.parsers(
        a_tree(
            "src/b-c/config/b_c.py", "src/a/config/a.py", "src/d/config/e.py", "src/f/f.py", "a/config/a.py"
        )
    )

    assert list(found) == ["a", "b-c"]


def test_parsers_see_every_config_folder_and_what_they_name_of_their_own_deploy_folder() -> None:
    paths = (
        "src/a/config/a.py",
        "src/b/config/x/y.md",
        "src/a/deploy/mail/x/1",
        "src/a/deploy/mailer",
        "src/b/deploy/mail/1",
    )

    found = tree.inputs(a_tree(*paths, "version"), {"a": b"open('../deploy/mail')"})

    assert list(found) == ["a/config/a.py", "a/deploy/mail/x/1", "b/config/x/y.md"]


def test_links_are_no_parsers() -> None:
    linked = Tree(revision=Revision(id="1"), folder=".", files={"a/config/a.py": Entry(Mode.LINK, "0" * 40)})

    assert not tree.parsers(linked)
