import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dlp.cli import doctor

from .conftest import Run


def _told(dlp: Run) -> tuple[int, dict[str, tuple[str, str]]]:
    said = dlp("doctor", "--json")
    return said.code, {one["check"]: (one["status"], one["says"]) for one in said.json}


def test_a_new_proxy_is_well(proxy: Run):
    code, told = _told(proxy)
    assert code == 0
    assert {name for name, (status, _) in told.items() if status == "fail"} == set()
    assert {"settings", "policy", "plugins", "model", "state", "key", "store", "CA", "listeners", "clock"} <= set(told)
    assert "confinement" in told


def test_people_get_a_table_with_what_to_do(proxy: Run):
    told = proxy("doctor")
    assert told.code == 0
    assert "start it with `dlp up`" in told.out


def test_without_settings_nothing_else_is_looked_at(dlp: Run):
    code, told = _told(dlp)
    assert (code, list(told), told["settings"][0]) == (1, ["settings"], "fail")


def _spoil_key(state: Path) -> None:
    (state / "key").chmod(0o644)


def _swap_key(state: Path) -> None:
    (state / "key").write_bytes(bytes(32))


def _drop_store(state: Path) -> None:
    (state / "state.db").unlink()


def _spoil_store(state: Path) -> None:
    (state / "state.db").write_bytes(b"no store at all " * 64)


def _open_store(state: Path) -> None:
    (state / "state.db").chmod(0o644)


def _open_state(state: Path) -> None:
    state.chmod(0o755)


def _drop_ca(state: Path) -> None:
    (state / "ca" / "mitmproxy-ca.pem").unlink()


def _spoil_policy(state: Path) -> None:
    (state.parent / "policy.yaml").write_text("policy: x\nnothing: 1\n")


def _miss_upstream_ca(state: Path) -> None:
    (state.parent / "dlp.yaml").write_text("policy: policy.yaml\nupstream_ca: [gone.pem]\n")


@pytest.mark.parametrize(
    ("spoil", "check", "said"),
    [
        (_spoil_key, "key", "chmod 600"),
        (_swap_key, "store", "does not fit the store"),
        (_drop_store, "store", "there is no store"),
        (_spoil_store, "store", "not a database"),
        (_open_store, "store", "others may read it"),
        (_open_state, "state", "others may look in"),
        (_drop_ca, "authority", "dlp init"),
        (_spoil_policy, "policy", "policy.yaml:2:1"),
        (_miss_upstream_ca, "CA", "gone.pem is missing"),
    ],
)
def test_what_would_keep_the_proxy_from_working_fails(
    proxy: Run, folder: Path, spoil: Callable[[Path], None], check: str, said: str
):
    assert proxy("session", "open", "--agent", "bot").code == 0
    spoil(folder / "state")
    findings = proxy("doctor", "--json")
    assert findings.code == 1
    failed = [one for one in findings.json if one["check"] == check and one["status"] == "fail"]
    assert said in failed[0]["says"] + failed[0]["todo"]


def test_somebody_else_on_our_port_fails(proxy: Run, folder: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        (folder / "dlp.yaml").write_text(
            f'policy: policy.yaml\nlisten: {{http: "127.0.0.1:{other.getsockname()[1]}"}}\n'
        )
        code, told = _told(proxy)
    assert (code, told["listeners"][0]) == (1, "fail")
    assert "not this proxy" in told["listeners"][1]


def test_an_open_port_that_nobody_took_yet_is_no_failure(proxy: Run, folder: Path):
    (folder / "dlp.yaml").write_text('policy: policy.yaml\nlisten: {http: "127.0.0.1:0"}\n')
    code, told = _told(proxy)
    assert (code, told["listeners"]) == (0, ("warn", "the proxy does not run"))


def test_a_running_proxy_is_seen(proxy: Run, folder: Path):
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as admin:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        admin.bind(str(folder / "state" / "admin.sock"))
        admin.listen()
        port = listener.getsockname()[1]
        (folder / "dlp.yaml").write_text(f'policy: policy.yaml\nlisten: {{http: "127.0.0.1:{port}"}}\n')
        _, told = _told(proxy)
    assert told["listeners"] == ("ok", f"the proxy listens on 127.0.0.1:{port}")


def test_a_clock_that_was_set_back_is_noticed(proxy: Run, folder: Path):
    later = time.time() + 7200
    os.utime(folder / "state" / "key", (later, later))
    _, told = _told(proxy)
    assert (told["clock"][0], "set back" in told["clock"][1]) == ("warn", True)


def test_a_policy_that_only_watches_is_pointed_out(proxy: Run, folder: Path):
    path = folder / "policy.yaml"
    path.write_text(path.read_text() + "\nmode: monitor\n")
    _, told = _told(proxy)
    assert told["policy"][0] == "warn"


@pytest.mark.parametrize(("ner", "status"), [("off", "warn"), ("auto", "warn"), ("on", "fail")])
def test_a_model_that_is_missing_matters_where_it_is_wanted(
    proxy: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, ner: str, status: str
):
    monkeypatch.setattr(doctor, "MODEL", "no-such-distribution")
    (folder / "dlp.yaml").write_text(f'policy: policy.yaml\nner: "{ner}"\n')
    _, told = _told(proxy)
    assert told["model"][0] == status


@pytest.mark.parametrize("leads", [True, False])
def test_it_says_whether_a_sandbox_could_go_round(proxy: Run, monkeypatch: pytest.MonkeyPatch, *, leads: bool):
    monkeypatch.setattr(doctor, "_leads_out", lambda *_: leads)
    _, told = _told(proxy)
    assert told["confinement"][0] == ("warn" if leads else "ok")
    assert ("does not confine the sandbox" in told["confinement"][1]) == leads


def test_looking_for_a_way_out_sends_nothing():
    assert doctor._leads_out(socket.AF_INET, "not an address") is False


def test_it_says_who_enforces_the_limits(proxy: Run, folder: Path):
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text() + "\nlimits: {calls: 50, per_minute: 20, duration: 30s, memory: 256MB}\n")
    said = [one for one in proxy("doctor", "--json").json if one["check"] == "limits"]
    assert [one["status"] for one in said] == ["ok", "warn"]
    assert "50 requests, 20 requests a minute, 30 s from the first request" in said[0]["says"]
    assert "256 MB is not the proxy's to enforce" in said[1]["says"]


def test_without_limits_nothing_is_said_of_them(proxy: Run):
    assert "limits" not in _told(proxy)[1]
