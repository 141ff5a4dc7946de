import os
from pathlib import Path

import pytest

from dlp.cli.app import build, classifier_config, plugin_settings
from dlp.config import Plugin, load_settings
from dlp.core.errors import ConfigError, PluginError, PolicyError, StoreError
from dlp.core.message import Direction
from dlp.engine.audit import read
from dlp.engine.work import Call

from .conftest import Run

SETTINGS = Path("dlp.yaml")


def test_the_parts_of_a_proxy_fit_together(proxy: Run):
    told = proxy("session", "open", "--agent", "bot", "--json").json
    app = build(load_settings(SETTINGS), clock=lambda: 5.0, random=os.urandom)
    info = app.sessions.get(told["session"])
    assert info
    refused = app.engine.connect(Call(info, "t" * 32), "https", "nowhere.example", 443)
    assert refused
    assert refused.direction is Direction.OUTBOUND
    app.close()
    events = list(read(Path("state/audit.jsonl")))
    assert [(event["event"], event["time"], event["session"]) for event in events] == [
        (refused.event, 5.0, told["session"])
    ]
    with pytest.raises(StoreError, match="closed"):
        app.sessions.list()


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("policy.yaml", "policy: x\nnothing: 1\n", PolicyError),
        ("dlp.yaml", "policy: policy.yaml\nplugins: [nobody]\n", PluginError),
        ("state/key", "short", ConfigError),
        ("state/state.db", "something else " * 100, StoreError),
    ],
)
def test_what_is_wrong_stops_the_start(folder: Path, name: str, content: str, error: type[Exception]):
    (folder / name).write_text(content)
    with pytest.raises(error):
        build(load_settings(SETTINGS))


@pytest.mark.usefixtures("proxy")
def test_an_audit_log_that_cannot_be_written_stops_the_start(folder: Path):
    (folder / "state" / "audit.jsonl").mkdir()
    with pytest.raises(StoreError, match="cannot write the audit log"):
        build(load_settings(SETTINGS))


@pytest.mark.usefixtures("proxy")
def test_classes_that_only_a_missing_model_could_find_stop_the_start_unless_the_policy_says_so(folder: Path):
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nner: off\n")
    with pytest.raises(ConfigError, match="only the language model can find"):
        build(load_settings(SETTINGS))
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text() + "\nner: off\n")
    build(load_settings(SETTINGS)).close()
    assert policy.exists()


@pytest.mark.usefixtures("proxy")
def test_plugins_get_their_own_settings_and_the_one_with_the_model_whether_to_use_it(folder: Path):
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nner: on\nplugins: [dlp_tokens, dlp_presidio]\n")
    settings = load_settings(SETTINGS)
    assert settings.plugins == (Plugin("dlp_tokens"), Plugin("dlp_presidio"))
    assert plugin_settings(settings) == (("dlp_tokens", {}), ("dlp_presidio", {"ner": "on"}))
    assert dict(plugin_settings(settings, ner=False))["dlp_presidio"] == {"ner": "off"}
    app = build(settings)
    assert classifier_config(settings, app.policy) == app.classifying
    app.close()
