from dlp.core.unseen import lines

KEY = "AK" + "IAIOSFODNN7" + "EXAMPLE"


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
