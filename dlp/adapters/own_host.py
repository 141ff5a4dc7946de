"""What the proxy itself serves to a sandbox, over its own listener: the state of its approvals and of its session."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import orjson

from dlp.adapters import refusal
from dlp.core.outcome import Refuse
from dlp.core.ports import Clock
from dlp.engine.approvals import Answer
from dlp.engine.pipeline import Engine
from dlp.engine.work import Call

LONGEST_WAIT = 30.0
"""Seconds that one poll may wait."""

_APPROVAL = re.compile(r"/approvals/([A-Za-z0-9_-]{1,64})")
POLL_SECONDS = 0.1
"""How often the store is asked for an answer."""


async def until_answered(engine: Engine, clock: Clock, approval: str, until: float, every: float) -> None:
    """Return once an approval is answered, or once the clock shows `until`; looks every so many seconds."""
    while clock() < until:
        asked = engine.approvals.status(approval)
        if asked is None or asked.answer is not Answer.PENDING:
            return
        await asyncio.sleep(min(every, max(until - clock(), 0.001)))


async def serve(engine: Engine, clock: Clock, call: Call, method: str, target: str) -> tuple[int, bytes]:
    """Return status and JSON for a request to the proxy's own host, from an authenticated session.

    A session sees its own approvals only; what is another's does not exist for it.
    """
    url = urlsplit(target)
    if method == "GET" and url.path == "/session":
        return 200, orjson.dumps({"session": call.session.id, "agent": call.session.agent})
    found = _APPROVAL.fullmatch(url.path)
    approval = engine.approvals.status(found[1]) if method == "GET" and found is not None else None
    if approval is not None and approval.session == call.session.id:
        await until_answered(engine, clock, approval.id, clock() + _seconds(url.query), POLL_SECONDS)
        approval = engine.approvals.status(approval.id) or approval
        answer = approval.answer
        return 200, orjson.dumps({"id": approval.id, "status": answer, "retry": answer is Answer.APPROVED})
    refuse = Refuse(
        "missing",
        "There is nothing here",
        "The proxy serves GET /session and GET /approvals/ID, and to a session only its own.",
        "",
        call.trace,
    )
    return refusal.status(refuse), refusal.problem_bytes(refuse)


def _seconds(query: str) -> float:
    text = parse_qs(query).get("wait", ["0"])[-1]
    return min(float(text), LONGEST_WAIT) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) else 0.0
