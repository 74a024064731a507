import pytest

from paiwatch.sources import names


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../x",
        "/etc/x",
        "a//x",
        "a/",
        "",
        ".",
        "./x",
        "a/..",
        ".git/config",
        "a/.GIT/hooks/x",
        "GIT~1/config",
    ],
)
def test_a_name_that_leads_elsewhere_is_found_wherever_it_stands(path: str) -> None:
    files = sorted([path, "a/b/c", "z"])

    assert "leads out of the tree or into git's own files" in names.fault(files, files)
    assert names.fault(files, [path])


@pytest.mark.parametrize(
    "path",
    [
        "...",
        "..a",
        "a..",
        ".gitignore",
        "a/.gitkeep",
        "git~2",
        "git",
        "a b",
        "\n",
        "tab\t",
        "\udcff",
        "-x",
        "ü" * 127,
        "a\\..\\b",
    ],
)
def test_odd_names_that_a_folder_can_hold_are_none_of_our_business(path: str) -> None:
    assert not names.fault([path], [path])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("a/" + "x" * 256, "a name of more than 255 bytes", id="name"),
        pytest.param("a/" + "ü" * 128, "a name of more than 255 bytes", id="name in UTF-8"),
        pytest.param("/".join(["folder"] * 150), "a path of more than 1,024 bytes", id="path"),
    ],
)
def test_what_is_too_long_for_a_file_system_is_shown_in_short(path: str, words: str) -> None:
    fault = names.fault([path], [path])

    assert words in fault
    assert len(fault) < 160


def test_a_file_cannot_be_a_folder_too_whichever_of_them_came_later() -> None:
    files = ["a", "a-b", "a/b/c", "d"]

    for fresh in (files, ["a"], ["a/b/c"]):
        assert names.fault(files, fresh) == "'a' as a file and as a folder"
    assert not names.fault(files, ["d"])  # the others were looked at before
    assert not names.fault(["a-b", "a/b/c", "a/b/d", "b"], ["a/b/c", "b"])


def test_terminals_are_told_nothing_by_a_name() -> None:
    assert names.fault(["../\x1b[31m\n"], ["../\x1b[31m\n"]).isprintable()
