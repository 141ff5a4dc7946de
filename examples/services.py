"""The upstreams of the stories: TLS servers on loopback that keep every byte they receive. Those are the judge."""

import contextlib
import datetime as dt
import io
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self, override

from apis import Data, Received, Service, all_services
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mcp_services import McpServices, all_servers, running_mcp_services


class _Tee(io.RawIOBase):
    """A connection's incoming side that keeps a copy of what is read from it."""

    def __init__(self, incoming: io.RawIOBase, keep: Callable[[bytes], None]) -> None:
        self._incoming = incoming
        self._keep = keep

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # type: ignore[override]
        count = self._incoming.readinto(buffer)
        if count:
            self._keep(bytes(buffer[:count]))
        return count


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, keeps them, answers as the service says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write an answer: headers and body in two would wait for each other's acknowledgement
    timeout = 60
    server: "Upstream"

    @override
    def setup(self) -> None:
        super().setup()
        raw = self.connection.makefile("rb", buffering=0)
        self.rfile = io.BufferedReader(_Tee(raw, self.server.keep))

    def _answer(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, body)
        self.server.requests.append(received)
        answer = self.server.service(received)
        written = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)
        self.wfile.flush()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    do_GET = do_POST = _answer  # noqa: N815 - the standard library's names

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was received is kept, and the report is for people."""


class Upstream(ThreadingHTTPServer):
    """One service on a loopback port. `raw` is every byte it received after TLS, `requests` the same in order, read."""

    daemon_threads = True

    def __init__(self, name: str, service: Service, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.service = service
        self.requests: list[Received] = []
        self._kept: list[bytes] = []
        # The handshake happens in the connection's own thread, with its first read: a slow client holds nobody up.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def raw(self) -> bytes:
        """Everything received so far, over all connections."""
        return b"".join(self._kept)

    def keep(self, piece: bytes) -> None:
        """Keep what a connection received."""
        self._kept.append(piece)

    def forget(self) -> None:
        """Forget what was received, between two stories."""
        self.requests.clear()
        self._kept.clear()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away in the middle is the client's affair."""


@dataclass(frozen=True)
class Services:
    """All upstreams, running; the authority that vouches for them is in the file `authority`."""

    upstreams: Mapping[str, Upstream]
    authority: Path
    data: Data
    mcp: McpServices

    def __getitem__(self, name: str) -> Upstream:
        """Return one upstream by its host name."""
        return self.upstreams[name]

    @property
    def hosts(self) -> dict[str, str]:
        """The proxy's `hosts:`, by name."""
        return {name: f"127.0.0.1:{upstream.server_port}" for name, upstream in self.upstreams.items()}

    def forget(self) -> Self:
        """Forget what was received so far."""
        for upstream in self.upstreams.values():
            upstream.forget()
        self.mcp.forget()
        return self


def make_authority(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """Write a new certificate authority and, signed by it, one certificate for `names`; return both files.

    The second holds its private key as well, in the order that `ssl` reads.
    """
    now = dt.datetime.now(dt.UTC)

    def certificate(subject: str, public: ec.EllipticCurvePublicKey, issuer: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identity = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | dict.fromkeys(("encipher_only", "decipher_only"), False)
    authority = (
        certificate("Demo upstreams", authority_key.public_key(), "Demo upstreams")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identity, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    addresses = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        certificate(names[0], key.public_key(), "Demo upstreams")
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authority_file, leaf_file = folder / "upstream-ca.pem", folder / "upstream.pem"
    authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    leaf_file.touch(mode=0o600)
    leaf_file.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    return authority_file, leaf_file


@contextlib.contextmanager
def running_services(folder: Path) -> Iterator[Services]:
    """Run every service on a loopback port of its own until the block ends; `folder` takes their certificates."""
    data = Data()
    services = all_services(data)
    authority, leaf = make_authority(folder, list(services))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    context.set_alpn_protocols(["http/1.1"])
    upstreams = {name: Upstream(name, service, context) for name, service in services.items()}
    try:
        for upstream in upstreams.values():
            threading.Thread(target=upstream.serve_forever, args=(0.05,), name=upstream.name, daemon=True).start()
        with running_mcp_services(all_servers(data)) as mcp:
            yield Services(upstreams, authority, data, mcp)
    finally:
        for upstream in upstreams.values():
            upstream.shutdown()
            upstream.server_close()
