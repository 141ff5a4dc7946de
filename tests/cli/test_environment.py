import shlex
from pathlib import Path

from dlp.cli.environment import environment, export_lines, nowhere, proxy_url


def test_an_address_of_ipv6_is_written_in_brackets():
    assert proxy_url("s", "x", "::1", 80) == "http://s:x@[::1]:80"
    assert proxy_url("s", "x", "127.0.0.1", 80) == "http://s:x@127.0.0.1:80"


def test_what_a_shell_would_read_differently_is_quoted():
    path = Path("/a b/$HOME/it's")
    lines = export_lines(environment("http://s:x@h:1", "s", path, path)).splitlines()
    assert all(line.startswith("export ") for line in lines)
    words = {line: shlex.split(line) for line in lines}
    assert all(len(split) == 2 for split in words.values())
    assert f"SSL_CERT_FILE={path}" in {split[1] for split in words.values()}


def test_where_there_is_no_session_every_client_is_led_nowhere_and_trusts_nobody():
    assert set(nowhere()) == set(environment("", "", Path(), Path()))
    assert nowhere()["https_proxy"].endswith(".invalid:9")
    assert nowhere()["no_proxy"] == ""
    assert nowhere()["SSL_CERT_FILE"] == "/dev/null"
