from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import dlp_exact.plugin as subject
from dlp.core.errors import ConfigError
from dlp.core.exact import build
from dlp.core.finding import Confidence
from dlp.testing.plugins import check_plugin, findings_of, found_texts

SECRET = b"s" * 32


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    key = HKDF(SHA256(), 32, salt=None, info=b"dlp exact").derive(SECRET)
    (tmp_path / "key").write_bytes(SECRET)
    (tmp_path / "staff.table").write_bytes(build(["Anna Lee", "E-1042", "Initech"], key, "employee")[0])
    return {"tables": str(tmp_path), "key": str(tmp_path / "key")}


def test_a_known_value_is_found_in_any_leaf(settings: dict[str, object]):
    host = check_plugin(subject, settings)
    body = {"note": "lee, anna and e1042", "Anna Lee": "a key is no value", "n": 1}
    assert found_texts(host, body) == [("employee", "lee, anna"), ("employee", "e1042")]


def test_a_single_plain_word_is_of_medium_confidence(settings: dict[str, object]):
    (found,) = findings_of(check_plugin(subject, settings), "INITECH")
    assert (found.confidence, found.by) == (Confidence.MEDIUM, "dlp_exact/table")


def test_without_a_table_no_message_is_looked_at():
    assert [pattern.finds for pattern in check_plugin(subject).patterns()["dlp_exact"]] == ["dlp_exact without a table"]
    assert found_texts(subject, "Anna Lee") == []


def test_a_table_under_another_key_stops_the_start(settings: dict[str, object], tmp_path: Path):
    (tmp_path / "key").write_bytes(b"x" * 32)
    with pytest.raises(ConfigError, match=r"staff\.table: it was made under another key"):
        subject.configure(settings)


@pytest.mark.parametrize("changed", [{"tabels": "x"}, {"tables": 3}, {"key": None}, {"key": "/nowhere/key"}])
def test_wrong_settings_are_refused(settings: dict[str, object], changed: dict[str, object]):
    with pytest.raises(ConfigError, match="plugin dlp_exact"):
        subject.configure({**settings, **changed})


def test_a_damaged_table_is_refused(settings: dict[str, object], tmp_path: Path):
    (tmp_path / "staff.table").write_bytes(b"dlp-exact-1\n{}\n")
    with pytest.raises(ConfigError, match="damaged"):
        subject.configure(settings)
