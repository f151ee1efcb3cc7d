"""What an older version of this program left unsealed is sealed at the first start, each thing in one transaction.

On flash storage the old blocks may stay readable for a while after their file is gone: an encrypted disk helps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl
import structlog

from node.blobs import Blobs
from node.computations import seal_noise
from node.datasets import keyed
from node.keyring import OWN
from steelyard.errors import StoreFault
from steelyard.storage.database import Database
from steelyard.vault.vault import Vault

_OPEN: Final = ".table"
_log = structlog.get_logger(__name__)


def seal_rows_of_before(database: Database, vault: Vault) -> None:
    """Noise keys, and digests of datasets, which anybody could compare with a guess."""
    if vault.has(OWN):
        return
    with database.transaction():
        vault.create(OWN)
        for computation, noise in database.query("SELECT id, noise FROM computations"):
            sealed = seal_noise(vault, computation, noise)
            database.execute("UPDATE computations SET noise = ? WHERE id = ?", (sealed, computation))
        for name, content in database.query("SELECT name, content FROM dataset_version"):
            database.execute(
                "UPDATE dataset_version SET content = ? WHERE name = ? AND content = ?",
                (keyed(vault, content), name, content),
            )


def seal_blobs_of_before(database: Database, blobs: Blobs, folder: Path) -> None:
    """Datasets that lie open in `folder`.  Raises StoreFault for one that is missing or damaged."""
    if not folder.is_dir():
        return
    for name, blob in database.query("SELECT name, blob FROM dataset"):
        if not blob.endswith(_OPEN):
            continue
        sealed = blobs.write(name, _frame(folder / blob, name))
        database.execute("UPDATE dataset SET blob = ? WHERE name = ? AND blob = ?", (sealed, name, blob))
        _log.info("sealed", dataset=name)
    for file in folder.glob(f"*{_OPEN}*"):
        file.unlink()


def _frame(path: Path, dataset: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        raise StoreFault.because(
            f"{path}, the unsealed rows of dataset {dataset} from an older version, is missing or damaged: put it back"
        ) from None
