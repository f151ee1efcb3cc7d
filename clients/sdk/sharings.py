"""Stored sharings, as the nodes that answer describe them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steelyard.errors import NotFound

from .results import Fact, Party, Standing


class Sharing(Fact, frozen=True, kw_only=True):
    """A stored sharing, as the nodes that answer describe it; `missing` are holders without a share of this epoch."""

    id: str
    name: str
    dataset: str
    columns: tuple[str, ...]
    epoch: int
    threshold: int
    holders: tuple[str, ...]
    missing: tuple[str, ...]
    undecided: bool


def sharings_of(parties: Iterable[Party], agreeing: int = 2) -> tuple[Sharing, ...]:
    """What the standings of at least `agreeing` nodes say alike, by name: more than can lie."""
    answering = [party for party in parties if party.reachable]
    found: dict[str, list[tuple[str, Standing]]] = {}
    for party in answering:
        for each in party.sharings:
            found.setdefault(each.id, []).append((party.id, each))
    shown = (_sharing(standings, {party.id for party in answering}, agreeing) for standings in found.values())
    return tuple(sorted((each for each in shown if each), key=lambda each: each.name))


def named(sharings: Iterable[Sharing], name: str) -> Sharing:
    """The one of this name, with its mark or without; raises NotFound."""
    for each in sharings:
        if each.name == name.removeprefix("@"):
            return each
    told = f"there is no sharing @{name.removeprefix('@')[:60]}, or too few of its holders answer"
    raise NotFound(f"{told}; `steelyard sharing list` shows what there is")


def _sharing(standings: Sequence[tuple[str, Standing]], answering: set[str], agreeing: int) -> Sharing | None:
    alike: dict[object, list[tuple[str, Standing]]] = {}
    for who, each in standings:
        if each.standing == "active":
            said = (each.epoch, each.holders, each.threshold, each.name, each.dataset, each.columns)
            alike.setdefault(said, []).append((who, each))
    agreed = [group for group in alike.values() if len(group) >= agreeing]
    if not agreed:
        return None
    current = max(agreed, key=lambda group: group[0][1].epoch)
    newest, up_to_date = current[0][1], {who for who, _ in current}
    return Sharing(
        id=newest.id,
        name=newest.name,
        dataset=newest.dataset,
        columns=tuple(each.name for each in newest.columns),
        epoch=newest.epoch,
        threshold=newest.threshold,
        holders=newest.holders,
        missing=tuple(who for who in newest.holders if who in answering and who not in up_to_date),
        undecided=any(each.undecided for _, each in standings),
    )
