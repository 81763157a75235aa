"""Judges logs written by ours with aics-tlog and aics-witness: accepts them whole, refuses them
altered. usage: judge.py FOLDER"""

import base64
import json
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    MerkleTree,
    TileMissingError,
    TileVerificationError,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    leaf_hash,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
    verify_leaf_inclusion,
)
from aics_tlog.tiles import entry_bundle_path, tile_path
from aics_tlog.verified import VerifiedTileReader
from aics_witness import Witness, WitnessError, WitnessStore
from aics_witness.config import LogConfig
from aics_witness.protocol import parse_add_checkpoint_request, parse_signature_lines
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

counts = {}
failures = []
chance = random.Random(6962)


def check(what, good, detail=""):
    """Counts one judgement; a surprise is printed and remembered."""
    passed, failed = counts.get(what, (0, 0))
    counts[what] = (passed + bool(good), failed + (not good))
    if not good:
        failures.append(what)
        print(f"SURPRISE: {what}: {str(detail)[:160]}")


def refuses(act):
    """True if act returns something false or raises what the judge raises for bad input."""
    try:
        return not act()
    except (ValueError, TileMissingError, TileVerificationError, WitnessError):
        return True


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def leaf(n):
    """The leaf that ours must have logged at index n."""
    size = 65535 if n % 9973 == 5 else n * 7919 % 701
    return (n.to_bytes(8, "big") * (size // 8 + 1))[:size]


class Log:
    def __init__(self, folder):
        self.folder = folder
        self.about = json.loads((folder / "about.json").read_text())
        self.key = parse_vkey(self.about["log"])
        self.witnesses = [parse_vkey(text) for text in self.about["witnesses"]]
        self.sizes = self.about["sizes"]
        self.size = self.sizes[-1]
        self.tree = MerkleTree(leaf(n) for n in range(self.size))
        self.roots = {size: self.tree.root(size) for size in self.sizes}

    def accepts(self, note):
        """The judge's verdict on a checkpoint: signed by the log and by both witnesses."""
        verdict = verify_checkpoint(
            parse_note(note),
            self.key,
            self.witnesses,
            quorum=len(self.witnesses),
            expected_origin=self.about["origin"],
        )
        return verdict.ok

    def checkpoint(self, size):
        return (self.folder / "checkpoints" / str(size)).read_bytes()

    def listed(self, name):
        for case in json.loads((self.folder / name).read_text()):
            yield case, [bytes.fromhex(text) for text in case["proof"]]


def judge_checkpoints(log):
    for size in log.sizes:
        note = log.checkpoint(size)
        check("checkpoint with two cosignatures accepted", log.accepts(note), size)
        read = parse_checkpoint(parse_note(note).text)
        check("checkpoint has the judge's own root", (read.size, read.root) == (size, log.roots[size]), size)
    latest = (log.folder / "checkpoint").read_bytes()
    check("the served checkpoint is the newest", latest == log.checkpoint(log.size))
    for place in range(len(latest)):
        altered = flipped(latest, place)
        check("altered checkpoint refused", refuses(lambda: log.accepts(altered)), place)
    for place in range(0, len(latest), 7):
        check("cut checkpoint refused", refuses(lambda: log.accepts(latest[:place])), place)


def judge_tiles(log):
    reader = FileSystemTileReader(log.folder)
    for size in log.sizes:
        report = audit_tiles(reader, size, log.roots[size])
        check("every tile and bundle of a size accepted", report.size == size, size)
    verified = VerifiedTileReader(reader, log.size, log.roots[log.size])
    places = range(log.size) if log.size < 1000 else sorted(chance.sample(range(log.size), 2000))
    for n in places:
        check("entry from its bundle is the leaf", verified.entry(n) == leaf(n), n)


def judge_altered_tiles(log):
    """Flips bytes of every tile and bundle of the newest size, one file at a time."""
    with tempfile.TemporaryDirectory(dir=log.folder.parent) as scratch:
        copy = Path(scratch) / "log"
        shutil.copytree(log.folder / "tile", copy / "tile")
        reader = FileSystemTileReader(copy)

        def sound():
            return audit_tiles(reader, log.size, log.roots[log.size]).size == log.size

        check("untouched copy accepted", sound())
        for path in needed_files(log.size):
            file = copy / path
            data = file.read_bytes()
            kind = "bundle" if path.startswith("tile/entries/") else "tile"
            for place in sorted({0, len(data) - 1, *chance.sample(range(len(data)), 4)}):
                file.write_bytes(flipped(data, place))
                check(f"altered {kind} refused", refuses(sound), f"{path} at {place}")
            file.write_bytes(data[:-1])
            check(f"cut {kind} refused", refuses(sound), path)
            file.unlink()
            check(f"missing {kind} noticed", refuses(sound), path)
            file.write_bytes(data)
        check("restored copy accepted", sound())


def needed_files(size):
    """The files of a tree of this size, by the judge's own naming."""
    level, count = 0, size
    while count:
        for index in range((count + 255) // 256):
            width = min(256, count - 256 * index)
            yield tile_path(level, index, None if width == 256 else width)
            if level == 0:
                yield entry_bundle_path(index, None if width == 256 else width)
        level, count = level + 1, count // 256


def judge_inclusion(log):
    reader = FileSystemTileReader(log.folder)
    for case, proof in log.listed("inclusion.json"):
        index, size = case["index"], case["size"]
        root, hashed = log.roots[size], leaf_hash(leaf(index))
        check("inclusion proof accepted", verify_leaf_inclusion(leaf(index), index, size, proof, root), case)
        check("inclusion proof is the judge's own", proof == inclusion_proof_from_tiles(reader, index, size), case)
        for altered in alterations(proof):
            bad = verify_inclusion(hashed, index, size, altered, root)
            check("altered inclusion proof refused", not bad, case)
        if size > 1:
            bad = verify_inclusion(hashed, (index + 1) % size, size, proof, root)
            check("inclusion at another index refused", not bad, case)


def judge_consistency(log):
    reader = FileSystemTileReader(log.folder)
    for case, proof in log.listed("consistency.json"):
        old, new = case["from"], case["to"]
        roots = log.roots[old], log.roots[new]
        check("consistency proof accepted", verify_consistency(old, new, *roots, proof), case)
        own = consistency_proof_from_tiles(reader, old, new)
        check("consistency proof is the judge's own", proof == own, case)
        for altered in alterations(proof):
            check("altered consistency proof refused", not verify_consistency(old, new, *roots, altered), case)
        for bad in ((flipped(roots[0], 5), roots[1]), (roots[0], flipped(roots[1], 5))):
            check("consistency with another root refused", not verify_consistency(old, new, *bad, proof), case)


def alterations(proof):
    """The proof with each hash flipped, with one hash less, and with one more."""
    for n, digest in enumerate(proof):
        yield proof[:n] + [flipped(digest, chance.randrange(32))] + proof[n + 1 :]
    if proof:
        yield proof[:-1]
    yield proof + [bytes(32)]


def judge_proof_files(log):
    for size in log.sizes:
        data = (log.folder / "proofs" / f"{size}.tlog-proof").read_bytes()
        expected = leaf(size // 2)
        check("proof file accepted", proves(log, data, expected), size)
        check("proof file for another leaf refused", refuses(lambda: proves(log, data, expected + b"x")), size)
        # Nothing vouches for the extra line; everything else is covered.
        start = data.index(b"index ")
        for place in range(start, len(data)):
            altered = flipped(data, place)
            check("altered proof file refused", refuses(lambda: proves(log, altered, expected)), (size, place))


def proves(log, data, expected):
    """Reads tlog-proof@v1 by its specification; everything that verifies is the judge's."""
    head, _, note = data.partition(b"\n\n")
    lines = head.decode("utf-8").split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise ValueError("no proof file")
    if lines[0].startswith("extra "):
        base64.b64decode(lines.pop(0)[6:], validate=True)
    word, _, number = lines.pop(0).partition(" ")
    if word != "index" or not number.isascii() or not number.isdigit() or number != str(int(number)):
        raise ValueError("no index")
    proof = [base64.b64decode(line, validate=True) for line in lines]
    if any(len(digest) != 32 or base64.b64encode(digest).decode() != line for digest, line in zip(proof, lines)):
        raise ValueError("no hash")
    if not log.accepts(note):
        return False
    read = parse_checkpoint(parse_note(note).text)
    return verify_leaf_inclusion(expected, int(number), read.size, proof, read.root)


def judge_witness(log):
    """A foreign witness follows the log by our requests, and cosigns nothing else."""
    bodies = [case["body"].encode() for case in json.loads((log.folder / "requests.json").read_text())]
    with tempfile.TemporaryDirectory(dir=log.folder.parent) as scratch:
        store = WitnessStore(Path(scratch) / "witness.db", create=True)
        try:
            witness = Witness(
                log.witnesses[0].name,
                Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32),
                store,
                [LogConfig(log.about["origin"], (log.key,))],
                clock=lambda: log.about["now"],
            )
            for size, body in zip(log.sizes, bodies):
                for place in range(0, len(body), 3):
                    altered = flipped(body, place)
                    check("altered witness request refused", refuses(lambda: witness.add_checkpoint(altered)), place)
                answer = witness.add_checkpoint(body)
                lines = parse_signature_lines(answer.decode())
                # Same key and second, so the foreign witness must sign what ours signed.
                check("witness request cosigned", lines[0] in parse_note(log.checkpoint(size)).signatures, size)
                request = parse_add_checkpoint_request(body)
                check("witness request read", request.checkpoint.startswith(log.about["origin"].encode()), size)
            for size, body in zip(log.sizes, bodies):
                check("request from an older size is a conflict", conflict(witness, body, log.size), size)
        finally:
            store.close()


def conflict(witness, body, size):
    try:
        witness.add_checkpoint(body)
    except WitnessError as refusal:
        return refusal.status == 409 and refusal.body == f"{size}\n".encode()
    return False


def main():
    logging.disable(logging.CRITICAL)  # the witness warns of each of the thousands of alterations
    folder = Path(sys.argv[1])
    for name in ("small", "large"):
        log = Log(folder / name)
        parts = [judge_checkpoints, judge_tiles, judge_inclusion, judge_consistency, judge_proof_files, judge_witness]
        if name == "small":
            parts.append(judge_altered_tiles)
        for part in parts:
            try:
                part(log)
            except Exception as surprise:  # what must be accepted was refused: go on, and fail at the end
                check(f"{part.__name__} came to its end", False, repr(surprise))
    for what, (passed, failed) in sorted(counts.items()):
        print(f"{passed:7} passed {failed:5} failed  {what}")
    passed = sum(passed for passed, _ in counts.values())
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
