"""Score: a requester's private model over encrypted statements, the scores to the requester alone.

Model       as steelyard.protocols.ratio; any k nodes could put the weights together, as they could shares.  A node
            that changes what a weight counts for is noticed: the requester knows what made-up firms should score.
Rounds      those of steelyard.protocols.ratio.   Sends what that does, and a ciphertext for each weight.
Reveals     to the requester: every firm's score, to at most 3 decimals.  To the nodes: which features there are.
Follows     Altman (1968, 1995) for the shape of scores; Shamir's sharing for the weights.
Differs     weights travel in the request as shares, sealed to the nodes, and become ciphertexts under the joint key
            without ever being put together: each node encrypts its weighted share, and the sum is the weight.  Each
            firm is in two places, so that a shifted score differs from its copy.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard import records
from steelyard.ckks import scores
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.dealt import weight
from steelyard.ckks.division import normalised
from steelyard.ckks.profiles import Profile, W
from steelyard.ckks.statements import FINE, Statements
from steelyard.documents.manifest import Name
from steelyard.errors import Invalid, Malformed
from steelyard.functions import sealed_argument
from steelyard.functions.about_statements import AboutStatements
from steelyard.functions.question import Held, Leak, Opening
from steelyard.functions.ratio import REASONS, written
from steelyard.functions.statements import (
    CANARIES,
    Block,
    Labels,
    OfStatements,
    places_of_canaries,
    shuffled,
)
from steelyard.identity.sealing import seal
from steelyard.ids import PartyId
from steelyard.protocols.ratio import Weight
from steelyard.randomness import Randomness, token

MAX_DECIMALS: Final = 3
_BYTES: Final = 8
Sealed = Annotated[str, msgspec.Meta(max_length=8192)]


class Scores(AboutStatements, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `features` are public; `weights` holds for each node its shares of them, sealed, in base64.

    `own` are the weights themselves, sealed to the requester: with them its machine checks what canaries score.
    """

    features: tuple[str, ...]
    weights: dict[Name, Sealed]
    own: Sealed = ""
    decimals: Annotated[int, msgspec.Meta(ge=0, le=MAX_DECIMALS)] = MAX_DECIMALS

    @property
    def items(self) -> tuple[str, ...]:
        return scores.columns(self.features)

    def check(self) -> None:
        if not self.features or scores.ordered(self.features) != self.features:
            raise Invalid("name at least one feature, each once, in their order; let the client write them")
        super().check()


def sealed_weights(
    weights: Mapping[str, float],
    requester: str,
    nodes: Mapping[PartyId, tuple[int, bytes]],
    threshold: int,
) -> dict[str, str]:
    """On the requester's machine: for each node its shares of all weights.  `nodes`: evaluation point, sealing key."""
    shares: dict[PartyId, list[int]] = {party: [] for party in nodes}
    for name in scores.ordered(tuple(weights)):
        for secret, prime in zip(scores.encoded(W, weights[name]), W.fresh.primes, strict=True):
            polynomial = [secret, *(int.from_bytes(token()) % prime for _ in range(threshold - 1))]
            for party, (point, _) in nodes.items():
                shares[party].append(sum(c * pow(point, i, prime) for i, c in enumerate(polynomial)) % prime)
    return {
        party: base64.b64encode(
            seal(
                nodes[party][1],
                b"".join(each.to_bytes(_BYTES, "little") for each in shares[party]),
                sealed_argument.context(requester, party),
            )
        ).decode()
        for party in nodes
    }


def sealed_to_oneself(weights: Mapping[str, float], requester: str, key: bytes) -> str:
    """`own`, for the requester's sealing key."""
    plain = msgspec.json.encode([float(weights[name]) for name in scores.ordered(tuple(weights))])
    return base64.b64encode(seal(key, plain, sealed_argument.context(requester))).decode()


class Score(OfStatements[Scores]):
    """A slot for each firm; numerators of different features in different ciphertexts."""

    @property
    def profile(self) -> Profile:
        return W

    @property
    def copies(self) -> int:
        """So that who changes a score would have to find its other place."""
        return 2

    @property
    def unanimous(self) -> bool:
        """A firm consents to one score: shares of weights off a polynomial are others for every choice of nodes."""
        return bool(self.called)

    @property
    def searches(self) -> bool:
        """With other weights, or other statements, one could solve for either."""
        return True

    def circuit(self, rows: Mapping[PartyId, int]) -> Circuit:
        sizes = tuple(len(group) for group in scores.groups(self.wanted.features))
        return Circuit(self.profile, self.laid_out(rows, 1), sizes, self.wanted.balance)

    def block(self, statements: Statements, names: Sequence[tuple[str, int]], stream: Randomness) -> Block:
        groups, found = scores.features(self.profile, statements, self.wanted.features)
        order = shuffled(len(names) * self.copies + CANARIES, stream)
        made_up = _made_up([len(group) for group in groups], stream)
        padded = [
            np.concatenate([*[real] * self.copies, other], axis=1)[:, order]
            for real, other in zip(groups, made_up, strict=True)
        ]
        pairs = [normalised(self.profile.plan, each, stream) for each in padded]
        states = [*found.tolist() * self.copies, *[FINE] * CANARIES]
        described = [*list(names) * self.copies, *[("", 0)] * CANARIES]
        firms = tuple((*described[i], (states[i],)) for i in order.tolist())
        identity = self.identity(statements, order, stream)
        plain = Plain([list(pair.numerators) for pair in pairs], [pair.denominators for pair in pairs], identity)
        canaries = places_of_canaries(order)
        told = np.concatenate(padded)[:, list(canaries)].T.tolist()
        return Block(plain, Labels(firms, canaries, features=tuple(tuple(each) for each in told)))

    def genuine(self, numbers: NDArray[np.float64], labels: Labels, tolerance: float, opened: Opening) -> bool:
        weights = self._own(opened)
        if any(len(each) != weights.size for each in labels.features) or len(labels.features) != CANARIES:
            return False
        expected = np.array(labels.features) @ weights
        right = np.abs(numbers[list(labels.canaries), 0] - expected).max() <= tolerance
        return bool(right) and self._alike(numbers[:, 0], labels, tolerance)

    def _alike(self, numbers: NDArray[np.float64], labels: Labels, tolerance: float) -> bool:
        """Whether every firm has the same score in all its places."""
        places: dict[str, list[int]] = {}
        for place, (name, *_) in enumerate(labels.firms):
            if place not in labels.canaries:
                places.setdefault(name, []).append(place)
        return all(len(each) == self.copies and np.ptp(numbers[each]) <= tolerance for each in places.values())

    def _own(self, opened: Opening) -> NDArray[np.float64]:
        """The weights in the order in which the groups of features are encrypted."""
        if opened.unseal is None or not self.wanted.own:
            raise Invalid("this request holds no weights sealed to its requester: ask again with the client's `score`")
        plain = records.from_json(opened.unseal(base64.b64decode(self.wanted.own)), list[float])
        named = dict(zip(self.wanted.features, plain, strict=True))
        return np.array([named[name] for group in scores.groups(self.wanted.features) for name in group])

    def told(self, block: Block) -> Mapping[str, Any]:
        """The features: what they score only the requester learns."""
        place = next(at for at in range(len(block.labels.firms)) if at not in block.labels.canaries)
        if (state := block.labels.firms[place][2][0]) != FINE:
            return self.shown(np.zeros(1), (state,))
        plan, found = self.profile.plan, {}
        for names, above, below in zip(
            scores.groups(self.wanted.features), block.plain.numerators, block.plain.denominators, strict=True
        ):
            for name, each in zip(names, above, strict=True):
                value = float(each[place] / below[place] * (plan.denominator / plan.numerator))
                found[name] = {"value": written(value, scores.DECIMALS)}
        return {"features": found}

    def bound(self, owners: int) -> float:
        """With the rounding of features under the largest weights."""
        rounded = len(self.wanted.features) * scores.MAX_WEIGHT * 0.5 * 10.0**-scores.DECIMALS
        return self.profile.error(owners, self.wanted.decimals) + rounded

    def weights(self, held: Held) -> Sequence[Weight]:
        attempt, primes = held.attempt, self.profile.fresh.primes
        sealed = self.wanted.weights.get(attempt.me)
        if sealed is None or held.means.unseal is None:
            raise Invalid(f"the request has no weights for {attempt.me}")
        try:
            data = held.means.unseal(base64.b64decode(sealed, validate=True))
        except (Malformed, binascii.Error):
            raise Invalid(
                f"the weights for {attempt.me} do not open: they are another requester's, or for an old key"
            ) from None
        if len(data) != _BYTES * len(primes) * len(self.wanted.features):
            raise Invalid(f"the weights for {attempt.me} are not as many as the features")
        factors = [
            weight([attempt.points[p] for p in attempt.participants], attempt.points[attempt.me], q) for q in primes
        ]
        words = [int.from_bytes(data[i : i + _BYTES], "little") for i in range(0, len(data), _BYTES)]
        rows = [words[i : i + len(primes)] for i in range(0, len(words), len(primes))]
        return [[w * f % q for w, f, q in zip(row, factors, primes, strict=True)] for row in rows]

    def shown(self, values: NDArray[np.float64], states: Sequence[int]) -> dict[str, Any]:
        if states[0] != FINE:
            return {"score": None, "reason": REASONS.get(states[0], "undefined")}
        return {"score": written(float(values[0]), self.wanted.decimals)}

    def released(self) -> str:
        whose = ", ".join(self.wanted.subjects) or "every firm"
        return (
            f"a score of {whose} in {self.wanted.dataset}: a weighted sum of {', '.join(self.wanted.features)}, with"
            f" weights that only the requester knows, to {self.wanted.decimals} decimals with noise; no item of a"
            " statement"
        )

    def leaks(self) -> Sequence[Leak]:
        return (
            *super().leaks(),
            Leak("the weights, if they put their shares together", "any k nodes"),
            Leak(
                f"single features, to {scores.DECIMALS} decimals, by weights out of bounds, which no node can see",
                "the requester",
            ),
        )


def _made_up(sizes: Sequence[int], stream: Randomness) -> list[NDArray[np.float64]]:
    """Per group the (features, CANARIES) random features from -1 to 1 of made-up firms, rounded as real ones."""
    unit = 10**scores.DECIMALS
    words = np.frombuffer(stream.bytes(8 * CANARIES * sum(sizes)), dtype="<u8") % np.uint64(2 * unit + 1)
    values = (words.astype(np.float64) - unit).reshape(sum(sizes), CANARIES) / unit
    return np.split(values, np.cumsum(sizes)[:-1].tolist())
