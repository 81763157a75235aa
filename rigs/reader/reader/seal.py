"""docs/spec/batch.md: sealed objects, padding, batches, streams, governance, mail, carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Iterator

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import canonical, commitment, hpke, record, tlog
from .canonical import framed, hkdf, labelled_hash, u32
from .entry import Entry
from .refusal import Refused, require
from .shape import (BYTES32, MS, UINT, exactly, fields, listing, octets, row, some, text, uint)

SUITE = 1
OBJECT, STREAM = 1, 2
BATCH_BYTES = 4 << 20
SINGLE_BYTES = (4 << 20) + (64 << 10)
RECORDS = 1024
CARRY_BYTES = 8 << 20
MAIL_BYTES = 4 << 20
CHUNK = 65536
TAG = 16
LEAST_PLAIN = 1024
BATCH, GOVERNANCE, MAIL = "greffe/batch/v1", "greffe/governance/v1", "greffe/mail/v1"
SHARE_TRAVEL = "greffe/share-travel/v1"


def public_key(opening_key: bytes) -> bytes:
    """EPOCH-1: the X-Wing public key of an opening key."""
    return hpke.XWing().public(opening_key)


def epoch_id(public: bytes) -> bytes:
    """EPOCH-1."""
    return labelled_hash("greffe/epoch/v1", bytes([SUITE]), public)


def partition_key(epoch: bytes, opening_key: bytes, purpose: int) -> bytes:
    """PART-1."""
    return hkdf(epoch, opening_key, b"greffe/partition/v1" + bytes([purpose]))


def info(label: str, archive: bytes, public: bytes) -> bytes:
    """BATCH-2."""
    return framed(label) + b"\1" + archive + hashlib.sha256(public).digest()


def open_object(label: str, archive: bytes, opening_key: bytes, aad: bytes, data: bytes) -> bytes:
    """BATCH-2, BATCH-3: the plaintext of a sealed object, with its padding."""
    xwing = hpke.XWing()
    require(len(data) >= 2 + xwing.enc_bytes + TAG, "BATCH-2", "too short")
    require(data[0] == OBJECT, "BATCH-2", "no sealed object")
    require(data[1] == SUITE, "BATCH-2", "an unknown suite")
    enc, ciphertext = data[2 : 2 + xwing.enc_bytes], data[2 + xwing.enc_bytes :]
    bound = info(label, archive, xwing.public(opening_key))
    return hpke.open_message(xwing, opening_key, enc, bound, aad, ciphertext)


def padded_length(length: int) -> int:
    """BATCH-5: Padmé."""
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def unpad(plain: bytes, imported: bool, most: int = SINGLE_BYTES) -> bytes:
    """BATCH-4, BATCH-5: the content of a plaintext."""
    require(len(plain) >= 5, "BATCH-4", "no room for a form and a length")
    form, length = plain[0], int.from_bytes(plain[1:5], "big")
    require(form in (0, 1), "BATCH-4", "an unknown form")
    require(form == 0 or imported, "BATCH-4", "compressed, but no import")
    require(5 + length <= len(plain), "BATCH-4", "claims more bytes than there are")
    require(not any(plain[5 + length :]), "BATCH-5", "padding that is not zero")
    least = max(5 + length, LEAST_PLAIN) if form == 0 else 5 + length
    require(len(plain) == padded_length(least), "BATCH-5", "another length of padding")
    content = plain[5 : 5 + length]
    return _inflate(content, most) if form else content


def _inflate(content: bytes, most: int) -> bytes:
    require(len(content) >= 4, "BATCH-4", "no inflated length")
    length = int.from_bytes(content[:4], "big")
    require(length <= most, "BATCH-4", "inflates to more than a batch may have")
    inflater = zstandard.ZstdDecompressor().decompressobj()
    try:
        plain = inflater.decompress(content[4:])
    except zstandard.ZstdError as error:
        raise Refused("BATCH-4", "no zstd frame") from error
    require(inflater.eof, "BATCH-4", "the frame is cut off")
    require(not inflater.unused_data, "BATCH-4", "bytes behind the frame")
    require(len(plain) == length, "BATCH-4", "another inflated length")
    return plain


SEALED_ATTACHMENT = fields({0: record.ATTACHMENT}, {1: fields({0: BYTES32, 1: UINT, 2: BYTES32})})


@dataclass(frozen=True)
class Stream:
    """Where an attachment's bytes lie: object hash, length of the object, key."""

    object: bytes
    length: int
    key: bytes


@dataclass(frozen=True)
class OpenedRecord:
    """One record of a batch: committed parts, decoded parts, streams of its attachments."""

    parts: list[bytes]
    content: dict[str, Any]
    streams: list[Stream | None]


def _parts_of(content: bytes, fewest: int) -> tuple[bytes, list[list[bytes]]]:
    value = canonical.decode(content)
    fields({0: exactly(1), 1: BYTES32,
            2: listing(listing(octets(), fewest, empty="BATCH-1"), 1, RECORDS, "BATCH-1", "BATCH-1")})(value)
    require(len(content) <= (BATCH_BYTES if len(value[2]) > 1 else SINGLE_BYTES), "BATCH-1", "too large")
    return value[1], value[2]


def _check_commitment(entry: Entry, seed: bytes, records: list[list[bytes]]) -> None:
    require(len(records) == entry.body[1], "COMMIT-5", "another count of records")
    require(commitment.root(seed, records) == entry.body[2], "COMMIT-5", "another root")


def open_batch(entry: Entry, opening_key: bytes, data: bytes) -> tuple[bytes, list[OpenedRecord]]:
    """Seed and records of the batch that `entry` names."""
    require(entry.kind == 2, "BATCH-1", "no batch")
    imported = 3 in entry.body
    plain = open_object(BATCH, entry.archive, opening_key, entry.aad(), data)
    seed, records = _parts_of(unpad(plain, imported), 4)
    _check_commitment(entry, seed, records)
    return seed, [open_record(parts) for parts in records]


def open_record(parts: list[bytes]) -> OpenedRecord:
    """The record in committed parts: all RECORD checks, and its streams."""
    read = [read_sealed_attachment(part) for part in parts[4:]]
    content = record.read(parts[0], parts[1], parts[2], parts[3], [one for one, _ in read])
    return OpenedRecord(parts, content, [stream for _, stream in read])


def read_sealed_attachment(part: bytes) -> tuple[bytes, Stream | None]:
    """An attachment's description, encoded, and where its bytes lie."""
    value = canonical.decode(part)
    SEALED_ATTACHMENT(value)
    require((1 in value) == (value[0][3] > 0), "BATCH-1", "a stream exactly if there are bytes")
    stream = Stream(value[1][0], value[1][1], value[1][2]) if 1 in value else None
    return canonical.encode(value[0]), stream


def open_stream(data: bytes, key: bytes, archive: bytes, record_id: bytes, index: int) -> Iterator[bytes]:
    """STREAM-1, STREAM-2: the plain chunks; refuses before the first chunk that is not sound."""
    require(len(data) >= 2 and data[0] == STREAM and data[1] == SUITE, "STREAM-2", "no sealed stream")
    aad = framed("greffe/stream/v1") + archive + record_id + u32(index)
    aead, at, number = AESGCM(key), 2, 0
    while True:
        piece = data[at : at + CHUNK + TAG]
        at += len(piece)
        last = at == len(data)
        check = "STREAM-1" if last and number == 0 else "STREAM-2"
        require(len(piece) >= TAG, "STREAM-2", "the last chunk is missing")
        nonce = number.to_bytes(11, "big") + bytes([last])
        try:
            plain = aead.decrypt(nonce, piece, aad)
        except InvalidTag as error:
            raise Refused(check, f"chunk {number} is not sound") from error
        require(bool(plain) or number == 0, "STREAM-1", "an empty last chunk after a full one")
        yield plain
        if last:
            return
        number += 1


def open_governance(entry: Entry, opening_key: bytes, data: bytes) -> list[list[bytes]]:
    """GOV-1: the parts of each act or event that an audit or governance entry names."""
    require(entry.kind in (8, 9), "GOV-1", "neither audit nor governance")
    plain = open_object(GOVERNANCE, entry.archive, opening_key, entry.aad(), data)
    seed, acts = _parts_of(unpad(plain, False), 1)
    _check_commitment(entry, seed, acts)
    return acts


AUDIT_TEXT = text(4096, "GOV-1")
AUDIT_EVENT = fields(
    {0: exactly(1), 1: MS, 2: AUDIT_TEXT, 3: AUDIT_TEXT},
    {4: listing(row(AUDIT_TEXT, AUDIT_TEXT), 1, 16384, over="GOV-1"),
     5: listing(BYTES32, 1, 16384, over="GOV-1")},
)


def read_audit_event(data: bytes) -> dict[int, Any]:
    """GOV-1."""
    event = canonical.decode(data)
    AUDIT_EVENT(event)
    return event


def open_mail(entry: Entry, opening_key: bytes, data: bytes) -> tuple[str, bytes]:
    """GOV-1: subject and content."""
    require(entry.kind == 10, "GOV-1", "no mail")
    content = unpad(open_object(MAIL, entry.archive, opening_key, entry.aad(), data), False)
    require(len(content) <= MAIL_BYTES, "GOV-1", "more than 4 MiB")
    mail = canonical.decode(content)
    fields({0: exactly(1), 1: text(255, "GOV-1"), 2: octets()})(mail)
    return mail[1], mail[2]


CARRY = fields({0: exactly(1), 1: some(fields({
    0: uint(high=RECORDS - 1), 1: UINT, 2: listing(row(UINT, BYTES32, octets()), 4, empty="CARRY-1"),
    3: listing(BYTES32, 0, 10, over="CARRY-1")}))})


def open_carry(entry: Entry, opening_key: bytes, data: bytes, original: Entry) -> dict[int, OpenedRecord]:
    """CARRY-1, CARRY-2: the carried records by position, judged by the original entry's root."""
    require(entry.kind == 7, "CARRY-1", "no carry")
    require(original.kind == 2, "CARRY-2", "the original entry is no batch")
    content = unpad(open_object(BATCH, entry.archive, opening_key, entry.aad(), data), False)
    require(len(content) <= CARRY_BYTES, "CARRY-1", "more than 8 MiB")
    value = canonical.decode(content)
    CARRY(value)
    require([one[0] for one in value[1]] == entry.body[2], "CARRY-1", "other positions than the entry's")
    return {one[0]: _carried(one, original) for one in value[1]}


def _carried(one: dict[int, Any], original: Entry) -> OpenedRecord:
    position, parts = one[0], one[2]
    require(one[1] == len(parts), "CARRY-1", "a part is missing")
    require([part[0] for part in parts] == list(range(len(parts))), "CARRY-1", "parts out of order")
    leaves = [commitment.part_leaf(position, j, salt, data) for j, salt, data in parts]
    leaf = tlog.leaf_hash(commitment.record_leaf(position, leaves))
    try:
        tlog.verify_inclusion(position, original.body[1], leaf, one[3], original.body[2])
    except Refused as error:
        raise Refused("CARRY-2", "does not lead to the original root") from error
    return open_record([data for _, _, data in parts])
