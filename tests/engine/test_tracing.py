import base64

import pytest

from dlp.core.label import DERIVED, OPAQUE, RAW, TOKENISED, DataClass, Label, Level, Tracking
from dlp.core.message import Block, Kind, Part
from dlp.core.policy import ClassSpec, Policy, Route
from dlp.engine import tracing
from dlp.engine.keys import Seal
from dlp.engine.past import Past
from dlp.engine.vault import Origin
from dlp.stores.memory import MemoryStore

MAIL = "maria.gonzalez@acme.org"
NOISE = base64.b64encode(bytes(range(180, 220))).decode()
EMAIL = DataClass("pii.email")


@pytest.fixture
def past() -> Past:
    past = Past(MemoryStore(), "s1", Seal(b"k" * 32), lambda _: "EMAIL")
    past.refresh()
    return past


def block(text: str) -> Block:
    return Block(lambda: (Part("", text),), surface=text.encode())


def numbered(*texts: str) -> list[tuple[int, Part]]:
    return [(number, Part(f"/{number}", text)) for number, text in enumerate(texts)]


def test_a_plain_block_is_recognised_as_such(past: Past):
    assert tracing.plain(block('{"items": ["a", "b"], "total": 2}'), past, guarded=True)
    assert not tracing.plain(Block(lambda: (Part("", "x"),)), past, guarded=False)


@pytest.mark.parametrize("text", ["[EMAIL_1]", "[~EMAIL_1]", base64.b64encode(b"a sentence").decode(), "%41%42"])
def test_a_token_or_something_encoded_asks_for_a_closer_look(past: Past, text: str):
    assert not tracing.plain(block(f'{{"a": "{text}"}}'), past, guarded=False)


def test_noise_asks_for_a_closer_look_only_where_something_is_guarded(past: Past):
    assert tracing.plain(block(NOISE), past, guarded=False)
    assert not tracing.plain(block(NOISE), past, guarded=True)


def test_a_known_value_asks_for_a_closer_look(past: Past):
    assert tracing.plain(block(MAIL), past, guarded=False)
    past.vault.note(MAIL, [Label(EMAIL, RAW, "hr")], Origin("e1"))
    assert not tracing.plain(block(f"to {MAIL}"), past, guarded=False)


def test_tokens_and_values_are_sighted_with_their_labels(past: Past):
    past.vault.note(MAIL, [Label(EMAIL, TOKENISED, "hr")], Origin("e1", "/mail"))
    token = past.vault.tokenise(EMAIL, MAIL)
    parts = numbered(f"to {token}", f"to {MAIL}", base64.b64encode(MAIL.encode()).decode())
    seen = list(tracing.sightings(parts, tracing.encoded(parts), past))
    assert [(s.finding.part, s.finding.state, s.finding.by, s.finding.form) for s in seen] == [
        (0, TOKENISED, "token", "exact"),
        (1, RAW, "known value", "exact"),
        (2, RAW, "known value", "base64"),
    ]
    assert all(s.finding.source == "hr" and s.known is not None and s.known.origin.event == "e1" for s in seen)


def test_what_cannot_be_read_is_opaque_and_never_nothing(past: Past):
    part = Part("", "", Kind.OPAQUE, length=9, why="image")
    (seen,) = tracing.sightings([(0, part)], [], past)
    assert seen.finding.data_class == OPAQUE
    assert tracing.unreadable([(0, part)], [], past, "https://a.test:443")


def test_what_is_nested_too_deep_is_opaque(past: Past):
    run = MAIL.encode()
    for _ in range(7):
        run = base64.b64encode(run)
    parts = numbered(run.decode())
    assert OPAQUE in {seen.finding.data_class for seen in tracing.sightings(parts, tracing.encoded(parts), past)}


def test_what_an_upstream_issued_is_not_opaque_to_it(past: Past):
    parts = numbered(f"s={NOISE}")
    runs = tracing.encoded(parts)
    assert tracing.unreadable(parts, runs, past, "https://a.test:443")
    past.ledger.mark("issued", [tracing.issued_mark(past, "https://a.test:443", NOISE)])
    assert not tracing.unreadable(parts, runs, past, "https://a.test:443")
    assert tracing.unreadable(parts, runs, past, "https://b.test:443")


def test_fields_label_values_and_never_keys():
    parts = [(0, Part("/salary", "salary", Kind.KEY)), (1, Part("/salary", "9", Kind.NUMBER)), (2, Part("/salary", ""))]
    found = list(tracing.field_findings([(DataClass("pay"), lambda path: path == "/salary")], parts))
    assert [(each.part, each.start, each.end, each.data_class) for each in found] == [(1, 0, 1, "pay")]
    assert list(tracing.field_findings([], parts)) == []


def policy(tracking: Tracking) -> Policy:
    spec = ClassSpec(EMAIL, Level.INTERNAL, tracking, "EMAIL")
    return Policy("p", "1", "d", {EMAIL: spec}, (), (), ())


@pytest.mark.parametrize(
    ("tracking", "state", "opaque", "carries"),
    [
        (Tracking.SESSION, RAW, False, True),
        (Tracking.GUARDED, RAW, False, False),
        (Tracking.GUARDED, RAW, True, True),
        (Tracking.VALUE, RAW, True, False),
        (Tracking.NONE, RAW, True, False),
        (Tracking.VALUE, DERIVED, False, True),
    ],
)
def test_taint_is_carried_as_its_tracking_says(past: Past, tracking: Tracking, state: str, opaque: bool, carries: bool):  # noqa: FBT001
    label = Label(EMAIL, DERIVED if state == DERIVED else RAW, "hr")
    past.ledger.taint(label, Origin("e1"))
    flows = list(tracing.carried(policy(tracking), past.ledger, Route("sandbox", "public"), opaque=opaque))
    assert [(flow.data_class, flow.route.source, flow.route.sink) for flow in flows] == (
        [(EMAIL, "hr", "public")] if carries else []
    )


def test_a_class_that_the_policy_no_longer_knows_counts_as_restricted(past: Past):
    past.ledger.taint(Label(DataClass("gone"), RAW, "hr"), Origin("e1"))
    assert list(tracing.carried(policy(Tracking.NONE), past.ledger, Route("sandbox", "public"), opaque=False))


def test_a_class_of_too_many_values_is_carried_by_the_session(past: Past):
    past.ledger.taint(Label(EMAIL, RAW, "hr"), Origin("e1"))
    past.ledger.mark("coarse", [EMAIL.encode()])
    assert list(tracing.carried(policy(Tracking.VALUE), past.ledger, Route("sandbox", "public"), opaque=False))


def test_a_path_through_a_value_is_not_recorded():
    assert tracing.shown_path("/rows/0/email", ()) == "/rows/0/email"
    assert tracing.shown_path(f"/people/{MAIL}/age", ()) == "/people/maria.gonzalez@acme.org/age"
    assert tracing.shown_path(f"/people/{MAIL}/age", {MAIL}) == "/people/*/age"
    assert tracing.shown_path("/a~1b/x", {"a/b"}) == "/*/x"
    assert tracing.shown_path("header/x-abc", {"X-Abc"}) == "header/*"
    assert tracing.shown_path("/a/b[1]/@Qx7", {"Qx7", "b"}) == "/a/*/*"
    assert tracing.shown_path("/a sentence that is no name/x", ()) == "/*/x"


def test_a_host_that_could_hold_a_value_is_not_recorded(past: Past):
    past.vault.note("Quandt-Oelsner", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    shown = tracing.shown_upstream("https://Quandt-Oelsner.6d61726961.evil.test:443", past)
    assert shown == "https://*.*.evil.test:443"
    assert tracing.shown_upstream("https://api.example.com:8443", None) == "https://api.example.com:8443"
    kept = "https://s3.eu-west-1.amazonaws.com:443"
    assert tracing.shown_upstream(kept, None) == kept
    masked = "https://123-45-6789.m4riagonz.maria-gonzalez.evil.test:443"
    assert tracing.shown_upstream(masked, None) == "https://*.*.*.evil.test:443"


@pytest.mark.parametrize("written", [MAIL, MAIL.upper(), base64.b64encode(MAIL.encode()).decode(), MAIL.encode().hex()])
def test_a_block_that_was_plain_is_no_more_once_a_value_in_it_is_known(past: Past, written: str):
    past.vault.note("somebody@else.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    again = Block(lambda: (Part("", written),), surface=f"a,{written},b".encode(), key="k")
    plain = tracing.still_plain(again, past, guarded=False)
    assert plain == tracing.plain(again, past, guarded=False)
    past.vault.note(MAIL, [Label(EMAIL, RAW, "hr")], Origin("e2"))
    assert not tracing.still_plain(again, past, guarded=False)
    assert not tracing.plain(again, past, guarded=False)


def test_a_block_that_comes_again_stays_plain_while_no_value_of_it_is_known(past: Past):
    parts = (Part("/items", "items", Kind.KEY), Part("/items/0", "a"), Part("/items/1", "b"))
    again = Block(lambda: parts, surface=b'{"items": ["a", "b"]}', key="k")
    for number in range(300):
        past.vault.note(f"person{number}@acme.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
        assert tracing.still_plain(again, past, guarded=True)
    past.vault.note("a", [Label(EMAIL, RAW, "hr")], Origin("e2"))  # so short a value may be any part
    assert not tracing.still_plain(again, past, guarded=True)


def test_what_a_session_remembers_of_plain_blocks_is_bounded(past: Past):
    past.vault.note(MAIL, [Label(EMAIL, RAW, "hr")], Origin("e1"))
    for number in range(1000):
        one = Block(lambda: (Part("", "x"),), surface=b"words only", key=number)
        assert tracing.still_plain(one, past, guarded=False)
    assert len(past.glanced) < 1000


def test_what_readers_differ_on_hides_nothing_where_all_of_it_is_plain(past: Past):
    doubtful = Block(lambda: (Part("", "", Kind.OPAQUE),), surface=b'{"a":"one","a":"two"}')
    assert tracing.plain(doubtful, past, guarded=True)
    past.vault.note("nothing here", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    assert tracing.plain(doubtful, past, guarded=True)
    past.vault.note("one", [Label(EMAIL, RAW, "hr")], Origin("e2"))
    assert not tracing.plain(doubtful, past, guarded=True)


@pytest.mark.parametrize(
    "sealed_text", [NOISE, "7fA2 kQ9x 3bT0 Zr8m Wp5c Hd1y Lq6v Xn4s", "aB3$ xY7% kQ9! mZ2^ pR5& tU8* wV1# cD6@ fG4~"]
)
@pytest.mark.parametrize("beside", ["in progress", "a quiet afternoon in the harbour", "Foo{barbazqux}1$", "10"])
def test_what_nobody_can_read_is_seen_among_many_texts_as_it_is_alone(sealed_text: str, beside: str):
    alone = [run.decoding.text for run in tracing.encoded(numbered(sealed_text))]
    many = tracing.encoded(numbered(*[beside] * 1500, sealed_text, *[beside] * 1500))
    assert [run.decoding.text for run in many if run.part == 1500] == alone
