"""docs/spec/entry.md: entries and leaves (ENTRY-1 to ENTRY-7, LEAF-1), and the acts of
docs/spec/authority.md as far as their form goes. What is refused here is `malformed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import canonical, tlog
from .canonical import framed, labelled_hash, u64
from .refusal import Refused, require
from .shape import (BYTES16, BYTES32, MS, UINT, boolean, choice, exactly, fields,
                    listing, octets, some, text, uint)

ENTRY_BYTES = 16384
OBJECTS = 320
SIGNATURES = 33
OBJECT_BYTES = 8 << 30
ZEROS = bytes(32)

GENESIS, CONTROL, BATCH, CONTINUATION, HEARTBEAT, WITHDRAWN = range(6)
STORED, CARRY, AUDIT, GOVERNANCE, MAIL, HEAD = range(6, 12)

KEY_NAME = text(255, "malformed")
WITNESS_POLICY = fields({0: UINT, 1: listing(fields({0: KEY_NAME, 1: BYTES32, 2: boolean}), 0, 32)})
GENESIS_SHAPE = fields({0: exactly(1), 1: BYTES32, 2: listing(BYTES32, 1, 8), 3: WITNESS_POLICY,
                        4: MS, 5: BYTES16})
PURPOSE = uint(high=9)
ACT = choice({
    0: fields({0: BYTES32, 1: uint(high=4)}, {2: octets(1216), 3: BYTES32, 4: UINT, 5: BYTES32}),
    1: fields({0: BYTES32, 1: choice({0: MS, 1: UINT})}),
    2: fields({0: PURPOSE, 1: listing(BYTES32, 1, 32), 2: uint(low=1, high=32), 3: MS}),
    3: fields({0: PURPOSE, 1: UINT}),
    4: fields({0: some(fields({0: BYTES32, 1: octets(1216), 2: UINT, 3: uint(high=2), 4: MS, 5: MS,
                               6: MS}))}),
    5: fields({}, {0: WITNESS_POLICY, 1: UINT, 2: UINT, 3: UINT}),
})
CONTROL_SHAPE = fields({0: UINT, 1: BYTES32, 2: ACT})
COUNT = uint(low=1, high=1024)
BODY = choice({
    GENESIS: GENESIS_SHAPE,
    CONTROL: CONTROL_SHAPE,
    BATCH: fields({0: BYTES32, 1: COUNT, 2: BYTES32}, {3: exactly(True)}),
    CONTINUATION: fields({0: UINT, 1: UINT}),
    HEARTBEAT: fields({0: listing(fields({0: BYTES16, 1: uint(high=6), 2: UINT, 3: UINT}), 0, 256),
                       1: UINT}, {2: BYTES32}),
    WITHDRAWN: fields({0: BYTES32, 1: uint(low=1, high=13)}),
    STORED: fields({0: UINT}),
    CARRY: fields({0: UINT, 1: BYTES32, 2: some(uint(high=1023))}, {3: BYTES32}),
    AUDIT: fields({0: BYTES32, 1: COUNT, 2: BYTES32}),
    GOVERNANCE: fields({0: BYTES32, 1: COUNT, 2: BYTES32, 3: PURPOSE}),
    MAIL: fields({0: BYTES32, 1: BYTES32}),
    HEAD: fields({0: UINT, 1: BYTES32}),
})
SHAPE = fields(
    {0: exactly(1), 1: exactly(1), 2: BYTES32, 3: BYTES32, 4: UINT, 5: BYTES32, 6: BODY,
     7: listing(fields({0: BYTES32, 1: uint(low=1, high=OBJECT_BYTES)}), 0, OBJECTS),
     9: MS, 10: listing(fields({0: BYTES32, 1: octets(64)}), 1, SIGNATURES)},
    {8: fields({0: UINT, 1: BYTES32})},
)


def signer_id(public: bytes) -> bytes:
    """ENTRY-3."""
    return labelled_hash("greffe/signer/v1", public)


@dataclass(frozen=True)
class Entry:
    """An entry that keeps to its form; nothing is said yet about whether it may stand."""

    raw: bytes
    fields: dict[int, Any]

    archive = property(lambda self: self.fields[2])
    signer = property(lambda self: self.fields[3])
    number = property(lambda self: self.fields[4])
    previous = property(lambda self: self.fields[5])
    kind = property(lambda self: self.fields[6][0])
    body = property(lambda self: self.fields[6][1])
    objects = property(lambda self: [(one[0], one[1]) for one in self.fields[7]])
    seen = property(lambda self: self.fields.get(8))
    time = property(lambda self: self.fields[9])
    signatures = property(lambda self: {one[0]: one[1] for one in self.fields[10]})

    def unsigned(self) -> bytes:
        return canonical.encode({key: value for key, value in self.fields.items() if key != 10})

    def to_be_signed(self) -> bytes:
        """ENTRY-1."""
        return framed("greffe/entry-signature/v1") + self.unsigned()

    @property
    def id(self) -> bytes:
        """ENTRY-2."""
        return labelled_hash("greffe/entry/v1", self.unsigned())

    def aad(self) -> bytes:
        """ENTRY-7."""
        bound = {key: value for key, value in self.fields.items() if key != 10}
        bound[7] = []
        return canonical.encode(bound)


def read(data: bytes) -> Entry:
    """ENTRY-4 to ENTRY-6; refuses as `malformed`, or `bad-signature` if the own one is missing."""
    try:
        require(len(data) <= ENTRY_BYTES, "ENTRY-6", "more than 16,384 bytes")
        value = canonical.decode(data)
        SHAPE(value)
        entry = Entry(data, value)
        _limits(entry)
    except Refused as error:
        raise Refused("malformed", str(error)) from error
    require(entry.signer in entry.signatures, "bad-signature", "ENTRY-4: the own one is missing")
    return entry


def _limits(entry: Entry) -> None:
    signers = [one[0] for one in entry.fields[10]]
    require(signers == sorted(set(signers)), "ENTRY-4", "signatures sorted, no signer twice")
    hashes = [one[0] for one in entry.objects]
    require(len(hashes) == len(set(hashes)), "ENTRY-5", "an object stands twice")
    require((entry.number == 0) == (entry.previous == ZEROS), "ENTRY-6", "number 0 and zeros")
    _objects(entry)
    body = entry.body
    if entry.kind == GENESIS:
        read_genesis(canonical.encode(body))
    elif entry.kind == CONTROL:
        _act(body)
    elif entry.kind == CARRY:
        require(body[2] == sorted(set(body[2])), "ENTRY-6", "positions ascend")
    elif entry.kind == STORED:
        require(entry.seen is not None and entry.seen[0] >= body[0], "LEAF-2", "a size of at least through")


def _objects(entry: Entry) -> None:
    """How many objects each kind has."""
    count = len(entry.objects)
    if entry.kind in (BATCH, CONTINUATION):
        good = count >= 1
    elif entry.kind in (CARRY, AUDIT, GOVERNANCE, MAIL):
        good = count == 1
    elif entry.kind == HEARTBEAT:
        good = count == (1 if 2 in entry.body else 0)
    else:
        good = count == 0
    require(good, "ENTRY-5", f"{count} objects in an entry of kind {entry.kind}")


def _act(control: dict[int, Any]) -> None:
    require(control[0] >= 1, "CONTROL-1", "acts are numbered from 1")
    number, act = control[2]
    if number == 0:
        require((3 in act) == (4 in act), "CONTROL-5", "follows, and up to which number")
    elif number == 2:
        require(len(act[1]) == len(set(act[1])), "CONTROL-2", "a key twice")
        require(act[2] <= len(act[1]), "CONTROL-2", "threshold above the number of keys")
        require(act[0] != 3 or act[2] == 1, "CONTROL-4", "head has the threshold 1")
    elif number == 5 and 0 in act:
        _witness_policy(act[0])


def _witness_policy(policy: dict[int, Any]) -> None:
    """GENESIS-2."""
    keys = [one[1] for one in policy[1]]
    require(len(keys) == len(set(keys)), "GENESIS-2", "a witness has another's key")
    independent = sum(one[2] for one in policy[1])
    require(policy[0] <= independent, "GENESIS-2", "asks for more than are independent")
    for one in policy[1]:
        tlog.key_name(one[0])


def read_genesis(data: bytes) -> dict[int, Any]:
    """The genesis in canonical form."""
    value = canonical.decode(data)
    GENESIS_SHAPE(value)
    require(len(value[2]) == len({*value[2]}), "GENESIS-2", "a log key twice")
    _witness_policy(value[3])
    return value


def archive_id(genesis: bytes) -> bytes:
    """GENESIS-1."""
    return labelled_hash("greffe/archive/v1", genesis)


def control_id(control: bytes) -> bytes:
    """CONTROL-1."""
    return labelled_hash("greffe/control/v1", control)


def origin(archive: bytes) -> str:
    """GENESIS-1: the log's origin."""
    return f"greffe-archive/{archive.hex()}"


def write_leaf(admitted_at: int, entry: bytes) -> bytes:
    """LEAF-1."""
    return u64(admitted_at) + entry


def split_leaf(leaf: bytes) -> tuple[int, bytes]:
    """LEAF-1."""
    require(len(leaf) > 8, "LEAF-1", "no room for an entry")
    admitted_at = int.from_bytes(leaf[:8], "big")
    require(admitted_at < 1 << 63, "LEAF-1", "a time above 2^63-1")
    return admitted_at, leaf[8:]
