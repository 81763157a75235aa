"""docs/spec/record.md: the parts of a record and the checks RECORD-1 to RECORD-9."""

from __future__ import annotations

from typing import Any, Iterator

from . import canonical
from .canonical import labelled_hash, sized
from .refusal import Refused, require
from .shape import (BYTES32, MS, UINT, Check, boolean, choice, exactly, fields, later, listing,
                    octets, row, sint, some, text, uint)

ORIGINAL_BYTES = 256 << 10
RECORD_BYTES = 3 << 20
ATTACHMENTS = 4096
NAME_BYTES = 1024
NESTED = 8

CONTROL = "\x00-\x1f\x7f"
TSTR = text()
TEXT_ID = text(512, "RECORD-2", f"[^{CONTROL}]+")
NETWORK = text(32, "RECORD-2", "[a-z0-9-]{1,32}")
FIELD = row(TSTR, TSTR)
INDEX = uint(32)
INT32 = sint(-(1 << 31), (1 << 31) - 1)


def participant_id(value: Any) -> None:
    TEXT_ID(value)
    text(512, "RECORD-4", f"[a-z][a-z0-9-]{{0,31}}:[^{CONTROL}]+")(value)


TIME = fields({0: MS}, {1: sint(-1080, 1080, "TIME-1")})
TIMES = fields({3: TIME}, {0: TIME, 1: TIME, 2: TIME})
ALIAS = row(uint(high=5), TSTR)
PARTICIPANT = fields({0: participant_id}, {1: some(ALIAS), 2: TSTR, 3: UINT})
CONVERSATION = fields({0: uint(high=5)}, {1: TSTR, 2: fields({0: TEXT_ID}, {1: TSTR})})
PARTICIPANTS = fields({2: CONVERSATION}, {0: PARTICIPANT, 1: some(PARTICIPANT), 3: PARTICIPANT})
ENVELOPE = fields(
    {0: exactly(1), 1: octets(32, "RECORD-1"), 2: NETWORK, 3: TEXT_ID, 4: TEXT_ID, 5: TEXT_ID,
     6: uint(high=14), 7: uint(high=2), 8: TIMES, 9: uint(high=2), 10: TEXT_ID, 12: TEXT_ID,
     13: uint(high=2)},
    {11: BYTES32, 14: UINT},
)

TARGET = fields({0: TEXT_ID}, {1: participant_id, 2: MS, 3: TSTR, 4: TEXT_ID})
PART: Check = later(lambda: _PART)
_PART = choice({
    0: fields({0: TSTR}, {1: some(fields({0: uint(32), 1: uint(32), 2: TSTR}, {3: TSTR}))}),
    1: fields({0: INDEX, 1: TSTR}),
    2: fields({0: INT32, 1: INT32}, {2: TSTR, 3: TSTR, 4: UINT}),
    3: fields({0: TSTR}, {1: some(FIELD)}),
    4: fields({}, {0: TSTR, 1: TSTR, 2: TSTR, 3: INDEX}),
    5: fields({0: TSTR}, {1: TSTR, 2: TSTR, 3: INDEX}),
    6: fields({0: TSTR}, {1: TSTR, 2: some(FIELD), 3: some(PART)}),
    7: fields({1: listing(fields({2: listing(PART)}, {0: PARTICIPANT, 1: TIME}))}, {0: TSTR}),
    8: fields({0: TSTR, 1: uint(high=4)}, {2: TSTR, 3: TSTR, 4: UINT, 5: TSTR}),
})
TALLY = fields({0: TSTR, 1: UINT}, {2: some(fields({0: PARTICIPANT}, {1: MS}))})
MESSAGE = fields({}, {
    0: some(PART), 1: TARGET,
    2: fields({0: UINT, 1: uint(high=1)}, {2: MS}),
    3: exactly(True),
    4: fields({}, {0: PARTICIPANT, 1: MS, 2: TSTR}),
    5: some(TALLY), 6: some(TSTR),
})


def needed(item: Check) -> Check:
    """A list marked `[+ …]` that is always there (RECORD-9)."""
    return listing(item, 1, empty="RECORD-9")


CONTENT = choice({
    0: MESSAGE,
    1: fields({0: TARGET, 1: MESSAGE}, {2: MESSAGE}),
    2: fields({0: needed(TARGET), 1: uint(high=4)}, {2: PARTICIPANT, 3: MESSAGE}),
    3: fields({0: TARGET, 1: TSTR, 2: boolean}),
    4: fields({0: needed(TARGET), 1: uint(high=5)}, {2: MS, 3: TSTR}),
    5: fields({1: uint(high=2), 2: uint(high=8), 5: boolean}, {0: TSTR, 3: UINT, 4: TSTR}),
    6: fields({0: needed(fields({0: PARTICIPANT, 1: uint(high=10)}, {2: PARTICIPANT, 3: TSTR}))}),
    7: fields({0: needed(fields({0: TSTR}, {1: TSTR, 2: TSTR, 3: TARGET}))}),
    8: fields({0: uint(high=2)}, {
        1: TARGET, 2: TSTR,
        3: some(fields({0: TSTR}, {1: TSTR, 2: UINT, 3: boolean})),
        4: some(TSTR), 5: boolean, 6: boolean, 7: UINT}),
    9: fields({0: uint(high=3)}, {1: PARTICIPANT, 2: TSTR, 3: MS}),
    10: fields({0: uint(high=9)}, {1: MS, 2: MS, 3: UINT, 4: TSTR, 5: TSTR}),
    11: fields({0: listing(PARTICIPANT)}, {1: BYTES32}),
    12: fields({0: TSTR}, {1: TSTR}),
    13: fields({0: TSTR}, {1: TSTR}),
    14: fields({0: TSTR}, {1: TSTR}),
})
BODY = fields({0: CONTENT}, {1: some(FIELD)})
ORIGINAL = fields({0: TSTR}, {1: octets(most=ORIGINAL_BYTES, check="RECORD-6"), 2: INDEX})
ATTACHMENT = fields(
    {3: UINT, 4: BYTES32},
    {0: text(NAME_BYTES, "RECORD-7"), 1: TSTR, 2: TSTR, 5: TSTR, 6: uint(32), 7: uint(32), 8: UINT},
)


def record_id(network: str, account: str, conversation: str, source: str, kind: int) -> bytes:
    """RECORD-1."""
    names = (sized(name.encode("utf-8")) for name in (network, account, conversation, source))
    return labelled_hash("greffe/record-id/v1", *names, bytes([kind]))


def read(envelope: bytes | None, participants: bytes | None, body: bytes | None,
         original: bytes | None, attachments: list[bytes | None]) -> dict[str, Any]:
    """The decoded parts of one record; None stands for a part that is withheld."""
    shown = [part for part in (envelope, participants, body, original, *attachments) if part]
    require(sum(map(len, shown)) <= RECORD_BYTES, "RECORD-8", "parts of more than 3 MiB")
    require(len(attachments) <= ATTACHMENTS, "RECORD-7", "more than 4,096 attachments")
    record: dict[str, Any] = {
        "envelope": _part(envelope, ENVELOPE),
        "participants": _part(participants, PARTICIPANTS),
        "body": _part(body, BODY),
        "original": _original(original),
        "attachments": [_part(one, ATTACHMENT) for one in attachments],
    }
    head, body = record["envelope"], record["body"]
    if head is not None:
        require(body is None or head[6] == body[0][0], "RECORD-3", "kind and body differ")
        wanted = record_id(head[2], head[3], head[4], head[5], head[6])
        require(head[1] == wanted, "RECORD-1", "the record id is not that of the envelope")
    if body is not None:
        content = body[0]
        require(_depth(content) <= NESTED, "RECORD-5", "bundles nested too deep")
        for index in _indexes(content):
            require(index < len(attachments), "RECORD-6", f"no attachment {index}")
    if record["original"]:
        index = record["original"].get(2)
        require(index is None or index < len(attachments), "RECORD-6", f"no attachment {index}")
    return record


def _part(data: bytes | None, shape: Check) -> Any:
    if data is None:
        return None
    value = canonical.decode(data)
    shape(value)
    return value


def _original(data: bytes | None) -> Any:
    if not data:
        return None
    value = _part(data, ORIGINAL)
    if (1 in value) == (2 in value):
        raise Refused("CBOR-4", "either the original's bytes or an index")
    return value


def _messages(content: Any) -> Iterator[Any]:
    number, value = content
    if number == 0:
        yield value
    elif number == 1:
        yield value[1]
        if 2 in value:
            yield value[2]
    elif number == 2 and 3 in value:
        yield value[3]


def _inner(part: Any) -> list[Any]:
    number, value = part
    if number == 6:
        return list(value.get(3, []))
    if number == 7:
        return [one for item in value[1] for one in item[2]]
    return []


def _depth(content: Any) -> int:
    """How many bundles and structured parts stand within each other at most (RECORD-5)."""
    def of(part: Any) -> int:
        return (part[0] in (6, 7)) + max(map(of, _inner(part)), default=0)

    return max((of(part) for message in _messages(content) for part in message.get(0, [])), default=0)


def _indexes(content: Any) -> Iterator[int]:
    """The attachments that a body refers to."""
    def of(part: Any) -> Iterator[int]:
        place = {1: 0, 4: 3, 5: 3}.get(part[0])
        if place is not None and place in part[1]:
            yield part[1][place]
        for one in _inner(part):
            yield from of(one)

    for message in _messages(content):
        for part in message.get(0, []):
            yield from of(part)
