"""What examples/README.md tells a newcomer to do with MCP, done."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dlp.config import load_settings

from .conftest import DLP, NODE, PROJECT, environment, running_gateway

pytestmark = pytest.mark.e2e

README = (PROJECT / "examples" / "README.md").read_text("utf-8")
SERVER = PROJECT / "node_modules" / "@modelcontextprotocol" / "server-filesystem" / "dist" / "index.js"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_a_newcomer_wraps_a_server_in_a_clients_configuration(tmp_path: Path):
    places = next(block for block in blocks("yaml") if block.startswith("sources:"))
    given: dict[str, Any] = json.loads(next(block for block in blocks("json") if "mcpServers" in block))
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("Write to grace.whitfield@example.com about it.", encoding="utf-8")
    home = tmp_path / "proxy"
    home.mkdir()
    with running_gateway(home, {}, f"policy: Mine\nversion: '1'\nner: off\nuse: [base]\n{places}", bound=False) as up:
        server = given["mcpServers"]["files"]
        words = [str(up.folder / "dlp.yaml") if word.endswith("dlp.yaml") else word for word in server["args"]]
        begins = words.index("npx")
        server["command"] = DLP
        server["args"] = [*words[:begins], NODE, str(SERVER), str(notes)]
        server["env"] = dict(up.env)
        config = tmp_path / "client.json"
        config.write_text(json.dumps(given), encoding="utf-8")
        inspector = PROJECT / "node_modules" / ".bin" / "mcp-inspector"
        asked = ("--method", "tools/call", "--tool-name", "read_text_file", "--tool-arg", f"path={notes / 'a.txt'}")
        done = subprocess.run(  # noqa: S603 - fixed
            [NODE, str(inspector.resolve()), "--cli", "--config", str(config), "--server", "files", *asked],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["content"][0]["text"] == "Write to [EMAIL_1] about it."


def test_the_settings_of_the_gateway_are_read(tmp_path: Path):
    (block,) = (block for block in blocks("yaml") if block.startswith("listen:"))
    (tmp_path / "dlp.yaml").write_text(f"policy: policy.yaml\n{block}", encoding="utf-8")
    settings = load_settings(tmp_path / "dlp.yaml")
    assert set(settings.servers) == {"files", "crm"}
    assert settings.mcp is not None
