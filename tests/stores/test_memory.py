from dlp.stores.memory import MemoryStore


def test_two_stores_in_memory_share_nothing():
    one, two = MemoryStore(), MemoryStore()
    one.add("s", "seen", [b"a"])
    assert two.members("s", "seen") == set()
