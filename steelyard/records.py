"""Records read from JSON, MessagePack and TOML, by msgspec; ruff refuses its own `decode` and `convert` elsewhere.

msgspec describes a type to itself when something is first decoded as it.  A thread that decodes as the same type
meanwhile finds half a description, and the process dies of a null pointer.  So types are described one at a time here,
each before anything is decoded as it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache, partial
from threading import RLock
from typing import Any, Final, TypeVar, cast, overload

import msgspec

T = TypeVar("T")
Bytes = bytes | bytearray | memoryview
DecodeError: Final = msgspec.DecodeError  # all that is raised here; its text says where and what
_describing: Final = RLock()  # describing may come to another type by itself


@overload
def from_json(data: Bytes | str, kind: type[T]) -> T: ...
@overload
def from_json(data: Bytes | str, kind: Any = Any) -> Any: ...
def from_json(data: Bytes | str, kind: Any = Any) -> Any:
    """A value of this type, whoever wrote the text."""
    return _read(_json(kind).decode, data)


def from_msgpack(data: Bytes, kind: type[T]) -> T:
    """A value of this type, whoever wrote the bytes."""
    return cast(T, _read(_msgpack(cast(Hashable, kind)).decode, data))


def from_plain(
    value: object,
    kind: type[T],
    *,
    hook: Callable[[type, Any], Any] | None = None,
    from_attributes: bool = False,
) -> T:
    """A value of this type out of tables and lists, such as TOML's; `hook` makes what msgspec cannot."""
    _json(cast(Hashable, kind))
    made = partial(msgspec.convert, type=kind, dec_hook=hook, from_attributes=from_attributes)  # noqa: TID251
    return cast(T, _read(made, value))


@cache
def _json(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: TID251
    with _describing:
        return msgspec.json.Decoder(kind)  # noqa: TID251


@cache
def _msgpack(kind: Any) -> msgspec.msgpack.Decoder[Any]:  # noqa: TID251
    with _describing:
        return msgspec.msgpack.Decoder(kind)  # noqa: TID251


def _read(decode: Callable[[Any], Any], data: object) -> Any:
    try:
        return decode(data)
    except DecodeError:
        raise
    except (ValueError, RecursionError):
        raise DecodeError("not UTF-8, nested too deeply, or a number too long") from None
