"""What paictl is content with in a service.yaml, and what it should have said. PURE."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from paiwatch.catalog.catalog import Declared
from paiwatch.catalog.components import Deploy
from paiwatch.catalog.service import Operator, Service
from paiwatch.problem import Problem, Severity
from paiwatch.snapshot import Mode

_CLUSTER = "k8s"
_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})
_REFRESH = "refresh.sh"
_IDLE = re.compile(rb"\s*(#.*|(pushd|popd|cd|echo|set|true|:|exit 0?)(\s.*)?)?")

#: Rules that place pods.
_RULES = frozenset({"in", "notin"})


def is_for_k8s(declared: Declared) -> bool:
    """Whether paictl would list it: it names no kind of cluster, or Kubernetes among others."""
    service = declared.service
    return service is None or service.cluster_types is None or _CLUSTER in service.cluster_types


def refresh_oids(deploy: Deploy) -> frozenset[str]:
    """Content ids that `forgiven` wants."""
    entry = deploy.get(_REFRESH)
    return frozenset({entry.oid}) if entry is not None and entry.mode in _FILES else frozenset()


def forgiven(declared: Declared, deploy: Deploy, contents: Mapping[str, bytes]) -> Declared:
    """The same service, whose missing scripts (the start-script excepted) are warnings and count as not declared.

    A refresh-script that does nothing, and a deploy-rule that paictl would write without an operator, are told.
    """
    service = declared.service
    if service is None:
        return declared
    missing = {
        f"'{script}' does not exist": verb
        for verb, script in service.scripts.items()
        if verb is not Operator.START
    }
    problems = [_missing(problem, missing.get(problem.message)) for problem in declared.problems]
    gone = {missing[problem.message] for problem in declared.problems if problem.message in missing}
    scripts = {verb: script for verb, script in service.scripts.items() if verb not in gone}
    problems += [*_idle(service, deploy, contents), *_unknown_rules(service)]
    return replace(declared, service=replace(service, scripts=scripts), problems=tuple(sorted(problems)))


def _missing(problem: Problem, verb: Operator | None) -> Problem:
    if verb is None:
        return problem
    said = f"{verb}-script {problem.message}, so this service cannot be asked to {verb}"
    if verb is Operator.REFRESH:
        said = f"{verb}-script {problem.message}, so a change stops and starts the service"
    return replace(problem, severity=Severity.WARNING, message=said)


def _idle(service: Service, deploy: Deploy, contents: Mapping[str, bytes]) -> Iterator[Problem]:
    if service.scripts.get(Operator.REFRESH) != _REFRESH or service.on_change is not None:
        return
    entry = deploy.get(_REFRESH)
    if entry is None or entry.oid not in contents:
        return
    if all(_IDLE.fullmatch(line) for line in contents[entry.oid].splitlines()):
        yield Problem(
            file=f"{service.deploy}/{_REFRESH}",
            severity=Severity.WARNING,
            message="does nothing, so a change of this service does not reach the cluster",
            remedy=f"let it apply what changed, or write 'on-change: restart' in {service.file}",
            service=service.name,
        )


def _unknown_rules(service: Service) -> Iterator[Problem]:
    for rule in service.deploy_rules or ():
        for word in rule:
            if word.lower() not in _RULES:
                yield Problem(
                    file=service.file,
                    message=f"deploy-rules: '{word}' is neither 'in' nor 'notin'",
                    remedy="write in or notin",
                    service=service.name,
                )
