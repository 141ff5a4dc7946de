from pathlib import Path

from .conftest import Run


def test_plugins_that_are_used_are_listed_with_what_they_do(proxy: Run):
    told = {one["plugin"]: one for one in proxy("plugins", "list", "--json").json}
    assert told["dlp_presidio"]["loaded"]
    assert told["dlp_presidio"]["distribution"] == "dlp-proxy"
    assert "classify" in told["dlp_presidio"]["hooks"]
    assert "dlp_tokens" in proxy("plugins", "list").out


def test_plugins_that_are_not_used_are_listed_as_such(proxy: Run, folder: Path):
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nplugins: [dlp_tokens]\n")
    told = {one["plugin"]: one["loaded"] for one in proxy("plugins", "list", "--json").json}
    assert told["dlp_tokens"]
    assert not told["dlp_presidio"]


def test_an_unknown_plugin_is_an_error(proxy: Run, folder: Path):
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nplugins: [nobody]\n")
    told = proxy("plugins", "list")
    assert (told.code, "nobody" in told.err) == (2, True)
