import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from dlp.cli.state import opened
from dlp.core.label import RAW, DataClass, Label
from dlp.engine.ledger import Ledger
from dlp.engine.sessions import SessionInfo
from dlp.engine.vault import Origin

from .conftest import Run

CA_VARIABLES = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "DENO_CERT",
    "CARGO_HTTP_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
]


def _authenticated(told: dict[str, str]) -> SessionInfo | None:
    name, _, secret = told["proxy"].removeprefix("http://").partition("@")[0].partition(":")
    with opened(Path("dlp.yaml")) as state:
        return state.sessions.authenticate(name, secret)


def test_a_sandbox_gets_credentials_that_name_its_session(proxy: Run):
    told = proxy("session", "open", "--agent", "bot", "--purpose", "reviews", "--json").json
    info = _authenticated(told)
    assert info
    assert (info.id, info.agent, info.purpose) == (told["session"], "bot", "reviews")
    assert told["proxy"].endswith("@127.0.0.1:8080")


def test_a_sandbox_gets_every_variable_that_routes_it_and_makes_it_trust_the_proxy(proxy: Run, folder: Path):
    told = proxy("session", "open", "--agent", "bot", "--json").json
    variables = told["env"]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert variables[name] == variables[name.lower()] == told["proxy"]
    assert variables["NO_PROXY"] == variables["no_proxy"] == ""
    assert variables["NODE_USE_ENV_PROXY"] == "1"
    assert variables["DLP_SESSION"] == told["session"]
    exported = proxy("ca", "export").out
    for name in CA_VARIABLES:
        path = Path(variables[name])
        assert path.is_absolute()
        assert path.is_relative_to(folder)
        files = list(path.iterdir()) if path.is_dir() else [path]
        assert [file.read_text() for file in files] == [exported]


def test_a_shell_can_evaluate_the_environment(real: Run, folder: Path):
    assert real("init").code == 0
    lines = real("session", "open", "--agent", "a 'b' $c", "--env").out
    shown = subprocess.run(  # noqa: S603
        ["sh", "-c", f"eval {shlex.quote(lines)}; env"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*", "no_proxy": "localhost"},
    ).stdout
    variables = dict(line.partition("=")[::2] for line in shown.splitlines())
    assert variables["NO_PROXY"] == variables["no_proxy"] == ""
    assert variables["HTTPS_PROXY"].startswith(f"http://{variables['DLP_SESSION']}:")
    assert Path(variables["SSL_CERT_FILE"]).is_relative_to(folder)


def test_a_failure_leads_an_evaluating_shell_nowhere(dlp: Run):
    told = dlp("session", "open", "--agent", "bot", "--env")
    assert told.code == 2
    assert "HTTPS_PROXY=http://no-session.invalid:9" in told.out
    assert "dlp init" in told.err


def test_the_port_of_a_running_proxy_counts(proxy: Run, folder: Path):
    settings = (folder / "dlp.yaml").read_text()
    (folder / "dlp.yaml").write_text(settings + '\nlisten: {http: "127.0.0.1:0"}\n')
    told = proxy("session", "open", "--agent", "bot", "--json")
    assert (told.code, "start it with `dlp up`" in told.err) == (2, True)
    assert proxy("session", "list", "--json").json == []
    listening = folder / "state" / "listen.json"
    listening.write_text('{"host": "0.0.0.0", "port": 4711, "pid": 1}')
    assert proxy("session", "open", "--agent", "bot", "--json").json["proxy"].endswith("@127.0.0.1:4711")
    listening.write_text("{}")
    assert proxy("session", "open", "--agent", "bot").code == 2


def test_sessions_are_listed_shown_frozen_and_closed(proxy: Run):
    one, two = (proxy("session", "open", "--agent", agent, "--json").json for agent in ("one", "two"))
    assert proxy("session", "freeze", one["session"]).out == f"session {one['session']} is frozen\n"
    assert proxy("session", "close", two["session"], "--json").json["status"] == "closed"
    listed = proxy("session", "list", "--json").json
    assert [(told["agent"], told["status"]) for told in listed] == [("one", "frozen"), ("two", "closed")]
    assert listed[0]["opened"] <= time.time()
    table = proxy("session", "list").out
    assert one["session"] in table
    assert "frozen" in proxy("session", "show", one["session"]).out
    assert _authenticated(one) is None
    assert _authenticated(two) is None


def test_what_a_session_is_tainted_with_is_shown(proxy: Run):
    name = proxy("session", "open", "--agent", "bot", "--json").json["session"]
    with opened(Path("dlp.yaml")) as state:
        Ledger(state.store, name).taint(Label(DataClass("pii.email"), RAW, "crm"), Origin("e1", "/mail", ""))
    taint = proxy("session", "show", name, "--json").json["taint"]
    assert taint == [{"class": "pii.email", "state": "raw", "source": "crm", "event": "e1"}]
    assert "pii.email (raw) from crm, since e1" in proxy("session", "show", name).out


def test_a_closed_session_may_keep_its_key(proxy: Run):
    told = proxy("session", "open", "--agent", "bot", "--json").json
    proxy("session", "close", told["session"], "--keep")
    with opened(Path("dlp.yaml")) as state:
        assert len(state.sessions.data_key(told["session"])) == 32


@pytest.mark.parametrize("command", ["show", "close", "freeze"])
def test_an_unknown_session_is_an_error(proxy: Run, command: str):
    told = proxy("session", command, "nobody")
    assert (told.code, told.out) == (2, "")
    assert "there is none" in told.err


def _trust(folder: Path) -> None:
    policy = folder / "policy.yaml"
    policy.write_text(
        policy.read_text()
        + "\ntrusted: {recipients: list, ticket: text, limit: number, urgent: boolean, ratio: number}\n"
    )


def test_trusted_facts_have_the_types_that_the_policy_declares(proxy: Run, folder: Path):
    _trust(folder)
    facts = ["recipients=a@x.test", "recipients=b=c", "ticket=7", "limit=5", "urgent=true", "ratio=0.5"]
    stated = [word for fact in facts for word in ("--fact", fact)]
    told = proxy("session", "open", "--agent", "bot", *stated, "--json").json
    info = _authenticated(told)
    assert info
    wanted = {"recipients": ("a@x.test", "b=c"), "ticket": "7", "limit": 5, "urgent": True, "ratio": 0.5}
    assert dict(info.facts) == wanted
    assert proxy("session", "show", told["session"], "--json").json["facts"]["recipients"] == ["a@x.test", "b=c"]
    assert "b=c" in proxy("session", "show", told["session"]).out
    assert "a@x.test" not in proxy("session", "list", "--json").out


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (["who=x"], "known: limit, ratio, recipients, ticket, urgent"),
        (["ticket"], "expected NAME=VALUE"),
        (["limit=many"], "expected a number, got a text of 4 characters"),
        (["urgent=yes"], "expected a boolean"),
        (["ticket=a", "ticket=b"], "only a list takes several"),
    ],
)
def test_a_fact_that_the_policy_does_not_know_opens_no_session(proxy: Run, folder: Path, facts: list[str], told: str):
    _trust(folder)
    said = proxy("session", "open", "--agent", "bot", *[word for fact in facts for word in ("--fact", fact)])
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert proxy("session", "list", "--json").json == []


def test_env_and_json_at_once_is_misuse(proxy: Run):
    assert proxy("session", "open", "--agent", "bot", "--env", "--json").code == 2


def test_nothing_secret_of_a_session_is_shown_again(proxy: Run):
    told = proxy("session", "open", "--agent", "bot", "--json").json
    secret = told["proxy"].partition(":")[2].partition("@")[0].partition(":")[2]
    for arguments in (["list"], ["list", "--json"], ["show", told["session"]], ["close", told["session"]]):
        assert secret not in proxy("session", *arguments).out
    assert secret.encode() not in b"".join(path.read_bytes() for path in Path("state").rglob("*") if path.is_file())


def test_a_session_gets_a_kept_workspace_only_when_the_one_before_is_closed(proxy: Run):
    old = proxy("session", "open", "--agent", "bot", "--json").json["session"]
    with opened(Path("dlp.yaml")) as state:
        ledger = Ledger(state.store, old)
        ledger.refresh(state.store.stamp())
        ledger.taint(Label(DataClass("pii.email"), RAW, "crm"), Origin("e1"))
    early = proxy("session", "open", "--agent", "bot", "--continues", old)
    assert early.code == 2
    assert "it is open" in early.err
    proxy("session", "close", old)
    new = proxy("session", "open", "--agent", "bot", "--continues", old, "--json").json["session"]
    assert [taint["class"] for taint in proxy("session", "show", new, "--json").json["taint"]] == ["pii.email"]
