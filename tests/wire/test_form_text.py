from dlp.core.message import Kind
from dlp.wire.form_text import read_form
from dlp.wire.leaf import Leaves


def test_names_and_values_are_parts_in_order():
    leaves = Leaves()
    read_form("channel=%23hr&a%2Fb=x+y&lone&&e=", "", leaves)
    assert [(p.path, p.text, p.kind, p.name) for p in leaves.parts] == [
        ("/channel", "channel", Kind.KEY, ""),
        ("/channel", "#hr", Kind.TEXT, "channel"),
        ("/a~1b", "a/b", Kind.KEY, ""),
        ("/a~1b", "x y", Kind.TEXT, "a/b"),
        ("/lone", "lone", Kind.KEY, ""),
        ("/e", "e", Kind.KEY, ""),
        ("/e", "", Kind.TEXT, "e"),
    ]


def test_a_name_given_twice_gives_both_values():
    leaves = Leaves()
    read_form("to=a&to=b", "", leaves)
    assert [p.text for p in leaves.parts if p.path == "/to" and p.kind is Kind.TEXT] == ["a", "b"]
