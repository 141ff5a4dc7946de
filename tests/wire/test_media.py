import pytest

from dlp.core.errors import ParseError
from dlp.wire.media import read_media_type


def test_a_type_and_its_parameters_are_read():
    media = read_media_type('Multipart/Form-Data; Boundary="a;b\\"" ; charset=utf-8;')
    assert media.name == "multipart/form-data"
    assert media.parameters == {"boundary": 'a;b"', "charset": "utf-8"}


@pytest.mark.parametrize("header", ["", "nonsense", ";", "text / plain x"])
def test_what_is_no_type_is_none(header: str):
    assert read_media_type(header).name == ""


@pytest.mark.parametrize(
    "header",
    ["text/plain; charset=utf-8; charset=utf-16", 'multipart/x; boundary="a', "text/plain; x y; charset=utf-7"],
)
def test_parameters_that_readers_differ_on_are_refused(header: str):
    with pytest.raises(ParseError):
        read_media_type(header)


def test_long_values_are_read_and_not_kept():
    assert read_media_type("text/plain; a=" + "x" * 999).parameters["a"] == "x" * 999
