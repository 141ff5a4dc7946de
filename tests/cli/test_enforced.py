from pathlib import Path

from dlp.cli.enforced import policy_file, tell, told
from dlp.config import Settings


def test_what_a_proxy_says_is_read_back(tmp_path: Path):
    settings = Settings(tmp_path / "dlp.yaml", tmp_path / "policy.yaml", tmp_path)
    assert told(settings) == {}
    tell(settings, {"policy": "One", "version": "2"})
    assert (told(settings)["policy"], told(settings)["version"]) == ("One", "2")
    policy_file(settings).write_text("{")
    assert told(settings) == {}


def test_a_folder_that_is_gone_is_no_reason_to_stop(tmp_path: Path):
    settings = Settings(tmp_path / "dlp.yaml", tmp_path / "policy.yaml", tmp_path / "gone")
    tell(settings, {})
    assert told(settings) == {}
