"""The files of one policy."""

from pathlib import Path

import pytest

from dlp.policy.files import digest_of, read_documents
from dlp.strict_yaml import YamlError


def test_the_policy_comes_first_and_each_file_once(tmp_path: Path):
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "base.yaml").write_text("use: [../root.yaml]")
    (tmp_path / "root.yaml").write_text("policy: P\nuse: [./other.yaml, base]")
    (tmp_path / "other.yaml").write_text("use: [base]")
    read: list[str] = []

    def reading(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    documents = read_documents(tmp_path / "root.yaml", tmp_path / "packs", reading)
    assert [document.path.name for document in documents] == ["root.yaml", "other.yaml", "base.yaml"]
    assert read == ["root.yaml", "other.yaml", "base.yaml"]


def test_the_digest_does_not_depend_on_where_the_files_are(tmp_path: Path):
    digests = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text(f"policy: P # {name}")
        digests.add(digest_of(read_documents(tmp_path / name / "p.yaml", tmp_path, Path.read_bytes)))
    assert len(digests) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    def broken(_: Path) -> bytes:
        raise PermissionError

    with pytest.raises(YamlError, match=r"p\.yaml:1:1: cannot be read: PermissionError"):
        read_documents(tmp_path / "p.yaml", tmp_path, broken)
