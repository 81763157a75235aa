"""docs/spec/enrolment.md: invitations (INVITE-1, INVITE-2), sealed requests (ENROL-1 to ENROL-4)."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import canonical, entry, tlog
from .canonical import framed, labelled_hash, u64
from .refusal import Refused, require
from .shape import BYTES16, BYTES32, MS, UINT, exactly, fields, octets, text

PREFIX = "GREFFE-INVITE:"
TEXT_MOST = 1024
PLAIN = 4096
NAME = text(200, "ENROL-1")

INVITATION = fields({0: exactly(1), 1: BYTES32, 2: text(255, "INVITE-1"), 3: BYTES32, 4: BYTES16, 5: MS},
                    {6: exactly(True), 7: text(100, "INVITE-1")})
CONSENT = fields({0: BYTES32, 1: text(35, "ENROL-1"), 2: MS})
FOLLOWS = fields({0: BYTES32, 1: UINT, 2: octets(64)})
REQUEST = fields({0: exactly(1), 1: BYTES32, 2: octets(1216), 3: NAME, 4: NAME, 5: CONSENT, 6: MS},
                 {7: FOLLOWS})
SEALED = fields({0: exactly(1), 1: octets(64), 2: octets(12), 3: octets(PLAIN + 16, "ENROL-1")})


def read_invitation(given: str) -> dict[int, Any]:
    """INVITE-1: the invitation of a text as people paste it."""
    plain = "".join(given.split()).upper()
    require(len(plain) <= TEXT_MOST and plain.startswith(PREFIX), "INVITE-1", "no invitation's text")
    digits = plain[len(PREFIX):]
    try:
        data = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except binascii.Error as error:
        raise Refused("INVITE-1", f"no base32: {error}") from error
    require(base64.b32encode(data).decode().rstrip("=") == digits, "INVITE-1", "bits behind the end")
    content, checksum = data[:-4], data[-4:]
    found = labelled_hash("greffe/invitation-text/v1", content)[:4]
    require(found == checksum, "INVITE-1", "the checksum differs")
    value = canonical.decode(content)
    INVITATION(value)
    return value


def write_invitation(value: dict[int, Any]) -> str:
    """INVITE-1, the other way."""
    content = canonical.encode(value)
    data = content + labelled_hash("greffe/invitation-text/v1", content)[:4]
    return PREFIX.lower() + base64.b32encode(data).decode().rstrip("=")


def _derived(code: bytes, label: str) -> bytes:
    return hmac.digest(code, framed(label), "sha256")


def invitation_key(code: bytes) -> bytes:
    """INVITE-2: the public key that the relay knows an invitation by."""
    return public_key(_derived(code, "greffe/invitation-key/v1"))


def public_key(seed: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def request_id(sealed: bytes) -> bytes:
    """ENROL-2."""
    return labelled_hash("greffe/enrolment-request/v1", sealed)


def check_words(signer: bytes) -> str:
    """ENROL-4."""
    digits = signer[:10].hex()
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))


def open_request(sealed: bytes, archive: bytes, code: bytes) -> dict[int, Any]:
    """ENROL-1, ENROL-3: what waits under an invitation, and that the agent's own key has made it."""
    form = canonical.decode(sealed)
    SEALED(form)
    invitation = invitation_key(code)
    try:
        plain = AESGCM(_derived(code, "greffe/invitation-seal/v1")).decrypt(
            form[2], form[3], archive + invitation)
    except InvalidTag as error:
        raise Refused("ENROL-1", "does not open under this code") from error
    length = int.from_bytes(plain[:2], "big")
    content, zeros = plain[2 : 2 + length], plain[2 + length :]
    require(len(content) == length and not any(zeros), "ENROL-1", "no zeros behind the content")
    request = canonical.decode(content)
    REQUEST(request)
    filled = all(request[key] for key in (3, 4)) and request[5][1]
    require(bool(filled), "ENROL-1", "an empty text")
    signed = framed("greffe/enrolment-possession/v1") + archive + invitation + form[2] + form[3]
    require(tlog.ed25519_says(request[1], form[1], signed), "ENROL-3", "the agent's key has not signed it")
    return request


def verify_follows(request: dict[int, Any], archive: bytes, old: bytes) -> None:
    """ENROL-3: the old chain's key has signed for the new one."""
    follows = request[7]
    require(entry.signer_id(old) == follows[0], "ENROL-3", "another old chain")
    signed = framed("greffe/enrolment-follows/v1") + archive + request[1] + u64(follows[1])
    require(tlog.ed25519_says(old, follows[2], signed), "ENROL-3", "the old key has not signed it")
