"""HPKE (RFC 9180, base mode) with X-Wing and with X25519; as far as docs/spec/batch.md needs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyber_py.ml_kem import ML_KEM_768

from .canonical import hkdf_expand, hkdf_extract
from .refusal import Refused, require

XWING, X25519 = 0x647A, 0x0020
HKDF_SHA256 = 0x0001
AES_128_GCM, AES_256_GCM, CHACHA = 1, 2, 3
KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32, CHACHA: 32}
MLKEM_PUBLIC, MLKEM_CIPHERTEXT = 1184, 1088


class Kem(Protocol):
    """A key encapsulation: public key of a secret, and what `enc` encapsulates."""

    id: int
    enc_bytes: int

    def public(self, secret: bytes) -> bytes: ...

    def open(self, secret: bytes, enc: bytes) -> bytes: ...


class XWing:
    """draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519; the secret is a 32-byte seed."""

    id = XWING
    enc_bytes = MLKEM_CIPHERTEXT + 32

    def _expand(self, seed: bytes) -> tuple[bytes, bytes, X25519PrivateKey]:
        expanded = hashlib.shake_256(seed).digest(96)
        public, secret = ML_KEM_768.key_derive(expanded[:64])
        return public, secret, X25519PrivateKey.from_private_bytes(expanded[64:])

    def public(self, secret: bytes) -> bytes:
        lattice, _, curve = self._expand(secret)
        return lattice + curve.public_key().public_bytes_raw()

    def open(self, secret: bytes, enc: bytes) -> bytes:
        _, lattice, curve = self._expand(secret)
        first = ML_KEM_768.decaps(lattice, enc[:MLKEM_CIPHERTEXT])
        theirs = enc[MLKEM_CIPHERTEXT:]
        second = _exchange(curve, theirs)
        return self._combine(first, second, theirs, curve.public_key().public_bytes_raw())

    def encapsulate(self, public: bytes, randomness: bytes) -> tuple[bytes, bytes]:
        """Shared secret and `enc`, from 64 bytes of randomness."""
        first, enc = ML_KEM_768._encaps_internal(public[:MLKEM_PUBLIC], randomness[:32])
        ephemeral = X25519PrivateKey.from_private_bytes(randomness[32:])
        mine = ephemeral.public_key().public_bytes_raw()
        theirs = public[MLKEM_PUBLIC:]
        second = _exchange(ephemeral, theirs)
        return self._combine(first, second, mine, theirs), enc + mine

    def _combine(self, first: bytes, second: bytes, enc: bytes, public: bytes) -> bytes:
        return hashlib.sha3_256(first + second + enc + public + rb"\.//^" + b"\\").digest()


class DhX25519:
    """DHKEM(X25519, HKDF-SHA256)."""

    id = X25519
    enc_bytes = 32

    def public(self, secret: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

    def open(self, secret: bytes, enc: bytes) -> bytes:
        private = X25519PrivateKey.from_private_bytes(secret)
        return self._derive(_exchange(private, enc), enc, self.public(secret))

    def encapsulate(self, public: bytes, ephemeral: bytes) -> tuple[bytes, bytes]:
        """Shared secret and `enc`, from an ephemeral private key."""
        private = X25519PrivateKey.from_private_bytes(ephemeral)
        enc = self.public(ephemeral)
        return self._derive(_exchange(private, public), enc, public), enc

    def derive_private(self, ikm: bytes) -> bytes:
        """DeriveKeyPair of RFC 9180 §7.1.3."""
        suite = b"KEM" + self.id.to_bytes(2, "big")
        return _expand(suite, _extract(suite, b"", b"dkp_prk", ikm), b"sk", b"", 32)

    def _derive(self, shared: bytes, enc: bytes, public: bytes) -> bytes:
        suite = b"KEM" + self.id.to_bytes(2, "big")
        prk = _extract(suite, b"", b"eae_prk", shared)
        return _expand(suite, prk, b"shared_secret", enc + public, 32)


def _exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # a point of small order
        raise Refused("BATCH-2", "no key exchange") from error


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


@dataclass(frozen=True)
class Context:
    """Key and nonce of the one message (sequence 0)."""

    key: bytes
    nonce: bytes


def schedule(kem: int, aead: int, shared: bytes, info: bytes) -> Context:
    """KeySchedule of RFC 9180 §5.1 in base mode."""
    suite = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (kem, HKDF_SHA256, aead))
    hashes = _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared, b"secret", b"")
    context = b"\0" + hashes
    return Context(_expand(suite, secret, b"key", context, KEY_BYTES[aead]),
                   _expand(suite, secret, b"base_nonce", context, 12))


def open_message(kem: Kem, secret: bytes, enc: bytes, info: bytes, aad: bytes,
                 ciphertext: bytes, aead: int = AES_256_GCM) -> bytes:
    """The plaintext of the one message sealed to the key of `secret`."""
    require(len(enc) == kem.enc_bytes, "BATCH-2", "another length of the encapsulated key")
    context = schedule(kem.id, aead, kem.open(secret, enc), info)
    try:
        return AESGCM(context.key).decrypt(context.nonce, ciphertext, aad)
    except InvalidTag as error:
        raise Refused("BATCH-2", "does not open with this key for this entry") from error


def seal_message(public: bytes, randomness: bytes, info: bytes, aad: bytes, plain: bytes) -> bytes:
    """`enc ‖ ciphertext` under X-Wing and AES-256-GCM."""
    shared, enc = XWing().encapsulate(public, randomness)
    context = schedule(XWING, AES_256_GCM, shared, info)
    return enc + AESGCM(context.key).encrypt(context.nonce, plain, aad)
