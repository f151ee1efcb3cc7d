"""`host:port`, and the host names a certificate for it carries."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from cryptography import x509

from steelyard.errors import Invalid

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_BRACKETED = re.compile(r"\[([0-9a-fA-F:.]+)\]")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1")


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` (an IPv6 host stands in brackets); raises Invalid."""
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise Invalid(f"{address[:80]!r} is no address: it has the form host:port")
    bracketed = _BRACKETED.fullmatch(host)
    return check_host(bracketed[1] if bracketed else host), int(port)


def check_host(host: str) -> str:
    """`host`, if it is a DNS name or an IP address; raises Invalid otherwise."""
    if _ip(host) is None and not (len(host) <= 253 and all(_LABEL.fullmatch(each) for each in host.split("."))):
        raise Invalid(f"{host[:80]!r} is neither a host name nor an IP address")
    return host


def hosts_of(address: str, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """The names a server at `address` is called by, sorted; a server on this machine also answers to `localhost`."""
    host, _ = split(address)
    local = _LOOPBACK_NAMES if _is_local(host) else ()
    return tuple(sorted({host, *local, *(check_host(each) for each in extra)}))


def general_name(host: str) -> x509.GeneralName:
    """The host as a subject alternative name: an IP address or a DNS name."""
    address = _ip(host)
    return x509.DNSName(check_host(host)) if address is None else x509.IPAddress(address)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    address = _ip(host)
    return host == "localhost" if address is None else address.is_loopback
