"""The CDDL of the spec pages as checks: each takes a decoded value and refuses or returns."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

from .refusal import Refused, require

Check = Callable[[Any], None]

TEXT_BYTES = 1 << 20


def uint(bits: int = 64, check: str = "CBOR-4", low: int = 0, high: int | None = None) -> Check:
    top = (1 << bits) - 1 if high is None else high

    def look(value: Any) -> None:
        require(type(value) is int and low <= value <= top, check, f"no integer from {low} to {top}")

    return look


def sint(low: int, high: int, check: str = "CBOR-4") -> Check:
    return uint(low=low, high=high, check=check)


def exactly(wanted: Any) -> Check:
    def look(value: Any) -> None:
        require(type(value) is type(wanted) and value == wanted, "CBOR-4", f"not {wanted!r}")

    return look


def boolean(value: Any) -> None:
    require(type(value) is bool, "CBOR-4", "neither true nor false")


def octets(size: int | None = None, check: str = "CBOR-4", most: int | None = None) -> Check:
    def look(value: Any) -> None:
        require(type(value) is bytes, "CBOR-4", "no byte string")
        require(size is None or len(value) == size, check, f"not of {size} bytes")
        require(most is None or len(value) <= most, check, f"more than {most} bytes")

    return look


def text(most: int = TEXT_BYTES, check: str = "RECORD-2", pattern: str | None = None) -> Check:
    def look(value: Any) -> None:
        require(type(value) is str, "CBOR-4", "no text")
        require(len(value.encode("utf-8")) <= most, check, f"more than {most} bytes")
        if pattern is not None:
            found = re.fullmatch(pattern, value, re.DOTALL)
            require(found is not None, check, f"{value!r} does not fit {pattern}")

    return look


def listing(item: Check, least: int = 0, most: int | None = None, empty: str = "CBOR-2",
            over: str = "CBOR-4") -> Check:
    """A list; `empty` is the check that one with too few items breaks."""

    def look(value: Any) -> None:
        require(type(value) is list, "CBOR-4", "no list")
        require(len(value) >= least, empty, f"fewer than {least} items")
        require(most is None or len(value) <= most, over, f"more than {most} items")
        for one in value:
            item(one)

    return look


def some(item: Check) -> Check:
    """An optional list marked `[+ …]`: left out rather than empty (CBOR-2)."""
    return listing(item, 1)


def row(*items: Check, least: int | None = None) -> Check:
    """An array whose places have their own shapes; those from `least` on may be missing."""

    def look(value: Any) -> None:
        require(type(value) is list, "CBOR-4", "no list")
        fewest = len(items) if least is None else least
        require(fewest <= len(value) <= len(items), "CBOR-4", f"a list of {len(value)}")
        for check, one in zip(items, value):
            check(one)

    return look


def choice(options: Mapping[int, Check]) -> Check:
    """CBOR-4: `[number, content]`."""

    def look(value: Any) -> None:
        require(type(value) is list and len(value) == 2, "CBOR-4", "no pair of number and content")
        require(type(value[0]) is int and value[0] in options, "CBOR-4", f"unknown choice {value[0]!r}")
        options[value[0]](value[1])

    return look


def choice_of(options: Mapping[int, list[Check]]) -> Check:
    """`[number, content…]`: a choice with several contents."""

    def look(value: Any) -> None:
        require(type(value) is list and bool(value), "CBOR-4", "no list")
        require(type(value[0]) is int and value[0] in options, "CBOR-4", f"unknown choice {value[0]!r}")
        row(*options[value[0]])(value[1:])

    return look


def fields(required: Mapping[int, Check] = {}, optional: Mapping[int, Check] = {}) -> Check:
    """A map with small unsigned keys."""

    def look(value: Any) -> None:
        require(type(value) is dict, "CBOR-4", "no map")
        for key, one in value.items():
            check = None
            if type(key) is int:
                check = required.get(key) or optional.get(key)
            if check is None:
                raise Refused("CBOR-4", f"unknown key {key!r}")
            check(one)
        for key in required:
            require(key in value, "CBOR-4", f"key {key} is missing")

    return look


def later(find: Callable[[], Check]) -> Check:
    """A shape that refers to itself."""
    return lambda value: find()(value)


BYTES16 = octets(16)
BYTES32 = octets(32)
MS = sint(-(1 << 63), (1 << 63) - 1, "TIME-1")
UINT = uint(64)
