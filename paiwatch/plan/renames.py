"""Renames: a service that is gone from the tree and a new one that is the same but for its name. PURE.

They are treated as what they are, one removed and one new; people are told that they belong together. The rule: of the files of
either (path in the deploy folder, mode, content), more than half are the same. Each service is in one pair at most, the nearest.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from paiwatch.plan.applied import Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.plan import Kind, Reason, Step

#: More pairs than this are not compared: that is no rename but another tree.
_MOST = 10_000


def find(gone: Collection[str], new: Collection[str], wanted: Wanted, memory: Memory) -> Mapping[str, str]:
    """By the old name: the new one."""
    if not gone or not new or len(gone) * len(new) > _MOST:
        return {}
    alike = sorted(_alike(gone, new, wanted, memory))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, old, name in alike:
        if old not in found and name not in taken:
            found[old] = name
            taken.add(name)
    return found


def _alike(
    gone: Iterable[str], new: Collection[str], wanted: Wanted, memory: Memory
) -> Iterator[tuple[float, str, str]]:
    """Pairs that are more alike than not, with how much they differ."""
    after = {name: set(wanted.releases[name].files.items()) for name in new}
    for old in gone:
        before = set(memory[old].files.items())
        for name, files in after.items():
            same = len(before & files)
            most = max(len(before), len(files))
            if same * 2 > most:
                yield 1 - same / most, old, name


def tell(steps: Iterable[Step], renamed: Mapping[str, str]) -> tuple[Step, ...]:
    """The steps with a reason more, where they start the new one or take the old one down."""
    if not renamed:
        return tuple(steps)
    former = {new: old for old, new in renamed.items()}
    return tuple(_tell(step, renamed, former) for step in steps)


def _tell(step: Step, renamed: Mapping[str, str], former: Mapping[str, str]) -> Step:
    service = step.id.service
    if step.kind is Kind.REMOVED and service in renamed:
        detail = f"renamed to '{renamed[service]}', which has most of its files"
    elif step.kind is Kind.NEW and service in former:
        detail = f"renamed from '{former[service]}', which had most of its files"
    else:
        return step
    return replace(step, reasons=(*step.reasons, Reason(kind="renamed", detail=detail)))
