"""What in a text nobody could read: ciphertext and hashes of sixteen bytes or more, in whatever they are written.

Base64 and hex are `encodings`' business; here are base 32 and 85, decimal, and bytes written one by one. Ids of the
usual form (RFC 9562, versions 1, 4 and 7) hold less than sixteen bytes and are taken for ids.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise

from dlp.core.message import Kind, Part
from dlp.engine.gently import BEHIND_LETTER, cut_up, matches, occurs, short_matches
from dlp.engine.grouped import grouped, may_be_grouped, worded
from dlp.engine.stretches import LARGE, PIECE, between_words, rows, stretches, within

_RUN = re.compile(r"[A-Za-z0-9]{22,}")
_TOKEN = re.compile(r"[!#-~]{20,}")
_LIST = re.compile(r"(?<![\w.])(?:0[xX])?[0-9a-fA-F]{1,3}(?:[\s,;:_-]{1,2}(?:0[xX])?[0-9a-fA-F]{1,3}){15,}(?![\w.])")
_ID = re.compile(
    r"(?<![0-9a-fA-F-])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-([0-9a-fA-F])[0-9a-fA-F]{3}-([0-9a-fA-F])[0-9a-fA-F]{3}"
    r"-[0-9a-fA-F]{12}(?![0-9a-fA-F-])"
)
_SORTED_ID = re.compile(r"(?i:01[0-9A-HJKMNP-TV-Z]{24})")  # a ULID: ten random bytes behind a time of this century
_GROUPS = re.compile(r"(?<!\w)(?:[0-9a-fA-F]{3,12}[\s:.]){3,}[0-9a-fA-F]{3,12}(?!\w)")
_LINES = re.compile(r"(?:^|(?<=\s))[A-Za-z0-9+/]{8,}(?:\s[A-Za-z0-9+/]{4,}){1,}={0,2}(?=\s|$)")
_HEX_FROM, _BASE64_FROM = 32, 22
_GROUPS_IN_BYTES = re.compile(rb"[0-9a-fA-F][0-9a-fA-F]{2,11}[\s:.](?:[0-9a-fA-F]{3,12}[\s:.]){2}[0-9a-fA-F]{3}")
_BITS_FROM = 128
_BITS = re.compile(r"(?<![0-9])[01](?:[\s,;_-]{0,2}[01]){127,}(?![0-9])")
_LONGEST_BITS = 1 + 127 * 41  # bytes that what comes next may match
_BITS_IN_BYTES = re.compile(rb"[01](?:[\s,;_-]{0,40}[01]){127}")
_CAPITAL_SIGNS = re.compile(r"[0-9A-Z$%*+./:-][0-9A-Z $%*+./:-]{24,}")
_CAPITALS_IN_BYTES = re.compile(_CAPITAL_SIGNS.pattern.encode())
_VERSIONS, _VARIANTS = "147", "89abAB"
_BASE32_FROM, _DECIMAL_FROM = 26, 37  # characters that sixteen bytes take, about
_SHORTEST_LIST = 4
_CAPITALS = re.compile(r"[A-Z](?=[A-Z])")
_MANY_CAPITALS = 3  # beside each other, as in no name put together from words
_RANGES = re.compile(r"A-Z|a-z|0-9|://")
_KINDS = 12  # of sixteen random bytes, so many are different ones
_HIGH = 127
_LONGEST_LIST = 43 + 14 * 45
_LIST_IN_BYTES = re.compile(
    rb"[0-9a-fA-F][0-9a-fA-F]{0,2}[\s,;:_-]{1,40}(?:(?:0[xX])?[0-9a-fA-F]{1,3}[\s,;:_-]{1,40}){14}"
)


def may_be_sealed(surface: bytes) -> bool:
    """Return whether a surface may hold something that nobody could read; True costs a closer look."""
    seen = rows(surface, _ROWS, _ENOUGH)
    mixed = seen & _MIXED == _MIXED
    if mixed and len(surface) < LARGE and len(surface.translate(None, _FIGURES)) == len(surface):
        mixed = not surface.isascii()  # beyond ASCII there are other figures
    return bool(
        (seen & 1 and any(map(_dense, _long_ones(surface))))
        or (seen & 2 and _OF_LIST in surface.translate(_IN_LIST) and occurs(_LIST_IN_BYTES, surface, _LONGEST_LIST))
        or (seen & 4 and _OF_GROUPS in surface.translate(_IN_GROUPS) and occurs(_GROUPS_IN_BYTES, surface))
        or (seen & 8 and mixed and any(_is_64(match) for match in _lines(surface)))
        or (
            seen & 16
            and any(_is_45(match.decode()) for each in _capitals(surface) for match in _CAPITALS_IN_BYTES.findall(each))
        )
        or (mixed and _may_be_85(surface) and any(_in_85(surface.decode("utf-8", "replace"))))
        or (seen & _MIXED and may_be_grouped(surface) and any(grouped(surface.decode("utf-8", "replace"))))
        or (not surface.isascii() and any(_noise(surface.decode("utf-8", "replace"))))
        or (
            seen & 32
            and surface.count(b"0") + surface.count(b"1") >= _BITS_FROM
            and occurs(_BITS_IN_BYTES, surface, _LONGEST_BITS)
        )
    )


def _long_ones(data: bytes) -> list[bytes]:
    return stretches(data, _SIGNS, _LONG)


def _capitals(data: bytes) -> list[bytes]:
    return stretches(data, _OF_CAPITALS, _CAPITALS_FROM)


def _lines(data: bytes) -> Iterator[str]:
    """Give what of a text, here as UTF-8, may be base64 in lines or groups."""
    for stretch in stretches(data, _IN_LINES, _BASE64_FROM + 1):
        if len(stretch.split(None, 1)) < 2:  # noqa: PLR2004 - of one line or group, nothing is told here
            continue
        if not stretch.islower() and not stretch.isupper() and stretch.translate(None, _FIGURES) != stretch:
            yield from _LINES.findall(stretch.decode())


def _stretch_of(characters: bytes) -> bytes:
    """Return what translates these characters to `x`, and all others to a space."""
    return bytes(b"x"[0] if byte in characters else b" "[0] for byte in range(256))


_IN_LIST, _OF_LIST = _stretch_of(b"0123456789abcdefABCDEFxX \t\r\n,;:_-"), b"x" * 31
_IN_GROUPS, _OF_GROUPS = _stretch_of(b"0123456789abcdefABCDEF \t\r\n:."), b"x" * 15
"""What each of the two expressions is made of, and how much of it at least: a tenth of the cost."""

_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_OF_RUNS, _OF_ID = within(_ALNUM), 37
_SIGNS = within(bytes(byte for byte in range(33, 127) if byte != ord('"')))
_OF_CAPITALS, _CAPITALS_FROM = within(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+./:-"), 25
_IN_LINES = within(_ALNUM + b"+/= \t\r\n")
_FIGURES = b"0123456789"
_LONG = 20
_ROWS = bytes(
    _SIGNS[byte]
    | (_IN_LIST[byte] == _OF_LIST[0]) << 1
    | (_IN_GROUPS[byte] == _OF_GROUPS[0]) << 2
    | _IN_LINES[byte] << 3
    | _OF_CAPITALS[byte] << 4
    | (byte in b"01,;_- \t\n\r\f\v") << 5
    | (byte in _FIGURES) << 6
    | (byte in _ALNUM[10:36]) << 7
    for byte in range(256)
)
_ENOUGH = (_LONG, len(_OF_LIST), len(_OF_GROUPS), _BASE64_FROM + 1, _CAPITALS_FROM, _BITS_FROM, 1, 1)
"""What each kind is made of, and how much of it in a row it takes: a large text is asked for all of them together."""
_MIXED = 0b1100_0000
"""Figures and capitals: what is base 64 or 85 has both, and a group that is neither a word nor a number has one."""


def _dense(token: bytes) -> bool:
    if len(token) >= LARGE:
        text, runs = token.decode(), (run.decode() for run in stretches(token, _OF_RUNS, _BASE64_FROM))
        return any(map(_is_random, runs)) or _is_long_85(token) or any(short_matches(_ID, text, _OF_ID))
    text = token.decode()
    return any(map(_is_random, _RUN.findall(text))) or _is_85(text) or _ID.search(text) is not None


def sealed(text: str) -> Iterator[tuple[int, int]]:
    """Give where in a text something stands that nobody could read."""
    data = text.encode("utf-8", "replace")
    for kind, is_sealed, cut in (
        *(_IN_ONE_PIECE if _long_ones(data) else ()),
        *(_IN_GROUPS_OF if _OF_GROUPS in data.translate(_IN_GROUPS) else ()),
        *(_IN_LINES_OF if any(_lines(data)) else ()),
        *(_IN_BITS if data.count(b"0") + data.count(b"1") >= _BITS_FROM else ()),
        *(_IN_CAPITALS if any(map(_CAPITALS_IN_BYTES.search, _capitals(data))) else ()),
        *(_AS_LIST if _OF_LIST in data.translate(_IN_LIST) else ()),
    ):
        for match in matches(kind, text, cut):
            if is_sealed(match.group()):
                yield match.span()
    if may_be_grouped(data):
        yield from grouped(text)
    if _may_be_85(data):
        yield from _in_85(text)
    yield from _noise(text)


def _may_be_85(data: bytes) -> bool:
    if data.islower() or (len(data) <= PIECE and len(data.translate(None, _NOT_ODD)) < _MANY_ODD):
        return False
    if len(data) <= LARGE and _odd_length(data) < _LONG:
        return False
    signs = length = 0
    before = beside = False
    for piece in between_words(data):
        signs += len(piece.translate(None, _NOT_ODD))
        groups = piece.split()
        odd = [
            not group.islower() and len(group) >= _SHORTEST_LIST and not group.isalpha() and group != group.lower()
            for group in groups
        ]
        length += sum([len(group) for group, is_odd in zip(groups, odd, strict=True) if is_odd])
        beside = beside or (before and odd[:1] == [True]) or b"\1\1" in bytes(odd)
        before = odd[-1] if odd else before
    if signs < _MANY_ODD or length < _LONG:
        return False
    # One of them alone says nothing. Where a text has other spaces than bytes have, it may hold more than one.
    return beside or not data.isascii() or data.translate(None, _SPACES_OF_TEXT) != data


def _odd_length(data: bytes) -> int:
    """Return how long the groups of a short text are, together, that hold a capital and are no words: up to `_LONG`."""
    marks, length = data.translate(_OF_85), 0
    at = marks.find(b"A")
    while at >= 0 and length < _LONG:  # most texts have few capitals: it is quicker than to tell all groups apart
        start, end = marks.rfind(b" ", 0, at) + 1, marks.find(b" ", at)
        end = len(marks) if end < 0 else end
        if end - start >= _SHORTEST_LIST and marks.find(b"x", start, end) >= 0:
            length += end - start
        at = marks.find(b"A", end)
    return length


def _in_85(text: str) -> Iterator[tuple[int, int]]:
    """Give where there are groups beside each other that are rather base 85 than words or code."""
    first, pieces = 0, list[str]()
    for match in chain(_PIECE.finditer(text), [None]):
        piece = match.group() if match is not None else ""
        if match is not None and _is_odd(piece):
            first = first if pieces else match.start()
            pieces.append(piece)
            continue
        if len(pieces) > 1 and _is_85("".join(pieces)):
            yield first, match.start() if match is not None else len(text)
        pieces = []


def _is_odd(piece: str) -> bool:
    core = piece.strip(".,:;!?()'\"")
    if len(core) < _SHORTEST_LIST or core.isalpha() or core.isdigit() or _MARKUP.search(piece):
        return False
    return _has(str.isupper, core) and (_has(str.islower, core) or _has(str.isdigit, core))


def _has(kind: Callable[[str], bool], text: str) -> bool:
    return any(any(map(kind, piece)) for piece in cut_up(text, PIECE))


_PIECE = re.compile(r"\S+")
_MARKUP = re.compile(r"=[\"']|</|/>|\(\w*\)")
_OF_85 = bytes(
    ord(" " if byte in b" \t\n\r\x0b\x0c" else "a" if byte in _ALNUM[36:] else "A" if byte in _ALNUM[10:36] else "x")
    for byte in range(256)
)
_NOT_ODD = bytes(byte for byte in range(256) if byte not in b"!#$%&*;<>?@^|~")
_MANY_ODD = 3
_SPACES_OF_TEXT = b"\x1c\x1d\x1e\x1f"


def _noise(text: str) -> Iterator[tuple[int, int]]:
    """Give from where to where there are characters that no text has: bytes that were taken for characters."""
    if text.isascii() and text.isprintable():
        return
    controls = [match.start() for match in _CONTROLS.finditer(text)]
    if len(controls) >= _MANY_CONTROLS and controls[-1] - controls[0] >= _LONG // 2:
        yield controls[0], controls[-1] + 1


_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd]")
_MANY_CONTROLS = 3


def lists(parts: Iterable[tuple[int, Part]]) -> Iterator[tuple[int, str]]:
    """Give the lists of numbers in which each is a part of its own: the first part's number, and the list as a text."""
    above: str | None = None  # what is above the root's own members is ""
    first, members = -1, list[str]()
    for number, part in parts:
        parent, _, step = part.path.rpartition("/")
        if part.kind is not Kind.NUMBER or not step.isdigit():
            continue
        if parent != above:
            if len(members) >= _SHORTEST_LIST:
                yield first, ",".join(members)
            above, first, members = parent, number, []
        members.append(part.text)
    if len(members) >= _SHORTEST_LIST:
        yield first, ",".join(members)


def _random_bytes(numbers: Sequence[str]) -> bool:
    """Return whether these are bytes in no order: small counts and series are not."""
    if all(len(number) == 2 for number in numbers) and not all(number.isdigit() for number in numbers):  # noqa: PLR2004
        values = [int(number, 16) for number in numbers]
    elif all(number.isdigit() for number in numbers):
        is_octal = all(len(number) == 3 and max(number) < "8" for number in numbers)  # noqa: PLR2004
        values = [int(number, 8 if is_octal else 10) for number in numbers]
    else:
        return False
    if max(values) > 255 or len(set(values[:64])) < _KINDS:  # noqa: PLR2004 - bytes
        return False
    if max(values) <= _HIGH:  # as codes of characters: of what is encoded again
        return _ENCODED_AGAIN.fullmatch(bytes(values)) is not None
    return values != sorted(values) and values != sorted(values, reverse=True)


_ENCODED_AGAIN = re.compile(rb"[A-Za-z0-9+/=_:. -]{22,}")


def _is_random(run: str) -> bool:
    """Return whether letters and digits are rather written by a machine than words or names put together."""
    if run.isdigit():
        return len(run) >= _DECIMAL_FROM
    if _SORTED_ID.fullmatch(run):
        return False
    if run in (run.lower(), run.upper()):
        if len(run) < _BASE32_FROM or worded(run.lower()):
            return False
        return run.isalpha() or _changes(run, str.isdigit) >= min(len(run) // 8, _MANY_CHANGES)
    return (
        run.isalpha() and len(_CAPITALS.findall(run)) >= _MANY_CAPITALS and _changes(run, str.isupper) * 4 >= len(run)
    )


_MANY_CHANGES = 8


def _is_64(group: str) -> bool:
    """Return whether lines or groups are rather base64 than words: of all kinds of letters, well mixed."""
    pieces = group.rstrip("=").split()
    squeezed = "".join(pieces)
    kinds = all(any(map(kind, squeezed)) for kind in (str.isupper, str.islower, str.isdigit))
    words = any(piece.isalpha() and (piece.islower() or piece.istitle()) for piece in pieces)
    return (
        kinds and not words and len(squeezed) >= _BASE64_FROM and _changes(squeezed, str.isupper) * 4 >= len(squeezed)
    )


def _is_bits(bits: str) -> bool:
    """Return whether zeros and ones are rather bits of something than counts: both come often, and in no order."""
    squeezed = re.sub(r"[^01]", "", bits)
    return len(squeezed) >= _BITS_FROM and _changes(squeezed, "1".__eq__) * 4 >= len(squeezed)


def _is_45(written: str) -> bool:
    """Return whether capitals, figures and signs are rather base 45 than names and numbers: they take turns."""
    letters, figures = sum(map(str.isalpha, written)), sum(map(str.isdigit, written))
    if (len(written) - letters - figures) * 12 < len(written):
        return False
    changes = sum(_class_of(one) != _class_of(other) for one, other in pairwise(written))
    return letters * 3 >= len(written) and figures * 10 >= len(written) and changes * 20 >= len(written) * 9


def _class_of(sign: str) -> int:
    return 0 if sign.isalpha() else 1 if sign.isdigit() else 2


def _is_hex(group: str) -> bool:
    squeezed = re.sub(r"\W", "", group)
    return len(squeezed) >= _HEX_FROM and any(map(str.isdigit, squeezed)) and any(map(str.isalpha, squeezed))


def _is_no_id(written: str) -> bool:
    return written[14] not in _VERSIONS or written[19] not in _VARIANTS


def _is_list(written: str) -> bool:
    return _random_bytes(re.findall(r"[0-9a-fA-F]+", re.sub(r"0[xX]", " ", written)))


def _changes(run: str, kind: Callable[[str], bool]) -> int:
    return sum(kind(one) != kind(other) for one, other in pairwise(run))


def _is_85(token: str) -> bool:
    """Return whether a token is rather base 85 than code, an address or a template: all kinds of signs, well mixed."""
    if len(token) >= LARGE and token.isascii():
        return _is_long_85(token.encode())
    if not (any(map(str.isupper, token)) and any(map(str.isdigit, token)) and any(map(str.islower, token))):
        return False
    signs = [sign for sign in token if not sign.isalnum()]
    odd = {sign for sign in signs if sign in _ODD_SIGNS}
    longest = max(map(len, re.split(r"[^a-z]+", token)))
    if _RANGES.search(token):
        return False
    return len(odd) >= _ODD_ONES and len(signs) * 12 >= len(token) and longest < _LONG_WORD


def _is_long_85(token: bytes) -> bool:
    """Return what `_is_85` does, of a token, here as ASCII, that is long enough to hold others up."""
    if not all(any(len(piece.translate(None, kind)) < len(piece) for piece in cut_up(token)) for kind in _ALL_KINDS):
        return False
    signs = sum(len(piece.translate(None, _ALNUM)) for piece in cut_up(token))
    if signs * 12 < len(token) or sum(any(sign in piece for piece in cut_up(token)) for sign in _ODD_BYTES) < _ODD_ONES:
        return False
    return not rows(token, _OF_WORDS, (_LONG_WORD,)) and not occurs(_RANGES_IN_BYTES, token)


_ODD_SIGNS, _ODD_ONES, _LONG_WORD = "!#$%&*;<>?@^|~`{}()=+", 3, 6
_ODD_BYTES = tuple(sign.encode() for sign in _ODD_SIGNS)
_OF_WORDS, _RANGES_IN_BYTES = within(_ALNUM[36:]), re.compile(_RANGES.pattern.encode())
_ALL_KINDS = (_ALNUM[:10], _ALNUM[10:36], _ALNUM[36:])

type _Kind = tuple[re.Pattern[str], Callable[[str], bool], re.Pattern[str]]
"""An expression, what tells whether a match of it is sealed, and where long texts are cut that are looked through."""

_BEHIND_SIGN = re.compile(r"""(?<=[<>"'(){}\[\]&!?#@^~|\\`])""")
_BEHIND_ODD = re.compile(f"{_BEHIND_SIGN.pattern}|{BEHIND_LETTER.pattern}")
_IN_ONE_PIECE: tuple[_Kind, ...] = (
    (_RUN, _is_random, re.compile(r"(?=[^A-Za-z0-9])")),
    (_TOKEN, _is_85, re.compile(r"(?=[^!#-~])")),
    (_ID, _is_no_id, re.compile(r"(?=[^0-9a-fA-F-])|(?<=[0-9a-fA-F]{13})")),
)
_IN_BITS: tuple[_Kind, ...] = ((_BITS, _is_bits, _BEHIND_ODD),)
_IN_CAPITALS: tuple[_Kind, ...] = ((_CAPITAL_SIGNS, _is_45, re.compile(r"(?=[^0-9A-Z $%*+./:-])")),)
_IN_GROUPS_OF: tuple[_Kind, ...] = ((_GROUPS, _is_hex, _BEHIND_ODD),)
_IN_LINES_OF: tuple[_Kind, ...] = ((_LINES, _is_64, _BEHIND_SIGN),)
_AS_LIST: tuple[_Kind, ...] = ((_LIST, _is_list, _BEHIND_ODD),)
