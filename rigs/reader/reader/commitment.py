"""docs/spec/commitment.md: salted leaves, record leaves, batch root (COMMIT-1 to COMMIT-6)."""

from __future__ import annotations

import hmac

from . import tlog
from .canonical import labelled_hash, u32


def salt(seed: bytes, position: int, part: int) -> bytes:
    """COMMIT-1."""
    return hmac.digest(seed, b"greffe/salt/v1" + u32(position) + u32(part), "sha256")


def part_leaf(position: int, part: int, its_salt: bytes, data: bytes) -> bytes:
    """COMMIT-2."""
    return labelled_hash("greffe/part/v1", u32(position), u32(part), its_salt, data)


def record_leaf(position: int, part_leaves: list[bytes]) -> bytes:
    """COMMIT-3."""
    return labelled_hash("greffe/record/v1", u32(position), u32(len(part_leaves)), *part_leaves)


def leaves(seed: bytes, records: list[list[bytes]]) -> list[bytes]:
    """The record leaves of a batch."""
    return [
        record_leaf(i, [part_leaf(i, j, salt(seed, i, j), part) for j, part in enumerate(parts)])
        for i, parts in enumerate(records)
    ]


def root(seed: bytes, records: list[list[bytes]]) -> bytes:
    """COMMIT-4."""
    return tlog.tree_root([tlog.leaf_hash(leaf) for leaf in leaves(seed, records)])


def path(seed: bytes, records: list[list[bytes]], position: int) -> list[bytes]:
    """The inclusion path of one record leaf (COMMIT-6)."""
    hashes = [tlog.leaf_hash(leaf) for leaf in leaves(seed, records)]
    return tlog.inclusion_path(position, hashes)
