"""TLS on both sides of the proxy: certificates for sandboxes from our own authority, verified upstreams.

mitmproxy's own TLS configuration lives in its addons, which read global options and are slow to import. Here a host's
settings are made once and kept.
"""

import ipaddress
import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mitmproxy.connection import Client, Server
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from dlp.core.errors import ConfigError
from dlp.core.ports import Clock

_MOST_HOSTS = 1000
_VALID = timedelta(days=7)
_EARLIER = timedelta(days=2)  # a sandbox's clock may be behind
_RENEW_SECONDS = 86_400.0
_ALPN = (b"h2", b"http/1.1")


class Tls:
    """Makes the TLS connection objects that mitmproxy's layers ask for.

    Raises:
        ConfigError: the authority's file cannot be read.

    """

    def __init__(self, ca_file: Path, upstream_ca: Path | None, clock: Clock) -> None:
        try:
            content = ca_file.read_bytes()
            key = load_pem_private_key(content, None)
            self._authority = x509.load_pem_x509_certificate(content)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{ca_file}: expected the proxy's authority, key and certificate, got {type(error).__name__}; "
                "make one with `dlp init`"
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(
                f"{ca_file}: expected an elliptic key, got {type(key).__name__}; make one with `dlp init`"
            )
        self._authority_key = key
        # One key for all leaves, made anew at each start and never written: handshakes do without the authority's.
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._clock = clock
        self._hosts: dict[str, tuple[SSL.Context, float]] = {}
        self._upstream = _upstream_context(upstream_ca)

    @property
    def hooks(self) -> dict[str, Callable[[Any], object]]:
        """Return the only hooks of mitmproxy that are ever called."""
        return {"tls_start_client": self.start_client, "tls_start_server": self.start_server}

    def start_client(self, start: TlsData) -> None:
        """Begin TLS with a sandbox, under the name its tunnel leads to."""
        address = start.context.server.address
        if not isinstance(start.conn, Client) or address is None:
            msg = "TLS with a sandbox outside of a tunnel"
            raise TypeError(msg)
        connection = SSL.Connection(self._context(address[0]))
        connection.set_accept_state()
        start.ssl_conn = connection

    def start_server(self, start: TlsData) -> None:
        """Begin TLS with an upstream, which must prove its name; HTTP/2 only where the sandbox speaks it too."""
        server = start.conn
        if not isinstance(server, Server) or not server.sni:
            msg = "TLS with an upstream that has no name"
            raise TypeError(msg)
        offers = _ALPN if start.context.client.alpn == b"h2" else _ALPN[1:]
        server.alpn_offers = offers
        connection = SSL.Connection(self._upstream)
        _expect_name(connection, server.sni)
        connection.set_alpn_protos(list(offers))
        connection.set_connect_state()
        start.ssl_conn = connection

    def _context(self, host: str) -> SSL.Context:
        known = self._hosts.get(host)
        now = self._clock()
        if known is not None and known[1] > now:
            return known[0]
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION)
        context.use_certificate(self._certificate(host, datetime.fromtimestamp(now, UTC)))
        context.use_privatekey(self._key)
        context.set_alpn_select_callback(_select)
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        self._hosts[host] = (context, now + _RENEW_SECONDS)
        return context

    def _certificate(self, host: str, now: datetime) -> x509.Certificate:
        authority = self._authority
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
            .issuer_name(authority.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - _EARLIER, authority.not_valid_before_utc))
            .not_valid_after(min(now + _VALID, authority.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(self._authority_key, SHA256())
        )


def _select(_connection: SSL.Connection, offers: list[bytes]) -> Any:
    """Take HTTP/2 where the client offers it, as servers do: some clients name it last."""
    return next((ours for ours in _ALPN if ours in offers), SSL.NO_OVERLAPPING_PROTOCOLS)


def _upstream_context(authorities: Path | None) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION)
    context.set_verify(SSL.VERIFY_PEER, None)
    if authorities is None:
        context.set_default_verify_paths()
    else:
        context.load_verify_locations(str(authorities))
    return context


def _expect_name(connection: Any, name: str) -> None:
    """Have OpenSSL verify that the peer is `name`; pyOpenSSL has no door of its own to this."""
    lib = SSL._lib  # type: ignore[attr-defined] # noqa: SLF001 - the only way, and mitmproxy's
    parameters = lib.SSL_get0_param(connection._ssl)  # noqa: SLF001
    lib.X509_VERIFY_PARAM_set_hostflags(
        parameters, lib.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | lib.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
    )
    try:
        packed = ipaddress.ip_address(name).packed
    except ValueError:
        encoded = name.encode("ascii")
        connection.set_tlsext_host_name(encoded)
        done = lib.X509_VERIFY_PARAM_set1_host(parameters, encoded, len(encoded))
    else:  # no SNI for addresses (RFC 6066, 3)
        done = lib.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed))
    if done != 1:
        msg = "OpenSSL did not take the name to verify"
        raise ValueError(msg)


def bundle_authorities(extra: Iterable[Path], target: Path) -> Path:
    """Write the system's trusted authorities and the operator's own into one file, and return it.

    Raises:
        ConfigError: one of the operator's files cannot be read or holds no certificate.

    """
    default = ssl.get_default_verify_paths().cafile
    texts = [Path(default).read_text(encoding="utf-8")] if default and Path(default).exists() else []
    for path in extra:
        try:
            text = path.read_text(encoding="utf-8")
            x509.load_pem_x509_certificates(text.encode())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"upstream_ca: {path}: expected a file of certificates (PEM), got {type(error).__name__}"
            ) from None
        texts.append(text)
    temporary = target.with_suffix(".new")
    temporary.write_text("\n".join(texts), encoding="utf-8")
    temporary.replace(target)
    return target
