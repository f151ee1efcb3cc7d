"""`steelyard pki`: the authority, certificates, enrolment by one-time token, and a check that explains itself."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography import x509
from cyclopts import App, Parameter

from clients.cli.output import emit, note
from steelyard.errors import Invalid, NotFound, Unauthenticated
from steelyard.identity import certificates, enrolment, files
from steelyard.identity.authority import DEFAULT_DAYS, Authority
from steelyard.identity.certificates import Role
from steelyard.identity.entries import Entry, Joiner, JoinerRole
from steelyard.identity.homes import Home, Layout
from steelyard.identity.inspection import Finding, inspect
from steelyard.identity.local import issue_here, renew_here, renewal_request
from steelyard.identity.tokens import LIFETIME, Tokens

app = App(
    name="pki",
    help="""Certificates and keys of a consortium.

Found one:    `steelyard pki init --dir consortium --consortium riverside`

Let one in:   `steelyard pki token bank-a --dir consortium`, then at bank-a `steelyard pki request bank-a ...`

What is wrong? `steelyard pki check --dir consortium`
""",
)

Directory = Annotated[Path, Parameter(name="--dir", help="Where keys and certificates lie (D).")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, and nothing else, on stdout.")]
Days = Annotated[int, Parameter(help="How long the certificates live.")]
RoleOption = Annotated[
    JoinerRole, Parameter(name="--role", help="What the joiner will be; an owner comes with its node.")
]
Hosts = Annotated[
    tuple[str, ...], Parameter(negative="", name="--host", help="A further name the server is called by; repeatable.")
]
Address = Annotated[str, Parameter(help="host:port of a node or the coordinator.")]
Organisation = Annotated[str, Parameter(help="Whom a requester belongs to.")]


@app.command
def init(*, dir: Directory, consortium: str, json: Json = False) -> None:
    """Makes the authority of a new consortium (once).

    Example: `steelyard pki init --dir consortium --consortium riverside`
    """
    authority = Authority.create(consortium)
    authority.save(Layout(dir).ca)
    emit({"consortium": consortium, "fingerprint": authority.fingerprint}, json=json)
    note("Give ca/ca.pem to every joiner, and read them the fingerprint over the telephone. Keep ca/ca.key offline.")


@app.command
def token(name: str, *, dir: Directory, role: RoleOption = "node", json: Json = False) -> None:
    """Makes a one-time token that lets NAME in; it is shown once.

    Example: `steelyard pki token bank-a --dir consortium > bank-a.token`
    """
    layout = Layout(dir)
    authority = Authority.load(layout.ca)
    text = _tokens(layout).new(Role(role), name)
    emit({"token": text, "role": role, "id": name, "fingerprint": authority.fingerprint} if json else text, json=json)
    note(f"Valid for {LIFETIME.seconds // 60} minutes, for the {role} {name}. Fingerprint: {authority.fingerprint}")


@app.command
def request(
    name: str,
    *,
    dir: Directory,
    ca: Annotated[Path, Parameter(help="The authority's certificate, as you were given it.")],
    fingerprint: Annotated[str, Parameter(help="Its fingerprint, as you were told it on another way.")],
    token_file: Annotated[Path, Parameter(help="The file with the token; - reads stdin.", allow_leading_hyphen=True)],
    out: Annotated[Path, Parameter(help="The enrolment file to send back.")],
    role: RoleOption = "node",
    address: Address = "",
    organisation: Organisation = "",
    host: Hosts = (),
    json: Json = False,
) -> None:
    """Makes NAME's keys here and writes an enrolment file; no key and no token leaves this machine.

    Example: `steelyard pki request bank-a --dir mine --ca ca.pem --fingerprint 5e:ed... --token-file bank-a.token
    --address node.bank-a.example:7000 --out bank-a.enrolment`
    """
    joiner = Joiner(role, name, address, organisation, host)
    authority = files.read(ca, certificates.MAX_CERTIFICATE)
    text = _token(token_file)
    data = enrolment.request(Layout(dir), joiner, token=text, authority=authority, fingerprint=fingerprint)
    files.replace(out, data)
    emit({"enrolment": str(out), "role": role, "id": name}, json=json)
    note("Send this file to the operator before the token expires, then install the admission that comes back.")


@app.command
def admit(
    file: Path,
    *,
    dir: Directory,
    out: Annotated[Path, Parameter(help="The admission file for the joiner.")],
    days: Days = DEFAULT_DAYS,
    host: Hosts = (),
    json: Json = False,
) -> None:
    """Checks an enrolment file, uses its token up and issues the certificates.

    Example: `steelyard pki admit bank-a.enrolment --dir consortium --out bank-a.admission`
    """
    layout = Layout(dir)
    data = files.read(file, enrolment.MAX_FILE)
    admission = enrolment.admit(Authority.load(layout.ca), _tokens(layout), data, hosts=host, days=days)
    files.replace(out, msgspec.json.encode(admission))
    _keep_entry(layout, admission.entry)
    emit({"admission": str(out), **_described(layout, admission.entry)}, json=json)
    note("The manifest has still to admit it: steelyard manifest draft.")


@app.command
def install(file: Path, *, dir: Directory, json: Json = False) -> None:
    """Puts the certificates of an admission beside the keys they are for.

    Example: `steelyard pki install bank-a.admission --dir mine`
    """
    admission = enrolment.read_admission(files.read(file, enrolment.MAX_FILE))
    homes = enrolment.install(Layout(dir), admission)
    emit({"installed": [str(home.path) for home in homes]}, json=json)


@app.command
def issue(
    name: str,
    *,
    dir: Directory,
    role: RoleOption = "node",
    address: Address = "",
    organisation: Organisation = "",
    host: Hosts = (),
    days: Days = DEFAULT_DAYS,
    json: Json = False,
) -> None:
    """Makes keys and certificates of NAME where the authority is; real parties enrol instead.

    Example: `steelyard pki issue analyst --role requester --organisation bank-a --dir consortium`
    """
    layout = Layout(dir)
    entry = issue_here(layout, Authority.load(layout.ca), Joiner(role, name, address, organisation, host), days=days)
    _keep_entry(layout, entry)
    emit(_described(layout, entry), json=json)


@app.command
def renewal(*, home: Path, out: Path, json: Json = False) -> None:
    """Writes a certificate request under the key that HOME has, for an authority on another machine.

    Example: `steelyard pki renewal --home nodes/bank-a --out bank-a.csr`
    """
    files.replace(out, renewal_request(Home(home)))
    emit({"request": str(out)}, json=json)
    note("Send it to the operator with tls.pem, for steelyard pki renew --request FILE --current FILE --out FILE.")


@app.command
def renew(
    *,
    dir: Directory,
    home: Annotated[tuple[Path, ...], Parameter(negative="", help="Only this home; repeatable.")] = (),
    request: Annotated[
        Path | None, Parameter(help="A request from another machine (with --current and --out).")
    ] = None,
    current: Annotated[Path | None, Parameter(help="The certificate that the request renews.")] = None,
    out: Annotated[Path | None, Parameter(help="Where the new certificate goes.")] = None,
    days: Days = DEFAULT_DAYS,
    json: Json = False,
) -> None:
    """Renews certificates under the same keys, so that no manifest changes.

    Example: `steelyard pki renew --dir consortium`
    """
    layout = Layout(dir)
    authority = Authority.load(layout.ca)
    if request and current and out:
        old = certificates.load_certificate(files.read(current, certificates.MAX_CERTIFICATE))
        new = authority.renew(old, files.read(request, certificates.MAX_CERTIFICATE), days=days)
        files.replace(out, certificates.pem(new).encode())
        emit([_lifetime(str(out), new)], json=json)
    elif request or current or out:
        raise Invalid("--request, --current and --out go together")
    else:
        emit([_renewed(each, layout, authority, days) for each in _homes(layout, home)], json=json)


@app.command
def check(
    *,
    dir: Directory | None = None,
    home: Annotated[tuple[Path, ...], Parameter(negative="", help="Only this home; repeatable.")] = (),
    json: Json = False,
) -> None:
    """Explains chain, names, expiry, keys, pins, permissions and clock; fails (7) when one of them is wrong.

    Example: `steelyard pki check --dir consortium`
    """
    layout = Layout(dir or Path())
    findings = [finding for each in _homes(layout, home) for finding in inspect(each, _shown(layout, each))]
    emit(findings, json=json)
    wrong = [each for each in findings if not each.ok]
    if wrong:
        raise Unauthenticated(f"{len(wrong)} of {len(findings)} checks failed, first: {_sentence(wrong[0])}")
    note(f"All {len(findings)} checks passed.")


def _tokens(layout: Layout) -> Tokens:
    return Tokens(layout.ca / "tokens")


def _token(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read(files.MAX_KEY_FILE)
    return files.read(path, files.MAX_KEY_FILE).decode("ascii", "replace")


def _keep_entry(layout: Layout, entry: Entry) -> None:
    path = layout.entry(Role(entry.role), entry.id)
    path.parent.mkdir(exist_ok=True)
    files.replace(path, msgspec.json.format(msgspec.json.encode(entry)))


def _described(layout: Layout, entry: Entry) -> dict[str, str]:
    path = layout.entry(Role(entry.role), entry.id)
    return {"role": entry.role, "id": entry.id, "entry": str(path), "tls": entry.tls, "signing": entry.signing}


def _homes(layout: Layout, only: tuple[Path, ...]) -> list[Home]:
    homes = [Home(path) for path in only] or list(layout.homes())
    if not homes:
        raise NotFound("there are no keys in this directory; it should be one that pki or local made")
    return homes


def _shown(layout: Layout, home: Home) -> str:
    inside = home.path.is_relative_to(layout.root)
    return str(home.path.relative_to(layout.root) if inside else home.path)


def _renewed(home: Home, layout: Layout, authority: Authority, days: int) -> dict[str, str]:
    renew_here(home, authority, days=days)
    return _lifetime(_shown(layout, home), home.certificate())


def _lifetime(name: str, certificate: x509.Certificate) -> dict[str, str]:
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return {
        "certificate": name,
        "expires": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "days": f"{left.total_seconds() / 86400:.1f}",
    }


def _sentence(finding: Finding) -> str:
    return f"{finding.home}, {finding.check}: {finding.explanation}"
