import ssl
from pathlib import Path

from .conftest import Run


def test_the_certificate_is_printed_or_written_and_the_key_never(proxy: Run, folder: Path):
    told = proxy("ca", "export")
    assert told.code == 0
    assert ssl.PEM_cert_to_DER_cert(told.out)
    assert "PRIVATE" not in told.out
    assert proxy("ca", "export", "--out", "ca.pem").out == ""
    assert (folder / "ca.pem").read_text() == told.out


def test_without_an_authority_it_says_how_to_make_one(proxy: Run, folder: Path):
    (folder / "state" / "ca-cert.pem").unlink()
    told = proxy("ca", "export")
    assert (told.code, "dlp init" in told.err) == (2, True)


def test_a_place_that_cannot_be_written_is_an_error(proxy: Run):
    told = proxy("ca", "export", "--out", "/nowhere/ca.pem")
    assert (told.code, "cannot write" in told.err) == (2, True)
