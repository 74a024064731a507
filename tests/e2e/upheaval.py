"""Upheaval: a platform whose trees change at random, are broken and mended, and which knows how it must end."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.platform import Platform

NAMES = ("db", "cache", "queue", "api", "web", "jobs", "mail", "admin", "edge", "probe")
_SCRIPT = """\
#!/bin/bash
# The lock is inherited by all children: whoever finds it taken overlaps with another operator of the same service.
here=$(dirname "$0")
needs=$(grep '^  - ' "$here/service.yaml" | tr -d ' \\n' | tr '-' ',')
say() {{ echo "$EPOCHREALTIME $1 $PAIWATCH_SERVICE $PAIWATCH_OPERATOR ${{PAIWATCH_RUN_ID%%-*}} $PAIWATCH_GENERATION $needs" >> {trace}; }}
exec 9>{locks}/$PAIWATCH_SERVICE
flock -n 9 || say overlap
say begin
cd "$here"
sleep 0.$((RANDOM % 3))$((RANDOM % 10))
{work}
say end
"""
_BREAKAGES: dict[
    str, tuple[str, str]
] = {  # what is broken in the deploy folder: file, and what it then holds
    "service.yaml is no YAML": ("service.yaml", "start-script: [start.sh\n"),
    "service.yaml is rubbish": ("service.yaml", "\x00\x01\x02"),
    "service.yaml is empty": ("service.yaml", ""),
    "undefined key": ("value.txt.template", "{{ cluster_cfg.nowhere.at.all }}"),
    "template does not parse": ("value.txt.template", "{% for x in %}"),
    "script fails": ("refresh.sh", "exit 7\n"),
}


@dataclass(slots=True)
class World:
    """What the trees ask for now, so that the end can be compared with it."""

    lab: Platform
    chance: random.Random
    needs: dict[str, set[str]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    motto: str = "steady"
    broken: dict[str, str] = field(default_factory=dict)
    broken_config: bool = False
    is_cut_off: bool = False  # nothing can be pushed: commits wait in the clone
    counts: Counter[str] = field(default_factory=Counter)

    def write(self, name: str) -> None:
        """A component, whole; file by file, as an editor does."""
        deploy, out = self.deploy(name), self.lab.out(name)
        deploy.mkdir(parents=True, exist_ok=True)
        lines = [f"  - {need}" for need in sorted(self.needs[name])]
        prerequisites = "\n".join(["prerequisite:", *lines, ""]) if lines else ""
        for operator in ("start", "stop", "delete", "refresh"):
            work = f"cp value.txt {out}" if operator in {"start", "refresh"} else f"rm -f {out}"
            text = _SCRIPT.format(trace=self.lab.trace_file, locks=self.lab.root / "locks", work=work)
            (deploy / f"{operator}.sh").write_text(text)
        (deploy / "value.txt.template").write_text(
            "{{ cluster_cfg['NAME'].value }} {{ cluster_cfg.site.motto }}".replace("NAME", name)
        )
        (deploy / "service.yaml").write_text(
            f"{prerequisites}template-list: [value.txt]\n"
            "start-script: start.sh\nstop-script: stop.sh\ndelete-script: delete.sh\nrefresh-script: refresh.sh\n"
        )

    def deploy(self, name: str) -> Path:
        """Its deploy folder."""
        return self.lab.root / "tree" / "src" / name / "deploy"

    def config(self, comment: str = "") -> None:
        """services-configuration.yaml."""
        self.lab.write_config(self.values, motto=self.motto, comment=comment)

    def push(self, subject: str) -> str:
        """Commit and push, over whatever is there; gives the commit."""
        lab = self.lab
        self.counts["pushes"] += 1
        lab.git(lab.work, "add", "--all")
        lab.git(lab.work, "commit", "--quiet", "--allow-empty", "--message", subject)
        if not self.is_cut_off:
            lab.git(lab.work, "push", "--quiet", "--force", "origin", "HEAD:main")
        return lab.git(lab.work, "rev-parse", "HEAD").strip()

    # ── edits ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def edit(self) -> str:
        """One random edit; gives its name."""
        edits = (
            *(self.change_value,) * 8,
            *(self.change_motto,) * 2,
            *(self.comment,) * 2,
            *(self.toggle_service,) * 2,
            *(self.change_needs,) * 2,
            *(self.break_something,) * 2,
            *(self.repair,) * 3,
            self.break_config,
            self.touch_around,
        )
        chosen = self.chance.choice(edits)
        name = chosen.__name__
        self.counts[name] += 1
        chosen()
        return name

    def change_value(self) -> None:
        """The value of one to three services."""
        for name in self.chance.sample(sorted(self.needs), min(len(self.needs), self.chance.randint(1, 3))):
            self.values[name] = self.chance.randrange(1_000_000)
        self.config()

    def change_motto(self) -> None:
        """A value that all read."""
        self.motto = f"m{self.chance.randrange(1000)}"
        self.config()

    def comment(self) -> None:
        """Nothing that matters."""
        self.config(f"comment {self.chance.random()}")

    def toggle_service(self) -> None:
        """A service comes or goes."""
        name = self.chance.choice(NAMES)
        if name in self.needs and len(self.needs) > 3:
            del self.needs[name]
            self.broken.pop(name, None)
            gone = self.lab.root / "gone" / f"{name}-{time.monotonic_ns()}"
            gone.parent.mkdir(exist_ok=True)
            self.deploy(name).rename(gone)
            for other, needs in self.needs.items():
                if name in needs and other not in self.broken:
                    needs.discard(name)
                    self.write(other)
        elif name not in self.needs:
            earlier = [other for other in sorted(self.needs) if NAMES.index(other) < NAMES.index(name)]
            self.needs[name] = set(self.chance.sample(earlier, min(len(earlier), 2)))
            self.values[name] = self.chance.randrange(1000)
            self.config()
            self.write(name)

    def change_needs(self) -> None:
        """Other prerequisites; only of names before it, so that there is no ring."""
        name = self.chance.choice(sorted(self.needs))
        if name in self.broken:
            return
        earlier = [other for other in sorted(self.needs) if NAMES.index(other) < NAMES.index(name)]
        self.needs[name] = set(self.chance.sample(earlier, self.chance.randint(0, min(len(earlier), 3))))
        self.write(name)

    def break_something(self) -> None:
        """A file of one service is broken."""
        name = self.chance.choice(sorted(self.needs))
        if name not in self.broken:
            kind = self.chance.choice(sorted(_BREAKAGES))
            file, content = _BREAKAGES[kind]
            (self.deploy(name) / file).write_text(content)
            self.broken[name] = kind

    def repair(self) -> None:
        """One that is broken is whole again."""
        if self.broken:
            name = self.chance.choice(sorted(self.broken))
            del self.broken[name]
            self.needs[name] &= self.needs.keys()
            self.write(name)
        if self.broken_config:
            self.broken_config = False
            self.config()

    def break_config(self) -> None:
        """The configuration is no YAML."""
        self.broken_config = True
        (self.lab.work / "services-configuration.yaml").write_text("site: {motto: [\n")

    def touch_around(self) -> None:
        """A file that belongs to no service."""
        around = self.lab.root / "tree" / "src" / "common" / "words.txt"
        around.parent.mkdir(exist_ok=True)
        around.write_text(str(self.chance.random()))

    def make_whole(self) -> str:
        """Everything repaired and pushed; gives the commit."""
        while self.broken or self.broken_config:
            self.repair()
        for name in self.needs:
            self.needs[name] &= self.needs.keys()
            self.write(name)
        self.config(f"whole {self.chance.random()}")
        return self.push("whole")
