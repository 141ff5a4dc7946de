"""What one would write first on top of mitmproxy: refuse in the `request` hook, edit text, read `content`.

Run inside a stock `mitmdump`, it shows that each trap is one: the trap's test then finds what it must not find.
"""

import json
import os
from pathlib import Path
from typing import Any

from mitmproxy import http

_SETTINGS: dict[str, Any] = json.loads(os.environ["NAIVE"])
_MODE = _SETTINGS["mode"]


def server_connect(data: Any) -> None:
    """Do what `hosts:` does."""
    mapped = _SETTINGS["hosts"].get(data.server.address[0])
    if mapped:
        data.server.address = tuple(mapped)


def request(flow: http.HTTPFlow) -> None:
    """Judge a request, naively."""
    with Path(_SETTINGS["seen"]).open("a", encoding="utf-8") as seen:
        seen.write(f"{flow.metadata.get('proxyauth')}\n")
    if _MODE == "raise":
        msg = "a bug in a hook"
        raise RuntimeError(msg)
    if _MODE == "refuse":
        flow.response = http.Response.make(403, b"refused")
    if _MODE == "edit":
        flow.request.text = (flow.request.text or "").replace("alice", "[PERSON_1]")


def response(flow: http.HTTPFlow) -> None:
    """Judge a response, naively."""
    if flow.response is not None and _MODE == "read":
        _ = flow.response.content
