import os
from pathlib import Path

import pytest

from dlp.bench import peers
from dlp.core.errors import ConfigError


def test_the_costs_of_a_process_are_read_from_the_system():
    peer = peers.Peer("self", os.getpid(), 0, peers.Path(), 0.0)
    assert peer.cpu() > 0
    assert 0 < peer.memory() <= peer.peak()


def test_a_proxy_that_ends_at_its_start_is_told_with_what_it_said(tmp_path: Path):
    (tmp_path / "dlp.yaml").write_text('policy: none.yaml\nlisten: {http: "127.0.0.1:9"}\n', "utf-8")
    with pytest.raises(ConfigError, match=r"ended with 2 .*none\.yaml"), peers.product(tmp_path):
        pass


def test_files_without_a_place_for_the_upstream_are_an_error(tmp_path: Path):
    folder = tmp_path / "product"
    folder.mkdir()
    (folder / "policy.yaml").write_text('policy: Mine\nversion: "1"\n', "utf-8")
    with pytest.raises(ConfigError, match="expected one sources:"):
        peers.prepare(folder, peers.Upstream(1, 2, tmp_path / "authority.pem"))
