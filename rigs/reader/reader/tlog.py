"""docs/spec/tlog.md: tree, tiles, notes, checkpoints, cosignatures, witnessing, proof files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from .refusal import Refused, require

MOST = (1 << 63) - 1
HASHES = 63
NOTE_BYTES = 256 << 10
LINES = 64
EXTRA_BYTES = 64 << 10
ED25519, COSIGNATURE, MLDSA44 = 0x01, 0x04, 0x06
KEY_BYTES = {ED25519: 32, COSIGNATURE: 32, MLDSA44: 1312}


# Tree


def leaf_hash(leaf: bytes) -> bytes:
    """TLOG-1."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """TLOG-1."""
    return hashlib.sha256(b"\1" + left + right).digest()


EMPTY_ROOT = hashlib.sha256(b"").digest()


def _half(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def tree_root(hashes: list[bytes]) -> bytes:
    """The root over leaf hashes."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    half = _half(len(hashes))
    return node_hash(tree_root(hashes[:half]), tree_root(hashes[half:]))


def inclusion_path(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1, over leaf hashes."""
    if len(hashes) <= 1:
        return []
    half = _half(len(hashes))
    if index < half:
        return inclusion_path(index, hashes[:half]) + [tree_root(hashes[half:])]
    return inclusion_path(index - half, hashes[half:]) + [tree_root(hashes[:half])]


def root_from_path(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """TLOG-2: the root that a leaf hash and its path lead to (RFC 9162 §2.1.3.2)."""
    require(0 <= index < size, "TLOG-2", "the index lies outside the tree")
    require(len(path) <= HASHES, "TLOG-3", "more than 63 hashes")
    at, last, here = index, size - 1, leaf
    for other in path:
        require(last != 0, "TLOG-2", "a hash too many")
        if at & 1 or at == last:
            here = node_hash(other, here)
            while not at & 1 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            here = node_hash(here, other)
        at, last = at >> 1, last >> 1
    require(last == 0, "TLOG-2", "a hash is missing")
    return here


def verify_inclusion(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> None:
    """TLOG-2."""
    require(root_from_path(index, size, leaf, path) == root, "TLOG-2", "leads to another root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes,
                       path: list[bytes]) -> None:
    """TLOG-4 (RFC 9162 §2.1.4.2)."""
    require(len(path) <= HASHES, "TLOG-3", "more than 63 hashes")
    require(old <= new, "TLOG-4", "a tree never shrinks")
    if old == new or old == 0:
        require(not path, "TLOG-4", "a proof where none is due")
        wanted = new_root if old == new else EMPTY_ROOT
        require(old_root == wanted, "TLOG-4", "another root")
        require(old != 0 or new != 0 or new_root == EMPTY_ROOT, "TLOG-4", "an empty tree's root")
        return
    require(bool(path), "TLOG-4", "no proof")
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for other in path[1:]:
        require(last != 0, "TLOG-4", "a hash too many")
        if at & 1 or at == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while not at & 1 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, other)
        at, last = at >> 1, last >> 1
    require(last == 0 and first == old_root and second == new_root, "TLOG-4", "leads to other roots")


# Tiles and bundles


@dataclass(frozen=True)
class TilePath:
    """A tile (`level` 0 to 63) or an entry bundle (`level` is "entries")."""

    level: int | str
    index: int
    width: int


def read_path(path: str) -> TilePath:
    """TLOG-7."""
    found = re.fullmatch(
        r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", path, re.ASCII)
    if found is None:
        raise Refused("TLOG-7", "no path of a tile")
    level: int | str = found[1]
    if level != "entries":
        level = decimal(str(level), "TLOG-7")
        require(level <= 63, "TLOG-7", "level above 63")
    groups = found[2].replace("x", "").split("/")
    require(len(groups) == 1 or groups[0] != "000", "TLOG-7", "a leading zero group")
    index = int("".join(groups))
    require(index <= MOST, "TLOG-6", "index above 2^63-1")
    width = 256
    if found[3] is not None:
        width = decimal(found[3], "TLOG-7")
        require(1 <= width <= 255, "TLOG-7", "width outside 1 to 255")
    return TilePath(level, index, width)


def write_path(path: TilePath) -> str:
    """TLOG-7."""
    digits = str(path.index)
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    text = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{path.level}/{text}" + (f".p/{path.width}" if path.width < 256 else "")


def tiles_of(old: int, new: int, hashes: list[bytes]) -> dict[str, bytes]:
    """TLOG-8: the tiles that are written when a log of leaf `hashes` grows from `old` to `new`."""
    out, level, nodes = {}, 0, hashes[:new]
    while nodes:
        before = old >> (8 * level)
        for index in range(before // 256, (len(nodes) + 255) // 256):
            width = min(256, len(nodes) - index * 256)
            if index * 256 + width > before:
                tile = b"".join(nodes[index * 256 : index * 256 + width])
                out[write_path(TilePath(level, index, width))] = tile
        nodes = [tree_root(nodes[i : i + 256]) for i in range(0, len(nodes) // 256 * 256, 256)]
        level += 1
    return out


def bundles_of(old: int, new: int, leaves: list[bytes]) -> dict[str, bytes]:
    """TLOG-8: the entry bundles that are written when a log grows from `old` to `new`."""
    out = {}
    for index in range(old // 256, (new + 255) // 256):
        part = leaves[index * 256 : min(new, index * 256 + 256)]
        if index * 256 + len(part) > old:
            out[write_path(TilePath("entries", index, len(part)))] = write_bundle(part)
    return out


def write_bundle(entries: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def read_bundle(data: bytes, most: int = 256) -> list[bytes]:
    """TLOG-9."""
    entries, at = [], 0
    while at < len(data):
        require(at + 2 <= len(data), "TLOG-9", "half a length")
        length = int.from_bytes(data[at : at + 2], "big")
        at += 2
        require(at + length <= len(data), "TLOG-9", "an entry is cut")
        entries.append(data[at : at + length])
        at += length
    require(1 <= len(entries) <= most, "TLOG-9", f"{len(entries)} entries")
    return entries


# Texts


def decimal(text: str, check: str = "TLOG-6") -> int:
    """TLOG-6."""
    require(re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII) is not None, check, "no decimal")
    require(int(text) <= MOST, check, "above 2^63-1")
    return int(text)


def unbase64(text: str, check: str = "TLOG-10") -> bytes:
    """Canonical base64 with padding, nothing else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refused(check, "no base64") from error
    require(base64.b64encode(data).decode() == text, check, "another spelling of base64")
    return data


def read_hash(line: str, check: str) -> bytes:
    data = unbase64(line, check)
    require(len(data) == 32, check, "a hash has 32 bytes")
    return data


def key_name(name: str) -> str:
    """TLOG-13."""
    require(1 <= len(name.encode("utf-8")) <= 255, "TLOG-13", "1 to 255 bytes")
    bad = any(char.isspace() or ord(char) < 32 or 127 <= ord(char) < 160 or char == "+" for char in name)
    require(not bad, "TLOG-13", "white space, a control character or +")
    return name


# Keys and notes


@dataclass(frozen=True)
class Key:
    """A verifier key (TLOG-14)."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        data = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(data).digest()[:4]

    def text(self) -> str:
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{material}"


def read_vkey(text: str) -> Key:
    """TLOG-14."""
    parts = text.split("+", 2)
    require(len(parts) == 3, "TLOG-14", "not name+id+key")
    name = key_name(parts[0])
    require(re.fullmatch("[0-9a-f]{8}", parts[1], re.ASCII) is not None, "TLOG-14", "no id")
    material = unbase64(parts[2], "TLOG-14")
    require(len(material) >= 1 and material[0] in KEY_BYTES, "TLOG-14", "another type of key")
    require(len(material) == 1 + KEY_BYTES[material[0]], "TLOG-14", "another length of key")
    key = Key(name, material[0], material[1:])
    require(key.id.hex() == parts[1], "TLOG-14", "the id is not the key's")
    if key.kind != MLDSA44:
        try:
            Ed25519PublicKey.from_public_bytes(key.public)
        except ValueError as error:
            raise Refused("TLOG-14", "no Ed25519 key") from error
    return key


@dataclass(frozen=True)
class Line:
    """One signature line: name, key id, signature."""

    name: str
    id: bytes
    signature: bytes

    def by(self, key: Key) -> bool:
        """TLOG-12: a line is by a key if name and id are the key's."""
        return self.name == key.name and self.id == key.id


@dataclass(frozen=True)
class Note:
    """A signed note (TLOG-10)."""

    text: str
    lines: tuple[Line, ...]


def read_note(note: str) -> Note:
    """TLOG-10, TLOG-11."""
    require(len(note.encode("utf-8")) <= NOTE_BYTES, "TLOG-11", "more than 256 KiB")
    require(all(c == "\n" or (ord(c) >= 32 and ord(c) != 127) for c in note), "TLOG-10",
            "a control character")
    at = note.rfind("\n\n")
    require(at >= 0, "TLOG-10", "no empty line")
    text, tail = note[: at + 1], note[at + 2 :]
    require(tail.endswith("\n"), "TLOG-10", "no newline at the end")
    raw = tail[:-1].split("\n")
    require(len(raw) <= LINES, "TLOG-11", "more than 64 signature lines")
    return Note(text, tuple(_line(line) for line in raw))


def _line(line: str) -> Line:
    parts = line.split(" ")
    require(len(parts) == 3 and parts[0] == "—", "TLOG-10", "no signature line")
    blob = unbase64(parts[2])
    require(5 <= len(blob) <= 4 + 8192, "TLOG-11", "a signature has 1 to 8,192 bytes")
    return Line(key_name(parts[1]), blob[:4], blob[4:])


def write_line(key: Key, signature: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.id + signature).decode()}\n"


def ed25519_says(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature is the key's over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def ed25519_public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(name: str, seed: bytes, text: str) -> str:
    """The signature line of an Ed25519 note key."""
    key = Key(name, ED25519, ed25519_public(seed))
    return write_line(key, Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode()))


def signers_of(note: Note, keys: list[Key]) -> list[str]:
    """TLOG-12, for keys that sign the note's text: who has; a false line refuses the note."""
    names = []
    for key in keys:
        mine = [line for line in note.lines if line.by(key)]
        require(len(mine) <= 1, "TLOG-12", "a key signs twice")
        for line in mine:
            good = key.kind == ED25519 and ed25519_says(key.public, line.signature, note.text.encode())
            require(good, "TLOG-12", f"a false line by {key.name}")
            names.append(key.name)
    require(bool(names), "TLOG-12", "signed by no known key")
    return names


# Checkpoints and cosignatures


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint (TLOG-16) and the note that it stands in."""

    note: Note
    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]


def read_checkpoint(text: str) -> Checkpoint:
    """TLOG-16; whose it is, says `signed_by_log`."""
    note = read_note(text)
    lines = note.text[:-1].split("\n")
    require(len(lines) >= 3, "TLOG-16", "origin, size and root")
    origin = key_name(lines[0])
    size = decimal(lines[1], "TLOG-16")
    root = read_hash(lines[2], "TLOG-16")
    extensions = lines[3:]
    require(len(extensions) <= 16, "TLOG-16", "more than 16 extension lines")
    for line in extensions:
        require(1 <= len(line.encode("utf-8")) <= 4096, "TLOG-16", "an extension line's length")
    require(size != 0 or root == EMPTY_ROOT, "TLOG-16", "an empty tree has the empty root")
    return Checkpoint(note, origin, size, root, tuple(extensions))


def signed_by_log(checkpoint: Checkpoint, keys: list[Key]) -> None:
    """TLOG-12, TLOG-15: a key of the log has signed, under its own origin, and none falsely."""
    mine = [key for key in keys if key.kind == ED25519 and key.name == checkpoint.origin]
    require(bool(mine), "TLOG-15", "another origin")
    signers_of(checkpoint.note, mine)


def cosigned_at(checkpoint: Checkpoint, witness: Key) -> int | None:
    """TLOG-17, TLOG-18: when the witness has cosigned, in seconds; None if it has not."""
    mine = [line for line in checkpoint.note.lines if line.by(witness)]
    if len(mine) != 1 or len(mine[0].signature) < 8:
        return None
    time = int.from_bytes(mine[0].signature[:8], "big")
    if time > MOST:
        return None
    signature = mine[0].signature[8:]
    if witness.kind == COSIGNATURE:
        good = ed25519_says(witness.public, signature, cosignature_message(checkpoint, time))
    elif witness.kind == MLDSA44:
        good = _mldsa44_says(witness, signature, _subtree_message(checkpoint, witness.name, time))
    else:
        good = False
    return time if good else None


def cosignature_message(checkpoint: Checkpoint, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{checkpoint.note.text}".encode()


def _subtree_message(checkpoint: Checkpoint, name: str, time: int) -> bytes:
    def short(text: str) -> bytes:
        return bytes([len(text.encode())]) + text.encode()

    return (b"subtree/v1\n\0" + short(name) + struct.pack(">Q", time) + short(checkpoint.origin)
            + struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root)


def _mldsa44_says(witness: Key, signature: bytes, message: bytes) -> bool:
    try:
        MLDSA44PublicKey.from_public_bytes(witness.public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def cosign(checkpoint: Checkpoint, name: str, seed: bytes, time: int) -> str:
    """The line of an Ed25519 witness."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = Key(name, COSIGNATURE, private.public_key().public_bytes_raw())
    signature = private.sign(cosignature_message(checkpoint, time))
    return write_line(key, struct.pack(">Q", time) + signature)


# Witnessing


@dataclass(frozen=True)
class Request:
    """An add-checkpoint request (TLOG-19)."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


def read_request(body: str) -> Request:
    """TLOG-19."""
    head, empty, rest = body.partition("\n\n")
    require(bool(empty), "TLOG-19", "no empty line")
    lines = head.split("\n")
    require(lines[0].startswith("old "), "TLOG-19", "no old size")
    old = decimal(lines[0][4:], "TLOG-19")
    require(len(lines) - 1 <= HASHES, "TLOG-19", "more than 63 hashes")
    path = tuple(read_hash(line, "TLOG-19") for line in lines[1:])
    return Request(old, path, read_checkpoint(rest))


@dataclass
class Witness:
    """A witness of one log (TLOG-20)."""

    log: Key
    name: str
    seed: bytes
    seen: tuple[int, bytes] | None = field(default=None)

    def answer(self, body: str, now: int) -> tuple[int, str]:
        try:
            request = read_request(body)
        except Refused:
            return 400, ""
        checkpoint = request.checkpoint
        if checkpoint.origin != self.log.name:
            return 404, ""
        try:
            signed_by_log(checkpoint, [self.log])
        except Refused:
            return 403, ""
        if request.old > checkpoint.size:
            return 400, ""
        size, root = self.seen or (0, EMPTY_ROOT)
        if request.old != size or (checkpoint.size == size and checkpoint.root != root):
            return 409, f"{size}\n"
        try:
            verify_consistency(size, root, checkpoint.size, checkpoint.root, list(request.path))
        except Refused:
            return 422, ""
        self.seen = (checkpoint.size, checkpoint.root)
        return 200, cosign(checkpoint, self.name, self.seed, now)


# Proof files


@dataclass(frozen=True)
class Proof:
    """A tlog-proof (TLOG-21)."""

    extra: bytes | None
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


def read_proof(text: str) -> Proof:
    """TLOG-21."""
    head, empty, rest = text.partition("\n\n")
    require(bool(empty), "TLOG-21", "no empty line")
    lines = head.split("\n")
    require(lines[0] == "c2sp.org/tlog-proof@v1", "TLOG-21", "another header")
    lines = lines[1:]
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines[0][6:], "TLOG-21")
        require(len(extra) <= EXTRA_BYTES, "TLOG-21", "an extra of more than 64 KiB")
        lines = lines[1:]
    require(bool(lines) and lines[0].startswith("index "), "TLOG-21", "no index")
    index = decimal(lines[0][6:], "TLOG-21")
    require(len(lines) - 1 <= HASHES, "TLOG-3", "more than 63 hashes")
    path = tuple(read_hash(line, "TLOG-21") for line in lines[1:])
    return Proof(extra, index, path, read_checkpoint(rest))


def verify_proof(proof: Proof, leaf: bytes, keys: list[Key]) -> None:
    """TLOG-21: the checkpoint is the log's, and the leaf stands under it."""
    signed_by_log(proof.checkpoint, keys)
    verify_inclusion(proof.index, proof.checkpoint.size, leaf_hash(leaf), list(proof.path),
                     proof.checkpoint.root)


def witnesses_of(checkpoint: Checkpoint, witnesses: list[Key]) -> list[str]:
    """TLOG-22: the names of those among `witnesses` that have cosigned."""
    return [key.name for key in witnesses if cosigned_at(checkpoint, key) is not None]
