"""Where the deploy-rules of a service place the workloads of one rendered file. PURE."""

from dataclasses import replace

from paiwatch.catalog.service import Service
from paiwatch.problem import Problem
from paiwatch.releases import affinity
from paiwatch.releases.affinity import MisshapenError, Yaml
from paiwatch.releases.render import Rendered


def ruled(outcome: Rendered, target: str, service: Service, yaml: Yaml) -> Rendered | Problem:
    """The file with its workloads bound to the nodes that the service's deploy-rules name."""
    if not affinity.is_placed(target) or service.deploy_rules is None:
        return outcome
    place = f"{service.deploy}/{target}.template"
    try:
        text = affinity.placed(outcome.content.decode(), service.deploy_rules, yaml)
    except yaml.bad as error:
        line = getattr(error, "line", 0)
        said = f"does not render to valid YAML (line {line} of the result), which deploy-rules need"
        remedy = "quote the values in it: a special character of the configuration may stand there unquoted"
        return Problem(file=place, message=said, remedy=remedy, service=service.name)
    except MisshapenError as error:
        said = f"renders to a workload that {error}, where deploy-rules belong"
        return Problem(file=place, message=said, remedy="correct the template", service=service.name)
    return replace(outcome, content=text.encode())
