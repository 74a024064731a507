"""All services together: one bad file holds itself, rings are named, missing prerequisites are warned about."""

from paiwatch.catalog.catalog import Declared, assemble
from paiwatch.problem import Severity
from tests.catalog.trees import START, a_catalog


def needs(*names: str) -> str:
    return START + f"prerequisite: [{', '.join(names)}]\n"


def test_sound_services_are_all_there() -> None:
    catalog = a_catalog({"b": needs("a"), "a": START})

    assert list(catalog.services) == ["a", "b"]
    assert catalog.services["b"].file == "src/b/deploy/service.yaml"
    assert (catalog.invalid, catalog.problems) == (frozenset(), ())


def test_a_bad_file_holds_itself_only() -> None:
    catalog = a_catalog({"a": START, "b": "start-script: [", "c": needs("b")})

    assert set(catalog.services) == {"a", "c"}
    assert catalog.invalid == {"b"}
    assert [problem.service for problem in catalog.problems] == ["b"]


def test_a_service_whose_files_are_missing_is_known_and_invalid() -> None:
    catalog = a_catalog({"a": {"service.yaml": START}, "b": needs("a")})

    assert set(catalog.services) == {"a", "b"}
    assert catalog.invalid == {"a"}


def test_a_ring_is_named_once_and_all_on_it_are_invalid() -> None:
    catalog = a_catalog({"c": needs("x", "a"), "a": needs("b"), "b": needs("c"), "d": needs("a"), "x": START})

    assert catalog.invalid == {"a", "b", "c"}
    assert [str(problem) for problem in catalog.problems] == [
        "src/a/deploy/service.yaml:2: prerequisites form a ring: a → b → c → a; remove one of these prerequisites"
    ]


def test_a_great_many_rings_are_not_all_printed() -> None:
    catalog = a_catalog({f"s{n}": needs(f"s{n ^ 1}") for n in range(60)})

    assert len(catalog.invalid) == 60
    assert len(catalog.problems) == 21
    assert any("10 more rings" in problem.message for problem in catalog.problems)


def test_a_prerequisite_that_does_not_exist_is_a_warning_with_a_guess() -> None:
    catalog = a_catalog({"prometheus": START, "grafana": needs("promethus", "zzz")})

    assert catalog.invalid == frozenset()
    assert [
        (problem.severity, problem.line, problem.message, problem.remedy) for problem in catalog.problems
    ] == [
        (Severity.WARNING, 2, "prerequisite 'promethus' does not exist", "did you mean 'prometheus'?"),
        (Severity.WARNING, 2, "prerequisite 'zzz' does not exist", "remove it, or add the service"),
    ]


def test_a_prerequisite_that_is_a_folder_without_a_declaration_is_told_apart() -> None:
    catalog = a_catalog({"drivers": {"x": ""}, "a": needs("drivers")})

    assert set(catalog.services) == {"a"}
    assert [problem.message for problem in catalog.problems] == [
        "prerequisite 'drivers' is a folder without deploy/service.yaml, so it is no service"
    ]


def test_an_invalid_prerequisite_is_not_called_missing() -> None:
    catalog = a_catalog({"a": "- bad", "b": needs("a")})

    assert [problem.service for problem in catalog.problems] == ["a"]


def test_odd_names_are_errors_that_can_be_printed() -> None:
    names = ["-rf", "a b", "a\nb", "\udcff"]

    catalog = a_catalog(dict.fromkeys(names, START))

    assert catalog.services == {}
    assert catalog.invalid == {"-rf", "a b", "a\\nb", "\\udcff"}
    for problem in catalog.problems:
        assert "cannot be a service's name" in problem.message
        assert str(problem).encode()
        assert str(problem).isprintable()


def test_a_declaration_that_is_a_link_is_not_followed() -> None:
    catalog = a_catalog({"a": {"service.yaml": "-> other.yaml", "other.yaml": START}})

    assert catalog.invalid == {"a"}
    assert "symbolic link" in catalog.problems[0].message


def test_problems_come_in_order_of_place() -> None:
    catalog = a_catalog({"b": "- x", "a": START + "zz: 1\nyy: 2\n"})

    assert [problem.place for problem in catalog.problems] == [
        "src/a/deploy/service.yaml:2:1",
        "src/a/deploy/service.yaml:3:1",
        "src/b/deploy/service.yaml:1:1",
    ]


def test_a_prerequisite_that_does_not_exist_holds_its_service_where_that_is_an_error() -> None:
    lenient = a_catalog({"prometheus": START, "grafana": needs("promethus")})
    declared = {name: Declared(name=name, service=service) for name, service in lenient.services.items()}
    catalog = assemble(declared, folders=declared.keys(), dangling=Severity.ERROR)

    assert catalog.invalid == {"grafana"}
    assert [problem.severity for problem in catalog.problems] == [Severity.ERROR]
