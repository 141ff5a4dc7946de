import pytest

import dlp_secrets.plugin as subject
from dlp.testing.plugins import found_texts, host_of
from dlp_secrets.unseen import lines

HOST = host_of("dlp_secrets", subject, {})
KEY = "AK" + "IAIOSFODNN7" + "EXAMPLE"


@pytest.mark.parametrize("unseen", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200b\u200b"])
def test_a_key_is_found_though_characters_that_nobody_sees_stand_in_it(unseen: str):
    split = unseen.join((KEY[:2], KEY[2:9], KEY[9:]))
    assert found_texts(HOST, f"use {split} now") == [("SECRET_API_KEY", split)]
    split = unseen.join(KEY)
    assert found_texts(HOST, {"url": f"https://x.test/?key={split}&n=1"}) == [("SECRET_API_KEY", split)]


def test_a_named_password_is_found_as_well():
    found = found_texts(HOST, "db_pass\u200bword = hunter2\u200bhunter2")
    assert ("SECRET_PASSWORD", "hunter2\u200bhunter2") in found


def test_what_has_none_in_it_is_reported_once():
    assert found_texts(HOST, f"{KEY} and a\u200bb") == [("SECRET_API_KEY", KEY)]


def test_scripts_that_need_joiners_are_left_alone():
    assert list(lines("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 a \U0001f469\u200d\U0001f4bb b")) == []


def test_only_what_is_near_is_looked_at_in_a_long_line():
    text = "x" * 9000 + f" {KEY[:7]}\u200b{KEY[7:]} " + "y" * 9000 + "\nz\u200bz"
    near, last = lines(text)
    assert (KEY in near.shown, len(near.shown) < 4100, last.shown) == (True, True, "zz")
    assert [text[place] for place in near.places] == list(near.shown)


def test_places_follow_each_other_however_many_there_are():
    text = "a\u200bb " * 3000
    shown = "".join(line.shown for line in lines(text))
    assert shown.rstrip() == text.replace("\u200b", "").rstrip()
