"""Every place, format and container: what may not pass is stopped, what may arrives true, the rest is left alone.

Judged only by what the sink received: the server behind the proxy, or, of what comes in, the sandbox.
"""

import pytest

from dlp.engine.sessions import SessionInfo

from .conftest import Rig
from .table import (
    BOMBS,
    CARRIERS,
    MAIL,
    OTHER_MAIL,
    PLAIN,
    UNREADABLE,
    Carrier,
    Sent,
)

_CODINGS = ("gzip", "gzip, gzip", "br", "zstd", "compress")


def row(carrier: Carrier) -> str:
    return carrier.name


def rows(case: str, *, inbound: bool = False) -> list[Carrier]:
    return [one for one in CARRIERS if case in one.only and (one.has_body or not inbound)]


def got(rig: Rig) -> Sent:
    """Return the one request that reached the server."""
    (sent,) = rig.received
    return sent


def shown(sent: Sent) -> Sent:
    """Return what is sent with the names of its headers as they arrive, those given twice joined."""
    headers: dict[str, str] = {}
    for name, value in sent.headers:
        if name.lower() != "content-type":
            headers[name] = f"{headers[name]}|{value}" if name in headers else value
    return Sent(sent.target, tuple(headers.items()), sent.body, sent.kind, sent.method, sent.host)


@pytest.mark.parametrize("carrier", rows("stopped"), ids=row)
def test_a_value_does_not_reach_a_sink_that_may_not_have_it(rig: Rig, carrier: Carrier):
    status, _, _ = rig.ask(rig.wall.open(), "a.shut.test", carrier.make(carrier.value))
    assert status == 403
    assert rig.received == []


@pytest.mark.parametrize("carrier", rows("permitted"), ids=row)
def test_a_permitted_value_arrives_true(rig: Rig, session: SessionInfo, carrier: Carrier):
    rig.answer = Sent()
    text = carrier.value if carrier.kept else OTHER_MAIL
    status, _, told = rig.ask(session, "a.open.test", carrier.make(text))
    assert status == 200, told
    sent = shown(carrier.make(carrier.value if carrier.kept else MAIL))
    assert carrier.reads(got(rig)) == carrier.reads(sent)


@pytest.mark.parametrize("carrier", rows("harmless"), ids=row)
def test_harmless_content_passes_byte_for_byte(rig: Rig, carrier: Carrier):
    rig.answer = Sent()
    sent = carrier.make(carrier.harmless)
    status, _, told = rig.ask(rig.wall.open(), "a.shut.test", sent)
    assert status == 200, told
    arrived, sent = got(rig), shown(sent)
    assert (arrived.target, arrived.headers, arrived.body, arrived.method) == (
        *(sent.target, sent.headers, sent.body),
        sent.method,
    )


@pytest.mark.parametrize("carrier", rows("stopped", inbound=True), ids=row)
def test_a_value_enters_as_a_token_or_not_at_all(rig: Rig, session: SessionInfo, carrier: Carrier):
    rig.answer = carrier.make(carrier.value if carrier.kept else MAIL)
    status, headers, body = rig.ask(session, "source.test", Sent(method="GET"))
    assert len(rig.received) == 1
    if carrier.kept or status == 403:
        assert (status, carrier.value.encode() in body) == (403, False)
        assert carrier.kept
    else:
        arrived = Sent("/in", tuple((name, headers[name]) for name, _ in rig.answer.headers), body)
        assert carrier.reads(arrived) == carrier.reads(carrier.make(OTHER_MAIL))


@pytest.mark.parametrize("carrier", rows("permitted", inbound=True), ids=row)
def test_a_value_that_may_enter_comes_as_it_was_sent(rig: Rig, carrier: Carrier):
    rig.answer = carrier.make(carrier.value if carrier.kept else MAIL)
    status, _, body = rig.ask(rig.wall.open(), "clear.test", Sent(method="GET"))
    assert (status, body) == (200, rig.answer.body)


@pytest.mark.parametrize("carrier", rows("harmless", inbound=True), ids=row)
def test_a_harmless_answer_comes_byte_for_byte(rig: Rig, carrier: Carrier):
    rig.answer = carrier.make(PLAIN)
    status, _, body = rig.ask(rig.wall.open(), "source.test", Sent(method="GET"))
    assert (status, body) == (200, rig.answer.body)


def labelled(kind: str, body: bytes) -> Sent:
    """Return a body with a type or, where that is named, a content coding."""
    if kind in _CODINGS:
        return Sent(headers=(("content-encoding", kind),), body=body, kind="application/json")
    return Sent(body=body, kind=kind)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_nobody_can_read_neither_leaves_nor_enters(rig: Rig, name: str):
    sent, rig.answer = labelled(*UNREADABLE[name]), Sent()
    status, _, _ = rig.ask(rig.wall.open(), "a.shut.test", sent)
    assert (status, rig.received) == (403, [])
    rig.answer = sent
    status, _, body = rig.ask(rig.wall.open(), "source.test", Sent(method="GET"))
    assert status == 403
    assert sent.body not in body


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_reaches_nobody(rig: Rig, name: str):
    rig.answer = Sent()
    kind, make = BOMBS[name]
    status, _, _ = rig.ask(rig.wall.open(), "a.shut.test", labelled(kind, make()))
    assert (status in (403, 413), rig.received) == (True, [])


def test_there_are_enough_of_them():
    outbound = sum(len(rows(case)) for case in ("stopped", "permitted", "harmless"))
    inbound = sum(len(rows(case, inbound=True)) for case in ("stopped", "permitted", "harmless"))
    assert outbound >= 250
    assert inbound >= 150
