import ssl
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from mitmproxy.connection import Client, Server

from dlp.adapters import ca
from dlp.adapters.http_tls import Tls, bundle_authorities
from dlp.core.errors import ConfigError


@pytest.fixture
def files(tmp_path: Path):
    return ca.create(tmp_path, time.time)


def leaf(tls: Tls, host: str, files: ca.Files) -> x509.Certificate:
    """Shake hands in memory, as a strict client, and return the certificate that was shown."""
    start: Any = SimpleNamespace(
        conn=Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2)),
        context=SimpleNamespace(server=Server(address=(host, 443))),
        ssl_conn=None,
    )
    tls.start_client(start)
    proxy = start.ssl_conn
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(files.certificate))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    client = context.wrap_bio(incoming, outgoing, server_hostname=host)
    for _ in range(10):
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            proxy.bio_write(outgoing.read())
            try:
                proxy.do_handshake()
            except Exception as error:  # noqa: BLE001 - pyOpenSSL's WantReadError, while the handshake goes on
                assert type(error).__name__ == "WantReadError"  # noqa: PT017
            incoming.write(proxy.bio_read(65536))
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


@pytest.mark.parametrize("host", ["api.test", "127.0.0.1", "a-very-long-label-" + "x" * 40 + ".and-more-of-it.test"])
def test_a_strict_client_accepts_the_certificate_of_its_host(files: ca.Files, host: str):
    shown = leaf(Tls(files.key, None, time.time), host, files)
    assert shown.issuer == x509.load_pem_x509_certificate(files.certificate.read_bytes()).subject


def test_the_authoritys_own_key_is_not_shown_in_handshakes(files: ca.Files):
    shown = leaf(Tls(files.key, None, time.time), "api.test", files)
    authority = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert shown.public_key() != authority.public_key()


def test_no_certificate_outlives_the_authority(files: ca.Files):
    authority = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    late = authority.not_valid_after_utc.timestamp() - 3600
    shown = Tls(files.key, None, lambda: late)._certificate("api.test", authority.not_valid_after_utc)
    assert shown.not_valid_after_utc <= authority.not_valid_after_utc


def test_a_hosts_settings_are_made_once_a_day(files: ca.Files):
    now = [time.time()]
    tls = Tls(files.key, None, lambda: now[0])
    first = tls._context("api.test")
    assert tls._context("api.test") is first
    now[0] += 90_000
    assert tls._context("api.test") is not first


def test_an_upstream_without_a_name_is_not_greeted(files: ca.Files):
    start: Any = SimpleNamespace(conn=Server(address=None), context=None, ssl_conn=None)
    with pytest.raises(TypeError):
        Tls(files.key, None, time.time).start_server(start)
    assert start.ssl_conn is None


@pytest.mark.parametrize("content", [None, b"", b"not a key"])
def test_a_missing_authority_stops_the_start_with_what_to_do(tmp_path: Path, content: bytes | None):
    path = tmp_path / "mitmproxy-ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="dlp init"):
        Tls(path, None, time.time)


def test_the_operators_authorities_join_the_systems(tmp_path: Path, authority: Any):
    target = bundle_authorities([authority.file], tmp_path / "all.pem")
    together = target.read_text(encoding="utf-8")
    assert authority.file.read_text(encoding="utf-8") in together
    assert together.count("BEGIN CERTIFICATE") > 1


def test_a_file_that_holds_no_authority_is_named(tmp_path: Path):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong\.pem"):
        bundle_authorities([wrong], tmp_path / "all.pem")
