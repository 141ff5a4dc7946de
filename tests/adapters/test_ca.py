import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from socket import socketpair

import pytest
from cryptography import x509
from mitmproxy.certs import CertStore

from dlp.adapters import ca
from dlp.core.errors import ConfigError


def test_the_key_is_for_its_owner_only_and_the_rest_is_public(tmp_path: Path):
    made = ca.create(tmp_path, time.time)
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert made.confdir.stat().st_mode & 0o777 == 0o700
    assert [file for file in tmp_path.rglob("*") if file.is_file() and b"PRIVATE" in file.read_bytes()] == [made.key]
    assert ca.export(tmp_path) == made.bundle.read_text()


@pytest.mark.parametrize("trust", ["bundle", "hashed"])
def test_a_strict_client_trusts_what_the_proxy_signs(tmp_path: Path, trust: str):
    made = ca.create(tmp_path, time.time)
    entry = CertStore.from_store(made.confdir, "mitmproxy", 2048).get_cert(
        "api.test", [x509.DNSName("api.test")], organization=None
    )
    chain = tmp_path / "leaf.pem"
    chain.write_bytes(made.key.read_bytes().partition(b"-----BEGIN CERT")[0] + entry.cert.to_pem())
    server_side, client_side = socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    client = ssl.create_default_context(
        cafile=str(made.bundle) if trust == "bundle" else None, capath=str(made.hashed) if trust == "hashed" else None
    )
    assert client.verify_flags & ssl.VERIFY_X509_STRICT
    served: list[bytes] = []

    def serve() -> None:
        with server.wrap_socket(server_side, server_side=True) as wrapped:
            served.append(wrapped.recv(5))

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(client_side, server_hostname="api.test") as wrapped:
        wrapped.sendall(b"hello")
    thread.join()
    assert served == [b"hello"]


def test_an_authority_is_never_overwritten(tmp_path: Path):
    made = ca.create(tmp_path, time.time)
    before = made.key.read_bytes()
    with pytest.raises(ConfigError, match="there is an authority already"):
        ca.create(tmp_path, time.time)
    assert made.key.read_bytes() == before


def test_a_renewed_authority_replaces_the_old_certificate_everywhere(tmp_path: Path):
    made = ca.create(tmp_path, time.time)
    before = ca.export(tmp_path)
    made.key.unlink()
    ca.create(tmp_path, time.time)
    assert ca.export(tmp_path) != before
    assert [file.read_text() for file in made.hashed.iterdir()] == [ca.export(tmp_path)]


def test_a_new_authority_is_valid_for_a_year(tmp_path: Path):
    ca.create(tmp_path, time.time)
    assert 364 <= (ca.check(tmp_path, time.time) - datetime.now(UTC)).days <= 365


@pytest.mark.parametrize(("days", "told"), [(400, "expired"), (-10, "not valid yet")])
def test_an_authority_out_of_its_time_says_so(tmp_path: Path, days: int, told: str):
    ca.create(tmp_path, time.time)
    with pytest.raises(ConfigError, match=told):
        ca.check(tmp_path, lambda: time.time() + days * 86400)


def test_a_missing_authority_says_how_to_make_one(tmp_path: Path):
    for use in (lambda: ca.check(tmp_path, time.time), lambda: ca.export(tmp_path)):
        with pytest.raises(ConfigError, match="dlp init"):
            use()


def test_an_authority_that_others_may_read_is_refused(tmp_path: Path):
    ca.create(tmp_path, time.time).key.chmod(0o644)
    with pytest.raises(ConfigError, match="expected mode 600, got 644"):
        ca.check(tmp_path, time.time)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ca.create(tmp_path / name, time.time)
    one, two = (ca.files(tmp_path / name) for name in ("one", "two"))
    right = one.certificate.read_bytes()
    one.certificate.write_bytes(two.certificate.read_bytes())
    with pytest.raises(ConfigError, match="not the certificate in"):
        ca.check(tmp_path / "one", time.time)
    one.certificate.write_bytes(right)
    one.key.write_bytes(two.key.read_bytes().partition(b"-----BEGIN CERT")[0] + right)
    with pytest.raises(ConfigError, match="not that of the certificate"):
        ca.check(tmp_path / "one", time.time)
    one.key.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match="expected a private key and a certificate"):
        ca.check(tmp_path / "one", time.time)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot write the authority"):
        ca.create(tmp_path / "nowhere", time.time)
