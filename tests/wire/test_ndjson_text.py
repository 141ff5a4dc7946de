import pytest

from dlp.wire.leaf import Leaves
from dlp.wire.limits import Invalid
from dlp.wire.ndjson_text import read_ndjson


def test_each_line_is_a_value_by_its_number_and_blank_lines_do_not_count():
    leaves = Leaves()
    read_ndjson('{"a":1}\r\n\n "x" \n[2]', "", leaves)
    assert [(p.path, p.text) for p in leaves.parts] == [("/0/a", "a"), ("/0/a", "1"), ("/1", "x"), ("/2/0", "2")]


@pytest.mark.parametrize("text", ["{}\nx", "1 2\n", '{"a":\n1}'])
def test_a_line_that_is_no_json_is_invalid(text: str):
    with pytest.raises(Invalid):
        read_ndjson(text, "", Leaves())
