"""A firm's file as the record that is dealt: the same layers as a party's, padded, checked, exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.sdk.firm_table import read_table
from steelyard.errors import Invalid, NotFound
from steelyard.functions import limbs
from steelyard.functions.record import MOST_TOGETHER, Layout


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.csv"
    path.write_text("customer,amount,vat\nacme,12.50,1.00\nbolt,-3.25,0.50\n")
    return path


def test_number_columns_become_a_record(ledger: Path) -> None:
    found = read_table(ledger)
    assert [(each.name, each.decimals, each.bound) for each in found.columns] == [("amount", 2, 0), ("vat", 2, 0)]
    sizes = Layout(2, found.rows, vector=False).sizes
    assert {name: len(each) for name, each in found.layers.items()} == sizes
    layers = {name: each.tolist() for name, each in found.layers.items()}
    assert (layers["count"], layers["parties"], layers["sum"]) == ([2], [1], [925, 150])
    assert layers["rows"][:2] == [1250, -325]
    assert layers["rows"][found.rows : found.rows + 2] == [100, 50]
    assert (sum(layers["valid"]), layers["valid"][:3]) == (2, [1, 1, 0])
    moments = limbs.join(found.layers["moments"].reshape(-1, limbs.COUNT))
    assert moments == [925, 150, 1250**2 + 325**2, 1250 * 100 - 325 * 50, 100**2 + 50**2]


def test_the_number_of_rows_is_hidden_by_padding(tmp_path: Path) -> None:
    lengths = set()
    for rows in (33, 64):
        path = tmp_path / f"{rows}.csv"
        path.write_text("amount\n" + "1.00\n" * rows)
        lengths.add(sum(map(len, read_table(path).layers.values())))
    assert len(lengths) == 1


def test_columns_can_be_chosen(ledger: Path) -> None:
    assert [each.name for each in read_table(ledger, ["vat"]).columns] == ["vat"]
    with pytest.raises(NotFound):
        read_table(ledger, ["missing"])
    with pytest.raises(Invalid, match="customer"):
        read_table(ledger, ["customer"])


def test_sums_without_head_room_are_refused(tmp_path: Path) -> None:
    (path := tmp_path / "huge.csv").write_text("amount\n" + f"{2**59 // 100 // MOST_TOGETHER + 1}.00\n" * 2)
    with pytest.raises(Invalid, match="too large"):
        read_table(path)


def test_a_bad_cell_is_named(tmp_path: Path) -> None:
    (path := tmp_path / "bad.csv").write_text("amount\n1.00\nx\n")
    with pytest.raises(Invalid, match=r"bad\.csv.*3"):
        read_table(path)
