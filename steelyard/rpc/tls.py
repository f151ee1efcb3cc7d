"""Mutual TLS from an identity folder, and what protects what.

Server side: gRPC demands a client certificate of our authority; the interceptor in `authorisation` then compares its
key with the manifest's pin at every call.  Renewed files are read at the next handshake.

Client side: gRPC for Python shows a client no certificate and has no hook to check one, so a pin needs a detour.
`inspect` makes a TLS connection of its own, verifies authority, host name, dates and pin, and returns the server's
certificate.  The gRPC channel then gets *this one certificate* as its only trust root.  gRPC's TLS accepts a leaf as
the end of a chain, so the later connection succeeds only with that certificate and its key, and the check made before
is binding: another certificate of the same authority, even for the same host, is refused (tests/service/test_tls.py).
The authority alone, a stolen one included, cannot put itself between a client and a pinned server.

What this costs: one more handshake (a few milliseconds) per channel, and a new look when a server renews its
certificate (`channel.PinnedChannel` takes it).  What it gains besides: `inspect` can tell a dead server from one that
rejects us, which gRPC reports alike.  Neither gRPC nor this module checks revocation: certificates live for days, and
pins change at once.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from cryptography import x509

from steelyard.errors import Invalid, SteelyardError, Unauthenticated, Unreachable
from steelyard.identity import addresses, files
from steelyard.identity.certificates import MAX_CERTIFICATE, alternative_names, load_certificate, spki_pin

_NAMES: Final = ("tls.key", "tls.pem", "ca.pem")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to call: its name for messages, `host:port`, and the pin of its key, 64 hexadecimal digits.

    `name` is the host name its certificate must carry, where that is not the one dialled (the probe's).
    """

    who: str
    address: str
    pin: str
    name: str = ""


def server_credentials(home: Path) -> grpc.ServerCredentials:
    """Credentials that demand a client certificate and follow the files in `home` without a restart.

    Raises NotFound or Invalid when the files are not all there and private.
    """
    current = _stamp(home)
    first = _configuration(home)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for every handshake; None keeps what is in use."""
        nonlocal current
        try:
            stamp = _stamp(home)
            if stamp == current:
                return None
            fresh = _configuration(home)
        except (OSError, SteelyardError) as error:
            _log.warning("certificate kept", problem=type(error).__name__)
            return None
        current = stamp
        return fresh

    return grpc.dynamic_ssl_server_credentials(first, fetch, True)  # type: ignore[arg-type]  # it may return None


def inspect(home: Path, endpoint: Endpoint, timeout: float = 3.0) -> bytes:
    """The server's certificate (PEM), verified: our authority, its host name, its dates, its pin.  Blocks.

    Raises Unreachable when nobody answers, Unauthenticated when the server is not who it should be or rejects us, and
    NotFound or Invalid when our own files do not serve.
    """
    host, port = addresses.split(endpoint.address)
    context = _context(home)
    try:
        with _connected(context, host, port, endpoint.name or host, timeout) as secure:
            certificate = secure.getpeercert(binary_form=True) or b""
            _check_pin(certificate, endpoint)
            _await_greeting(secure, endpoint)
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate of {endpoint.who} does not hold: {error.verify_message}"
        raise Unauthenticated(text, party=endpoint.who) from None
    except ssl.SSLError:
        raise Unauthenticated(f"{endpoint.who} and we agree on no TLS connection", party=endpoint.who) from None
    except OSError:
        raise Unreachable(f"{endpoint.who} does not answer at {endpoint.address}", party=endpoint.who) from None
    return ssl.DER_cert_to_PEM_cert(certificate).encode()


def channel_credentials(home: Path, certificate: bytes) -> grpc.ChannelCredentials:
    """Credentials for a channel to the one server with this certificate (PEM, from `inspect`)."""
    key, chain, _ = _read(home)
    return grpc.ssl_channel_credentials(certificate, key, chain)


def own_pin(home: Path) -> str:
    """The pin of the certificate in `home`."""
    return spki_pin(load_certificate(_public(home, "tls.pem")))


def own_names(home: Path) -> list[str]:
    """The DNS names in the certificate in `home`."""
    names = alternative_names(load_certificate(_public(home, "tls.pem")))
    return [each.value for each in names if isinstance(each, x509.DNSName)]


def days_left(home: Path, now: datetime | None = None) -> int:
    """Whole days until the certificate in `home` expires; negative once it has."""
    return (load_certificate(_public(home, "tls.pem")).not_valid_after_utc - (now or datetime.now(UTC))).days


def _await_greeting(secure: ssl.SSLSocket, endpoint: Endpoint) -> None:
    """With TLS 1.3 a client learns that its certificate was rejected only from what comes, or does not, after it."""
    try:
        greeting = secure.recv(1)  # an HTTP/2 server speaks first
    except TimeoutError:
        raise
    except OSError:
        greeting = b""
    if not greeting:
        raise Unauthenticated(f"{endpoint.who} rejects our certificate", party=endpoint.who)


def _check_pin(certificate: bytes, endpoint: Endpoint) -> None:
    if spki_pin(load_certificate(certificate)) != endpoint.pin:
        text = f"whoever answers for {endpoint.who} has another key than the manifest pins"
        raise Unauthenticated(text, party=endpoint.who)


def _connected(context: ssl.SSLContext, host: str, port: int, name: str, timeout: float) -> ssl.SSLSocket:
    """As `socket.create_connection`: the first of the host's addresses that takes the connection."""
    problems = [OSError("no address")]
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return _wrapped(context, socket.socket(family, kind, protocol), address, name, timeout)
        except ssl.SSLError:
            raise
        except OSError as error:  # of a family that this machine does not speak, too
            problems.append(error)
    raise problems.pop()


def _wrapped(context: ssl.SSLContext, plain: socket.socket, address: Any, name: str, timeout: float) -> ssl.SSLSocket:
    """Wraps first and connects then: Python leaks a socket that is reset while it is wrapped."""
    try:
        secure = context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise
    try:
        secure.settimeout(timeout)
        secure.connect(address)
    except BaseException:
        secure.close()
        raise
    return secure


def _context(home: Path) -> ssl.SSLContext:
    """Raises NotFound or Invalid when our own files do not serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    _read(home)  # for what it checks
    try:
        context.load_verify_locations(cadata=_public(home, "ca.pem").decode("ascii", "replace"))
        context.load_cert_chain(home / "tls.pem", home / "tls.key")
    except (OSError, ValueError) as error:
        text = f"the certificates in {home} cannot be used ({type(error).__name__}): steelyard pki check"
        raise Invalid(text) from None
    return context


def _configuration(home: Path) -> grpc.ServerCertificateConfiguration:
    key, chain, authority = _read(home)
    return grpc.ssl_server_certificate_configuration([(key, chain)], authority)


def _read(home: Path) -> tuple[bytes, bytes, bytes]:
    return files.read_private(home / "tls.key"), _public(home, "tls.pem"), _public(home, "ca.pem")


def _public(home: Path, name: str) -> bytes:
    return files.read(home / name, MAX_CERTIFICATE)


def _stamp(home: Path) -> tuple[tuple[int, int, int], ...]:
    statuses = [(home / name).stat() for name in _NAMES]
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in statuses)
