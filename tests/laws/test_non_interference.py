"""One generated program, two secrets: the bytes at every forbidding sink are the same.

A program is what a sandbox could run: it reads, computes anything from what it has seen, and sends. It is run twice
against the real pipeline, with two different secrets behind the source. Its own code is the same in both runs, so
whatever differs at a forbidding sink came through the wall.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from dlp.testing.wall import Wall

POLICY = """
policy: non-interference
use: [base]
classes:
  pay: {level: restricted}
sources:
  hidden: {at: https://hidden.test/**, fields: {"$..salary": pay}}
  clear: {at: https://clear.test/**, fields: {"$..salary": pay}}
  friend: {at: https://friend.test/**}
destinations:
  hidden: {at: https://hidden.test/**}
  clear: {at: https://clear.test/**}
  friend: {at: https://friend.test/**}
  forbidding: {at: https://forbidding.test/**}
rules:
  - {name: clear pay enters, data: pay, from: clear, to: sandbox, then: allow}
  - {name: home again, data: pay, to: [hidden, clear, friend], then: allow}
"""

COMPUTE: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda seen: seen,
    "base64": base64.b64encode,
    "hash": lambda seen: hashlib.sha256(seen).hexdigest().encode(),
    "packed": lambda seen: base64.b64encode(zlib.compress(seen)),
    "length": lambda seen: str(len(seen)).encode(),
    "sum": lambda seen: str(sum(seen)).encode(),
    "first": lambda seen: seen[:1],
    "digits": lambda seen: b" ".join(bytes([each]) for each in seen if chr(each).isdigit()),
    "reversed": lambda seen: seen[::-1],
    "nothing": lambda _seen: b"a constant",
}

send = st.tuples(st.just("send"), st.sampled_from(["forbidding", "friend"]), st.sampled_from(sorted(COMPUTE)))
public = st.tuples(st.just("read"), st.just("friend"), st.just("/public"))
step = st.one_of(
    st.tuples(st.just("read"), st.sampled_from(["hidden", "clear"]), st.sampled_from(["/all", "/above?min=50000"])),
    public,
    send,
    st.tuples(st.just("echo"), st.just("friend"), st.sampled_from(sorted(COMPUTE))),
)
# What comes first reads nothing restricted: a wall that refused everything would show here.
programs = st.builds(
    lambda first, then: [*first, *then],
    st.lists(send | public, min_size=1, max_size=4),
    st.lists(step, min_size=1, max_size=6),
)
WALL = Wall(POLICY)
delivered = {"programs": 0, "with bytes at the forbidding sink": 0}


def run(program: list[tuple[str, str, str]], secret: int) -> list[bytes]:
    """Run a program with this secret; return what the forbidding sink received, in order."""
    session = WALL.open()
    seen = b"nothing seen"
    received: list[bytes] = []
    for what, where, how in program:
        if what == "read":
            hides = how == "/all" or (how.startswith("/above") and secret > 50_000)
            rows = [{"salary": secret}] if hides else []
            request = f"GET https://{where}.test{how}"
            if WALL.send(session, request).passed:
                entered = WALL.receive(session, request, json={"count": len(rows), "rows": rows})
                seen += entered.body if entered.passed else orjson.dumps(entered.refusal.kind)
            continue
        sent = WALL.send(session, f"POST https://{where}.test/in", json={"x": COMPUTE[how](seen).decode("latin-1")})
        if sent.passed and where == "forbidding":
            received.append(sent.body)
        if sent.passed and what == "echo":
            back = WALL.receive(
                session, f"POST https://{where}.test/in", body=sent.body, content_type="application/json"
            )
            seen += back.body if back.passed else b""
    return received


@settings(max_examples=150, deadline=None)
@given(programs, st.integers(30_000, 49_999), st.integers(50_001, 90_000))
def test_two_secrets_make_no_difference_at_a_forbidding_sink(
    program: list[tuple[str, str, str]], first: int, second: int
):
    here, there = run(program, first), run(program, second)
    delivered["programs"] += 1
    delivered["with bytes at the forbidding sink"] += bool(here)
    assert here == there


def test_the_law_above_was_not_kept_by_refusing_everything():
    programs_run = delivered["programs"]
    assert programs_run == 0 or delivered["with bytes at the forbidding sink"] / programs_run >= 0.3, delivered
