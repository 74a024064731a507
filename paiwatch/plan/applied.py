"""Applied: what the record remembers of one service; the only loop back into planning. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paiwatch.domain import run_spec
from paiwatch.domain.principal import Principal
from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.releases.release import Read, ReleaseFile
from paiwatch.snapshot import Entry

#: A hold under this name holds every service.
EVERYTHING = "*"


class HeldBy(StrEnum):
    """Why a service waits, nearly always for a person."""

    SUSPENDED = "suspended"  # `paiwatch suspend`
    STOPPED = "stopped"  # a person ran `service stop`
    DELETED = "deleted"  # a person ran `service delete`
    INTERRUPTED = "interrupted"  # paiwatch's end cut its script off, and its release asks for a person then
    QUARANTINED = "quarantined"  # retries used up for one release digest
    LINGERING = "lingering"  # nobody could end processes of its last run


#: Holds of what a person took down.
DOWN = frozenset({HeldBy.STOPPED, HeldBy.DELETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A service that waits for a person. `digest` is set for quarantine only: another release is not held.

    `principal` is the person who placed it, if one did. `done` is False while what a person asked for (a stop, a delete) has not succeeded: what is up then is not known.
    """

    service: str
    by: HeldBy
    reason: str
    since: float  # epoch seconds
    digest: str = ""
    done: bool = True
    principal: Principal | None = None


class PinnedBy(StrEnum):
    """Who rolled a service back."""

    PERSON = "person"  # `paiwatch rollback`
    POLICY = "policy"  # `on-failure: rollback`


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A service is rolled back: an archived release runs for as long as the tree asks for `instead_of`.

    `release` is that release as it was remembered when it last ran. `origin` says which run or revision a person named (""
    for the last good one). `left` is the generation that left it. `leader` is the service whose rollback this one follows ("": its own).
    """

    instead_of: str
    release: "Applied" = field(repr=False)
    since: float  # epoch seconds
    by: PinnedBy
    because: str
    left: int = 0
    origin: str = ""
    leader: str = ""

    @property
    def remedy(self) -> str:
        """What a person may do about it."""
        return f"push a commit that changes it, or `paiwatch retry {self.leader or self.release.service}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A release that ran successfully before the present one. `left` is the generation that went on to another."""

    release: "Applied" = field(repr=False)
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One service's memory.

    `digest` is the release that last ran successfully ("" when none has). `touched` is a later release whose run began
    and did not succeed ("" when the last run succeeded): what is really running is then unknown, so the service
    counts as changed. `version` grows with every applied change; `prerequisites` holds the versions of the
    prerequisites that this service last ran with (0: not applied then). That is how a refresh that is still owed
    to a dependent survives a crash.
    `archived` names the release whose scripts can stop it (touched, else digest), and `spec` says how; what is unset there is
    as in the settings, whenever it is run.
    `touched_by` is the operator that left it touched: after a start, stop or delete the service may be down, and a
    refresh would not bring it up.
    `pin` is set while a person or a policy has rolled it back.
    `files`, `reads` and `watched` are those of `digest`. `seal` vouches for files and reads, and names the rules that they
    were rendered by ("" when nothing does): see releases/seal.py.
    """

    service: str
    digest: str = ""
    touched: str = ""
    version: int = 0
    prerequisites: Mapping[str, int] = field(default_factory=dict)
    config: str = ""
    src: str = ""
    at: float = 0.0
    files: Mapping[str, ReleaseFile] = field(default_factory=dict, repr=False)
    reads: tuple[Read, ...] = field(default=(), repr=False)
    spec: RunSpec = field(default_factory=run_spec.declared)
    touched_by: Operator | None = None
    watched: Mapping[str, Entry] = field(default_factory=dict, repr=False)
    seal: str = field(default="", repr=False)
    pin: Pin | None = None

    @property
    def archived(self) -> str:
        """Digest of the archived release that knows how to stop what is running."""
        return self.touched or self.digest


#: Everything the record remembers that a plan needs: by service name.
Memory = Mapping[str, Applied]
