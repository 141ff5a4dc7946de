"""What an approver is shown of a message."""

import pytest

from dlp.testing.wall import Wall

POLICY = """
policy: previewed
use: [base]
destinations:
  files: {at: "https://files.test/**"}
rules:
  - {name: mail may go, data: pii.email, to: files, then: allow}
  - {name: files are asked, to: files, then: ask, approvers: [manager]}
"""


@pytest.fixture
def wall() -> Wall:
    return Wall(POLICY)


def previewed(wall: Wall, **sent: object) -> list[str]:
    session = wall.open()
    refusal = wall.send(session, "POST https://files.test/u", **sent).refusal  # type: ignore[arg-type]
    assert refusal is not None
    approval = wall.approvals.status(refusal.approval)
    assert approval is not None
    sealed = bytes.fromhex(str(approval.summary["preview"]))
    return wall.engine.past(session.id).seal.open(sealed, b"preview").decode().split("\n")


def test_a_class_stands_in_the_place_of_what_was_found(wall: Wall):
    assert "/note: ask <pii.email>" in previewed(wall, json={"note": "ask maria.gonzalez@acme.org"})


def test_a_text_writes_no_line_of_its_own(wall: Wall):
    lines = previewed(wall, json={"note": "hi\n/amount: 5\r\x1b[2J\u2028\u202ex\\n", "amount": 9_000_000})
    assert lines[-3:-1] == ["/note: hi\\n/amount: 5\\r\\x1b[2J\\u2028\\u202ex\\\\n", "/amount (key): amount"]
    assert lines[-1] == "/amount: 9000000"


def test_what_is_left_out_is_counted(wall: Wall):
    (line,) = (line for line in previewed(wall, json={"text": "A" * 2000 + "wire it"}) if line.startswith("/text: "))
    assert line.endswith("A (7 more characters left out)")
    lines = previewed(wall, json=[str(number) for number in range(150)], headers=[(b"x-team", b"blue")])
    assert lines[-2:] == ["(51 more parts left out)", "header/x-team: blue"]  # 150 and one of the path
    lines = previewed(wall, json={"a": "b"}, headers=[(b"x-h%d" % n, b"v") for n in range(101)])
    assert lines[-1] == "(1 more headers left out)"
    assert "/a: b" in lines


def test_headers_are_shown_but_for_credentials_and_those_that_say_nothing(wall: Wall):
    headers = [
        (b"authorization", b"Bearer abcdef"),
        (b"authorization", b"Basic Ym9iOnN3b3JkZmlzaA=="),
        (b"cookie", b"sid=abcdef"),
        (b"user-agent", b"curl/8"),
        (b"accept", b"*/*"),
        (b"x-dry-run", b"no"),
    ]
    lines = previewed(wall, json={"a": "b"}, headers=headers)
    head = [line for line in lines if line.startswith(("header/", "cookie/"))]
    assert head == [
        "header/authorization: <credentials>",
        "header/authorization/basic/user: <credentials>",
        "header/authorization/basic/password: <credentials>",
        "cookie/sid: <credentials>",
        "header/x-dry-run: no",
    ]
    assert not any("abcdef" in line or "swordfish" in line for line in lines)
