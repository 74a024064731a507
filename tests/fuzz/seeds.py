"""What fuzzing begins with: real files, and the words that wrong files are made of."""

from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import soup
from tests.fuzz.targets import BETWEEN

ROOT = Path(__file__).parents[2]

#: What the programs that a target stands between say when all is well.
_SAID = {
    "git-commit": [b"tree 1\nparent 2\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\nencoding latin-1\n\nS\n"],
    "git-output": [
        b"100644 blob " + b"a" * 40 + b"\tsrc/a\0160000 commit " + b"b" * 40 + b"\tsub\0",
        b":100644 000000 " + b"a" * 40 + b" " + b"0" * 40 + b" D\0src/a\0",
        b"c" * 40 + b"\0A\x001700000000\0subject\0\n:100644 100755 " + b"a" * 40 + b" " + b"b" * 40 + b" M\0src/a\0",
        b"a" * 40 + b"\trefs/heads/main\n" + b"b" * 40 + b"\tHEAD\n",
    ],
    "git-complaint": [b"remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://u:p@host/x.git/'"],
    "address": [b"pass-word", b"p@ss:w%40rd"],
    "scrubbing": [b"hunter22" + BETWEEN + b"is hunter22, or aHVudGVyMjI= and http://a:b@c/", b"two words\nand lines" + BETWEEN + b"two"],
    "quantities": [b"1.5m", b"64KiB", b"500ms"],
    "patterns": [b"version/*.VERSION" + BETWEEN + b"version/PAI.VERSION", b"src/**/[!a]?*" + BETWEEN + b"src/a/b"],
    "parsers-wire": [b'[["node",1],[["map",[["a",1],["b",["float","nan"]]]],["list",[["node",0],["date","2026-01-01"]]]]]'],
    "screen": [b"\x1b[31mred\x1b[0m 10%\r20%\r\n\xe2\x82"],
}  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """Inputs of this target that are in order, or nearly."""
    return [*_real(target), *_SAID.get(target, [])]


def words() -> list[bytes]:
    """For the fuzzer's dictionary."""
    every = [*soup.KEYS, *soup.SCALARS, *soup.BLANKS, *soup.JINJA, BETWEEN.decode()]
    return [word.encode("utf-8", "surrogatepass") for word in every]


def _real(target: str) -> Iterator[bytes]:
    """The example platform's files, as this target wants to have them."""
    if target in {"service-yaml", "document"}:
        yield from _contents("src/*/deploy/service.yaml")
    if target in {"settings", "document"}:
        yield from _contents("config.example.yaml")
    if target in {"configuration", "document"}:
        yield from _contents("src/*/config/*.yaml")
    if target in {"layout", "document"}:
        yield (
            b"machine-sku: {a: {mem: 1, cpu: {vcore: 1}}}\nmachine-list:\n- {hostname: m, hostip: 1.2.3.4, machine-type: a, pai-master: 'true'}\n"
            + (BETWEEN + b"cluster: {common: {cluster-id: x}}\na: {b: 1.10}\n" if target == "layout" else b"")
        )
    if target == "template":
        yield from _contents("src/*/deploy/*.template")
    if target == "deploy-rules":
        yield b"kind: Pod\nspec: {}\n---\nkind: DaemonSet\nspec: {template: {spec: {affinity: {nodeAffinity: 1}}}}\n"


def _contents(pattern: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted(ROOT.glob(pattern))]
