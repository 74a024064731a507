"""The garbage collector's pace. It looks for rings of objects that refer to each other; all else is freed without it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects between two of its rounds; Python's own number is 700. A round costs time for what lives, and ten thousand
#: services live long: at 700, a third of their first look and of every small one goes into rounds that find next to nothing.
EVERY = 20_000


def calm() -> None:
    """Let it look for rings less often, in the whole process."""
    gc.set_threshold(EVERY)


@contextmanager
def paused(*, when: bool) -> Iterator[None]:
    """No rounds in here: each visits every object made so far, which makes building very many quadratic."""
    pause = when and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()
