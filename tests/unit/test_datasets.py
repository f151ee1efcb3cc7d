"""The node's datasets: atomic imports, stable versions, exact sums."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from node import blobs, groups, migrations
from node.datasets import Datasets
from scripts import make_examples
from steelyard.errors import Conflict, Failed, Invalid, NotFound
from steelyard.storage.database import Database
from steelyard.tables import schema
from steelyard.tables.filter import Filter, parse
from steelyard.tables.reader import Table
from steelyard.tables.schema import BOUND

SCHEMA = schema.parse(make_examples.SCHEMA)
ROWS = "account,segment,opened,balance\na,retail,2020-01-02,1.50\nb,public,2020-01-03,-2\nc,retail,2020-01-04,4\n"
EVERYTHING = Filter()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "node.db", migrations.FOLDER)
    yield database
    database.close()


@pytest.fixture
def datasets(database: Database, tmp_path: Path) -> Datasets:
    return Datasets(database, tmp_path / "blobs")


def csv(tmp_path: Path, text: str = ROWS) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    return path


def numbers(values: list[int]) -> Table:
    declared = schema.parse("[columns.n]\ntype='integer'")
    return Table(declared, pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)}))


def files(tmp_path: Path) -> list[str]:
    return sorted(each.name for each in (tmp_path / "blobs").iterdir())


def test_an_import_is_listed_and_described(datasets: Datasets, tmp_path: Path) -> None:
    imported = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=7)
    assert datasets.list() == [imported]
    assert (imported.name, imported.rows, imported.imported_ms, imported.schema) == ("accounts", 3, 7, SCHEMA)
    assert len(imported.version) == 32


def test_files_are_the_owners_and_say_nothing_by_their_names(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), now_ms=7)
    (name,) = files(tmp_path)
    assert len(name) == 32 + len(blobs.SUFFIX)
    assert "accounts" not in name
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "blobs" / name).stat().st_mode) == 0o600


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


def test_a_bad_file_changes_nothing(datasets: Datasets, tmp_path: Path) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), SCHEMA, now_ms=1)
    with pytest.raises(Invalid, match=r"accounts\.csv, line 5, column balance"):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,x\n"), SCHEMA, now_ms=2)
    with pytest.raises(Invalid, match="dataset name"):
        datasets.import_file("no name", csv(tmp_path), now_ms=2)
    assert datasets.list() == [before]
    assert files(tmp_path) == [before.blob]


def test_a_replaced_dataset_leaves_one_file(datasets: Datasets, tmp_path: Path) -> None:
    datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    new = datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert files(tmp_path) == [new.blob]
    datasets.delete("accounts")
    assert files(tmp_path) == []
    with pytest.raises(NotFound):
        datasets.get("accounts")
    with pytest.raises(NotFound):
        datasets.delete("accounts")


def test_a_failing_database_keeps_the_old_dataset(datasets: Datasets, database: Database, tmp_path: Path) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    database.one("PRAGMA query_only = ON")
    with pytest.raises(Failed):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert files(tmp_path) == [before.blob]
    assert datasets.totals("accounts", "balance", [EVERYTHING]).sums.tolist() == [350]


def test_what_cannot_be_noted_is_not_imported_and_not_deleted(datasets: Datasets, tmp_path: Path) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)

    def full(*_: object) -> None:
        raise Failed("the disk is full")

    with pytest.raises(Failed):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2, noted=full)
    with pytest.raises(Failed):
        datasets.delete("accounts", full)
    assert (datasets.list(), files(tmp_path)) == ([before], [before.blob])


def test_a_failing_disk_keeps_the_old_dataset(
    datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = datasets.import_file("accounts", csv(tmp_path), now_ms=1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Failed, match="No space left"):
        datasets.import_file("accounts", csv(tmp_path, ROWS + "d,retail,2020-01-05,1\n"), now_ms=2)
    assert (datasets.list(), files(tmp_path)) == ([before], [before.blob])


def test_what_a_crash_left_behind_is_swept_at_the_next_start(
    datasets: Datasets, database: Database, tmp_path: Path
) -> None:
    kept = datasets.import_file("accounts", csv(tmp_path), now_ms=1)
    place = tmp_path / "blobs"
    orphan = blobs.write(place, numbers([1]).frame)
    (place / f"{orphan}.00.part").write_bytes(b"half")
    (place / "of-somebody-else").write_bytes(b"x")
    again = Datasets(database, place)
    assert files(tmp_path) == sorted([kept.blob, "of-somebody-else"])
    assert again.totals("accounts", "balance", [EVERYTHING]).sums.tolist() == [350]


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
    for blob in (tmp_path / "blobs").iterdir():
        blob.unlink() if harm == "lost" else blob.write_bytes(b"no table")
    with pytest.raises(NotFound, match="import it again"):
        datasets.totals("accounts", column, [Filter()])
    with pytest.raises(NotFound, match="import it again"):
        datasets.vector("accounts", column, Filter())
