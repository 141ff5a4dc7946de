"""The same message again: whatever is remembered of the first, what has changed in between decides on the second."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dlp.core.outcome import Refuse
from dlp.engine.sessions import SessionInfo
from dlp.stores.sqlite import SqliteStore
from dlp.testing.wall import Wall

POLICY = """
policy: said again
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay}}
  web: {at: https://web.test/**, trust: untrusted}
destinations:
  out: {at: https://out.test/**, facts: {channel: /channel}}
  shell: {at: https://shell.test/**}
  queue: {at: https://queue.test/**}
  lent: {at: https://lent.test/**}
  asked: {at: https://asked.test/**}
rules:
  - {name: pay enters, data: employee.pay, from: hr, to: sandbox, then: allow}
  - {name: not there, to: out, then: block, when: 'channel == "board"'}
  - {name: no shell after the web, integrity: untrusted, to: shell, then: block}
  - {name: nothing after HR, after: {reading: hr}, to: queue, then: block}
  - {name: closed, to: [lent, asked], then: block}
exceptions:
  - {rule: closed, agent: bot, until: "2027-02-01", owner: jane, ticket: T-1, reason: moving}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repeated") / "state.db"


@pytest.fixture(scope="module")
def shared(path: Path) -> Iterator[Wall]:
    with closing(SqliteStore(path)) as store:
        yield Wall(POLICY, store=store)


@pytest.fixture(scope="module")
def other(path: Path, shared: Wall) -> Iterator[Wall]:
    """Give another worker on the same store."""
    with closing(SqliteStore(path)) as store:
        yield Wall(shared.policy, store=store, host=shared.host, salt=1)


@pytest.fixture
def wall(shared: Wall) -> Iterator[Wall]:
    now, policy = shared.clock.now, shared.policy
    yield shared
    shared.clock.now = now
    if shared.policy is not policy:
        shared.reload(policy)


def read(wall: Wall, session: SessionInfo, url: str) -> None:
    assert wall.receive(session, f"GET https://{url}", json={"salary": "51000", "text": "all is well"}).passed


def reload(wall: Wall, old: str, new: str) -> None:
    assert old in POLICY
    wall.reload(POLICY.replace(old, new))


def years_go_by(wall: Wall) -> None:
    wall.clock.now += 366 * 86400


type Change = Callable[[Wall, SessionInfo, Wall], object]

CHANGES: list[tuple[str, str, Change, str]] = [
    ("what is restricted was read", "out", lambda wall, s, _: read(wall, s, "hr.test/x"), "flow"),
    ("another worker let it in", "out", lambda _, s, other: read(other, s, "hr.test/x"), "flow"),
    ("something untrusted was read", "shell", lambda wall, s, _: read(wall, s, "web.test/x"), "flow"),
    ("another worker read it", "shell", lambda _, s, other: read(other, s, "web.test/x"), "flow"),
    ("HR was read", "queue", lambda wall, s, _: read(wall, s, "hr.test/x"), "flow"),
    ("the exception ended", "lent", lambda wall, *_: years_go_by(wall), "flow"),
    ("the session was closed", "out", lambda wall, s, _: wall.sessions.close(s.id), "session"),
    ("another worker froze it", "out", lambda _, s, other: other.sessions.freeze(s.id), "session"),
    ("the policy names it no more", "out", lambda wall, *_: reload(wall, "out.test", "off.test"), "flow"),
    ("a rule is there now", "out", lambda wall, *_: reload(wall, '== "board"', '== "all"'), "flow"),
    ("the exception is gone", "lent", lambda wall, *_: reload(wall, POLICY[POLICY.index("exceptions:") :], ""), "flow"),
    ("a limit is there now", "out", lambda wall, *_: reload(wall, "rules:", "limits: {calls: 1}\nrules:"), ""),
]


@pytest.mark.parametrize(("to", "change", "kind"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_what_changed_decides_on_the_same_message(wall: Wall, other: Wall, to: str, change: Change, kind: str):
    session = wall.open()

    def again() -> str:
        outcome = wall.send(
            session, f"POST https://{to}.test/x", json={"channel": "all", "text": "all is well"}
        ).outcome
        return outcome.kind if isinstance(outcome, Refuse) else ""

    assert [again() for _ in range(3)] == ["", "", ""]
    change(wall, session, other)
    assert again() == kind
    if not kind:  # a limit that counts from now on
        assert again() == "limit"


def test_what_a_message_says_decides_where_the_last_one_went_to_the_same_place(wall: Wall):
    session = wall.open()
    for channel, passes in (("all", True), ("board", False), ("all", True), ("board", False)):
        assert wall.send(session, "POST https://out.test/x", json={"channel": channel}).passed is passes
