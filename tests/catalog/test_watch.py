"""Patterns of watched files: against a matcher that is slow and obvious."""

import fnmatch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paiwatch.catalog import watch
from paiwatch.catalog.watch import Pattern, Watcher
from tests.catalog.trees import a_catalog, entries

TREE = entries(
    {
        "version/PAI.VERSION": "1",
        "version/K8S.VERSION": "2",
        "version/notes/old.VERSION": "3",
        "src/common/service.sh": "true",
        "src/common/lib/.hidden": "",
        "src/grafana/deploy/start.sh": "true",
    }
)


def slowly_matches(pattern: list[str], path: list[str]) -> bool:
    """Segment by segment; `**` tries every number of folders, at the end at least one name."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        least = 1 if len(pattern) == 1 else 0
        return any(slowly_matches(pattern[1:], path[count:]) for count in range(least, len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and slowly_matches(pattern[1:], path[1:])


names = st.text("ab.", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
segments = (
    st.sampled_from(["**", "*", "?", "a", "b*", "*b", "[ab]", "[!a]", "[a-b].", "a?", "[", "]"]) | names
)


@given(st.lists(segments, min_size=1, max_size=4), st.lists(names, min_size=1, max_size=4))
@example(["**", "**", "a"], ["a"])
@example(["[!", "a"], ["[!", "a"])
def test_a_pattern_matches_what_it_says(pattern: list[str], path: list[str]) -> None:
    text = watch.normal("/".join(pattern))

    assert Pattern(text=text).matches("/".join(path)) == slowly_matches(pattern, path)


@given(st.lists(segments, min_size=1, max_size=3))
def test_looking_only_where_a_pattern_begins_finds_all_of_it(pattern: list[str]) -> None:
    one = Pattern(text=watch.normal("/".join(pattern)))
    files = entries(dict.fromkeys(["a", "b", "a/b", "a/b/a", "ab", "ab/.a", "b/b", "[", "]/a"], ""))

    found = Watcher(files).matched(one)

    assert found == tuple(sorted(filter(one.matches, files)))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("version/*.VERSION", ["version/K8S.VERSION", "version/PAI.VERSION"]),
        ("version/**/*.VERSION", ["version/K8S.VERSION", "version/PAI.VERSION", "version/notes/old.VERSION"]),
        ("src/common/**", ["src/common/lib/.hidden", "src/common/service.sh"]),
        ("version/PAI.VERSION", ["version/PAI.VERSION"]),
        ("src/*/deploy/start.sh", []),
        ("version", []),
    ],
)
def test_a_service_watches_files_outside_its_own_folder(pattern: str, found: list[str]) -> None:
    watched = Watcher(TREE).find([Pattern(text=pattern)], deploy="src/grafana/deploy")

    assert watched == {path: TREE[path] for path in found}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/etc/passwd", "is an absolute path"),
        ("../other/**", "leaves the tree with '..'"),
        ("src/../../x", "leaves the tree with '..'"),
        ("", "is empty"),
        ("./", "is empty"),
        ("src/common/", "names a folder"),
        ("a\x07b", "is no pattern"),
        ("[b-a]", "is no pattern"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_an_error_at_its_line(text: str, message: str) -> None:
    catalog = a_catalog(
        {"grafana": f'start-script: start.sh\nwatch:\n  - version/*\n  - "{text!s}"\n'.replace("\x07", "\\a")}
    )

    assert catalog.invalid == {"grafana"}
    assert [(problem.line, problem.message) for problem in catalog.problems] == [(4, f"'watch[1]' {message}")]


def test_patterns_are_written_one_way_and_once() -> None:
    catalog = a_catalog({"grafana": "start-script: start.sh\nwatch: [./version//*, version/*, a/**/**]\n"})

    assert [pattern.text for pattern in catalog.services["grafana"].watch] == ["version/*", "a/**"]
    assert not catalog.problems


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        pytest.param("*a" * 25 + "b", "a" * 200, id="stars in a name"),
        pytest.param("[!x]*" * 25 + "b", "a" * 200, id="brackets and stars"),
        pytest.param("**/a/" * 25 + "b", "a/" * 300 + "a", id="folders"),
        pytest.param("**/*a*a*a/" * 25 + "b", "aaaaaa/" * 200 + "a", id="stars in folders"),
    ],
)
def test_a_pattern_of_many_stars_is_answered_at_once(pattern: str, path: str) -> None:
    assert watch.fault(pattern) is None
    assert not Pattern(text=watch.normal(pattern)).matches(path)
