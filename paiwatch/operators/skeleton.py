"""Skeletons: trees of links to the surroundings, from the root down to the components' folder; stages are put on them.

Among thousands of components the links take longer to make than most scripts run, so a skeleton that its script left
as it was is used again.
"""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

from paiwatch import private

_MADE = 946_684_800  # mtime of a skeleton's folders (2000-01-01): another one tells that a script changed what is in it


def put(tree: Path, folder: str, surroundings: Path) -> None:
    """Make `tree`: real folders down to `folder` (a component, from the root), links beside them. Raises OSError."""
    component = PurePosixPath(folder)
    if not _take(tree, surroundings, component.parent):
        _make(tree, component.parent, surroundings)
    own = tree / component
    own.unlink(missing_ok=True)  # it is a link to the surroundings where these have files of the component
    private.make_folder(own)
    _link_entries(surroundings / component, own, without="deploy")
    _sign(tree, component.parent)


def give_back(tree: Path, folder: str, surroundings: Path) -> bool:
    """Keep the skeleton for the next stage. False when its script changed it: then it is of no more use."""
    component = PurePosixPath(folder)
    try:
        if not all(_is_unchanged(each) for each in _folders(tree, component.parent)):
            return False
        if not private.remove_tree(tree / component):
            return False
        if (surroundings / component).exists():
            (tree / component).symlink_to(surroundings / component)
        spare = private.make_folder(_spares(surroundings, component.parent))
        tree.rename(spare / tree.parent.name)
    except OSError:
        return False
    return True


def _spares(surroundings: Path, components: PurePosixPath) -> Path:
    """Skeletons of equal surroundings differ by where the components lie."""
    return surroundings.with_name(f"{surroundings.name}.spare") / str(components).replace("/", "%")


def _take(tree: Path, surroundings: Path, components: PurePosixPath) -> bool:
    """Move a spare one here, if there is any; somebody else may be quicker."""
    spares = _spares(surroundings, components)
    for spare in spares.iterdir() if spares.is_dir() else ():
        with suppress(FileNotFoundError):
            spare.rename(tree)
            return True
    return False


def _make(tree: Path, components: PurePosixPath, surroundings: Path) -> None:
    here, there = private.make_folder(tree), surroundings
    for part in components.parts:
        _link_entries(there, here, without=part)
        here, there = private.make_folder(here / part), there / part
    _link_entries(there, here)


def _link_entries(there: Path, here: Path, *, without: str = "") -> None:
    if not there.is_dir():
        return
    with os.scandir(there) as entries:
        for entry in entries:
            if entry.name != without:
                os.symlink(entry.path, f"{here}/{entry.name}")  # noqa: PTH211 (ten thousand times, so the short way)


def _folders(tree: Path, components: PurePosixPath) -> list[Path]:
    return [
        tree,
        *(tree / PurePosixPath(*components.parts[: end + 1]) for end in range(len(components.parts))),
    ]


def _sign(tree: Path, components: PurePosixPath) -> None:
    for folder in _folders(tree, components):
        folder.chmod(0o700)
        os.utime(folder, (_MADE, _MADE))


def _is_unchanged(folder: Path) -> bool:
    return folder.lstat().st_mtime == _MADE
