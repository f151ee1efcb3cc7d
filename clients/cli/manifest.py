"""`steelyard manifest`: draft, sign, show, verify and adopt the document that says who belongs to the consortium."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from clients.cli.output import emit, note
from clients.cli.pki import Directory, Json
from steelyard import records
from steelyard.errors import Invalid, Malformed
from steelyard.identity import certificates, drafts, files, keys
from steelyard.identity.authority import authority_consortium
from steelyard.identity.chain import ManifestChain, ManifestVersion, load_versions, save_versions
from steelyard.identity.entries import Entry
from steelyard.identity.homes import MAX_PIN, Layout
from steelyard.identity.local import adopt_everywhere

MAX_ENTRY = 1 << 14

app = App(
    name="manifest",
    help="""Who belongs to the consortium, under which keys: signed by every organisation, pinned by everybody.

Draft it:        `steelyard manifest draft --dir consortium --threshold 2 --out draft.json`

Each one signs:  `steelyard manifest sign draft.json --organisation bank-a --key organisation.key`

Everybody checks: `steelyard manifest verify draft.json --pin DIGEST`
""",
)

Pin = Annotated[str, Parameter(help="Digest of version 1, or the file that holds it.")]


@app.command
def draft(
    *,
    dir: Directory,
    out: Path,
    threshold: int | None = None,
    minimum_group: int | None = None,
    entry: Annotated[tuple[Path, ...], Parameter(negative="", help="An entry to add or replace; repeatable.")] = (),
    remove: Annotated[
        tuple[str, ...], Parameter(negative="", help="An organisation or requester that leaves; repeatable.")
    ] = (),
    json: Json = False,
) -> None:
    """Drafts the next version: the first from D/entries, a later one from D/manifest.json and what changes.

    Example: `steelyard manifest draft --dir consortium --threshold 2 --out draft.json`
    """
    layout = Layout(dir)
    if (dir / "manifest.json").exists():
        entries = [_entry(path) for path in entry]
        versions = drafts.following(
            layout.shared.chain(), entries, removed=remove, threshold=threshold, minimum_group=minimum_group
        )
    else:
        versions = _first(layout, entry, remove, threshold, minimum_group)
    save_versions(versions, out)
    _report(versions, drafts.missing(versions, versions[0].digest), json)


@app.command
def sign(
    file: Path,
    *,
    organisation: str,
    key: Annotated[Path, Parameter(help="The organisation's own key (organisation.key).")],
    pin: Pin = "",
    json: Json = False,
) -> None:
    """Adds one organisation's signature to a draft; look at it first with `manifest show`.

    Example: `steelyard manifest sign draft.json --organisation bank-a --key organisation.key`
    """
    digest = _pin(pin)
    versions = drafts.sign(load_versions(file), organisation, keys.load_signing_key(key), digest)
    save_versions(versions, file)
    _report(versions, drafts.missing(versions, digest), json)


@app.command
def show(file: Path, *, json: Json = False) -> None:
    """Shows the last version in a manifest file or draft, as it stands; only `verify` says whether to believe it.

    Example: `steelyard manifest show draft.json`
    """
    version = _last(load_versions(file))
    manifest = version.manifest
    if json:
        emit({"digest": version.digest, "manifest": manifest}, json=True)
        return
    emit(
        {
            "consortium": manifest.consortium,
            "version": manifest.version,
            "digest": version.digest,
            "threshold": f"{manifest.threshold} of {len(manifest.nodes)}",
            "minimum group": manifest.minimum_group,
            "signatures": [each.signer for each in version.signatures],
            "requesters": [f"{each.id} ({each.organisation})" for each in manifest.requesters],
            "coordinator": f"{manifest.coordinator.id} at {manifest.coordinator.address}",
        },
        json=False,
    )
    emit([{"party": node.party, "point": node.point, "address": node.address} for node in manifest.nodes], json=False)


@app.command
def verify(file: Path, *, pin: Pin, json: Json = False) -> None:
    """Verifies every version from the pinned digest on: links, rules and the signatures of all organisations.

    Example: `steelyard manifest verify manifest.json --pin 5eed...`
    """
    _verified(ManifestChain.load(file, _pin(pin)), json)


@app.command
def adopt(file: Path, *, dir: Directory, pin: Pin = "", json: Json = False) -> None:
    """Verifies a fully signed manifest and puts it into D and every home in it; never goes back to an older one.

    Example: `steelyard manifest adopt draft.json --dir consortium --pin 5eed...`
    """
    layout = Layout(dir)
    held = layout.shared
    if not pin and not (held.path / "pin").exists():
        raise Invalid("the first manifest needs --pin: the digest that people compared")
    chain = ManifestChain.load(file, _pin(pin) or held.pin())
    adopt_everywhere(layout, chain)
    _verified(chain, json)
    note("Restart the node or the coordinator that runs here: programs read the manifest when they start.")


def _first(
    layout: Layout,
    paths: tuple[Path, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    minimum_group: int | None,
) -> tuple[ManifestVersion, ...]:
    if threshold is None or remove:
        raise Invalid("the first version needs --threshold and removes nobody")
    authority = certificates.load_certificate(files.read(layout.ca / "ca.pem", certificates.MAX_CERTIFICATE))
    entries = [_entry(path) for path in paths or sorted((layout.root / "entries").glob("*.json"))]
    consortium, fingerprint = authority_consortium(authority), certificates.fingerprint(authority)
    return drafts.first(consortium, fingerprint, entries, threshold=threshold, minimum_group=minimum_group)


def _entry(path: Path) -> Entry:
    try:
        return records.from_json(files.read(path, MAX_ENTRY), Entry)
    except records.DecodeError:
        raise Malformed(f"{path.name} is no entry of a joiner") from None


def _pin(text: str) -> str:
    """The digest itself, or the one in the file of that name."""
    if text and Path(text).is_file():
        return files.read(Path(text), MAX_PIN).decode("ascii", "replace").strip()
    return text


def _last(versions: tuple[ManifestVersion, ...]) -> ManifestVersion:
    if not versions:
        raise Malformed("this manifest file is empty")
    return versions[-1]


def _report(versions: tuple[ManifestVersion, ...], missing: tuple[str, ...], json: bool) -> None:
    last = _last(versions)
    version = last.manifest.version
    emit({"version": version, "digest": last.digest, "pin": versions[0].digest, "missing": missing}, json=json)
    note("Compare the digest with the other organisations before anybody signs.")
    note(f"Still to sign: {', '.join(missing)}" if missing else "Everybody has signed: steelyard manifest adopt.")


def _verified(chain: ManifestChain, json: bool) -> None:
    current = chain.current
    emit(
        {
            "consortium": current.consortium,
            "version": current.version,
            "digest": current.digest,
            "pin": chain.pin,
            "threshold": current.threshold,
            "parties": current.parties,
        },
        json=json,
    )
