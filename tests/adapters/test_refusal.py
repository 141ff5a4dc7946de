import json
from typing import Any

import pytest

from dlp.adapters import refusal
from dlp.core.message import Direction
from dlp.core.outcome import Refuse


def refuse(kind: str, direction: Direction = Direction.OUTBOUND, **more: object) -> Refuse:
    return Refuse(kind, "Title", "Detail.", "ev1", "t" * 32, direction=direction, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("flow", 403), ("identity", 407), ("limit", 413), ("protocol", 400), ("upstream", 502), ("unheard-of", 403)],
)
def test_the_status_follows_the_kind(kind: Any, status: int):
    assert refusal.status(refuse(kind)) == status


@pytest.mark.parametrize("kind", ["limit", "protocol"])
def test_a_refused_response_is_a_403_whatever_is_wrong_with_it(kind: Any):
    assert refusal.status(refuse(kind, Direction.INBOUND)) == 403


def test_the_document_holds_what_is_known_and_leaves_the_rest_out():
    document = json.loads(refusal.problem_bytes(refuse("flow", rule="r", says="Why.", missing=("a review",))))
    assert document == {
        "type": "urn:dlp:refusal:flow",
        "title": "Title",
        "status": 403,
        "detail": "Detail.",
        "rule": "r",
        "says": "Why.",
        "missing": ["a review"],
        "decision": "ev1",
        "trace": "t" * 32,
        "direction": "outbound",
        "retryable": False,
    }


def test_a_pending_approval_comes_with_the_address_to_wait_at():
    document = refusal.problem(refuse("approval", approval="a1", retryable=True))
    assert document["approval"] == {"id": "a1", "status_url": "http://proxy.dlp/approvals/a1"}
    assert document["retryable"] is True


def test_only_a_407_asks_for_credentials():
    assert b"proxy-authenticate" in dict(refusal.headers(refuse("identity"), 1))
    assert b"proxy-authenticate" not in dict(refusal.headers(refuse("flow"), 1))
    assert dict(refusal.headers(refuse("flow"), 7))[b"cache-control"] == b"no-store"
