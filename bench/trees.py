"""Generated trees: components as real ones look, and the configuration that their templates read. Same input, same bytes."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_LEVELS = 8
_SERVICES_IN_A_FILE = 100
_TEMPLATES = (1, 1, 2, 1, 1, 3, 1, 1)  # of one service after the other
_OPERATORS = ("start", "stop", "delete", "refresh")


class Layout(StrEnum):
    """How the configuration is kept. At most a few hundred services share one file in practice; then teams split it."""

    ONE = "one file"  # services-configuration.yaml with a section for each service
    SPLIT = "100 services a file"  # teamNNN.yaml, each a section of cluster_cfg


@dataclass(frozen=True, slots=True)
class Plot:
    """Which tree: its number of services, how its configuration is kept, and the file that every script writes to.

    `alike` neighbours have the same template texts, as services made from one skeleton do; 1: no two are alike.
    """

    services: int
    layout: Layout
    trace: Path
    alike: int = 4

    @property
    def leaves(self) -> tuple[str, ...]:
        """Services that nobody depends on, spread over the tree: a change of one refreshes that one."""
        needed = {need for needs in self.prerequisites() for need in needs}
        found = [number for number in range(self.services) if number not in needed]
        random.Random(5).shuffle(found)
        return tuple(map(name, found))

    def prerequisites(self) -> tuple[tuple[int, ...], ...]:
        """For each service those of lower levels that it needs: one on average, eight levels deep."""
        chance = random.Random(20)
        found = []
        for number in range(self.services):
            below = number * _LEVELS // self.services * self.services // _LEVELS  # where this level begins
            wanted = chance.choice((0, 1, 1, 2)) if below else 0
            found.append(tuple(sorted({chance.randrange(below) for _ in range(wanted)})))
        return tuple(found)

    def src_files(self) -> Iterator[tuple[str, str]]:
        """Path and text of every file of the src tree: seven to nine for each service."""
        scripts = {operator: self.script(operator) for operator in _OPERATORS}
        for number, needs in enumerate(self.prerequisites()):
            deploy = f"src/{name(number)}/deploy"
            templates = [f"part{index}.conf" for index in range(_TEMPLATES[number % len(_TEMPLATES)])]
            yield f"{deploy}/service.yaml", _service_yaml(needs, templates)
            for index, template in enumerate(templates):
                yield f"{deploy}/{template}.template", self._template(number, index)
            for operator, text in scripts.items():
                yield f"{deploy}/{operator}.sh", text

    def config_files(self, revisions: Mapping[str, int]) -> dict[str, str]:
        """The configuration, with these services' `revision` instead of 0."""
        files = {"site.yaml": "motto: steady\nregistry: registry.example.org\n"}
        if self.layout is Layout.ONE:
            files["services-configuration.yaml"] = self._sections(range(self.services), revisions)
            return files
        for start in range(0, self.services, _SERVICES_IN_A_FILE):
            numbers = range(start, min(start + _SERVICES_IN_A_FILE, self.services))
            files[f"{_team(start)}.yaml"] = self._sections(numbers, revisions)
        return files

    def config_file(self, service: str) -> str:
        """The name of the file that holds this service's section."""
        return (
            "services-configuration.yaml" if self.layout is Layout.ONE else f"{_team(int(service[3:]))}.yaml"
        )

    def script(self, operator: str) -> str:
        """A script whose first command writes the time, by bash's own clock."""
        return f'#!/bin/bash\necho "$EPOCHREALTIME {operator}" >> {self.trace}\n'

    def _sections(self, numbers: range, revisions: Mapping[str, int]) -> str:
        return "".join(_section(number, revisions.get(name(number), 0)) for number in numbers)

    def _template(self, number: int, index: int) -> str:
        section = "cluster_cfg" if self.layout is Layout.ONE else f"cluster_cfg.{_team(number)}"
        own = f"{section}[service.name]"
        return (
            f"# skeleton {number // self.alike}\nname = {{{{ service.name }}}}-{index}\n"
            f"image = {{{{ cluster_cfg.site.registry }}}}/{{{{ {own}.image }}}}\n"
            f"port = {{{{ {own}.port }}}}\nrevision = {{{{ {own}.revision }}}}\n"
            f"{{% for host in {own}.hosts %}}\nhost = {{{{ host }}}}\n{{% endfor %}}\n"
            f"motto = {{{{ cluster_cfg.site.motto }}}}\n"
        )


def name(number: int) -> str:
    """The service's name."""
    return f"svc{number:05d}"


def _team(number: int) -> str:
    return f"team{number // _SERVICES_IN_A_FILE:03d}"


def _section(number: int, revision: int) -> str:
    return (
        f"{name(number)}:\n  image: {name(number)}\n  revision: {revision}\n  port: {20000 + number}\n"
        f"  replicas: 2\n  hosts: [alpha, beta]\n"
    )


def _service_yaml(needs: tuple[int, ...], templates: list[str]) -> str:
    lines = ["prerequisite:", *(f"  - {name(need)}" for need in needs)] if needs else []
    lines += ["template-list:", *(f"  - {template}" for template in templates)]
    lines += [f"{operator}-script: {operator}.sh" for operator in _OPERATORS]
    return "\n".join(lines) + "\n"
