"""What an attacker does to a value so that nobody knows it again: forms, by name.

Written from what languages, shells and libraries offer, not from what the product looks for. Longer than
most modules because it is a list of forms.
"""

# Longer than 400 lines: one list, in which somebody looks for a form that is missing.

import base64
import binascii
import bz2
import codecs
import gzip
import hashlib
import hmac
import io
import json
import lzma
import quopri
import re
import struct
import tarfile
import textwrap
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import quote

import brotli
import zstandard

type Form = Callable[[str], str | bytes]
"""Text in, text out; bytes are sent as a body of their own."""

_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_HOMOGLYPHS = str.maketrans("aeopcxyABEKMHOPCTX", "аеорсхуАВЕКМНОРСТХ")  # noqa: RUF001 - that they look alike is the point
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
_NATO_WORDS = """alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa
quebec romeo sierra tango uniform victor whiskey xray yankee zulu"""
_NATO = dict(zip("abcdefghijklmnopqrstuvwxyz", _NATO_WORDS.split(), strict=True))
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MORSE_SIGNS = """.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..-
-.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."""
_MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789", _MORSE_SIGNS.split(), strict=True))
_ZERO = "\u200b"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _b58(data: bytes) -> str:
    number, out = int.from_bytes(data), ""
    while number:
        number, rest = divmod(number, 58)
        out = _B58[rest] + out
    return out


def _in_base(number: int, base: int) -> str:
    digits, out = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", ""
    while number:
        number, rest = divmod(number, base)
        out = digits[rest] + out
    return out


def _z85(data: bytes) -> str:
    padded = data + b" " * (-len(data) % 4)
    out = ""
    for (number,) in struct.iter_unpack(">I", padded):
        out += "".join(_Z85[number // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return out


def _b45(data: bytes) -> str:
    out = ""
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            number, rest = divmod(number, 45)
            out += _B45[rest]
    return out


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _zipped(data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("notes.txt"), data)
    return held.getvalue()


def _tarred(data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        info = tarfile.TarInfo("notes.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def _jwt(claims: Mapping[str, str], algorithm: str) -> str:
    head = _b64url(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = f"{head}.{_b64url(json.dumps(dict(claims)).encode())}"
    mac = _b64url(hmac.digest(b"attacker", signed.encode(), "sha256")) if algorithm != "none" else ""
    return f"{signed}.{mac}"


def _utf7(text: str) -> str:
    """Return UTF-7 in which everything is shifted, as it may be."""
    return "+" + base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=") + "-"


def _uuencoded(data: bytes) -> str:
    lines = [binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, len(data), 45)]
    return "begin 644 notes.txt\n" + "".join(lines) + "`\nend\n"


def _between(mark: str) -> Form:
    return mark.join


def _shifted(offset: int, start: str, end: str) -> Form:
    """Move what lies between two characters into another block of Unicode."""
    return lambda text: "".join(chr(ord(c) + offset) if start <= c <= end else c for c in text)


def _pseudo(text: str, upper: int, lower: int, digit: int) -> str:
    out = ""
    for char in text:
        if "A" <= char <= "Z":
            out += chr(upper + ord(char) - 65)
        elif "a" <= char <= "z":
            out += chr(lower + ord(char) - 97)
        elif digit and char.isdigit():
            out += chr(digit + int(char))
        else:
            out += char
    return out


def _spoken(text: str) -> str:
    named = {**_NATO, **{str(at): word for at, word in enumerate(_DIGITS)}, "@": "at", ".": "dot"}
    return " ".join(filter(None, (named.get(char, "") for char in text.lower())))


ENCODINGS: Mapping[str, Form] = {
    "base64": lambda v: _b64(v.encode()),
    "base64 without padding": lambda v: _b64(v.encode()).rstrip("="),
    "base64 for urls": lambda v: _b64url(v.encode()),
    "base64 in lines": lambda v: "\n".join(textwrap.wrap(_b64(v.encode()), 8)),
    "base64 in groups": lambda v: " ".join(textwrap.wrap(_b64(v.encode()), 4)),
    "base64 with dashes": lambda v: "-".join(textwrap.wrap(_b64(v.encode()).rstrip("="), 5)),
    "base64 behind a word": lambda v: "ref" + _b64(v.encode()),
    "base64 among json": lambda v: json.dumps({"v": _b64(json.dumps({"v": v}).encode())}),
    "base64 of utf-16": lambda v: _b64(v.encode("utf-16-le")),
    "base64 of utf-32": lambda v: _b64(v.encode("utf-32-be")),
    "base64 reversed": lambda v: _b64(v.encode())[::-1],
    "base64 swapped case": lambda v: _b64(v.encode()).swapcase(),
    "base64 of the reversed": lambda v: _b64(v[::-1].encode()),
    "base32": lambda v: base64.b32encode(v.encode()).decode(),
    "base32 lower case": lambda v: base64.b32encode(v.encode()).decode().lower().rstrip("="),
    "base32hex": lambda v: base64.b32hexencode(v.encode()).decode(),
    "base32 crockford": lambda v: base64.b32encode(v.encode()).decode().rstrip("=").translate(_CROCKFORD),
    "base58": lambda v: _b58(v.encode()),
    "base62": lambda v: _in_base(int.from_bytes(v.encode()), 62),
    "base36": lambda v: _in_base(int.from_bytes(v.encode()), 36),
    "base45": lambda v: _b45(v.encode()),
    "base85": lambda v: base64.b85encode(v.encode()).decode(),
    "ascii85": lambda v: base64.a85encode(v.encode()).decode(),
    "ascii85 adobe": lambda v: base64.a85encode(v.encode(), adobe=True).decode(),
    "z85": lambda v: _z85(v.encode()),
    "hex": lambda v: v.encode().hex(),
    "hex upper case": lambda v: v.encode().hex().upper(),
    "hex with colons": lambda v: v.encode().hex(":"),
    "hex with spaces": lambda v: v.encode().hex(" "),
    "hex with 0x": lambda v: ", ".join(f"0x{byte:02x}" for byte in v.encode()),
    "hex with \\x": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
    "hex as one number": lambda v: "0x" + v.encode().hex(),
    "hex of utf-16": lambda v: v.encode("utf-16-be").hex(),
    "hexdump": lambda v: "00000000  " + v.encode().hex(" ") + "  |................|",
    "decimal codes": lambda v: " ".join(str(byte) for byte in v.encode()),
    "decimal list": lambda v: json.dumps(list(v.encode())),
    "decimal bignum": lambda v: str(int.from_bytes(v.encode())),
    "octal escapes": lambda v: "".join(f"\\{byte:03o}" for byte in v.encode()),
    "binary digits": lambda v: " ".join(f"{byte:08b}" for byte in v.encode()),
    "percent": lambda v: quote(v, safe=""),
    "percent, all of it": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "percent twice": lambda v: quote("".join(f"%{byte:02x}" for byte in v.encode()), safe=""),
    "html decimal": lambda v: "".join(f"&#{ord(char)};" for char in v),
    "html hex": lambda v: "".join(f"&#x{ord(char):x};" for char in v),
    "html without semicolons": lambda v: "".join(f"&#{ord(char):07d}" for char in v),
    "css escapes": lambda v: "".join(f"\\{ord(char):x} " for char in v),
    "\\u escapes": lambda v: "".join(f"\\u{ord(char):04x}" for char in v),
    "\\u{} escapes": lambda v: "".join(f"\\u{{{ord(char):x}}}" for char in v),
    "U+ code points": lambda v: " ".join(f"U+{ord(char):04X}" for char in v),
    "quoted-printable": lambda v: "".join(f"={byte:02X}" for byte in v.encode()),
    "quoted-printable, soft breaks": lambda v: quopri.encodestring("=\n".join(textwrap.wrap(v, 4)).encode()).decode(),
    "mime q word": lambda v: f"=?utf-8?Q?{''.join(f'={byte:02X}' for byte in v.encode())}?=",
    "mime b word": lambda v: f"=?utf-8?B?{_b64(v.encode())}?=",
    "utf-7": _utf7,
    "utf-16 body": lambda v: v.encode("utf-16"),
    "utf-32 body": lambda v: v.encode("utf-32"),
    "punycode": lambda v: "xn--" + ("ü" + v).encode("punycode").decode(),
    "uuencode": lambda v: _uuencoded(v.encode()),
    "gzip in base64": lambda v: _b64(gzip.compress(v.encode(), mtime=0)),
    "zlib in base64": lambda v: _b64(zlib.compress(v.encode())),
    "zlib in hex": lambda v: zlib.compress(v.encode()).hex(),
    "zlib in base85": lambda v: base64.b85encode(zlib.compress(v.encode())).decode(),
    "deflate in base64": lambda v: _b64(_deflate(v.encode())),
    "bzip2 in base64": lambda v: _b64(bz2.compress(v.encode())),
    "xz in base64": lambda v: _b64(lzma.compress(v.encode())),
    "zstd in base64": lambda v: _b64(zstandard.compress(v.encode())),
    "brotli in base64": lambda v: _b64(brotli.compress(v.encode())),
    "zip in base64": lambda v: _b64(_zipped(v.encode())),
    "tar in base64": lambda v: _b64(_tarred(v.encode())),
    "gzip body": lambda v: gzip.compress(v.encode(), mtime=0),
    "zip body": lambda v: _zipped(v.encode()),
    "jwt": lambda v: _jwt({"sub": v}, "HS256"),
    "jwt unsigned": lambda v: _jwt({"sub": v}, "none"),
    "data url": lambda v: f"data:text/plain;base64,{_b64(v.encode())}",
    "data url percent": lambda v: f"data:,{quote(v, safe='')}",
    "python bytes literal": lambda v: "b'" + "".join(f"\\x{byte:02x}" for byte in v.encode()) + "'",
    "char codes in code": lambda v: "String.fromCharCode(" + ",".join(str(ord(char)) for char in v) + ")",
    "chr() in code": lambda v: "+".join(f"chr({ord(char)})" for char in v),
    "sql char()": lambda v: "||".join(f"CHR({ord(char)})" for char in v),
    "morse": lambda v: " ".join(_MORSE.get(char, "/") for char in v.lower()),
    "spelling alphabet": _spoken,
}

SPELLING: Mapping[str, Form] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "alternating case": lambda v: "".join(c.upper() if at % 2 else c.lower() for at, c in enumerate(v)),
    "fullwidth": _shifted(0xFEE0, "!", "~"),
    "mathematical bold": lambda v: _pseudo(v, 0x1D400, 0x1D41A, 0x1D7CE),
    "mathematical monospace": lambda v: _pseudo(v, 0x1D670, 0x1D68A, 0x1D7F6),
    "circled": lambda v: _pseudo(v, 0x24B6, 0x24D0, 0),
    "cyrillic look-alikes": lambda v: v.translate(_HOMOGLYPHS),
    "arabic digits": _shifted(0x0660 - 0x30, "0", "9"),
    "devanagari digits": _shifted(0x0966 - 0x30, "0", "9"),
    "keycaps": lambda v: "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in v),
    "superscript digits": lambda v: v.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "zero-width spaces": _between(_ZERO),
    "zero-width joiners": _between("\u200d"),
    "word joiners": _between("\u2060"),
    "soft hyphens": _between("\u00ad"),
    "variation selectors": _between("\ufe0f"),
    "combining dots": lambda v: "".join(c + "\u0323" for c in v),
    "combining strokes": lambda v: "".join(c + "\u0336" for c in v),
    "tag characters": lambda v: "".join(c + "\U000e0061" for c in v),
    "right-to-left marks": _between("\u200f"),
    "shown right to left": lambda v: "\u202e" + v[::-1] + "\u202c",
    "spaces": _between(" "),
    "two spaces": _between("  "),
    "no-break spaces": _between("\u00a0"),
    "dashes": _between("-"),
    "dots": _between("."),
    "underscores": _between("_"),
    "commas": _between(", "),
    "pipes": _between("|"),
    "slashes": _between("/"),
    "lines": _between("\n"),
    "tabs": _between("\t"),
    "quotes": _between("'"),
    "asterisks": _between("*"),
    "html tags": _between("<b></b>"),
    "html comments": _between("<!-- -->"),
    "without separators": lambda v: re.sub(r"[\W_]", "", v),
    "other separators": lambda v: re.sub(r"[\W_]+", "/", v),
    "reversed": lambda v: v[::-1],
    "words reversed": lambda v: " ".join(word[::-1] for word in v.split(" ")),
    "pairs swapped": lambda v: "".join(v[at : at + 2][::-1] for at in range(0, len(v), 2)),
    "rot13": lambda v: codecs.encode(v, "rot13"),
    "rot13, digits moved by five": lambda v: codecs.encode(v, "rot13").translate(
        str.maketrans("0123456789", "5678901234")
    ),
    "rot47": lambda v: "".join(chr(33 + (ord(c) + 14) % 94) if "!" <= c <= "~" else c for c in v),
    "atbash": lambda v: "".join(
        chr(219 - ord(c)) if "a" <= c <= "z" else chr(155 - ord(c)) if "A" <= c <= "Z" else c for c in v
    ),
    "caesar by one": lambda v: "".join(chr(ord(c) + 1) if c.isalnum() else c for c in v),
    "leet": lambda v: v.translate(_LEET),
    "decomposed accents": lambda v: unicodedata.normalize("NFD", v.replace("o", "ö").replace("e", "é")),
    "quoted in a sentence": lambda v: (
        f"As discussed, the entry reads \N{LEFT DOUBLE QUOTATION MARK}{v}\N{RIGHT DOUBLE QUOTATION MARK}."
    ),
    "glued to letters": lambda v: f"xx{v}xx",
    "behind a byte order mark": lambda v: "\ufeff" + v,
}


def _nested(*names: str) -> Form:
    def form(value: str) -> str:
        for name in names:
            made = ENCODINGS.get(name, SPELLING.get(name))
            value = str(made(value)) if made else value
        return value

    return form


NESTING: Mapping[str, Form] = {
    " in ".join(names): _nested(*names)
    for names in (
        ("base64", "base64"),
        ("base64", "hex"),
        ("hex", "base64"),
        ("hex", "base32"),
        ("percent, all of it", "base64"),
        ("base64", "percent, all of it"),
        ("\\u escapes", "base64"),
        ("base64", "\\u escapes"),
        ("html decimal", "base64 for urls"),
        ("base64", "html hex"),
        ("quoted-printable", "base64"),
        ("base64", "quoted-printable"),
        ("gzip in base64", "base64"),
        ("gzip in base64", "hex"),
        ("zlib in base64", "percent, all of it"),
        ("reversed", "base64"),
        ("rot13", "base64"),
        ("upper case", "hex"),
        ("dashes", "base64"),
        ("fullwidth", "base64"),
        ("base64", "jwt"),
        ("base64", "data url"),
        ("base85", "base64"),
        ("base58", "base64"),
        ("base64", "base64", "base64"),
        ("hex", "hex", "base64"),
        ("base64", "gzip in base64", "base64"),
        ("base64", "base64", "base64", "base64"),
        ("base64", "reversed"),
        ("base64", "rot13"),
        ("hex", "spaces"),
    )
}


def _pad(value: str, length: int = 0) -> bytes:
    """Return a ciphertext: a key stream over the value, filled up to whole blocks."""
    plain = value.encode().ljust(max(length, -(-len(value) // 16) * 16 + 16), b"\0")
    stream = hashlib.shake_256(b"the attacker's key").digest(len(plain))
    return bytes(one ^ other for one, other in zip(plain, stream, strict=True))


OPAQUE: Mapping[str, Form] = {
    "ciphertext in base64": lambda v: _b64(_pad(v)),
    "ciphertext in base64 for urls": lambda v: _b64url(_pad(v)),
    "ciphertext in hex": lambda v: _pad(v).hex(),
    "ciphertext in upper hex": lambda v: _pad(v).hex().upper(),
    "ciphertext in hex with colons": lambda v: _pad(v).hex(":"),
    "ciphertext in hex with spaces": lambda v: _pad(v).hex(" "),
    "ciphertext in hex by four": lambda v: " ".join(textwrap.wrap(_pad(v).hex(), 4)),
    "ciphertext in base32": lambda v: base64.b32encode(_pad(v)).decode(),
    "ciphertext in lower base32": lambda v: base64.b32encode(_pad(v)).decode().lower().rstrip("="),
    "ciphertext in base58": lambda v: _b58(_pad(v)),
    "ciphertext in base85": lambda v: base64.b85encode(_pad(v)).decode(),
    "ciphertext in ascii85": lambda v: base64.a85encode(_pad(v)).decode(),
    "ciphertext in decimal digits": lambda v: str(int.from_bytes(_pad(v))),
    "ciphertext in lines": lambda v: "\n".join(textwrap.wrap(_b64(_pad(v)), 12)),
    "ciphertext in groups": lambda v: "-".join(textwrap.wrap(_b64url(_pad(v)), 8)),
    "ciphertext as uuids": lambda v: " ".join(
        f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in textwrap.wrap(_pad(v).hex(), 32)
    ),
    "ciphertext as a list of bytes": lambda v: json.dumps(list(_pad(v))),
    "ciphertext as a body": _pad,
    "ciphertext of sixteen bytes": lambda v: _b64(_pad(v)[:16]),
    "ciphertext behind a word": lambda v: f"state={_b64url(_pad(v))};",
    "ciphertext in a jwt": lambda v: (
        f"{_b64url(b'{"alg":"dir","enc":"A256GCM"}')}..{_b64url(_pad(v)[:12])}.{_b64url(_pad(v))}.{_b64url(_pad(v)[-16:])}"
    ),
    "ciphertext in a data url": lambda v: f"data:application/octet-stream;base64,{_b64(_pad(v))}",
    "pgp armour": lambda v: f"-----BEGIN PGP MESSAGE-----\n\n{_b64(_pad(v, 96))}\n=abcd\n-----END PGP MESSAGE-----",
    "encrypted, compressed and encoded": lambda v: _b64(zlib.compress(_pad(v))),
    "own alphabet": lambda v: _b64(v.encode() * 4).translate(
        str.maketrans(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "qwertyuiopasdfghjklzxcvbnmQWERTYUIOPASDFGHJKLZXCVBNM9876543210-_",
        )
    ),
    "ciphertext in base45": lambda v: _b45(_pad(v)),
    "ciphertext in binary digits": lambda v: " ".join(f"{byte:08b}" for byte in _pad(v)),
    "ciphertext in octal": lambda v: " ".join(f"{byte:03o}" for byte in _pad(v)),
    "ciphertext in hex by eight": lambda v: ", ".join(textwrap.wrap(_pad(v).hex(), 8)),
    "ciphertext in hex by two": lambda v: "/".join(textwrap.wrap(_pad(v).hex(), 2)),
    "ciphertext as addresses": lambda v: " ".join(
        ":".join(textwrap.wrap(half, 4)) for half in textwrap.wrap(_pad(v).hex(), 32)
    ),
    "ciphertext as colours": lambda v: " ".join(f"#{colour}" for colour in textwrap.wrap(_pad(v).hex(), 6)),
    "ciphertext in base64 by four": lambda v: " ".join(textwrap.wrap(_b64(_pad(v)), 4)),
    "ciphertext in base64 with dots": lambda v: ".".join(textwrap.wrap(_b64(_pad(v)), 5)),
    "ciphertext in base32 by four": lambda v: " ".join(textwrap.wrap(base64.b32encode(_pad(v)).decode(), 4)),
    "ciphertext in base85 by ten": lambda v: " ".join(textwrap.wrap(base64.b85encode(_pad(v)).decode(), 10)),
    "ciphertext in percents": lambda v: "".join(f"%{byte:02X}" for byte in _pad(v)),
    "ciphertext in \\x escapes": lambda v: "".join(f"\\x{byte:02x}" for byte in _pad(v)),
    "ciphertext in quoted-printable": lambda v: "".join(f"={byte:02X}" for byte in _pad(v)),
    "ciphertext as latin-1": lambda v: _pad(v).decode("latin-1"),
    "ciphertext in lines of plain text": lambda v: "\n".join(textwrap.wrap(_b64(_pad(v)), 19)).encode(),
    "ciphertext in base32 in base64": lambda v: _b64(base64.b32encode(_pad(v))),
    "ciphertext in base85 in hex": lambda v: base64.b85encode(_pad(v)).hex(),
    "ciphertext in base64 in base32": lambda v: base64.b32encode(_b64(_pad(v)).encode()).decode(),
    "ciphertext in hex in base85": lambda v: base64.b85encode(_pad(v).hex().encode()).decode(),
    "ciphertext in groups in base64": lambda v: _b64(" ".join(textwrap.wrap(_pad(v).hex(), 4)).encode()),
    "ciphertext as bytes in gzip": lambda v: _b64(gzip.compress(json.dumps(list(_pad(v))).encode(), mtime=0)),
    "ciphertext in base64 in character codes": lambda v: " ".join(str(byte) for byte in _b64(_pad(v)).encode()),
    "ciphertext in lines in a jwt": lambda v: _jwt({"sub": "\n".join(textwrap.wrap(_b64(_pad(v)), 12))}, "none"),
    "sha-256": lambda v: hashlib.sha256(v.encode()).hexdigest(),
    "sha-256 in base64": lambda v: _b64(hashlib.sha256(v.encode()).digest()),
    "sha-1": lambda v: hashlib.sha1(v.encode(), usedforsecurity=False).hexdigest(),
    "md5": lambda v: hashlib.md5(v.encode(), usedforsecurity=False).hexdigest(),
    "sha-512": lambda v: hashlib.sha512(v.encode()).hexdigest(),
    "blake2": lambda v: hashlib.blake2b(v.encode(), digest_size=16).hexdigest(),
    "hmac": lambda v: hmac.digest(b"key", v.encode(), "sha256").hex(),
    "subresource hash": lambda v: f"sha384-{_b64(hashlib.sha384(v.encode()).digest())}",
}


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value) or str(sum(value.encode()))


ARITHMETIC: Mapping[str, Form] = {
    "plus one": lambda v: str(int(_digits(v)) + 1),
    "doubled": lambda v: str(int(_digits(v)) * 2),
    "half": lambda v: str(int(_digits(v)) / 2),
    "minus a constant": lambda v: str(int(_digits(v)) - 12345),
    "times a thousand and three": lambda v: str(int(_digits(v)) * 1003),
    "xor": lambda v: str(int(_digits(v)) ^ 0x5A5A5A),
    "digit sum": lambda v: str(sum(map(int, _digits(v)))),
    "remainders": lambda v: " ".join(str(int(_digits(v)) % prime) for prime in (97, 101, 103, 107)),
    "sorted digits": lambda v: "".join(sorted(_digits(v))),
    "nines complement": lambda v: "".join(str(9 - int(d)) for d in _digits(v)),
    "quotient and remainder": lambda v: " ".join(map(str, divmod(int(_digits(v)), 1000))),
    "mean with another": lambda v: str((int(_digits(v)) + 77_000) / 2),
}

COVERT: Mapping[str, Form] = {
    "trailing spaces": lambda v: "\n".join(
        "note" + " " * (byte % 16) + "." + " " * (byte // 16) for byte in v.encode()
    ),
    "spaces and tabs": lambda v: "ok" + "".join(" \t"[byte >> bit & 1] for byte in v.encode() for bit in range(8)),
    "zero-width bits": lambda v: (
        "fine" + "".join("\u200b\u200c"[byte >> bit & 1] for byte in v.encode() for bit in range(8))
    ),
    "first letters": lambda v: " ".join(
        _NATO.get(c, "xy").capitalize() + " is here." for c in v.lower() if c.isalnum()
    ),
    "word lengths": lambda v: " ".join("o" * (1 + int(d)) for d in _digits(v)),
    "order of a list": lambda v: json.dumps(
        sorted("abcdefghij", key=lambda c: hashlib.sha256((v + c).encode()).digest())
    ),
    "number of items": lambda v: json.dumps([["item"] * int(d) for d in _digits(v)[:6]]),
    "capitals in a text": lambda v: "".join(
        c.upper() if v.encode()[at // 8 % len(v.encode())] >> at % 8 & 1 else c
        for at, c in enumerate("the quick brown fox jumps over the lazy dog " * 4)
    ),
    "words for nibbles": lambda v: " ".join(
        "red blue green grey pink gold teal lime plum rust sand snow jade rose mint navy".split()[n]  # noqa: SIM905
        for byte in v.encode()
        for n in (byte >> 4, byte & 15)
    ),
    "ciphertext as ids of version 4": lambda v: " ".join(
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}" for h in textwrap.wrap(_pad(v).hex(), 32)
    ),
    "ciphertext as shares of one": lambda v: ", ".join(f"{byte / 256:.6f}" for byte in _pad(v)),
    "ciphertext as large numbers": lambda v: " ".join(
        str(int(number, 16)) for number in textwrap.wrap(_pad(v).hex(), 16)
    ),
    "ciphertext as emoji": lambda v: "".join(chr(0x1F400 + byte) for byte in _pad(v)),
    "ciphertext as words in Chinese": lambda v: "".join(chr(0x4E00 + byte) for byte in _pad(v)),
    "ciphertext in pieces of eight bytes": lambda v: json.dumps(
        {f"part{at}": _pad(v)[at : at + 8].hex() for at in range(0, 32, 8)}
    ),
    "synonyms": lambda v: " ".join(
        ("big", "large")[byte & 1] + " " + ("quick", "fast")[byte >> 1 & 1] for byte in v.encode()
    ),
}
