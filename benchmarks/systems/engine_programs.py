"""What the engine is measured on: shares in, shares out; preparing, opening and checking are outside the clock.

The last three compute nothing: they show how fast all parties at once draw from AES, copy, and send on this machine.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import inputs, payments
from benchmarks.inputs import Values
from benchmarks.systems import set_off_program, skeleton_program
from steelyard import bitfield, field
from steelyard.bitfield import Bits
from steelyard.field import Vector
from steelyard.protocols import compare
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bits import conjunction, open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.convene import convene
from steelyard.protocols.gridlock import Queued, resolve
from steelyard.protocols.multiply import multiply
from steelyard.protocols.secure_sum import SecureSums
from steelyard.protocols.sort import sort
from steelyard.protocols.streaming import DEPTH, PIECE, streamed
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Round, broadcast, pipeline
from steelyard.sharing import shamir
from steelyard.sharing.attempt_keys import AttemptKeys

ROWS: Final = bitfield.WORD  # of bits side by side: a layer as a comparison has them
LAYER: Final = ROWS * bitfield.WORD  # gates in a layer that is one word wide
PRODUCTS: Final = 1 << 17  # in a piece
_IN_CACHE: Final = 1 << 16  # bytes

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Program:
    """`prepare` makes a party's own shares; `open` gives all parties the values, of which the first SIZE count.

    A `public` result is values already.
    """

    prepare: Callable[[Attempt, int], Arrays]
    compute: Callable[[Circle, Arrays], Protocol[Any]]
    open: Callable[[Circle, Any], Protocol[Values]]
    public: bool = False


def meet(attempt: Attempt) -> Protocol[Circle]:
    """Fresh keys between all pairs, as in a computation, but nobody's signature."""
    with AttemptKeys(attempt.me, bytes(32), attempt.computation, attempt.attempt) as keys:
        hellos = yield broadcast("hello", keys.public + keys.nonce, attempt.others)
        for party, hello in hellos.items():
            keys.agree(party, bytes(hello[:32]), bytes(hello[32:]))
        return (yield from convene(attempt, keys))


# ---- numbers ---------------------------------------------------------------------------------------------------------


def _operands(attempt: Attempt, size: int) -> Arrays:
    return tuple(_share(values, index, attempt) for index, values in enumerate(inputs.operands(size)))


def _keys(attempt: Attempt, size: int) -> Arrays:
    return (_share(inputs.keys(size), 0, attempt),)


def _share(values: Values, index: int, attempt: Attempt) -> Vector:
    """This party's; every party draws the same polynomials."""
    points = [attempt.points[party] for party in attempt.participants]
    stream = Keystream(bytes([index]) * 32)
    return shamir.share(field.from_signed(values), attempt.threshold, points, stream)[attempt.points[attempt.me]]


def _compare(circle: Circle, prepared: Arrays) -> Protocol[Bits]:
    return (yield from streamed(circle, compare.less, *prepared))


def _multiply(circle: Circle, prepared: Arrays) -> Protocol[Vector]:
    product: Any = multiply  # vectors stream as bits do: instances last
    return (yield from streamed(circle, product, *prepared, piece=PRODUCTS))


def _sort(circle: Circle, prepared: Arrays) -> Protocol[Vector]:
    (ordered,) = yield from sort(circle, *prepared, bits=inputs.BITS)
    return ordered


def _queues(attempt: Attempt, size: int) -> Arrays:
    queues = payments.queues(size)
    payees = np.eye(queues.funds.size, dtype=np.int64)[queues.payees]
    flat = (queues.amounts, payees, queues.funds)
    return tuple(_share(each.reshape(-1), at, attempt).reshape(each.shape) for at, each in enumerate(flat))


def _netting(circle: Circle, prepared: Arrays) -> Protocol[Vector]:
    settled = yield from resolve(circle, Queued(*prepared))
    return settled.active.reshape(-1)


def _open_bits(circle: Circle, result: Bits) -> Protocol[Values]:
    opened = yield from open_bits(circle, "open", result)
    return np.unpackbits(opened.reshape(-1).view(np.uint8), bitorder="little").astype(np.int64)


def _open_values(circle: Circle, result: Vector) -> Protocol[Values]:
    heard = yield broadcast("open", field.to_bytes(result), circle.others)
    shares = {circle.points[party]: field.from_bytes(message, result.size) for party, message in heard.items()}
    return field.to_signed(shamir.reconstruct({**shares, circle.points[circle.me]: result}, circle.threshold))


# ---- AND gates -------------------------------------------------------------------------------------------------------


def gates(size: int) -> tuple[Bits, Bits]:
    """(rows, words): the operands of `size` gates, a multiple of LAYER."""
    if size % LAYER:
        raise ValueError(f"AND gates are measured in layers of {LAYER}")
    left, right = (inputs.vector(party, size // bitfield.WORD).view(np.uint64) for party in (0, 1))
    return left.reshape(ROWS, -1), right.reshape(ROWS, -1)


def _gates(attempt: Attempt, size: int) -> Arrays:
    """Bits as shares of themselves, of degree zero: the work does not depend on what they are."""
    further = bitfield.degree(len(attempt.participants)) - 1
    return tuple(np.concatenate([bits[None], np.zeros((further, *bits.shape), np.uint64)]) for bits in gates(size))


def _conjunction(circle: Circle, prepared: Arrays) -> Protocol[Bits]:
    a, b = prepared
    width = PIECE // bitfield.WORD
    pieces = (
        conjunction(circle.branch(at), "and", a[:, :, at : at + width], b[:, :, at : at + width])
        for at in range(0, a.shape[2], width)
    )
    return np.concatenate((yield from pipeline(pieces, DEPTH)), axis=-1)


# ---- training --------------------------------------------------------------------------------------------------------


def _update(attempt: Attempt, size: int) -> Any:
    """A party's vector, and the party."""
    return attempt, inputs.vector(attempt.participants.index(attempt.me), size)


def _secure_sum(circle: Circle, prepared: Any) -> Protocol[Values]:
    """A round of training as nodes play it, with fresh keys, which nodes agree on once for a whole run."""
    attempt, vector = prepared
    with AttemptKeys(attempt.me, bytes(32), attempt.computation, attempt.attempt) as keys:
        hellos = yield broadcast("hello", keys.public + keys.nonce, circle.others)
        for party, hello in hellos.items():
            keys.agree(party, bytes(hello[:32]), bytes(hello[32:]))
        sums = SecureSums(attempt, keys, attempt.participants, SystemRandomness())
        summed = yield from sums.add_up("update", field.from_signed(vector), vector.size)
    return field.to_signed(summed.opened.value)


def _dying_sum(circle: Circle, prepared: Any) -> Protocol[Values]:
    """The same; the last party's process is killed when its vector is with some and it has signed for nobody's."""
    protocol, inbox = _secure_sum(circle, prepared), None
    while True:
        try:
            step = next(protocol) if inbox is None else protocol.send(inbox)
        except StopIteration as end:
            summed: Values = end.value
            return summed
        if isinstance(step, Round) and step.step == "heard" and circle.me == circle.parties[-1]:
            os.kill(os.getpid(), signal.SIGKILL)
        inbox = yield step


def _summed(circle: Circle, result: Values) -> Protocol[Values]:
    yield from ()
    return result


# ---- the machine -----------------------------------------------------------------------------------------------------


def _bytes(attempt: Attempt, size: int) -> Arrays:
    return np.ones(size, np.uint8), np.ones(size, np.uint8)


def _draw(circle: Circle, prepared: Arrays) -> Protocol[int]:
    stream, size = Keystream(bytes(32)), prepared[0].size
    piece = memoryview(bytearray(_IN_CACHE))
    for _ in range(0, size, _IN_CACHE):
        stream.fill(piece)
    yield from ()
    return size


def _copy(circle: Circle, prepared: Arrays) -> Protocol[int]:
    source, target = prepared
    np.copyto(target, source)
    yield from ()
    return target.size


def _send(circle: Circle, prepared: Arrays) -> Protocol[int]:
    """In a ring: each sends to the next one."""
    parties = circle.parties
    at = parties.index(circle.me)
    before, after = parties[at - 1], parties[(at + 1) % len(parties)]
    received = yield Round("ring", {after: prepared[0].data}, frozenset({before}))
    return len(received[before])


def _moved(circle: Circle, result: int) -> Protocol[Values]:
    yield from ()
    return np.array([result])


PROGRAMS: Final = {
    "multiply": Program(_operands, _multiply, _open_values),
    "compare": Program(_operands, _compare, _open_bits),
    "sort": Program(_keys, _sort, _open_values),
    "round": Program(_update, _secure_sum, _summed, public=True),
    "round_killed": Program(_update, _dying_sum, _summed, public=True),
    "netting": Program(_queues, _netting, _open_values),
    "and": Program(_gates, _conjunction, _open_bits),
    "aes": Program(_bytes, _draw, _moved),
    "copy": Program(_bytes, _copy, _moved),
    "transfer": Program(_bytes, _send, _moved),
    "set-off": Program(set_off_program.shares, set_off_program.clear, _open_values),
    "set-off-short": Program(
        set_off_program.shares, partial(set_off_program.clear, schedule=set_off_program.SHORT), _open_values
    ),
    "set-off-skeleton": Program(skeleton_program.shares, skeleton_program.clear, skeleton_program.opened),
}
