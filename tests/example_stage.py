"""Stages of the example platform for tests: rendered as a run would see them, on free ports, in a folder of their own."""

import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from paiwatch.example import example_config, example_tree

#: Where a clean environment finds bash, coreutils and python3.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Prerequisites first.
SERVICES = ("settings", "store", "cache", "metrics", "api", "portal", "reports")


def merged(base: Any, over: Any) -> Any:
    """`over` laid deeply over `base`."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {key: merged(base.get(key), value) for key, value in over.items()}


def read_yaml(path: Path) -> Any:
    """Parsed YAML of one file."""
    return yaml.safe_load(path.read_text())


def read_model(config: Path, components: Path) -> dict[str, Any]:
    """cluster_cfg of this configuration folder."""
    model: dict[str, Any] = {path.stem: read_yaml(path) for path in config.glob("*.yaml")}
    overrides = model.pop("services-configuration")
    for path in components.glob("*/config/*.yaml"):
        model[path.stem] = read_yaml(path)
    return model | {name: merged(model.get(name, {}), section) for name, section in overrides.items()}


def render(deploy: Path, model: Mapping[str, Any]) -> None:
    """Render X.template to X for every name in template-list."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    for name in read_yaml(deploy / "service.yaml").get("template-list", ()):
        text = (deploy / f"{name}.template").read_text()
        (deploy / name).write_text(environment.from_string(text).render(cluster_cfg=model))


def is_free(port: int) -> bool:
    """Whether a listener could have this port of this machine now."""
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different free ports below those the kernel gives to connections; other test processes draw others."""
    ports: set[int] = set()
    while len(ports) < count:
        port = 20000 + secrets.randbelow(12000)
        if is_free(port):
            ports.add(port)
    return sorted(ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A copy of the sample configuration with its own home and ports, and what it takes to run scripts on it."""

    config: Path
    home: Path
    scratch: Path

    @property
    def model(self) -> dict[str, Any]:
        """cluster_cfg as it is configured now."""
        return read_model(self.config, example_tree())

    def set(self, pattern: str, replacement: str, *, file: str = "services-configuration.yaml") -> None:
        """Edit the configuration as a person would: one place, by regular expression."""
        path = self.config / file
        text, found = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
        assert found, f"{pattern} is not in {file}"
        path.write_text(text)

    def run(self, service: str, script: str) -> "subprocess.CompletedProcess[str]":
        """Run one script in a private stage that is gone afterwards, with the environment of a run."""
        stage = self.scratch / f"{service}-{script}"
        shutil.copytree(example_tree(), stage / "src")
        render(stage / "src" / service / "deploy", self.model)
        try:
            return subprocess.run(
                ("/bin/bash", f"src/{service}/deploy/{script}"),
                cwd=stage,
                env={"PATH": PATH, "PAIWATCH_RUN_ID": f"{self.scratch}"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            shutil.rmtree(stage)

    def do(self, service: str, script: str) -> str:
        """Run one script that must succeed; gives its output."""
        result = self.run(service, script)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def processes(self) -> list[str]:
        """Command lines of everything that runs out of this platform's home."""
        mark = str(self.home).encode()
        return [line.decode() for line in command_lines() if mark in line]


def command_lines() -> Iterator[bytes]:
    """Command lines of all processes of this machine."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes().replace(b"\0", b" ")
        except (FileNotFoundError, ProcessLookupError):
            continue


def make_platform(folder: Path) -> Platform:
    """A platform below `folder` that nobody else's ports or files can meet."""
    platform = Platform(config=folder / "config", home=folder / "home", scratch=folder)
    shutil.copytree(example_config(), platform.config)
    platform.set(r"^home: .*", f"home: {platform.home}", file="cluster.yaml")
    text = (platform.config / "services-configuration.yaml").read_text()
    taken = re.findall(r"port: (\d+)", text)
    for old, new in zip(taken, free_ports(len(taken)), strict=True):
        platform.set(f"port: {old}$", f"port: {new}")
    return platform
