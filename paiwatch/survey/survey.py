"""Survey: snapshots in, Desired out; remembers what saves work at the next look."""

import re
from collections.abc import Mapping

from paiwatch.catalog.catalog import Catalog
from paiwatch.catalog.service import Operator
from paiwatch.documents import yamlplain
from paiwatch.model.reads import Sight
from paiwatch.plan.applied import Memory
from paiwatch.problem import Problem, Severity
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.release import Desired
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Contents, Snapshot
from paiwatch.survey.components import Components, survey_components
from paiwatch.survey.configuration import Configuration, changed_sections, survey_configuration
from paiwatch.survey.outcomes import Outcomes, survey_outcomes
from paiwatch.survey.rendering import Rendering, SharedRenderer

_YAML = Yaml(
    load_all=yamlplain.load_all, dump=yamlplain.dump, bad=yamlplain.BadYamlError, version=yamlplain.VERSION
)

_VERBS = frozenset(map(str, Operator))


class Survey:
    """Looks at snapshots, one at a time, on one thread. What it remembers changes how long a look takes, never its result.

    `strict` makes a missing key an error in templates (None: not in OpenPAI's trees); `secret_keys` is the pattern of keys
    whose values are secret; `openpai` says whose model it is (None: the tree shows it); parsers get `parser_timeout` seconds;
    `dangling` is what a prerequisite that does not exist counts as. `rendering` gives the bytes of what the last look with a
    usable configuration found; it is a value of its own, which stays valid after later looks and beside them.
    """

    def __init__(
        self,
        *,
        strict: bool | None,
        secret_keys: str,
        openpai: bool | None = None,
        parser_timeout: float = 30.0,
        dangling: Severity = Severity.WARNING,
    ) -> None:
        self._secret = re.compile(secret_keys)
        self._strict = strict
        self._openpai = openpai
        self._parser_timeout = parser_timeout
        self._dangling = dangling
        self._renderer = Renderer(strict=bool(strict))
        self._shared = SharedRenderer(self._renderer)
        self._components: Components | None = None
        self._configuration: Configuration | None = None
        self._rendered_from: Configuration | None = None
        self._outcomes = Outcomes()
        self._memory: Memory = {}
        self._declared: tuple[Catalog | None, frozenset[str]] = (None, frozenset())  # secrets of services
        self.rendering = Rendering(outcomes={}, sight=None, read=_nothing, renderer=self._shared)

    def remember(self, memory: Memory) -> None:
        """What the record knows of an earlier life: it may save rendering at the first look."""
        self._memory = memory

    def look(self, snapshot: Snapshot, read_config: Contents, read_src: Contents) -> Desired:
        """What this snapshot asks for. Raises TransientError when contents cannot be read; then nothing was remembered wrongly."""
        if missing := _missing_folders(snapshot):
            return Desired(snapshot=snapshot, services={}, releases={}, invalid=frozenset(), problems=missing)
        self._components = survey_components(
            snapshot.src, read_src, self._components, openpai=self._openpai, dangling=self._dangling
        )
        self._suit(self._components)
        self._configuration = survey_configuration(
            snapshot.config,
            self._components,
            read_config=read_config,
            read_src=read_src,
            secret=self._secret,
            parser_timeout=self._parser_timeout,
            before=self._configuration,
        )
        secrets = self._secrets(self._configuration, self._components.catalog)
        if self._configuration.is_broken or self._configuration.sight is None:
            return _broken(snapshot, self._components, self._configuration, secrets)
        self._render(self._components, self._configuration, self._configuration.sight, read_src)
        return _desired(snapshot, self._components, self._configuration, self._outcomes, secrets)

    def _suit(self, components: Components) -> None:
        """The renderer for this model; with another one nothing that was rendered before counts."""
        strict = not components.is_openpai if self._strict is None else self._strict
        yaml = _YAML if components.is_openpai else None
        if (strict, yaml) != (self._renderer.strict, self._renderer.yaml):
            self._renderer = Renderer(strict=strict, yaml=yaml)
            self._shared = SharedRenderer(self._renderer)
            self._outcomes = Outcomes()

    def _render(
        self, components: Components, configuration: Configuration, sight: Sight, read: Contents
    ) -> None:
        self._outcomes = survey_outcomes(
            components,
            sight,
            changed_sections(self._rendered_from, configuration),
            read=read,
            renderer=self._renderer,
            before=self._outcomes,
            memory=self._memory,
        )
        self._memory = {}
        self._rendered_from = configuration
        self.rendering = Rendering(
            outcomes=self._outcomes.by_service, sight=sight, read=read, renderer=self._shared
        )

    def _secrets(self, configuration: Configuration, catalog: Catalog) -> frozenset[str]:
        """Values that no text may show: of cluster_cfg, and of the `env` of services.

        The name of a service or an operator is no secret, even as a password: without such words no text says anything.
        """
        if catalog is not self._declared[0]:
            values = (
                value
                for each in catalog.services.values()
                for key, value in each.env.items()
                if self._secret.search(key)
            )
            self._declared = catalog, frozenset(values)
        return self._declared[1].union(*configuration.secrets.values()) - catalog.services.keys() - _VERBS


def _nothing(_oids: object) -> Mapping[str, bytes]:
    return {}


def _missing_folders(snapshot: Snapshot) -> tuple[Problem, ...]:
    """A folder that is not in its tree, or no component at all in an empty one: more likely a slip than the wish to remove all."""
    trees = (("config", snapshot.config), ("src", snapshot.src))
    return tuple(
        Problem(
            file=role,
            message=f"the folder '{tree.folder}' does not exist in {tree.revision.short}"
            if tree.prefix
            else f"there is no file in {tree.revision.short}",
            remedy=f"correct '{role}.folder' in the settings, or put the folder back"
            if tree.prefix
            else "bring the components back; to take all of them down, leave a README",
        )
        for role, tree in trees
        if (tree.prefix or role == "src") and not any(path.startswith(tree.prefix) for path in tree.files)
    )


def _broken(
    snapshot: Snapshot, components: Components, configuration: Configuration, secrets: frozenset[str]
) -> Desired:
    """Without a usable cluster_cfg nobody can tell what any service should be: all are invalid, none has a release."""
    catalog = components.catalog
    return Desired(
        snapshot=snapshot,
        services=catalog.services,
        releases={},
        invalid=frozenset(components.declared),
        problems=tuple(sorted((*catalog.problems, *components.warnings, *configuration.problems))),
        secrets=secrets,
    )


def _desired(
    snapshot: Snapshot,
    components: Components,
    configuration: Configuration,
    outcomes: Outcomes,
    secrets: frozenset[str],
) -> Desired:
    catalog = components.catalog
    problems: list[Problem] = [*catalog.problems, *components.warnings, *configuration.problems]
    for found in outcomes.problems.values():
        problems.extend(found)
    return Desired(
        snapshot=snapshot,
        services=catalog.services,
        releases=outcomes.releases,
        invalid=catalog.invalid | outcomes.failed,
        problems=tuple(sorted(problems)),
        secrets=secrets,
    )
