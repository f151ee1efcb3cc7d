"""Model files, read: they may come from anybody, so nothing in them runs, unpacks or is believed unchecked."""

from __future__ import annotations

import io
import tokenize
import zipfile
from math import prod
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from steelyard import records
from steelyard.errors import Invalid
from steelyard.learning.model import CARD, FORMAT, Arrays, Card, Model
from steelyard.learning.network import Network

MAX_BYTES: Final = 1 << 28
MAX_HIDDEN: Final = 4096
_MOST: Final = 16  # members
_KINDS: Final = ("<f8", "<i8", "|u1")
_SCALING: Final = {"centre", "width"}
_NETWORK: Final = {"weights", "hidden"}
_FOREST: Final = {"base", "feature", "edge", "value"}
_BAD: Final = (  # what the readers of zip, npy and JSON raise when bytes are not theirs
    ValueError, KeyError, OSError, EOFError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError,
    NotImplementedError, RuntimeError, zipfile.BadZipFile, tokenize.TokenError,
)  # fmt: skip


def read_model(data: bytes) -> Model:
    """Raises Invalid for anything but the file of a model."""
    if len(data) > MAX_BYTES:
        raise Invalid("a model of more than 256 MiB")
    try:
        arrays = _arrays(data)
        card = records.from_json(arrays.pop(CARD).tobytes(), Card)
    except _BAD:
        raise Invalid("this file is not a model: export one with `steelyard model export`") from None
    if card.format != FORMAT:
        raise Invalid("this model is of another version of the program")
    model = Model(card, arrays)
    if not _fits(model):
        raise Invalid("this file is damaged: its numbers do not fit its card; export the model again")
    return model


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Members are stored, never packed, so that none is larger than the file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        stored = all(each.compress_type == zipfile.ZIP_STORED and each.file_size <= len(data) for each in members)
        if len(members) > _MOST or not stored or len({each.filename for each in members}) < len(members):
            raise ValueError
        return {each.filename.removesuffix(".npy"): _array(archive.read(each)) for each in members}


def _array(content: bytes) -> NDArray[Any]:
    file = io.BytesIO(content)
    if npy.read_magic(file) != (1, 0):
        raise ValueError
    shape, fortran, kind = npy.read_array_header_1_0(file)
    body = content[file.tell() :]
    if fortran or kind.str not in _KINDS or len(body) != kind.itemsize * prod(shape):
        raise ValueError
    return np.frombuffer(body, kind).reshape(shape)


def _fits(model: Model) -> bool:
    arrays, columns = model.arrays, len(model.names)
    if not _shaped(arrays, centre=("f", (columns,)), width=("f", (columns,))):
        return False
    if not (np.isfinite(arrays["centre"]).all() and (arrays["width"] > 0).all()):
        return False
    if model.card.kind == "gbdt":
        return arrays.keys() == _SCALING | _FOREST and _is_forest(arrays, columns)
    named = arrays.keys() == _SCALING | _NETWORK and model.card.kind in ("linear", "mlp")
    if not named or not _shaped(arrays, hidden=("i", ())) or not 0 <= int(arrays["hidden"]) <= MAX_HIDDEN:
        return False
    hidden = int(arrays["hidden"])
    weights = _shaped(arrays, weights=("f", (Network(columns, hidden).size,)))
    return weights and (hidden > 0) == (model.card.kind == "mlp") and bool(np.isfinite(arrays["weights"]).all())


def _is_forest(arrays: Arrays, columns: int) -> bool:
    shape = arrays["value"].shape
    if len(shape) != 2 or shape[1] < 2 or shape[1] & (shape[1] - 1):
        return False
    inner = (shape[0], shape[1] - 1)
    if not _shaped(arrays, base=("f", ()), feature=("i", inner), edge=("f", inner), value=("f", shape)):
        return False
    numbers = np.isfinite(arrays["value"]).all() and np.isfinite(arrays["base"]) and not np.isnan(arrays["edge"]).any()
    return bool(numbers and (arrays["feature"] >= 0).all() and (arrays["feature"] < columns).all())


def _shaped(arrays: Arrays, **wanted: tuple[str, tuple[int, ...]]) -> bool:
    return all(
        name in arrays and (arrays[name].dtype.kind, arrays[name].shape) == each for name, each in wanted.items()
    )
