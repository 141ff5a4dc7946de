import pytest

import dlp_secrets.plugin as subject
from dlp.testing.plugins import found_texts, host_of

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
