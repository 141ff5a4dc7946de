import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from dlp.adapters.mcp_stdio import WrapSocket

from .mcp_shell import Shell, call, request

SERVER = [sys.executable, str(Path(__file__).parent / "mcp_misbehaving.py")]


class Wrapped:
    """A server that is wrapped as `dlp mcp wrap` does it, and its client's ends."""

    def __init__(self, path: Path, shell: Shell, secret: str = "", idle: float = 60.0) -> None:
        self.shell = shell
        self.socket = WrapSocket(
            path,
            authenticate=shell.wall.sessions.authenticate,
            begin=shell.begin,
            finish=shell.finish,
            limit=shell.limits.body,
            idle=idle,
        )
        self.says = b""  # what whoever wrapped it tells the proxy besides
        self.path = path
        self.secret = secret or shell.secret
        self.told = b""

    async def talk(self, *messages: object, answers: int) -> list[Any]:
        """Say these; return so many answers, fewer where the server ends."""
        self.socket.listen()
        child_in, to_server = os.pipe()
        from_server, child_out = os.pipe()
        in_, to_proxy = os.pipe()
        from_proxy, out = os.pipe()
        server = await asyncio.create_subprocess_exec(*SERVER, stdin=child_in, stdout=child_out)
        hello = {"session": self.shell.session.id, "secret": self.secret, "server": "wrapped"}
        try:
            with socket.socket(socket.AF_UNIX) as proxy:
                proxy.connect(str(self.path))
                socket.send_fds(proxy, [json.dumps(hello).encode()], [in_, out, from_server, to_server])
                for descriptor in (child_in, child_out, in_, out, from_server, to_server):
                    os.close(descriptor)
                self.told = await asyncio.to_thread(proxy.recv, 1000)
                if self.says:
                    proxy.sendall(self.says)
                lines = await asyncio.to_thread(self._exchange, messages, to_proxy, from_proxy, answers)
                os.close(to_proxy)
                await asyncio.wait_for(server.wait(), 10)
        finally:
            await self.socket.close()
        return [json.loads(line) for line in lines]

    @staticmethod
    def _exchange(messages: tuple[object, ...], to_proxy: int, from_proxy: int, answers: int) -> list[bytes]:
        lines: list[bytes] = []
        with os.fdopen(from_proxy, "rb") as read:
            for message in messages:
                raw = message if isinstance(message, bytes) else json.dumps(message).encode()
                try:
                    os.write(to_proxy, raw + b"\n")
                except BrokenPipeError:
                    return lines
            while len(lines) < answers and (line := read.readline()):
                lines.append(line)
        return lines


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


def talk(path: Path, shell: Shell, *messages: object, answers: int) -> list[Any]:
    return asyncio.run(Wrapped(path / "s", shell).talk(*messages, answers=answers))


def test_what_client_and_server_say_is_judged_and_reaches_the_other(tmp_path: Path, shell: Shell):
    said = [request(1, "initialize"), call(2, "echo", mail="jo.doe@example.org")]
    first, second = talk(tmp_path, shell, *said, answers=2)
    assert first["result"]["serverInfo"]["name"] == "m"
    assert second["result"]["content"][0]["text"] == '{"mail": "[EMAIL_1]"}'


def test_what_is_wrong_with_one_message_is_told_on_it_and_the_next_goes_on(tmp_path: Path, shell: Shell):
    large = json.dumps(call(3, "echo", x="y" * 300_000)).encode()
    said = [b"garbage", large, call(4, "garbage"), call(5, "unasked"), call(6, "large"), call(7, "echo")]
    told = {message["id"]: message for message in talk(tmp_path, shell, *said, answers=6)}
    assert set(told) == {None, 3, 4, 5, 6, 7}
    assert "error" in told[3]
    assert told[6]["result"]["isError"] is True
    assert told[7]["result"]["content"][0]["text"] == "{}"


def test_a_server_that_dies_ends_its_calls_and_the_conversation(tmp_path: Path, shell: Shell):
    (told,) = talk(tmp_path, shell, call(1, "die"), answers=5)
    assert (told["id"], told["result"]["isError"]) == (1, True)


def test_who_has_no_session_is_not_served(tmp_path: Path, shell: Shell):
    wrapped = Wrapped(tmp_path / "s", shell, "wrong")
    assert asyncio.run(wrapped.talk(call(1, "echo"), answers=1)) == []
    assert b"no open session" in wrapped.told


def test_what_others_may_read_differently_is_an_error_and_the_next_goes_on(tmp_path: Path, shell: Shell):
    twice = b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","name":"die"}}'
    other_case = b'{"jsonrpc":"2.0","id":3,"method":"tools/call","Method":"ping","params":{"name":"echo"}}'
    reused = [call(4, "silent"), call(4, "echo")]
    shaped = call(6, "echo", x="[EMAIL_999]")
    told = talk(tmp_path, shell, twice, other_case, *reused, call(5, "echo", n=1), shaped, answers=5)
    errors = [message for message in told if "error" in message]
    assert [message["id"] for message in errors] == [2, 3, None]  # the first call with this id is still open
    answers = {message["id"]: message["result"]["content"][0]["text"] for message in told if "result" in message}
    assert answers == {5: '{"n": 1}', 6: '{"x": "[~EMAIL_999]"}'}


def test_a_flood_is_survived_and_a_call_that_hangs_holds_up_no_other(tmp_path: Path, shell: Shell):
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    told = talk(tmp_path, shell, call(1, "silent"), call(2, "flood"), note, call(3, "cancelled"), answers=302)
    assert len([message for message in told if "method" in message]) == 300
    answers = {message["id"]: message["result"] for message in told if "id" in message}
    assert answers[2] == {"content": []}
    assert answers[3]["content"][0]["text"] == "[1]"


def test_a_server_that_is_silent_for_too_long_has_its_calls_answered_and_goes_on(tmp_path: Path, shell: Shell):
    wrapped = Wrapped(tmp_path / "s", shell, idle=0.3)
    (told,) = asyncio.run(wrapped.talk(call(1, "silent"), answers=1))
    assert (told["id"], told["result"]["isError"]) == (1, True)
    assert "silent for 0.3 seconds" in told["result"]["content"][0]["text"]


def test_what_nobody_uses_any_more_ends_although_its_pipes_stay_open(tmp_path: Path, shell: Shell):
    wrapped = Wrapped(tmp_path / "s", shell, idle=0.3)
    wrapped.says = b"!"
    told = asyncio.run(wrapped.talk(call(1, "echo"), answers=5))  # reads on until the proxy ends it
    assert [message["id"] for message in told] == [1]
