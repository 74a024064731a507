"""A new component as files: a service.yaml that explains itself, and scripts that work at once. Decides nothing about services.

The texts are made for one component name and shown or written by `paiwatch new`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from paiwatch.errors import ConfigError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")

_SERVICE = """\
# NAME: say in one line what it is.

# Services that must have started before this one, and whose changes refresh it too. For the order alone, write:
#   - {service: store, dependents: ignore}
prerequisite: []

# settings.sh.template is rendered to settings.sh before any script runs. Folders work too: conf/app.yaml.
template-list:
  - settings.sh

# Each runs as `/bin/bash <path of the script>` in a private copy of the tree that is removed afterwards.
start-script: start.sh
stop-script: stop.sh
delete-script: delete.sh
refresh-script: refresh.sh

# What a change asks for: refresh (the default), restart (stop, then start), or start.
# on-change: restart

# A script that takes longer is ended and counts as failed; how often it is then tried again.
# timeout: 5m
# retries: {attempts: 5, first: 10s, max: 5m}

# Added to the environment of the scripts.
# env: {LANG: C.UTF-8}
"""

_SETTINGS = """\
# What the scripts know of the configuration; they source this file. In single quotes, and with each single quote
# written as '\\'', no value can end the string it stands in.
home='{{ cluster_cfg['NAME'].home | replace("'", "'\\\\''") }}'
greeting='{{ cluster_cfg['NAME'].greeting | replace("'", "'\\\\''") }}'
"""

_SCRIPT = """\
#!/usr/bin/env bash
# PURPOSE
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# shellcheck source=/dev/null
source ./settings.sh

BODY"""

_WRITE = """\
mkdir -p -- "${home:?}"
printf '%s\\n' "${greeting:?}" >"$home/state.new"
mv -f -- "$home/state.new" "$home/state" # a reader sees the old file or the new one, never half of it
"""

_SCRIPTS = {
    "start.sh": (
        "Starts NAME: here it writes a state file; put your own commands in its place. Starting twice must do no harm.",
        _WRITE + 'echo "NAME started, see $home/state"\n',
    ),
    "refresh.sh": (
        "Lets the running NAME use a changed configuration, without an interruption if that can be had.",
        _WRITE + 'echo "NAME refreshed, see $home/state"\n',
    ),
    "stop.sh": (
        "Stops NAME and keeps its data. Stopping what does not run must succeed.",
        'rm -f -- "${home:?}/state"\necho "NAME stopped; its data stays in $home"\n',
    ),
    "delete.sh": (
        "Stops NAME and removes all that it left on this machine, its data too.",
        'rm -rf -- "${home:?}"\necho "NAME deleted"\n',
    ),
}

_DEFAULTS = """\
# Defaults of NAME: templates see them as cluster_cfg['NAME'], under what services-configuration.yaml says in its section NAME.

# Where it keeps its files: an absolute folder.
home: /var/tmp/NAME
greeting: Hello from NAME
"""


def files_for(component: str) -> Mapping[str, tuple[int, str]]:
    """Mode and text of each file of a new component, by its path inside the component's folder.

    Raises ConfigError for a name that cannot be a component's.
    """
    _check_name(component)
    texts = {
        "deploy/service.yaml": (0o644, _SERVICE),
        "deploy/settings.sh.template": (0o644, _SETTINGS),
        f"config/{component}.yaml": (0o644, _DEFAULTS),
    }
    for name, (purpose, body) in _SCRIPTS.items():
        texts[f"deploy/{name}"] = (0o755, _SCRIPT.replace("PURPOSE", purpose).replace("BODY", body))
    return {path: (mode, text.replace("NAME", component)) for path, (mode, text) in texts.items()}


def write(root: Path, component: str) -> tuple[Path, ...]:
    """Write a new component below `root`, the folder of components, and give the paths written.

    Raises ConfigError, and writes nothing, for a bad name, a missing folder, or a file that exists already.
    """
    files = files_for(component)
    if not root.is_dir():
        raise ConfigError(f"{root}: there is no such folder; name the folder that holds the components")
    targets = {root / component / path: content for path, content in files.items()}
    existing = [path for path in targets if path.exists()]
    if existing:
        raise ConfigError(f"{existing[0]}: exists already; choose another name, or remove it first")
    for path, (mode, text) in targets.items():
        _write_new(path, mode, text)
    return tuple(targets)


def _check_name(component: str) -> None:
    if not _NAME.fullmatch(component):
        raise ConfigError(
            f"{component!r} cannot be a component's name; use at most 63 lower-case letters, digits, '-' and '_', "
            "with a letter or digit at both ends"
        )
    if component in {"layout", "services-configuration"}:
        raise ConfigError(
            f"{component!r} is the name of a configuration file; choose another name for the component"
        )


def _write_new(path: Path, mode: int, text: str) -> None:
    """Write a file that must not exist yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        path.chmod(mode)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
