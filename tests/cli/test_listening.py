import os
from pathlib import Path

import orjson
import pytest

from dlp.cli.listening import address, announce, listen_file, withdraw
from dlp.config import Address, Settings
from dlp.core.errors import ConfigError


def _settings(folder: Path, host: str = "127.0.0.1", port: int = 0) -> Settings:
    return Settings(path=folder / "dlp.yaml", policy=folder / "policy.yaml", state=folder, http=Address(host, port))


def test_a_running_proxy_says_where_it_listens_until_it_ends(tmp_path: Path):
    settings = _settings(tmp_path)
    announce(settings, "127.0.0.1", 4711)
    assert orjson.loads(listen_file(settings).read_bytes())["pid"] == os.getpid()
    assert address(settings) == ("127.0.0.1", 4711)
    withdraw(settings)
    withdraw(settings)
    with pytest.raises(ConfigError, match="dlp up"):
        address(settings)


def test_without_a_running_proxy_the_settings_count(tmp_path: Path):
    assert address(_settings(tmp_path, port=8080)) == ("127.0.0.1", 8080)


@pytest.mark.parametrize(("listens", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")])  # noqa: S104
def test_all_interfaces_are_reached_at_this_machine(tmp_path: Path, listens: str, reached: str):
    assert address(_settings(tmp_path, listens, 8080))[0] == reached


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"host": "h", "port": "many"}', b"null"])
def test_what_says_nothing_is_an_error(tmp_path: Path, content: bytes):
    settings = _settings(tmp_path, port=8080)
    listen_file(settings).write_bytes(content)
    with pytest.raises(ConfigError, match="expected a host and a port"):
        address(settings)
