"""Delivery: what many firms of a profile contribute, sealed side by side and handed in until all nodes have it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final

from steelyard.documents.contribution import Bundle
from steelyard.errors import TimedOut

from .client import Client

OnFirm = Callable[[int, int], None]  # how many firms have sealed, of how many
SIDE_BY_SIDE: Final = 16  # most of its time a firm waits for the disk to have its keys
_TOGETHER: Final = 100  # contributions handed in at once
_NEWEST: Final = 100  # of others that may have been handed in meanwhile
_PAUSE: Final = 0.1


def deliver(client: Client, sealed: Sequence[Callable[[], Bundle]], on_firm: OnFirm, timeout: float) -> tuple[str, ...]:
    """Their ids, once all nodes have taken them.

    Each of `sealed` makes one firm's keys and seals, in some thread, while others before it are on their way.  Raises
    what a node that refuses says, and TimedOut.
    """
    deadline = time.monotonic() + timeout
    client.learn_keys()
    ids = _handed_in(client, sealed, on_firm)
    _arrive(client, ids, deadline)
    return ids


def _handed_in(client: Client, sealed: Sequence[Callable[[], Bundle]], on_firm: OnFirm) -> tuple[str, ...]:
    sealing, carrying = ThreadPoolExecutor(SIDE_BY_SIDE), ThreadPoolExecutor(1)
    try:
        bundles = _reported(sealing.map(lambda seal: seal(), sealed), len(sealed), on_firm)
        handed: list[Future[tuple[str, ...]]] = []
        while group := list(islice(bundles, _TOGETHER)):
            handed.append(carrying.submit(client.hand_in, group))
        return tuple(identifier for each in handed for identifier in each.result())
    finally:
        for pool in (sealing, carrying):
            pool.shutdown(cancel_futures=True)


def _reported(bundles: Iterator[Bundle], count: int, on_firm: OnFirm) -> Iterator[Bundle]:
    for at, bundle in enumerate(bundles, start=1):
        yield bundle
        on_firm(at, count)


def _arrive(client: Client, ids: Sequence[str], deadline: float) -> None:
    left, most = set(ids), 2 * len(ids) + _NEWEST
    while left:
        # Nodes take the oldest first: while the newest waits, it is not worth reading about all of them.
        newest = client.contributions(1)[0]
        if newest.id not in left or not newest.waiting:
            left -= _decided(client, left, most)
        if left and time.monotonic() > deadline:
            raise TimedOut(f"{len(left)} contributions have not arrived at all nodes yet")
        if left:
            time.sleep(_PAUSE)


def _decided(client: Client, left: set[str], most: int) -> set[str]:
    """Those that wait for no node; raises what one that refuses says."""
    found = [each for each in client.contributions(most) if each.id in left]
    for each in found:
        if each.refused:
            raise each.refused[0].error()
    return {each.id for each in found if not each.waiting}
