"""The other end of `worker`: reads requests from its input until that ends."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

from steelyard import heap
from steelyard.ckks import ciphertext, frames, joint_key
from steelyard.ckks.profiles import Profile, profile
from steelyard.ckks.scheme import Quotient
from steelyard.ckks.tenseal_scheme import SealEvaluator
from steelyard.ckks.worker import DONE, OPEN
from steelyard.errors import Conflict, Failed, SteelyardError


class Session:
    """One joint key and what is evaluated under it."""

    def __init__(self) -> None:
        self._profile: Profile | None = None
        self._evaluator: SealEvaluator | None = None

    def answer(self, parts: Sequence[bytes]) -> bytes:
        """Raises what the evaluator raises."""
        kind, *rest = parts
        if kind == OPEN:
            self._profile = profile(rest[0].decode())
            self._evaluator = SealEvaluator(self._profile, joint_key.read_relin(self._profile, rest[1]))
            return b""
        if self._evaluator is None or self._profile is None:
            raise Conflict("a worker gets its key first")
        return self._evaluator.divide(_quotient(self._profile, rest)).write()

    def close(self) -> None:
        if self._evaluator:
            self._evaluator.close()


def _quotient(used: Profile, parts: Sequence[bytes]) -> Quotient:
    fresh, divided = used.fresh, used.divided
    count = int(parts[1])
    numerators = [ciphertext.read(fresh, each) for each in parts[2 : 2 + count]]
    weights = [ciphertext.read(fresh, each) for each in parts[2 + count :]]
    return Quotient(numerators, ciphertext.read(divided, parts[0]), weights)


def main(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    heap.keep()
    session = Session()
    try:
        while (parts := frames.read(sys.stdin.buffer)) is not None:
            frames.write(sys.stdout.buffer, _answered(session, parts))
    finally:
        session.close()


def _answered(session: Session, parts: Sequence[bytes]) -> list[bytes]:
    try:
        return [DONE, session.answer(parts)]
    except SteelyardError as error:
        return [error.reason.encode(), error.message.encode()]
    except Exception as error:  # whatever SEAL raises: its text may say what is in a ciphertext
        return [Failed.reason.encode(), f"the encrypted computation failed ({type(error).__name__})".encode()]


if __name__ == "__main__":
    main(int(sys.argv[1]))
