"""Where the example components and their sample configuration lie. Finds them; reads and starts nothing.

A wheel carries them inside the package, a checkout has them in src/ at its root.
"""

from pathlib import Path

from paiwatch.errors import ConfigError


def example_tree() -> Path:
    """The folder that holds the example components. Raises ConfigError when this installation has none."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "cli" / "example" / "src", package.parent / "src"):
        if (candidate / "portal" / "deploy" / "service.yaml").is_file():
            return candidate
    raise ConfigError(f"{package}: the example components are missing; install paiwatch again")


def example_config() -> Path:
    """The folder with the sample cluster configuration: layout.yaml, services-configuration.yaml, cluster.yaml."""
    return example_tree() / "_config"
