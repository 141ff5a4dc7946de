"""The common encodings a value can be written in: base64, hex, escapes, mail and web codings, compression, nestings.

Longer than most modules because what decodes a text and what tells at once that nothing in it decodes must agree.
"""

import binascii
import functools
import html
import quopri
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from dlp.engine import alphabets
from dlp.engine.alphabets import wordlike as _wordlike
from dlp.engine.compression import MAGIC, decompress
from dlp.engine.gently import occurrences, occurs, short_matches
from dlp.engine.naming import named
from dlp.engine.pictures import pixels
from dlp.engine.sealed import sealed

_MAX_DEPTH = 4
MAX_DECODED = 8 * 1024 * 1024
"""How many bytes one message's encoded runs may come to: all of a body of the usual limit, and no bomb."""
_GLANCE = 65_536  # bytes that are enough to see whether something compressed holds text
_OPAQUE_BYTES = 16
_REMEMBERED_TO = 16
_FEW = 16
_PICTURE = "png+"
_SEALED_FROM = 20
_SHORTEST_RUN, _SHORTEST_HEX = 6, 8  # four bytes, the shortest value looked for, take six characters of base64
_COMPRESSED_FROM = 12  # no compression without a magic number makes the shortest values shorter than this
_LEAST_TEXT = 12  # bytes: fewer look like text by chance too often
_VIEW_DEPTH = 3
_VIEWED, _VIEWED_EACH = 1 << 18, 24  # bytes of all views together: some, and so many times the texts
_HIGH = bytes(range(128, 256))
_PRINTABLE = bytes([*range(32, 127), 9, 10, 13])
_NOT_SHOWN = bytes(set(range(256)) - set(_PRINTABLE))
_MOSTLY = 7  # one byte in so many may be none of them: what was glued to a run makes some noise

_RUN = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_ONLY_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_ESCAPE = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|[\\%]u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\U([0-9a-fA-F]{8})|\\([0-3][0-7]{2})"
    r"|\\([nrt])"
)
_OCTAL, _LAYOUT = 5, 6  # the groups of them
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});?")
_QUOTED = re.compile(r"=[0-9A-F]{2}|=\r?\n")
_UTF7 = re.compile(r"\+(A[A-Za-z0-9+/]{2,})-?")  # what is ASCII begins so
_PUNYCODE = re.compile(r"(?i:\bxn--)([a-z0-9-]{2,59})")
_TAG = re.compile(r"<!--.{0,200}?-->|</?[A-Za-z][^<>]{0,200}>", re.DOTALL)
_UNSEEN = re.compile("[\U000e0000-\U000e007f]")  # tags, which also repeat ASCII: both readings count
_CODED = re.compile(
    r"[\\%<\U000e0000-\U000e007f]|&(?:#|[A-Za-z]{2,31};)|=(?:[0-9A-F]{2}|\r?\n)|\+A[A-Za-z0-9+/]{2}|[xX][nN]--"
)
_NO_SIGNS = bytes(set(range(256)) - set(b"\\%<&=+\xf3"))
_CODED_BYTES = re.compile(_CODED.pattern.replace("\\U000e0000-\\U000e007f", "\xf3").encode("latin-1"))
_HEX_BYTES = re.compile(rb"[0-9a-fA-F]+")
_RUN_IN_BYTES = re.compile(rb"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX_INSIDE_BYTES = re.compile(rb"[0-9a-fA-F]{8,}")
_DATED = re.compile(rb"(?:19|20)\d\d-[01]\d-[0-3]\d(?:T[0-2]\d)?")
_JOINERS = str.maketrans("", "", "+/_-")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TWO_BITS, _FOUR_BITS = (
    bytes.maketrans(_ALPHABET, bytes(_ALPHABET[place & kept] for place in range(64))) for kept in (0b110000, 0b111100)
)
"""Of the last character of a run that does not fill its bytes, the bits that count; the others are taken for zero."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a run of a text decodes to; `text` is None where the bytes are not text: nobody could read them.

    `beyond` says that reading was given up, at the bounds of depth or size: then the whole part counts as unread.
    """

    start: int
    end: int
    form: str
    text: str | None = field(repr=False)
    beyond: bool = False


def decodings(text: str, budget: list[int] | None = None) -> list[Decoding]:
    """Return what the encoded runs of `text` decode to: base64 (both alphabets), hex, URL, compressed, and nestings.

    At most four levels deep and eight million decoded bytes in all (`budget` holds what is left of them, where several
    texts share them); what lies beyond comes back unread (`beyond`). So
    does what cannot be decoded to text, provided it has sixteen bytes or more and looks random rather than like words.
    """
    found: list[Decoding] = []
    if len(text) < _SHORTEST_RUN and not _CODED.search(text):
        return found
    _decode_into(found, text, 0, len(text), "", 0, [MAX_DECODED] if budget is None else budget)
    return found


def wordlike(run: str | bytes) -> bool:
    """Return whether a run is letters of one case, as words and names of fields are, or a few digits.

    What is encoded looks like letters by chance only: for eight characters of base64 that is less than one in a
    thousand. Fewer than eight digits are at most three characters in base64, and as many bytes in hex.
    """
    if len(run) < _SHORTEST_HEX and run.isdigit():
        return True
    if isinstance(run, str):
        return _wordlike(run)
    letters = run.translate(None, b"+/_-=")
    return letters.isalpha() and (letters.islower() or letters.isupper() or letters.istitle())


def views(texts: list[tuple[int, str]]) -> Iterator[tuple[int, Decoding]]:
    """Give what runs read as in any alphabet, from wherever an encoded value could begin; only good for known values.

    `texts` are numbered; each view comes with its text's number. What reads like text, or is compressed, is looked
    into again, three levels deep in all, as long as all views together stay within a bound that grows with the texts.
    """
    left = _VIEWED + _VIEWED_EACH * sum(len(text) for _, text in texts)
    level = [(number, text, -1, -1, "") for number, text in texts]
    for _ in range(_VIEW_DEPTH):
        following: list[tuple[int, str, int, int, str]] = []
        seen: set[str] = set()
        for number, text, start, end, outer in level:
            for first, last, name, data in alphabets.readings(text):
                left -= len(data)
                if left < 0:
                    return
                at, to, form = (first, last, name) if start < 0 else (start, end, _via(name, outer))
                packed = name in alphabets.PACKED_IN and len(data) <= alphabets.PACKED_TO
                plain, compression = _looked_into(data, packed=packed)
                yield number, Decoding(at, to, _via(compression, form) if compression else form, plain)
                if (
                    plain not in seen
                    and name not in alphabets.REWRITTEN
                    and (compression or _reads(data))
                    and alphabets.odd(plain)
                ):
                    seen.add(plain)
                    following.append((number, plain, at, to, _via(compression, form) if compression else form))
        level = following
        if not level:
            return


def readable(run: str) -> bool:
    """Return whether a run reads as text, or as something compressed, in some alphabet, and nothing in that is sealed.

    What cannot be told within a bound is not readable.
    """
    return _readable(run, [_READ_PER_CHARACTER * len(run) + _READ_AT_LEAST])


def _readable(run: str, left: list[int]) -> bool:
    if _decodes(run, left):
        return True
    for start, end, name, data in alphabets.readings(run):
        left[0] -= len(data)
        if left[0] < 0:
            return False
        if (end - start) * 4 < len(run) * 3 or name in alphabets.REWRITTEN:
            continue
        said = _said(data, packed=name in alphabets.PACKED_IN and len(data) <= alphabets.PACKED_TO)
        if len(said) >= _LEAST_TEXT and _is_clear(said, left):
            return True
    return False


def _decodes(run: str, left: list[int]) -> bool:
    """Return whether most of a run is encoded in the common ways and text, and nothing is sealed in the rest of it."""
    inner: list[Decoding] = []
    _decode_into(inner, run, 0, len(run), "", 1, left)
    if not inner or any(each.text is None for each in inner):
        return False
    rest = run
    for each in inner:
        rest = rest[: each.start] + " " * (each.end - each.start) + rest[each.end :]
    return len(rest.replace(" ", "")) * 10 <= len(run) * 3 and not any(sealed(rest))


def _is_clear(text: str, left: list[int]) -> bool:
    """Return whether nothing in a text that was decoded is what nobody could read."""
    left[0] -= len(text)
    if left[0] < 0:
        return False
    inner: list[Decoding] = []
    _decode_into(inner, text, 0, len(text), "", 1, left)
    return all(each.text is not None for each in inner) and all(
        _readable(text[start:end], left) for start, end in sealed(text)
    )


def _said(data: bytes, *, packed: bool) -> str:
    """Return what bytes say if they are text but for what is glued to their ends, else nothing."""
    plain, _ = decompress(data, _GLANCE) if packed or data.startswith(MAGIC) else (None, "")
    for given in (data, plain):
        if given is not None:
            for first, last in _ENDS:
                with suppress(UnicodeDecodeError):
                    text = given[first : len(given) - last].decode()
                    if _mostly_printable(text):
                        return text
    return ""


_ENDS = ((0, 0), (3, 0), (0, 3), (3, 3))  # bytes that letters glued to a run come to
_READ_PER_CHARACTER, _READ_AT_LEAST = 200, 20_000


def _looked_into(data: bytes, *, packed: bool) -> tuple[str, str]:
    """Return bytes as text, decompressed if they say that they are compressed; what is no text is left out of it.

    `packed` says that they may be compressed without saying so.
    """
    plain, name = decompress(data, _GLANCE) if packed or data.startswith(MAGIC) else (None, "")
    if plain is not None:
        data = plain
    if b"\0" in data:  # as in wide characters
        data = data.replace(b"\0", b"")
    try:
        return data.decode(), name
    except UnicodeDecodeError:
        return data.translate(None, _HIGH).decode(), name


def _reads(data: bytes) -> bool:
    """Return whether bytes look like text in which something may be encoded again."""
    return len(data) >= _SHORTEST_RUN and len(data.translate(None, _PRINTABLE)) * _MOSTLY <= len(data)


def glimpse(data: bytes) -> str:
    """Return in one text what the base64 and the hex of a text, here as UTF-8, read as from wherever they could begin.

    One decoding for all runs costs a tenth of one for each. Between what the runs read as stand zero bytes.
    """
    found = [run.rstrip(b"=") for run in _RUN_IN_BYTES.findall(data) if not wordlike(run)]
    runs = [run.translate(_URL_SAFE) for run in found if not run.isdigit()]
    digits = _HEX_INSIDE_BYTES.findall(data)
    if not runs and not digits:
        return ""
    shifted = [run[shift:] for shift in range(4) for run in runs if len(run) - shift >= _SHORTEST_RUN]
    views = binascii.a2b_base64(b"".join([_whole_quanta(run) for run in shifted])).decode("utf-8", "replace")
    if digits:
        pairs = (run[shift:] for shift in range(2) for run in digits)
        data = b"\0".join([bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in pairs])
        views = f"{views}\0{data.decode('utf-8', 'replace')}"
    return views


def _whole_quanta(run: bytes) -> bytes:
    """Return a run of base64, and zero bytes behind it, without padding: what follows can be decoded along with it."""
    match len(run) % 4:
        case 0:
            return run + b"AAAA"
        case 1:  # no number of bytes is written so
            return run[:-1] + b"AAAA"
        case 2:
            return run[:-1] + run[-1:].translate(_TWO_BITS) + b"AAAAAA"
        case _:
            return run[:-1] + run[-1:].translate(_FOUR_BITS) + b"AAAAA"


def telling(data: bytes) -> list[str] | None:
    """Return the runs of a text, here as UTF-8, that decode to something; None where it has to be looked at as a whole.

    So it is where something is escaped, or where there are many such runs.
    """
    if coded(data):
        return None
    told = {run for run in occurrences(_RUN_IN_BYTES, data) if not wordlike(run) and tells(run, opaque=True)}
    return [run.decode() for run in told] if len(told) <= _FEW else None


def coded(data: bytes) -> bool:
    """Return whether something in a text, here as UTF-8, may be escaped: for URLs, programs, the web or mail."""
    return bool(b"--" in data or data.translate(None, _NO_SIGNS)) and occurs(_CODED_BYTES, data)


def tells(run: bytes, *, opaque: bool) -> bool:
    """Return whether a run of a surface decodes to a text, or, if `opaque` matters, to what nobody could read.

    The same answer as `decodings` gives, without the decodings: this is asked of every clean message. What comes again
    and again, as dates do, is remembered.
    """
    if (len(run) < _SHORTEST_HEX and run.isdigit()) or _DATED.fullmatch(run):  # in base 64 dates are no text
        return False
    return (_told if len(run) <= _REMEMBERED_TO else _told.__wrapped__)(run, opaque=opaque)


@functools.lru_cache(maxsize=4096)
def _told(run: bytes, *, opaque: bool) -> bool:
    return _tells(run, opaque=opaque) or (
        b"/" in run and any(_tells(piece, opaque=False) for piece in run.split(b"/") if len(piece) >= _SHORTEST_RUN)
    )


def _tells(run: bytes, *, opaque: bool) -> bool:
    body = run.rstrip(b"=").translate(_URL_SAFE)
    if len(body) < _SHORTEST_RUN or wordlike(run):
        return False
    if len(body) >= _COMPRESSED_FROM * 4 // 3 or (len(run) % 2 == 0 and _HEX_BYTES.fullmatch(run)):
        text = run.decode("ascii")
        for _, data in _unwrap(text):
            left = [_GLANCE]
            plain, _ = _as_text(data, left)
            if plain is not None or left[0] < 0 or (opaque and len(data) >= _OPAQUE_BYTES and _looks_random(text)):
                return True
        return False
    if len(body) % 4 == 1:
        body = body[:-1]
    data = binascii.a2b_base64(body + b"=" * (-len(body) % 4))  # too short for anything but plain text to be in it
    return not 0x80 <= data[0] < 0xC2 and _as_text(data, [_GLANCE])[0] is not None  # noqa: PLR2004 - RFC 3629


def _decode_into(
    found: list[Decoding], text: str, start: int, end: int, form: str, depth: int, budget: list[int]
) -> None:
    """Add the decodings of `text`, which stood at `start:end` of the outermost text and was reached through `form`."""
    outermost = not form
    if occurs(_CODED, text):
        for name, said in _unquoted(text):
            budget[0] -= len(said)
            _take(found, said, start, end, _via(name, form), depth, budget)
    for run in _RUN.finditer(text):
        if wordlike(run.group()):
            continue
        for first, last in _pieces(run.group()):
            span = (run.start() + first, run.start() + last) if outermost else (start, end)
            whole = last - first == len(run.group())
            if not _decode_run(found, run.group()[first:last], span, form, depth, budget, whole=whole):
                return


def _decode_run(
    found: list[Decoding], run: str, span: tuple[int, int], form: str, depth: int, budget: list[int], *, whole: bool
) -> bool:
    """Add what one run decodes to; return whether there is depth and budget left."""
    unread = ""
    for name, data in _unwrap(run):
        budget[0] -= len(data)
        plain, inner = _as_text(data, budget) if budget[0] >= 0 and depth < _MAX_DEPTH else (None, "")
        if budget[0] < 0 or depth >= _MAX_DEPTH:
            found.append(Decoding(*span, _via(name, form), None, beyond=True))
            return False
        if plain is not None:
            _take(found, plain, *span, _via(inner + name, form), depth, budget)
            return True  # what reads as text in hex is no base64
        if whole and len(data) >= _OPAQUE_BYTES and _looks_random(run):
            unread = name
    if unread:
        found.append(Decoding(*span, _via(unread, form), None))
    return True


def _pieces(run: str) -> Iterator[tuple[int, int]]:
    """Give a run, and what its slashes part: they belong to base64's alphabet and to paths."""
    yield 0, len(run)
    if "/" in run:
        start = 0
        for piece in run.split("/"):
            if len(piece) >= _SHORTEST_RUN:
                yield start, start + len(piece)
            start += len(piece) + 1


def _take(found: list[Decoding], plain: str, start: int, end: int, form: str, depth: int, budget: list[int]) -> None:
    found.append(Decoding(start, end, form, plain))
    if depth >= _MAX_DEPTH or budget[0] < 0:
        found.append(Decoding(start, end, form, None, beyond=True))
        return
    if form.startswith(_PICTURE):  # what its pixels say is looked at as it stands: most of them spell something
        return
    _decode_into(found, plain, start, end, form, depth + 1, budget)
    if len(plain) >= _SEALED_FROM and any(not _readable(plain[at:to], budget) for at, to in sealed(plain)):
        found.append(Decoding(start, end, _via("sealed", form), None))


def _unquoted(text: str) -> Iterator[tuple[str, str]]:
    """Give what a whole text says once its escapes are taken for what they stand for."""
    for name, sign, unquote_ in _UNQUOTERS:
        if sign in text if sign else not text.isascii():
            said = unquote_(text)
            if said is not None and said != text:
                yield name, said


def _from_escapes(text: str) -> str | None:
    if _ESCAPE.search(text) is None:
        return None
    said = _ESCAPE.sub(_unescape, text)
    with suppress(UnicodeError):
        said = said.encode("utf-16", "surrogatepass").decode("utf-16")  # pairs of them stand for one character
    return said


def _from_percents(text: str) -> str | None:
    if _PERCENT.search(text):
        try:
            return unquote(text, errors="strict")
        except UnicodeDecodeError:  # bytes, which show as what no text has
            return unquote(text, encoding="latin-1")
    return None


def _from_quoted(text: str) -> str | None:
    if not text.isascii() or _QUOTED.search(text) is None:
        return None
    data = quopri.decodestring(text.encode())
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unescape(match: re.Match[str]) -> str:
    digits = match[match.lastindex or 0]
    if match.lastindex == _LAYOUT:
        return " "
    code = int(digits, 8 if match.lastindex == _OCTAL else 16)
    return chr(code) if code <= 0x10FFFF else match[0]  # noqa: PLR2004 - the last code point


def _from_utf7(match: re.Match[str]) -> str:
    run = match[1]
    with suppress(UnicodeDecodeError, binascii.Error):
        data = binascii.a2b_base64(run + "=" * (-len(run) % 4))
        said = data[: len(data) // 2 * 2].decode("utf-16-be")
        if said.isprintable():
            return said
    return match[0]


def _from_punycode(match: re.Match[str]) -> str:
    with suppress(UnicodeError):
        return match[1].lower().encode("ascii").decode("punycode")
    return match[0]


def _without(pattern: re.Pattern[str], text: str, longest: int) -> str:
    """Return what `pattern.sub("", text)` returns, for a pattern that takes at most so many code points."""
    if len(text) <= _LONG_TEXT:
        return pattern.sub("", text)
    out, done = list[str](), 0
    for match in short_matches(pattern, text, longest):
        if match.start() > done:
            out.append(text[done : match.start()])
        done = match.end()
    out.append(text[done:])
    return "".join(out)


_LONG_TEXT, _LONGEST_TAG = 64 * 1024, 210
_UNQUOTERS: tuple[tuple[str, str, Callable[[str], str | None]], ...] = (
    ("escape", "\\", _from_escapes),
    ("escape", "%u", _from_escapes),
    ("url", "%", _from_percents),
    ("html", "&", html.unescape),
    ("quoted-printable", "=", _from_quoted),
    ("utf-7", "+", lambda text: _UTF7.sub(_from_utf7, text)),
    ("punycode", "n--", lambda text: _PUNYCODE.sub(_from_punycode, text)),
    ("punycode", "N--", lambda text: _PUNYCODE.sub(_from_punycode, text)),
    ("markup", "<", lambda text: _without(_TAG, text, _LONGEST_TAG)),
    ("unseen", "", lambda text: _UNSEEN.sub("", text)),
)
"""By the sign without which there is nothing to do: how a text is read that is escaped so."""


def _via(inner: str, outer: str) -> str:
    return f"{inner}+{outer}" if outer else inner


def _unwrap(run: str) -> Iterator[tuple[str, bytes]]:
    """Give what a run may stand for: hex if it can be, and base64 unless its length forbids it."""
    if len(run) % 2 == 0 and len(run) >= _SHORTEST_HEX and _HEX.fullmatch(run):
        yield "hex", bytes.fromhex(run)
    body = run.rstrip("=")
    if len(body) % 4 == 1:  # no number of bytes is written so: a letter in front or behind is not part of it
        body = body[:-1]
    if len(body) >= _SHORTEST_RUN:
        standard = body.replace("-", "+").replace("_", "/")
        try:
            yield "base64", binascii.a2b_base64(standard + "=" * (-len(standard) % 4))
        except binascii.Error:
            return


def _as_text(data: bytes, budget: list[int]) -> tuple[str | None, str]:
    """Return bytes as text, decompressed where they are compressed, with the name of the compression and a plus."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        picture = pixels(data)
        if picture is not None:
            budget[0] -= len(picture)
            return picture.translate(None, _NOT_SHOWN).decode(), _PICTURE
        plain, name = decompress(data, max(budget[0], 0) + 1)  # one more than fits: too much is noticed, not cut off
        if plain is None:
            return None, ""
        budget[0] -= len(plain)
        try:
            return plain.decode(), name + "+"
        except UnicodeDecodeError:
            return None, ""
    if "\0" in text:
        return _as_wide(data), ""
    return (text, "") if text.isprintable() or _mostly_printable(text) else (None, "")


def _as_wide(data: bytes) -> str | None:
    """Return bytes as text of two or four bytes a character, if every zero byte is where such text has them."""
    for coding, size in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        if len(data) % size == 0:
            with suppress(UnicodeDecodeError):
                text = data.decode(coding).removeprefix("\ufeff")
                if "\0" not in text and text.isascii() and _mostly_printable(text):
                    return text
    return None


def _mostly_printable(text: str) -> bool:
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _looks_random(run: str) -> bool:
    """Return whether a run is rather encoded bytes than words: hex of 32 digits, or all kinds of characters, mixed."""
    if _ONLY_HEX.fullmatch(run):
        return len(run) >= _OPAQUE_BYTES * 2 and any(character.isdigit() for character in run)
    return (
        any(character.isdigit() for character in run)
        and any(character.islower() for character in run)
        and any(character.isupper() for character in run)
        and not named(run)
    )
