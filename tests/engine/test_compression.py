import bz2
import gzip
import io
import lzma
import zipfile
import zlib

import brotli
import pytest
import zstandard

from dlp.engine.compression import decompress

TEXT = b"maria.gonzalez@acme.org and a little more of it"


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", TEXT)
    return out.getvalue()


STREAMS = {
    "gzip": gzip.compress(TEXT),
    "zlib": zlib.compress(TEXT),
    "deflate": zlib.compress(TEXT, wbits=-15),
    "bzip2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zip": zipped(),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_unpacked_and_named(name: str):
    assert decompress(STREAMS[name], 1000) == (TEXT, name)


def test_no_more_is_unpacked_than_was_asked_for():
    plain, _ = decompress(gzip.compress(b"a" * 10_000_000), 100)
    assert plain is not None
    assert len(plain) == 100


def test_what_is_no_stream_is_none():
    assert decompress(b"maria.gonzalez@acme.org", 1000) == (None, "")
