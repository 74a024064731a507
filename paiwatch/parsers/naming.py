"""How OpenPAI names a component's parser: its module and its class. PURE."""


def module_name(component: str) -> str:
    """`rest-server` has its parser in `rest_server.py`."""
    return component.replace("-", "_")


def class_name(component: str) -> str:
    """`RestServer` for rest-server; a letter after a digit is raised too: `K8SDashboard` for k8s-dashboard."""
    return component.replace("-", " ").title().replace(" ", "")
