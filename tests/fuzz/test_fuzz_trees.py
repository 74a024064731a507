"""Whatever lies in the trees, a look ends with services or problems: never with a traceback, and always soon."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.snapshot import Mode
from tests.fuzz.looking import is_told, look
from tests.fuzz.soup import thorough, yaml_bytes

names = st.sampled_from(
    [
        "a",
        "b",
        "start.sh",
        "start.sh.template",
        "service.yaml",
        "x/y",
        "..",
        "ä",
        "\udcff",
        "-x",
        "a b",
        "a\nb",
        "é" * 60,
    ]
)
modes = st.sampled_from([*Mode])


@thorough()
@given(st.dictionaries(names, st.tuples(modes, yaml_bytes), max_size=5), yaml_bytes)
def test_any_deploy_folder_is_a_service_or_says_why_not(
    files: dict[str, tuple[Mode, bytes]], declaration: bytes
) -> None:
    src = {f"src/a/deploy/{name}": content for name, (_, content) in files.items()}
    kinds = {f"src/a/deploy/{name}": mode for name, (mode, _) in files.items() if mode.has_content}
    src.setdefault("src/a/deploy/service.yaml", declaration)

    assert is_told(look({"services-configuration.yaml": b"a: {b: 1}\n"}, src, kinds))
