"""What is thrown at paiwatch: bytes, YAML and Jinja2 that are almost right. FUZZ_EXAMPLES says how many of each (50)."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))


def thorough(share: float = 1.0) -> settings:
    """So many examples, times a share for tests that are slow."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


KEYS = [
    *("prerequisite", "template-list", "start-script", "stop-script", "delete-script", "refresh-script"),
    *("on-change", "on-failure", "timeout", "retries", "attempts", "first", "max", "env", "cluster-type"),
    *("deploy-rules", "watch", "in", "notin", "service", "dependents", "upgraded-script"),
    *("config", "src", "repo", "directory", "branch", "folder", "state", "operators", "guard", "log", "poll"),
    *("machine-sku", "machine-list", "hostname", "hostip", "machine-type", "cluster", "<<", "a", "grafana"),
]
SCALARS = [
    *(
        "start.sh",
        "../x",
        "/etc/passwd",
        "a/../b",
        "",
        "''",
        '"\\x00"',
        '"\\uD800"',
        "null",
        "~",
        "yes",
        "off",
        "1",
        "-1",
    ),
    *(
        "1e999",
        ".inf",
        ".nan",
        "0x1f",
        "1_0",
        "12:30:45",
        "2026-01-01",
        "99999-99-99",
        "30s",
        "1h30m",
        "9" * 400,
        "1.5",
    ),
    *(
        "!!binary =",
        "!!python/object:os.system x",
        "!!set {a}",
        "!!timestamp x",
        "!x y",
        "&a",
        "*a",
        "*b",
        "|",
        ">-",
        "ä€😀",
    ),
    *(
        "{{ x }}",
        "{% raw %}",
        "#",
        "[",
        "]",
        "{",
        "}",
        ",",
        "? ",
        ": ",
        "- ",
        "---",
        "...",
        "%YAML 9.9",
        "@",
        "`",
        "\u2028",
    ),
]
BLANKS = [
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    ": ",
    " ",
    "\t",
    "\r\n",
    "\r",
    "\0",
    "\x1b",
    "\ufeff",
    "\x85",
]

_yaml_text = st.lists(
    st.one_of(st.sampled_from(KEYS), st.sampled_from(SCALARS), st.sampled_from(BLANKS), st.text(max_size=4)),
    max_size=40,
).map("".join)

_plain_keys = st.one_of(
    st.sampled_from(KEYS), st.sampled_from(SCALARS), st.integers(), st.booleans(), st.none()
)
_values = st.recursive(
    st.one_of(
        st.sampled_from(SCALARS),
        st.sampled_from(KEYS),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.text(max_size=6),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_plain_keys, inner, max_size=4),
    max_leaves=12,
)


def _dumped(value: object) -> bytes:
    import yaml

    return yaml.dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")


#: Bytes that a YAML file may hold: well-formed with the wrong content, almost well-formed, and anything at all.
yaml_bytes = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), _values, max_size=6).map(_dumped),
    _values.map(_dumped),
    _yaml_text.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"[" * 5000, b"{a: " * 3000, b"- " * 3000, b"a: &a [" + b"*a," * 50, b"\xff\xfea\0", b"&a {<<: *a}"]
    ),
    st.binary(max_size=60),
)

JINJA = [
    *(
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "{# ",
        " #}",
        "{%- ",
        " -%}",
        "{{{{",
        "}}",
        "{%",
        "endfor",
        "endif",
        "else",
        "\n",
    ),
    *(
        "cluster_cfg",
        "cluster_cfg.a",
        "cluster_cfg['a']['b']",
        "cluster_cfg.a.x.y.z",
        "x",
        "loop.index",
        "loop",
        "self",
        "caller()",
    ),
    *(
        "for x in cluster_cfg ",
        "for k, v in cluster_cfg.items() ",
        "for x in range(10**9) ",
        "if x ",
        "set x = 1 ",
        "set x = namespace() ",
    ),
    *(
        "macro m(a) ",
        "endmacro ",
        "m(m) ",
        "include 'start.sh.template' ",
        "import 'a' as b ",
        "extends 'a' ",
        "block b ",
        "endblock ",
    ),
    *(
        "raw ",
        "endraw ",
        "call m() ",
        "endcall ",
        "filter upper ",
        "endfilter ",
        "with a=1 ",
        "endwith ",
        "do x ",
        "trans ",
        "break ",
    ),
    *(
        "|length",
        "|int",
        "|tojson",
        "|join(',')",
        "|map(attribute='x')",
        "|sort",
        "|default(x)",
        "|format(1)",
        "|nosuch",
        "|attr('__class__')",
    ),
    *(
        "'%s' % x",
        "'{0.__class__}'.format(x)",
        "''.__class__.__mro__",
        "1/0",
        "'a'*10**9",
        "2**10**6",
        "[[1]*9]*9",
        "-x",
        "x.y()",
        "x[1:2:0]",
    ),
    *(
        " is defined",
        " in ",
        " not ",
        " ~ ",
        " + ",
        "(",
        ")",
        "[",
        "]",
        "'",
        '"',
        "\\",
        "lipsum(n=9**9)",
        "cycler()",
        "joiner",
        "dict(a=1)",
    ),
]

#: Templates, most of them wrong.
jinja = st.lists(st.one_of(st.sampled_from(JINJA), st.text(max_size=3)), max_size=25).map(" ".join)
