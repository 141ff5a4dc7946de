import pytest

from dlp.core.edit import Edit
from dlp.core.message import Kind
from dlp.wire.csv_text import read_csv
from dlp.wire.leaf import Leaves, rewrite
from dlp.wire.limits import Invalid


def read(text: str, *, header: bool = True) -> Leaves:
    leaves = Leaves()
    read_csv(text, "", leaves, header=header)
    return leaves


def write(text: str, edit: Edit) -> str:
    leaves = read(text)
    return rewrite(text, leaves.parts, leaves.places, {edit.part: [edit]})


def test_the_first_row_names_the_cells_below():
    parts = read('name,"e-mail"\r\nAda,"a ""b"", c"\r\nBob,\r\n').parts
    assert [(p.path, p.text, p.kind) for p in parts] == [
        ("/name", "name", Kind.KEY),
        ("/e-mail", "e-mail", Kind.KEY),
        ("/0/name", "Ada", Kind.TEXT),
        ("/0/e-mail", 'a "b", c', Kind.TEXT),
        ("/1/name", "Bob", Kind.TEXT),
        ("/1/e-mail", "", Kind.TEXT),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_first_line_tells_the_delimiter(delimiter: str):
    assert [p.text for p in read(delimiter.join("ab") + "\n" + delimiter.join("cd")).parts] == ["a", "b", "c", "d"]


def test_cells_beyond_the_header_and_names_given_twice_go_by_number():
    assert [p.path for p in read("a,a\n1,2,3").parts] == ["/a", "/1", "/0/a", "/0/1", "/0/2"]
    assert [p.path for p in read("1,2", header=False).parts] == ["/0/0", "/0/1"]


@pytest.mark.parametrize("text", ['a,"b', 'a,"b"c\n', '"'])
def test_quotes_that_do_not_pair_up_are_invalid(text: str):
    with pytest.raises(Invalid):
        read(text)


def test_a_cell_gets_quotes_only_when_it_needs_them():
    assert write("a,b\n1,2\n", Edit(2, 0, 1, "x y")) == "a,b\nx y,2\n"
    assert write("a,b\n1,2\n", Edit(2, 0, 1, 'x,"y"')) == 'a,b\n"x,""y""",2\n'
    assert write("a\n1\n", Edit(1, 0, 1, "")) == 'a\n""\n'
    assert write('a\n"1 ""x"""\n', Edit(1, 0, 1, '"')) == 'a\n""" ""x"""\n'
