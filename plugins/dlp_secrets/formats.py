"""What secrets look like: facts about issuers' formats, and the checks that some formats allow."""

import base64
import binascii
import hashlib
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
    head: str = ""  # what it begins with, where its length or its check leaves no doubt about pieces put together


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
    return Confidence.HIGH if base62_crc(body[:-_CHECKED]) == body[-_CHECKED:] else Confidence.MEDIUM


def base62_crc(text: str) -> str:
    """Return the CRC-32 of `text` in base 62, six characters."""
    number, digits = zlib.crc32(text.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(_CHECKED, "0")


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def is_base58_checked(text: str) -> Confidence | None:
    """Say whether the last four bytes are the doubled SHA-256 of the rest (Base58Check, as Bitcoin writes keys)."""
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    check = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4]
    return Confidence.HIGH if check == raw[-4:] else None


_END = r"(?![A-Za-z0-9])"

FORMATS = (
    Format("aws-key-id", API_KEY, rf"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}{_END}", head="A(?:KI|SI|BI|CC)A"),
    Format(
        "aws-secret",
        API_KEY,
        r"(?:aws|amazon|secret.?access.?key)[^\n]{0,40}?[\"'=:\s>]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        _random(4.0),
        ignore_case=True,
        look=r"aws|amazon|secret.?access.?key",
    ),
    Format("github", API_KEY, rf"\bgh[pousr]_[A-Za-z0-9]{{36,251}}{_END}", has_crc, head="gh[pousr]_"),
    Format("github-fine", API_KEY, rf"\bgithub_pat_[A-Za-z0-9]{{22}}_[A-Za-z0-9]{{59}}{_END}", head="github_pat_"),
    Format("gitlab", API_KEY, r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_\-.]{20,}"),
    Format("slack", TOKEN, r"\bxox[abeoprs]-(?:[0-9]-)?[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}"),
    Format("slack-webhook", API_KEY, r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"),
    Format("stripe", API_KEY, rf"\b[sr]k_(?:live|test|prod)_[A-Za-z0-9]{{10,247}}{_END}"),
    Format("stripe-webhook", API_KEY, rf"\bwhsec_[A-Za-z0-9+/=]{{24,}}{_END}"),
    Format("openai", API_KEY, rf"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{{20,}}{_END}", _random(3.3)),
    Format("anthropic", API_KEY, r"\bsk-ant-[A-Za-z0-9]{3,8}-[A-Za-z0-9_-]{20,}"),
    Format("google", API_KEY, r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", head="AIza"),
    Format("google-oauth", TOKEN, r"\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{28}"),
    Format("npm", API_KEY, rf"\bnpm_[A-Za-z0-9]{{36}}{_END}", has_crc, head="npm_"),
    Format("pypi", API_KEY, r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    Format("sendgrid", API_KEY, r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    Format("twilio", API_KEY, rf"\b(?:SK|AC)[0-9a-f]{{32}}{_END}"),
    Format("mailgun", API_KEY, rf"\bkey-[0-9a-f]{{32}}{_END}"),
    Format("huggingface", API_KEY, rf"\bhf_[A-Za-z]{{34}}{_END}", head="hf_"),
    Format("digitalocean", API_KEY, rf"\bdo[opr]_v1_[0-9a-f]{{64}}{_END}", head="do[opr]_v1_"),
    Format("shopify", API_KEY, rf"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}{_END}", head="shp(?:at|ca|pa|ss)_"),
    Format("vault", TOKEN, r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    Format("square", API_KEY, r"\b(?:EAAA|sq0(?:atp|csp)-)[A-Za-z0-9_-]{22,60}", _random(3.3)),
    Format("telegram", TOKEN, r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    Format("airtable", API_KEY, r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Format("alibaba", API_KEY, r"\bLTAI[A-Za-z0-9]{12,24}"),
    Format("atlassian", API_KEY, r"\b(?:ATATT3|ATCTT3|ATBB|ATOA)[A-Za-z0-9_=.-]{24,}"),
    Format(
        "azure-client", API_KEY, r"(?:[^\w~.-]|\b)([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~.-])"
    ),
    Format("brevo", API_KEY, r"\bxkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    Format("buildkite", API_KEY, r"\bbk(?:ua|aj|at)_[0-9a-f]{40}"),
    Format("circleci", API_KEY, r"\bCCI(?:PAT|PRJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}"),
    Format("crates", API_KEY, r"\bcio[A-Za-z0-9]{32}"),
    Format("databricks", API_KEY, r"\bdapi[0-9a-f]{32}(?:-[0-9])?"),
    Format("discord-bot", TOKEN, r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
    Format("discord-webhook", API_KEY, r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}"),
    Format("docker", API_KEY, r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,32}"),
    Format("doppler", API_KEY, r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    Format("dropbox", TOKEN, r"\bsl\.[A-Za-z0-9_=-]{60,}"),
    Format("dynatrace", API_KEY, r"\bdt0[cs]01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    Format("easypost", API_KEY, r"\bEZ[AT]K[A-Za-z0-9]{54}"),
    Format("figma", API_KEY, r"\bfigd_[A-Za-z0-9_-]{38,}"),
    Format("flyio", API_KEY, r"\b(?:fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{80,})"),
    Format("grafana", API_KEY, r"\bgl(?:sa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|c_[A-Za-z0-9+/=]{32,400})"),
    Format("groq", API_KEY, r"\bgsk_[A-Za-z0-9]{48,56}"),
    Format("heroku", API_KEY, r"\bHRKU-[A-Za-z0-9_-]{36,64}"),
    Format("jfrog", API_KEY, r"\bAKCp[A-Za-z0-9]{60,73}"),
    Format("langsmith", API_KEY, r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    Format("linear", API_KEY, r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    Format("mailchimp", API_KEY, r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    Format("newrelic", API_KEY, r"\bNR(?:AK|II|IQ|RA|BR)-[A-Za-z0-9_-]{20,42}"),
    Format("netlify", API_KEY, r"\bnf[pou]_[A-Za-z0-9]{36,40}"),
    Format("notion", API_KEY, r"\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})"),
    Format("nuget", API_KEY, r"\boy2[a-z0-9]{43}"),
    Format(
        "onepassword",
        API_KEY,
        r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    ),
    Format("paypal", TOKEN, r"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Format("perplexity", API_KEY, r"\bpplx-[A-Za-z0-9]{40,56}"),
    Format("planetscale", API_KEY, r"\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32,64}"),
    Format("postman", API_KEY, r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Format("pulumi", API_KEY, r"\bpul-[0-9a-f]{40}"),
    Format("replicate", API_KEY, r"\br8_[A-Za-z0-9]{37}"),
    Format("rubygems", API_KEY, r"\brubygems_[0-9a-f]{48}"),
    Format("sentry", API_KEY, r"\bsntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    Format("shippo", API_KEY, r"\bshippo_(?:live|test)_[0-9a-f]{40}"),
    Format("supabase", API_KEY, r"\bsb(?:p_[0-9a-f]{40}|_secret_[A-Za-z0-9_-]{20,})"),
    Format(
        "teams-webhook",
        API_KEY,
        r"\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}",
    ),
    Format("tencent", API_KEY, r"\bAKID[A-Za-z0-9]{32}"),
    Format("terraform", TOKEN, r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    Format("typeform", API_KEY, r"\btfp_[A-Za-z0-9_.=-]{59}"),
    Format("xai", API_KEY, r"\bxai-[A-Za-z0-9]{60,90}"),
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
    Format("bitcoin-key", PRIVATE_KEY, rf"\b[5KLc9][{_BASE58}]{{50,51}}{_END}", is_base58_checked),
    Format("bitcoin-extended-key", PRIVATE_KEY, rf"\b[xyztuv]prv[{_BASE58}]{{107}}{_END}", is_base58_checked),
    Format(
        "ethereum-key",
        PRIVATE_KEY,
        r"(?:priv(?:ate)?|signer|signing|wallet|deployer)[ _.-]?key\b[^\n]{0,40}?"
        rf"(?<![0-9a-f])((?:0x)?[0-9a-f]{{64}}){_END}",
        _random(3.0),
        ignore_case=True,
        look=r"(?:priv(?:ate)?|signer|signing|wallet|deployer)[ _.-]?key\b",
    ),
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
