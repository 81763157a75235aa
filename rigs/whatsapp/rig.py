"""Plays the conversation over WhatsApp's business interface, kills what can be killed, and has the
archive judged; then pywa, a foreign reader, reads what was posted.

    rig.py BINARIES SEED SAMPLES
"""

import json
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conversation"))

import judge  # noqa: E402
from business import Storm, linked, settle  # noqa: E402
from double import free_port  # noqa: E402
from foreign import Foreign  # noqa: E402
from meta import ACCESS_TOKEN, APP_SECRET, BUSINESS, NUMBER, VERIFY_TOKEN, Meta, like_samples, sees  # noqa: E402
from office import Office  # noqa: E402
from script import LAST, SCRIPT  # noqa: E402

KILLS = ("connector", "agent", "connector", "relay", "vault", "connector")
# What pywa calls an update, and what the archive does.
KINDS = {
    "Message": {"message", "reaction", "loss"},
    "EditedMessage": {"edit"}, "OutgoingEditedMessage": {"edit"},
    "DeletedMessage": {"delete"}, "OutgoingDeletedMessage": {"delete"},
    "OutgoingMessage": {"message", "reaction"},
    "CallbackButton": {"message"}, "CallbackSelection": {"message"}, "FlowCompletion": {"message"},
    "MessageStatus": {"receipt"}, "CallConnect": {"call"}, "CallTerminate": {"call"}, "CallStatus": {"call"},
    "CallPermissionUpdate": {"consent"}, "PhoneNumberChange": {"change"}, "IdentityChange": {"change"},
}


def main(binaries, seed, samples):
    binaries, draw = Path(binaries), random.Random(int(seed))
    print(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="greffe-rig-whatsapp-"))
    port = free_port()
    meta, office = Meta(port, "/whatsapp", int(seed)), None
    try:
        office = Office(folder, binaries, int(seed))
        settings = {
            "business-account-id": BUSINESS, "listen": f"127.0.0.1:{port}", "graph": f"{meta.graph.url}/v23.0",
            "media-patience": "45",
        }
        secrets = {"app-secret": APP_SECRET, "access-token": ACCESS_TOKEN, "verify-token": VERIFY_TOKEN}
        told = linked(office, "whatsapp", settings, secrets)
        assert told["account"] == f"waba:{BUSINESS}" and told["verify_token"] == VERIFY_TOKEN, told
        office.vault.start()
        office.agent.start()
        office.agent.wait_for("Connected", 60)
        handshake(port)
        sent = play(meta, Storm(office, "greffe-whatsapp"), draw)
        payloads = foreign_payloads(meta, samples)
        archived = settle(office, lambda records: judge.complete(sent, records))
        verdict = judged(folder, sent, archived)
        print(f"media: {len(meta.media)} files, met {', '.join(meta.met)}; {meta.poster.refused} posts had to be repeated")
        if meta.kinds_of_trouble or any(meta.troubles.values()):
            print("not every trouble of media was met")
            verdict = 1
        if strange := like_samples(meta.bodies, samples):
            print(f"the double says what no sample says: {strange}")
            verdict = 1
        verdict |= compared(office, payloads)
        meta.update("PARTNER_REMOVED")
        office.agent.wait_for("Unlinked", 60)
        print("unlinked: told")
        return verdict
    finally:
        if office:
            office.close()
        meta.close()
        print(f"logs in {folder}")


def handshake(port):
    """Meta's question when the address is entered; pywa answers the same."""
    import urllib.error
    import urllib.request

    reader = Foreign(NUMBER, APP_SECRET, VERIFY_TOKEN)
    for token in (VERIFY_TOKEN, "other"):
        url = f"http://127.0.0.1:{port}/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                ours = answer.read().decode(), answer.status
        except urllib.error.HTTPError as refused:
            ours = None, refused.code
        theirs = reader.challenge("subscribe", token, "1158201444")
        assert ours[1] == theirs[1] and (ours[1] != 200 or ours[0] == str(theirs[0])), (ours, theirs)
    print("handshake: as pywa answers it")


def play(meta, storm, draw):
    script = [event for event in SCRIPT if sees(event)]
    moments = {}
    for what in KILLS:
        moments.setdefault(draw.randrange(2, len(script)), []).append(what)
    sent = []
    for at, event in enumerate(script + [LAST]):
        strikes = moments.get(at, ())
        # Half of the kills fall while the post is under way.
        beside = [threading.Thread(target=storm.strike, args=(what,)) for what in strikes if draw.random() < 0.5]
        for what in strikes[len(beside):]:
            storm.strike(what)
        for thread in beside:
            thread.start()
        sent.append({"event": event["id"], "do": event["do"], **meta.do(event)})
        for thread in beside:
            thread.join()
        if at == len(script) // 2:
            sent += meta.further()
    print(f"{len(sent)} events said, {len(storm.done)} kills", flush=True)
    return sent


def judged(folder, sent, archived):
    (folder / "sent").write_text("\n".join(map(json.dumps, sent)))
    (folder / "archived").write_text("\n".join(map(json.dumps, archived)))
    verdict = judge.main(folder / "sent", folder / "archived")
    if not judge.complete(sent, archived):
        print("NOTHING-LOST: Meta sends again what was not answered; nothing may lie in a loss")
        return 1
    return verdict


def foreign_payloads(meta, samples):
    """Posts every sample as well; gives all that was posted, with a name."""
    made = [(f"made {number}", body) for number, body in enumerate(meta.bodies)]
    sampled = []
    for file in sorted(Path(samples).glob("*.json")):
        if file.name == "account_update.json":
            continue
        for name, payload in json.loads(file.read_text()).items():
            sampled.append((f"{file.name}:{name}", json.dumps(payload).encode()))
    for _, body in sampled:
        meta.poster.post(body, {"x-hub-signature-256": meta.signature(body)})
    return [(name, body, meta.signature(body)) for name, body in made + sampled]


def compared(office, payloads):
    """What pywa reads of each payload stands in the archive: id, type, sender, text."""
    reader = Foreign(NUMBER, APP_SECRET, VERIFY_TOKEN)
    wanted, unread, strangers = [], [], []
    for name, body, signature in payloads:
        assert reader.believes(body, signature), f"pywa does not believe the signature of {name}"
        assert not reader.believes(body + b" ", signature), f"pywa believes anything for {name}"
        try:
            update = reader.read(body)
        except Exception as error:  # what pywa has no words for is told
            unread.append(f"{name} ({type(error).__name__})")
            continue
        if update and update["class"] in KINDS:
            if update["sender"] and not coherent(body):
                # pywa takes the first contact for the sender, whoever the message is from.
                strangers.append(name)
                update["sender"] = None
            wanted.append((name, update))
    archived = settle(office, lambda records: not missing(wanted, records), 60)
    gone = missing(wanted, archived)
    print(f"pywa: {len(wanted)} updates read, {len(wanted) - len(gone)} agree; {len(unread)} it can not read: {', '.join(unread)}")
    print(f"senders not compared, because the sample's contact is nobody in its event: {', '.join(strangers)}")
    for name, update in gone:
        print(f"  {name}: {update}")
    return 1 if gone or len(wanted) < 80 else 0


def coherent(body):
    """Whether the event names the person that the delivery's contact is."""
    value = json.loads(body)["entry"][0]["changes"][0]["value"]
    contact = (value.pop("contacts", None) or [{}])[0]
    event = json.dumps(value)
    return any(known and known in event for known in (contact.get("user_id"), contact.get("wa_id")))


def missing(wanted, records):
    return [(name, update) for name, update in wanted if not any(agrees(update, record) for record in records)]


def agrees(update, record):
    if record["kind"] not in KINDS[update["class"]]:
        return False
    # One id stands in many samples: the agent keeps what differs under `id~hash`.
    source = record["source"]
    if not (source == update["id"] or source.startswith((f"{update['id']}~", f"{update['id']}:"))):
        return False
    if update["sender"] and update["sender"] not in record["names"] and not update["class"].startswith(("Outgoing", "MessageStatus")):
        return False
    return not update["text"] or update["text"].strip() in "\n".join(record["texts"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*sys.argv[1:]))
