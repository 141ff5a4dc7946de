import io

import pytest
from PIL import Image

from dlp.engine.pictures import pixels


def png(mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (7, 5)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_a_picture_is_one(mode: str):
    assert pixels(png(mode)) is not None


NOISE = bytes((37 * number * number + 11) % 256 for number in range(40))
BROKEN = {
    "nothing": b"",
    "another kind": b"GIF89a",
    "something behind it": png() + NOISE[:16],
    "cut off": png()[:-1],
    "noise for pixels": png()[:40] + NOISE,
    "a chunk of text": png().replace(b"IDAT", b"teXt"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_more_or_less_than_a_picture_is_none(name: str):
    assert pixels(BROKEN[name]) is None
