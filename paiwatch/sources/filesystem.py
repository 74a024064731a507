"""Watching folders: hints that something moved, never what. The only room that knows watchdog.

Always with an event filter: unfiltered, watchdog 7.1 floods its own queue on large trees and loses events for good.
"""

import errno
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

from paiwatch import mounts
from paiwatch.errors import TransientError
from paiwatch.sources.route import Route

_CHANGES: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    DirAttribEvent,
    DirModifiedEvent,  # watchdog 7.1 asks the kernel for attributes (chmod) only when this is wanted
]
_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances",
}
Identity = tuple[int, ...]

_LOGGERS = ("watchdog.observers.inotify", "watchdog.observers.inotify_c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder to watch. `counts` says of a path whether a change there matters; `tell` is called, from any thread, if so."""

    folder: Path
    recursive: bool
    counts: Callable[[str], bool]
    tell: Callable[[], None]


class Watch:
    """Watches some places from `start` to `stop`. Blind when a folder was replaced: `is_sound` says so; start a new one."""

    def __init__(self, places: Sequence[Place], *, lost: Callable[[], None]) -> None:
        self._places = tuple(places)
        self._lost = lost
        self._reader: _Reader | None = None
        self._observer: BaseObserver | None = None
        self._identities: dict[Path, Identity] = {}

    def start(self) -> None:
        """Begin. Raises TransientError when a folder is missing or the kernel's limit is reached."""
        # Nested folders that appear at once make watchdog 7.1 warn about itself; as an error that would end its thread.
        warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
        for logger in _LOGGERS:
            logging.getLogger(logger).addFilter(_means_something)
        try:
            self._begin()
        except (OSError, RuntimeError) as fault:  # RuntimeError: no thread can be started
            self.stop()
            raise TransientError(_explain(fault, self._places)) from fault

    def _begin(self) -> None:
        self._identities = {place.folder: _identity(place) for place in self._places}
        self._reader = reader = _Reader(self._lost)
        reader.start()
        self._observer = BaseObserver(InotifyEmitter, inotify_fd=reader)
        for place in self._places:
            self._observer.schedule(
                _Hint(place), str(place.folder), recursive=place.recursive, event_filter=_CHANGES
            )
        self._observer.start()
        if reader.refusal is not None:
            raise reader.refusal

    def is_sound(self) -> bool:
        """Whether every place is still watched with all folders in it, and still the same folder."""
        if self._observer is None or self._reader is None or not self._reader.is_complete:
            return False
        threads = (self._reader, self._observer, *self._observer.emitters)
        try:
            replaced = any(_identity(place) != self._identities[place.folder] for place in self._places)
        except OSError:
            return False
        return not replaced and all(thread.is_alive() for thread in threads)

    def stop(self) -> None:
        """End, and wait for the threads. Does nothing the second time."""
        threads = [thread for thread in (self._observer, self._reader) if thread is not None]
        self._observer = self._reader = None
        for thread in threads:
            thread.stop()
            if thread.ident is not None:
                thread.join()
        for logger in _LOGGERS:
            logging.getLogger(logger).removeFilter(_means_something)


class _Reader(InotifyFD):
    """Reads the kernel's queue. Remembers when the kernel grants no more watches: watchdog keeps quiet about that for all
    folders but the first, and what happens in them would not be seen.

    Where the queue was full, watchdog 7.1 removes every watch and makes it anew; that fills the queue again where there are
    more folders than it has places, for ever. Here `lost` is called, once, and whoever watches begins anew when all is quiet.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__()
        self.refusal: OSError | None = None
        self._has_lost = False
        self._tell_lost = lost

    @property
    def is_complete(self) -> bool:
        """Whether all that happened since the start was seen."""
        return self.refusal is None and not self._has_lost

    def handle_event(self, event: InotifyEvent) -> None:
        """As watchdog's, but for a full queue."""
        if not event.is_queue_overflow:
            super().handle_event(event)
        elif not self._has_lost:
            self._has_lost = True
            self._tell_lost()

    def add_callback(
        self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
    ) -> WatchDescriptor:
        """As watchdog's, with the refusal noted."""
        try:
            return super().add_callback(path, mask, callback, id_)
        except OSError as fault:
            if fault.errno in _LIMITS:
                self.refusal = fault
            raise


def directory_places(
    route: Route, *, tell: Callable[[], None], replaced: Callable[[], None]
) -> tuple[Place, ...]:
    """Everything below a live directory but git's own files; and the names on the way to it, to notice a switch at once."""
    names: dict[Path, set[str]] = {}
    for folder, name in route.signs:
        names.setdefault(folder, set()).add(name)
    signs = (
        Place(folder=folder, recursive=False, counts=_is_named(*sorted(named)), tell=replaced)
        for folder, named in names.items()
    )
    inside = (
        ()
        if route.end is None
        else (Place(folder=route.end, recursive=True, counts=_is_no_git_file, tell=tell),)
    )
    return (*inside, *signs)


def ref_places(gitdir: Path, *, tell: Callable[[], None]) -> tuple[Place, ...]:
    """The branches of a repository on this machine, at two watches whatever its size; never its objects."""
    return (
        Place(folder=gitdir / "refs" / "heads", recursive=True, counts=_is_no_lock, tell=tell),
        Place(folder=gitdir, recursive=False, counts=_is_named("packed-refs"), tell=tell),
    )


class _Hint(FileSystemEventHandler):
    """Drops everything of an event but whether it matters."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog's thread."""
        if isinstance(event, DirModifiedEvent):
            return  # an echo of another event, which has the path
        paths = (os.fsdecode(path) for path in (event.src_path, event.dest_path) if path)
        if any(self._place.counts(path) for path in paths):
            self._place.tell()


def _means_something(record: logging.LogRecord) -> bool:
    """Watchdog complains about an emitter that is being stopped; that means nothing."""
    return "called when the thread is inactive" not in str(record.msg)


def _is_no_git_file(path: str) -> bool:
    return "/.git/" not in path and not path.endswith("/.git")


def _is_no_lock(path: str) -> bool:
    return not path.endswith(".lock")


def _is_named(*names: str) -> Callable[[str], bool]:
    return lambda path: path.rpartition("/")[2] in names


def _identity(place: Place) -> Identity:
    """Another one tells that it is another folder, or that something was mounted over what is watched in it."""
    facts = place.folder.stat()
    return (facts.st_dev, facts.st_ino, *(mounts.below(place.folder) if place.recursive else ()))


def _explain(fault: OSError | RuntimeError, places: Iterable[Place]) -> str:
    where = next(iter(places)).folder
    if isinstance(fault, RuntimeError):
        return f"{where}: cannot be watched: {fault}; raise the limit of processes (TasksMax=, LimitNPROC=)"
    limit = _LIMITS.get(fault.errno or 0)
    if limit is None:
        return f"{where}: cannot be watched: {fault.strerror or fault}"
    return f"{where}: cannot be watched: the limit {limit} is reached; raise it with sysctl"
