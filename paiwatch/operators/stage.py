"""A stage: the private tree in which one script runs, looking like the source tree at its snapshot.

`<stage>/tree` is the working directory. In it `src/S/deploy` is a copy of the release; everything else is what `surroundings` holds,
read-only, reached by links at the highest possible level. Deploy folders of other services are not there: no script
may depend on another's rendered files. The stage goes when its script has ended.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from paiwatch import mounts, private
from paiwatch.failpoint import reach
from paiwatch.operators import skeleton
from paiwatch.operators.surroundings import leads_outside
from paiwatch.snapshot import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A built stage: `tree` is the script's working directory, `reasons` the file that says why it runs."""

    top: Path
    tree: Path
    reasons: Path
    folder: str
    surroundings: Path | None


def build(
    state: Path,
    run: int,
    folder: str,
    files: Mapping[str, tuple[Mode, bytes]],
    *,
    surroundings: Path | None,
    reasons: bytes,
) -> Stage:
    """The stage of this run. `folder` is the component's, from the tree's root; `files` are its release, by path in deploy/.

    Raises OSError (a full disk, say), leaving nothing behind.
    """
    top = state / "stages" / str(run)
    stage = Stage(
        top=top, tree=top / "tree", reasons=top / "reasons.json", folder=folder, surroundings=surroundings
    )
    private.remove_tree(top)
    try:
        private.make_folder(top)
        reach("stage.unfinished")
        private.write_file(stage.reasons, reasons)
        if surroundings is not None:
            skeleton.put(stage.tree, folder, surroundings)
        deploy = PurePosixPath(folder) / "deploy"
        _write_release(stage.tree / deploy, str(deploy), files)
    except OSError:
        private.remove_tree(top)
        raise
    reach("stage.built")
    return stage


def remove(stage: Stage) -> bool:
    """Remove it, whatever modes the script left. False when something is still in use; `clear` gets it later."""
    if stage.surroundings is not None:
        mounts.detach(
            stage.surroundings
        )  # a link of the tree leads there, and others are to find it as it was
        skeleton.give_back(stage.tree, stage.folder, stage.surroundings)
    return private.remove_tree(stage.top)


def clear(state: Path) -> None:
    """At start-up, once no script of a dead paiwatch runs: remove all stages, and surroundings that may be half written.

    A folder on which somebody mounted a file system stays.
    """
    for folder in (state / "stages", state / "surroundings"):
        if folder.is_dir() and not folder.is_symlink():
            for entry in tuple(folder.iterdir()):
                private.remove_tree(entry)
            with suppress(OSError):
                folder.rmdir()
        else:
            private.remove_tree(folder)


def _write_release(deploy: Path, name: str, files: Mapping[str, tuple[Mode, bytes]]) -> None:
    private.make_folder(deploy)
    links = {
        f"{name}/{path}": os.fsdecode(content) for path, (mode, content) in files.items() if mode is Mode.LINK
    }
    for path, (mode, content) in files.items():
        target = deploy / path
        private.make_folder(target.parent)
        if mode is not Mode.LINK:
            private.write_file(target, content, mode=0o700 if mode is Mode.EXECUTABLE else 0o600)
        elif not leads_outside(f"{name}/{path}", links):
            target.symlink_to(os.fsdecode(content))
