import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.leaf import FIXED, VERBATIM, Places, by_part, make_part, rewrite, rewrite_leaf
from dlp.wire.percent import PERCENT


def test_a_part_made_fast_is_a_part_like_any_other():
    assert make_part("/a", "x", Kind.KEY, "n") == Part("/a", "x", Kind.KEY, "n")
    assert repr(make_part("/a", "x", Kind.KEY, "n")) == repr(Part("/a", "x", Kind.KEY, "n"))


def test_leaves_are_rewritten_where_they_stand():
    parts = [Part("", "ab"), Part("", "cd")]
    places = [(1, 3, VERBATIM), (4, 6, VERBATIM)]
    edits = {1: [Edit(1, 0, 1, "X")], 0: [Edit(0, 1, 1, "-")]}
    assert rewrite("<ab|cd>", parts, places, edits) == "<a-b|Xd>"


def test_places_in_columns_are_a_sequence_like_any_other():
    given = [(0, 2, VERBATIM), (2, 5, FIXED), (7, 8, PERCENT)]
    places = Places()
    assert not places
    for place in given:
        places.append(place)
    assert list(places) == list(places) == given
    assert [places[at] for at in range(-3, 3)] == given * 2
    assert places[1:] == given[1:]
    assert places.index(given[1]) == 1


def test_what_flows_together_with_an_edit_is_written_anew():
    part = Part("", "%4")
    assert rewrite_leaf("%4", PERCENT, part, [Edit(0, 2, 2, "1")]) == "%2541"


@pytest.mark.parametrize("edits", [[Edit(0, 0, 9, "x")], [Edit(0, 0, 2, "x"), Edit(0, 1, 3, "y")]])
def test_edits_that_do_not_fit_are_refused(edits: list[Edit]):
    with pytest.raises(ParseError):
        rewrite_leaf("abc", VERBATIM, Part("", "abc"), edits)


def test_a_fixed_leaf_cannot_be_rewritten():
    with pytest.raises(ParseError, match="not rewritten"):
        rewrite_leaf("abc", FIXED, Part("", "abc"), [Edit(0, 0, 1, "x")])


def test_half_a_surrogate_pair_is_never_written():
    with pytest.raises(ParseError):
        by_part([Edit(0, 0, 0, "\ud800")])
