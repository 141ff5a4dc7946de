"""What secrets look like: facts about issuers' formats, and the checks that some formats allow."""

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from dlp.core.finding import Confidence

API_KEY = "SECRET_API_KEY"
TOKEN = "SECRET_TOKEN"  # noqa: S105  the name of an entity
PASSWORD = "SECRET_PASSWORD"  # noqa: S105  the same
PRIVATE_KEY = "SECRET_PRIVATE_KEY"
CONNECTION = "SECRET_CONNECTION"

type Check = Callable[[str], Confidence | None]
"""Says how sure it is that a match is the real thing; None: it is not."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of secret. Group 1 of `expression`, where there is one, is the secret; else all of the match is."""

    name: str
    entity: str
    expression: str
    check: Check | None = None
    ignore_case: bool = False
    look: str = ""  # a looser expression for the scan, where this one takes Hyperscan long to compile


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters of `text`, in bits a character."""
    counts = [text.count(character) for character in set(text)]
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _random(least: float, otherwise: Confidence | None = None) -> Check:
    return lambda text: Confidence.HIGH if entropy(text) >= least else otherwise


def is_jwt(text: str) -> Confidence | None:
    """Say whether the first of the dotted pieces is the header of a JSON web token (RFC 7519)."""
    head = text.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return None
    return Confidence.HIGH if isinstance(header, dict) and ("alg" in header or "typ" in header) else None


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKED = 6


def has_crc(text: str) -> Confidence:
    """Return HIGH where the last six characters are the base-62 CRC-32 of the rest, else MEDIUM.

    GitHub and npm write theirs so. A wrong one is still reported: issuers may change how they check.
    """
    body = text.split("_", 1)[1]
    number = zlib.crc32(body[:-_CHECKED].encode())
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return Confidence.HIGH if digits.rjust(_CHECKED, "0") == body[-_CHECKED:] else Confidence.MEDIUM


_END = r"(?![A-Za-z0-9])"

FORMATS = (
    Format("aws-key-id", API_KEY, rf"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}{_END}"),
    Format(
        "aws-secret",
        API_KEY,
        r"(?:aws|amazon|secret.?access.?key)[^\n]{0,40}?[\"'=:\s>]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        _random(4.0),
        ignore_case=True,
        look=r"aws|amazon|secret.?access.?key",
    ),
    Format("github", API_KEY, rf"\bgh[pousr]_[A-Za-z0-9]{{36,251}}{_END}", has_crc),
    Format("github-fine", API_KEY, rf"\bgithub_pat_[A-Za-z0-9]{{22}}_[A-Za-z0-9]{{59}}{_END}"),
    Format("gitlab", API_KEY, r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_\-.]{20,}"),
    Format("slack", TOKEN, r"\bxox[abeoprs]-(?:[0-9]-)?[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}"),
    Format("slack-webhook", API_KEY, r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"),
    Format("stripe", API_KEY, rf"\b[sr]k_(?:live|test|prod)_[A-Za-z0-9]{{10,247}}{_END}"),
    Format("stripe-webhook", API_KEY, rf"\bwhsec_[A-Za-z0-9+/=]{{24,}}{_END}"),
    Format("openai", API_KEY, rf"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{{20,}}{_END}", _random(3.3)),
    Format("anthropic", API_KEY, r"\bsk-ant-[A-Za-z0-9]{3,8}-[A-Za-z0-9_-]{20,}"),
    Format("google", API_KEY, r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    Format("google-oauth", TOKEN, r"\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{28}"),
    Format("npm", API_KEY, rf"\bnpm_[A-Za-z0-9]{{36}}{_END}", has_crc),
    Format("pypi", API_KEY, r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    Format("sendgrid", API_KEY, r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    Format("twilio", API_KEY, rf"\b(?:SK|AC)[0-9a-f]{{32}}{_END}"),
    Format("mailgun", API_KEY, rf"\bkey-[0-9a-f]{{32}}{_END}"),
    Format("huggingface", API_KEY, rf"\bhf_[A-Za-z]{{34}}{_END}"),
    Format("digitalocean", API_KEY, rf"\bdo[opr]_v1_[0-9a-f]{{64}}{_END}"),
    Format("shopify", API_KEY, rf"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}{_END}"),
    Format("vault", TOKEN, r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    Format("square", API_KEY, r"\b(?:EAAA|sq0(?:atp|csp)-)[A-Za-z0-9_-]{22,60}", _random(3.3)),
    Format("telegram", TOKEN, r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    # What many vendors copied from Stripe: a prefix, the environment, then the secret.
    Format("vendor", API_KEY, rf"\b[a-z][a-z0-9]{{1,15}}_(?:live|test|prod|sandbox)_[A-Za-z0-9]{{16,}}{_END}"),
    Format("jwt", TOKEN, r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*", is_jwt),
    Format("bearer", TOKEN, r"\b(?:bearer|token)\s+([A-Za-z0-9._~+/-]{16,}=*)", _random(3.0), ignore_case=True),
    Format(
        "private-key",
        PRIVATE_KEY,
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]*?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|[\s\S]*)",
    ),
    Format("putty-key", PRIVATE_KEY, r"PuTTY-User-Key-File-[23]:[\s\S]*"),
    Format("age-key", PRIVATE_KEY, r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Format(
        "url-password",
        CONNECTION,
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,64}:([^\s/@\"'<>]{3,128})@[A-Za-z0-9.\[-]",
        ignore_case=True,
        look=r"://[^\s/@]*:[^\s/@]+@",
    ),
    Format(
        "azure-connection",
        CONNECTION,
        r"\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*=\s*([A-Za-z0-9+/=%_-]{20,})",
        ignore_case=True,
    ),
    Format("azure-sas", TOKEN, r"[?&]sig=([A-Za-z0-9%+/]{30,}(?:=|%3D){0,2})"),
    Format(
        "connection-password",
        CONNECTION,
        r"\b(?:server|host|data source|endpoint)\s*=[^\n]{1,200}?\b(?:password|pwd)\s*=\s*([^;\s\"']{3,})",
        ignore_case=True,
        look=r"(?:password|pwd)\s*=",
    ),
)

compiled = tuple((one, re.compile(one.expression, re.IGNORECASE if one.ignore_case else 0)) for one in FORMATS)
