"""RunSpec: what is written is what is read, whatever a newer or an older version said; what is unset is as in the settings."""

import json
from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.domain.run_spec import (
    OPTIONS,
    OnInterruption,
    Operator,
    Retries,
    RunSpec,
    declared,
    from_json,
    to_json,
)
from paiwatch.plan.policy import Policy

TEXTS = st.text(st.characters(), max_size=8)  # with what UTF-8 cannot say
SECONDS = st.floats(0, 1e6)
RETRIES = st.builds(Retries, attempts=st.integers(1, 9), first=SECONDS, max=SECONDS)
SPECS = st.builds(
    RunSpec,
    scripts=st.dictionaries(st.sampled_from(Operator), TEXTS),
    folder=TEXTS,
    env=st.dictionaries(TEXTS, TEXTS, max_size=3),
    timeout=SECONDS,
    retries=RETRIES,
    interrupted=st.sampled_from(OnInterruption),
    unset=st.frozensets(st.sampled_from(sorted(OPTIONS))),
)


@given(SPECS)
def test_what_is_written_is_what_is_read(spec: RunSpec) -> None:
    found = from_json(to_json(spec))

    assert found == spec
    assert list(found.scripts) == list(spec.scripts)
    assert to_json(found) == to_json(spec)


@given(SPECS, st.sampled_from([each.name for each in fields(RunSpec)]))
def test_what_an_older_version_did_not_know_has_its_default_and_is_left_to_the_settings(
    spec: RunSpec, unknown: str
) -> None:
    older = {name: value for name, value in json.loads(to_json(spec)).items() if name != unknown}

    found = from_json(json.dumps(older))

    default = getattr(RunSpec(), unknown)
    left = spec.unset | ({unknown} & OPTIONS)
    assert found == replace(spec, **{unknown: default, "unset": default if unknown == "unset" else left})


@given(SPECS)
def test_what_a_newer_version_knows_besides_is_passed_over(spec: RunSpec) -> None:
    newer = json.loads(to_json(spec)) | {"nice": 5}
    newer["retries"] |= {"jitter": 0.1}
    newer["unset"] = [*newer["unset"], "nice"]

    assert from_json(json.dumps(newer)) == spec


def test_nothing_written_is_nothing_said() -> None:
    assert from_json("") == declared() == RunSpec(unset=OPTIONS)


@given(SPECS, SECONDS, RETRIES, st.sampled_from(OnInterruption))
def test_the_settings_fill_in_what_is_unset_and_only_that(
    spec: RunSpec, timeout: float, retries: Retries, interrupted: OnInterruption
) -> None:
    policy = Policy(timeout=timeout, retries=retries, interrupted=interrupted)

    done = policy.complete(spec)

    said = {each.name for each in fields(RunSpec)} - {"unset"}
    assert {name: getattr(done, name) for name in said} == {
        name: getattr(policy if name in spec.unset else spec, name) for name in said
    }
    assert done.unset == spec.unset - {"timeout"}, (
        "a timeout that was run with stays, whatever the settings say"
    )
