from dlp.wire.leaf import Leaves
from dlp.wire.plain_text import read_plain


def test_a_text_is_one_part_as_it_stands():
    leaves = Leaves()
    read_plain("a\r\n\tb", "/note", leaves)
    assert [(p.path, p.text) for p in leaves.parts] == [("/note", "a\r\n\tb")]
