"""OpenPAI's names for modules and classes."""

import pytest

from paiwatch.parsers.naming import class_name, module_name


@pytest.mark.parametrize(
    ("component", "module", "parser"),
    [
        ("grafana", "grafana", "Grafana"),
        ("rest-server", "rest_server", "RestServer"),
        ("k8s-dashboard", "k8s_dashboard", "K8SDashboard"),
        ("k8s-job-exit-spec", "k8s_job_exit_spec", "K8SJobExitSpec"),
    ],
)
def test_names_follow_the_component(component: str, module: str, parser: str) -> None:
    assert (module_name(component), class_name(component)) == (module, parser)
