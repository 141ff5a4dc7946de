"""What an exchange gives back: nothing of it is printed."""

from dlp.testing.exchange import Heard, Told


def test_what_was_seen_and_received_stays_out_of_reprs():
    assert "secret" not in repr(Heard(passed=True, seen=b"secret", body=b"secret"))
    assert "secret" not in repr(Told(b"secret", b"secret"))
