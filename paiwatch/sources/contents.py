"""Contents of files by id, as much as fits into memory; what is no file, too large or not there is named by its path."""

from collections.abc import Collection, Mapping

from paiwatch.errors import StalledError
from paiwatch.snapshot import Entry
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.objects import Objects

LARGEST = 100 << 20  # bytes of one file
MOST = 1 << 30  # bytes of all that one question asks for: a small pack can hold a thousand times its size


def read(
    objects: Objects, wanted: Collection[str], *, where: str, files: Mapping[str, Entry]
) -> Mapping[str, bytes]:
    """The contents of these blobs, each a file's among `files`.

    Raises StalledError for what is too large or no file, DamagedMirrorError for what is missing.
    """
    contents: dict[str, bytes] = {}
    for oid, found in objects.read(wanted, most=LARGEST, in_all=MOST).items():
        if found.kind != "blob":
            raise StalledError(f"{where}: {_place(oid, files)} is no file but a {found.kind}; push it anew")
        if found.content is None:
            raise StalledError(f"{where}: {_place(oid, files)} {_excess(found.size)}")
        contents[oid] = found.content
    if gone := next((oid for oid in wanted if oid not in contents), None):
        why = "a forced push followed by gc can do that; the next look tries again"
        raise DamagedMirrorError(f"{where}: object {gone} is missing; {why}")
    return contents


def _excess(size: int) -> str:
    remedy = "keep it elsewhere and let a script fetch it"
    if size > LARGEST:
        return f"has {size:,} bytes, and a file may have {LARGEST:,}; {remedy}"
    return f"and the files read with it have more than {MOST:,} bytes together; {remedy}"


def _place(oid: str, files: Mapping[str, Entry]) -> str:
    return next((repr(path) for path, entry in files.items() if entry.oid == oid), f"object {oid}")
