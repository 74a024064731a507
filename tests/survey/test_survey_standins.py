"""Git LFS pointers and submodules: files that only stand for others are never deployed as if they were the others."""

import pytest

from paiwatch.catalog.standins import (
    is_pointer,
    lfs_patterns,
    link_problems,
    may_be_pointers,
    submodule_problems,
)
from paiwatch.problem import Severity
from paiwatch.snapshot import Entry, Mode, Revision, Tree
from tests.survey.test_survey import Shop, a_component, a_survey

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 12345\n"
LFS = "*.txt filter=lfs diff=lfs merge=lfs -text\n"


def a_shop(**src: str) -> Shop:
    both = {
        **a_component("db", "start-script: start.sh\ntemplate-list: [a.txt]", a_txt_template="x"),
        **a_component("web", key_txt=POINTER),
    }
    return Shop({"conf/c.yaml": "db: {}\n"}, {**both, **src})


def test_a_pointer_in_a_deploy_folder_holds_its_service_and_no_other() -> None:
    shop = a_shop(**{".gitattributes": LFS})

    desired = shop.look(a_survey())

    assert desired.invalid == {"web"}
    assert set(desired.releases) == {"db"}
    (problem,) = desired.problems
    assert (problem.file, problem.service) == ("src/web/deploy/key.txt", "web")
    assert "is a Git LFS pointer" in str(problem)
    assert "put the file itself into the repository" in str(problem)


def test_it_is_found_when_only_the_attributes_come_and_forgotten_when_they_or_it_go() -> None:
    shop, survey = a_shop(), a_survey()
    assert shop.look(survey).invalid == frozenset()

    shop.src["src/.gitattributes"] = f"# ours\n{LFS}"
    assert shop.look(survey).invalid == {"web"}

    shop.src["src/web/deploy/key.txt"] = "the file itself"
    assert shop.look(survey).invalid == frozenset()

    shop.src["src/web/deploy/key.txt"] = POINTER
    assert shop.look(survey).invalid == {"web"}

    del shop.src["src/.gitattributes"]
    assert shop.look(survey).invalid == frozenset()


def test_a_tree_without_lfs_reads_nothing_more() -> None:
    shop, survey = a_shop(**{".gitattributes": "*.txt text\n"}), a_survey()

    shop.look(survey)

    assert POINTER not in shop.reads


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({".gitattributes": "*.bin filter=lfs"}, {"a.bin", "sub/b.bin"}),
        ({".gitattributes": "/src/s/deploy/sub/** filter=lfs"}, {"sub/b.bin", "sub/c"}),
        ({".gitattributes": "src/**/*.bin filter=lfs -text"}, {"a.bin", "sub/b.bin"}),
        ({"src/s/deploy/sub/.gitattributes": "* filter=lfs"}, {"sub/b.bin", "sub/c"}),
        ({"src/t/.gitattributes": "* filter=lfs"}, set()),
        ({".gitattributes": "*.bin filter=other\n\n#x filter=lfs"}, set()),
        ({".gitattributes": "\udcff[ filter=lfs"}, set()),
    ],
)
def test_patterns_mean_what_lies_below_their_file(attributes: dict[str, str], found: set[str]) -> None:
    patterns = lfs_patterns(
        {path: text.encode(errors="surrogateescape") for path, text in attributes.items()}
    )
    entries = {path: Entry(Mode.FILE, path) for path in ("a.bin", "sub/b.bin", "sub/c")}
    entries["link.bin"] = Entry(Mode.LINK, "l")

    assert set(may_be_pointers(patterns, "src/s/deploy", entries)) == found


def test_only_what_looks_like_a_pointer_is_one() -> None:
    assert is_pointer(POINTER.encode())
    assert not is_pointer(b"see version https://git-lfs.github.com/spec/v1")
    assert not is_pointer(POINTER.encode() + b"x" * 2000)


def test_submodules_among_the_components_are_warned_of() -> None:
    gitlink = Entry(Mode.SUBMODULE, "0" * 40)
    paths = ("src/whole", "src/web/vendor/lib", "src/web/deploy/lib", "elsewhere/lib")
    tree = Tree(revision=Revision(id="1"), folder="src", files=dict.fromkeys(paths, gitlink))

    found = {problem.file: problem for problem in submodule_problems(tree)}

    assert {file: problem.service for file, problem in found.items()} == {
        "src/whole": "",
        "src/web/vendor/lib": "web",
    }
    assert {problem.severity for problem in found.values()} == {Severity.WARNING}
    assert "is not followed" in str(found["src/whole"])
    assert "submodules: on" in str(found["src/whole"])


def test_links_in_the_place_of_a_component_are_warned_of() -> None:
    link = Entry(Mode.LINK, "1" * 40)
    files = dict.fromkeys(
        ("src/whole", "src/part/deploy", "src/README.md", "src/web/config", "other/x"), link
    )
    tree = Tree(revision=Revision(id=""), folder="src", files=files)

    found = {problem.file: problem for problem in link_problems(tree)}

    assert set(found) == {"src/whole", "src/part/deploy"}
    assert {problem.severity for problem in found.values()} == {Severity.WARNING}
    assert "'part' is no service; put the folder itself there" in str(found["src/part/deploy"])
