"""Planted alterations: one byte of something sound is changed, and the reader has to notice.

What is altered comes out of the vectors; the proof file is made here, from the log and the batch
of vectors/batch/, so that its parts are those of a real record with an attachment."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator

from . import authority, canonical, commitment, enrolment, entry, keyring, proof, seal, tlog
from .refusal import Refused


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << (at % 8)]) + data[at + 1 :]


def places(length: int, count: int) -> list[int]:
    """At most `count` places spread over `length` bytes, the first and the last among them."""
    if length <= count:
        return list(range(length))
    return sorted({place * (length - 1) // (count - 1) for place in range(count)})


def _load(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


class ProofMaker:
    """Makes the proof file of one record of vectors/batch/attachments.json (proof.md, the writer's side)."""

    def __init__(self, folder: Path) -> None:
        log, batch = _load(folder, "batch/archive"), _load(folder, "batch/attachments")
        self.seed = bytes.fromhex(log["log_seed"])
        leaves = [bytes.fromhex(leaf) for leaf in log["leaves"]]
        self.leaves = leaves + [bytes.fromhex(batch["leaf"])]
        self.archive = bytes.fromhex(log["archive"])
        self.record = batch["records"][0]
        self.stream = bytes.fromhex(batch["attachments"][0]["object"])

    def _proof(self, index: int) -> str:
        hashes = [tlog.leaf_hash(leaf) for leaf in self.leaves]
        admitted_at, _ = entry.split_leaf(self.leaves[index])
        root = tlog.base64.b64encode(tlog.tree_root(hashes)).decode()
        note = f"{entry.origin(self.archive)}\n{len(hashes)}\n{root}\n"
        lines = ["c2sp.org/tlog-proof@v1", f"index {index}"]
        if index == len(hashes) - 1:  # acts need no extra: their time stands in the leaf
            lines.insert(1, "extra " + tlog.base64.b64encode(canonical.u64(admitted_at)).decode())
        lines += [tlog.base64.b64encode(one).decode() for one in tlog.inclusion_path(index, hashes)]
        signature = tlog.sign(entry.origin(self.archive), self.seed, note)
        return "\n".join(lines) + "\n\n" + note + "\n" + signature

    def make(self, withheld: frozenset[int] = frozenset()) -> bytes:
        genesis = entry.read(entry.split_leaf(self.leaves[0])[1]).body
        acts = [index for index, leaf in enumerate(self.leaves)
                if entry.read(entry.split_leaf(leaf)[1]).kind == entry.CONTROL]
        parts: list[list[Any]] = []
        for number, (salt, part) in enumerate(zip(self.record["salts"], self.record["parts"])):
            shown = [0, bytes.fromhex(salt), bytes.fromhex(part)]
            if number in withheld:
                shown = [1, commitment.part_leaf(0, number, shown[1], shown[2])]
            parts.append(shown)
        last = len(self.leaves) - 1
        file = {0: 1, 1: canonical.encode(genesis), 2: self.leaves[last], 3: self._proof(last),
                4: {0: 0, 1: parts, 2: [bytes.fromhex(step) for step in self.record["path"]]},
                5: [[self.leaves[index], self._proof(index)] for index in acts]}
        if 4 not in withheld:
            file[6] = [self.stream]
        return canonical.encode(file)


Alteration = tuple[str, Callable[[], Any]]


def _proofs(folder: Path) -> Iterator[Alteration]:
    maker = ProofMaker(folder)
    whole = maker.make()
    report = proof.verify(whole, maker.archive)
    assert report.content is not None and report.attachments and report.control_whole
    assert proof.verify(maker.make(frozenset({1, 4})), None).parts[1] is None
    for at in places(len(whole), 600):
        yield f"byte {at}", lambda at=at: proof.verify(flipped(whole, at), maker.archive)


def _entries(folder: Path) -> Iterator[Alteration]:
    data = _load(folder, "authority/all_kinds")
    log = authority.Log(bytes.fromhex(data["genesis"]))
    for number, step in enumerate(data["steps"]):
        raw = bytes.fromhex(step["entry"])
        for at in places(len(raw), 40):
            yield f"step {number}, byte {at}", lambda raw=raw, at=at, step=step: log.admit(
                flipped(raw, at), step["admitted_at"])
        log.admit(raw, step["admitted_at"])


def _objects(folder: Path) -> Iterator[Alteration]:
    ways: dict[str, Callable[[entry.Entry, bytes, bytes, Any], Any]] = {
        "batch/five_live_messages": lambda head, key, data, _: seal.open_batch(head, key, data),
        "batch/five_imported_messages": lambda head, key, data, _: seal.open_batch(head, key, data),
        "audit/three_events": lambda head, key, data, _: seal.open_governance(head, key, data),
        "mail/plan": lambda head, key, data, _: seal.open_mail(head, key, data),
        "carry/three_of_seven": lambda head, key, data, about: seal.open_carry(
            head, key, data, entry.read(entry.split_leaf(bytes.fromhex(about["original_leaf"]))[1])),
    }
    for name, way in ways.items():
        about = _load(folder, name)
        head = entry.read(entry.split_leaf(bytes.fromhex(about["leaf"]))[1])
        key, data = bytes.fromhex(about["opening_key"]), bytes.fromhex(about["object"])
        way(head, key, data, about)
        for at in places(len(data), 24):
            yield f"{name}, byte {at}", lambda way=way, head=head, key=key, data=data, at=at, about=about: way(
                head, key, flipped(data, at), about)
        other = flipped(key, 7)
        yield f"{name}, another key", lambda way=way, head=head, other=other, data=data, about=about: way(
            head, other, data, about)


def _commitments(folder: Path) -> Iterator[Alteration]:
    data = _load(folder, "commitment/seven_records")
    seed, root = bytes.fromhex(data["seed"]), bytes.fromhex(data["root"])
    records = [[bytes.fromhex(part) for part in one["parts"]] for one in data["records"]]
    for i, parts in enumerate(records):
        for j, part in enumerate(parts):
            for at in range(len(part)):
                altered = [list(one) for one in records]
                altered[i][j] = flipped(part, at)
                yield f"record {i}, part {j}, byte {at}", lambda altered=altered: _same_root(seed, altered, root)


def _same_root(seed: bytes, records: list[list[bytes]], root: bytes) -> None:
    if commitment.root(seed, records) != root:
        raise Refused("COMMIT-5", "another root")


def _streams(folder: Path) -> Iterator[Alteration]:
    data = _load(folder, "stream/one_byte")
    whole, key = bytes.fromhex(data["object"]), bytes.fromhex(data["key"])
    place = (bytes.fromhex(data["archive"]), bytes.fromhex(data["record"]), data["index"])
    for at in range(len(whole)):
        yield f"byte {at}", lambda at=at: list(seal.open_stream(flipped(whole, at), key, *place))


def _keyrings(folder: Path) -> Iterator[Alteration]:
    data = _load(folder, "keyring/three_holders")
    whole = bytes.fromhex(data["keyring"])
    ring = keyring.read(whole)
    shares = [keyring.read_share(bytes.fromhex(share)) for share in data["shares"]][:2]
    for at in range(len(whole)):
        yield f"keyring, byte {at}", lambda at=at: keyring.unlock_by_shares(
            keyring.read(flipped(whole, at)), shares)
    vault_key = keyring.unlock_by_shares(ring, shares)
    sealed = ring.wraps[1][1][3]
    for at in range(len(sealed[1])):
        wrap = [1, {**ring.wraps[1][1], 3: {0: sealed[0], 1: flipped(sealed[1], at)}}]
        altered = replace(ring, wraps=[wrap])
        yield f"wrapped vault key, byte {at}", lambda altered=altered: keyring.unlock_by_shares(altered, shares)
    first = ring.epochs[0]
    for at in range(len(first[7][1])):
        epoch = {**first, 7: {0: first[7][0], 1: flipped(first[7][1], at)}}
        yield f"wrapped opening key, byte {at}", lambda epoch=epoch: keyring.opening_key(ring, vault_key, epoch)
    for name in data["shares"]:
        share = bytes.fromhex(name)
        for at in range(len(share)):
            yield f"share, byte {at}", lambda share=share, at=at: keyring.read_share(flipped(share, at))


def _enrolments(folder: Path) -> Iterator[Alteration]:
    data = _load(folder, "enrolment/request")
    archive, code = bytes.fromhex(data["archive"]), bytes.fromhex(data["code"])
    sealed = bytes.fromhex(data["sealed"])
    enrolment.open_request(sealed, archive, code)
    for at in places(len(sealed), 200):
        yield f"request, byte {at}", lambda at=at: enrolment.open_request(flipped(sealed, at), archive, code)
    text = _load(folder, "enrolment/invitation")["text"]
    for at in range(len(enrolment.PREFIX), len(text)):
        other = "A" if text[at] != "A" else "B"
        yield f"invitation, character {at}", lambda at=at, other=other: enrolment.read_invitation(
            text[:at] + other + text[at + 1 :])


def _checkpoints(folder: Path) -> Iterator[Alteration]:
    case = next(one for one in _load(folder, "tlog/checkpoint")["cases"] if one.get("accepted"))
    key, note = tlog.read_vkey(case["log"]), case["note"].encode()
    for at in range(len(note)):
        yield f"byte {at}", lambda at=at: tlog.signed_by_log(
            tlog.read_checkpoint(_text(flipped(note, at))), [key])


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("TLOG-10", "not UTF-8") from error


CLASSES: dict[str, Callable[[Path], Iterator[Alteration]]] = {
    "altered entries": _entries,
    "altered objects": _objects,
    "altered records": _commitments,
    "altered streams": _streams,
    "altered keyrings and shares": _keyrings,
    "altered enrolments": _enrolments,
    "altered checkpoints": _checkpoints,
    "altered proof files": _proofs,
}


def run_all(folder: Path) -> tuple[Counter[str], list[str]]:
    """How many alterations were noticed, by class, and which were not."""
    noticed: Counter[str] = Counter()
    unnoticed: list[str] = []
    for name, alter in CLASSES.items():
        for place, act in alter(folder):
            try:
                act()
            except Refused:
                noticed[name] += 1
                continue
            unnoticed.append(f"{name}, {place}: accepted")
    return noticed, unnoticed
