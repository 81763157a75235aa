"""docs/spec/keyring.md: keyrings (RING-1 to RING-6) and shares (SHARE-1 to SHARE-5)."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import mnemonic
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from . import canonical, hpke, seal
from .canonical import framed, hkdf, labelled_hash
from .refusal import Refused, require
from .shape import BYTES16, BYTES32, MS, UINT, choice, exactly, fields, listing, octets, text, uint

PASSPHRASE, SHARES, TOKEN = 0, 1, 2
QR_PREFIX = "greffe-share:"

WRAPPED = fields({0: octets(12), 1: octets()})
KEYRING = fields({
    0: exactly(1), 1: BYTES32, 2: uint(32, "RING-3", low=1),
    3: listing(choice({
        PASSPHRASE: fields({0: BYTES16, 1: uint(check="RING-1", low=64 << 10, high=4 << 20),
                            2: uint(check="RING-1", low=3, high=64),
                            3: uint(check="RING-1", low=1, high=16), 4: WRAPPED}),
        SHARES: fields({0: BYTES16, 1: uint(check="SHARE-1", low=2, high=16),
                        2: uint(check="SHARE-1", low=2, high=16), 3: WRAPPED}),
        TOKEN: fields({0: text(), 1: octets(), 2: WRAPPED}),
    }), 1, empty="CBOR-4"),
    4: listing(fields({0: BYTES32, 1: octets(1216), 2: UINT, 3: uint(high=2), 4: MS, 5: MS, 6: MS},
                      {7: WRAPPED, 8: MS, 9: uint(32, "RING-3", low=1)})),
    5: BYTES32,
})
SIGNING = fields({0: exactly(1), 1: BYTES32, 2: WRAPPED})


@dataclass(frozen=True)
class Keyring:
    """A keyring that keeps to its form."""

    archive: bytes
    generation: int
    wraps: list[Any]
    epochs: list[dict[int, Any]]
    covered: bytes
    authentication: bytes


def read(data: bytes) -> Keyring:
    """The keyring in a file."""
    value = canonical.decode(data)
    KEYRING(value)
    for number, wrap in value[3]:
        require(number != SHARES or wrap[1] <= wrap[2], "SHARE-1", "k above n")
    for epoch in value[4]:
        require(seal.epoch_id(epoch[1]) == epoch[0], "EPOCH-1", "the epoch's id is not that of its key")
        require((7 in epoch) != (8 in epoch), "RING-4", "either the key or the time of its destruction")
        require((8 in epoch) == (9 in epoch), "RING-4", "time and generation of a destruction stand together")
        require(epoch.get(9, 1) <= value[2], "RING-4", "destroyed in a later generation")
    covered = canonical.encode({key: field for key, field in value.items() if key != 5})
    return Keyring(value[1], value[2], value[3], value[4], covered, value[5])


def _unwrap(key: bytes, wrapped: dict[int, bytes], aad: bytes, check: str) -> bytes:
    try:
        plain = AESGCM(key).decrypt(wrapped[0], wrapped[1], aad)
    except InvalidTag as error:
        raise Refused(check, "a wrong key") from error
    require(len(plain) == 32, check, "a key has 32 bytes")
    return plain


def _vault_key(ring: Keyring, kind: int, key_of: Callable[[dict[int, Any]], bytes | None]) -> bytes:
    aad = framed("greffe/wrap-vault-key/v1") + ring.archive + bytes([kind])
    for number, wrap in ring.wraps:
        if number != kind:
            continue
        key = key_of(wrap)
        if key is not None:
            vault_key = _unwrap(key, wrap[max(wrap)], aad, "RING-1")
            _authenticate(ring, vault_key)
            return vault_key
    raise Refused("RING-1", "the vault key is not wrapped so")


def _authenticate(ring: Keyring, vault_key: bytes) -> None:
    """RING-6."""
    key = hkdf(ring.archive, vault_key, b"greffe/authenticate-keyring/v1")
    whole = hmac.new(key, ring.covered, hashlib.sha256).digest()
    require(hmac.compare_digest(whole, ring.authentication), "RING-6", "the keyring was altered")


def unlock_by_passphrase(ring: Keyring, passphrase: str) -> bytes:
    """RING-1: the vault key."""
    def key_of(wrap: dict[int, Any]) -> bytes:
        return Argon2id(salt=wrap[0], length=32, iterations=wrap[2], lanes=wrap[3],
                        memory_cost=wrap[1]).derive(passphrase.encode("utf-8"))

    return _vault_key(ring, PASSPHRASE, key_of)


def unlock_by_shares(ring: Keyring, shares: list["Share"]) -> bytes:
    """RING-1, SHARE-1: the vault key."""
    def key_of(wrap: dict[int, Any]) -> bytes | None:
        mine = [share for share in shares if share.set == wrap[0]]
        require(all(share.needed == wrap[1] for share in mine), "SHARE-1", "another k than the keyring's")
        return combine(mine) if mine else None

    return _vault_key(ring, SHARES, key_of)


def unlock_by_token(ring: Keyring, label: str, key_id: bytes, key: bytes) -> bytes:
    """RING-1: the vault key, by what a token's key would unwrap."""
    return _vault_key(ring, TOKEN, lambda wrap: key if (wrap[0], wrap[1]) == (label, key_id) else None)


def opening_key(ring: Keyring, vault_key: bytes, epoch: dict[int, Any]) -> bytes | None:
    """RING-2: the opening key of an epoch; None after its destruction (RING-4)."""
    if 7 not in epoch:
        return None
    wrapping = hkdf(epoch[0], vault_key, b"greffe/wrap-opening-key/v1")
    key = _unwrap(wrapping, epoch[7], epoch[0] + ring.archive, "RING-2")
    require(seal.public_key(key) == epoch[1], "EPOCH-1", "the opening key is not that of the public key")
    return key


def signing_seed(data: bytes, vault_key: bytes) -> bytes:
    """RING-5: the root's signing seed."""
    value = canonical.decode(data)
    SIGNING(value)
    wrapping = hkdf(value[1], vault_key, b"greffe/wrap-signing-key/v1")
    return _unwrap(wrapping, value[2], value[1], "RING-5")


# Shares


@dataclass(frozen=True)
class Share:
    """One holder's share (SHARE-2)."""

    set: bytes
    generation: int
    needed: int
    x: int
    y: bytes

    def bytes(self) -> bytes:
        head = b"\1" + self.set + self.generation.to_bytes(4, "big") + bytes([self.needed, self.x])
        return head + self.y + _checksum(head + self.y)


def _checksum(before: bytes) -> bytes:
    return labelled_hash("greffe/share/v1", before)[:4]


def read_share(data: bytes) -> Share:
    """SHARE-2."""
    require(len(data) == 59, "SHARE-2", "a share has 59 bytes")
    require(data[0] == 1, "SHARE-2", "an unknown version")
    require(data[55:] == _checksum(data[:55]), "SHARE-2", "the checksum is not that of the share")
    share = Share(data[1:17], int.from_bytes(data[17:21], "big"), data[21], data[22], data[23:55])
    require(2 <= share.needed <= 16 and 1 <= share.x <= 16, "SHARE-1", "k or x outside their range")
    return share


@functools.cache
def _words() -> list[str]:
    file = Path(mnemonic.__file__).parent / "wordlist" / "english.txt"
    words = file.read_text("utf-8").split()
    require(len(words) == 2048, "SHARE-3", "the list of words has 2,048")
    return words


def share_from_words(words: str) -> Share:
    """SHARE-3."""
    given = words.split()
    require(len(given) == 43, "SHARE-3", "a share has 43 words")
    bits = 0
    for word in given:
        require(word in _words(), "SHARE-3", "a word that is not in the list")
        bits = bits << 11 | _words().index(word)
    require(bits & 1 == 0, "SHARE-3", "the bit that fills up the last word is set")
    return read_share((bits >> 1).to_bytes(59, "big"))


def share_to_words(share: Share) -> str:
    bits = int.from_bytes(share.bytes(), "big") << 1
    return " ".join(_words()[bits >> (11 * place) & 2047] for place in range(42, -1, -1))


def share_from_qr(qr: str) -> Share:
    """SHARE-3."""
    require(qr.startswith(QR_PREFIX), "SHARE-3", "another prefix")
    text32 = qr[len(QR_PREFIX) :]
    try:
        data = base64.b32decode(text32 + "=" * (-len(text32) % 8))
    except ValueError as error:
        raise Refused("SHARE-3", "no upper-case base32") from error
    require(base64.b32encode(data).decode().rstrip("=") == text32, "SHARE-3", "another spelling")
    return read_share(data)


def share_to_qr(share: Share) -> str:
    return QR_PREFIX + base64.b32encode(share.bytes()).decode().rstrip("=")


def _times(a: int, b: int) -> int:
    """Product in GF(2^8) with polynomial 0x11b."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _inverse(a: int) -> int:
    power = 1
    for _ in range(254):
        power = _times(power, a)
    return power


def combine(shares: list[Share]) -> bytes:
    """SHARE-1: the set's secret from as many shares as it needs."""
    require(bool(shares), "SHARE-1", "no share of the set")
    first = shares[0]
    for share in shares:
        alike = (share.set, share.generation, share.needed) == (first.set, first.generation, first.needed)
        require(alike, "SHARE-1", "shares of different sets")
    points = {share.x: share.y for share in shares}
    require(len(points) >= first.needed, "SHARE-1", "too few shares")
    chosen = sorted(points)[: first.needed]
    secret = bytearray(32)
    for x in chosen:
        weight = 1
        for other in chosen:
            if other != x:
                weight = _times(weight, _times(other, _inverse(other ^ x)))
        for place, value in enumerate(points[x]):
            secret[place] ^= _times(weight, value)
    return bytes(secret)


def fingerprint(public: bytes) -> str:
    """SHARE-4: what the holders compare."""
    digits = seal.epoch_id(public)[:10].hex()
    return " ".join(digits[i : i + 4] for i in range(0, 20, 4))


def open_travelling(archive: bytes, unlock: bytes, one_time_key: bytes, data: bytes) -> Share:
    """SHARE-4."""
    try:
        plain = seal.open_object(seal.SHARE_TRAVEL, archive, one_time_key, unlock, data)
    except Refused as error:
        raise Refused("SHARE-4", str(error)) from error
    return read_share(plain)


def seal_travelling(archive: bytes, unlock: bytes, public: bytes, share: Share, randomness: bytes) -> bytes:
    """SHARE-4: what a holder sends to an unlock."""
    bound = seal.info(seal.SHARE_TRAVEL, archive, public)
    message = hpke.seal_message(public, randomness, bound, unlock, share.bytes())
    return bytes([seal.OBJECT, seal.SUITE]) + message


# The texts between an unlock and a holder

REQUEST_PREFIX = "greffe-unlock:"
SEALED_PREFIX = "greffe-sealed-share:"


@dataclass(frozen=True)
class Request:
    """What an unlock asks holders for."""

    archive: bytes
    unlock: bytes
    public: bytes


def _text(text: str, prefix: str, label: str) -> bytes:
    """SHARE-5: version and content."""
    spelt = "".join(text.split())
    require(spelt.startswith(prefix), "SHARE-5", "another prefix")
    text32 = spelt[len(prefix) :]
    try:
        data = base64.b32decode(text32 + "=" * (-len(text32) % 8))
    except ValueError as error:
        raise Refused("SHARE-5", "no upper-case base32") from error
    require(base64.b32encode(data).decode().rstrip("=") == text32, "SHARE-5", "another spelling")
    require(len(data) > 4 and data[0] == 1, "SHARE-5", "an unknown version")
    require(labelled_hash(label, data[:-4])[:4] == data[-4:], "SHARE-5", "a slip of copying")
    return data[:-4]


def read_request(text: str) -> Request:
    """SHARE-5: what a holder is asked."""
    data = _text(text, REQUEST_PREFIX, "greffe/share-request/v1")
    require(len(data) == 1 + 32 + 16 + 1216, "SHARE-5", "another length")
    return Request(data[1:33], data[33:49], data[49:])


def read_answer(text: str) -> tuple[bytes, bytes]:
    """SHARE-5: the unlock that is answered, and the sealed object."""
    data = _text(text, SEALED_PREFIX, "greffe/sealed-share/v1")
    require(len(data) == 1 + 16 + 2 + 1120 + 59 + 16, "SHARE-5", "another length")
    return data[1:17], data[17:]


def open_answer(request: str, answer: str, one_time_key: bytes) -> Share:
    """SHARE-4, SHARE-5: the share that a holder sent to an unlock."""
    asked = read_request(request)
    unlock, sealed = read_answer(answer)
    require(unlock == asked.unlock, "SHARE-5", "an answer to another unlock")
    return open_travelling(asked.archive, asked.unlock, one_time_key, sealed)


SEALED_FILE = fields({0: exactly(1), 1: uint(high=1, check="FILE-1"), 2: BYTES16, 3: UINT, 4: UINT, 5: UINT,
                      6: octets(12), 7: octets()})


def open_file(data: bytes, kind: int, passphrase: str) -> bytes:
    """FILE-1: what a sealed file holds."""
    require(len(data) <= 1 << 20, "FILE-1", "more than 1 MiB")
    try:
        value = canonical.decode(data)
        SEALED_FILE(value)
    except Refused as error:
        raise Refused("FILE-1", str(error)) from error
    require(value[1] == kind, "FILE-1", "holds something else")
    memory, passes, lanes = value[3], value[4], value[5]
    bounded = 64 << 10 <= memory <= 4 << 20 and 3 <= passes <= 64 and 1 <= lanes <= 16
    require(bounded, "FILE-1", "costs out of bounds")
    key = Argon2id(salt=value[2], length=32, iterations=passes, lanes=lanes,
                   memory_cost=memory).derive(passphrase.encode("utf-8"))
    try:
        return AESGCM(key).decrypt(value[6], value[7], framed("greffe/sealed-file/v1") + bytes([kind]))
    except InvalidTag as error:
        raise Refused("FILE-1", "another passphrase, or altered") from error
