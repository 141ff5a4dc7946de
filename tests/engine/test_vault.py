from contextlib import closing
from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.core.label import RAW, TOKENISED, DataClass, Label
from dlp.core.message import Form
from dlp.engine.keys import Seal
from dlp.engine.vault import Known, Origin, Vault
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore
from dlp.wire.output_schema import OutputSchema

EMAIL = DataClass("pii.email")
HIDDEN = Label(EMAIL, TOKENISED, "hr")
SEEN = Label(EMAIL, RAW, "hr")


def vault_on(store: MemoryStore | SqliteStore, key: bytes = b"k" * 32) -> Vault:
    vault = Vault(store, "s1", Seal(key), lambda data_class: data_class.rpartition(".")[2].upper())
    vault.refresh(store.stamp())
    return vault


def test_the_same_value_has_the_same_token_and_numbers_rise():
    vault = vault_on(MemoryStore())
    assert vault.tokenise(EMAIL, "a@x.org") == "[EMAIL_1]"
    assert vault.tokenise(EMAIL, "b@x.org") == "[EMAIL_2]"
    assert vault.tokenise(EMAIL, "a@x.org") == "[EMAIL_1]"
    assert vault.tokens == 2


def test_a_value_keeps_its_first_token_under_another_class():
    vault = vault_on(MemoryStore())
    assert vault.tokenise(DataClass("pii.phone"), "5551234") == vault.tokenise(DataClass("employee.id"), "5551234")


def test_a_token_leads_back_to_its_value_and_only_its_own():
    vault = vault_on(MemoryStore())
    vault.tokenise(EMAIL, "a@x.org")
    known = vault.of_token("[EMAIL_1]")
    assert known is not None
    assert known.text == "a@x.org"
    assert vault.of_token("[EMAIL_2]") is None


def test_another_worker_gives_the_same_token_and_knows_the_value(tmp_path: Path):
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as other:
        first, second = vault_on(one), vault_on(other)
        token = first.tokenise(EMAIL, "a@x.org")
        first.note("a@x.org", [HIDDEN], Origin("e1", "/email"))
        assert second.tokenise(EMAIL, "a@x.org") == token
        second.refresh(other.stamp())
        known = second.of_token(token)
    assert known is not None
    assert known.labels == {HIDDEN}


def test_what_was_hidden_survives_a_restart_with_its_lineage():
    store = MemoryStore()
    vault = vault_on(store)
    vault.note("a@x.org", [HIDDEN], Origin("e1", "/email", "tokenize"))
    token = vault.tokenise(EMAIL, "a@x.org")
    again = vault_on(store)
    known = again.of_token(token)
    assert known is not None
    assert known.origin == Origin("e1", "/email", "tokenize")
    assert known.hidden


def test_a_value_that_was_also_seen_in_the_clear_is_not_hidden():
    vault = vault_on(MemoryStore())
    vault.note("a@x.org", [HIDDEN, SEEN], Origin("e1", "/email"))
    vault.tokenise(EMAIL, "a@x.org")
    known = vault.of_text("a@x.org")
    assert known is not None
    assert not known.hidden


def test_after_a_failed_batch_memory_knows_no_more_than_the_store():
    store = MemoryStore()
    vault = vault_on(store)

    def fail() -> None:
        with store.batch():
            vault.tokenise(EMAIL, "a@x.org")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    vault.forget()
    vault.refresh(store.stamp())
    assert vault.of_text("a@x.org") is None
    assert len(vault) == 0


def test_values_lie_sealed_in_the_store(tmp_path: Path):
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    vault = vault_on(store)
    vault.note("maria.gonzalez@acme.org", [HIDDEN], Origin("e1", "/email"))
    vault.tokenise(EMAIL, "maria.gonzalez@acme.org")
    store.close()
    assert all(b"gonzalez" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_value_is_absent_from_what_is_printed():
    assert "gonzalez" not in repr(Known("maria.gonzalez", number=False, origin=Origin()))


def test_a_digest_is_stable_and_keyed():
    store = MemoryStore()
    assert vault_on(store).digest("x") == vault_on(store).digest("x")
    assert vault_on(store).digest("x") != vault_on(store, b"o" * 32).digest("x")


def test_a_new_value_is_written_with_its_token_its_labels_and_its_origin():
    store = MemoryStore()
    vault_on(store).tokenise(EMAIL, "a@x.org", labels=[HIDDEN], origin=Origin("e1", "/email", "tokenize"))
    known = vault_on(store).of_token("[EMAIL_1]")
    assert known is not None
    assert (known.text, known.labels, known.origin) == ("a@x.org", {HIDDEN}, Origin("e1", "/email", "tokenize"))
    assert len(store.items("s1", "value")) == 1
    assert not store.members("s1", "seen")


def test_what_another_worker_wrote_of_a_value_first_is_taken_over(tmp_path: Path):
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as other:
        first, second = vault_on(one), vault_on(other)
        first.note("a@x.org", [SEEN], Origin("e1", "/email"))
        token = second.tokenise(EMAIL, "a@x.org", labels=[HIDDEN], origin=Origin("e2"))
        known = second.note("a@x.org", [HIDDEN], Origin("e2"))
        first.refresh(one.stamp())
        assert first.tokenise(EMAIL, "a@x.org") == token
        assert known.labels == {SEEN, HIDDEN}
        assert known.origin == Origin("e1", "/email")
        assert not known.hidden


def test_a_value_written_before_tokens_stood_beside_it_is_still_read():
    store = MemoryStore()
    seal = Seal(b"k" * 32)
    key = seal.digest(b"value", "a@x.org")
    store.put("s1", "value", key, seal.seal(b'["a@x.org",false,"e1","/email",""]', b"value"))
    store.put("s1", "token", key, b"[EMAIL_7]")
    known = vault_on(store).of_token("[EMAIL_7]")
    assert known is not None
    assert (known.text, known.labels) == ("a@x.org", frozenset())


MAIL = OutputSchema({"properties": {"a": {"type": "string", "format": "email"}}}).shape("/a")
NUMBER = OutputSchema({"properties": {"a": {"type": "integer"}}}).shape("/a")


def test_a_shaped_token_is_another_way_to_write_a_values_token(tmp_path: Path):
    with closing(SqliteStore(tmp_path / "s.db")) as store, closing(SqliteStore(tmp_path / "s.db")) as other:
        one, two = vault_on(store), vault_on(other)
        assert MAIL is not None
        one.tokenise(EMAIL, "a@x.org", labels=[HIDDEN])
        known = one.of_text("a@x.org")
        assert known is not None
        form = one.shaped(known, MAIL, number=False)
        assert one.shaped(known, MAIL, number=False) == form
        text = f"(to {form.text}, not z{form.text})"
        assert list(one.tokens_in(text)) == [(4, 4 + len(form.text), known)]
        assert one.shows_form(text.encode())
        assert not one.shows_form(b"nothing of the kind")
        assert (one.of_token(form.text), known.token, len(one)) == (known, "[EMAIL_1]", 1)
        two.refresh(other.stamp())
        there = two.of_token(form.text)
        assert there is not None
        assert (there.text, two.shaped(there, MAIL, number=False)) == ("a@x.org", form)


def test_a_shaped_token_goes_on_in_another_session_and_no_two_values_share_one():
    vault, store = vault_on(MemoryStore()), MemoryStore()
    assert NUMBER is not None
    for value in ("52000", "61000"):
        vault.tokenise(EMAIL, value, number=True, labels=[HIDDEN])
    forms = {known.text: vault.shaped(known, NUMBER, number=True) for known in vault.values()}
    assert len({form.text for form in forms.values()}) == 2
    after = Vault(store, "s2", Seal(b"n" * 32), lambda data_class: data_class)
    for known in vault.values():
        after.adopt(known)
    for value, form in forms.items():
        taken = after.of_token(form.text)
        assert taken is not None
        assert taken.text == value
    vault.forget()
    assert vault.of_token(forms["52000"].text) is None
    vault.refresh(None)


def test_where_every_stand_in_is_taken_there_is_none():
    class One:
        """A shape of one single form."""

        key = "one"

        def around(self, text: str, *, number: bool) -> "One":
            """Return itself."""
            del text, number
            return self

        def admits(self, text: str, *, number: bool = False) -> bool:
            """Admit anything."""
            del number
            return bool(text)

        def form(self, seed: int, *, number: bool) -> Form:
            """Return the one."""
            del seed
            return Form("stand-in-0001", number)

    vault = vault_on(MemoryStore())
    for value in ("a@x.org", "b@x.org"):
        vault.tokenise(EMAIL, value, labels=[HIDDEN])
    first, second = vault.values()
    assert vault.shaped(first, One(), number=False).text == "stand-in-0001"
    with pytest.raises(PolicyError, match="admits no stand-in"):
        vault.shaped(second, One(), number=False)
