"""docs/spec/connector.md: frames between agent and connectors (CONN-1, CONN-4, CONN-6, CONN-10)."""

from __future__ import annotations

from typing import Any

from . import canonical
from .refusal import Refused, require
from .shape import UINT, Check, boolean, choice, exactly, fields, listing, octets, row, some, text, uint

FRAME_BYTES = 8 << 20
TEXT = text(64 << 10, "limit")
FIELDS = listing(row(TEXT, TEXT), 0, 256, over="limit")
POSITION = octets(most=4 << 10, check="limit")
NETWORK = text(check="network", pattern="[a-z0-9-]{1,32}")


def file_name(value: Any) -> None:
    """CONN-4."""
    TEXT(value)
    length = len(value.encode("utf-8"))
    good = 1 <= length <= 255 and value not in (".", "..") and not set(value) & set("/\\:\0")
    require(good, "file-name", "no single name inside the folder")


def incoming(value: Any) -> None:
    fields({0: listing(octets(), 4, empty="limit")},
           {1: some(fields({0: UINT, 1: file_name}))})(value)
    files = [one[0] for one in value.get(1, [])]
    good = len(files) == len(set(files)) and all(4 + index < len(value[0]) for index in files)
    require(good, "limit", "a file of no attachment, or two of one")


def version(value: Any) -> None:
    require(type(value) is int, "CBOR-4", "no integer")
    require(value == 1, "version", "another version")


def said(most: int) -> Check:
    """CONN-10: a text that is not empty."""
    inner = text(most, "limit")

    def look(value: Any) -> None:
        inner(value)
        require(value != "", "limit", "an empty text")

    return look


UP = choice({
    0: fields({0: version, 1: TEXT, 2: TEXT, 3: NETWORK,
               4: listing(fields({0: uint(high=14, check="kind"), 1: uint(high=3)}, {2: TEXT}), 0, 256,
                          over="limit")}, {5: exactly(True)}),
    1: fields({0: uint(low=1), 1: listing(incoming, 1, 1024, "limit", "limit")}, {2: POSITION}),
    2: fields({0: uint(high=6)}, {1: TEXT}),
    3: fields({0: UINT}, {1: UINT, 2: UINT}),
    4: fields({0: TEXT, 1: TEXT}),
    5: fields({0: UINT}, {1: TEXT}),
    6: fields({0: UINT, 1: UINT}, {2: TEXT}),
    7: fields({0: TEXT, 1: FIELDS, 2: boolean}),
})
DOWN = choice({
    0: fields({0: version, 1: TEXT, 2: TEXT, 3: TEXT, 4: FIELDS}, {5: POSITION}),
    1: fields({0: UINT}),
    2: fields({0: FIELDS}),
    3: fields({0: UINT, 1: octets()}),
    4: fields({0: TEXT, 1: TEXT}),
    5: fields(),
    6: fields({0: TEXT, 1: listing(fields({0: said(35), 1: said(2000)}), 1, 32, "limit", "limit")}),
})


def read_frame(data: bytes, direction: str) -> Any:
    """The one message in a frame; refused as `torn`, `too-long`, `encoding`, or by its content."""
    require(len(data) >= 4, "torn", "no length")
    length = int.from_bytes(data[:4], "big")
    require(length <= FRAME_BYTES, "too-long", "more than 8 MiB")
    require(len(data) - 4 >= length, "torn", "cut off")
    require(len(data) - 4 == length, "encoding", "bytes behind the frame")
    try:
        message = canonical.decode(data[4:])
        (UP if direction == "up" else DOWN)(message)
    except Refused as error:
        if error.check.startswith("CBOR-"):
            raise Refused("encoding", str(error)) from error
        raise
    return message
