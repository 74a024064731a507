"""Whatever config.yaml holds, there are settings or faults: never a traceback."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.errors import ConfigError
from paiwatch.settings import file as settings_file
from tests.fuzz.soup import thorough, yaml_bytes

#: Beginnings that are in order, so that what follows is looked at.
beginnings = st.sampled_from(
    [
        b"",
        b"config: {repo: 'https://x.invalid/y.git'}\nsrc: {directory: /}\n",
        b"config: {repo: /x, branch: main}\nsrc: {repo: /x}\nstate: /tmp/x\noperators: ",
        b"config: {directory: .}\nsrc: {directory: .}\nlog: ",
        b"src: {directory: .}\nconfig: ",
    ]
)


@thorough(2)
@given(beginnings, yaml_bytes)
def test_any_settings_are_read_or_refused_with_faults(beginning: bytes, rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(beginning + rest)
        found = faults_or_parallel(file)

    assert found == 3 or (isinstance(found, list) and all(map(str.isprintable, found)))


def faults_or_parallel(file: Path) -> int | list[str]:
    """What is wrong with the file, else one of its settings."""
    try:
        settings, _ = settings_file.load_with_warnings(file, {"PAIWATCH_PARALLEL": "3"})
    except ConfigError as refused:
        return [*map(str, refused.problems)]
    return settings.operators.parallel
