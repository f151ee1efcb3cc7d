"""The node's datasets: atomic imports, stable versions, exact sums."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from node import groups, migrations, plain
from node.blobs import Blobs
from node.config import VaultConfig
from node.datasets import Datasets
from node.keyring import open_vault
from node.upgrade import seal_blobs_of_before, seal_rows_of_before
from scripts import make_examples
from steelyard.errors import Conflict, Failed, Invalid, NotFound, StoreFault
from steelyard.ids import PartyId
from steelyard.storage.database import Database
from steelyard.tables import schema
from steelyard.tables.filter import Filter, parse
from steelyard.tables.reader import Table
from steelyard.tables.schema import BOUND
from steelyard.vault.unit import Unit
from steelyard.vault.vault import SUFFIX, Vault

SCHEMA = schema.parse(make_examples.SCHEMA)
ROWS = "account,segment,opened,balance\na,retail,2020-01-02,1.50\nb,public,2020-01-03,-2\nc,retail,2020-01-04,4\n"
EVERYTHING = Filter()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "node.db", migrations.FOLDER)
    yield database
    database.close()


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> Vault:
    opened = open_vault(VaultConfig(folder=str(tmp_path / "keys")), PartyId("bank-a"), database, tmp_path / "vault")
    seal_rows_of_before(database, opened)
    return opened


@pytest.fixture
def datasets(database: Database, vault: Vault) -> Datasets:
    return Datasets(database, vault, Blobs(vault, 1 << 20))


def csv(tmp_path: Path, text: str = ROWS) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    return path


def numbers(values: list[int]) -> Table:
    declared = schema.parse("[columns.n]\ntype='integer'")
    return Table(declared, pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)}))


def files(tmp_path: Path) -> list[str]:
    """The sealed files of datasets."""
    return sorted(each.name for each in (tmp_path / "vault").iterdir())


def kept(vault: Vault, tmp_path: Path) -> list[str]:
    """The blobs there are, each with one file and no file besides."""
    found = [unit.version for unit in vault.units("dataset")]
    assert len(files(tmp_path)) == len(found)
    return found


def test_an_import_is_listed_and_described(datasets: Datasets, tmp_path: Path) -> None:
    imported = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=7)
    assert datasets.list() == [imported]
    assert (imported.name, imported.rows, imported.imported_ms, imported.schema) == ("accounts", 3, 7, SCHEMA)
    assert len(imported.version) == 32


def test_files_are_the_owners_and_say_nothing_by_their_names(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), now_ms=7)
    (name,) = files(tmp_path)
    assert len(name) == 32 + len(f".rows{SUFFIX}")
    assert "accounts" not in name
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "vault" / name).stat().st_mode) == 0o600


def test_the_same_rows_keep_their_version_for_ever(datasets: Datasets, tmp_path: Path) -> None:
    first = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    again = datasets.import_file("accounts", csv(tmp_path, ROWS.replace("1.50", "1.5")), SCHEMA, now_ms=2)
    assert (again.version, again.blob, again.imported_ms) == (first.version, first.blob, 2)
    other = datasets.import_file("accounts", csv(tmp_path, ROWS.replace("1.50", "1.51")), SCHEMA, now_ms=3)
    assert other.version != first.version
    datasets.delete("accounts")
    assert datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=4).version == first.version


@pytest.mark.parametrize(
    "changed",
    [
        ROWS.replace("retail", "corporate", 1),
        ROWS.replace("2020-01-02", "2020-01-05"),
        ROWS.replace("a,retail", "aretail,retail"),
        ROWS + "d,public,2020-01-05,0\n",
        ROWS.replace("account,segment", "account,sector"),
    ],
)
def test_any_other_content_is_a_new_version(datasets: Datasets, tmp_path: Path, changed: str) -> None:
    first = datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    assert datasets.import_file("accounts", csv(tmp_path, changed), now_ms=2).version != first.version


def test_text_does_not_run_from_one_cell_into_the_next(datasets: Datasets, tmp_path: Path) -> None:
    one = datasets.import_file("t", csv(tmp_path, "a\nxy\nz\n"), now_ms=1).version
    assert datasets.import_file("t", csv(tmp_path, "a\nx\nyz\n"), now_ms=2).version != one


def test_a_bad_file_changes_nothing(datasets: Datasets, vault: Vault, tmp_path: Path) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    with pytest.raises(Invalid, match=r"accounts\.csv, line 5, column balance"):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,x\n"), SCHEMA, now_ms=2)
    with pytest.raises(Invalid, match="dataset name"):
        datasets.import_file("no name", csv(tmp_path), now_ms=2)
    assert datasets.list() == [before]
    assert kept(vault, tmp_path) == [before.blob]


def test_a_replaced_dataset_leaves_one_file(datasets: Datasets, vault: Vault, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    new = datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert kept(vault, tmp_path) == [new.blob]
    datasets.delete("accounts")
    assert kept(vault, tmp_path) == []
    with pytest.raises(NotFound):
        datasets.get("accounts")
    with pytest.raises(NotFound):
        datasets.delete("accounts")


def test_a_failing_database_keeps_the_old_dataset(
    datasets: Datasets, database: Database, vault: Vault, tmp_path: Path
) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    database.one("PRAGMA query_only = ON")
    with pytest.raises(Failed):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert kept(vault, tmp_path) == [before.blob]
    assert datasets.totals("accounts", "balance", [EVERYTHING]).sums.tolist() == [350]


def test_what_cannot_be_noted_is_not_imported_and_not_deleted(datasets: Datasets, vault: Vault, tmp_path: Path) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)

    def full(*_: object) -> None:
        raise Failed("the disk is full")

    with pytest.raises(Failed):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2, noted=full)
    with pytest.raises(Failed):
        datasets.delete("accounts", full)
    assert (datasets.list(), kept(vault, tmp_path)) == ([before], [before.blob])


def test_a_failing_disk_keeps_the_old_dataset(
    datasets: Datasets, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Failed, match="No space left"):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert (datasets.list(), kept(vault, tmp_path)) == ([before], [before.blob])


def test_what_a_crash_left_behind_is_swept_at_the_next_start(
    datasets: Datasets, database: Database, vault: Vault, tmp_path: Path
) -> None:
    stored = datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    blobs = Blobs(vault, 0)
    blobs.write("accounts", numbers([1]).frame)  # no row of a dataset will name it
    (tmp_path / "vault" / f"{'0' * 32}.rows{SUFFIX}").write_bytes(b"no row of the vault names it")
    (tmp_path / "vault" / f"{files(tmp_path)[1]}.00.part").write_bytes(b"half")
    (tmp_path / "vault" / "of-somebody-else").write_bytes(b"x")
    vault.sweep(unfinished=True)
    again = Datasets(database, vault, blobs)
    assert [unit.version for unit in vault.units("dataset")] == [stored.blob]
    assert len(files(tmp_path)) == 2
    assert "of-somebody-else" in files(tmp_path)
    assert again.totals("accounts", "balance", [EVERYTHING]).sums.tolist() == [350]


def test_rows_that_an_older_version_kept_open_are_sealed(
    datasets: Datasets, database: Database, vault: Vault, tmp_path: Path
) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    folder = tmp_path / "blobs"
    folder.mkdir()
    datasets.rows("accounts", 0)[1].write_parquet(folder / "ab.table")
    (folder / "half.table.00.part").write_bytes(b"half")
    database.execute("UPDATE dataset SET blob = 'ab.table'")
    seal_blobs_of_before(database, Blobs(vault, 0), folder)
    again = Datasets(database, vault, Blobs(vault, 0))
    assert list(folder.iterdir()) == []
    assert kept(vault, tmp_path) == [again.get("accounts").blob] != [before.blob]
    assert again.totals("accounts", "balance", [EVERYTHING]).sums.tolist() == [350]
    assert again.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=2).version == before.version


def test_open_rows_that_are_lost_stop_the_start_with_a_reason(
    datasets: Datasets, database: Database, vault: Vault, tmp_path: Path
) -> None:
    datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    (tmp_path / "blobs").mkdir()
    database.execute("UPDATE dataset SET blob = 'ab.table'")
    with pytest.raises(StoreFault) as refused:
        seal_blobs_of_before(database, Blobs(vault, 0), tmp_path / "blobs")
    assert "accounts" in refused.value.inside
    assert "put it back" in refused.value.inside


def test_a_deleted_dataset_is_erased_with_its_key(datasets: Datasets, vault: Vault, tmp_path: Path) -> None:
    blob = datasets.import_file("accounts", csv(tmp_path), now_ms=1).blob
    datasets.delete("accounts")
    assert not vault.has(Unit("dataset", "accounts", blob))


def test_the_first_rows_are_shown_as_they_came(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    dataset, table = datasets.rows("accounts", 2)
    assert plain.rows(table, dataset.schema) == [
        ("a", "retail", "2020-01-02", "1.50"),
        ("b", "public", "2020-01-03", "-2.00"),
    ]
    assert datasets.rows("accounts", 0)[1].height == 3


def test_a_repeated_question_opens_the_rows_once_while_they_fit(
    database: Database, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read = vault.read
    monkeypatch.setattr(vault, "read", lambda unit, file: (opened.append(unit.name), read(unit, file))[1])
    for memory, times in ((1 << 20, 1), (0, 2)):
        datasets = Datasets(database, vault, Blobs(vault, memory))
        datasets.put("n", numbers([1, 2, 3]), now_ms=0)
        opened.clear()
        assert [datasets.vector("n", "n", EVERYTHING).tolist() for _ in range(2)] == [[1, 2, 3]] * 2
        assert len(opened) == times


def test_sums_and_counts_follow_the_filters(datasets: Datasets, tmp_path: Path) -> None:
    version = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1).version
    texts = ["", "segment = 'retail'", "balance < 0", "balance > 100", "segment IN ()", "opened >= '2020-01-03'"]
    totals = datasets.totals("accounts", "balance", [parse(each) for each in texts], version=version)
    assert totals.sums.tolist() == [350, 550, -200, 0, 0, 200]
    assert totals.counts.tolist() == [3, 2, 1, 0, 0, 2]
    assert totals.version == version
    assert totals.sums.dtype == totals.counts.dtype == np.int64
    assert datasets.counts("accounts", [parse(each) for each in texts]).tolist() == [3, 2, 1, 0, 0, 2]
    assert datasets.totals("accounts", "balance", []).sums.tolist() == []


@pytest.mark.parametrize("where", ["", "balance > 0", "segment = 'retail'", "segment IN ('public', 'x')"])
def test_grouping_equals_one_filter_at_a_time(
    datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    cells = [parse(where).with_value("segment", group) for group in ("retail", "corporate", "public", "x")]
    grouped = datasets.totals("accounts", "balance", cells)
    single = [datasets.totals("accounts", "balance", [each]) for each in cells]
    assert grouped.sums.tolist() == [each.sums[0] for each in single]
    assert grouped.counts.tolist() == [each.counts[0] for each in single]
    assert datasets.counts("accounts", cells).tolist() == grouped.counts.tolist()
    monkeypatch.setattr(groups, "_AT_ONCE", 2)
    mixed = datasets.totals("accounts", "balance", [*cells, EVERYTHING])
    assert mixed.sums.tolist() == [*grouped.sums.tolist(), 350]
    assert mixed.counts.tolist() == [*grouped.counts.tolist(), 3]


def test_sums_are_exact_where_64_bits_would_wrap(datasets: Datasets) -> None:
    large = BOUND - 1
    datasets.put("big", numbers([large] * 40 + [-large] * 39 + [-5]), now_ms=1)
    assert datasets.totals("big", "n", [EVERYTHING]).sums.tolist() == [large - 5]
    datasets.put("big", numbers([large] * 32), now_ms=2)
    assert datasets.counts("big", [EVERYTHING]).tolist() == [32]
    with pytest.raises(Invalid, match=r"big\.n reaches 2\^59"):
        datasets.totals("big", "n", [EVERYTHING])
    datasets.put("big", numbers([-large, -1]), now_ms=3)
    with pytest.raises(Invalid, match="2\\^59"):
        datasets.totals("big", "n", [EVERYTHING])


def test_a_vector_keeps_the_files_order(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    vector = datasets.vector("accounts", "balance", EVERYTHING)
    assert vector.tolist() == [150, -200, 400]
    assert vector.dtype == np.int64
    assert datasets.vector("accounts", "balance", parse("segment = 'retail'")).tolist() == [150, 400]
    assert datasets.vector("accounts", "balance", parse("segment = 'x'")).shape == (0,)


def test_changed_data_are_a_conflict_for_who_expects_the_old(datasets: Datasets, tmp_path: Path) -> None:
    version = datasets.import_file("accounts", csv(tmp_path), now_ms=1).version
    datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    with pytest.raises(Conflict):
        datasets.totals("accounts", "balance", [EVERYTHING], version=version)
    with pytest.raises(Conflict):
        datasets.vector("accounts", "balance", EVERYTHING, version=version)
    with pytest.raises(Conflict):
        datasets.counts("accounts", [EVERYTHING], version=version)


def test_wrong_questions_are_refused_by_name(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    with pytest.raises(NotFound, match="'loans'"):
        datasets.totals("loans", "balance", [EVERYTHING])
    with pytest.raises(NotFound, match="accounts has no column 'limit'"):
        datasets.vector("accounts", "limit", EVERYTHING)
    with pytest.raises(Invalid, match=r"accounts\.segment holds text"):
        datasets.totals("accounts", "segment", [EVERYTHING])
    with pytest.raises(NotFound, match="'limit'"):
        datasets.totals("accounts", "balance", [parse("limit = 1")])
    with pytest.raises(Invalid, match="segment"):
        datasets.counts("accounts", [parse("segment = 1")])
    with pytest.raises(Invalid, match="10000"):
        datasets.counts("accounts", [EVERYTHING] * 10_001)


def test_the_examples_are_what_the_script_makes_and_add_up(datasets: Datasets) -> None:
    for name, text in make_examples.files().items():
        assert (make_examples.FOLDER / name).read_text(encoding="utf-8") == text
    declared = schema.load(make_examples.FOLDER / "accounts.schema.toml")
    sums = []
    for bank in make_examples.TOTALS:
        name = bank.replace("-", "_")
        datasets.import_file(name, make_examples.FOLDER / bank / "accounts.csv", declared, now_ms=1)
        assert (
            datasets.import_file(name, make_examples.FOLDER / bank / "accounts.csv", now_ms=2).schema.names
            == declared.names
        )
        segments = [EVERYTHING.with_value("segment", each) for each in make_examples.SEGMENTS]
        totals = datasets.totals(name, "balance", [EVERYTHING, *segments])
        assert totals.counts[0] >= 12
        assert totals.counts[1:].min() >= 3
        assert totals.counts[1:].sum() == totals.counts[0]
        sums.append(int(totals.sums[0]))
    assert sums == [1_000_000, 150_000, 100_000, 500_000]


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_rows_that_are_lost_or_damaged_are_told_with_what_to_do(datasets: Datasets, tmp_path: Path, harm: str) -> None:
    datasets.put("accounts", numbers([1, 2, 3]), now_ms=0)
    column = datasets.get("accounts").schema.names[0]
    for blob in (tmp_path / "vault").iterdir():
        blob.unlink() if harm == "lost" else blob.write_bytes(b"no sealed file")
    with pytest.raises(NotFound, match="import it again"):
        datasets.totals("accounts", column, [Filter()])
    with pytest.raises(NotFound, match="import it again"):
        datasets.vector("accounts", column, Filter())
