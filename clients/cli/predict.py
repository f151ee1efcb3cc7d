"""`steelyard predict`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from clients.cli.options import Json, Party
from clients.cli.output import emit, note
from steelyard.errors import Invalid

if TYPE_CHECKING:
    from steelyard.learning.records import Feature
    from steelyard.tables.schema import Schema


def predict_rows(
    *,
    model: Annotated[str, Parameter(help="The name of a model at your node, or the file of an exported one.")],
    data: Annotated[Path, Parameter(help="A CSV, Parquet or Excel file with the columns of the model.")],
    schema: Annotated[Path | None, Parameter(help="A TOML file with the columns; else they are inferred.")] = None,
    party: Party = "",
    limit: Annotated[int, Parameter(help="At most so many rows are shown; 0 for all.")] = 0,
    json: Json = False,
) -> None:
    """The probability that the model gives each row of a file, on this machine alone.

    Example: `steelyard predict --model model --data examples/credit/bank-a/credit.csv --json`

    From a file: `steelyard predict --model credit.npz --data examples/credit/bank-a/credit.csv --json`
    """
    from steelyard.learning.model import read_model
    from steelyard.learning.table import columns_of
    from steelyard.tables import reader
    from steelyard.tables import schema as schemas

    found = read_model(_file(model, party))
    table = reader.read(data, schemas.load(schema) if schema else _schema(found.card.features, data))
    chances = found.predict(columns_of(found.card.features, table))
    rows = [{"row": number, "probability": round(float(p), 6)} for number, p in enumerate(chances, 1)]
    shown = rows[:limit] if limit else rows
    emit({"model": found.card.name, "hash": found.digest.hex(), "rows": shown} if json else shown, json=json)
    if len(shown) < len(rows):
        note(f"{len(rows) - len(shown)} more rows are not shown.")


def _file(model: str, party: str) -> bytes:
    """From the disk if it is a path, else from the owner's node."""
    path = Path(model)
    if path.suffix or len(path.parts) > 1 or path.exists():
        try:
            return path.read_bytes()
        except OSError as error:
            raise Invalid(f"{model}: {error.strerror}") from None
    from clients.cli.invocation import open_owners
    from clients.cli.model import keeper

    owner, _ = keeper(open_owners(party), model)
    with owner:
        return owner.export_model(model)


def _schema(features: Sequence[Feature], data: Path) -> Schema | None:
    """Of a CSV file: the model's columns as the model takes them, everything else as text."""
    from steelyard.tables.schema import Column, Schema

    if data.suffix.lower() != ".csv":
        return None
    try:
        with data.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        return None  # the reader says what is wrong
    numbers = {feature.name for feature in features if not feature.groups}
    return Schema(
        columns=tuple(
            Column(name=name, kind="decimal", decimals=6) if name in numbers else Column(name=name, kind="text")
            for name in names
        )
    )
