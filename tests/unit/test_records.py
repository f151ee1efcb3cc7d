"""Decoding is safe from any thread, and fails in one way."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import msgspec
import pytest

from steelyard import records

# A second thread comes while the first is describing what is inside: with msgspec's own `decode` the process dies.
RACE: Final = """
import threading, time
import msgspec
from steelyard import records

described = threading.Event()

def number():
    described.set()
    time.sleep(0.3)
    return int

class Inner(msgspec.Struct):
    value: "number()"

class Outer(msgspec.Struct):
    inner: Inner

RAW = {"inner": {"value": 1}}
found = []
def decode():
    found.append(records.READ(FORM, Outer))

threads = [threading.Thread(target=decode) for _ in range(2)]
threads[0].start()
described.wait()
threads[1].start()
[each.join() for each in threads]
print(found == [Outer(Inner(1))] * 2)
"""


@pytest.mark.parametrize(
    ("read", "form"),
    [("from_json", "msgspec.json.encode(RAW)"), ("from_msgpack", "msgspec.msgpack.encode(RAW)"), ("from_plain", "RAW")],
)
def test_a_second_thread_waits_until_a_type_is_described(read: str, form: str) -> None:
    race = RACE.replace("READ", read).replace("FORM", form)
    ended = subprocess.run([sys.executable, "-c", race], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "True"), ended.stderr


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    name: str


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"name": 1}', b'{"name": "x", "more": 1}', b'{"name": "\xff"}', b"[" * 99_999]
)
def test_whatever_is_no_record_fails_in_one_way(data: bytes) -> None:
    with pytest.raises(records.DecodeError):
        records.from_json(data, _Told)
    with pytest.raises(records.DecodeError):
        records.from_msgpack(data, _Told)


@pytest.mark.parametrize("data", [b"[" * 99_999, b"1" * 5_000, b'"\xff"'])
def test_what_python_cannot_hold_fails_in_the_same_way(data: bytes) -> None:
    with pytest.raises(records.DecodeError):
        records.from_json(data)


def test_a_record_is_read_from_each_form() -> None:
    told = _Told("x")
    assert records.from_json(msgspec.json.encode(told), _Told) == told
    assert records.from_msgpack(msgspec.msgpack.encode(told), _Told) == told
    assert records.from_plain({"name": "x"}, _Told) == told
