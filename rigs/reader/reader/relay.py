"""docs/spec/relay.md, as far as bytes are concerned: answers, receipts, signed requests."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from . import canonical, entry, tlog
from .canonical import framed, u64
from .refusal import Refused, require
from .shape import BYTES32, UINT, fields, listing, octets, row, text, uint

PROOF_TEXT = text(1 << 20, "CBOR-4")
PROBLEM = fields({0: uint(low=1, high=14), 1: text()}, {2: UINT})
POST_ANSWER = fields({0: listing(PROOF_TEXT, 0, 64)}, {1: PROBLEM})
LOGGED = row(UINT, octets(), PROOF_TEXT)
CONTROL_PAGE = listing(LOGGED, 0, 256)
NEXT_NUMBER = fields({0: UINT}, {1: BYTES32})

NAMES = {1: ("malformed", 400), 2: ("foreign-archive", 404), 3: ("unknown-signer", 403),
         4: ("bad-signature", 403), 5: ("revoked", 403), 6: ("not-allowed", 403),
         7: ("out-of-sequence", 409), 8: ("clone", 409), 9: ("unknown-epoch", 422),
         10: ("object-missing", 422), 11: ("object-taken", 409), 12: ("fork", 409),
         13: ("control-chain", 409), 14: ("too-busy", 429)}


def read(data: bytes, shape: Any) -> Any:
    value = canonical.decode(data)
    shape(value)
    return value


def verify_receipt(text_of_proof: str, leaf: bytes, keys: list[tlog.Key]) -> tlog.Proof:
    """RECEIPT-1."""
    proof = tlog.read_proof(text_of_proof)
    admitted_at, _ = entry.split_leaf(leaf)
    require(proof.extra == u64(admitted_at), "RECEIPT-1", "extra is not the time of admission")
    tlog.verify_proof(proof, leaf, keys)
    return proof


def verify_request(header: str, archive: bytes, method: str, target: str, upload_offset: str,
                   upload_length: str, public: bytes) -> int:
    """READ-1: the request's time in milliseconds."""
    found = re.fullmatch(r"([0-9a-f]{64}) (0|[1-9][0-9]*) ([0-9a-f]{32}) ([A-Za-z0-9+/=]+)", header, re.ASCII)
    if found is None:
        raise Refused("READ-1", "no signer, time, nonce and signature")
    require(bytes.fromhex(found[1]) == entry.signer_id(public), "READ-1", "another signer")
    time = int(found[2])
    require(time < 1 << 63, "READ-1", "a time above 2^63-1")
    lengths = hashlib.sha256(f"{upload_offset}\n{upload_length}".encode()).digest()
    message = (framed("greffe/request/v1") + archive + f"{method}\n{target}\n".encode()
               + u64(time) + bytes.fromhex(found[3]) + lengths)
    good = tlog.ed25519_says(public, tlog.unbase64(found[4], "READ-1"), message)
    require(good, "READ-1", "the signature does not verify")
    return time
