import pytest

from dlp.core.finding import Finding
from dlp.core.label import DataClass
from dlp.core.message import Direction, Endpoint, Kind, Message, Part
from dlp.core.policy import Route
from dlp.engine.keys import Seal
from dlp.engine.past import Past
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call, Numbered, Work
from dlp.stores.memory import MemoryStore

MAIL = "maria.gonzalez@acme.org"


def work_on(parts: tuple[Part, ...], findings: list[Finding], upstream: str = "https://a.test:443") -> Work:
    call = Call(SessionInfo("s1", "bot", "", 0.0), "t1")
    past = Past(MemoryStore(), "s1", Seal(b"k" * 32), lambda _: "EMAIL")
    past.refresh()
    message = Message(Direction.OUTBOUND, Endpoint("http", upstream, "POST"), ())
    looked_at = Numbered()
    looked_at.add(0, parts)
    return Work(call, message, "e1", 0.0, past, parts=parts, looked_at=looked_at, findings=findings)


def test_no_path_leads_through_a_key_in_which_something_was_found():
    parts = (Part(f"/{MAIL}", MAIL, Kind.KEY), Part(f"/{MAIL}", "91", Kind.NUMBER), Part("/age", "7", Kind.NUMBER))
    work = work_on(parts, [Finding(0, 0, len(MAIL), DataClass("pii.email"), "x")])
    assert [work.path(part) for part in parts] == ["/*", "/*", "/age"]
    assert work.labelled == {f"/{MAIL}": [MAIL]}


def test_a_host_is_recorded_as_it_is_only_where_a_destination_names_it():
    work = work_on((), [], "https://4111111111111111.evil.test:443")
    assert work.upstream == "https://*.evil.test:443"
    work.route = Route("sandbox", "named")
    assert work.upstream == "https://4111111111111111.evil.test:443"
    assert work.outbound


def test_numbered_parts_are_a_sequence_of_pairs_in_the_order_in_which_they_were_added():
    parts = [Part(f"/{at}", str(at)) for at in range(6)]
    numbered = Numbered()
    assert not numbered
    assert list(numbered) == []
    numbered.add(3, parts[:2])
    numbered.add(9, ())
    numbered.add(7, parts[2:])
    expected = list(zip((3, 4, 7, 8, 9, 10), parts, strict=True))
    assert list(numbered) == list(numbered) == expected
    assert len(numbered) == 6
    assert [numbered[at] for at in range(-6, 6)] == expected * 2
    assert numbered[1:4] == expected[1:4]
    assert numbered[::-2] == expected[::-2]
    with pytest.raises(IndexError):
        _ = numbered[6]
