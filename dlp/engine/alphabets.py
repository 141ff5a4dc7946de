"""What bytes a run of characters may stand for, in every usual alphabet and from wherever an encoded value could begin.

Only good for looking for known values: most of what comes out here is noise. Longer than most modules because it is a
list of alphabets, each with what tells at once that a text holds nothing written in it.
"""

import base64
import binascii
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress

from dlp.engine.compression import MAGIC
from dlp.engine.gently import BEHIND_LETTER, is_in, matches
from dlp.engine.spoken import is_spoken, may_be_spoken, spoken
from dlp.engine.stretches import LARGE, Unusual, stretches, surrounded, within

_SHORTEST = 6
_LONG_WORD = 12  # letters: few words are longer
_BIG_TO = 200  # characters of a number in a base that is no power of two: converting takes quadratic time
_SHIFTED_TO = 512
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9]{5,}")
# Each begins with one character rather than with several: only then does the engine skip to the next by itself.
_RUN = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_-]{5,}={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]{8,}")
_GROUPED = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/][A-Za-z0-9+/]+(?:[\s.:,-]{1,3}[A-Za-z0-9+/]{2,})+={0,2}")
_MIXED = re.compile(r"[a-z][A-Z]|[0-9][A-Za-z]|[A-Za-z][0-9]")
_SYMBOLS = re.compile(r"[!-~]{7,}")
_UNQUOTED = re.compile(r"[!#-~][!#-~]{6,}")
_ODD = re.compile(r"[!#$%&()*;<>?@^{|}~`'\[\]\\,]")
_FIGURES_AND_JOINERS = str.maketrans("", "", "0123456789+/_-=")
_JOINERS = str.maketrans("", "", "+/_-=")
_URL_SAFE = str.maketrans("-_", "+/")
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_PUNCTUATION = ".,;:!?()[]{}'\""
_MANY_ODD = 3
_NUMBER_TO = 26  # digits: more of them may be binary
_REMEMBERED_TO, _RUN_REMEMBERED_TO = 24, 64
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE32 = {
    "base32": "abcdefghijklmnopqrstuvwxyz234567",
    "base32hex": "0123456789abcdefghijklmnopqrstuv",
    "crockford32": "0123456789abcdefghjkmnpqrstvwxyz",
    "zbase32": "ybndrfg8ejkmcpqxot1uwisza345h769",
}
_FROM_BASE32 = {name: str.maketrans(letters, _DIGITS[:32]) for name, letters in _BASE32.items()}
_IN_BASE32 = {name: frozenset(letters) for name, letters in _BASE32.items()}
_UPPER, _LOWER, _FIGURES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
_BIG = {
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base58flickr": "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ",
    "base58ripple": "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz",
    "base62": _FIGURES + _UPPER + _LOWER,
    "base62 lower first": _FIGURES + _LOWER + _UPPER,
    "base62 letters first": _UPPER + _LOWER + _FIGURES,
}
_VALUE = {name: {letter: number for number, letter in enumerate(letters)} for name, letters in _BIG.items()}
_BASE45 = {letter: number for number, letter in enumerate(_FIGURES + _UPPER + " $%*+-./:")}
_FROM_Z85 = str.maketrans(
    _FIGURES + _LOWER + _UPPER + ".-:+=^!/*?&<>()[]{}@%$#",
    _FIGURES + _UPPER + _LOWER + "!#$%&()*+-;<=>?@^_`{|}~",
)
_BITS = "(?:(?>[01]{42,}|[01]{35,40}|[01]{28,32}|[01]{21,24}|[01]{14,16}|[01]{7,8})(?![01]))"
"""One or more bytes of seven or eight bits each: written so, there is one way to match it, and not thousands."""
_CODES = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9a-fA-F\\][0-9a-fA-FxX]*+[\s,;:._\0\\-]|[01]{27})"  # nearly all words end here, at once
    rf"(?:(?P<binary>(?=(?:[01]{{7,8}}[\s,;_-]{{0,2}}){{4}}){_BITS}(?:[\s,;_-]{{1,2}}{_BITS})*)"
    r"|(?P<hex>(?:0[xX]|\\x)?[0-9a-fA-F]{2}(?:[\s,;:._-]{1,2}(?:0[xX]|\\x)?[0-9a-fA-F]{2}){3,})"
    r"|(?P<decimal>[0-9]{2,3}(?:[\s,;:._\0-]{1,2}[0-9]{2,3}){3,})"
    r"|(?P<octal>\\?[0-7]{2,3}(?:[\s,;:\\]{1,2}[0-7]{2,3}){3,}))(?![0-9A-Za-z])"
)

_CALLED = re.compile(r"(?i:chr|char|code)\w{0,12}\(\s*\d|U\+[0-9A-Fa-f]{4}|\\[0-9a-fA-F]{2,6}\s|begin [0-7]{3} ")
_BESIDE_CALLS, _BESIDE_WORDS = re.compile(r"(?<=[\",:=./)\]}>;-])"), re.compile("(?<=[^A-Za-z0-9])")
"""Places at which no such call, and no word with figures for letters, goes on."""
_POINTS = re.compile(r"(?:U\+|\\)([0-9A-Fa-f]{2,6})")

_CALLS = ("(", "U+", "\\", "begin ")
_MORSE = re.compile(r"[.-][.-]{0,4}(?:[ /|]{1,3}[.-]{1,5}){5,}")
_MORSE_LETTERS = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "  # noqa: SIM905 - signs read best as words
        "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        "abcdefghijklmnopqrstuvwxyz0123456789",
        strict=True,
    )
)
_DIGITS_APART = re.compile(r"[0-9a-fA-F]\s(?:[0-9a-fA-F]\s){7,}[0-9a-fA-F]")

REWRITTEN = frozenset({"leet", "spoken"})
"""The readings that are the text itself, with other letters in it."""

type Reading = tuple[int, int, str, bytes]
"""Where a run stands, half-open, in which alphabet it was read, and the bytes it then stands for."""


def wordlike(run: str) -> bool:
    """Return whether a run is letters of one case, as words and names of fields are."""
    letters = run.translate(_JOINERS)
    return letters.isalpha() and (letters.islower() or letters.isupper() or letters.istitle())


def odd(text: str, its_runs: Collection[bytes] | None = None) -> bool:
    """Return whether some run of a text looks like anything but words, numbers and times.

    Names, states and units come again and again: of short texts the answer is remembered. `its_runs` are what `RUNS`
    gives of the text, where that is at hand.
    """
    if len(text) <= _NUMBER_TO and text.isdigit():
        return False
    return _odd_before(text) if len(text) <= _REMEMBERED_TO else _odd(text, its_runs)


def _odd(text: str, its_runs: Collection[bytes] | None = None) -> bool:
    data = text.encode("utf-8", "replace")
    runs, groups = _may_hold_odd_ones(data)
    return (
        (runs and _holds_odd_run(RUNS.within(data) if its_runs is None else its_runs))
        or (not data.islower() and any(map(_is_odd_token, set(stretches(data, _ONLY_SIGNS, _SHORTEST + 1)))))
        or _holds_codes(data)
        or (any(sign in text for sign in _CALLS) and is_in(_CALLED, text, _BESIDE_CALLS))
        or (groups and any(map(_is_odd_group, _groups_of(data))))
        or (_OF_DIGITS in data.translate(_IN_DIGITS) and is_in(_DIGITS_APART, text, BEHIND_LETTER))
        or (text.count(".") + text.count("-") >= _SHORTEST and is_in(_MORSE, text, BEHIND_LETTER))
        or (may_be_spoken(data) and is_spoken(text))
    )


def _holds_odd_run(runs: Iterable[bytes]) -> bool:
    return any(map(_is_odd_run, [run for run in runs if len(run) > _NUMBER_TO or not run.isdigit()]))


def _holds_codes(data: bytes) -> bool:
    if len(data) < LARGE:
        return _OF_CODES in data.translate(_IN_CODES, _CODE_BYTES) and _CODES.search(data.decode()) is not None
    return any(is_in(_CODES, around.decode(), BEHIND_LETTER) for around in surrounded(data, _OF_WHICH_CODES, _FEWEST))


_odd_before = functools.lru_cache(maxsize=4096)(_odd)


def _classes(kept: bytes, others: bytes, **of: bytes) -> bytes:
    """Return what translates these bytes to themselves, those of `of` to what they are named after, the rest."""
    made = bytearray(others * 256)
    for byte in kept:
        made[byte] = byte
    for name, members in of.items():
        for byte in members:
            made[byte] = _NAMED[name]
    return bytes(made)


_NAMED = {"x": ord("x"), "space": ord(" "), "0": ord("0")}
_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEX_BYTES, _SPACES = b"0123456789abcdefABCDEF", b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\xc2\xa0"
_LETTERS = _LOWER.encode()
RUNS = Unusual(_ALNUM + b"+/_-", _LETTERS, _SHORTEST, _LONG_WORD)
"""Looks for the runs of a text that may be encoded: other than words in small letters, or long."""

_RUN_KINDS = bytes(
    ord("0" if chr(byte).isdigit() else "A" if chr(byte).isupper() else "a") if byte in _ALNUM else ord(" ")
    for byte in range(256)
)
_OF_ODD_RUNS = (b"aA", b"AAa", b"a0", b"0a", b"A0", b"0A")
_OF_SMALL_ODD_RUNS = (b"a0", b"0a")
_OF_LONG_RUNS = (b"a" * _LONG_WORD, b"A" * _LONG_WORD, b"A" + b"a" * (_LONG_WORD - 1), b"0" * (_NUMBER_TO + 1))
"""What each odd run holds one of, once what joins words is taken out and its characters are told by their kinds."""

_ONLY_SIGNS = within(bytes(byte for byte in range(33, 127) if byte != ord('"')))
_ONLY_GROUPS = _classes(_ALNUM + b"+/=", b"\n", space=_SPACES + b".:,-")
_NUMBERS = _classes(b"", b"x", **{"0": _FIGURES.encode() + b"+/", "space": _SPACES + b".:,-"})
_OF_NUMBERS_APART = (b"0 0", b"0  0", b"0   0")
_GROUPS_OF = Unusual(_ALNUM + b"+/=.:,-" + _SPACES, _LETTERS + b".:,-" + _SPACES, _SHORTEST)
_IN_CODES, _OF_CODES = _classes(b"", b" ", x=_SPACES + b",;:._\0\\-"), b"xxx"
_CODE_BYTES = _HEX_BYTES + b"xX"
_OF_WHICH_CODES, _FEWEST = within(_CODE_BYTES + _SPACES + b",;:._\0\\-" + bytes(range(128, 256))), 11
_IN_DIGITS, _OF_DIGITS = _classes(b"", b".", x=_HEX_BYTES, space=_SPACES), b"x x x x x x x x "
"""By these a text is translated to see at a tenth of the cost that an expression cannot match anywhere in it."""


def _groups_of(data: bytes) -> list[bytes]:
    together = b"\0".join(_GROUPS_OF.within(data)).translate(_ONLY_GROUPS)  # a zero is in no group, and told as a line
    return [group for each in together.split(b"\n") if b" " in (group := each.strip())]


def _may_hold_odd_ones(data: bytes) -> tuple[bool, bool]:
    """Return whether a text may hold odd runs, and odd groups; of a large one, both: looking takes no longer."""
    if len(data) >= LARGE or not data.isascii():
        return True, True
    kinds = data.translate(_RUN_KINDS, b"+/_-")
    capitals = b"A" in kinds
    if any(each in kinds for each in (_OF_ODD_RUNS if capitals else _OF_SMALL_ODD_RUNS)):
        return True, True
    apart = data.translate(_NUMBERS)
    return any(each in kinds for each in _OF_LONG_RUNS), capitals or any(each in apart for each in _OF_NUMBERS_APART)


def _is_odd_run(run: bytes) -> bool:
    if run.isalpha():
        return len(run) >= _LONG_WORD or not (run.islower() or run.isupper() or run.istitle())
    if run.isdigit():
        return len(run) > _NUMBER_TO
    return not _plain(run.decode())


def _is_odd_token(token: bytes) -> bool:
    return token != token.lower() and _may_be_85(token.decode())


def _is_odd_group(group: bytes) -> bool:
    if group.islower() and group.translate(None, b" ").isalpha():
        return False
    if group.islower() and _MIXED_BYTES.search(group) is None:
        return False
    return any(_mixed(match) for match in _GROUPED.findall(group.decode()))


_MIXED_BYTES = re.compile(_MIXED.pattern.encode())


def _plain(run: str) -> bool:
    """Return whether a run is a word, or digits with one letter at most, as times are."""
    return wordlike(run) or len(run.translate(_FIGURES_AND_JOINERS)) <= 1


_MAY_TELL = re.compile(
    rb"[ -~](?:\0{0,3}[ -~]){3}|(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){2}"
)
PACKED_IN, PACKED_TO = frozenset({"base64", "base64+groups", "hex", "base32", "base58", "base85", "ascii85"}), 128
"""In which alphabets, and up to how many bytes, what is compressed without saying so is looked for."""


def _read(read: Callable[[str], Iterator[tuple[str, bytes]]], run: str) -> Iterable[tuple[str, bytes]]:
    """Read a run; ids come again and again, and so what short ones say is remembered."""
    if len(run) > _RUN_REMEMBERED_TO:
        return [told for told in read(run) if _tells(*told)]
    return _read_before(read, run)


@functools.lru_cache(maxsize=4096)
def _read_before(read: Callable[[str], Iterator[tuple[str, bytes]]], run: str) -> tuple[tuple[str, bytes], ...]:
    return tuple(told for told in read(run) if _tells(*told))


def _tells(name: str, data: bytes) -> bool:
    return (
        len(data) <= _SHORTEST
        or _MAY_TELL.search(data) is not None
        or (name in PACKED_IN and len(data) <= PACKED_TO)
        or data.startswith(MAGIC)
    )


def readings(text: str) -> Iterator[Reading]:
    """Give what the runs of a text may stand for, where that can be a text or says that it is compressed.

    The work is linear in the text.
    """
    for runs, read in ((_RUN, _base64), (_HEX, _hex), (_TOKEN, _numeral), (_SYMBOLS, _base85)):
        for run in runs.finditer(text):
            for name, data in _read(read, run.group()):
                yield run.start(), run.end(), name, data
    if '"' in text:  # which may be part of base 85, or stand around it
        for piece in _UNQUOTED.finditer(text):
            for name, data in _base85(piece.group()):
                yield piece.start(), piece.end(), name, data
    yield from _grouped(text)
    yield from _codes(text)
    yield from _signs(text)
    if is_in(_CALLED, text, _BESIDE_CALLS):
        yield from ((0, len(text), name, said.encode("utf-8", "replace")) for name, said in _called(text))
    if may_be_spoken(text.encode("utf-8", "replace")):
        yield from ((start, end, "spoken", said.encode("utf-8", "replace")) for start, end, said in spoken(text))
    if is_in(_LEET_WORD, text, _BESIDE_WORDS):
        yield from _leet(text)


def _leet(text: str) -> Iterator[Reading]:
    """Give what the words say in which figures stand for letters; all others are left out, as they say it already."""
    words = [match for match in _WORD.finditer(text) if _LEET_WORD.search(match.group())]
    words = [match for match in words if match.group().translate(_LEET).isalpha()]
    if words:
        start, end = words[0].start(), words[-1].end()
        for letters in (_LEET, _LEET_L):
            said, at = "", start
            for match in words:
                said += _WORD.sub(" ", text[at : match.start()]) + match.group().translate(letters)
                at = match.end()
            yield start, end, "leet", said.encode("utf-8", "replace")


_WORD = re.compile(r"[A-Za-z0-9]+")
_LEET_WORD = re.compile(r"[A-Za-z][013457]{1,2}[A-Za-z]")
_LEET, _LEET_L = str.maketrans("013457", "oieast"), str.maketrans("013457", "oleast")


def _hex(run: str) -> Iterator[tuple[str, bytes]]:
    """Give hex from both places in which a pair of digits could begin."""
    views = [("hex", run), ("hex", run[1:])]
    if len(run) <= _SHIFTED_TO:
        views.append(("hex+reversed", run[::-1]))
    for name, view in views:
        yield name, bytes.fromhex(view[: len(view) // 2 * 2])


def _base64(run: str) -> Iterator[tuple[str, bytes]]:
    """Give base64 from each of four places: what is glued in front shifts what follows."""
    if _plain(run) or _is_hex_only(run):
        return
    run = run.rstrip("=")
    views = [("base64", run)]
    if len(run) <= _SHIFTED_TO:
        views += [("base64+reversed", run[::-1]), ("base64+rot13", run.translate(_ROT13))]
    for name, view in views:
        standard = view.translate(_URL_SAFE)
        for shift in range(4):
            body = standard[shift:]
            body = body[: len(body) - (len(body) % 4 == 1)]
            if len(body) >= _SHORTEST:
                yield f"{name}+glued" if shift else name, binascii.a2b_base64(body + "=" * (-len(body) % 4))


def _is_hex_only(run: str) -> bool:
    """Return whether a run is hex of one case, so long that a text in another alphabet is not written so by chance."""
    return len(run) >= _LONG_HEX and _ONE_CASE_HEX.fullmatch(run) is not None


_ONE_CASE_HEX, _LONG_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+"), 16


def _numeral(token: str) -> Iterator[tuple[str, bytes]]:
    """Give a run read as one number, in bases 10, 32, 36, 58 and 62."""
    lower = token.lower()
    if token.isdigit():
        yield "decimal", _bytes(int(token[:_BIG_TO]))
    elif _is_hex_only(token):
        return
    elif token in (lower, token.upper()):
        if not token.isalpha() or len(token) >= _LONG_WORD:
            yield from _base32(lower)
        if len(token) <= _BIG_TO and not token.isalpha():
            yield "base36", _bytes(int(lower, 36))
    if len(token) <= _BIG_TO and not _plain(token):
        used = set(token)
        for name, values in _VALUE.items():
            if used <= values.keys():
                base, number = len(values), 0
                for letter in token:
                    number = number * base + values[letter]
                yield name, _bytes(number)


def _base32(lower: str) -> Iterator[tuple[str, bytes]]:
    used = set(lower)
    for name, alphabet in _IN_BASE32.items():
        if used <= alphabet:
            digits = lower.translate(_FROM_BASE32[name])
            whole, total = int(digits, 32), len(digits) * 5
            for shift in range(min(8, len(digits) - _SHORTEST) if len(lower) <= _SHIFTED_TO else 1):
                bits = total - shift * 5
                data = ((whole & ((1 << bits) - 1)) >> bits % 8).to_bytes(bits // 8)
                yield f"{name}+glued" if shift else name, data


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _grouped(text: str) -> Iterator[Reading]:
    """Give what is written in groups or lines: base64 as mails carry it, hex in fours."""
    for match in _GROUPED.finditer(text):
        if not _mixed(match.group()):
            continue
        squeezed = re.sub(r"[\s.:,-]+", "", match.group())
        start, end = match.span()
        for name, data in _base64(squeezed):
            yield start, end, f"{name}+groups", data
        if len(squeezed) <= _SHIFTED_TO and squeezed.isalnum():
            for name, data in _numeral(squeezed):
                yield start, end, f"{name}+groups", data
        for run in _HEX.finditer(squeezed):
            digits = run.group()
            yield start, end, "hex+groups", bytes.fromhex(digits[: len(digits) // 2 * 2])


def _mixed(group: str) -> bool:
    """Return whether groups of characters are rather parts of something encoded than words."""
    if group.islower() and group.replace(" ", "").isalpha():
        return False
    pieces = re.split(r"[\s.:,-]+", group)
    alike = len(pieces) > _MANY_ODD and len({len(piece) for piece in pieces[:-1]}) == 1
    return alike or len(_MIXED.findall(group)) * 8 >= len(group)


def _codes(text: str) -> Iterator[Reading]:
    """Give what characters written as numbers say: in hex, decimal, binary or octal."""
    for match in matches(_CODES, text, BEHIND_LETTER):
        kind = match.lastgroup or ""
        start, end = match.span()
        written = match.group()
        if kind == "binary":
            bits = re.sub(r"[^01]", "", written)
            for size in (8, 7):
                if len(bits) % size == 0:
                    yield start, end, "binary", bytes(int(bits[at : at + size], 2) for at in range(0, len(bits), size))
            continue
        groups = re.findall(r"[0-9a-fA-F]+", re.sub(r"0[xX]|\\x", " ", written))
        for name, base in (("hex", 16), ("character codes", 10), ("octal", 8)):
            with suppress(ValueError):
                codes = [int(group, base) for group in groups]
                if all(code < 256 for code in codes):  # noqa: PLR2004 - bytes
                    yield start, end, name, bytes(codes)
                elif base == 10:  # noqa: PLR2004 - decimal
                    yield start, end, name, "".join(map(chr, codes)).encode("utf-8", "replace")


def _signs(text: str) -> Iterator[Reading]:
    """Give what Morse code and hex digit by digit say."""
    for match in matches(_MORSE, text, BEHIND_LETTER):
        letters = [_MORSE_LETTERS.get(sign, "") for sign in re.split(r"[ /|]+", match.group())]
        yield *match.span(), "morse", "".join(letters).encode()
    for match in matches(_DIGITS_APART, text, BEHIND_LETTER):
        digits = re.sub(r"\s", "", match.group())
        yield *match.span(), "hex+groups", bytes.fromhex(digits[: len(digits) // 2 * 2])


def _called(text: str) -> Iterator[tuple[str, str]]:
    """Give what characters say that are written as code points, in calls, in style sheets or in uuencode."""
    hexadecimal = [int(code, 16) for code in _POINTS.findall(text)]
    decimal = [int(code) for code in re.findall(r"\d{2,6}", text)]
    for name, codes in (("code points", hexadecimal), ("character codes", decimal)):
        yield name, "".join(chr(code) for code in codes if code <= 0x10FFFF)  # noqa: PLR2004 - the last code point
    if "begin " in text:
        found = bytearray()
        for line in text.splitlines():
            with suppress(binascii.Error):
                found += binascii.a2b_uu(line)
        yield "uuencode", found.decode("utf-8", "replace")


def _base85(token: str) -> Iterator[tuple[str, bytes]]:
    """Give what several bases of 85 letters, and base45, make of it."""
    if len(token) > _SHIFTED_TO * 8 or not _may_be_85(token):
        return
    inner = token.removeprefix("<~").removesuffix("~>")
    for name, decode, written in (
        ("ascii85", base64.a85decode, inner),
        ("base85", base64.b85decode, token),
        ("z85", base64.b85decode, token.translate(_FROM_Z85)),
    ):
        with suppress(ValueError):
            yield name, decode(written.encode())
    if all(letter in _BASE45 for letter in token):
        yield "base45", _base45(token)


_LONG_85 = 24  # characters: base 85 of so many has some sign in it


def _may_be_85(token: str) -> bool:
    core = token.strip(_PUNCTUATION)
    if len(core) <= _SHORTEST or not any(map(str.isupper, core)):
        return False
    odd = len(_ODD.findall(core))
    if core == core.upper() and len(_MIXED.findall(core)) > _MANY_ODD and not core.isalnum():
        return True
    if odd == 0 and len(core) >= _LONG_85:
        return False
    return odd >= _MANY_ODD or (any(map(str.islower, core)) and (odd > 0 or len(_MIXED.findall(core)) > 1))


def _base45(token: str) -> bytes:
    """Return what base45 stands for (RFC 9285)."""
    found = bytearray()
    for at in range(0, len(token), 3):
        digits = [_BASE45[letter] for letter in token[at : at + 3]]
        number = sum(digit * 45**place for place, digit in enumerate(digits))
        size = len(digits) - 1
        if size and number < 256**size:
            found += number.to_bytes(size)
    return bytes(found)
