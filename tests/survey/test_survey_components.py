"""The src side of a look: what is kept from the look before is what would be found anew."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.snapshot import Entry, Mode, Revision, Tree, blob_id
from paiwatch.survey.components import survey_components

_TEXTS = (
    b"start-script: start.sh\n",
    b"start-script: start.sh\nwatch: [shared/*]\nprerequisite: [b]\n",
    b"*.bin filter=lfs\n",
    b"x = 1\n",
)
_CONTENTS = {blob_id(text): text for text in _TEXTS}
_ENTRIES = st.one_of(
    st.builds(Entry, st.just(Mode.FILE), st.sampled_from(sorted(_CONTENTS))),
    st.builds(Entry, st.just(Mode.FILE), st.just(blob_id(_TEXTS[0]))),
    st.just(Entry(Mode.SUBMODULE, "5" * 40)),
)
_PATHS = st.sampled_from(
    [f"src/{name}/{file}" for name in "ab" for file in ("deploy/service.yaml", "deploy/start.sh", "deploy/x.bin", "lib")]
    + ["src/a/config/a.py", "src/a/config/a.yaml", "src/b/config/b.py", ".gitattributes", "src/a/deploy/.gitattributes"]
    + ["shared/x", "src/c"]
)  # fmt: skip


def a_src(files: Mapping[str, Entry], revision: int) -> Tree:
    return Tree(revision=Revision(id=str(revision)), folder="src", files=dict(sorted(files.items())))


@pytest.mark.parametrize("openpai", [None, False, True])
@settings(max_examples=60, deadline=None)
@given(
    first=st.dictionaries(_PATHS, _ENTRIES, min_size=3),
    edits=st.lists(
        st.dictionaries(_PATHS, _ENTRIES | st.none(), min_size=1, max_size=2), min_size=1, max_size=4
    ),
)
def test_components_that_follow_the_changed_paths_are_those_of_the_whole_tree(
    openpai: bool | None, first: dict[str, Entry], edits: list[dict[str, Entry | None]]
) -> None:
    files, before = dict(first), survey_components(a_src(first, 0), read, None, openpai=openpai)

    for number, edit in enumerate(edits, 1):
        for path, entry in edit.items():
            files.pop(path, None)
            if entry is not None:
                files[path] = entry
        tree = a_src(files, number)
        before = survey_components(tree, read, before, openpai=openpai)
        assert before == survey_components(tree, read, None, openpai=openpai)


def read(oids: object) -> Mapping[str, bytes]:
    """All there is."""
    return _CONTENTS
