"""Somebody tries to talk to a server of the consortium; run in a container, fed through standard input.

Arguments: host, port, and with what: nothing, `self-made` for a certificate that carries a member's name but that
nobody issued, or the folder of somebody's tls.pem and tls.key.  Prints what came of it and exits with 0 when the server
spoke to us, 1 when it refused, 2 when it was not reached at all.
"""

from __future__ import annotations

import socket
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TIMEOUT = 10.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # HTTP/2 and empty SETTINGS


def main(host: str, port: str, holding: str = "") -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # a stranger cares not whom it talks to
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if holding == "self-made":
        _self_made(context)
    elif holding:
        context.load_cert_chain(Path(holding) / "tls.pem", Path(holding) / "tls.key")
    try:
        connection = socket.create_connection((host, int(port)), TIMEOUT)
    except OSError as error:
        print(f"unreached {type(error).__name__}")
        return 2
    with connection:
        return _talk(context, connection)


def _talk(context: ssl.SSLContext, connection: socket.socket) -> int:
    """With TLS 1.3 the refusal arrives after our side of the handshake is done: with the first bytes read."""
    try:
        with context.wrap_socket(connection) as secure:
            secure.sendall(PREFACE)
            answered = bool(secure.recv(1))
    except TimeoutError:
        print("unreached silent")
        return 2
    except ssl.SSLError as error:
        print(f"refused {error.reason}")
        return 1
    except ConnectionError as error:
        print(f"refused {type(error).__name__}")
        return 1
    print("answered" if answered else "refused closed")
    return 0 if answered else 1


def _self_made(context: ssl.SSLContext) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank-a")])
    uri = x509.UniformResourceIdentifier("spiffe://local/node/bank-a")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "self-made.pem"
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
