from xml.etree import ElementTree as ET

from dlp.cli.junit import junit


def test_failures_are_told_and_odd_characters_do_not_break_it():
    told = junit([("a.yaml", [("one", "a.yaml:3", ()), ("two <&> \x00", "a.yaml:9", ('expected "x"', "and more"))])])
    root = ET.fromstring(told)  # noqa: S314 - what was written just now
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("a.yaml", "2", "1")
    one, two = suite
    assert (one.get("name"), one.get("line"), len(one)) == ("one", "3", 0)
    assert two.get("name") == "two <&> ?"
    assert two[0].get("message") == 'expected "x"'
    assert two[0].text == 'expected "x"\nand more'
