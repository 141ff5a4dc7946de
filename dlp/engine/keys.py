"""The master key, the data keys it wraps, and what is sealed and hashed under a data key."""

import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dlp.core.errors import ConfigError, StoreError
from dlp.core.ports import Random

KEY_LENGTH = 32
_NONCE_LENGTH = 12  # bytes; random ones are good for 2**32 values under one key (NIST SP 800-38D §8.3)


def create_key(path: Path, random: Random = os.urandom) -> None:
    """Write a new master key to `path`, readable by its owner only.

    Raises:
        ConfigError: something is there already, or the file cannot be written.

    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ConfigError(
            f"{path}: there is a key already; without it, nothing that it protects can be read"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot write the key: {error.strerror}") from error
    with os.fdopen(file, "wb") as out:
        out.write(random(KEY_LENGTH))
        out.flush()
        os.fsync(out.fileno())


def load_key(path: Path) -> "MasterKey":
    """Return the master key in `path`.

    Raises:
        ConfigError: there is none, others may read it, or it is no key.

    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            secret = file.read(KEY_LENGTH + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the key: {error.strerror}; `dlp init` makes one") from error
    if mode & 0o077:
        raise ConfigError(f"{path}: expected a key with mode 600, got {mode:o}; if nobody read it: chmod 600 {path}")
    if len(secret) != KEY_LENGTH:
        got = len(secret) if len(secret) < KEY_LENGTH else f"more than {KEY_LENGTH}"
        raise ConfigError(f"{path}: expected a key of {KEY_LENGTH} bytes, got {got}; put the right file there")
    return MasterKey(secret)


class MasterKey:
    """Wraps data keys, with AES-256-GCM. Nothing else is ever encrypted under it."""

    __slots__ = ("_cipher", "_random")

    def __init__(self, secret: bytes, random: Random = os.urandom) -> None:
        self._cipher = AESGCM(secret)
        self._random = random

    def wrap(self, data_key: bytes, context: bytes = b"") -> bytes:
        """Return `data_key` encrypted and bound to `context`, say the session's id."""
        nonce = self._random(_NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes = b"") -> bytes:
        """Return the data key that was wrapped for `context`.

        Raises:
            ConfigError: this is not the key it was wrapped with, or the store was changed.

        """
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_LENGTH], wrapped[_NONCE_LENGTH:], context)
        except (InvalidTag, ValueError) as error:
            msg = (
                "the master key does not fit the store: restore the key file that was there when the session was opened"
            )
            raise ConfigError(msg) from error


class Seal:
    """Encrypts and hashes values under one data key; destroying that key erases what was sealed."""

    __slots__ = ("_cipher", "_hash_key", "_random")

    def __init__(self, data_key: bytes, random: Random = os.urandom) -> None:
        self._cipher = AESGCM(_subkey(data_key, b"seal"))
        self._hash_key = _subkey(data_key, b"digest")
        self._random = random

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Return `plain` encrypted and bound to `context`: it opens in the same place only."""
        nonce = self._random(_NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed for `context`.

        Raises:
            StoreError: it was sealed elsewhere, or changed since.

        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], context)
        except (InvalidTag, ValueError) as error:
            raise StoreError(f"a sealed value of {len(sealed)} bytes does not open: the store was changed") from error

    def digest(self, kind: bytes, text: str) -> bytes:
        """Return a keyed hash (HMAC-SHA256, 32 bytes) of `text`, unlike any of another kind. No zero byte in `kind`."""
        return hmac.digest(self._hash_key, kind + b"\0" + text.encode("utf-8", "surrogatepass"), "sha256")


def _subkey(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_LENGTH, salt=None, info=b"dlp " + purpose).derive(data_key)
