"""docs/spec/canonical.md: deterministic CBOR (CBOR-1 to CBOR-4), hashes (HASH-1, HASH-2)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import cbor2

from .refusal import Refused, require

DEEPEST = 64


def decode(data: bytes) -> Any:
    """The one item in `data`: looked through first, then decoded, encoded again and compared."""
    _look_through(data)
    try:
        value = cbor2.loads(data)
    except Exception as error:  # cbor2 has many kinds; whatever it is, the bytes are not canonical
        raise Refused("CBOR-1", f"not CBOR: {error}") from error
    require(encode(value) == data, "CBOR-1", "encodes to other bytes")
    return value


def encode(value: Any) -> bytes:
    """Deterministic encoding of integers, bytes, texts, lists, maps and booleans."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _encode(value: Any, out: bytearray) -> None:
    if value is True or value is False:
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        if value >= 0:
            _head(0, value, out)
        else:
            _head(1, -1 - value, out)
    elif isinstance(value, (bytes, bytearray)):
        _head(2, len(value), out)
        out += value
    elif isinstance(value, str):
        text = value.encode("utf-8")
        _head(3, len(text), out)
        out += text
    elif isinstance(value, (list, tuple)):
        _head(4, len(value), out)
        for item in value:
            _encode(item, out)
    elif isinstance(value, dict):
        _head(5, len(value), out)
        for key, item in sorted((encode(key), item) for key, item in value.items()):
            out += key
            _encode(item, out)
    else:
        raise Refused("CBOR-2", f"no place for a {type(value).__name__}")


def _head(major: int, number: int, out: bytearray) -> None:
    require(number < 1 << 64, "CBOR-2", "an integer of more than 64 bits")
    if number < 24:
        out.append(major << 5 | number)
        return
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            out.append(major << 5 | code)
            out += number.to_bytes(width, "big")
            return


def _look_through(data: bytes) -> None:
    end = _item(data, 0, 0)
    require(end == len(data), "CBOR-3", "bytes follow the item")


def _item(data: bytes, at: int, depth: int) -> int:
    """Where the item at `at` ends; `depth` containers are around it."""
    require(at < len(data), "CBOR-1", "cut off")
    major, code = data[at] >> 5, data[at] & 31
    if major == 7:
        require(code != 31, "CBOR-1", "a break without a beginning")
        require(code in (20, 21), "CBOR-2", "neither true nor false")
        return at + 1
    require(code != 31, "CBOR-1", "indefinite length")
    require(code < 28, "CBOR-1", "reserved length")
    require(major != 6, "CBOR-2", "a tag")
    number, at = _number(data, at + 1, code)
    if major < 2:
        return at
    if major < 4:
        require(number <= len(data) - at, "CBOR-1", "cut off")
        if major == 3:
            try:
                data[at : at + number].decode("utf-8")
            except UnicodeDecodeError as error:
                raise Refused("CBOR-1", "text that is not UTF-8") from error
        return at + number
    require(depth < DEEPEST, "CBOR-3", "nested too deep")
    require(number <= len(data) - at, "CBOR-1", "cut off")
    if major == 4:
        for _ in range(number):
            at = _item(data, at, depth + 1)
        return at
    before: bytes | None = None
    for _ in range(number):
        key_end = _item(data, at, depth + 1)
        key = data[at:key_end]
        require(before is None or before < key, "CBOR-1", "map keys out of order or doubled")
        before = key
        at = _item(data, key_end, depth + 1)
    return at


def _number(data: bytes, at: int, code: int) -> tuple[int, int]:
    if code < 24:
        return code, at
    width = 1 << (code - 24)
    require(at + width <= len(data), "CBOR-1", "cut off")
    number = int.from_bytes(data[at : at + width], "big")
    least = 24 if width == 1 else 1 << (4 * width)
    require(number >= least, "CBOR-1", "not the shortest form")
    return number, at + width


def framed(label: str) -> bytes:
    """HASH-1: a label behind its length."""
    text = label.encode("ascii")
    return bytes([len(text)]) + text


def sized(part: bytes) -> bytes:
    """HASH-2: a string of variable length behind its length."""
    return len(part).to_bytes(4, "big") + part


def labelled_hash(label: str, *parts: bytes) -> bytes:
    """H(label, parts…) of HASH-1."""
    return hashlib.sha256(framed(label) + b"".join(parts)).digest()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def hkdf(salt: bytes, ikm: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 of RFC 5869."""
    return hkdf_expand(hkdf_extract(salt, ikm), info, length)


def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        out += block
        counter += 1
    return out[:length]
