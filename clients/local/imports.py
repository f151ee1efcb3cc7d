"""`DATA/PARTY/DATASET.csv` and the schemas beside them: which owner imports what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.sdk.client import Client
from clients.sdk.deadlines import Deadline
from clients.sdk.desk import Desk
from clients.sdk.owner import Owner
from clients.sdk.profile import Profile
from clients.sdk.records import OwnedDataset
from steelyard.errors import Invalid, NotFound, SteelyardError
from steelyard.ids import identifier

ENDINGS: Final = (".csv", ".parquet", ".xlsx")
_AT_ONCE: Final = 8
_SHOWN_SECONDS: Final = 4.0  # an owner's policy may keep a dataset from being described at all
_PAUSE: Final = 0.1
_SCHEMA: Final = ".schema.toml"


@dataclass(frozen=True, slots=True)
class Import:
    """One file that becomes one party's dataset; `schema` is None when the node is to infer it."""

    party: str
    dataset: str
    file: Path
    schema: Path | None


def plan_imports(data: Path, parties: Sequence[str], report: Callable[[str], None]) -> list[Import]:
    """What there is to import; raises NotFound when there is nothing, Invalid for a file that names no dataset.

    `report` hears of folders that belong to no party.
    """
    if not data.is_dir():
        raise NotFound(f"there is no directory {data}")
    strangers = sorted(each.name for each in data.iterdir() if each.is_dir() and each.name not in parties)
    if strangers:
        report(f"Not imported, because no such party is here: {', '.join(strangers)}")
    found = [each for party in parties for each in _of(data, party)]
    if not found:
        raise NotFound(f"{data} holds no file such as {parties[0]}/accounts.csv for any party")
    return found


def import_all(profile: Profile, imports: Sequence[Import]) -> list[tuple[Import, OwnedDataset]]:
    """Imports in parallel; raises the first error, with the messages of all when every one is about bad input."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda each: _import(profile, each), imports))
    errors = [each for each in outcomes if isinstance(each, SteelyardError)]
    if errors and all(isinstance(each, Invalid) for each in errors):
        raise Invalid("\n".join(each.message for each in errors), party=errors[0].party)
    if errors:
        raise errors[0]
    stored = [each for each in outcomes if isinstance(each, OwnedDataset)]
    return list(zip(imports, stored, strict=True))


def await_shown(profile: Profile, imports: Sequence[Import]) -> None:
    """Until the coordinator has heard of the datasets, so that `--group-by` knows their groups; not for long."""
    wanted = {(each.party, each.dataset) for each in imports}
    deadline = Deadline(_SHOWN_SECONDS)
    with Client(Desk(profile)) as client:
        while not deadline.passed:
            if wanted <= {(party.id, dataset.name) for party in client.parties() for dataset in party.datasets}:
                return
            time.sleep(_PAUSE)


def _of(data: Path, party: str) -> Iterator[Import]:
    seen: set[str] = set()
    for file in sorted((data / party).glob("*")):
        if file.suffix.lower() not in ENDINGS or not file.is_file():
            continue
        dataset = identifier(file.stem, "dataset")
        if dataset in seen:
            raise Invalid(f"{party} has two files for the dataset {dataset}")
        seen.add(dataset)
        yield Import(party, dataset, file, _schema(data, party, dataset))


def _schema(data: Path, party: str, dataset: str) -> Path | None:
    """The party's own schema goes before the common one."""
    candidates = [data / party / f"{dataset}{_SCHEMA}", data / f"{dataset}{_SCHEMA}"]
    return next((each for each in candidates if each.is_file()), None)


def _import(profile: Profile, wanted: Import) -> OwnedDataset | SteelyardError:
    try:
        with Owner(profile, wanted.party) as owner:
            return owner.import_dataset(wanted.file, wanted.dataset, wanted.schema)
    except Invalid as error:
        return Invalid(f"{wanted.party}/{error.message}", party=wanted.party)
    except SteelyardError as error:
        return error
