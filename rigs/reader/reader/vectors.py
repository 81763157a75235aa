"""Runs every vector under vectors/. A folder or a file that this reader does not know is a failure,
so that new vectors can not be skipped unseen."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator

from . import (authority, canonical, commitment, connector, enrolment, entry, hpke, keyring, plan, proof,
               record, relay, seal, tlog)
from .refusal import Refused

Case = tuple[str, Callable[[], None]]


def same(found: Any, wanted: Any, what: str) -> None:
    """Fails the case unless both are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}"[:400])


def refuses(check: str, act: Callable[[], Any]) -> None:
    """Fails the case unless `act` is refused for the right reason."""
    try:
        act()
    except Refused as error:
        same(error.check, check, f"refused ({error})")
        return
    raise AssertionError(f"accepted, but breaks {check}")


def refused_somehow(act: Callable[[], Any]) -> None:
    try:
        act()
    except Refused:
        return
    raise AssertionError("accepted")


def unhex(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def from_json(value: Any) -> Any:
    """What a vector means by its "value": integer keys as strings, byte strings as {"h": hex}."""
    if isinstance(value, dict):
        if set(value) == {"h"}:
            return unhex(value["h"])
        return {int(key): from_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [from_json(one) for one in value]
    return value


# canonical


def canonical_accepted(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            value = canonical.decode(unhex(case["hex"]))
            same(canonical.encode(value).hex(), case["hex"], "encoded again")
            if "value" in case:
                wanted = from_json(case["value"])
                same(value, wanted, "value")
                same(canonical.encode(wanted).hex(), case["hex"], "encoded")
        yield case["name"], run


def canonical_refused(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        yield case["name"], lambda case=case: refuses(
            case["check"], lambda: canonical.decode(unhex(case["hex"])))


def canonical_hash(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            parts = [canonical.sized(unhex(part["sized"])) if "sized" in part else unhex(part["bytes"])
                     for part in case["parts"]]
            same((canonical.framed(case["label"]) + b"".join(parts)).hex(), case["hashed"], "hashed")
            same(canonical.labelled_hash(case["label"], *parts).hex(), case["hash"], "hash")
        yield str(number), run


# record


def record_sound(data: Any) -> Iterator[Case]:
    parts = data["parts"]

    def run() -> None:
        origin = data["record_id_from"]
        made = record.record_id(origin["network"], origin["account"], origin["conversation"],
                                origin["source_id"], origin["kind"])
        same(made.hex(), data["record_id"], "record id")
        for part in [parts[name] for name in ("envelope", "participants", "body", "original")] + parts["attachments"]:
            if part["hex"]:
                same(canonical.encode(from_json(part["value"])).hex(), part["hex"], "encoding")
        read = record.read(unhex(parts["envelope"]["hex"]), unhex(parts["participants"]["hex"]),
                           unhex(parts["body"]["hex"]), unhex(parts["original"]["hex"]),
                           [unhex(part["hex"]) for part in parts["attachments"]])
        same(read["envelope"][1].hex(), data["record_id"], "record id of the envelope")
        same(read["body"], from_json(parts["body"]["value"]), "body")
    yield "record", run


def record_refused(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        yield case["name"], lambda case=case: refuses(case["check"], lambda: record.read(
            unhex(case["envelope"]), unhex(case["participants"]), unhex(case["body"]),
            unhex(case["original"]), [unhex(part) for part in case["attachments"]]))


# commitment


def commitments(data: Any) -> Iterator[Case]:
    seed = unhex(data["seed"])
    records = [[unhex(part) for part in one["parts"]] for one in data["records"]]

    def whole() -> None:
        same(commitment.root(seed, records).hex(), data["root"], "root")
    yield "root", whole
    for position, one in enumerate(data["records"]):
        yield f"record {position}", lambda position=position, one=one: _one_record(
            seed, records, position, one, unhex(data["root"]))


def _one_record(seed: bytes, records: list[list[bytes]], position: int, one: Any, root: bytes) -> None:
    parts = records[position]
    salts = [commitment.salt(seed, position, j) for j in range(len(parts))]
    same([salt.hex() for salt in salts], one["salts"], "salts")
    path = commitment.path(seed, records, position)
    same([step.hex() for step in path], one["path"], "path")
    leaves = [commitment.part_leaf(position, j, salts[j], part) for j, part in enumerate(parts)]
    if "part_leaves" in one:
        same([leaf.hex() for leaf in leaves], one["part_leaves"], "part leaves")
    leaf = commitment.record_leaf(position, leaves)
    if "record_leaf" in one:
        same(leaf.hex(), one["record_leaf"], "record leaf")
    tlog.verify_inclusion(position, len(records), tlog.leaf_hash(leaf), path, root)


# hpke


def hpke_rfc9180(data: Any) -> Iterator[Case]:
    kem = hpke.DhX25519()
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            bound = {name: unhex(case[name]) for name in ("info", "aad", "ct", "enc", "skRm", "pkRm")}
            same(kem.public(bound["skRm"]), bound["pkRm"], "public key")
            same(kem.derive_private(unhex(case["ikmR"])), bound["skRm"], "private key")
            _, enc = kem.encapsulate(bound["pkRm"], kem.derive_private(unhex(case["ikmE"])))
            same(enc.hex(), case["enc"], "encapsulation")
            plain = hpke.open_message(kem, bound["skRm"], bound["enc"], bound["info"], bound["aad"],
                                      bound["ct"], case["aead_id"])
            same(plain.hex(), case["pt"], "plaintext")
        yield f"AEAD {case['aead_id']}", run


def hpke_xwing(data: Any) -> Iterator[Case]:
    xwing = hpke.XWing()
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            public = xwing.public(unhex(case["seed"]))
            same(public.hex(), case["pk"], "public key")
            shared, enc = xwing.encapsulate(public, unhex(case["eseed"]))
            same((enc.hex(), shared.hex()), (case["ct"], case["ss"]), "encapsulation")
            same(xwing.open(unhex(case["seed"]), enc).hex(), case["ss"], "shared secret")
        yield str(number), run


def hpke_pq(data: Any) -> Iterator[Case]:
    xwing = hpke.XWing()
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            public = xwing.public(unhex(case["skRm"]))
            shared, _ = xwing.encapsulate(public, unhex(case["ikmE"]))
            same(shared.hex(), case["shared_secret"], "shared secret")
            context = hpke.schedule(case["kem_id"], case["aead_id"], shared, unhex(case["info"]))
            same((context.key.hex(), context.nonce.hex()), (case["key"], case["base_nonce"]), "schedule")
        yield "X-Wing", run


# batch, audit, mail, carry, stream


def _named_entry(data: Any, leaf: str = "leaf") -> entry.Entry:
    """The entry of a sealed object's vector, and that its aad is as stated."""
    read = entry.read(entry.split_leaf(unhex(data[leaf]))[1])
    if leaf == "leaf":
        same(read.aad().hex(), data["aad"], "aad")
    return read


def batches(data: Any) -> Iterator[Case]:
    head = _named_entry(data)
    key, sealed = unhex(data["opening_key"]), unhex(data["object"])
    if "refused" in data:
        # a wrong aad does not open, as a wrong key does not: the page can not tell them apart
        check = {"BATCH-3": "BATCH-2"}.get(data["refused"], data["refused"])
        yield "refused", lambda: refuses(check, lambda: seal.open_batch(head, key, sealed))
        return

    def run() -> None:
        same(seal.public_key(key).hex(), data["public_key"], "public key")
        same(seal.epoch_id(seal.public_key(key)), head.body[0], "epoch id")
        same((hashlib.sha256(sealed).digest(), len(sealed)), head.objects[0], "object of the entry")
        seed, opened = seal.open_batch(head, key, sealed)
        same(len(opened), len(data["records"]), "count")
        parts = [one.parts for one in opened]
        for position, (one, wanted) in enumerate(zip(opened, data["records"])):
            same([part.hex() for part in one.parts], wanted["parts"], "parts")
            same(one.content["envelope"][1].hex(), wanted["record_id"], "record id")
            _one_record(seed, parts, position, wanted, head.body[2])
        for wanted in data.get("attachments", []):
            one = opened[wanted["record"]]
            stream = one.streams[wanted["index"]]
            assert stream is not None
            lies = unhex(wanted["object"])
            same((hashlib.sha256(lies).digest(), len(lies)), (stream.object, stream.length), "stream")
            plain = b"".join(seal.open_stream(lies, stream.key, head.archive,
                                              one.content["envelope"][1], wanted["index"]))
            same(plain.hex(), wanted["plain"], "attachment")
            about = one.content["attachments"][wanted["index"]]
            same((len(plain), hashlib.sha256(plain).digest()), (about[3], about[4]), "size and hash")
    yield "opened", run


def governance(data: Any) -> Iterator[Case]:
    def run() -> None:
        head = _named_entry(data)
        acts = seal.open_governance(head, unhex(data["opening_key"]), unhex(data["object"]))
        if "acts" in data:
            same([[part.hex() for part in act] for act in acts], data["acts"], "acts")
            return
        events = data["events"]
        same(len(acts), len(events), "count")
        for act, wanted in zip(acts, events):
            same([part.hex() for part in act], [wanted["hex"]], "event")
            event = seal.read_audit_event(act[0])
            found = (event[1], event[2], event[3], event.get(4, []), [one.hex() for one in event.get(5, [])])
            same(found, tuple(wanted[k] for k in ("at", "who", "what", "facts", "records")), "event")
    yield "opened", run


def mails(data: Any) -> Iterator[Case]:
    def run() -> None:
        head = _named_entry(data)
        key, sealed = unhex(data["opening_key"]), unhex(data["object"])
        if "refused" in data:
            refuses(data["refused"], lambda: seal.open_mail(head, key, sealed))
            return
        same(hashlib.sha256(seal.public_key(key)).digest(), head.body[1], "hash of the mailbox key")
        subject, content = seal.open_mail(head, key, sealed)
        same((subject, content.hex()), (data["subject"], data["content"]), "mail")
    yield "mail", run


def carries(data: Any) -> Iterator[Case]:
    def run() -> None:
        head, original = _named_entry(data), _named_entry(data, "original_leaf")
        key, sealed = unhex(data["opening_key"]), unhex(data["object"])
        if "refused" in data:
            refuses(data["refused"], lambda: seal.open_carry(head, key, sealed, original))
            return
        opened = seal.open_carry(head, key, sealed, original)
        found = [(position, [part.hex() for part in one.parts]) for position, one in opened.items()]
        same(found, [(one["position"], one["parts"]) for one in data["records"]], "records")
    yield "carry", run


def streams(data: Any) -> Iterator[Case]:
    def run() -> None:
        plain = bytes((31 * i + i // 251) % 256 for i in range(data["size"]))
        same(hashlib.sha256(plain).hexdigest(), data["plain_sha256"], "plain bytes")
        key = unhex(data["key"])
        place = (unhex(data["archive"]), unhex(data["record"]), data["index"])
        # the sound object is made here: a refused vector cuts its pieces out of it
        refused = data.get("refused")
        if "object" in data:
            whole = unhex(data["object"])
        else:
            whole = seal_stream(plain, key, *place)
        same((hashlib.sha256(whole).hexdigest(), len(whole)),
             (data["object_sha256"], data["object_length"]), "sealed object")
        if "pieces" in data:
            lies = b"".join(unhex(p) if isinstance(p, str) else whole[p[0] : p[1]] for p in data["pieces"])
        else:
            lies = whole
        if refused:
            refuses(refused, lambda: b"".join(seal.open_stream(lies, key, *place)))
        else:
            same(b"".join(seal.open_stream(lies, key, *place)), plain, "attachment")
    yield "stream", run


def seal_stream(plain: bytes, key: bytes, archive: bytes, record_id: bytes, index: int) -> bytes:
    """STREAM-1, the writer's side."""
    aad = canonical.framed("greffe/stream/v1") + archive + record_id + canonical.u32(index)
    chunks = [plain[i : i + seal.CHUNK] for i in range(0, len(plain), seal.CHUNK)] or [b""]
    out = bytes([seal.STREAM, seal.SUITE])
    for number, chunk in enumerate(chunks):
        nonce = number.to_bytes(11, "big") + bytes([number == len(chunks) - 1])
        out += seal.AESGCM(key).encrypt(nonce, chunk, aad)
    return out


# entry


def entries(data: Any) -> Iterator[Case]:
    if "refused" in data:
        yield "refused", lambda: refuses(data["refused"], lambda: entry.read(unhex(data["entry"])))
        return

    def run() -> None:
        read = entry.read(unhex(data["entry"]))
        wanted = {
            "id": read.id.hex(), "archive": read.archive.hex(), "signer": read.signer.hex(),
            "number": read.number, "previous": read.previous.hex(), "kind": read.kind,
            "objects": [{"hash": one.hex(), "length": length} for one, length in read.objects],
            "time": read.time, "to_be_signed": read.to_be_signed().hex(), "aad": read.aad().hex(),
        }
        for name, found in wanted.items():
            same(found, data[name], name)
        same(sorted(one.hex() for one in read.signatures), sorted(data["keys"]), "signers")
        for signer, public in data["keys"].items():
            same(entry.signer_id(unhex(public)).hex(), signer, "signer id")
            good = tlog.ed25519_says(unhex(public), read.signatures[unhex(signer)], read.to_be_signed())
            same(good, True, "signature")
        leaf = entry.write_leaf(data["leaf"]["admitted_at"], read.raw)
        same(leaf.hex(), data["leaf"]["bytes"], "leaf")
        same(entry.split_leaf(leaf), (data["leaf"]["admitted_at"], read.raw), "leaf read")
        if "hash" in data["leaf"]:
            same(tlog.leaf_hash(leaf).hex(), data["leaf"]["hash"], "leaf hash")
    yield "entry", run


# keyring, share


def keyrings(data: Any) -> Iterator[Case]:
    if "refused" in data:
        yield "refused", lambda: refuses(data["refused"], lambda: keyring.read(unhex(data["keyring"])))
        return
    ring = keyring.read(unhex(data["keyring"]))
    shares = [keyring.read_share(unhex(share)) for share in data["shares"]]
    if "unlocking" in data:
        yield "unlocking", lambda: refuses(data["unlocking"], lambda: keyring.unlock_by_shares(ring, shares[:2]))
        return
    token = data["token"]
    ways: dict[str, Callable[[], bytes]] = {
        "passphrase": lambda: keyring.unlock_by_passphrase(ring, data["passphrase"]),
        "token": lambda: keyring.unlock_by_token(ring, token["label"], unhex(token["key_id"]), unhex(token["key"])),
    }
    for a in range(len(shares)):
        for b in range(a + 1, len(shares)):
            ways[f"shares {a}, {b}"] = lambda a=a, b=b: keyring.unlock_by_shares(ring, [shares[a], shares[b]])
    for name, way in ways.items():
        yield name, lambda way=way: _unlocked(ring, way(), data)
    yield "a wrong passphrase", lambda: refuses(
        "RING-1", lambda: keyring.unlock_by_passphrase(ring, data["passphrase"] + "x"))
    yield "one share of two", lambda: refuses("SHARE-1", lambda: keyring.unlock_by_shares(ring, shares[:1]))


def _unlocked(ring: keyring.Keyring, vault_key: bytes, data: Any) -> None:
    same((ring.archive.hex(), ring.generation), (data["archive"], data["generation"]), "keyring")
    same(len(ring.epochs), len(data["epochs"]), "epochs")
    for epoch, wanted in zip(ring.epochs, data["epochs"]):
        same(epoch[0].hex(), wanted["epoch"], "epoch")
        key = keyring.opening_key(ring, vault_key, epoch)
        same(key and key.hex(), wanted.get("opening_key"), "opening key")
        if key is not None:
            made = [seal.partition_key(epoch[0], key, purpose).hex() for purpose in range(3)]
            same(made, wanted["partition_keys"], "partition keys")


def shares(data: Any) -> Iterator[Case]:
    if "shares" in data:
        read = [keyring.read_share(unhex(one["hex"])) for one in data["shares"]]
        for share, one in zip(read, data["shares"]):
            def run(share: keyring.Share = share, one: Any = one) -> None:
                same((share.x, share.set.hex(), share.generation, share.needed),
                     (one["index"], data["set"], data["generation"], data["needed"]), "share")
                same(keyring.share_to_words(share), one["words"], "words")
                same(keyring.share_to_qr(share), one["qr"], "text of the QR code")
                same(keyring.share_from_words(one["words"]), share, "from words")
                same(keyring.share_from_qr(one["qr"]), share, "from a QR code")
                same(share.bytes().hex(), one["hex"], "bytes")
            yield f"share {one['index']}", run
        count = len(read)
        for a in range(count):
            chosen = [read[(a + step) % count] for step in range(data["needed"])]
            yield f"from {a}", lambda chosen=chosen: same(
                keyring.combine(chosen).hex(), data["secret"], "secret")
        yield "too few", lambda: refuses("SHARE-1", lambda: keyring.combine(read[: data["needed"] - 1]))
        return
    if "request" in data:
        key = unhex(data["opening_key"])
        yield "texts", lambda: (
            refuses(data["refused"], lambda: keyring.open_answer(data["request"], data["answer"], key))
            if "refused" in data
            else _texts(data, key))
        return
    if "object" in data:
        archive, unlock, key = (unhex(data[name]) for name in ("archive", "unlock", "opening_key"))
        sealed = unhex(data["object"])
        yield "fingerprint", lambda: same(
            keyring.fingerprint(seal.public_key(key)), data["fingerprint"], "fingerprint")
        if "refused" in data:
            yield "refused", lambda: refuses(
                data["refused"], lambda: keyring.open_travelling(archive, unlock, key, sealed))
        else:
            yield "opened", lambda: same(
                keyring.open_travelling(archive, unlock, key, sealed).bytes().hex(), data["share"], "share")
        return
    for form, read_it in (("hex", lambda text: keyring.read_share(unhex(text))),
                          ("words", keyring.share_from_words), ("qr", keyring.share_from_qr)):
        if form in data:
            yield form, lambda form=form, read_it=read_it: refuses(
                data["refused"], lambda: read_it(data[form]))


def _texts(data: Any, key: bytes) -> None:
    asked = keyring.read_request(data["request"])
    same(asked.archive.hex(), data["archive"], "archive")
    same(keyring.fingerprint(asked.public), data["fingerprint"], "fingerprint")
    same(keyring.open_answer(data["request"], data["answer"], key).bytes().hex(), data["share"], "share")


# authority


def authorities(data: Any) -> Iterator[Case]:
    genesis = unhex(data["genesis"])
    log = authority.Log(genesis)
    yield "archive id", lambda: same(log.authority.archive.hex(), data["archive"], "archive id")
    for number, step in enumerate(data["steps"]):
        yield f"step {number}", lambda step=step: _step(log, step)

    def after() -> None:
        wanted = data["after"]
        found = {"size": len(log.leaves), "root": log.root.hex(),
                 "control_number": log.authority.number, "control_id": log.authority.id.hex()}
        same(found, wanted, "log afterwards")
    yield "afterwards", after


def _step(log: authority.Log, step: Any) -> None:
    missing = frozenset(unhex(name) for name in step.get("missing", []))

    def admit() -> authority.Admitted:
        return log.admit(unhex(step["entry"]), step["admitted_at"], missing)

    if step["outcome"] not in ("admitted", "same"):
        refuses(step["outcome"], admit)
        return
    found = admit()
    same((found.index, found.same), (step["index"], step["outcome"] == "same"), "place")


def batch_archive(data: Any) -> Iterator[Case]:
    """The log behind the batch, audit, mail and carry vectors is one that would be admitted."""
    def run() -> None:
        first = entry.read(entry.split_leaf(unhex(data["leaves"][0]))[1])
        log = authority.Log(canonical.encode(first.body))
        same(log.authority.archive.hex(), data["archive"], "archive id")
        same(tlog.ed25519_public(unhex(data["log_seed"])), log.authority.genesis[2][0], "log key")
        for leaf in data["leaves"]:
            admitted_at, one = entry.split_leaf(unhex(leaf))
            log.admit(one, admitted_at)
    yield "log", run


# proof


def proofs(data: Any) -> Iterator[Case]:
    file, fingerprint = unhex(data["file"]), unhex(data["fingerprint"])
    if data["outcome"] != "proven":
        yield "refused", lambda: refuses(data["outcome"], lambda: proof.verify(file, fingerprint))
        return

    def run() -> None:
        # the parts of these vectors are arbitrary bytes, so the checks end before PROOF-1, 7
        report, _ = proof.verify_place(file, fingerprint)
        found = {
            "index": report.index, "admitted_at": report.admitted_at, "position": report.position,
            "parts": [None if part is None else part.hex() for part in report.parts],
            "witnessed": report.witnessed, "control_whole": report.control_whole,
            "compromised_later": report.compromised_later,
        }
        same(found, {name: data[name] for name in found}, "report")
    yield "proven", run


# connector


def frames(data: Any) -> Iterator[Case]:
    frame, direction = unhex(data["frame"]), data["direction"]

    def run() -> None:
        if data["outcome"] != "message":
            refuses(data["outcome"], lambda: connector.read_frame(frame, direction))
            return
        message = canonical.encode(connector.read_frame(frame, direction))
        same((canonical.u32(len(message)) + message).hex(), data["frame"], "written again")
    yield data["outcome"], run


# relay


def signed_request(data: Any) -> Iterator[Case]:
    def ask(**change: str) -> int:
        asked = {name: data[name] for name in ("method", "target", "upload_offset", "upload_length")}
        return relay.verify_request(data["value"], unhex(data["archive"]), public=unhex(data["key"]),
                                    **{**asked, **change})

    yield "verified", lambda: same(ask(), int(data["value"].split(" ")[1]), "time")
    for name in ("method", "target", "upload_offset", "upload_length"):
        yield f"another {name}", lambda name=name: refuses("READ-1", lambda: ask(**{name: data[name] + "1"}))


def relay_bundle(data: Any) -> Iterator[Case]:
    def run() -> None:
        framed = tlog.read_bundle(unhex(data["bundle"]), 64)
        same([one.hex() for one in framed], data["entries"], "entries")
        same(tlog.write_bundle(framed).hex(), data["bundle"], "bundle")
        read = [entry.read(one) for one in framed]
        same([one.signer for one in read], [read[0].signer] * len(read), "signer")
        same([one.number for one in read], [read[0].number + i for i in range(len(read))], "numbers")
    yield "bundle", run


def relay_answers(data: Any) -> Iterator[Case]:
    def run() -> None:
        answer = relay.read(unhex(data["post"]), relay.POST_ANSWER)
        same(answer[0], [data["receipt"]], "receipts")
        problem = data["problem"]
        same((answer[1][0], answer[1].get(2)), (problem["code"], problem["next"]), "problem")
        name, status = relay.NAMES[answer[1][0]]
        same((problem["type"], problem["title"], problem["status"], problem["detail"]),
             (f"urn:greffe:refusal:{name}", name, status, answer[1][1]), "problem detail")
        page = relay.read(unhex(data["control"]), relay.CONTROL_PAGE)
        stored = relay.read(unhex(data["logged_leaf"]), relay.LOGGED)
        signer = relay.read(unhex(data["signer"]), relay.NEXT_NUMBER)
        same(sorted(signer), [0, 1], "signer")
        receipt = tlog.read_proof(data["receipt"])
        same(receipt.index, data["receipt_index"], "index")
        _receipts([(data["receipt_index"], unhex(data["receipt_leaf"]), data["receipt"]), *page, stored])
    yield "answers", run


def _receipts(logged: list[Any]) -> None:
    """RECEIPT-1 but for the log's key, which these vectors do not give: time, index, inclusion."""
    for index, leaf, text in logged:
        found = tlog.read_proof(text)
        same((found.extra, found.index), (leaf[:8], index), "extra and index")
        tlog.verify_inclusion(index, found.checkpoint.size, tlog.leaf_hash(leaf), list(found.path),
                              found.checkpoint.root)


# tlog


def tlog_tree(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            if case["kind"] == "root":
                hashes = [tlog.leaf_hash(unhex(leaf)) for leaf in case["leaves"]]
                same(tlog.tree_root(hashes).hex(), case["root"], "root")
                return
            path = [unhex(one) for one in case["proof"]]
            if case["kind"] == "inclusion":
                check = lambda: tlog.verify_inclusion(
                    case["index"], case["size"], unhex(case["leaf"]), path, unhex(case["root"]))
            else:
                check = lambda: tlog.verify_consistency(
                    case["from"], unhex(case["old_root"]), case["to"], unhex(case["new_root"]), path)
            check() if case["accepted"] else refused_somehow(check)
        yield f"{case['kind']} {number}", run


def tlog_vkey(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            if not case["accepted"]:
                refused_somehow(lambda: tlog.read_vkey(case["vkey"]))
                return
            key = tlog.read_vkey(case["vkey"])
            same((key.name, key.id.hex(), key.kind, key.public.hex()),
                 (case["name"], case["id"], case["type"], case["public"]), "key")
            same(key.text(), case["vkey"], "written again")
        yield case["vkey"][:60], run


def tlog_note(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            keys = [tlog.read_vkey(key) for key in case["keys"]]
            if not case["accepted"]:
                refused_somehow(lambda: tlog.signers_of(tlog.read_note(case["note"]), keys))
                return
            note = tlog.read_note(case["note"])
            same(note.text, case["text"], "text")
            same(sorted(tlog.signers_of(note, keys)), sorted(case["by"]), "signers")
            lines = "".join(f"— {one.name} {tlog.base64.b64encode(one.id + one.signature).decode()}\n"
                            for one in note.lines)
            same(f"{note.text}\n{lines}", case["note"], "written again")
            if "seed" in case:
                same(tlog.sign(keys[0].name, unhex(case["seed"]), note.text) in lines, True, "the same line")
        yield case.get("name", str(number)), run


def tlog_checkpoint(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            if not case["readable"]:
                refused_somehow(lambda: tlog.read_checkpoint(case["note"]))
                return
            read = tlog.read_checkpoint(case["note"])
            same((read.origin, read.size, read.root.hex(), list(read.extensions), len(read.note.lines)),
                 (case["origin"], case["size"], case["root"], case["extensions"], case["signatures"]),
                 "checkpoint")
            if "accepted" in case:
                check = lambda: tlog.signed_by_log(read, [tlog.read_vkey(case["log"])])
                check() if case["accepted"] else refused_somehow(check)
        yield case.get("name", str(number)), run


def tlog_cosignature(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            read, witness = tlog.read_checkpoint(case["note"]), tlog.read_vkey(case["witness"])
            same(tlog.cosigned_at(read, witness), case["at"], "cosigned at")
            if "seed" in case:
                line = tlog.cosign(read, witness.name, unhex(case["seed"]), case["at"])
                same(line in case["note"], True, "the same line")
        yield case.get("name", str(number)), run


def tlog_bundle(data: Any) -> Iterator[Case]:
    for number, case in enumerate(data["cases"]):
        def run(case: Any = case) -> None:
            if not case["accepted"]:
                refused_somehow(lambda: tlog.read_bundle(unhex(case["hex"])))
                return
            read = tlog.read_bundle(unhex(case["hex"]))
            same([one.hex() for one in read], case["entries"], "entries")
            same(tlog.write_bundle(read).hex(), case["hex"], "written again")
        yield case.get("name", str(number)), run


def tlog_paths(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            if not case["accepted"]:
                refused_somehow(lambda: tlog.read_path(case["path"]))
                return
            read = tlog.read_path(case["path"])
            same((read.level, read.index, read.width), (case["level"], case["index"], case["width"]), "path")
            same(tlog.write_path(read), case["path"], "written again")
        yield case["path"], run


def tlog_growth(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            old, new = case["from"], case["to"]
            leaves = [canonical.u64(index) for index in range(new)]
            hashes = [tlog.leaf_hash(leaf) for leaf in leaves]
            same(tlog.tree_root(hashes).hex(), case["root"], "root")
            for written, wanted in ((tlog.tiles_of(old, new, hashes), case["tiles"]),
                                    (tlog.bundles_of(old, new, leaves), case["bundles"])):
                same({path: hashlib.sha256(tile).hexdigest() for path, tile in written.items()}, wanted, "files")
        yield f"{case['from']} to {case['to']}", run


def tlog_add_checkpoint(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            seen = case["seen"] and (case["seen"]["size"], unhex(case["seen"]["root"]))
            witness = tlog.Witness(tlog.read_vkey(case["log"]), case["witness_name"],
                                   unhex(case["witness_seed"]), seen)
            status, answer = witness.answer(case["body"], case["now"])
            same(status, case["status"], "status")
            if "answer" in case:
                same(answer, case["answer"], "answer")
            if "old" in case:
                read = tlog.read_request(case["body"])
                same((read.old, len(read.path)), (case["old"], case["hashes"]), "request")
            if status != 200:
                same(witness.seen, seen, "what it has seen")
        yield case["name"], run


def tlog_proof(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        def run(case: Any = case) -> None:
            leaf, keys = unhex(case["leaf"]), [tlog.read_vkey(case["log"])]
            if not case["accepted"]:
                refused_somehow(lambda: tlog.verify_proof(tlog.read_proof(case["proof"]), leaf, keys))
                return
            read = tlog.read_proof(case["proof"])
            tlog.verify_proof(read, leaf, keys)
            same((read.index, read.checkpoint.size), (case["index"], case["size"]), "place")
            if "extra" in case:
                same(read.extra, unhex(case["extra"]), "extra")
            independent = [tlog.read_vkey(one["vkey"]) for one in case["witnesses"] if one["independent"]]
            found = tlog.witnesses_of(read.checkpoint, independent)
            same(len(found) >= case["threshold"], case["witnessed"], "witnessed")
        yield case["name"], run


# enrolment, plan, sealed files


def invitations(data: Any) -> Iterator[Case]:
    def run() -> None:
        read = enrolment.read_invitation(data["text"])
        found = {"archive": read[1].hex(), "relay": read[2], "pin": read[3].hex(), "code": read[4].hex(),
                 "until": read[5], "automatic": read.get(6, False), "inviter": read.get(7),
                 "key": enrolment.invitation_key(read[4]).hex()}
        same(found, {name: data[name] for name in found}, "invitation")
        same(enrolment.write_invitation(read), data["text"], "written again")
        spread = " ".join(data["text"].lower()[at : at + 30] for at in range(0, len(data["text"]), 30))
        same(enrolment.read_invitation(spread), read, "with white space and small letters")
    yield "invitation", run


def enrolment_request(data: Any) -> Iterator[Case]:
    archive, code, sealed = unhex(data["archive"]), unhex(data["code"]), unhex(data["sealed"])

    def run() -> None:
        request = enrolment.open_request(sealed, archive, code)
        same(canonical.encode(request).hex(), data["request"], "request")
        same(request[1], enrolment.public_key(unhex(data["agent_seed"])), "the agent's key")
        same(request[2], seal.public_key(unhex(data["mailbox_seed"])), "the mailbox key")
        same(enrolment.request_id(sealed).hex(), data["request_id"], "request id")
        signer = entry.signer_id(request[1])
        same((signer.hex(), enrolment.check_words(signer)), (data["signer"], data["check_words"]), "signer")
        enrolment.verify_follows(request, archive, enrolment.public_key(unhex(data["old_seed"])))
    yield "request", run
    yield "another code", lambda: refuses("ENROL-1", lambda: enrolment.open_request(
        sealed, archive, bytes(16)))
    yield "another archive", lambda: refuses("ENROL-1", lambda: enrolment.open_request(
        sealed, bytes(32), code))
    yield "another old key", lambda: refuses("ENROL-3", lambda: enrolment.verify_follows(
        enrolment.open_request(sealed, archive, code), archive, enrolment.public_key(bytes(32))))


def enrolment_refused(data: Any) -> Iterator[Case]:
    yield "invitation", lambda: refuses("INVITE-1", lambda: enrolment.read_invitation(data["invitation"]))
    # archive and code are those of enrolment/request.json: any will do to see that it does not open
    yield "request", lambda: refuses("ENROL-1", lambda: enrolment.open_request(
        unhex(data["request"]), b"\xa1" * 32, b"\xc0" * 16))


def plan_form(data: Any) -> Iterator[Case]:
    def run() -> None:
        read = plan.read(unhex(data["plan"]))
        same(read[1].hex(), data["agent"], "agent")
        same(canonical.encode(read).hex(), data["plan"], "written again")
    yield "plan", run


def plan_decisions(data: Any) -> Iterator[Case]:
    read = plan.read(unhex(data["plan"]))
    yield "private rules", lambda: same(plan.private_rules(read), data["private"], "private rules")
    for number, case in enumerate(data["decisions"]):
        def run(case: Any = case) -> None:
            parts = [unhex(part) for part in case["parts"]]
            about = record.read(parts[0], parts[1], parts[2], parts[3], parts[4:])
            same(plan.decide(read, plan.facts(about)), case["decision"], "decision")
        yield f"decision {number}", run
    for case in data["notices"]:
        yield f"notices in {case['conversation']}", lambda case=case: same(
            plan.notices(read, case["network"], case["conversation"]), case["texts"], "texts")


def plan_refused(data: Any) -> Iterator[Case]:
    for case in data["cases"]:
        yield case["name"], lambda case=case: refuses(case["check"], lambda: plan.read(unhex(case["plan"])))


def plan_proposal(data: Any) -> Iterator[Case]:
    def run() -> None:
        made, entry_bytes = plan.make(unhex(data["proposal"]))
        same(made.hex(), data["object"], "sealed object")
        same(entry_bytes.hex(), data["entry"], "entry")
        read = entry.read(entry_bytes)
        keys = {entry.signer_id(unhex(key)): unhex(key) for key in data["keys"]}
        same(set(read.signatures), set(keys), "signers")
        for signer, signature in read.signatures.items():
            same(tlog.ed25519_says(keys[signer], signature, read.to_be_signed()), True, "signature")
        subject, content = seal.open_mail(read, unhex(data["mailbox_seed"]), made)
        same(subject, "plan", "subject")
        plan.read(content)
    yield "proposal", run


def sealed_files(data: Any) -> Iterator[Case]:
    def run() -> None:
        opened = keyring.open_file(unhex(data["file"]), data["kind"], data["passphrase"])
        same(opened.hex(), data["secret"], "secret")
    yield "file", run
    yield "another kind", lambda: refuses("FILE-1", lambda: keyring.open_file(
        unhex(data["file"]), 1 - data["kind"], data["passphrase"]))
    yield "another passphrase", lambda: refuses("FILE-1", lambda: keyring.open_file(
        unhex(data["file"]), data["kind"], data["passphrase"] + "!"))
    for number, one in enumerate(data["refused"]):
        yield f"altered {number}", lambda one=one: refuses("FILE-1", lambda: keyring.open_file(
            unhex(one), data["kind"], data["passphrase"]))


FILES: dict[str, Callable[[Any], Iterator[Case]]] = {
    "batch/archive": batch_archive,
    "relay/signed_get": signed_request,
    "relay/signed_patch": signed_request,
    "relay/bundle": relay_bundle,
    "relay/answers": relay_answers,
    "tlog/tree": tlog_tree,
    "tlog/vkey": tlog_vkey,
    "tlog/note": tlog_note,
    "tlog/checkpoint": tlog_checkpoint,
    "tlog/cosignature": tlog_cosignature,
    "tlog/bundle": tlog_bundle,
    "tlog/paths": tlog_paths,
    "tlog/growth": tlog_growth,
    "tlog/add-checkpoint": tlog_add_checkpoint,
    "tlog/proof": tlog_proof,
    "canonical/accepted": canonical_accepted,
    "canonical/refused": canonical_refused,
    "canonical/hash": canonical_hash,
    "record/refused": record_refused,
    "hpke/rfc9180": hpke_rfc9180,
    "hpke/x-wing": hpke_xwing,
    "hpke/hpke-pq": hpke_pq,
    "enrolment/invitation": invitations,
    "enrolment/request": enrolment_request,
    "enrolment/refused": enrolment_refused,
    "plan/plan": plan_form,
    "plan/decisions": plan_decisions,
    "plan/refused": plan_refused,
    "plan/proposal": plan_proposal,
    "file/sealed": sealed_files,
}
FOLDERS: dict[str, Callable[[Any], Iterator[Case]]] = {
    "authority": authorities,
    "proof": proofs,
    "connector": frames,
    "record": record_sound,
    "commitment": commitments,
    "batch": batches,
    "audit": governance,
    "mail": mails,
    "carry": carries,
    "stream": streams,
    "entry": entries,
    "keyring": keyrings,
    "share": shares,
}


LEAST = {name.split("/")[0] for name in (*FILES, *FOLDERS)}

# Not formats of the archive: what a search must find, and exports that connectors read.
BEYOND = {"search", "samples"}


def run_all(folder: Path) -> tuple[Counter[str], list[str]]:
    """Passed cases by folder, and what failed."""
    passed: Counter[str] = Counter()
    failed = [f"no folder {name}" for name in sorted(LEAST) if not (folder / name).is_dir()]
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        if name.split("/")[0] in BEYOND:
            continue
        known = FILES.get(name.removesuffix(".json")) or FOLDERS.get(file.parent.relative_to(folder).as_posix())
        if known is None or not name.endswith(".json"):
            failed.append(f"{name}: this reader does not know it")
            continue
        count = 0
        try:
            for case, run in known(json.loads(file.read_text("utf-8"))):
                count += 1
                try:
                    run()
                    passed[name.split("/")[0]] += 1
                except (AssertionError, Refused) as error:
                    failed.append(f"{name}, {case}: {error}")
        except Exception as error:  # a vector of another shape than expected is a failure, not a crash
            failed.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if count == 0:
            failed.append(f"{name}: no case in it")
    return passed, failed
