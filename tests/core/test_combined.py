"""The names of what the proxy works out."""

from dlp.core.combined import PRESENT, UNTRUSTED, distinct, kind_of, read_data, read_from, traced


def test_a_name_tells_what_it_is_about_and_nobody_else_can_state_it():
    names = [distinct("pii.email"), read_from("hr.pay"), read_data("pay"), traced("amount"), UNTRUSTED, PRESENT, "to"]
    assert [kind_of(name) for name in names] == [
        ("distinct", "pii.email"),
        ("from", "hr.pay"),
        ("data", "pay"),
        ("traced", "amount"),
        ("", ""),
        ("", ""),
        ("", ""),
    ]
    assert all(" " in name for name in names[:-1])
