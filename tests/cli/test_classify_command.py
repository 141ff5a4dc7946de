from pathlib import Path

import pytest

from dlp.cli.app import build
from dlp.config import load_settings
from dlp.core.message import Kind, Part

from .conftest import Run


@pytest.fixture
def people(folder: Path) -> Path:
    file = folder / "people.csv"
    file.write_text("name,mail,note\nAnna Lee,anna@corp.test,x\nBo,bo@corp.test,y\n")
    return file


def test_a_table_is_made_without_values_and_readable_by_its_owner_only(proxy: Run, people: Path, folder: Path):
    told = proxy("classify", "table", people, "--columns", "name,mail", "--class", "pii.person", "--json")
    assert told.code == 0
    assert (told.json["rows"], told.json["short"]) == (2, 1)
    (file,) = folder.rglob("people.table")
    assert file.stat().st_mode & 0o077 == 0
    assert b"anna" not in file.read_bytes().lower()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--columns", "nam", "--class", "pii.person"), "there is no column nam; known: name, mail, note"),
        (("--columns", "name", "--class", "pii.persn"), "expected a class of the policy"),
        (("--columns", "name", "--class", "pii.person", "--name", "../x"), "expected letters"),
    ],
)
def test_what_cannot_be_done_as_asked_is_misuse(proxy: Run, people: Path, arguments: tuple[str, ...], why: str):
    told = proxy("classify", "table", people, *arguments)
    assert told.code == 2
    assert why in told.err


def test_a_missing_file_is_misuse(proxy: Run, folder: Path):
    told = proxy("classify", "table", folder / "none.csv", "--columns", "a", "--class", "pii.person")
    assert (told.code, "cannot be read as CSV" in told.err) == (2, True)


def test_what_a_table_knows_is_found_by_scan_and_by_the_proxy_without_a_setting(proxy: Run, people: Path, folder: Path):
    (folder / "note.json").write_text('{"note": "ask lee, anna"}')
    before = proxy("scan", "note.json", "--json").json["findings"]
    assert "dlp_exact/table" not in {one["by"] for one in before}
    proxy("classify", "table", people, "--columns", "name,mail", "--class", "pii.person")
    (found,) = [one for one in proxy("scan", "note.json", "--json").json["findings"] if one["by"] == "dlp_exact/table"]
    assert (found["class"], found["start"], found["end"]) == ("pii.person", 4, 13)
    app = build(load_settings(folder / "dlp.yaml"))
    try:
        findings = app.classifier.classify([Part("/note", "it was Anna Lee", Kind.TEXT, "note")])
    finally:
        app.close()
    assert ("pii.person", "dlp_exact/table") in {(one.data_class, one.by) for one in findings}
