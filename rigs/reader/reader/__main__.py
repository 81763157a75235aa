"""python -m reader verify FILE | open … | vectors DIR"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import alterations, entry, keyring, proof, seal, tlog, vectors
from .refusal import Refused

PARTS = ("envelope", "participants", "body", "original")


def main() -> int:
    parser = argparse.ArgumentParser(prog="reader", description="Reads Greffe's formats, by docs/spec/ alone.")
    commands = parser.add_subparsers(required=True)

    verify = commands.add_parser("verify", help="verify the proof file of one message")
    verify.add_argument("file", type=Path)
    verify.add_argument("--archive", metavar="FINGERPRINT", help="the archive that it must be of")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=_verify)

    opened = commands.add_parser("open", help="open a sealed batch and write its records as JSON")
    opened.add_argument("--leaf", type=Path, required=True, help="the log's leaf, or an entry bundle (a tile)")
    opened.add_argument("--place", type=int, help="which entry of the bundle, from 0")
    opened.add_argument("--object", type=Path, required=True, help="the sealed batch")
    opened.add_argument("--key", metavar="HEX", help="the epoch's opening key")
    opened.add_argument("--keyring", type=Path, help="the keyring that holds it")
    opened.add_argument("--passphrase", type=Path, help="file with the passphrase of the keyring")
    opened.add_argument("--words", type=Path, action="append", default=[], help="file with a share in words")
    opened.add_argument("--streams", type=Path, help="folder of sealed attachments, named by their hash in hex")
    opened.add_argument("--out", type=Path, help="folder for the attachments")
    opened.set_defaults(run=_open)

    run_vectors = commands.add_parser("vectors", help="run every vector and some alterations")
    run_vectors.add_argument("folder", type=Path)
    run_vectors.set_defaults(run=_vectors)

    given = parser.parse_args()
    return given.run(given)


def _verify(given: argparse.Namespace) -> int:
    try:
        fingerprint = None if given.archive is None else bytes.fromhex(given.archive)
    except ValueError:
        print("--archive wants the 64 hex digits of a fingerprint", file=sys.stderr)
        return 2
    try:
        report = proof.verify(given.file.read_bytes(), fingerprint)
    except Refused as error:
        if given.json:
            print(json.dumps({"proven": False, "check": error.check, "why": error.why}))
        else:
            print(f"NOT proven. The check that failed: {error.check} ({error.why})")
        return 1
    if given.json:
        print(json.dumps(_as_json(report), ensure_ascii=False, indent=2))
        return 0
    print("proven")
    print(f"archive      {report.archive.hex()}" + ("" if report.asked_for else "  (no fingerprint was given: compare it)"))
    print(f"place        entry {report.index} of {report.size}, record {report.position} of its batch")
    print(f"admitted     {report.admitted_at} ms since 1970")
    by = ", ".join(report.witnesses) or "nobody"
    print(f"cosigned by  {by}: " + ("witnessed" if report.witnessed else "unwitnessed"))
    if not report.control_whole:
        print("attention    acts of the control chain were not shown; one of them may have revoked the signer")
    if report.compromised_later:
        print("attention    the signer was found compromised from this entry's number or before")
    for number, part in enumerate(report.parts):
        name = PARTS[number] if number < 4 else f"attachment {number - 4}"
        print(f"{name:12} " + ("withheld" if part is None else f"shown, {len(part)} bytes"))
    print(json.dumps(_plain(report.content), ensure_ascii=False, indent=2))
    return 0


def _as_json(report: proof.Report) -> dict[str, Any]:
    return {"proven": True, "archive": report.archive.hex(), "index": report.index, "size": report.size,
            "position": report.position, "admitted_at": report.admitted_at,
            "witnesses": report.witnesses, "witnessed": report.witnessed,
            "control_whole": report.control_whole, "compromised_later": report.compromised_later,
            "withheld": [number for number, part in enumerate(report.parts) if part is None],
            "content": _plain(report.content)}


def _plain(value: Any) -> Any:
    """For JSON: keys as texts, bytes as {"h": hex}, as in vectors/record/."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {"h": value.hex()} if isinstance(value, bytes) else value


def _open(given: argparse.Namespace) -> int:
    try:
        leaf = given.leaf.read_bytes()
        if given.place is not None:
            leaf = tlog.read_bundle(leaf)[given.place]
        head = entry.read(entry.split_leaf(leaf)[1])
        key = bytes.fromhex(given.key) if given.key else _key_of(given, head)
        _, records = seal.open_batch(head, key, given.object.read_bytes())
        print(json.dumps([_plain(one.content) for one in records], ensure_ascii=False, indent=2))
        if given.streams and given.out:
            _attachments(given, head, records)
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    return 0


def _key_of(given: argparse.Namespace, head: entry.Entry) -> bytes:
    if given.keyring is None:
        raise Refused("RING-2", "give --key or --keyring")
    ring = keyring.read(given.keyring.read_bytes())
    if given.passphrase:
        vault_key = keyring.unlock_by_passphrase(ring, given.passphrase.read_text("utf-8").rstrip("\r\n"))
    else:
        shares = [keyring.share_from_words(file.read_text("utf-8")) for file in given.words]
        vault_key = keyring.unlock_by_shares(ring, shares)
    for epoch in ring.epochs:
        if epoch[0] == head.body[0]:
            key = keyring.opening_key(ring, vault_key, epoch)
            if key is None:
                raise Refused("RING-4", "the epoch's key is destroyed")
            return key
    raise Refused("RING-2", "the keyring does not hold the entry's epoch")


def _attachments(given: argparse.Namespace, head: entry.Entry, records: list[seal.OpenedRecord]) -> None:
    """RECORD-7: under names of our own, never under those that the messages give."""
    given.out.mkdir(parents=True, exist_ok=True)
    for position, one in enumerate(records):
        for index, stream in enumerate(one.streams):
            if stream is None:
                continue
            data = (given.streams / stream.object.hex()).read_bytes()
            plain = seal.open_stream(data, stream.key, head.archive, one.content["envelope"][1], index)
            (given.out / f"{position}-{index}").write_bytes(b"".join(plain))


def _vectors(given: argparse.Namespace) -> int:
    passed, failed = vectors.run_all(given.folder)
    noticed, unnoticed = alterations.run_all(given.folder)
    for name, count in [*sorted(passed.items()), *noticed.items()]:
        print(f"{name:28} {count:6}")
    for name in sorted(vectors.BEYOND):
        print(f"{name:28}      – no format of the archive")
    failures = failed + unnoticed
    for line in failures:
        print(f"FAILED {line}")
    print(f"{passed.total() + noticed.total()} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
