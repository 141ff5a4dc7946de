"""The proxy's certificate authority: made once by `dlp init`, trusted by sandboxes only."""

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from dlp.core.errors import ConfigError
from dlp.core.ports import Clock

_VALID = timedelta(days=365)
_EARLIER = timedelta(days=2)  # a sandbox's clock may be behind


@dataclass(frozen=True, slots=True)
class Files:
    """Where an authority is kept, below the state folder.

    `confdir` holds key and certificate as mitmproxy reads them, for the owner only. The others are public: the
    certificate, the same as a bundle that replaces a client's own, and a folder of it as OpenSSL looks one up.
    """

    confdir: Path
    certificate: Path
    bundle: Path
    hashed: Path

    @property
    def key(self) -> Path:
        """The private key with the certificate."""
        return self.confdir / "mitmproxy-ca.pem"


def files(state: Path) -> Files:
    """Return where the authority below `state` is kept."""
    state = state.absolute()
    return Files(state / "ca", state / "ca-cert.pem", state / "ca-bundle.pem", state / "ca-certs")


def create(state: Path, clock: Clock) -> Files:
    """Make a new authority below `state`, valid for a year.

    Raises:
        ConfigError: there is one already, or its files cannot be written.

    """
    made = files(state)
    if made.key.exists():
        raise ConfigError(f"{made.key}: there is an authority already; sandboxes trust it, so move it away to renew it")
    # Elliptic, because every intercepted TLS handshake signs with this key: P-256 signs ~20 times as fast as RSA 2048.
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, datetime.fromtimestamp(clock(), UTC))
    public = certificate.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    subject_hash = crypto.X509.from_cryptography(certificate).subject_name_hash()
    try:
        made.confdir.mkdir(mode=0o700, exist_ok=True)
        made.hashed.mkdir(mode=0o755, exist_ok=True)
        for old in made.hashed.iterdir():
            old.unlink()
        for path in (made.certificate, made.bundle, made.hashed / f"{subject_hash:08x}.0"):
            path.write_bytes(public)
        with os.fdopen(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret + public)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot write the authority: {error.strerror}") from error
    return made


def check(state: Path, clock: Clock) -> datetime:
    """Return when the authority below `state` ends, after looking at everything that uses it.

    Raises:
        ConfigError: it is missing, open to others, expired, not yet valid, or its files do not belong together.

    """
    made = files(state)
    try:
        mode = made.key.stat().st_mode & 0o777
        content = made.key.read_bytes()
        public = made.certificate.read_bytes()
        bundle = made.bundle.read_bytes()
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot read the authority: {error.strerror}; run `dlp init`") from error
    if mode & 0o077:
        raise ConfigError(f"{made.key}: expected mode 600, got {mode:o}; if nobody read it: chmod 600 {made.key}")
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{made.key}: expected a private key and a certificate in PEM; move it, run `dlp init`"
        ) from error
    if key.public_key() != certificate.public_key():
        raise ConfigError(f"{made.key}: the private key is not that of the certificate; move it away, run `dlp init`")
    if not public == bundle == certificate.public_bytes(Encoding.PEM):
        raise ConfigError(f"{made.certificate}: not the certificate in {made.key}, or the bundle differs; copy it anew")
    now = datetime.fromtimestamp(clock(), UTC)
    ends = certificate.not_valid_after_utc
    if not certificate.not_valid_before_utc <= now < ends:
        what = "expired" if now >= ends else "not valid yet: is the clock right?"
        raise ConfigError(f"{made.key}: the authority is {what}; to renew it, move it away and run `dlp init`")
    return ends


def export(state: Path) -> str:
    """Return the authority's certificate in PEM.

    Raises:
        ConfigError: there is none.

    """
    path = files(state).certificate
    try:
        pem = path.read_text("ascii")
        ssl.PEM_cert_to_DER_cert(pem)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a certificate in PEM; run `dlp init`") from error
    return pem


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            # Two authorities of one name would be taken for one another by clients that trust both.
            x509.NameAttribute(NameOID.COMMON_NAME, f"dlp proxy {serial:x}"[:26]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dlp"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .serial_number(serial)
        .subject_name(name)
        .issuer_name(name)
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _VALID)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
