"""Patterns of addresses (`POST https://*.slack.test/api/**`) and of fields (`$.employees[*].salary`), compiled."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from dlp.core.message import MCP_METHODS, Endpoint
from dlp.core.policy import address, canonical_host, decoded_path, host_matches

_PORTS = {"http": 80, "https": 443, "mcp": 0}
_URL = re.compile(
    r"(?:(?P<method>[A-Z][A-Z_-]*|[a-z]+(?:/[A-Za-z_]+)*) +)?(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:?#\[\]@\s]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#\s]*)?"
)
_LABEL = re.compile(r"\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_EXAMPLE = "as in `POST https://*.slack.test/api/**`"
_SERVER = re.compile(r"\*|[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """One `at:`. `operation` is "" for any; `path` covers decoded paths, `loose` those that `folded` gives.

    `steps` are those of the path that are spelt out.
    """

    operation: str
    scheme: str
    host: str
    port: int
    path: re.Pattern[str]
    loose: re.Pattern[str]
    steps: frozenset[str]

    def covers(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint is definitely meant: by the path as it stands and by the one servers make of it."""
        path = endpoint.path
        return self._covers_address(endpoint) and self._covers_path(path) and self._covers_path(normalised(path))

    def may_cover(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint is meant by at least one reading of its path, be it without case or an ending."""
        path = endpoint.path
        return self._covers_address(endpoint) and (
            self._covers_path(path)
            or self._covers_path(plain := normalised(path))
            or self.loose.fullmatch(folded(path)) is not None
            or self.loose.fullmatch(again := folded(plain)) is not None
            or self.loose.fullmatch(_without_ending(again)) is not None
        )

    def _covers_address(self, endpoint: Endpoint) -> bool:
        scheme, host, port = address(endpoint.upstream)
        return (
            scheme == self.scheme
            and port == self.port
            and (not self.operation or endpoint.operation == self.operation)
            and host_matches(self.host, host)
        )

    def _covers_path(self, path: str) -> bool:
        return self.path.fullmatch(path) is not None


def parse_url(text: str) -> UrlPattern:
    """Return the pattern that `[METHOD ]scheme://host[:port]/path` writes; without a path, any.

    Raises:
        ValueError: it is not of that form, or could never match.

    """
    match = _URL.fullmatch(text)
    if match is None or (match["scheme"] != "mcp" and not (match["method"] or "A").isupper()):
        hint = "; a query cannot be matched: declare a fact at query/NAME" if "?" in text else ""
        raise ValueError(f"expected [METHOD ]scheme://host[:port]/path, {_EXAMPLE}, got {text}{hint}")
    scheme = match["scheme"]
    if scheme not in _PORTS:
        raise ValueError(f"unknown scheme {scheme}; known: {', '.join(sorted(_PORTS))}")
    method, path = match["method"] or "", match["path"] or "/**"
    steps = frozenset(step for step in decoded_path(path).split("/") if step and "*" not in step)
    if scheme == "mcp":
        return UrlPattern(_mcp_method(method), scheme, _server(match["host"], match["port"]), 0, *_path(path), steps)
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    if not 0 < port < 65536:  # noqa: PLR2004 (the largest port and one)
        raise ValueError(f"expected a port from 1 to 65535, got {port}")
    return UrlPattern(method, scheme, _host(match["host"]), port, *_path(path), steps)


def _mcp_method(method: str) -> str:
    if method and method not in MCP_METHODS:
        raise ValueError(f"expected no method or one of MCP, such as tools/call, got {method}")
    return method


def _server(text: str, port: str | None) -> str:
    if port is not None or not _SERVER.fullmatch(text):
        raise ValueError(f"expected mcp://SERVER/… with the name of a server under mcp: servers:, got {text}")
    return text


def _host(text: str) -> str:
    host = canonical_host(text)
    if text.startswith("["):
        return host
    labels = host.split(".")
    if labels[0] == "**":
        labels = labels[1:]
    wrong = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if wrong is not None:
        message = f"expected host labels of letters, digits and -, `*` for one, `**` first for any, got {text}"
        raise ValueError(message)
    return host


def _path(text: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"expected a path in UTF-8, got {text}") from None
    decoded = decoded_path(text)
    steps = decoded.split("/")[1:]
    if "**" in "".join(steps[:-1]) or ("**" in steps[-1] and steps[-1] != "**"):
        raise ValueError(f"expected `**` only as the last step of a path, got {text}")
    if normalised(decoded) != decoded or decoded.count("/") != text.count("/"):
        raise ValueError(f"expected a path without . or .. steps, //, ;, \\ and encoded signs, got {text}")
    loose = folded(decoded) if "*" in steps[-1] else _without_ending(folded(decoded))
    return _compiled(steps), _compiled(loose.split("/")[1:])


def _compiled(steps: list[str]) -> re.Pattern[str]:
    rest = steps[-1] == "**"
    written = "".join("/" + "[^/]*".join(map(re.escape, step.split("*"))) for step in (steps[:-1] if rest else steps))
    # `*` is one step, and a step is not empty; `x/**` is x and all that is in it.
    written = written.replace("/[^/]*", "/(?=[^/])[^/]*")
    return re.compile(written + ("(?:/.*)?" if rest else ""), re.DOTALL)


def folded(path: str) -> str:
    """Return a decoded path without what many servers make no difference of: case, and slashes at its end."""
    if not path.isascii():
        path = unicodedata.normalize("NFKC", path)
    return path.casefold().rstrip("/") or "/"


_FORMATS = frozenset(
    "atom csv htm html ics js json jsonl jsonp md msgpack ndjson pdf rss tsv txt vcf xls xlsx xml yaml yml zip".split()  # noqa: SIM905
)
_CUT_OFF = re.compile(r"[?#\0]")


def _without_ending(path: str) -> str:
    """Return a folded path without what some servers take off its end: a format (`.json`), spaces, dots, a NUL."""
    path = _CUT_OFF.split(path, 1)[0].rstrip("/. \t\r\n")
    stem, _, ending = path.rpartition(".")
    return (stem if ending in _FORMATS and not stem.endswith("/") else path) or "/"


_ODD = re.compile(r"[%;\\]|//|/\.\.?(?:/|$)")


def normalised(path: str) -> str:
    r"""Return a decoded path the way a careless server may read it.

    Decoded once more, `\` as `/`, without parameters (`;x`), empty and dot steps (RFC 3986, section 5.2.4).
    """
    if not _ODD.search(path):
        return path
    steps: list[str] = []
    given = unquote(unquote(path)).replace("\\", "/").split("/")
    for step in given:
        bare = step.partition(";")[0]
        if bare == "..":
            del steps[-1:]
        elif bare not in ("", "."):
            steps.append(bare)
    closing = "/" if steps and given[-1].partition(";")[0] in ("", ".", "..") else ""
    return "/" + "/".join(steps) + closing


def hosts_meet(a: str, b: str) -> bool:
    """Tell whether some host is covered by both patterns."""
    left, right = a.split(".")[::-1], b.split(".")[::-1]
    for i in range(max(len(left), len(right))):
        x = left[i] if i < len(left) else None
        y = right[i] if i < len(right) else None
        if "**" in (x, y):
            return x is not None and y is not None
        if x is None or y is None or (x != y and "*" not in (x, y)):
            return False
    return True


_STEP = re.compile(
    r"""\.\.(?P<below>[^\s.\[\]$'"]+)|\.\.\[(?P<below_quote>['"])(?P<below_quoted>[^'"]+)(?P=below_quote)\]"""
    r"""|\.(?P<name>[^\s.\[\]$'"]+)|\[(?P<index>\*|0|[1-9][0-9]*)\]"""
    r"""|\[(?P<quote>['"])(?P<quoted>[^'"]+)(?P=quote)\]"""
)


def parse_field(text: str) -> Callable[[str], bool]:
    """Return what tells whether a part's path (a JSON Pointer) is at, or inside, what a JSONPath selects.

    The subset of RFC 9535: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*`, `..name`. What is inside a selected object or
    list belongs to it.

    Raises:
        ValueError: it is not of that form.

    """
    written = ""
    for match in _steps(text):
        below = match["below"] or match["below_quoted"]
        step = below or match["name"] or match["quoted"] or match["index"]
        quoted = match["quoted"] or match["below_quoted"]
        if step == "*" and not quoted:
            step_written = "/[^/]*"
        else:
            step_written = "/" + re.escape(step.replace("~", "~0").replace("/", "~1"))
        written += ("(?:/[^/]*)*?" if below else "") + step_written
    pattern = re.compile(f"{written}(?:/.*)?", re.DOTALL)
    # Only a path into the body begins with a slash; `$` alone is all of the body, a lone text ("") included.
    return lambda path: path[:1] in ("", "/") and pattern.fullmatch(path) is not None


def names_in(text: str) -> Iterator[str]:
    """Give the object keys that a path as `parse_field` takes it spells out."""
    for match in _steps(text):
        quoted = match["quoted"] or match["below_quoted"]
        name = quoted or match["below"] or match["name"]
        if name and (quoted or name != "*"):
            yield name


def _steps(text: str) -> Iterator[re.Match[str]]:
    if not text.startswith("$"):
        raise ValueError(f"expected a path such as $.employees[*].salary, got {text}")
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"expected .name, ['name'], [0], [*], .* or ..name at character {at + 1} of {text}")
        yield match
        at = match.end()
