"""Names: what is one, and what is refused."""

from __future__ import annotations

import pytest

from steelyard.errors import Invalid
from steelyard.ids import attempt_id, computation_id, identifier, party_id


@pytest.mark.parametrize("name", ["a", "bank-a", "firm-12", "b2b", "a" * 40])
def test_a_party_name_is_a_dns_label(name: str) -> None:
    assert party_id(name) == name


@pytest.mark.parametrize(
    "name", ["", "Bank-a", "1bank", "-a", "a-", "a--b", "a_b", "bank a", "bank-a\n", "../ca", "a" * 41, "bänk", "a/b"]
)
def test_anything_else_is_no_party_name(name: str) -> None:
    with pytest.raises(Invalid):
        party_id(name)


@pytest.mark.parametrize("make", [computation_id, attempt_id])
def test_an_id_has_32_lower_case_hexadecimal_digits(make: object) -> None:
    assert callable(make)
    assert make("0f" * 16) == "0f" * 16
    for wrong in ("", "0f" * 15, "0f" * 17, "0F" * 16, "0g" * 16, "0f" * 16 + "\n"):
        with pytest.raises(Invalid):
            make(wrong)


@pytest.mark.parametrize("name", ["balance", "_x", "Amount_2", "a" * 63])
def test_a_column_name_is_an_identifier(name: str) -> None:
    assert identifier(name, "column") == name


@pytest.mark.parametrize("name", ["", "2x", "a-b", "a b", 'x"', "a" * 64, "größe", "x\n"])
def test_anything_else_is_no_column_name(name: str) -> None:
    with pytest.raises(Invalid, match="column"):
        identifier(name, "column")


def test_a_refusal_repeats_only_the_beginning_of_a_long_name() -> None:
    with pytest.raises(Invalid) as refusal:
        party_id("x" * 5000)
    assert len(refusal.value.message) < 300
