from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.policy.written import read_written, words

PACKS = Path(__file__).parents[2] / "rules"


def test_entries_are_found_with_their_places_in_all_files(tmp_path: Path):
    (tmp_path / "more.yaml").write_text(
        "policy: more\nlists: {a: [x]}\nrules:\n  - {name: two, data: any, then: block}\n"
    )
    path = tmp_path / "policy.yaml"
    path.write_text(
        "policy: p\nversion: '2'\nuse: [./more.yaml]\nrules:\n  - name: one\n    data: any\n    then: block\n"
    )
    text = read_written(path, packs=PACKS)
    assert [file.name for file in text.files] == ["policy.yaml", "more.yaml"]
    assert text.root == {"policy": "p", "version": "2"}
    assert text.of("lists")["a"].value == ["x"]
    assert text.of("nothing") == {}
    assert {name: item.place for name, item in text.rules.items()} == {
        "one": f"{path}:5",
        "two": f"{tmp_path}/more.yaml:4",
    }
    assert text.rules["one"].place_of("then") == f"{path}:7"
    assert text.rules["one"].place_of("when") == f"{path}:5"


def test_what_is_no_policy_is_told(tmp_path: Path):
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        read_written(tmp_path / "policy.yaml", packs=PACKS)


def test_values_are_told_in_words():
    assert words(["a", {"to": "b"}, True, None, 3]) == "a, (to b), yes, nothing, 3"
    assert words({"state": ["x", "y"]}) == "state x, y"
