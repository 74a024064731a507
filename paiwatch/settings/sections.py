"""config.yaml as frozen sections. Parsed once; each part of paiwatch receives the two fields it needs, never all of this."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from paiwatch.catalog.service import Dependents, OnFailure, OnInterruption, Removal
from paiwatch.documents.units import AtMost, Count, Duration, Size, Span
from paiwatch.sources.rules import History, Rules, Verify


class Section(BaseModel):
    """What all sections share: frozen, nothing unknown. Docstrings of fields are what the schema says of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Submodules(StrEnum):
    """Whether the files of a repository's submodules are part of its tree."""

    OFF = "off"
    ON = "on"


#: Keys of a source that name a file or folder.
PLACES = ("directory", "token_file", "key_file", "known_hosts", "ca_file", "allowed_signers", "keyring")


class Source(Section):
    """Where one tree comes from: a git repository (`repo`) or a live directory (`directory`), exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["repo"]}, {"required": ["directory"]}]}
    )

    repo: str = ""
    """Git repository: an https, ssh or file URL, or a path on this machine."""
    branch: str = "main"
    """Branch to follow."""
    directory: Path | None = None
    """Live directory, the root of the tree that scripts see."""
    folder: str = "."
    """Where the components (or the configuration files) lie in the tree."""
    poll: Span = 30.0
    """How often the repository is asked for news."""
    timeout: Span = 60.0
    """Limit of every single git call."""
    token_file: Path | None = None
    """https: file that holds the access token (or password); read again for each fetch."""
    username: str = "x-access-token"
    """https: user name that goes with the token."""
    key_file: Path | None = None
    """ssh: private key file."""
    known_hosts: Path | None = None
    """ssh: known_hosts file; the host's key must be in it."""
    ca_file: Path | None = None
    """https: file with the certificates (PEM) of the authorities that count, in place of the system's."""
    max_fetch: Size = 4 << 30
    """Most that one fetch may write; a first fetch brings the branch's whole history."""
    verify: Verify = Verify.OFF
    """Commits that a known signer must have signed: off (none), tip (the newest), all (every one since the last good one)."""
    allowed_signers: Path | None = None
    """verify: file of ssh keys whose signatures count, as ssh-keygen(1) describes ALLOWED SIGNERS."""
    keyring: Path | None = None
    """verify: file with gpg keys whose signatures count (`gpg --export`), or a folder of such files."""
    history: History = History.ANY
    """any: the branch may be rewritten; fast-forward-only: a rewritten branch waits for `paiwatch accept-rewrite`."""
    submodules: Submodules = Submodules.OFF
    """off: a submodule brings nothing, and is an error in a deploy folder; on: its files are in the tree, as of the commit named."""
    settle: Duration = 0.5
    """Live directory: quiet time after the last file event before it is read."""
    look: Span = 300.0
    """Live directory: a full look this often, whatever the events say."""

    @property
    def follows_submodules(self) -> bool:
        """Whether submodules are fetched."""
        return self.submodules is Submodules.ON

    @property
    def rules(self) -> Rules:
        """What the newest commit must satisfy."""
        return Rules(
            verify=self.verify,
            history=self.history,
            allowed_signers=self.allowed_signers,
            keyring=self.keyring,
        )


class ClusterModel(StrEnum):
    """How cluster_cfg is made of the two trees."""

    AUTO = "auto"
    OPENPAI = "openpai"
    PLAIN = "plain"


class Cluster(Section):
    """How the configuration becomes cluster_cfg."""

    model: ClusterModel = ClusterModel.AUTO
    """openpai: as OpenPAI's paictl, with its parsers; plain: files and defaults as they are; auto: openpai for a tree with parsers."""
    parser_timeout: Span = 30.0
    """Limit of the process that runs a tree's parsers."""


class Undefined(StrEnum):
    """What a template may do with a key that does not exist."""

    AUTO = "auto"
    STRICT = "strict"
    LENIENT = "lenient"


class Templates(Section):
    """How templates are rendered."""

    undefined: Undefined = Undefined.AUTO
    """strict: a missing key is an error naming template, line and key; lenient: it prints nothing; auto: lenient for OpenPAI's trees."""


class Prerequisites(StrEnum):
    """What a prerequisite is that does not exist in the tree."""

    LENIENT = "lenient"
    STRICT = "strict"


class RetryPolicy(Section):
    """How often a failed step is tried again, and how far apart."""

    attempts: Count = 5
    """Tries in all before the release is quarantined."""
    first: Duration = 10.0
    """Wait after the first failure; doubles each time."""
    max: Duration = 300.0
    """Longest wait."""


class Operators(Section):
    """How steps are run."""

    parallel: Annotated[int, Field(ge=1, le=256, strict=True)] = 4
    """Scripts at once."""
    timeout: Span = 1800.0
    """Limit of one script; service.yaml may say otherwise."""
    grace: Duration = 10.0
    """Time between TERM and KILL for a script that must end."""
    prerequisites: Prerequisites = Prerequisites.LENIENT
    """A prerequisite that does not exist: lenient (a warning, the service runs without it) or strict (an error, the service is held)."""
    dependents: Dependents = Dependents.REFRESH
    """refresh: a change also refreshes the services that name it as prerequisite; ignore: order only."""
    removed: Removal = Removal.KEEP
    """A service gone from the tree: keep (status says so), stop, or delete."""
    retries: RetryPolicy = RetryPolicy()
    """Retries of a failed step."""
    on_failure: OnFailure = OnFailure.KEEP
    """The retries of a new release are used up: keep (it stays failed) or rollback (to the last good release)."""
    interrupted: OnInterruption = OnInterruption.RERUN
    """When paiwatch's own end cut a script off: rerun (the step is run again) or hold (the service waits for a person)."""
    log_limit: Size = 10 * 1024**2
    """Output kept of one run; the middle of what is longer is cut."""


class Guard(Section):
    """How much one plan may do before a person has to approve it (`paiwatch approve`)."""

    max_services: AtMost | None = None
    """Most services that a plan may touch: a number (new ones included), or a share of those applied. Default: no limit."""
    max_stops: AtMost = Field(default="50%", validate_default=True)
    """Most services that a plan may take down for good: a number, or a share of those applied; a share lets one pass, but not the last one."""


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important line that is still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Logging(Section):
    """paiwatch's own log, on standard error."""

    format: LogFormat = LogFormat.AUTO
    """auto: console on a terminal, else JSON lines."""
    level: LogLevel = LogLevel.INFO
    """Least important level written."""
    secret_keys: str = r"(?i)(pass(w(or)?d|phrase)|secret|token|credential|(private|api|access)[-_]?key)"  # noqa: S105 (a pattern of names)
    """Values of cluster_cfg keys that match are never shown, in logs or anywhere else."""


class Retention(Section):
    """How much of the past is kept."""

    runs: Count = 50
    """Runs kept for each service, with their output."""
    generations: Count = 500
    """Generations kept."""
    releases: Count = 3
    """Earlier good releases kept for each service, to roll back to."""
    events: Count = 100_000
    """Events kept, for `paiwatch events`."""


class Settings(Section):
    """The whole of config.yaml."""

    config: Source
    """The configuration: what this cluster looks like."""
    src: Source
    """The components: how each service is deployed."""
    state: Path = Path("/var/lib/paiwatch")
    """Private folder for everything paiwatch remembers."""
    cluster: Cluster = Cluster()
    """Cluster."""
    templates: Templates = Templates()
    """Templates."""
    operators: Operators = Operators()
    """Operators."""
    guard: Guard = Guard()
    """Guard."""
    log: Logging = Logging()
    """Logging."""
    retention: Retention = Retention()
    """Retention."""
