"""`steelyard predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clients.cli.options import Json
from clients.cli.output import emit, note
from steelyard.errors import Invalid


def predict_rows(
    *,
    model: Annotated[Path, Parameter(help="A model's file, as its party exported it.")],
    data: Annotated[Path, Parameter(help="A CSV, Parquet or Excel file with the columns of the model.")],
    schema: Annotated[Path | None, Parameter(help="A TOML file with the columns; else they are inferred.")] = None,
    limit: Annotated[int, Parameter(help="At most so many rows are shown; 0 for all.")] = 0,
    json: Json = False,
) -> None:
    """The probability that the model gives each row of a file, on this machine alone.

    Example: `steelyard predict --model credit.npz --data examples/credit/bank-a/credit.csv --json`
    """
    from steelyard.learning.model import read_model
    from steelyard.learning.table import columns_of
    from steelyard.tables import reader
    from steelyard.tables import schema as schemas

    try:
        found = read_model(model.read_bytes())
    except OSError as error:
        raise Invalid(f"{model}: {error.strerror}") from None
    table = reader.read(data, schemas.load(schema) if schema else None)
    chances = found.predict(columns_of(found.card.features, table))
    rows = [{"row": number, "probability": round(float(p), 6)} for number, p in enumerate(chances, 1)]
    shown = rows[:limit] if limit else rows
    emit({"model": found.card.name, "hash": found.digest.hex(), "rows": shown} if json else shown, json=json)
    if len(shown) < len(rows):
        note(f"{len(rows) - len(shown)} more rows are not shown.")
