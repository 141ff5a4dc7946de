"""What dlp.yaml may say, and how its mistakes are told."""

from pathlib import Path

import pytest

from dlp.config import BUNDLED, Address, Limits, McpServer, Plugin, Settings, load_settings
from dlp.core.errors import ConfigError

HERE = Path("/etc/dlp/dlp.yaml")


def settings(text: str) -> Settings:
    return load_settings(HERE, read=lambda _: text.encode())


def test_a_policy_is_enough():
    assert settings("policy: policy.yaml") == Settings(
        HERE, policy=Path("/etc/dlp/policy.yaml"), state=Path("/etc/dlp/state")
    )
    assert [plugin.name for plugin in settings("policy: p.yaml").plugins] == list(BUNDLED)


def test_everything_can_be_said():
    given = settings("""
policy: /rules/p.yaml
state: ../var
listen: {http: "[::1]:0"}
plugins:
  - dlp_presidio
  - dlp_tokens: {kind: shaped, depth: [1, 2]}
  - dlp_secrets:
hosts: {api.workday.test: "127.0.0.1:8443", slack.test: 10.0.0.7}
upstream_ca: [ca.pem, /ca/other.pem]
ner: "off"
limits: {body: 2.5MB, header: 64KiB, classify: 500ms, hold: 1m, connect: 3s, idle: 1h}
durability: power
workers: 1
pool: 2
bind_session: demo
stand_in_domain: stand-in.acme.example
""")
    assert given == Settings(
        path=HERE,
        policy=Path("/rules/p.yaml"),
        state=Path("/etc/dlp/../var"),
        http=Address("::1", 0),
        plugins=(
            Plugin("dlp_presidio"),
            Plugin("dlp_tokens", {"kind": "shaped", "depth": [1, 2]}),
            Plugin("dlp_secrets"),
        ),
        hosts={"api.workday.test": Address("127.0.0.1", 8443), "slack.test": Address("10.0.0.7")},
        upstream_ca=(Path("/etc/dlp/ca.pem"), Path("/ca/other.pem")),
        ner="off",
        limits=Limits(body=2_500_000, header=65_536, classify=0.5, hold=60.0, connect=3.0, idle=3600.0),
        durability="power",
        workers=1,
        pool=2,
        bind_session="demo",
        stand_in_domain="stand-in.acme.example",
    )


def test_plugins_can_be_a_mapping_and_localhost_an_address():
    given = settings("policy: p.yaml\nplugins: {own: {a: 1}, other: }\nlisten: {http: localhost:80}")
    assert given.plugins == (Plugin("own", {"a": 1}), Plugin("other"))
    assert given.http == Address("127.0.0.1", 80)


def test_a_plugins_settings_stay_out_of_reprs():
    assert "hunter2" not in repr(settings("policy: p.yaml\nplugins: {own: {password: hunter2}}"))


@pytest.mark.parametrize(
    ("line", "place", "told"),
    [
        ("polcy: x", "2:1", "unknown key polcy; did you mean policy"),
        ("listen: {http: 8080}", "2:16", "expected a text, got a number"),
        ('listen: {http: "127.0.0.1"}', "2:16", "expected an address with a port"),
        ('listen: {http: "[::1]"}', "2:16", "expected an address with a port"),
        ('listen: {http: "0.0.0.0:99999"}', "2:16", "expected a port of at most 65535"),
        ('listen: {http: "somewhere:80"}', "2:16", "expected an address such as"),
        ('listen: {http: "300.0.0.1:80"}', "2:16", "expected an address such as"),
        ("listen: {https: x}", "2:10", "unknown key https; did you mean http"),
        ("hosts: {API.test: 127.0.0.1}", "2:9", "expected a host name"),
        ("hosts: {api.test: elsewhere.test}", "2:19", "hosts: api.test: expected an address"),
        ("stand_in_domain: 10.0.0.7", "2:18", "expected a domain of your own"),
        ("stand_in_domain: localhost", "2:18", "expected a domain of your own"),
        ("stand_in_domain: a@acme.example", "2:18", "expected a domain of your own"),
        ("ner: true", "2:6", "ner: expected a text, got a boolean"),
        ("durability: disk", "2:13", "known: power, process"),
        ("workers: 2", "2:10", "workers: expected 1, got 2"),
        ("pool: 0", "2:7", "pool: expected 1 to 64, got 0"),
        ("limits: {body: 10}", "2:16", "expected a number with a unit, such as 10MB, got a number"),
        ("limits: {body: 10XB}", "2:16", "got the unit XB; known units: B, KB, MB"),
        ("limits: {hold: 20}", "2:16", "such as 20s"),
        ("limits: {hold: 0s}", "2:16", "cannot be switched off"),
        ("limits: {bodi: 10MB}", "2:10", "unknown key bodi; did you mean body"),
        ("limits: {body: [1]}", "2:16", "got a list"),
        ("plugins: []", "2:10", "leave the key out"),
        ("plugins: [a, a]", "2:14", "a is named twice"),
        ("plugins: {a: 3}", "2:14", "a: expected a mapping of its settings, got a number"),
        ("plugins: [3]", "2:11", "expected a text, got a number"),
        ("upstream_ca: []", "2:14", "leave the key out"),
        ("state: 3", "2:8", "state: expected a text"),
    ],
)
def test_a_mistake_is_told_with_its_place(line: str, place: str, told: str):
    with pytest.raises(ConfigError) as raised:
        settings(f"policy: p.yaml\n{line}\n")
    assert str(raised.value).startswith(f"/etc/dlp/dlp.yaml:{place}: ")
    assert told in str(raised.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="No such file or directory; `dlp init` writes a first one"):
        load_settings(tmp_path / "dlp.yaml")


def test_settings_without_a_policy_are_an_error():
    with pytest.raises(ConfigError, match=":1:1: settings: expected the key policy"):
        settings("state: s")


def test_mcp_servers_are_commands_or_urls():
    given = settings("""
policy: p.yaml
listen: {http: "127.0.0.1:8080", mcp: "127.0.0.1:0"}
mcp:
  servers:
    files: {command: [npx, some-server], cwd: work, env: {KEY: hidden-value, NONE: ""}}
    crm: {url: "https://mcp.crm.example/mcp", headers: {Authorization: Bearer hidden-value}}
""")
    assert given.mcp == Address("127.0.0.1", 0)
    assert given.servers == {
        "files": McpServer(
            "files", ("npx", "some-server"), cwd=Path("/etc/dlp/work"), env={"KEY": "hidden-value", "NONE": ""}
        ),
        "crm": McpServer("crm", url="https://mcp.crm.example/mcp", headers={"Authorization": "Bearer hidden-value"}),
    }
    assert "hidden-value" not in repr(given)


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("Files: {command: [x]}", "small letters"),
        ("a.b: {command: [x]}", "small letters"),
        ("a: {}", "either command"),
        ("a: {command: [x], url: 'https://x.test'}", "either command"),
        ("a: {url: 'ftp://x.test'}", "expected http"),
        ("a: {url: 'https://user:pw@x.test/'}", "expected http"),
        ("a: {url: 'https://x.test', env: {A: b}}", "env: only a server with command"),
        ("a: {command: [x], headers: {A: b}}", "headers: only a server with url"),
    ],
)
def test_a_server_that_cannot_be_meant_is_an_error(server: str, says: str):
    with pytest.raises(ConfigError, match=says):
        settings(f"policy: p.yaml\nmcp:\n  servers:\n    {server}\n")
