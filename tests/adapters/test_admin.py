import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from dlp.adapters.admin import admin_app, serving
from dlp.core.errors import ConfigError
from dlp.engine.approvals import Approvals
from dlp.engine.keys import MasterKey
from dlp.engine.sessions import Sessions
from dlp.stores.memory import MemoryStore

TRUSTED = {"ticket": "text", "recipients": "list", "limit": "number", "urgent": "boolean"}

type Talk = Callable[[httpx.AsyncClient], Awaitable[None]]


class Wall:
    """What stands behind an admin API."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.sessions = Sessions(self.store, MasterKey(bytes(32)), lambda: 1000.0, os.urandom)
        self.approvals = Approvals(self.store, lambda: 1000.0, os.urandom)
        self.app = admin_app(
            self.sessions,
            self.approvals,
            trusted=lambda: TRUSTED,
            needs=lambda session, secret: {"proxy": f"http://{session}:{secret}@127.0.0.1:1"},
            health=lambda: {"policy": "p1"},
        )

    def talk(self, talk: Talk) -> None:
        """Have an orchestrator talk to the API."""

        async def run() -> None:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://admin") as client:
                await talk(client)

        asyncio.run(run())


@pytest.fixture
def wall():
    return Wall()


def test_an_orchestrator_opens_lists_freezes_and_closes_sessions(wall: Wall):
    async def talk(client: httpx.AsyncClient) -> None:
        facts = {"ticket": "T-1", "recipients": ["a@x.test"], "limit": 5, "urgent": True}
        opened = await client.post("/sessions", json={"agent": "bot", "purpose": "p", "facts": facts})
        assert opened.status_code == 201
        told = opened.json()
        assert told["proxy"] == f"http://{told['session']}:{told['secret']}@127.0.0.1:1"
        info = wall.sessions.authenticate(told["session"], told["secret"])
        assert info
        assert dict(info.facts) == facts | {"recipients": ("a@x.test",)}
        assert [one["session"] for one in (await client.get("/sessions")).json()] == [info.id]
        assert (await client.post(f"/sessions/{info.id}/freeze")).json()["status"] == "frozen"
        assert (await client.delete(f"/sessions/{info.id}")).json()["status"] == "closed"
        assert (await client.get(f"/sessions/{info.id}")).json()["status"] == "closed"
        assert wall.sessions.authenticate(told["session"], told["secret"]) is None

    wall.talk(talk)


def test_secrets_and_facts_are_not_listed(wall: Wall):
    async def talk(client: httpx.AsyncClient) -> None:
        opened = await client.post("/sessions", json={"agent": "bot", "facts": {"ticket": "planted"}})
        for path in ("/sessions", f"/sessions/{opened.json()['session']}", "/healthz"):
            told = (await client.get(path)).text
            assert "planted" not in told
            assert opened.json()["secret"] not in told

    wall.talk(talk)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (b"", "expected a JSON object"),
        (b"[]", "expected a JSON object"),
        (b"{}", "expected the member agent"),
        (b'{"agent":""}', "expected the member agent"),
        (b'{"agent":1}', "agent: expected str, got int"),
        (b'{"agent":"b","id":"mine"}', "known: agent, purpose, facts, continues"),
        (b'{"agent":"b","continues":"nobody"}', "there is none that could be continued"),
        (b'{"agent":"b","facts":[]}', "facts: expected dict"),
        (b'{"agent":"b","facts":{"who":"x"}}', "expected one of: limit, recipients, ticket, urgent"),
        (b'{"agent":"b","facts":{"limit":true}}', "expected a number"),
        (b'{"agent":"b","facts":{"recipients":["a",1]}}', "expected a list"),
        (b'{"agent":"' + b"x" * 70_000 + b'"}', "at most 65536 bytes"),
    ],
)
def test_a_session_that_is_asked_for_wrongly_is_not_opened(wall: Wall, asked: bytes, told: str):
    async def talk(client: httpx.AsyncClient) -> None:
        answer = await client.post("/sessions", content=asked)
        assert answer.status_code == 400
        assert told in answer.json()["detail"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert wall.sessions.list() == ()

    wall.talk(talk)


def test_what_is_not_there_is_not_found(wall: Wall):
    async def talk(client: httpx.AsyncClient) -> None:
        for method, path in (
            ("GET", "/sessions/x"),
            ("DELETE", "/sessions/x"),
            ("POST", "/sessions/x/freeze"),
            ("GET", "/approvals/x"),
            ("GET", "/elsewhere"),
        ):
            assert (await client.request(method, path)).status_code == 404
        assert (await client.put("/sessions")).status_code == 405

    wall.talk(talk)


def test_an_approver_answers(wall: Wall):
    asked = wall.approvals.request("s1", "b1", {"rule": "pay"}, ("manager",), 60)

    async def talk(client: httpx.AsyncClient) -> None:
        listed = (await client.get("/approvals")).json()
        assert [(one["approval"], one["answer"]) for one in listed] == [(asked.id, "pending")]
        assert (await client.get("/approvals?session=s2")).json() == []
        wrong = await client.post(f"/approvals/{asked.id}", json={"approve": True, "as": "intern"})
        assert (wrong.status_code, "expected one of: manager" in wrong.json()["detail"]) == (409, True)
        unclear = await client.post(f"/approvals/{asked.id}", json={"as": "manager"})
        assert unclear.status_code == 400
        right = await client.post(f"/approvals/{asked.id}", json={"approve": False, "as": "manager"})
        assert (right.status_code, right.json()["answer"]) == (200, "denied")
        assert (await client.get(f"/approvals/{asked.id}")).json()["by"] == "manager"

    wall.talk(talk)
    assert wall.approvals.grant("s1", "b1") == ()


def test_health_says_what_is_served(wall: Wall):
    wall.sessions.open("bot")

    async def talk(client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok", "sessions": 1, "policy": "p1"}

    wall.talk(talk)


def test_a_store_that_fails_is_said_to(wall: Wall):
    wall.store.close()

    async def talk(client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).status_code == 503
        assert (await client.post("/sessions", json={"agent": "b"})).status_code == 503

    wall.talk(talk)


def test_it_is_served_on_a_socket_for_its_owner_only(wall: Wall, tmp_path: Path):
    path = tmp_path / "admin.sock"

    async def run() -> None:
        async with serving(wall.app, path):
            assert path.stat().st_mode & 0o777 == 0o600
            transport = httpx.AsyncHTTPTransport(uds=str(path))
            async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
                assert (await client.get("/healthz")).json()["status"] == "ok"
            with pytest.raises(ConfigError, match="another proxy listens here"):
                async with serving(wall.app, path):
                    pass
        assert not path.exists()

    asyncio.run(run())


def test_a_socket_left_by_a_kill_is_taken_over(wall: Wall, tmp_path: Path):
    path = tmp_path / "admin.sock"

    async def run() -> None:
        path.touch()
        async with serving(wall.app, path):
            assert path.is_socket()

    asyncio.run(run())


def test_a_folder_that_is_missing_is_an_error(wall: Wall, tmp_path: Path):
    async def run() -> None:
        async with serving(wall.app, tmp_path / "nowhere" / "admin.sock"):
            pass

    with pytest.raises(ConfigError, match="cannot listen here"):
        asyncio.run(run())
