import gzip
from pathlib import Path

import orjson
import pytest

from .conftest import Run

CARD = "4111 1111 1111 1111"


@pytest.fixture
def file(folder: Path):
    path = folder / "rows.json"
    path.write_bytes(orjson.dumps({"rows": [{"note": f"card {CARD}"}, {"note": "nothing"}]}))
    return path


def test_what_would_be_found_is_a_table_without_values(proxy: Run, file: Path):
    told = proxy("scan", file)
    assert told.code == 1
    assert "/rows/0/note" in told.out
    assert "pii.card" in told.out
    assert "5:24" in told.out
    assert CARD not in told.out


def test_values_are_shown_on_request_only(proxy: Run, file: Path):
    assert CARD not in proxy("scan", file, "--json").out
    assert CARD in proxy("scan", file, "--show").out
    found = proxy("scan", file, "--show", "--json").json["findings"]
    assert {one["value"] for one in found if one["class"] == "pii.card"} == {CARD}


def test_a_machine_can_read_it(proxy: Run, file: Path):
    told = proxy("scan", file, "--json").json
    card = next(one for one in told["findings"] if one["class"] == "pii.card")
    assert (card["path"], card["start"], card["end"]) == ("/rows/0/note", 5, 24)
    assert card["by"].startswith("dlp_presidio")
    assert (told["type"], told["opaque"]) == ("application/json", 0)


def test_a_file_without_anything_is_exit_code_0(proxy: Run, folder: Path):
    (folder / "notes.txt").write_text("nothing here")
    told = proxy("scan", "notes.txt")
    assert (told.code, told.out) == (0, "Nothing was found in 1 parts.\n")


def test_a_compressed_file_is_looked_into(proxy: Run, folder: Path, file: Path):
    (folder / "rows.json.gz").write_bytes(gzip.compress(file.read_bytes()))
    assert proxy("scan", "rows.json.gz", "--json").json["findings"]


def test_what_cannot_be_read_is_a_finding_too(proxy: Run, folder: Path):
    (folder / "broken.json").write_bytes(b'{"a": \xff\xfe')
    told = proxy("scan", "broken.json")
    assert told.code == 1
    assert "cannot be read" in told.err


def test_a_type_can_be_given(proxy: Run, folder: Path):
    (folder / "rows").write_text(f"note\n{CARD}\n")
    assert proxy("scan", "rows", "--type", "text/csv", "--json").json["findings"][0]["path"] == "/0/note"


def test_a_missing_file_is_misuse(proxy: Run):
    told = proxy("scan", "nothing.json")
    assert (told.code, "cannot be read" in told.err) == (2, True)


def test_what_was_seen_is_explained_by_recognizer_context_word_and_band(proxy: Run, folder: Path):
    (folder / "call.txt").write_text("my phone is 212-555-0142\n" + "x " * 60 + "\nor 212-555-0143")
    found = proxy("scan", "call.txt", "--explain", "--json").json["findings"]
    phones = {(one["start"], one["by"]): one for one in found if one["class"] == "pii.phone"}
    sure, unsure = phones[12, "dlp_presidio/PhoneRecognizer"], phones[149, "dlp_presidio/PhoneRecognizer"]
    assert (sure["context"], sure["confidence"], sure["counts"]) == ("phone", "medium", "yes")
    assert (unsure["context"], unsure["confidence"], unsure["counts"]) == ("", "low", "no, from medium on")
    assert "phone" in proxy("scan", "call.txt", "--explain").out


def test_what_does_not_count_is_no_finding(proxy: Run, folder: Path):
    (folder / "call.txt").write_text("or 212-555-0143")
    assert proxy("scan", "call.txt").code == 0
    assert proxy("scan", "call.txt", "--explain").code == 0
