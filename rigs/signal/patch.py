"""Makes signal-cli's staging configuration mean a mock server on this machine.

    patch.py PORT MOCK_SERVER SIGNAL_CLI_LIB KEYTOOL OUT

Only constants change: addresses, the trust root and the server's public parameters in one class
file, and the trust store beside it. Both are written to OUT, which stands before signal-cli's jars
in the class path; signal-cli itself stays as it is.
"""

import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

CLASS = "org/asamk/signal/manager/config/StagingConfig.class"
STORE = "org/asamk/signal/manager/config/whisper.store"

# Bytes of a constant's content, by its tag; text (1) says its own length.
SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
TEXT, LONG_TAGS = 1, (5, 6)


def texts(code):
    """The texts of a class file's constants: (begin, end, text), begin and end with tag and length."""
    (count,) = struct.unpack_from(">H", code, 8)
    at, index = 10, 1
    while index < count:
        tag = code[at]
        if tag == TEXT:
            (length,) = struct.unpack_from(">H", code, at + 1)
            end = at + 3 + length
            yield at, end, code[at + 3 : end].decode()
            at = end
        else:
            at += 1 + SIZES[tag]
            index += tag in LONG_TAGS
        index += 1


def replacement(text, server, trust_root, params):
    if text.startswith("https://"):
        return server + ("/storageService" if "storage" in text else "")
    # An identity key: type byte 5 and 32 bytes, in base64.
    if text.startswith("B") and len(text) == 44:
        return trust_root
    kinds = {"ABSY": "publicParams", "AHIL": "genericPublicParams", "AHYr": "backupPublicParams"}
    kind = kinds.get(text[:4]) if len(text) > 40 else None
    return params[kind] if kind else None


def main(port, mock, library, keytool, out):
    mock, library, out = Path(mock), Path(library), Path(out)
    params = json.loads((mock / "certs/zk-params.json").read_text())
    trust_root = json.loads((mock / "certs/trust-root.json").read_text())["publicKey"]
    (jar,) = library.glob("libsignal-cli-*.jar")
    code = zipfile.ZipFile(jar).read(CLASS)
    parts, at = [], 0
    for begin, end, text in texts(code):
        new = replacement(text, f"https://localhost:{port}", trust_root, params)
        if new is not None:
            parts += [code[at:begin], struct.pack(">BH", TEXT, len(new)), new.encode()]
            at = end
    parts.append(code[at:])
    (out / CLASS).parent.mkdir(parents=True, exist_ok=True)
    (out / CLASS).write_bytes(b"".join(parts))
    (out / STORE).unlink(missing_ok=True)
    (provider,) = library.glob("bcprov-*.jar")
    subprocess.run(
        [keytool, "-importcert", "-noprompt", "-alias", "mock", "-file", mock / "certs/ca-cert.pem"]
        + ["-keystore", out / STORE, "-storepass", "whisper", "-storetype", "BKS"]
        + ["-providerclass", "org.bouncycastle.jce.provider.BouncyCastleProvider", "-providerpath", provider],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
