"""The targets of `make fuzz` stand real files and bytes by chance, and all that ever broke them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds, words
from tests.fuzz.soup import jinja, thorough, yaml_bytes
from tests.fuzz.targets import BETWEEN, TARGETS

pieces = st.one_of(
    yaml_bytes,
    jinja.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.one_of(st.sampled_from(words()), st.binary(max_size=4)), max_size=20).map(b"".join),
)
inputs = st.lists(pieces, min_size=1, max_size=3).map(BETWEEN.join)

#: Settings that are in order, so that what follows is looked at.
BEGINNINGS = [
    b"config: {repo: 'https://x.invalid/y.git'}\nsrc: {directory: /}\n",
    b"config: {repo: /x, branch: main}\nsrc: {repo: /x}\nstate: /tmp/x\noperators: ",
    b"config: {directory: .}\nsrc: {directory: .}\nlog: ",
    b"src: {directory: .}\nconfig: ",
]

#: Inputs that broke a target once.
BROKE = [
    pytest.param("service-yaml", b"de\tlete: 1\nde\tlete: 2\n", id="a key that cannot be printed"),
    pytest.param("git-output", b"a: 1", id="a log that ends early"),
    pytest.param("address", b"@ass-w", id="a password with an @"),
    pytest.param("deploy-rules", b"[" * 200_000, id="brackets without end"),
    pytest.param("document", b"- " * 100_000, id="lists without end"),
    pytest.param("patterns", b"*a" * 25 + b"b" + BETWEEN + b"a" * 200, id="stars"),
]


@pytest.mark.parametrize("target", TARGETS)
def test_real_files_are_no_trouble(target: str) -> None:
    for content in seeds(target):
        TARGETS[target](content)


@pytest.mark.parametrize("target", TARGETS)
@thorough(0.5)
@given(inputs)
def test_any_bytes_are_a_value_or_told_of(target: str, content: bytes) -> None:
    TARGETS[target](content)


@thorough()
@given(st.sampled_from(BEGINNINGS), yaml_bytes)
def test_settings_that_begin_well_are_read_or_refused(beginning: bytes, rest: bytes) -> None:
    TARGETS["settings"](beginning + rest)


@pytest.mark.parametrize(("target", "content"), BROKE)
def test_what_broke_once_breaks_no_more(target: str, content: bytes) -> None:
    TARGETS[target](content)
