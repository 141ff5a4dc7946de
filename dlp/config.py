"""The settings of the proxy, `dlp.yaml`, read once and strictly; paths in it are relative to its own folder."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlp.core.errors import ConfigError
from dlp.strict_yaml import (
    Map,
    Node,
    Scalar,
    Sequence,
    YamlError,
    expect_choice,
    expect_integer,
    expect_list,
    expect_map,
    expect_text,
    expect_texts,
    fail,
    kind,
    load,
    plain,
)

BUNDLED = ("dlp_presidio", "dlp_secrets", "dlp_tokens")
"""The plugins that are used where the settings name none."""

_KEYS = (
    "state",
    "listen",
    "policy",
    "plugins",
    "hosts",
    "upstream_ca",
    "ner",
    "limits",
    "durability",
    "workers",
    "pool",
    "bind_session",
    "mcp",
    "stand_in_domain",
)
_SIZES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([A-Za-z]+)")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_DOMAIN = re.compile(r"[a-z0-9.-]{1,200}\.[a-z]{2,63}")
SERVER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What an MCP server may be called, as policies name it."""
_SERVER_URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
_LARGEST_PORT = 65_535
_MOST_PROCESSES = 64


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, or where a name is; port 0 is any free one to listen on, and the wanted one of a name."""

    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one message: `body` and `header` in bytes (as sent and as decoded), the others in seconds.

    `memory` is what a worker that classifies may take beyond what it has loaded, in bytes.
    """

    body: int = 10_000_000
    header: int = 65_536
    classify: float = 20.0
    hold: float = 20.0
    connect: float = 10.0
    idle: float = 600.0
    memory: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin to use, by the name of its entry point, with its own settings."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)  # may hold a password


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server: a command that is started for each session, or the URL of one that runs elsewhere.

    `name` is what policies call it: `mcp://NAME/…`. `env` is added to the proxy's own environment for the command,
    `headers` to every request to the URL.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a password
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # the same


@dataclass(frozen=True, slots=True)
class Settings:
    """What `dlp.yaml` says. `ner` is `auto`, `on` or `off`; `durability` is `process` or `power`.

    `hosts` are names that the proxy resolves itself. `bind_session`, where it is not "", is the one session whose
    listener this is: no credentials are asked for. `pool` is the number of classifier processes. `mcp` is where the
    gateway to `servers` listens, None where nobody asked for one. `stand_in_domain` is where tokens are addresses at
    that have to look like one.
    """

    path: Path
    policy: Path
    state: Path
    http: Address = Address("127.0.0.1", 8080)
    plugins: tuple[Plugin, ...] = tuple(Plugin(name) for name in BUNDLED)
    hosts: Mapping[str, Address] = field(default_factory=dict)
    upstream_ca: tuple[Path, ...] = ()
    ner: str = "auto"
    limits: Limits = Limits()
    durability: str = "process"
    workers: int = 1
    pool: int = 1
    bind_session: str = ""
    mcp: Address | None = None
    servers: Mapping[str, McpServer] = field(default_factory=dict)
    stand_in_domain: str = "stand-in.example.com"  # reserved (RFC 2606): nobody gets what is sent there


def load_settings(path: Path, *, read: Callable[[Path], bytes] = Path.read_bytes) -> Settings:
    """Return the settings in `path`.

    Raises:
        ConfigError: the file is missing or something in it is unknown; the text begins with the place.

    """
    try:
        return _settings(path, load(read(path), str(path)))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{path}:1:1: settings: cannot be read: {reason}; `dlp init` writes a first one") from None
    except YamlError as error:
        raise ConfigError(str(error)) from None


def _settings(path: Path, root: Node) -> Settings:
    keys = expect_map(root, "settings", _KEYS, need=("policy",))
    here = path.parent
    given: dict[str, object] = {}
    readers: Mapping[str, tuple[str, Callable[[Node], object]]] = {
        "mcp": ("servers", lambda node: _mcp(node, here)),
        "plugins": ("plugins", _plugins),
        "hosts": ("hosts", _hosts),
        "limits": ("limits", _limits),
        "upstream_ca": ("upstream_ca", lambda node: tuple(here / name for name in expect_texts(node, "upstream_ca"))),
        "ner": ("ner", lambda node: expect_choice(node, "ner", ("auto", "on", "off"))),
        "durability": ("durability", lambda node: expect_choice(node, "durability", ("process", "power"))),
        "workers": ("workers", lambda node: _count(node, "workers", 1)),
        "pool": ("pool", lambda node: _count(node, "pool", _MOST_PROCESSES)),
        "bind_session": ("bind_session", lambda node: expect_text(node, "bind_session")),
        "stand_in_domain": ("stand_in_domain", _domain),
    }
    for key, (name, reader) in readers.items():
        if key in keys:
            given[name] = reader(keys[key])
    if "listen" in keys:
        given["http"], given["mcp"] = _listen(keys["listen"])
    return Settings(
        path=path,
        policy=here / expect_text(keys["policy"], "policy"),
        state=here / (expect_text(keys["state"], "state") if "state" in keys else "state"),
        **given,  # type: ignore[arg-type]  # each reader returns what its field holds
    )


def _domain(node: Node) -> str:
    name = expect_text(node, "stand_in_domain")
    if not (_HOST.fullmatch(name) and _DOMAIN.fullmatch(name)):
        fail(node, "stand_in_domain: expected a domain of your own in small letters, such as stand-in.acme.example")
    return name


def _count(node: Node, what: str, most: int) -> int:
    number = expect_integer(node, what)
    if not 1 <= number <= most:
        fail(node, f"{what}: expected {'1' if most == 1 else f'1 to {most}'}, got {number}")
    return number


def _listen(node: Node) -> tuple[Address, Address | None]:
    keys = expect_map(node, "listen", ("http", "mcp"), need=("http",))
    addresses = {}
    for name, given in keys.items():
        what = f"listen: {name}"
        addresses[name] = _address(given, what)
        if ":" not in expect_text(given, what).rpartition("]")[2]:
            fail(given, f'{what}: expected an address with a port, such as "127.0.0.1:8080"; port 0: any free')
    return addresses["http"], addresses.get("mcp")


def _mcp(node: Node, here: Path) -> dict[str, McpServer]:
    keys = expect_map(node, "mcp", ("servers",), need=("servers",))
    servers: dict[str, McpServer] = {}
    expect_map(keys["servers"], "mcp: servers")
    for entry in keys["servers"].entries if isinstance(keys["servers"], Map) else ():
        what = f"mcp: servers: {entry.key}"
        if not SERVER_NAME.fullmatch(entry.key):
            fail(entry, "mcp: servers: expected a name of small letters, digits, _ and -, such as slack")
        given = expect_map(entry.node, what, ("command", "url", "cwd", "env", "headers"))
        if ("command" in given) == ("url" in given):
            fail(entry, f"{what}: expected either command: [PROGRAM, ARGUMENT, …] or url: https://…")
        url = expect_text(given["url"], f"{what}: url") if "url" in given else ""
        if url and not _SERVER_URL.fullmatch(url):
            fail(given["url"], f"{what}: url: expected http:// or https:// with a host, no credentials and no query")
        for key, other in (("env", "command"), ("cwd", "command"), ("headers", "url")):
            if key in given and other not in given:
                fail(given[key], f"{what}: {key}: only a server with {other}: has that")
        servers[entry.key] = McpServer(
            entry.key,
            command=expect_texts(given["command"], f"{what}: command") if "command" in given else (),
            url=url,
            cwd=here / expect_text(given["cwd"], f"{what}: cwd") if "cwd" in given else None,
            env=_texts(given["env"], f"{what}: env", empty=True) if "env" in given else {},
            headers=_texts(given["headers"], f"{what}: headers") if "headers" in given else {},
        )
    return servers


def _texts(node: Node, what: str, *, empty: bool = False) -> dict[str, str]:
    """Return texts by name; a variable that is set to nothing is not one that is missing, so those may be `empty`."""
    return {name: expect_text(value, f"{what}: {name}", empty=empty) for name, value in expect_map(node, what).items()}


def _address(node: Node, what: str) -> Address:
    text = expect_text(node, what)
    match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+|localhost))(?::(?P<port>[0-9]{1,5}))?", text)
    host = (match["six"] or match["four"]) if match else ""
    try:
        if host != "localhost":
            ipaddress.ip_address(host)
    except ValueError:
        fail(node, f"{what}: expected an address such as 127.0.0.1:8080 or [::1]:8080, got a text that is none")
    port = int(match["port"] or 0) if match else 0
    if port > _LARGEST_PORT:
        fail(node, f"{what}: expected a port of at most {_LARGEST_PORT}, got {port}")
    return Address("127.0.0.1" if host == "localhost" else host, port)


def _hosts(node: Node) -> dict[str, Address]:
    hosts: dict[str, Address] = {}
    expect_map(node, "hosts")
    for entry in node.entries if isinstance(node, Map) else ():
        if not _HOST.fullmatch(entry.key):
            fail(entry, "hosts: expected a host name in small letters, such as api.workday.test")
        hosts[entry.key] = _address(entry.node, f"hosts: {entry.key}")
    return hosts


def _plugins(node: Node) -> tuple[Plugin, ...]:
    items = expect_list(node, "plugins") if isinstance(node, Sequence) else (node,)
    plugins: dict[str, Plugin] = {}
    for item in items:
        if isinstance(item, Map):
            named = [(entry.key, entry.node) for entry in item.entries]
        else:
            named = [(expect_text(item, "plugins"), Map(item.mark, ()))]
        for name, settings in named:
            if name in plugins:
                fail(item, f"plugins: {name} is named twice")
            bare = isinstance(settings, Scalar) and settings.value is None
            if not bare and not isinstance(settings, Map):
                fail(settings, f"plugins: {name}: expected a mapping of its settings, got {kind(settings)}")
            plugins[name] = Plugin(name, {} if bare else expect_plain(settings))
    return tuple(plugins.values())


def expect_plain(node: Node) -> dict[str, object]:
    """Return a mapping as plain dicts, lists and scalars: its reader is somebody else's code."""
    return {key: plain(value) for key, value in expect_map(node, "settings").items()}


_IN_BYTES = ("body", "header", "memory")


def _limits(node: Node) -> Limits:
    keys = expect_map(node, "limits", ("body", "header", "classify", "hold", "connect", "idle", "memory"))
    given: dict[str, float] = {}
    for key, value in keys.items():
        what = f"limits: {key}"
        given[key] = parse_size(value, what) if key in _IN_BYTES else parse_duration(value, what)
    return Limits(**given)  # type: ignore[arg-type]  # sizes are whole


def parse_size(node: Node, what: str) -> int:
    """Return a size such as `10MB` (10,000,000) or `64KiB` (65,536) in bytes."""
    return round(_amount(node, what, _SIZES, "10MB"))


def parse_duration(node: Node, what: str) -> float:
    """Return a duration such as `20s` in seconds."""
    return _amount(node, what, _DURATIONS, "20s")


def _amount(node: Node, what: str, units: Mapping[str, float], example: str) -> float:
    text = node.value if isinstance(node, Scalar) else None
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        known = ", ".join(units)
        got = kind(node) if match is None else f"the unit {match[2]}"
        fail(node, f"{what}: expected a number with a unit, such as {example}, got {got}; known units: {known}")
    amount = float(match[1]) * units[match[2]]
    if not amount:
        fail(node, f"{what}: expected more than nothing; a limit cannot be switched off")
    return amount
