import gzip
import io
import json
from collections.abc import Callable

import pytest

from dlp.bench import bodies

KINDS = [bodies.clean, bodies.with_uuid, bodies.personal, bodies.large, bodies.large_personal]


@pytest.mark.parametrize("make", KINDS)
def test_every_body_is_json_and_different_from_all_others(make: Callable[[int], bytes]):
    made = [make(number) for number in range(40)]
    assert all(json.loads(body) for body in made)
    assert len(set(made)) == 40


@pytest.mark.parametrize("make", [bodies.clean, bodies.with_uuid, bodies.personal])
def test_a_small_body_has_about_a_kilobyte(make: Callable[[int], bytes]):
    assert all(800 < len(make(number)) < 1200 for number in range(500))


@pytest.mark.parametrize("make", [bodies.large, bodies.large_personal])
def test_a_large_body_has_about_a_hundred_kilobytes(make: Callable[[int], bytes]):
    assert 90_000 < len(make(7)) < 110_000


def test_the_same_number_gives_the_same_body():
    assert bodies.personal(5) == bodies.personal(5)


def test_no_personal_value_comes_twice():
    seen = set()
    for number in range(20_000):
        customer = json.loads(bodies.personal(number))["customer"]
        values = [value for key, value in customer.items() if key != "id"]
        assert len(values) == 5
        seen.update(values)
    assert len(seen) == 5 * 20_000


def test_cards_and_accounts_have_right_check_digits():
    for number in range(200):
        customer = json.loads(bodies.personal(number))["customer"]
        digits = [int(digit) for digit in reversed(customer["card"])]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0
        if "iban" in customer:
            turned = customer["iban"][4:] + "1314" + customer["iban"][2:4]
            assert int(turned) % 97 == 1


def test_the_bomb_is_small_and_becomes_three_hundred_megabytes():
    assert len(bodies.bomb()) < 300_000
    with gzip.open(io.BytesIO(bodies.bomb())) as file:
        assert file.seek(0, 2) == 300_000_000


def test_large_bodies_are_json_of_the_size_and_shape_they_are_said_to_be():
    numbers, records = bodies.numbers(), bodies.records()
    assert len(json.loads(numbers)) == 1_000_000
    assert 9_500_000 < len(numbers) < 10_000_000
    assert len(json.loads(records)["tickets"]) == 10_000
    assert 1_500_000 < len(records) < 2_500_000


def test_what_machines_write_is_the_same_in_every_run_and_of_three_kinds():
    given = bodies.machines(3)
    assert given == bodies.machines(3)
    assert given != bodies.machines(4)
    assert [media for media, _ in given] == ["application/json", "text/plain", "text/plain"]
    assert 40_000 < sum(len(body) for _, body in given) < 80_000
