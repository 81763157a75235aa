"""docs/spec/proof.md: the proof file of one message (PROOF-1 to PROOF-3)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from . import canonical, commitment, entry as entries, record, seal, tlog
from .authority import Authority
from .entry import Entry
from .refusal import Refused, require
from .shape import BYTES32, UINT, choice_of, exactly, fields, listing, octets, row, text

FILE_BYTES = 64 << 20
SHOWN = choice_of({0: [BYTES32, octets()], 1: [BYTES32]})
SHAPE = fields(
    {0: exactly(1), 1: octets(), 2: octets(), 3: text(FILE_BYTES, "CBOR-4"),
     4: fields({0: UINT, 1: listing(SHOWN, 4, empty="CBOR-4"), 2: listing(BYTES32, 0, tlog.HASHES)}),
     5: listing(row(octets(), text(FILE_BYTES, "CBOR-4")))},
    {6: listing(octets())},
)


@dataclass
class Report:
    """What a proof shows (PROOF-3). `parts` has None where a part is withheld."""

    archive: bytes
    asked_for: bool
    index: int = 0
    admitted_at: int = 0
    size: int = 0
    position: int = 0
    parts: list[bytes | None] = field(default_factory=list)
    witnesses: list[str] = field(default_factory=list)
    witnessed: bool = False
    control_whole: bool = True
    compromised_later: bool = False
    content: dict[str, Any] | None = None
    attachments: list[bytes] = field(default_factory=list)


def verify(data: bytes, fingerprint: bytes | None) -> Report:
    """PROOF-1, all of it. Refuses with the name of the first check that fails."""
    report, file = verify_place(data, fingerprint)
    with _failing("record"):
        _record(report, file)
    return report


def verify_place(data: bytes, fingerprint: bytes | None) -> tuple[Report, dict[int, Any]]:
    """PROOF-1, 1 to 6: that these bytes stand in the archive, whatever they mean."""
    with _failing("file"):
        file = canonical.decode(data)
        SHAPE(file)
    with _failing("genesis"):
        authority = Authority.of(file[1])
    require(fingerprint in (None, authority.archive), "archive", "another archive's proof")
    report = Report(authority.archive, fingerprint is not None)
    keys = authority.log_keys()
    with _failing("entry-form"):
        report.admitted_at, raw = entries.split_leaf(file[2])
        entry = entries.read(raw)
        placed = tlog.read_proof(file[3])
    extra = canonical.u64(report.admitted_at)
    require(placed.extra == extra, "admitted-at", "the proof tells another time of admission")
    with _failing("inclusion"):
        tlog.verify_proof(placed, file[2], keys)
    report.index, report.size = placed.index, placed.checkpoint.size
    _acts(file[5], authority, placed, keys, entry, report)
    with _failing("commitment"):
        _committed(file[4], entry, report)
    _witnessed(authority, placed.checkpoint, report)
    return report, file


class _failing:
    """Names the check that fails, whatever broke below it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Refused) and error.check not in ("kind", "path"):
            raise Refused(self.name, str(error)) from error


def _acts(shown: list[Any], authority: Authority, placed: tlog.Proof, keys: list[tlog.Key],
          entry: Entry, report: Report) -> None:
    """PROOF-1, 3 and 4: the acts in order, and between them the entry."""
    before, judged = 0, False
    for leaf, text_of_proof in shown:
        with _failing("control-form"):
            admitted_at, raw = entries.split_leaf(leaf)
            act = entries.read(raw)
            proof = tlog.read_proof(text_of_proof)
            require(proof.extra in (None, canonical.u64(admitted_at)), "control-form", "another time of admission")
        with _failing("control-inclusion"):
            tlog.verify_proof(proof, leaf, keys)
        head, its = placed.checkpoint, proof.checkpoint
        require((its.size, its.root) == (head.size, head.root), "control-order", "another checkpoint")
        require(proof.index > before, "control-order", "not behind the act before")
        before = proof.index
        if proof.index > placed.index and not judged:
            _authorized(authority, entry, report)
            judged = True
        with _failing("control-authority"):
            _act(authority, act, admitted_at, report)
    if not judged:
        _authorized(authority, entry, report)
    else:
        first = authority.compromised.get(entry.signer)
        report.compromised_later = first is not None and first <= entry.number


def _act(authority: Authority, act: Entry, admitted_at: int, report: Report) -> None:
    """CONTROL-1, CONTROL-2, CONTROL-5 for an act in a row that may have gaps."""
    require(act.kind == entries.CONTROL, "CONTROL-1", "no act")
    require(act.archive == authority.archive, "CONTROL-1", "another archive's act")
    require(act.signer in authority.keys, "CONTROL-2", "signed by nobody known")
    authority.signatures_good(act)
    authority.not_revoked(act, admitted_at)
    authority.may_sign(act, admitted_at)
    if act.body[0] > authority.number + 1:
        report.control_whole = False
    else:
        require(act.body[0] == authority.number + 1, "CONTROL-1", "a number twice")
        require(act.body[1] == authority.id, "CONTROL-1", "follows another act")
    authority.names_what_is_known(act.body[2], with_gaps=not report.control_whole)
    authority.apply(act)


def _authorized(authority: Authority, entry: Entry, report: Report) -> None:
    """PROOF-1, 4."""
    with _failing("authority"):
        require(entry.archive == authority.archive, "authority", "another archive's entry")
        require(entry.signer in authority.keys, "authority", "signed by nobody known")
        authority.signatures_good(entry)
        authority.not_revoked(entry, report.admitted_at)
        authority.may_sign(entry, report.admitted_at)


def _committed(proof: dict[int, Any], entry: Entry, report: Report) -> None:
    """PROOF-1, 5."""
    require(entry.kind == entries.BATCH, "kind", "the entry is no batch")
    position, count, path = proof[0], entry.body[1], proof[2]
    require(position < count and len(path) == _path_length(position, count), "path",
            "fits neither position nor count")
    leaves = []
    for number, shown in enumerate(proof[1]):
        if shown[0] == 0:
            leaves.append(commitment.part_leaf(position, number, shown[1], shown[2]))
            report.parts.append(shown[2])
        else:
            leaves.append(shown[1])
            report.parts.append(None)
    leaf = tlog.leaf_hash(commitment.record_leaf(position, leaves))
    tlog.verify_inclusion(position, count, leaf, path, entry.body[2])
    report.position = position


def _path_length(index: int, size: int) -> int:
    """How many hashes index and size ask for (TLOG-2)."""
    length, last = 0, size - 1
    while last > 0:
        if index & 1 or index < last:
            length += 1
        index, last = index >> 1, last >> 1
    return length


def _witnessed(authority: Authority, checkpoint: tlog.Checkpoint, report: Report) -> None:
    """PROOF-1, 6; GENESIS-2: one independent witness suffices where no number is asked for."""
    policy = authority.policy
    independent = set()
    for name, public, apart in ((one[0], one[1], one[2]) for one in policy[1]):
        if tlog.cosigned_at(checkpoint, tlog.Key(name, tlog.COSIGNATURE, public)) is not None:
            report.witnesses.append(name)
            if apart:
                independent.add(public)
    report.witnessed = len(independent) >= max(1, policy[0])


def _record(report: Report, file: dict[int, Any]) -> None:
    """PROOF-1, 7, and the attachments that are shown."""
    attachments: list[bytes | None] = []
    streams: list[seal.Stream | None] = []
    for part in report.parts[4:]:
        if part is None:
            attachments.append(None)
            streams.append(None)
        else:
            described, stream = seal.read_sealed_attachment(part)
            attachments.append(described)
            streams.append(stream)
    report.content = record.read(*report.parts[:4], attachments)
    envelope = report.content["envelope"]
    for data in file.get(6, []):
        name = hashlib.sha256(data).digest()
        found = [(index, one) for index, one in enumerate(streams) if one and one.object == name]
        require(bool(found) and envelope is not None, "record", "an attachment that no shown part names")
        index, stream = found[0]
        assert stream is not None
        chunks = seal.open_stream(data, stream.key, report.archive, envelope[1], index)
        report.attachments.append(b"".join(chunks))
