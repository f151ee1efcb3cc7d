"""Which threshold a computation runs at.

Products and comparisons of a sharing that k nodes can open take 2k-1 nodes.  A consortium with fewer may compute on
fresh inputs at a lower threshold, if every owner allows it: fewer nodes could then open those inputs together.
"""

from __future__ import annotations

from steelyard.errors import Invalid, PolicyRefused


def lowered(size: int, threshold: int, *, multiplies: bool) -> int:
    """What the request must say: 0 for the manifest's own threshold, else the lower one."""
    return (size + 1) // 2 if multiplies and size < 2 * threshold - 1 else 0


def check(asked: int, size: int, threshold: int, *, multiplies: bool) -> None:
    """Raises PolicyRefused or Invalid unless `asked` is what `lowered` says for `size` nodes."""
    needed = lowered(size, threshold, multiplies=multiplies)
    if needed == 1:
        raise PolicyRefused(f"{size} nodes can add up but not multiply or compare: that takes at least three")
    if needed and not asked:
        raise PolicyRefused(
            f"{threshold} of {size} nodes can add up but not multiply or compare: that takes {2 * threshold - 1} nodes,"
            f" or a request at threshold {needed}, which every owner's policy must allow (lower_threshold)"
        )
    if asked != needed:
        raise Invalid(f"this computation runs at the manifest's threshold {threshold}, not at {asked}")
