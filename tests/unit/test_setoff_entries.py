"""What a firm has entered into rounds: no invoice goes into two at once, or with more than final rounds have left."""

from __future__ import annotations

import fcntl
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from clients.sdk.entries import Entries, Said
from clients.sdk.rounds import Rounds, remaining
from steelyard.errors import Conflict, Invalid
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import Terms

OWED = Obligation("17", "F1", "F2", 100)
DUE = Obligation("18", "F2", "F1", 30)
RUN, LATER = "a" * 32, "b" * 32


class Office:
    """A firm's client; `entries` are read anew every time, as by a new process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.final, self.count = folder, set[str](), 0
        self.tags: dict[str, Terms] = {}

    @property
    def entries(self) -> Entries:
        return Entries(self.folder, self.final.__contains__, self.tags.__getitem__)

    def says(self, round_: str, *invoices: Obligation, played: bool = False, again: bool = False, **terms: Any) -> str:
        """The contribution's id."""
        statement = stated(round_, *invoices, **terms)
        self.entries.check(statement, again=again or played)
        self.count += 1
        entered = tuple(each.id for each in statement.book.obligations)
        agreed = statement.terms
        said = Said(
            firm="F1",
            terms=agreed.tag,
            obligations=statement.obligations,
            offers=statement.offers,
            round=round_,
            made_ms=self.count,
            played=played,
            entered=entered,
            decimals=agreed.decimals,
            currency=agreed.currency,
        )
        self.entries.add(f"{self.count:032x}", said)
        return f"{self.count:032x}"

    def left(self, *invoices: Obligation, **terms: Any) -> dict[str, int]:
        return {each.id: each.amount for each in self.entries.open(stated("next", *invoices, **terms)).obligations}


def stated(round_: str, *invoices: Obligation, **terms: Any) -> Statement:
    return Statement(Terms(round=round_, firms=("f1", "f2"), **terms), "F1", invoices)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "rounds")


def test_an_invoice_is_in_one_round_at_a_time(office: Office) -> None:
    office.says("october", OWED, DUE)
    with pytest.raises(Conflict, match="invoice 17 has been entered into the round october"):
        office.says("november", OWED)
    office.says("november", replace(OWED, id="19"))
    office.says("november", OWED, again=True)


def test_a_round_takes_a_correction_of_what_was_said_to_it(office: Office) -> None:
    office.says("october", OWED, DUE)
    office.says("october", OWED)
    with pytest.raises(Conflict, match="17"):
        office.says("november", OWED)
    office.says("november", DUE)  # which the correction took back


def test_what_a_preliminary_notice_clears_may_still_change(office: Office) -> None:
    office.entries.settle(office.says("october", OWED), RUN, {"17": 60})
    with pytest.raises(Conflict, match="october"):
        office.says("november", replace(OWED, amount=40))
    office.final.add(RUN)
    office.says("november", replace(OWED, amount=40))


def test_after_a_final_notice_what_remains_is_entered_and_no_more(office: Office) -> None:
    office.entries.settle(office.says("october", OWED, DUE), RUN, {"17": 60, "18": 30})
    office.final.add(RUN)
    assert office.left(OWED, DUE) == {"17": 40}
    with pytest.raises(Conflict, match=r"of invoice 17 40 minor units remain .* raised by since under another id"):
        office.says("november", OWED, again=True)
    with pytest.raises(Conflict, match="of invoice 18 0 minor units"):
        office.says("october", DUE)  # the same round once more, after its end
    office.entries.settle(office.says("november", replace(OWED, amount=40)), LATER, {"17": 15})
    office.final.add(LATER)
    assert office.left(OWED) == {"17": 25}
    assert office.left(replace(OWED, amount=20)) == {"17": 20}


def test_of_two_notices_of_one_contribution_the_final_one_counts(office: Office) -> None:
    said = office.says("october", OWED)
    office.entries.settle(said, RUN, {"17": 60})
    office.final.add(RUN)
    office.entries.settle(said, LATER, {"17": 100})
    assert office.left(OWED) == {"17": 40}


def test_what_several_rounds_have_cleared_too_much_is_said(office: Office) -> None:
    one, other = office.says("october", OWED), office.says("november", OWED, again=True)
    office.entries.settle(one, RUN, {"17": 60})
    office.entries.settle(other, LATER, {"17": 75})
    office.final.add(RUN)
    assert not office.entries.excess()
    office.final.add(LATER)
    assert office.entries.excess() == {("17", "f1", "f2"): 35}
    assert office.left(OWED) == {}


def test_the_same_id_of_another_debtor_is_another_invoice(office: Office) -> None:
    office.entries.settle(office.says("october", OWED), RUN, {"17": 100})
    office.final.add(RUN)
    other = Obligation("17", "F2", "F1", 70)
    assert office.left(OWED, other) == {"17": 70}
    office.says("november", other)


def test_what_stays_out_of_a_round_is_free_for_another(office: Office) -> None:
    office.says("october", replace(OWED, status="disputed"), DUE)
    office.says("november", OWED)


def test_a_round_that_was_played_counts_once_it_is_final(office: Office) -> None:
    first = office.says("first", OWED, played=True)
    office.says("second", OWED, played=True)
    office.says("third", OWED)
    office.entries.settle(first, RUN, {"17": 60})
    assert office.left(OWED) == {"17": 100}
    office.final.add(RUN)
    assert office.left(OWED) == {"17": 40}


def test_a_correction_does_not_free_what_an_earlier_run_may_still_clear(office: Office) -> None:
    office.entries.settle(office.says("october", OWED), RUN, {"17": 60})
    second = office.says("october", DUE)  # `finalise --despite-corrections` may make the run before it stand
    with pytest.raises(Conflict, match=r"17 .* october.* --final"):
        office.says("november", OWED)
    office.entries.settle(second, LATER, {"18": 30})
    office.final.add(LATER)  # which ends the run before it
    office.says("november", OWED)


def test_what_remains_is_the_same_in_a_round_with_other_decimals(office: Office) -> None:
    first = office.says("october", replace(OWED, amount=10_000), decimals=2)
    office.entries.settle(first, RUN, {"17": 6_050})
    office.final.add(RUN)
    assert office.left(OWED) == {"17": 39}
    assert office.left(replace(OWED, amount=100_000), decimals=3) == {"17": 39_500}


def test_an_invoice_in_another_currency_than_before_is_refused(office: Office) -> None:
    office.entries.settle(office.says("october", OWED, currency="EUR"), RUN, {"17": 60})
    office.final.add(RUN)
    assert office.left(OWED, currency="EUR") == {"17": 40}
    with pytest.raises(Conflict, match=r"was in EUR .* is in CHF now: enter what remains of it under another id"):
        office.left(OWED, currency="CHF")


def test_of_two_who_enter_one_invoice_at_once_one_is_refused(office: Office) -> None:
    refused: list[Conflict] = []
    both = threading.Barrier(2)

    def say(round_: str) -> None:
        both.wait()
        try:
            with office.entries.locked():
                office.says(round_, OWED)
        except Conflict as error:
            refused.append(error)

    clerks = [threading.Thread(target=say, args=(round_,)) for round_ in ("october", "november")]
    for each in clerks:
        each.start()
    for each in clerks:
        each.join()
    assert len(refused) == 1


def test_one_that_does_not_end_is_not_waited_for_without_end(tmp_path: Path) -> None:
    first, second = (Entries(tmp_path, lambda run: False) for _ in range(2))
    second.patience = 0.1
    with first.locked(), pytest.raises(Conflict, match="does not end"), second.locked():
        pass
    with second.locked():
        pass


class Locksmith:
    """Seals nothing, but looks whether anybody else could check and add at that time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.alone = folder, False

    def seal(self, layers: Any, dataset: str, purpose: str, columns: Any, days: int) -> Any:
        with (self.folder / ".lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.alone = True
        return SimpleNamespace(header=SimpleNamespace(payload=b""))


def test_what_is_said_is_checked_sealed_and_kept_while_nobody_else_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = SimpleNamespace(id="e" * 32, created_ms=1)
    monkeypatch.setattr("clients.sdk.rounds.read_document", lambda kind, payload: header)
    folder = tmp_path / "contributors" / "f1" / "rounds"
    rounds, firm = Rounds(SimpleNamespace(path=tmp_path)), Locksmith(folder)  # type: ignore[arg-type]
    rounds.seal(stated("october", OWED, currency="EUR", decimals=2), firm)  # type: ignore[arg-type]
    assert firm.alone
    said = Entries(folder, lambda run: False).said("e" * 32)
    assert (said.round, said.entered, said.currency, said.decimals) == ("october", ("17",), "EUR", 2)
    with pytest.raises(Conflict, match="october"):
        rounds.seal(stated("november", OWED), firm)  # type: ignore[arg-type]


def test_what_is_entered_with_less_than_stated_is_told(office: Office) -> None:
    office.entries.settle(office.says("october", OWED, DUE), RUN, {"17": 60, "18": 30})
    office.final.add(RUN)
    asked = stated("november", OWED, DUE, replace(OWED, id="19"))
    assert remaining(asked, office.entries.open(asked)) == {"17": 40, "18": 0}


def test_what_the_release_before_has_kept_counts(office: Office) -> None:
    terms = stated("october", decimals=2).terms
    office.tags["old"] = terms
    old = {"firm": "F1", "terms": "old", "obligations": msgspec.to_builtins([replace(OWED, amount=10_000)])}
    office.folder.mkdir()
    (office.folder / f"{'d' * 32}.json").write_bytes(msgspec.json.encode({**old, "offers": {}}))
    with pytest.raises(Conflict, match="october"):
        office.says("november", OWED)
    office.entries.settle("d" * 32, RUN, {"17": 6_000})
    office.final.add(RUN)
    assert office.left(OWED) == {"17": 40}


@pytest.mark.parametrize("kind", ["json", "told"])
def test_a_damaged_record_is_refused_with_its_name_and_what_to_do(office: Office, kind: str) -> None:
    said = office.says("october", OWED)
    (office.folder / f"{said}.{kind}").write_bytes(b"{")
    with pytest.raises(Invalid, match=rf"{said}\.{kind} is damaged.*put it back from a backup"):
        office.says("november", OWED)


def test_too_much_of_two_invoices_of_one_id_is_said_of_each(office: Office) -> None:
    twin = Obligation("17", "F2", "F1", 70)
    for round_, invoice, cleared in [("a", OWED, 80), ("b", OWED, 80), ("c", twin, 50), ("d", twin, 30)]:
        office.entries.settle(office.says(round_, invoice, again=True), round_ * 32, {"17": cleared})
    office.final |= {round_ * 32 for round_ in "abcd"}
    assert office.entries.excess() == {("17", "f1", "f2"): 60, ("17", "f2", "f1"): 10}
    with pytest.raises(Invalid, match="one id"):
        office.says("e", OWED, twin)
