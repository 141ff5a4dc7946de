"""Texts with everything taken away that does not change what they say to a reader: case, width, marks, separators.

Two ways of writing the same value fold to the same letters and digits; one look-up then serves them all.
"""
# ruff: noqa: RUF001, SIM905 - look-alikes are the subject, and pairs of them read best as words

import re
import unicodedata
from array import array
from collections.abc import Sequence

import numpy as np

_LOOK_ALIKES = {
    pair[0]: pair[1]
    for pair in (
        "аa еe оo рp сc уy хx іi јj ѕs ԁd һh ӏl ԛq ԝw ьb вb кk мm нh тt гr пn з3 б6 ԍg ґr үy ѵv "
        "αa βb γy δd εe ζz ηn ιi κk μu νv οo ρp σo τt υu χx ωw ϲc ϳj "
        "օo սu ոn հh ցg զq քp յj լl "
        "ıi ȷj ſs ɑa ɡg ɩi ʋv ʙb ɢg ʜh ɪi ʟl ɴn ʀr ʏy ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz "
        "ꜰf ꜱs ɓb ɗd øo łl đd ħh ŧt"
    ).split()
}
"""Letters that look like Latin ones: the common ones of Unicode's confusables (UTS 39)."""

_TAGS = range(0xE0020, 0xE007F)  # invisible copies of ASCII
_REGIONAL = range(0x1F1E6, 0x1F200)  # letters that make flags
_NEGATIVE = (range(0x1F130, 0x1F14A), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))  # letters in squares and discs


class _Table(dict[int, str]):
    """What each character folds to: letters and digits, or nothing."""

    def __missing__(self, code: int) -> str:
        folded = _fold(code)
        if len(self) < 1 << 17:
            self[code] = folded
        return folded


def _fold(code: int) -> str:
    if code in _TAGS:
        return _fold(code - 0xE0000)
    for block in (_REGIONAL, *_NEGATIVE):
        if code in block:
            return chr(ord("a") + code - block.start)
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", chr(code)).casefold())
    return "".join(
        _LOOK_ALIKES.get(each) or (str(digit) if (digit := unicodedata.digit(each, -1)) >= 0 else each)
        for each in plain
        if each.isalnum()
    )


_TABLE = _Table()
_KEPT = bytes(code for code in range(128) if chr(code).isalnum())
_DROPPED = bytes(code for code in range(256) if code not in _KEPT)
_LOWER = bytes(ord(chr(code).lower()) if code < 128 else code for code in range(256))  # noqa: PLR2004 - ASCII
_IS_KEPT = np.zeros(256, dtype=np.bool_)
_IS_KEPT[list(_KEPT)] = True
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyz", b"nopqrstuvwxyzabcdefghijklm"
)  # of folded text, which has no capitals
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef\u0300-\u036f]"
)


_AT_ONCE = 1 << 16  # characters of a text whose places are told at once


def skeleton(text: str) -> str:
    """Return the letters and digits of a text: without case, width, accents, separators and look-alikes."""
    if not text.isascii():
        return text.translate(_TABLE)
    if text.isdigit() or (text.isalnum() and text.islower()):  # as most short ones are: no memory of its own
        return text
    return text.encode().translate(_LOWER, _DROPPED).decode()


def rot13(folded: str) -> str:
    """Return a folded text with its Latin letters moved by half the alphabet."""
    if folded.isascii():
        return folded.encode().translate(_ROT13).decode()
    return folded.translate(dict(enumerate(_ROT13.decode("latin-1"))))


def places(text: str) -> Sequence[int]:
    """Return, for each character of `skeleton(text)`, which character of the text it comes from."""
    if text.isascii():
        data = text.encode()
        if len(data) > _AT_ONCE:  # in pieces, and four bytes for each: nobody is held up, and less memory taken
            found = array("I")
            for start in range(0, len(data), _AT_ONCE):
                kept = np.flatnonzero(_IS_KEPT[np.frombuffer(data[start : start + _AT_ONCE], dtype=np.uint8)])
                found.frombytes((kept + start).astype(np.uint32).tobytes())
            return found
        few: list[int] = np.flatnonzero(_IS_KEPT[np.frombuffer(data, dtype=np.uint8)]).tolist()
        return few
    return [at for at, character in enumerate(text) for _ in _TABLE[ord(character)]]


def visible(text: str) -> str:
    """Return a text without characters that nobody sees."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


_SPACES = bytes(ord(" ") if code in _DROPPED else _LOWER[code] for code in range(256))


def spaced(text: str) -> tuple[str, Sequence[int] | None]:
    """Return a folded text in which whatever is no letter or digit is a space, and where its characters come from.

    None there means: each from the same place. Characters that nobody sees are left out.
    """
    if text.isascii():
        return text.encode().translate(_SPACES).decode(), None
    pieces: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        piece = _TABLE[ord(character)] or ("" if _INVISIBLE.fullmatch(character) else " ")
        pieces.append(piece)
        places += [at] * len(piece)
    return "".join(pieces), places
