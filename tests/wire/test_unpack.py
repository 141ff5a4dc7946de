"""Reading containers as a worker does."""

import pickle
import zipfile
from io import BytesIO

from dlp.core.message import Kind
from dlp.wire import container
from dlp.wire.container import Packed, Unpacking


def packed(name: str, data: str) -> Packed:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return Packed("zip", out.getvalue(), "/file")


def test_each_container_has_its_own_parts_and_a_broken_one_is_opaque():
    container.warm()
    task = Unpacking((packed("a", "one"), Packed("zip", b"PK\3\4", "/x"), packed("b", "two")))
    assert pickle.dumps(task)
    first, broken, second = task()
    assert [part.text for part in first if part.path == "/file/a"] == ["one"]
    assert [part.kind for part in broken] == [Kind.OPAQUE]
    assert [part.text for part in second if part.path == "/file/b"] == ["two"]


def test_nothing_of_a_container_is_in_what_is_printed():
    assert "secret" not in repr(Unpacking((Packed("zip", b"secret", "/secret"),)))
