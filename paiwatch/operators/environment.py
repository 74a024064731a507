"""The environment of a script: clean, so that it is the same whoever started paiwatch. Pure.

From paiwatch's own environment only what `PASSED` lists is passed on. Then comes `env` of service.yaml, then PAIWATCH_*.
"""

from collections.abc import Mapping
from pathlib import PurePath

from paiwatch.catalog.service import Operator

#: Passed on from paiwatch's environment where set: where tools are, whose they are, how they speak, how they get out.
PASSED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR",
        "KUBECONFIG", "DOCKER_HOST", "DOCKER_CONFIG", "SSH_AUTH_SOCK",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    }
)  # fmt: skip
#: Passed on too: the parts of a locale.
PASSED_PREFIXES = ("LC_",)

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Between systemd and paiwatch alone; and paiwatch's own words, which no service.yaml may set.
_NEVER = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "PAIWATCH_")


def build(
    inherited: Mapping[str, str],
    declared: Mapping[str, str],
    *,
    marker: str,
    service: str,
    operator: Operator,
    generation: int,
    config: str,
    src: str,
    reasons: PurePath,
) -> dict[str, str]:
    """All variables of one run. `inherited` is paiwatch's environment, `declared` the `env` of service.yaml.

    `marker` names the run, `config` and `src` are revision ids, `reasons` is the file that says why the step runs.
    """
    passed = {name: value for name, value in inherited.items() if _is_passed(name)}
    own = {
        "PAIWATCH_RUN_ID": marker,
        "PAIWATCH_SERVICE": service,
        "PAIWATCH_OPERATOR": str(operator),
        "PAIWATCH_GENERATION": str(generation),
        "PAIWATCH_CONFIG_REVISION": config,
        "PAIWATCH_SRC_REVISION": src,
        "PAIWATCH_REASON_FILE": str(reasons),
    }
    allowed = {name: value for name, value in declared.items() if not name.startswith(_NEVER)}
    return {"PATH": _PATH, **passed, **allowed, **own}


def _is_passed(name: str) -> bool:
    return name in PASSED or name.startswith(PASSED_PREFIXES)
