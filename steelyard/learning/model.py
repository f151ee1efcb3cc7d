"""`Model`: what comes out of training: arrays and a card, as one file (`steelyard.learning.model_file` reads it).

The file is numpy's npz without pickles: the arrays by name, and the card as UTF-8 JSON in the array `card`.  The same
model is the same bytes, so parties and requester compare hashes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.learning.asking import Floats
from steelyard.learning.boosting import Forest
from steelyard.learning.network import Network
from steelyard.learning.records import Feature
from steelyard.learning.scoring import sigmoid

FORMAT: Final = 1
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # of every member: the bytes do not depend on the clock
CARD: Final = "card"

Arrays = Mapping[str, NDArray[Any]]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model is, how it came about and how good it is."""

    format: int = FORMAT
    name: str
    kind: str  # linear, mlp or gbdt
    strategy: str
    dataset: str
    target: str
    features: tuple[Feature, ...]
    rounds: int
    rows: int  # trained on, of all parties; with noise, about
    parties: tuple[str, ...]
    quality: dict[str, Any]
    history: tuple[dict[str, Any], ...] = ()
    epsilon: float = 0.0  # spent, at delta
    delta: float = 0.0
    protects: str = ""  # a record or a party
    computation: str = ""
    requester: str = ""  # who asked for it
    personal: bool = False  # one party's own, and nobody else's


@dataclass(frozen=True, slots=True)
class Model:
    """`arrays` are those of the kind, and of the scaling: centre and width."""

    card: Card
    arrays: Arrays = field(repr=False)

    def scores(self, raw: Floats) -> Floats:
        """(rows,) log-odds for raw columns, in the order of `names`."""
        if raw.ndim != 2 or raw.shape[1] != len(self.names):
            raise Invalid("the table has not the columns of the model")
        z = (raw - self.arrays["centre"]) / self.arrays["width"]
        if self.card.kind == "gbdt":
            return Forest.of(self.arrays).scores(z)
        return Network(z.shape[1], int(self.arrays["hidden"])).scores(np.asarray(self.arrays["weights"]), z)

    def predict(self, raw: Floats) -> Floats:
        """(rows,) probabilities."""
        return sigmoid(self.scores(raw))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for feature in self.card.features for name in feature.names)

    def encode(self) -> bytes:
        out = io.BytesIO()
        card = np.frombuffer(msgspec.json.encode(self.card, order="sorted"), dtype=np.uint8)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, array in sorted({**self.arrays, CARD: card}.items()):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
        return out.getvalue()

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.encode()).digest()
