import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.adapters.resolver import PIN_SECONDS, Barred, Pinned, Resolver, literal, public


class Dns:
    """Gives one answer after another, and keeps what it was asked."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> tuple[str, ...]:
        """Resolve a name."""
        self.asked.append(host)
        if not self.answers:
            raise OSError
        return self.answers.pop(0)


def resolver(
    dns: Dns, hosts: dict[str, tuple[str, int | None]] | None = None, now: list[float] | None = None
) -> Resolver:
    clock = now or [0.0]
    return Resolver(hosts or {}, lambda: clock[0], dns)


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_public(text: str):
    assert public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"),  # noqa: S104
        *("100.64.0.1", "100.100.100.200", "224.0.0.1", "239.1.1.1", "168.63.129.16", "198.18.0.1", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_everything_else_is_not(text: str):
    assert not public(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_an_address_that_is_not_public_is_not_so_inside_another_either(address: Any):
    packed = int(address)
    assert not public(ipaddress.IPv6Address((0xFFFF << 32) | packed))
    assert not public(ipaddress.IPv6Address((0x64FF9B << 96) | packed))
    assert not public(ipaddress.IPv6Address((0x2002 << 112) | (packed << 80)))


@given(st.text())
def test_whatever_the_host_says_it_is_answered_or_looked_up(text: str):
    known = resolver(Dns()).known(text, 443)
    assert known is None or isinstance(known, Pinned | Barred)


def test_only_the_canonical_notation_is_an_address():
    assert literal("127.0.0.1") == ipaddress.ip_address("127.0.0.1")
    assert literal("[::1]") == ipaddress.ip_address("::1")
    assert literal("0177.0.0.1") is None


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "example.0x10", "1.2.3.4.5", "a b"]
)
def test_a_number_that_is_no_plain_address_is_barred_without_asking(host: str):
    dns = Dns(("93.184.216.34",))
    assert isinstance(asyncio.run(resolver(dns).resolve(host, 80)), Barred)
    assert dns.asked == []


def test_the_operators_table_comes_first_and_may_change_the_port():
    table: dict[str, tuple[str, int | None]] = {"Inside.Test": ("127.0.0.1", 8443), "same.test": ("10.0.0.1", None)}
    asked = resolver(Dns(), table)
    assert asked.known("inside.test", 443) == Pinned((("127.0.0.1", 8443),), float("inf"))
    assert asked.known("same.test", 443) == Pinned((("10.0.0.1", 443),), float("inf"))


def test_one_private_address_among_public_ones_bars_the_name():
    found = asyncio.run(resolver(Dns(("93.184.216.34", "10.0.0.1"))).resolve("mixed.test", 443))
    assert isinstance(found, Barred)


def test_a_pin_stands_for_its_time_and_the_name_is_asked_for_again_after_it():
    now = [0.0]
    dns = Dns(("93.184.216.34",), ("127.0.0.1",))
    asked = resolver(dns, now=now)
    first = asyncio.run(asked.resolve("name.test", 443))
    now[0] = PIN_SECONDS - 1
    second = asyncio.run(asked.resolve("name.test", 80))
    now[0] = PIN_SECONDS + 1
    third = asyncio.run(asked.resolve("name.test", 443))
    assert isinstance(first, Pinned)
    assert isinstance(second, Pinned)
    assert (first.addresses, second.addresses) == ((("93.184.216.34", 443),), (("93.184.216.34", 80),))
    assert isinstance(third, Barred)
    assert dns.asked == ["name.test"] * 2


def test_a_name_that_cannot_be_resolved_may_be_tried_again():
    assert asyncio.run(resolver(Dns()).resolve("gone.test", 443)) == Barred(
        "its name cannot be resolved", retryable=True
    )


def test_no_reason_names_an_address():
    found = asyncio.run(resolver(Dns(("10.9.8.7",))).resolve("inside.test", 443))
    assert isinstance(found, Barred)
    assert "10.9.8.7" not in found.why


@pytest.mark.parametrize("port", [53, 5353])
def test_the_dns_itself_is_no_destination(port: int):
    assert isinstance(resolver(Dns(("93.184.216.34",))).known("name.test", port), Barred)
