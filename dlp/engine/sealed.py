"""What in a text nobody could read: ciphertext and hashes of sixteen bytes or more, in whatever they are written.

Base64 and hex are `encodings`' business; here are base 32 and 85, decimal, and bytes written one by one. Ids of the
usual form (RFC 9562, versions 1, 4 and 7) hold less than sixteen bytes and are taken for ids.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from dlp.core.message import Kind, Part

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
_GROUPS_IN_BYTES = re.compile(rb"[0-9a-fA-F][0-9a-fA-F]{2,11}[ :.](?:[0-9a-fA-F]{3,12}[ :.]){2}[0-9a-fA-F]{3}")
_VERSIONS, _VARIANTS = "147", "89abAB"
_BASE32_FROM, _DECIMAL_FROM = 26, 37  # characters that sixteen bytes take, about
_SHORTEST_LIST = 4
_CAPITALS = re.compile(r"[A-Z](?=[A-Z])")
_MANY_CAPITALS = 3  # beside each other, as in no name put together from words
_RANGES = re.compile(r"A-Z|a-z|0-9|://")
_KINDS = 12  # of sixteen random bytes, so many are different ones
_HIGH = 127
_LIST_IN_BYTES = re.compile(rb"[0-9a-fA-F][0-9a-fA-F]{0,2}[ ,;:_-]{1,2}(?:[0-9a-fA-F]{1,3}[ ,;:_-]{1,2}){14}")
_LONG_TOKEN = re.compile(rb'[^\s"]{20,}')


def may_be_sealed(surface: bytes) -> bool:
    """Return whether a surface may hold something that nobody could read; True costs a closer look."""
    if any(_dense(token.decode("utf-8", "replace")) for token in _LONG_TOKEN.findall(surface)):
        return True
    return (_OF_LIST in surface.translate(_IN_LIST) and _LIST_IN_BYTES.search(surface) is not None) or (
        _OF_GROUPS in surface.translate(_IN_GROUPS) and _GROUPS_IN_BYTES.search(surface) is not None
    )


def _stretch_of(characters: bytes) -> bytes:
    """Return what translates these characters to `x`, and all others to a space."""
    return bytes(b"x"[0] if byte in characters else b" "[0] for byte in range(256))


_IN_LIST, _OF_LIST = _stretch_of(b"0123456789abcdefABCDEF ,;:_-"), b"x" * 30
_IN_GROUPS, _OF_GROUPS = _stretch_of(b"0123456789abcdefABCDEF :."), b"x" * 15
"""What each of the two expressions is made of, and how much of it at least: a tenth of the cost."""


def _dense(token: str) -> bool:
    return any(_is_random(run) for run in _RUN.findall(token)) or _is_85(token) or _ID.search(token) is not None


def sealed(text: str) -> Iterator[tuple[int, int]]:
    """Give where in a text something stands that nobody could read."""
    for kind, is_sealed in _KINDS_OF_SEALED:
        for match in kind.finditer(text):
            if is_sealed(match.group()):
                yield match.span()


def lists(parts: Iterable[tuple[int, Part]]) -> Iterator[tuple[int, str]]:
    """Give the lists of numbers in which each is a part of its own: the first part's number, and the list as a text."""
    above, first, members = "", -1, list[str]()
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
        values = [int(number) for number in numbers]
    else:
        return False
    middle = [value for value in values if value <= 255]  # noqa: PLR2004 - bytes
    if len(middle) < len(values) or max(values) <= _HIGH or len(set(values[:64])) < _KINDS:
        return False
    return values != sorted(values) and values != sorted(values, reverse=True)


def _is_random(run: str) -> bool:
    """Return whether letters and digits are rather written by a machine than words or names put together."""
    if run.isdigit():
        return len(run) >= _DECIMAL_FROM
    if _SORTED_ID.fullmatch(run):
        return False
    if run in (run.lower(), run.upper()):
        return len(run) >= _BASE32_FROM and (run.isalpha() or _changes(run, str.isdigit) >= len(run) // 8)
    return (
        run.isalpha() and len(_CAPITALS.findall(run)) >= _MANY_CAPITALS and _changes(run, str.isupper) * 4 >= len(run)
    )


def _is_64(group: str) -> bool:
    """Return whether lines or groups are rather base64 than words: of all kinds of letters, well mixed."""
    pieces = group.rstrip("=").split()
    squeezed = "".join(pieces)
    kinds = all(any(map(kind, squeezed)) for kind in (str.isupper, str.islower, str.isdigit))
    words = any(piece.isalpha() and (piece.islower() or piece.istitle()) for piece in pieces)
    return (
        kinds and not words and len(squeezed) >= _BASE64_FROM and _changes(squeezed, str.isupper) * 4 >= len(squeezed)
    )


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
    if not (any(map(str.isupper, token)) and any(map(str.isdigit, token)) and any(map(str.islower, token))):
        return False
    signs = [sign for sign in token if not sign.isalnum()]
    odd = {sign for sign in signs if sign in "!#$%&*;<>?@^|~`{}()=+"}
    longest = max(map(len, re.split(r"[^a-z]+", token)))
    if _RANGES.search(token):
        return False
    return len(odd) >= 3 and len(signs) * 12 >= len(token) and longest <= 5  # noqa: PLR2004


_KINDS_OF_SEALED: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (_RUN, _is_random),
    (_TOKEN, _is_85),
    (_GROUPS, _is_hex),
    (_LINES, _is_64),
    (_ID, _is_no_id),
    (_LIST, _is_list),
)
