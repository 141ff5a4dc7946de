"""What plugin authors test with: the checks of loading, and messages and findings in one line each."""

import functools
import json
from collections.abc import Mapping, Sequence
from types import ModuleType

from dlp.core.errors import PluginError
from dlp.core.finding import Finding
from dlp.core.message import Block, Direction, Endpoint, Kind, Message, Part
from dlp.engine.scan import Scanner
from dlp.hooks.host import Host, host_of

ENDPOINT = Endpoint("http", "https://api.example:443", "POST")

type Json = Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None


def check_plugin(plugin: ModuleType, settings: Mapping[str, object] | None = None) -> Host:
    """Return a host with just this module in it, after every check that loading an installed plugin makes.

    Beyond those, each pattern is tried: one that may match anywhere is an error, since its plugin would be asked about
    every part of every message.

    Raises:
        PluginError: the plugin would be refused, or one of its patterns may match anywhere and is not marked `slow`.
        ConfigError: the plugin does not accept these settings.

    """
    name = plugin.__name__.partition(".")[0]
    host = host_of(name, plugin, settings or {})
    for pattern in host.patterns()[name]:
        if not pattern.slow and pattern.alone is not None and Scanner({name: [pattern]}).always:
            raise PluginError(
                f"plugin {name}: pattern {pattern.name}: it may match anywhere, so every message would be classified; "
                f"leave out anchors (^ $ \\A \\Z) and make it match at least one character"
            )
    return host


def message_of(body: Json, *, direction: Direction = Direction.OUTBOUND, endpoint: Endpoint = ENDPOINT) -> Message:
    """Return the message that a JSON body becomes: keys and leaves as parts, each leaf under the name of its key."""
    parts = tuple(_parts(body, "", ""))
    return Message(direction, endpoint, (Block(lambda: parts, surface=json.dumps(body, ensure_ascii=False).encode()),))


def findings_of(plugin: ModuleType | Host, body: Json) -> list[Finding]:
    """Return what a plugin finds in a text or another JSON body, by way of the scan, as the proxy would ask it."""
    host = plugin if isinstance(plugin, Host) else check_plugin(plugin)
    message = message_of(body)
    return host.classify(message, _scanner(host).hits(message.parts))


def found_texts(plugin: ModuleType | Host, body: Json) -> list[tuple[str, str]]:
    """Return the findings as (class, text), in the order of the body: what a test mostly wants to compare."""
    parts = message_of(body).parts
    found = sorted(findings_of(plugin, body), key=lambda finding: (finding.part, finding.start, finding.end))
    return [(str(one.data_class), parts[one.part].text[one.start : one.end]) for one in found]


@functools.lru_cache(maxsize=8)
def _scanner(host: Host) -> Scanner:
    return Scanner(host.patterns())


def _parts(value: Json, path: str, name: str) -> list[Part]:
    if isinstance(value, Mapping):
        parts = []
        for key, member in value.items():
            step = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            parts += [Part(step, key, Kind.KEY, name), *_parts(member, step, key)]
        return parts
    if isinstance(value, str):
        return [Part(path, value, name=name)]
    if isinstance(value, Sequence):
        return [part for index, member in enumerate(value) for part in _parts(member, f"{path}/{index}", name)]
    if value is None or isinstance(value, bool):
        return []
    return [Part(path, json.dumps(value), Kind.NUMBER, name)]
