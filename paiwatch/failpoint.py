"""Fail-points: named places at which paiwatch can be made to die, or to meet a fault, so that tests prove nothing is lost there.

Armed by `PAIWATCH_FAILPOINT` in the daemon's environment: `NAME[:NTH][:ERRNO]`, several with commas between. `run.intended:2` is
SIGKILL to ourselves when that place is reached the second time, `archive.unpublished:1:ENOSPC` an OSError instead. Unarmed, a
place costs one look into an empty dict. With `PAIWATCH_FAILPOINT_WHEN=FILE`, places are passed uncounted while there is no such
file. The pure rooms have no places: nothing durable happens there.
"""

import errno
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from paiwatch.errors import ConfigError

VARIABLE = "PAIWATCH_FAILPOINT"
TRIGGER = "PAIWATCH_FAILPOINT_WHEN"

#: Every place there is, in the order in which a pass comes by, and what is true there.
POINTS = {
    "record.created": "the record's file exists and is empty",
    "record.backed-up": "the record was copied beside itself, its migration has not begun",
    "record.migrating": "a migration is carried out and not committed",
    "record.uncommitted": "any transaction of the record is about to be committed",
    "past.swept": "what a dead paiwatch left running is ended, its runs have no end yet",
    "past.interrupted": "one unfinished run has got its end",
    "past.abandoned": "the generations of a dead paiwatch are closed, its stages are still there",
    "past.cleared": "its stages are gone too",
    "source.fetched": "the mirror has the newest commit, nothing was read from it",
    "source.recreated": "a damaged mirror is set aside, the new one has not its name yet",
    "source.accepted": "a commit is recorded as good, nothing was made of it",
    "snapshot.taken": "both trees are read and rendered, nothing was compared",
    "plan.held": "a plan that waits for an approval is written down",
    "plan.approved": "the approval is written down, the plan is not accepted",
    "plan.withdrawn": "an approval is used up",
    "plan.accepted": "the generation and its steps are written down, nothing has begun",
    "archive.unpublished": "a release is written, but not under its name",
    "archive.published": "a release has its name",
    "run.intended": "the run is written down, its process does not exist",
    "surroundings.unpublished": "the files around the components are written, but not under their name",
    "surroundings.prepared": "they have their name",
    "stage.unfinished": "the stage exists, the release is not in it",
    "stage.built": "the stage is whole, the script has not begun",
    "script.started": "the process exists, the record does not know it",
    "run.identified": "the record knows the process",
    "script.ended": "the script and all it left are gone, its output is as it wrote it",
    "output.unpublished": "masked output is written, but not in place of what the script wrote",
    "output.finished": "the output is cut and masked",
    "stage.removed": "the stage is gone, the run has no end",
    "run.finished": "the end of the run and what follows from it are written down",
    "step.dismissed": "a step without a run of its own has got its outcome",
    "service.quarantined": "a release that failed too often waits for a person",
    "generation.closed": "the generation is closed",
    "record.pruned": "old runs are forgotten, their output is still there",
    "archive.pruning": "a release to be removed has lost its listing, not its files",
    "archive.pruned": "releases that nobody needs are gone, surroundings are not",
    "service.held": "a person's hold is written down, nobody was told",
    "service.lifted": "it is lifted, nobody was told",
    "service.pinned": "a rollback is written down and its failed release quarantined, nothing was planned anew",
    "service.unpinned": "a rollback has ended, nothing was planned anew",
    "service.forgiven": "failures are forgotten, nothing was planned anew",
    "service.adopted": "releases are recorded as applied without a run",
}


@dataclass(slots=True)
class _Charge:
    """`left`: how often the place is still reached before it goes off; `fault`: an errno, 0 for SIGKILL; `trigger`: a file."""

    left: int
    fault: int
    trigger: str


_charges: dict[str, _Charge] = {}


def arm(environ: Mapping[str, str]) -> None:
    """Arm what the environment names, and nothing else. Raises ConfigError for a place that does not exist."""
    trigger = environ.get(TRIGGER, "")
    charges = dict(_parse(each, trigger) for each in environ.get(VARIABLE, "").split(",") if each)
    _charges.clear()
    _charges.update(charges)


def reach(name: str) -> None:
    """A place is reached: go on, raise OSError, or die, as armed. Every place goes off once."""
    charge = _charges.get(name)
    if charge is None or (charge.trigger and not os.access(charge.trigger, os.F_OK)):
        return
    charge.left -= 1
    if charge.left:
        return
    del _charges[name]
    if charge.fault:
        raise OSError(charge.fault, os.strerror(charge.fault), name)
    os.kill(os.getpid(), signal.SIGKILL)


def _parse(text: str, trigger: str) -> tuple[str, _Charge]:
    name, *rest = text.split(":")
    if name not in POINTS:
        raise ConfigError(f"{VARIABLE}: no fail-point {name!r}; there are: {', '.join(POINTS)}")
    nth, fault = [*rest, "", ""][:2]
    if len(rest) > 2 or not (nth or "1").isdecimal() or not (number := int(nth or "1")):
        raise ConfigError(f"{VARIABLE}: {text!r} is not NAME[:NTH][:ERRNO]; NTH counts from 1")
    if fault and fault not in errno.errorcode.values():
        raise ConfigError(f"{VARIABLE}: {fault!r} is no errno; use a name such as ENOSPC")
    return name, _Charge(left=number, fault=getattr(errno, fault) if fault else 0, trigger=trigger)
