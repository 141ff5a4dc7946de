"""What is a container, and how much of one is read."""

import pytest

from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire import container
from dlp.wire.container import MAX_DEEP, MAX_ENTRIES, MAX_UNPACKED, Contents, Packs, may_hold, sniff
from dlp.wire.limits import TooLarge


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7", "pdf"),
        (b"\0" * 257 + b"ustar", "tar"),
        (b"BZh91AY&SY", "bzip2"),
        (b"BZh is a text", ""),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"a text", ""),
        (b"", ""),
    ],
)
def test_a_container_is_told_by_its_first_bytes(data: bytes, kind: str):
    assert sniff(data) == kind
    assert may_hold(b"before " + data) == (kind != "")


def test_what_only_begins_like_a_container_hides_none_behind_it():
    nearly = b"BZh BZh9 GIF8 RIFF....AVI "
    assert not may_hold(nearly * 2)
    assert may_hold(nearly + b"BZh91AY&SY")
    assert may_hold(nearly + b"GIF89a")
    assert may_hold(nearly + b"RIFFxxxxWEBPVP8")


def test_a_container_is_opaque_until_it_is_unpacked():
    packs = Packs()
    assert packs.unpacking is None
    assert packs.document("zip", b"data", "/file").parts[0].kind is Kind.OPAQUE
    assert packs.unpacking is not None
    packs.take([[*Contents().parts]])
    assert packs.document("zip", b"data", "/file").parts == ()
    with pytest.raises(ParseError, match="not rewritten"):
        packs.document("zip", b"data", "/file").write({})


def test_all_that_is_in_one_body_shares_its_limits(monkeypatch: pytest.MonkeyPatch):
    contents = Contents()
    contents.spend(MAX_UNPACKED)
    assert contents.left == 0
    with pytest.raises(TooLarge):
        contents.spend(1)
    for _ in range(MAX_ENTRIES):
        contents.enter()
    with pytest.raises(TooLarge):
        contents.enter()
    container.check_depth(MAX_DEEP)
    with pytest.raises(TooLarge):
        container.check_depth(MAX_DEEP + 1)
    monkeypatch.setattr(container, "MAX_PARTS", 1)
    contents.add("", "a")
    with pytest.raises(TooLarge):
        contents.add("", "b")


def test_an_empty_text_is_no_part():
    contents = Contents()
    contents.add("/a", "")
    assert contents.parts == []
