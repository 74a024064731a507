"""config.yaml: every fault at once, with its place and what to do."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Dependents, Removal
from paiwatch.errors import ConfigError
from paiwatch.problem import Problem, Severity
from paiwatch.settings.file import load, load_with_warnings
from paiwatch.settings.sections import LogFormat, LogLevel, RetryPolicy, Settings, Undefined

SOURCES = "config: {repo: https://git.example.com/c.git}\nsrc: {directory: /srv/platform}\n"

HEAD = """\
config: {repo: https://git.example.com/ops/cluster.git, branch: main, folder: clusters/prod}   # or {directory: /etc/cluster, folder: .}
src:    {directory: /srv/platform, folder: src}                                                # or {repo: …, branch: …, folder: src}
state:  /var/lib/paiwatch
templates: {undefined: strict}        # strict | lenient
operators: {parallel: 4, timeout: 30m, dependents: refresh, removed: keep, retries: {attempts: 5, first: 10s, max: 5m}}
"""


def read(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(path, environ or {})


def faults(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, environ)
    return caught.value.problems


def warnings(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_with_warnings(path, {})[1]


def a_file(path: Path, mode: int = 0o600) -> Path:
    path.write_text("hunter2")
    path.chmod(mode)
    return path


def test_the_fixed_head_is_read(tmp_path: Path) -> None:
    read_settings = read(tmp_path, HEAD)

    assert read_settings.config.repo == "https://git.example.com/ops/cluster.git"
    assert (read_settings.config.branch, read_settings.config.folder) == ("main", "clusters/prod")
    assert (read_settings.src.directory, read_settings.src.folder) == (Path("/srv/platform"), "src")
    assert read_settings.state == Path("/var/lib/paiwatch")
    assert read_settings.templates.undefined is Undefined.STRICT
    operators = read_settings.operators
    assert (operators.parallel, operators.timeout) == (4, 1800.0)
    assert (operators.dependents, operators.removed) == (Dependents.REFRESH, Removal.KEEP)
    assert operators.retries == RetryPolicy(attempts=5, first=10.0, max=300.0)


def test_the_other_forms_of_the_head_are_read(tmp_path: Path) -> None:
    read_settings = read(
        tmp_path,
        "config: {directory: /etc/cluster, folder: .}\nsrc: {repo: /srv/platform.git, branch: main, folder: src}\n",
    )

    assert (read_settings.config.directory, read_settings.config.folder) == (Path("/etc/cluster"), ".")
    assert read_settings.src.repo == "/srv/platform.git"


def test_keys_and_sections_without_a_value_have_their_defaults(tmp_path: Path) -> None:
    empty = read(tmp_path, SOURCES + "operators:\nlog:\n  level:\nstate:\n")

    assert empty == read(tmp_path, SOURCES)


def test_relative_paths_are_seen_from_the_file(tmp_path: Path) -> None:
    for name in ("token", "key", "hosts"):
        a_file(tmp_path / name)

    text = """
config: {repo: ../cluster.git, folder: ./clusters//prod/}
src: {repo: git@git.example.com:ops/x.git, key_file: key, known_hosts: hosts}
state: state
"""
    read_settings = read(tmp_path, text)

    assert read_settings.config.repo == f"{tmp_path}/../cluster.git"
    assert read_settings.config.folder == "clusters/prod"
    assert read_settings.src.repo == "git@git.example.com:ops/x.git"
    assert (read_settings.src.key_file, read_settings.src.known_hosts) == (
        tmp_path / "key",
        tmp_path / "hosts",
    )
    assert read_settings.state == tmp_path / "state"


def test_relative_paths_are_absolute_when_the_file_is_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("config: {directory: c}\nsrc: {directory: s}\nstate: state\n")
    monkeypatch.chdir(tmp_path)

    read_settings = load(Path("config.yaml"), {})

    assert read_settings.src.directory == tmp_path / "s"


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        pytest.param("", "1:1", "'config' is missing", "write 'config'", id="empty"),
        pytest.param("- a", "1:1", "the file must be a mapping", "key: value", id="list"),
        pytest.param("config: {}\nsrc: {directory: /s}", "1:1", "neither 'repo' nor 'directory'", "exactly one", id="neither"),
        pytest.param("config: {repo: /c, directory: /d}\nsrc: {directory: /s}", "1:1", "both 'repo' and 'directory'", "exactly one", id="both"),
        pytest.param("config: /c\nsrc: {directory: /s}", "1:1", "'config' must be a mapping of keys to values, not text", "key: value", id="text"),
        pytest.param(SOURCES + "operators: {paralel: 4}", "3:13", "unknown key 'operators.paralel'", "did you mean 'parallel'?", id="typo"),
        pytest.param(SOURCES + "operaters: {}", "3:1", "unknown key 'operaters'", "did you mean 'operators'?", id="section typo"),
        pytest.param(SOURCES + "web: {}", "3:1", "unknown key 'web'", "the keys here are config, src, state", id="unknown"),
        pytest.param(SOURCES + "operators: {parallel: 0}", "3:13", "'operators.parallel' must be at least 1", "range", id="low"),
        pytest.param(SOURCES + "operators: {parallel: 999}", "3:13", "must be at most 256", "range", id="high"),
        pytest.param(SOURCES + "operators: {parallel: '4'}", "3:13", "must be a whole number, not text", "", id="quoted"),
        pytest.param(SOURCES + "operators: {parallel: yes}", "3:23", "means true in YAML 1.1", "quote it", id="yes"),
        pytest.param(SOURCES + "operators: {timeout: 22:22}", "3:22", "base 60", "quote it", id="sexagesimal"),
        pytest.param(SOURCES + "operators: {timeout: 5 minutes}", "3:13", "'operators.timeout' cannot be used", "500ms, 10s, 5m", id="duration"),
        pytest.param(SOURCES + "operators: {log_limit: 5MB}", "3:13", "'operators.log_limit' cannot be used", "64KiB, 10MiB", id="size"),
        pytest.param(SOURCES + "operators: {removed: remove}", "3:13", "none of the words", "keep, stop, delete", id="word"),
        pytest.param(SOURCES + "operators: {retries: {first: -1}}", "3:23", "'operators.retries.first' must be at least 0", "", id="negative"),
        pytest.param(SOURCES + "state: [a]", "3:1", "'state' must be text, not a list", "", id="state list"),
        pytest.param(SOURCES + "state: ~/x", "3:1", "'state' begins with '~'", "write the path out", id="home"),
        pytest.param(SOURCES + "state: /srv/platform/state", "3:1", "'state' lies in 'src.directory'", "elsewhere", id="state in src"),
        pytest.param(SOURCES + "log: {secret_keys: '(a'}", "3:7", "'log.secret_keys' is not a regular expression", "correct it", id="pattern"),
        pytest.param(SOURCES + "state: /a\nstate: /b", "4:1", "written twice: first in line 3", "keep one", id="duplicate"),
        pytest.param("config: {repo: /c, settle: 1s}\nsrc: {directory: /s}", "1:20", "'config.settle' goes with 'directory'", "remove it", id="settle"),
        pytest.param("config: {repo: /c}\nsrc: {directory: /s, poll: 1m}", "2:22", "'src.poll' goes with 'repo'", "remove it", id="poll"),
        pytest.param("config: {repo: /c, token_file: /dev/null/x}\nsrc: {directory: /s}", "1:20", "'config.token_file' is for https, but the repository is reached by its path", "remove", id="token"),
        pytest.param("config: {repo: 'https://x/y', key_file: /etc/hostname}\nsrc: {directory: /s}", "1:31", "'config.key_file' is for ssh, but the repository is reached by https", "remove", id="key"),
        pytest.param("config: {repo: a@b:c, username: x}\nsrc: {directory: /s}", "1:23", "'config.username' is for https, but the repository is reached by ssh", "", id="user"),
        pytest.param("config: {repo: 'ftp://x/y'}\nsrc: {directory: /s}", "1:10", "uses 'ftp'", "use https, http, ssh, file or a path", id="ftp"),
        pytest.param("config: {repo: 'ext::sh'}\nsrc: {directory: /s}", "1:10", "no address", "URL or a path", id="helper"),
        pytest.param("config: {repo: --upload-pack=x}\nsrc: {directory: /s}", "1:10", "no address", "URL or a path", id="option"),
        pytest.param("config: {repo: /c, branch: -x}\nsrc: {directory: /s}", "1:20", "'config.branch' cannot be a branch", "main", id="branch"),
        pytest.param("config: {repo: /c, folder: ../x}\nsrc: {directory: /s}", "1:20", "'config.folder' leaves the tree", "inside", id="up"),
        pytest.param("config: {repo: /c, folder: /x}\nsrc: {directory: /s}", "1:20", "'config.folder' leaves the tree", "inside", id="absolute"),
        pytest.param("config: {repo: /c, poll: 0}\nsrc: {directory: /s}", "1:20", "'config.poll' must be more than 0", "", id="no poll"),
    ],
)  # fmt: skip
def test_a_fault_says_where_what_and_what_to_do(
    tmp_path: Path, text: str, place: str, message: str, remedy: str
) -> None:
    problems = [problem for problem in faults(tmp_path, text) if message in problem.message]

    assert [problem.place for problem in problems] == [f"{tmp_path}/config.yaml:{place}"]
    assert problems[0].severity is Severity.ERROR
    assert remedy in problems[0].remedy


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        "config: {repo: /c, folder: ../x, settle: 1s}\nsrc: {}\nstate: ~/x\nlog: {secret_keys: '('}\n",
        {"PAIWATCH_PARALLEL": "many"},
    )

    assert {Path(problem.place).name for problem in found} == {
        "PAIWATCH_PARALLEL",
        "config.yaml:1:20",
        "config.yaml:1:34",
        "config.yaml:2:1",
        "config.yaml:3:1",
        "config.yaml:4:7",
    }


def test_text_that_is_no_yaml_is_one_fault(tmp_path: Path) -> None:
    assert len(faults(tmp_path, "config: {repo: [")) == 1


def test_the_error_counts_the_faults(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SOURCES + "a: 1\nb: 2\n")

    with pytest.raises(ConfigError, match=r"config\.yaml: 2 faults in the settings"):
        load(tmp_path / "config.yaml", {})


@pytest.mark.parametrize("key", ["token_file", "key_file", "known_hosts", "ca_file"])
def test_a_credential_file_that_is_missing_is_a_fault_of_its_key(tmp_path: Path, key: str) -> None:
    repo = "https://x/y" if key in {"token_file", "ca_file"} else "ssh://x/y"

    (problem,) = faults(tmp_path, f"config: {{repo: '{repo}', {key}: gone}}\nsrc: {{directory: /s}}\n")

    assert f"'config.{key}': {tmp_path}/gone cannot be used: No such file" in problem.message
    assert problem.line == 1


def test_a_folder_is_no_token_file(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, "config: {repo: 'https://x/y', token_file: .}\nsrc: {directory: /s}\n")

    assert "is not a file" in problem.message


def test_a_token_that_others_can_read_is_a_warning_without_the_token(tmp_path: Path) -> None:
    a_file(tmp_path / "token", 0o644)

    (warning,) = warnings(
        tmp_path, "config: {repo: 'https://x/y', token_file: token}\nsrc: {directory: /s}\n"
    )

    assert warning.severity is Severity.WARNING
    assert "can be read by other users" in warning.message
    assert warning.remedy == f"run: chmod 600 {tmp_path}/token"
    assert "hunter2" not in str(warning)


def test_a_password_in_an_address_is_a_warning_without_the_password(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, "config: {repo: 'https://me:hunter2@x/y'}\nsrc: {directory: /s}\n")

    assert "has a password in it" in warning.message
    assert "hunter2" not in str(warning)


def test_a_token_over_http_is_a_warning(tmp_path: Path) -> None:
    a_file(tmp_path / "token")

    (warning,) = warnings(tmp_path, "config: {repo: 'http://x/y', token_file: token}\nsrc: {directory: /s}\n")

    assert "unencrypted" in warning.message


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    read_settings = read(
        tmp_path,
        SOURCES + "state: /a\nlog: {level: error, secret_keys: x}\noperators: {parallel: 2, removed: stop}\n",
        {
            "PAIWATCH_STATE": "/b",
            "PAIWATCH_LOG_LEVEL": "debug",
            "PAIWATCH_LOG_FORMAT": "json",
            "PAIWATCH_PARALLEL": "8",
        },
    )

    assert read_settings.state == Path("/b")
    assert (read_settings.log.level, read_settings.log.format) == (LogLevel.DEBUG, LogFormat.JSON)
    assert read_settings.log.secret_keys == "x"
    assert (read_settings.operators.parallel, read_settings.operators.removed) == (8, Removal.STOP)


def test_empty_and_other_variables_say_nothing(tmp_path: Path) -> None:
    environ = {"PAIWATCH_STATE": "", "PAIWATCH_RUN": "x", "PAIWATCH_PARALLEL": ""}

    assert read(tmp_path, SOURCES, environ) == read(tmp_path, SOURCES)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PAIWATCH_STATE", "relative", "is a relative path; write an absolute path"),
        ("PAIWATCH_LOG_LEVEL", "loud", "write one of: debug, info, warning, error"),
        ("PAIWATCH_LOG_FORMAT", "jsn", "did you mean 'json'?"),
        ("PAIWATCH_PARALLEL", "four", "must be a whole number, not text"),
        ("PAIWATCH_PARALLEL", "0", "must be at least 1"),
    ],
)
def test_a_fault_of_a_variable_names_it(tmp_path: Path, variable: str, value: str, words: str) -> None:
    (problem,) = faults(tmp_path, SOURCES, {variable: value})

    assert str(problem).startswith(f"{variable}: ")
    assert words in str(problem)


def test_a_missing_file_a_folder_and_an_unreadable_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: does not exist; name the settings file with -c"):
        load(tmp_path / "none.yaml", {})
    with pytest.raises(ConfigError, match="is a folder; name the settings file in it"):
        load(tmp_path, {})
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="cannot be read: Too many levels"):
        load(tmp_path / "loop", {})


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError) as caught:
        load(path, {})

    assert "is not UTF-8" in caught.value.problems[0].message


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["/x", "https://x/y", "a:b", "10s", "(", "~"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["repo", "directory", "branch", "folder", "key_file", "level", "retries", "secret_keys", "x"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(st.sampled_from(["config", "src", "state", "log", "operators", "x"]), _VALUES))
def test_any_yaml_is_settings_or_a_config_error(tmp_path: Path, value: object) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(repr(value).replace("None", "~"), encoding="utf-8", errors="replace")

    try:
        problems = load_with_warnings(path, {})[1]
    except ConfigError as error:
        problems = error.problems
    assert all(problem.remedy for problem in problems)


def test_a_directory_that_is_a_ring_of_links_is_no_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "tree").symlink_to("tree")
    text = f"config: {{directory: {tmp_path}/conf}}\nsrc: {{directory: {tmp_path}/tree}}\nstate: {tmp_path}/state\n"
    (tmp_path / "config.yaml").write_text(text)

    assert load(tmp_path / "config.yaml", {}).src.directory == tmp_path / "tree"
