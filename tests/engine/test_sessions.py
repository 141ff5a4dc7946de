import os
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from dlp.core.errors import ConfigError, StoreError
from dlp.core.ports import Store
from dlp.engine.keys import MasterKey, Seal
from dlp.engine.sessions import Sessions, Status
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

KEY = MasterKey(bytes(32))
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "state.db"),
}


def _sessions(store: Store) -> Sessions:
    return Sessions(store, KEY, lambda: 1000.0, os.urandom)


@pytest.fixture(params=STORES.values(), ids=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path):
    opened = request.param(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sessions(store: Store):
    return _sessions(store)


@pytest.fixture
def elsewhere(tmp_path: Path):
    """Give the sessions of one store as two processes see them."""
    (tmp_path / "state.db").touch()
    stores = SqliteStore(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    yield _sessions(stores[0]), _sessions(stores[1])
    for opened in stores:
        opened.close()


def test_a_session_is_who_the_orchestrator_said(sessions: Sessions):
    facts = {"recipients": ("a@x.test", "b@x.test"), "ticket": "T-1", "limit": 5, "urgent": True}
    info, secret = sessions.open("bot", "reviews", facts)
    for told in (info, sessions.authenticate(info.id, secret), sessions.get(info.id), sessions.list()[0]):
        assert told == info
        assert (told.agent, told.purpose, told.opened, told.status) == ("bot", "reviews", 1000.0, Status.OPEN)
        assert dict(told.facts) == facts


def test_names_and_secrets_are_safe_in_urls_and_never_repeat(sessions: Sessions):
    opened = [sessions.open("bot") for _ in range(50)]
    assert len({info.id for info, _ in opened} | {secret for _, secret in opened}) == 100
    assert {letter for info, _ in opened for letter in info.id} <= set(string.ascii_lowercase + string.digits)
    assert {letter for _, secret in opened for letter in secret} <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize("secret", ["", "wrong", "\ud800", "ö"])
def test_a_wrong_secret_is_nobody(sessions: Sessions, secret: str):
    info, _ = sessions.open("bot")
    assert sessions.authenticate(info.id, secret) is None


@pytest.mark.parametrize("name", ["", "nobody", "\ud800", "../x", "a" * 10_000])
def test_an_unknown_session_is_nobody(sessions: Sessions, name: str):
    _, secret = sessions.open("bot")
    assert sessions.authenticate(name, secret) is None
    assert sessions.get(name) is None
    assert sessions.freeze(name) is None
    assert sessions.close(name) is None
    assert not sessions.alive(name)


def test_the_secret_of_one_session_does_not_open_another(sessions: Sessions):
    (one, _), (_, secret) = sessions.open("bot"), sessions.open("bot")
    assert sessions.authenticate(one.id, secret) is None


@pytest.mark.parametrize("end", [Sessions.freeze, Sessions.close])
def test_a_session_that_ended_is_nobody_at_once(sessions: Sessions, end: Callable[[Sessions, str], object]):
    info, secret = sessions.open("bot")
    assert sessions.authenticate(info.id, secret)
    assert sessions.alive(info.id)
    end(sessions, info.id)
    assert sessions.authenticate(info.id, secret) is None
    assert not sessions.alive(info.id)


@pytest.mark.parametrize("end", [Sessions.freeze, Sessions.close])
def test_a_session_ended_by_another_process_is_nobody_for_the_next_message(
    elsewhere: tuple[Sessions, Sessions], end: Callable[[Sessions, str], object]
):
    proxy, command = elsewhere
    info, secret = proxy.open("bot")
    assert proxy.authenticate(info.id, secret)
    end(command, info.id)
    assert proxy.authenticate(info.id, secret) is None


def test_a_session_opened_by_another_process_is_known(elsewhere: tuple[Sessions, Sessions]):
    proxy, command = elsewhere
    assert proxy.authenticate("nobody", "") is None
    info, secret = command.open("bot")
    assert proxy.authenticate(info.id, secret) == info


def test_a_frozen_session_keeps_its_key_and_a_closed_one_does_not(sessions: Sessions):
    info, _ = sessions.open("bot", facts={"ticket": "T-1"})
    key = sessions.data_key(info.id)
    frozen = sessions.freeze(info.id)
    assert frozen
    assert (frozen.status, dict(frozen.facts), sessions.data_key(info.id)) == (Status.FROZEN, {"ticket": "T-1"}, key)
    closed = sessions.close(info.id)
    assert closed
    assert (closed.status, dict(closed.facts)) == (Status.CLOSED, {})
    with pytest.raises(StoreError, match="was destroyed"):
        sessions.data_key(info.id)


def test_a_closed_session_stays_closed(sessions: Sessions):
    info, secret = sessions.open("bot")
    sessions.close(info.id)
    frozen = sessions.freeze(info.id)
    assert frozen
    assert frozen.status is Status.CLOSED
    assert sessions.authenticate(info.id, secret) is None


def test_a_session_may_be_closed_and_keep_its_key(sessions: Sessions):
    info, secret = sessions.open("bot")
    key = sessions.data_key(info.id)
    sessions.close(info.id, destroy=False)
    assert sessions.data_key(info.id) == key
    assert sessions.authenticate(info.id, secret) is None


def test_a_seal_is_gone_with_its_session(elsewhere: tuple[Sessions, Sessions]):
    proxy, command = elsewhere
    info, _ = proxy.open("bot")
    sealed = proxy.seal(info.id).seal(b"value", b"c")
    assert command.seal(info.id).open(sealed, b"c") == b"value"
    command.close(info.id)
    for sessions in elsewhere:
        with pytest.raises(StoreError, match="was destroyed"):
            sessions.seal(info.id)


def test_sessions_have_keys_of_their_own(sessions: Sessions):
    (one, _), (two, _) = sessions.open("bot"), sessions.open("bot")
    assert sessions.data_key(one.id) != sessions.data_key(two.id)


def test_another_master_key_opens_no_data_key(store: Store, sessions: Sessions):
    info, _ = sessions.open("bot")
    other = Sessions(store, MasterKey(b"x" * 32), lambda: 0.0, os.urandom)
    with pytest.raises(ConfigError, match="does not fit the store"):
        other.data_key(info.id)


def test_neither_secret_nor_facts_nor_key_stand_in_the_store(tmp_path: Path):
    store = SqliteStore(tmp_path / "state.db")
    sessions = _sessions(store)
    info, secret = sessions.open("bot", facts={"recipients": ("alice@x.test",)})
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert info.id.encode() in files
    for planted in (secret.encode(), b"alice@x.test", sessions.data_key(info.id)):
        assert planted not in files
    store.close()


def test_trusted_facts_do_not_show_in_a_repr(sessions: Sessions):
    info, secret = sessions.open("bot", facts={"recipients": ("alice@x.test",)})
    assert "alice" not in repr(info)
    assert secret not in repr(info)


def test_memory_of_sessions_is_bounded_without_forgetting(sessions: Sessions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlp.engine.sessions._MOST_REMEMBERED", 3)
    opened = [sessions.open("bot") for _ in range(10)]
    for info, secret in opened * 2:
        assert sessions.authenticate(info.id, secret) == info
    assert len(sessions._open) <= 4


def test_a_data_key_seals(sessions: Sessions):
    info, _ = sessions.open("bot")
    assert Seal(sessions.data_key(info.id)).digest(b"k", "v") == sessions.seal(info.id).digest(b"k", "v")
