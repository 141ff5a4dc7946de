"""Forms with a check of their own, beyond Presidio's: e-mail addresses inside of URLs, and Ethereum's addresses."""
# ruff: noqa: ARG001  all recognizers are asked alike

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from dlp.core.finding import Confidence
from dlp_presidio.cues import Context, Look, Seen

_SIGN = r"(?:@|%40|%2540)"
MAIL_LOOK = r"[=/?&;+%][\w.+-]+@\w[\w-]*\.\w|[\w.+-]%(?:25)?40\w[\w-]*\.\w"
"""Where an e-mail address may stand in a URL; Presidio's expression takes what stands before for a part of it."""

_mail = re.compile(
    rf"(?:(?<![\w.%+-])|(?<=%[0-9A-Fa-f]{{2}}))([\w+-](?:[\w.+-]|%2[Bb]){{0,63}}){_SIGN}((?:[\w-]{{1,63}}\.){{1,8}}[^\W\d_]{{2,24}})(?![\w@-])"
)
_inside = re.compile(r"[=/?&;%+]\Z|%[0-9A-Fa-f]{2}\Z|%(?:25)?40")

ADDRESS_LOOK = r"\b0x[0-9a-f]{40}\b"
_address = re.compile(r"(?<![\w])0[xX]([0-9a-fA-F]{40})(?!\w)")


def mails_seen(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give e-mail addresses inside of URLs, percent-encoded too."""
    for start, end in mails(text):
        yield "EMAIL_ADDRESS", start, end, 1.0, "mail:url"


def wallets_seen(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give Ethereum's addresses."""
    for start, end, score in wallets(text):
        yield "CRYPTO", start, end, score, "wallet:ethereum"


def mails(text: str) -> Iterator[tuple[int, int]]:
    """Give the e-mail addresses in `text` that follow a URL's signs or have theirs percent-encoded (RFC 3986, 2.1)."""
    for match in _mail.finditer(text):
        start = match.start(1)
        before = text[max(0, start - 3) : start]
        encoded = text[match.end(1)] == "%"
        if (encoded or _inside.search(before)) and not before.endswith("//") and is_domain(match.group(2)):
            yield start, match.end(2)


@lru_cache(maxsize=4096)
def is_domain(name: str) -> bool:
    """Say whether a name ends in a top-level domain that is given out, by the list that came along."""
    return bool(_domains().extract_str(name).suffix)


@cache
def _domains() -> Any:
    import tldextract  # noqa: PLC0415  0.1 s, and not at start

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def wallets(text: str) -> Iterator[tuple[int, int, float]]:
    """Give Ethereum's addresses with a score: sure where their case is the check (EIP-55), low where it fails."""
    for match in _address.finditer(text):
        digits = match.group(1)
        if digits.islower() or digits.isupper() or digits.isdigit():  # without a check
            yield *match.span(), 0.75
        else:
            yield *match.span(), 1.0 if _in_case(digits.lower()) == digits else 0.4


def _in_case(digits: str) -> str:
    check = keccak(digits.encode()).hex()
    return "".join(one.upper() if check[place] >= "8" else one for place, one in enumerate(digits))


# The walk of rho and pi through the lanes, and by how many bits each step rotates.
_ROTATED = (1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44)
_WALK = (10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1)
_WORD = (1 << 64) - 1
_RATE = 136


def keccak(data: bytes) -> bytes:
    """Return Keccak-256 of up to 135 bytes, as Ethereum uses it: not SHA-3 (FIPS 202), which pads otherwise."""
    block = bytearray(data.ljust(_RATE, b"\0"))
    block[len(data)] ^= 0x01
    block[-1] ^= 0x80
    lanes = [int.from_bytes(block[at : at + 8], "little") for at in range(0, _RATE, 8)] + [0] * 8
    register = 1
    for _ in range(24):
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        for place in range(25):
            lanes[place] ^= columns[(place + 4) % 5] ^ _rotated(columns[(place + 1) % 5], 1)
        kept = lanes[1]
        for place, bits in zip(_WALK, _ROTATED, strict=True):
            lanes[place], kept = _rotated(kept, bits), lanes[place]
        for row in range(0, 25, 5):
            one = lanes[row : row + 5]
            lanes[row : row + 5] = [one[x] ^ (~one[(x + 1) % 5] & _WORD & one[(x + 2) % 5]) for x in range(5)]
        for power in range(7):  # the round's constant, from a shift register
            if register & 1:
                lanes[0] ^= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _rotated(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _WORD


LOOKS: tuple[Look, ...] = (
    ("EMAIL_ADDRESS.own", MAIL_LOOK, Confidence.HIGH),
    ("CRYPTO.own", ADDRESS_LOOK, Confidence.HIGH),
)
