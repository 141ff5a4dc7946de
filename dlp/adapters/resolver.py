"""Where a name leads, whether a sandbox may be led there, and for how long that answer stands."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from dlp.core.ports import Clock

type Lookup = Callable[[str], Awaitable[tuple[str, ...]]]
"""Resolve a host name to IP addresses; raises OSError."""

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PIN_SECONDS = 60.0
"""How long an answer of the DNS stands; within it a name cannot be rebound."""

_MOST_PINS = 10_000

_DNS_PORTS = frozenset({53, 5353})

# Public addresses behind which clouds serve credentials to whoever asks; link-local ones are refused as such.
_METADATA = frozenset(ipaddress.ip_address(text) for text in ("168.63.129.16",))

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

# What inet_aton takes for a number: "0x7f000001", "2130706433", "127.1", "0177.0.0.1" (WHATWG URL, "ends in a number").
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$")

_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?")


@dataclass(frozen=True, slots=True)
class Pinned:
    """The addresses, all of them permitted, that a name stands for until `expires`."""

    addresses: tuple[tuple[str, int], ...]
    expires: float


@dataclass(frozen=True, slots=True)
class Barred:
    """No connection is made; `why` says so without any address. `retryable` where it was the DNS that failed."""

    why: str
    retryable: bool = False


type Resolution = Pinned | Barred


def public(address: Address) -> bool:
    """Return whether an address lies on the public internet, by itself and by every address embedded in it."""
    if not address.is_global or address.is_multicast or address.is_reserved or address in _METADATA:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _NAT64):
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return all(public(inner) for inner in embedded if inner is not None)


def literal(host: str) -> Address | None:
    """Return the address that `host` is, in its one canonical notation, or None."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


async def system_lookup(host: str) -> tuple[str, ...]:
    """Ask the operating system; every address it knows, once."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _without_asking(host: str, port: int) -> Resolution | None:
    """Return what the host itself tells; None for a name that the DNS has to be asked about."""
    address = literal(host)
    if address is not None:
        if not public(address):
            return Barred("its address is private, link-local, loopback, multicast or otherwise not public")
        return Pinned(((str(address), port),), float("inf"))
    if _ENDS_IN_NUMBER.search(host):
        return Barred("its host is a number that is not a plain IP address")
    return None if _NAME.fullmatch(host) else Barred("its host is not a host name")


class Resolver:
    """Resolves a name once, checks every address it gets, and pins them.

    `hosts` is the operator's own table: name → (address, port or None to keep the port); what it names is permitted
    wherever it leads, and nothing else leads to a private place.
    """

    def __init__(
        self,
        hosts: Mapping[str, tuple[str, int | None]],
        clock: Clock,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._hosts = {name.lower().rstrip("."): target for name, target in hosts.items()}
        self._clock = clock
        self._lookup = lookup
        self._pins: dict[str, Pinned] = {}

    def known(self, host: str, port: int) -> Resolution | None:
        """Return what can be said at once: from the operator's table, an IP literal, or a pin; else None."""
        mapped = self._hosts.get(host)
        if mapped is not None:
            return Pinned(((mapped[0], mapped[1] or port),), float("inf"))
        if port in _DNS_PORTS:
            return Barred("its port is that of the DNS")
        pin = self._pins.get(host)
        if pin is not None and pin.expires > self._clock():
            return Pinned(tuple((address, port) for address, _ in pin.addresses), pin.expires)
        return _without_asking(host, port)

    async def resolve(self, host: str, port: int) -> Resolution:
        """Return where `host` leads; every address must be public, or none is used."""
        known = self.known(host, port)
        if known is not None:
            return known
        try:
            texts = await self._lookup(host)
        except OSError:
            return Barred("its name cannot be resolved", retryable=True)
        addresses = [literal(text.partition("%")[0]) for text in texts]
        if not addresses or not all(address is not None and public(address) for address in addresses):
            return Barred("its name leads to an address that is private, link-local, loopback or otherwise not public")
        if len(self._pins) >= _MOST_PINS:
            self._pins.clear()
        pinned = Pinned(tuple((text, port) for text in texts), self._clock() + PIN_SECONDS)
        self._pins[host] = pinned
        return pinned
