"""Every verb: where its command lives and what `--help` says of it, so that `--help` need not import any of them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """`target` is "module:attribute" of a click command; `summary` is its line in `paiwatch --help`."""

    target: str
    summary: str


#: In the order that `--help` shows them, under their headings.
SECTIONS: Mapping[str, Mapping[str, Verb]] = {
    "Converge": {
        "run": Verb(
            "paiwatch.cli.run:run", "The daemon: follow config and src, keep every service as they ask."
        ),
        "once": Verb("paiwatch.cli.once:once", "Converge once and exit."),
        "nudge": Verb("paiwatch.cli.nudge:nudge", "Ask the daemon to look for news now."),
    },
    "Look ahead (writes nothing)": {
        "plan": Verb("paiwatch.cli.plan:plan", "What would happen now, and why."),
        "render": Verb("paiwatch.cli.render:render", "Write the deploy folders as they would be run."),
        "validate": Verb("paiwatch.cli.validate:validate", "Check the settings and both trees."),
        "why": Verb("paiwatch.cli.why:why", "Why a service would run now, or why not."),
        "reads": Verb("paiwatch.cli.reads:reads", "What a service reads, and who reads a key."),
        "graph": Verb("paiwatch.cli.graph:graph", "Prerequisites as text, dot or mermaid."),
    },
    "Look back": {
        "status": Verb(
            "paiwatch.cli.status:status", "Every service: its state, what is applied, what it waits for."
        ),
        "history": Verb("paiwatch.cli.history:history", "Past runs, newest first."),
        "events": Verb("paiwatch.cli.events:events", "What happened, and who did it; -f follows."),
        "logs": Verb("paiwatch.cli.logs:logs", "Output of a run."),
    },
    "Act": {
        "service": Verb("paiwatch.cli.service:service", "Start, stop, refresh or delete services by name."),
        "adopt": Verb("paiwatch.cli.adopt:adopt", "Record the present trees as applied; run nothing."),
        "retry": Verb("paiwatch.cli.retry:retry", "Try failed and quarantined services again at once."),
        "rollback": Verb("paiwatch.cli.rollback:rollback", "Run an earlier good release of a service again."),
        "suspend": Verb("paiwatch.cli.holds:suspend", "Start nothing more for a service, or for all."),
        "resume": Verb("paiwatch.cli.holds:resume", "Take back suspend."),
        "approve": Verb("paiwatch.cli.approve:approve", "Let a plan run that the guard holds."),
        "accept-rewrite": Verb(
            "paiwatch.cli.accept_rewrite:accept_rewrite", "Take a branch whose history was rewritten."
        ),
    },
    "Write components": {
        "new": Verb("paiwatch.cli.new:new", "Make a component with a service.yaml and scripts that work."),
        "schema": Verb("paiwatch.cli.schema:schema", "JSON Schema of config.yaml or service.yaml."),
        "demo": Verb("paiwatch.cli.demo:demo", "Watch the main job: three commits, what ran, and why."),
    },
}

#: The same, by name.
VERBS: Mapping[str, Verb] = {name: verb for verbs in SECTIONS.values() for name, verb in verbs.items()}
