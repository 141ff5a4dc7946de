from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.errors import ConfigError, StoreError
from dlp.engine.keys import MasterKey, Seal, create_key, load_key

SEAL = Seal(bytes(32))


@pytest.fixture
def path(tmp_path: Path):
    return tmp_path / "key"


def test_a_new_key_is_for_its_owner_only_and_loads(path: Path):
    create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    data_key = bytes(range(32))
    assert load_key(path).unwrap(load_key(path).wrap(data_key, b"s"), b"s") == data_key


def test_two_new_keys_differ(path: Path):
    create_key(path)
    create_key(path.with_name("other"))
    assert path.read_bytes() != path.with_name("other").read_bytes()


def test_a_key_is_never_overwritten(path: Path):
    create_key(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="there is a key already"):
        create_key(path)
    assert path.read_bytes() == before


def test_a_key_that_cannot_be_written_is_an_error(path: Path):
    with pytest.raises(ConfigError, match="cannot write the key"):
        create_key(path / "nowhere" / "key")


def test_a_missing_key_says_how_to_make_one(path: Path):
    with pytest.raises(ConfigError, match="dlp init"):
        load_key(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_refused(path: Path, mode: int):
    create_key(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"expected a key with mode 600, got {mode:o}.*chmod 600"):
        load_key(path)


@pytest.mark.parametrize(("length", "told"), [(0, "got 0"), (31, "got 31"), (33, "got more than 32")])
def test_a_key_of_another_length_is_refused(path: Path, length: int, told: str):
    path.write_bytes(bytes(length))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=told):
        load_key(path)


def test_another_master_key_does_not_open_a_data_key():
    wrapped = MasterKey(bytes(32)).wrap(b"data key", b"s")
    for other, context in ((MasterKey(b"x" * 32), b"s"), (MasterKey(bytes(32)), b"t")):
        with pytest.raises(ConfigError, match="does not fit the store"):
            other.unwrap(wrapped, context)


def test_a_damaged_data_key_does_not_open():
    with pytest.raises(ConfigError, match="does not fit the store"):
        MasterKey(bytes(32)).unwrap(b"short")


@given(st.binary(), st.binary())
def test_opening_undoes_sealing(plain: bytes, context: bytes):
    assert SEAL.open(SEAL.seal(plain, context), context) == plain


@given(st.binary(min_size=4), st.binary())
def test_a_sealed_value_does_not_show_and_is_never_the_same_twice(plain: bytes, context: bytes):
    sealed = SEAL.seal(plain, context)
    assert plain not in sealed[12:]
    assert sealed != SEAL.seal(plain, context)


@given(st.binary(), st.integers(0), st.integers(1, 255))
def test_a_changed_sealed_value_does_not_open(plain: bytes, place: int, change: int):
    sealed = bytearray(SEAL.seal(plain, b"c"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(StoreError, match="does not open"):
        SEAL.open(bytes(sealed), b"c")


def test_a_sealed_value_moved_elsewhere_does_not_open():
    with pytest.raises(StoreError, match="does not open"):
        SEAL.open(SEAL.seal(b"plain", b"here"), b"there")


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_equal_texts_have_equal_digests_and_others_do_not(one: str, two: str):
    assert (SEAL.digest(b"value", one) == SEAL.digest(b"value", two)) == (one == two)


def test_digests_of_another_kind_or_key_differ():
    digests = {SEAL.digest(b"a", "bc"), SEAL.digest(b"ab", "c"), Seal(b"x" * 32).digest(b"a", "bc")}
    assert len(digests) == 3


def test_a_lone_surrogate_can_be_hashed():
    assert SEAL.digest(b"value", "\ud800") != SEAL.digest(b"value", "?")


def test_no_key_shows_in_a_repr(path: Path):
    create_key(path)
    key = load_key(path)
    assert path.read_bytes().hex() not in repr(key) + repr(Seal(path.read_bytes()))
