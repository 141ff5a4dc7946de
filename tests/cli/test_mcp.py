import os
import socket
import threading

import pytest

from dlp.cli import mcp
from dlp.cli.mcp import credentials, server_name
from dlp.core.errors import ConfigError

from .conftest import Run


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("npx -y @modelcontextprotocol/server-filesystem /tmp", "filesystem"),
        ("uvx mcp-server-git --repository x", "git"),
        ("python -m my_notes", "my_notes"),
        ("/opt/Tools/CRM-server.py", "crm"),
        ("node some-mcp@1.2", "some"),
    ],
)
def test_a_server_is_called_after_its_command(command: str, name: str):
    assert server_name(command.split()) == name


def test_a_command_that_says_nothing_asks_for_a_name():
    with pytest.raises(ConfigError, match="--name"):
        server_name(["python", "-m"])


def test_the_session_is_named_by_the_environment_and_by_nothing_else():
    assert credentials({"DLP_MCP_TOKEN": "a.b.c"}) == {"session": "a", "secret": "b.c"}
    assert credentials({"DLP_SESSION": "a", "DLP_SECRET": "b"}) == {"session": "a", "secret": "b"}
    with pytest.raises(ConfigError, match="DLP_MCP_TOKEN"):
        credentials({"DLP_SESSION": "a"})


def test_without_a_proxy_nothing_is_started(dlp: Run, monkeypatch: pytest.MonkeyPatch):
    assert dlp("init").code == 0
    monkeypatch.setenv("DLP_MCP_TOKEN", "a.b")
    told = dlp("mcp", "wrap", "--", "/bin/echo", "started")
    assert (told.code, "started" in told.out) == (2, False)
    assert "dlp up" in told.err
    assert "mcp://echo" in told.err  # so that it can be named in a policy
    told = dlp("mcp", "wrap", "--name", "My Notes", "--", "/bin/echo")
    assert told.code == 2
    assert "small letters" in told.err


def test_a_wrap_whose_client_has_left_says_so_once_and_stays_until_it_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mcp, "_LOOK", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        left = threading.Thread(target=mcp._stay, args=(ours, os.getppid() + 1))
        left.start()
        assert theirs.recv(10) == b"!"
        theirs.settimeout(0.1)
        with pytest.raises(TimeoutError):
            theirs.recv(1)
        theirs.shutdown(socket.SHUT_RDWR)
        left.join(5)
        assert not left.is_alive()
