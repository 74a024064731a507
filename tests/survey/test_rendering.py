"""A rendering is bound to one look: it gives the bytes of that look, after later looks and beside them."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from paiwatch.errors import StalledError, TransientError
from paiwatch.releases.release import Desired, RenderedFiles, Unrenderable
from paiwatch.snapshot import blob_id
from paiwatch.survey import Survey
from paiwatch.survey.rendering import Rendering, expect
from tests.survey.test_survey import Shop, a_component, a_shop, a_survey, a_watching_shop

T = TypeVar("T")

SERVICES = tuple(f"s{number:02}" for number in range(24))
LOOPS = "{% for n in range(40) %}{{ cluster_cfg[service.name].port + n }} {% endfor %}{% include 'part' %}"


def bytes_of(rendering: Rendering, service: str = "grafana") -> Mapping[str, bytes]:
    return expect(rendering.render(service)).contents


def a_port(shop: Shop, port: int) -> None:
    shop.config["conf/services-configuration.yaml"] = (
        f"grafana: {{port: {port}}}\nstore: {{password: hunter22}}\n"
    )


def beside(work: Callable[[], T]) -> T:
    """What this gives on another thread, while this one waits for it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result(timeout=30)


def read_by(shop: Shop, meet: Callable[[], object]) -> Callable[[Iterable[str]], Mapping[str, bytes]]:
    """The shop's contents, with something that happens in the middle of reading templates."""

    def read(oids: Iterable[str]) -> Mapping[str, bytes]:
        found = shop.read(oids)
        if any(b"cluster_cfg" in content for content in found.values()):
            meet()
        return found

    return read


def test_a_rendering_gives_the_bytes_of_its_look_after_later_ones() -> None:
    shop, survey = a_shop(), a_survey()
    first, before = shop.look(survey), survey.rendering
    a_port(shop, 3001)
    shop.src["src/store/deploy/b.conf.template"] = "other"
    second = shop.look(survey)

    files = expect(before.render("grafana"))

    assert files.contents == {"a.conf": b"port=3000"}
    assert files.release is first.releases["grafana"]
    assert expect(before.render("store")).release is first.releases["store"]
    assert bytes_of(survey.rendering) == {"a.conf": b"port=3001"}
    assert bytes_of(survey.rendering, "store") == {"b.conf": b"other"}
    assert first.releases["grafana"].digest != second.releases["grafana"].digest


def test_a_rendering_stays_when_another_model_takes_its_place() -> None:
    shop, survey = a_shop(), Survey(strict=None, secret_keys="password")
    first, before = shop.look(survey), survey.rendering
    shop.src["src/grafana/config/grafana.py"] = "class Grafana:\n    pass\n"

    shop.look(survey)

    assert expect(before.render("grafana")).release is first.releases["grafana"]


def test_what_a_service_watched_is_that_of_the_look() -> None:
    shop, survey = a_watching_shop(), a_survey()
    first, before = shop.look(survey), survey.rendering
    shop.src["version/PAI.VERSION"] = "v1.1\n"

    shop.look(survey)

    assert expect(before.render("grafana")).release is first.releases["grafana"]


@pytest.mark.parametrize("text", ["name: [\n", "name: other\n"])
def test_a_look_that_fails_or_finds_a_broken_configuration_leaves_the_rendering_before_it(text: str) -> None:
    shop, survey = a_shop(), a_survey()
    shop.look(survey)
    before = survey.rendering
    shop.config["conf/cluster.yaml"] = text

    def away() -> None:
        raise TransientError("the disk is away")

    try:
        broken = survey.look(shop.snapshot(), shop.read, read_by(shop, away))
        assert broken.is_broken
    except TransientError:
        pass

    assert survey.rendering is before
    assert bytes_of(before, "store") == {"b.conf": b"hunter22 demo"}


def test_what_has_no_release_is_unrenderable_and_says_why() -> None:
    shop, survey = a_shop(), a_survey()
    assert survey.rendering.render("grafana") == Unrenderable(
        "grafana", "grafana has no release in this snapshot; see its problems"
    )
    shop.config["conf/services-configuration.yaml"] = "grafana: {prot: 1}\nstore: {password: hunter22}\n"
    (problem,) = shop.look(survey).problems

    assert survey.rendering.render("grafana") == Unrenderable("grafana", str(problem))
    assert isinstance(survey.rendering.render("nobody"), Unrenderable)
    with pytest.raises(StalledError, match="did you mean 'prot'"):
        expect(survey.rendering.render("grafana"))


def test_a_source_that_never_gives_the_templates_again_makes_a_service_unrenderable() -> None:
    shop, survey = a_shop(), a_survey()
    is_read_before: list[bool] = []

    def too_large() -> None:
        if is_read_before:
            raise StalledError("src: a.conf.template is too large")
        is_read_before.append(True)

    survey.look(shop.snapshot(), shop.read, read_by(shop, too_large))

    found = survey.rendering.render("grafana")

    assert found == Unrenderable("grafana", "src: a.conf.template is too large")


def test_rendering_in_the_middle_of_a_look_changes_neither() -> None:
    shop, survey = a_shop(), a_survey()
    first, before = shop.look(survey), survey.rendering
    a_port(shop, 3001)
    rendered: list[RenderedFiles] = []
    read = read_by(shop, lambda: rendered.append(expect(beside(lambda: before.render("grafana")))))

    second = survey.look(shop.snapshot(), shop.read, read)

    assert [files.contents for files in rendered] == [{"a.conf": b"port=3000"}]
    assert rendered[0].release is first.releases["grafana"]
    assert second == shop.look(a_survey())


def test_a_look_in_the_middle_of_rendering_changes_neither() -> None:
    shop, survey = a_shop(), a_survey()
    found: list[Desired] = []
    is_begun: list[bool] = []

    def meet() -> None:
        if is_begun:
            is_begun.clear()
            found.append(beside(lambda: survey.look(shop.snapshot(), shop.read, shop.read)))

    first = survey.look(shop.snapshot(), shop.read, read_by(shop, meet))
    before = survey.rendering
    a_port(shop, 3001)
    is_begun.append(True)

    files = expect(before.render("grafana"))

    assert (files.contents, files.release) == ({"a.conf": b"port=3000"}, first.releases["grafana"])
    assert found == [shop.look(a_survey())]
    assert bytes_of(survey.rendering) == {"a.conf": b"port=3001"}


def a_large_shop() -> Shop:
    src: dict[str, str] = {}
    for name in SERVICES:
        declaration = "template-list: [t]\nstart-script: start.sh"
        src |= a_component(
            name, declaration, t_template=f"{name} {LOOPS}", part=f"{{{{ service.folder }}}} {name}"
        )
    return Shop({}, src)


def ports(shop: Shop, first: int) -> None:
    shop.config["conf/services-configuration.yaml"] = "".join(
        f"{name}: {{port: {first + number}}}\n" for number, name in enumerate(SERVICES)
    )


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Threads take turns after a microsecond: whatever they share, they are in the middle of it."""
    patient = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(patient)


def is_of(desired: Desired, files: RenderedFiles) -> bool:
    """Whether this is the very release of that look, with the bytes that its digest names."""
    release = files.release
    return (
        release is desired.releases[release.service]
        and blob_id(files.contents["t"]) == release.files["t"].oid
    )


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("number", range(6))
def test_a_look_and_a_rendering_at_the_same_time_both_give_what_they_give_alone(number: int) -> None:
    shop, survey = a_large_shop(), a_survey()
    ports(shop, 1000)
    first, before = shop.look(survey), survey.rendering
    ports(shop, 2000 + number)
    shop.src["src/s00/deploy/part"] = f"{number} {{{{ service.name }}}}"
    snapshot, barrier = shop.snapshot(), Barrier(2)
    read = read_by(shop, lambda: barrier.wait(timeout=30))

    with ThreadPoolExecutor(1) as thread:
        look = thread.submit(lambda: survey.look(snapshot, shop.read, read))
        barrier.wait(timeout=30)
        files = [expect(before.render(name)) for name in SERVICES]
        second = look.result(timeout=30)

    assert all(is_of(first, each) for each in files)
    assert second == shop.look(a_survey())


@pytest.mark.usefixtures("_hasty")
def test_two_renderings_at_the_same_time_take_turns() -> None:
    shop, survey, barrier = a_large_shop(), a_survey(), Barrier(2)

    def rendered(rendering: Rendering) -> list[RenderedFiles]:
        barrier.wait(timeout=30)
        return [expect(rendering.render(name)) for name in SERVICES]

    looks = []
    for first in (1000, 2000):
        ports(shop, first)
        looks.append((shop.look(survey), survey.rendering))
    with ThreadPoolExecutor(2) as threads:
        found = [(desired, threads.submit(rendered, rendering)) for desired, rendering in looks]
        done = [(desired, files.result(timeout=30)) for desired, files in found]

    assert all(is_of(desired, each) for desired, files in done for each in files)
