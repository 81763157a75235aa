#!/usr/bin/env python3
"""Writes corpus/ anew from vectors/: what each fuzz target begins with. Needs Python alone.

Files that fuzzing has found and that stay are named found-*; they are left as they are."""

import hashlib
import json
import re
import shutil
import struct
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
CORPUS = HERE / "corpus"
MOST = 36
LARGEST = 24 << 10


CHATS = [
    "12/31/23, 11:59\u202fPM - Ann: hi\n1/1/24, 12:00\u202fAM - Ann: second line\nof two\n",
    "[31.12.23, 23:59:01] Mira: \u200eBild weggelassen\n[01.01.24, 00:00:00] Ben: \u200e<Anhang: 0001-PHOTO.jpg>\n",
    "31/12/2023, 23:59 - Messages and calls are end-to-end encrypted.\n31/12/2023, 23:59 - Ann created group \"Desk\"\n",
    "2023-12-31 11:59 p.m. - Luc : <M\u00e9dias omis>\n",
    "2023/12/31 23:59 - \u738b\u4f1f: \u4f1a\u8bae\u5ef6\u671f\n2023/12/31 \u4e0b\u534811:59 - \u738b\u4f1f: <\u5a92\u4f53\u5df2\u7701\u7565>\n",
    "\u200f[\u0663\u0661/\u0661\u0662/\u0662\u0660\u0662\u0663, \u0662\u0663:\u0665\u0669:\u0660\u0660] \u0633\u0627\u0631\u0629: \u0645\u0631\u062d\u0628\u0627\n",
    "31.12.2023, 23:59 - POLL:\nWhen?\nOPTION: now (2 votes)\nOPTION: later (0 votes)\n",
    "12/31/23, 11:59 PM - Ann: IMG-20231231-WA0000.jpg (file attached)\n12/31/23, 11:59 PM - Ann: This message was deleted\n",
    "13/13/13, 25:61 - x: y\n", "no date at all\n", "[", "\ufeff12/31/23, 11:59 - A: b",
]


MAILS = [
    "Message-ID: <1@b>\r\nReferences: <0@b>\r\nDate: Tue, 3 Nov 2026 09:01:58 +0100\r\nFrom: A <a@b>\r\nTo: c@d, =?utf-8?q?Z?= <e@f>\r\nSubject: Re: x\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n"
    "--x\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--x--\r\n",
    "X-MS-Journal-Report:\nContent-Type: multipart/mixed; boundary=j\n\n--j\n\nSender: a@b\nMessage-Id: <1@b>\nTo: c@d\nRecipient: e@f, Expanded: g@h\nBcc: i@j\n--j\n"
    "Content-Type: message/rfc822\n\nFrom: a@b\nMessage-ID: <1@b>\n\nhi\n--j--\n",
    "From x Tue Nov  3 09:01:58 2026\nFrom: a@b\nTo: c@d\nX-GlobalRelay-MsgType: WhatsApp\nX-Smarsh-Channel-Id: 7\n\n>From here\n",
    "From: a@b\nContent-Type: multipart/alternative; boundary=q\n\n--q\nContent-Type: text/html\n\n<p>h&amp;<br>i</p>\n--q\nContent-Type: text/plain; charset=gb2312\n\n\u4f60\n",
    "Content-Type: multipart/digest; boundary=q\n\n--q\n\nFrom: a@b\n\nx\n--q--\n", "Content-Type: multipart/mixed\n\nx", "no header", "\n\n", "Subject:" + " =?utf-8?b?4oKs?=" * 20 + "\n\n",
]


AGENT_TOML = [
    'heartbeat = 3600\n[[account]]\nnetwork = "signal"\naccount = "aci:9d0652a3"\ncustodian = "c-17"\nconnector = "signal"\nclass = 0\npaused = false\n'
    '[account.settings]\nsignal-cli = "/opt/signal-cli"\n[account.limits]\nmemory-mib = 4096\nfiles = 256\nsilence = 300\nread = ["/opt"]\n',
    '[[account]]\nnetwork = "x"\naccount = "a"\ncustodian = "c"\ncommand = ["/opt/my-connector", "--flag"]\n',
    '[[account]]\nnetwork = "x"\naccount = "a"\n', "heartbeat = -1\n", "= 1", "",
]


STATUS_JSON = [
    json.dumps({
        "version": 1, "pid": 7, "written_at": 1790000000000, "started_at": 1789999999000, "archive": "a1" * 32,
        "agent": "11" * 32, "relay": "https://relay.example:7443", "relay_heard_at": None, "waiting": 2,
        "receipted": 1, "stored": 40,
        "accounts": [{
            "handle": "07" * 16, "network": "signal", "account": "aci:1", "custodian": "c-17", "state": "connected",
            "since": 1790000000000, "heard_at": 1790000000000, "missing_since": None, "captured": 9, "losses": 0,
            "ends": 0, "connector": "signal/0.1.0", "detail": None, "trouble": "notices-not-given"}],
        "alarms": [{"key": "clone", "account": None, "since": 1}]}),
    "{}", "[]", '{"version": "x"}', "",
]


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def folder(name):
    return [json.loads(file.read_text("utf-8")) for file in sorted((VECTORS / name).glob("*.json"))]


def unhex(texts):
    return [bytes.fromhex(text) for text in texts]


def framed(*parts):
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def head(number, major):
    for code, width in ((None, 0), (24, 1), (25, 2), (26, 4)):
        if code is None and number < 24:
            return bytes([major << 5 | number])
        if code is not None and number < 1 << 8 * width:
            return bytes([major << 5 | code]) + number.to_bytes(width, "big")
    raise ValueError(number)


def listed(parts):
    """A CBOR list of byte strings."""
    return head(len(parts), 4) + b"".join(head(len(part), 2) + part for part in parts)


def message(kind, value):
    """A frame of the reading room."""
    content = json.dumps(value).encode()
    return struct.pack(">IB", len(content), kind) + content


def spread(items):
    """At most MOST different items of at most LARGEST bytes, from the whole range."""
    items = [item for item in dict.fromkeys(items) if len(item) <= LARGEST]
    step = max(1, -(-len(items) // MOST))
    return items[::step]


def objects(vectors):
    return [framed(bytes.fromhex(one["leaf"]), bytes.fromhex(one["object"]))
            for one in vectors if "object" in one and "leaf" in one]


def seeds():
    texts = lambda items: [item.encode() for item in items]
    cases = lambda name: load(f"tlog/{name}")["cases"]
    canonical = load("canonical/accepted")["cases"] + load("canonical/refused")["cases"]
    yield "canonical_bytes", unhex(case["hex"] for case in canonical) + [listed([b"a", b""])]

    records = []
    for one in folder("record"):
        if "parts" in one:
            parts = one["parts"]
            names = [parts[name]["hex"] for name in ("envelope", "participants", "body", "original")]
            records.append(listed(unhex(names + [part["hex"] for part in parts["attachments"]])))
    for case in load("record/refused")["cases"][::8]:
        names = [case[name] for name in ("envelope", "participants", "body", "original")]
        records.append(listed(unhex(names + case["attachments"])))
    yield "record_parts", records
    ids = ["signal", "x" * 33, "tel:+491700000001", "aci:8c78cd2a-16ff-427d-83dc-1a5e36ce713d", "tel:",
           ":x", "TEL:1", "name:Mira \u00d6z", "x" * 513, "a\x00b", "mxid:@mira:example.org", "120363@g.us"]
    yield "record_ids", texts(ids)

    paths = [case["path"] for case in cases("paths")]
    yield "tile_path", texts(path for path in paths if "entries" not in path)
    yield "bundle_path", texts(path for path in paths if "entries" in path) + [b"tile/entries/000.p/256"]
    yield "bundle", unhex(case["hex"] for case in cases("bundle"))
    yield "decimal", texts(["0", "7", "007", "9223372036854775807", "9223372036854775808", "-1", "+1", "1 "])
    yield "vkey", texts(case["vkey"] for case in cases("vkey"))
    notes = texts(case["note"] for case in cases("note"))
    checkpoints = texts(case["note"] for case in cases("checkpoint") + cases("cosignature"))
    yield "note", notes + checkpoints[:8]
    yield "checkpoint", checkpoints
    lines = [line.encode() for note in notes + checkpoints for line in note.decode().split("\n")
             if line.startswith("\u2014")]
    yield "cosignature", lines
    yield "log_proof", texts(case["proof"] for case in cases("proof"))
    yield "add_checkpoint", texts(case["body"] for case in cases("add-checkpoint"))
    yield "add_checkpoint_answer", [
        case["answer"].encode() for case in cases("add-checkpoint") if "answer" in case]

    entries = folder("entry")
    yield "entry", unhex(one["entry"] for one in entries)
    leaves = [one["leaf"]["bytes"] for one in entries if "leaf" in one]
    yield "leaf", unhex(leaves) + [b"", bytes(8), b"\xff" * 9]
    yield "genesis", unhex(one["genesis"] for one in folder("authority"))
    answers = load("relay/answers")
    bundle = bytes.fromhex(load("relay/bundle")["bundle"])
    yield "post_body", [bundle, bundle[:-1], bundle + bundle[: len(bundle) // 2], b""] + [
        framed(entry) for entry in unhex(one["entry"] for one in entries)[::8]]
    yield "post_answer", unhex([answers["post"], "a10080"])
    yield "logged_leaf", unhex([answers["logged_leaf"]])
    yield "control_page", unhex([answers["control"], "80"])
    yield "mail_page", unhex([answers["control"], "80"])
    key = "5820" + "ab" * 32
    yield "invitation_answer", unhex(["a3004100011b000001a3185c50000280", "a30041000100028" + "1a200" + key + "0100"])
    yield "waiting_requests", unhex(["80", "81a300" + key + "01000241ff"])
    yield "signer_answer", unhex([answers["signer"], "a10000"])
    problem = json.dumps(answers["problem"])
    yield "problem", texts([problem, "{}", problem.replace("409", "9999"), problem[:-1]])
    requests = [load("relay/signed_get"), load("relay/signed_patch")]
    yield "request_header", texts([one["value"] for one in requests] + [requests[0]["value"].replace(" ", "  ")])
    archive = "/v1/" + answers["control"][46:46 + 64]
    calls = ["/entries", "/checkpoint", "/control?from=3", "/stored", "/tile/0/x001/067", "/tile/entries/000.p/7",
             "/signers/" + "ab" * 32, "/objects/" + "cd" * 32, "/nothing", ""]
    yield "route", texts([requests[0]["target"]] + [archive + call for call in calls])
    yield "receipt", [framed(bytes.fromhex(answers["receipt_leaf"]), answers["receipt"].encode())]
    yield "proof_file", unhex(one["file"] for one in folder("proof"))[::2]

    yield "sealed_batch", objects(folder("batch"))
    yield "sealed_acts", objects(folder("audit"))
    yield "sealed_mail", objects(folder("mail"))
    attachments = [part for one in folder("batch") for record in one.get("records", [])
                   for part in record["parts"][4:]]
    attachments += [part["hex"] for one in folder("record") for part in one.get("parts", {}).get("attachments", [])]
    yield "sealed_attachment", unhex(attachments)
    yield "audit_event", unhex(event["hex"] for one in folder("audit") for event in one.get("events", []))
    yield "mail", unhex(["a30001016470 6c616e0243a10001".replace(" ", ""), "a3000101600240"])
    streams = [one["object"] for one in folder("stream") if len(one.get("object", "")) < 4096 and "object" in one]
    yield "stream", [bytes([size]) + data for data in unhex(streams + ["0201", "02", "0101" + "00" * 32])
                     for size in (1, 7, 255)]
    yield "keyring", unhex(one["keyring"] for one in folder("keyring"))
    yield "signing_key", [bytes.fromhex("a30001015820" + "a0" * 32 + "02a2004c" + "01" * 12 + "015830" + "02" * 48)]
    three = load("share/three_of_five")["shares"]
    refused = folder("share")
    lines = load("share/texts")
    yield "invitation", texts([load("enrolment/invitation")["text"], "greffe-invite:", "greffe-invite:AAAA"])
    yield "enrolment_request", unhex([load("enrolment/request")["sealed"], load("enrolment/refused")["request"], "a0"])
    plans = [load("plan/plan")["plan"], load("plan/decisions")["plan"]]
    yield "plan", unhex(plans + [case["plan"] for case in load("plan/refused")["cases"]])
    yield "plan_proposal", unhex([load("plan/proposal")["proposal"], "a0"])
    acts = ["a700010165" + b"agent".hex() + "025820" + "04" * 32 + "0463416461" + "05646465736b" + "065820" + "05" * 32 + "0707",
            "a400010164" + b"plan".hex() + "025820" + load("plan/plan")["agent"]
            + "0358" + f"{len(plans[0]) // 2:02x}" + plans[0], "a20001016178"]
    yield "office_act", unhex(acts)
    yield "sealed_file", unhex([load("file/sealed")["file"]] + load("file/sealed")["refused"])
    yield "agent_toml", texts(AGENT_TOML)
    yield "status_json", texts(STATUS_JSON)
    yield "share_request", texts([lines["request"], "greffe-unlock:", "greffe-unlock:AAAA"])
    yield "share_answer", texts([lines["answer"], "greffe-sealed-share:", "greffe-sealed-share:AAAA"])
    for target, form in (("share", "hex"), ("share_words", "words"), ("share_qr", "qr")):
        given = [one[form] for one in three] + [one[form] for one in refused if form in one]
        yield target, unhex(given) if form == "hex" else texts(given)

    frames = folder("connector")
    for target, direction in (("connector_up", "up"), ("connector_down", "down")):
        these = unhex(one["frame"] for one in frames if one["direction"] == direction)
        yield target, these + [b"".join(these[:6])]
    yield "connector_json", texts(['{"a":[1,2.5,null,{"b":"\\u00e9"}]}', "[]", '{"a":' * 40, '{"a":1e999}', "{}"])
    unlock = {"folder": "/v", "keyring": "/k", "secret": {"passphrase": "a b"}, "who": "p", "idle_seconds": 60}
    search = {"query": "budget", "limit": 20, "after": None, "order": "newest", "facets": True, "zone": "UTC"}
    asks = [{"who": "p", "ask": ask} for ask in (
        {"search": search}, "status", "lock", {"show": {"record": "ab" * 32, "before": 1, "after": 1}},
        {"prove": {"record": "ab" * 32, "show": ["body"], "attachments": [0]}}, {"nothing": 1})]
    room = [message(0, value) for value in [unlock, *asks, {"refused": {"why": "x", "wrong_secret": True}}]]
    yield "room", room + [message(1, "piece"), message(2, {}), b"".join(room), b"\xff" * 5, b"\0" * 3]

    yield "query", texts(query["query"] for one in folder("search") for query in one["queries"])
    yield "whatsapp_export", texts(CHATS)
    exports = [load("samples/telegram/personal_chat"), load("samples/telegram/supergroup_with_topics")]
    yield "telegram_export", texts([json.dumps(export, ensure_ascii=False) for export in exports] + [
        '{"messages":[]}', '{"chats":{"list":[{"type":"personal_chat","id":1,"messages":[]}]}}', '{"id":1}'])
    yield "mail_file", texts(MAILS) + [MAILS[0].encode().replace(b"caf=C3=A9", b"caf\xe9")]
    events = [{"type": "m.room.message", "event_id": f"${n}", "room_id": "!r:b", "sender": "@a:b", "origin_server_ts": 1793692918000 + n,
               "content": {"msgtype": "m.image", "url": "mxc://b/c", "body": "a.png"}} for n in range(3)]
    element = {"room_name": "Desk", "room_creator": "A", "exported_by": "B", "messages": events}
    yield "element_export", texts([json.dumps(element, indent=2), json.dumps(element), json.dumps(element, indent=2)[:300]])
    desktop = [{"id": "1", "conversationId": "c", "type": "incoming", "sent_at": 1793692918000, "body": "hi", "sourceServiceId": "9d0652a3-dcc3-4d11-975f-74d61598733f",
                "bodyRanges": [{"start": 0, "length": 2, "style": 1}], "reactions": [{"emoji": "x", "fromId": "c", "timestamp": 5}],
                "attachments": [{"contentType": "image/png", "fileName": "a.png", "size": 3, "path": "a/b"}]},
               {"id": "2", "conversationId": "c", "type": "outgoing", "sent_at": 2, "editHistory": [{"timestamp": 3, "body": "b"}, {"timestamp": 2, "body": "a"}]},
               {"id": "3", "conversationId": "c", "type": "group-v2-change", "sent_at": 3, "groupV2Change": {"details": [{"type": "title", "newTitle": "t"}]}},
               {"id": "4", "conversationId": "c", "type": "call-history", "sent_at": 4}, {"id": "5", "conversationId": "c", "type": "incoming"}]
    desktop_file = "[\n" + ",\n".join(json.dumps(one) for one in desktop) + "\n]\n"
    yield "signal_desktop_export", texts([desktop_file, desktop_file.replace('"hi"', '"hi'), desktop_file[:200], "[]"])
    line = {"date": "2026-11-03T09:01:58", "sender": "Me", "body": "hi  ", "quote": "\n> x", "sticker": None, "reactions": [["Ben", "x"]],
            "attachments": [{"name": "a", "path": "media/a%20b"}], "deleted": False, "call": False, "missed": False}
    yield "signal_export_lines", texts([json.dumps(line) + "\n" + json.dumps({**line, "call": True}) + "\n{", "{}", "\n"])
    mapping = '[columns]\ntime = "t"\nsender = "s"\n[time]\nformat = "%d.%m.%Y %H:%M"\n---\n'
    yield "table", texts([mapping + 't,s\n3.11.2026 9:01,"a ""b""\nc"\n4.11.2026 9:01,+41790000001\n', mapping + '{"t": "x"}\n', mapping + 't,s\n1,"open\n2,b\n',
                          '[columns]\ntime = "t"\n---\n2026-11-03T08:01:58Z,b', "network = 1\n---\n", '"'])
    samples = lambda name: (VECTORS / "samples" / name).read_text("utf-8").splitlines()
    each = lambda network: [json.dumps(case, ensure_ascii=False)
                            for file in folder(f"samples/{network}") if isinstance(file, dict)
                            for case in file.values()]
    yield "signal_event", texts(samples("signal/receive_notifications.ndjson"))
    yield "whatsapp_event", texts(each("whatsapp"))
    yield "telegram_event", texts(samples("telegram/bot_api_business_updates.ndjson"))
    two = ['{"entry":[{"changes":[{"value":{"metadata":{"phone_number_id":"1"}}},{"value":{"metadata":{"phone_number_id":2}}}]}]}']
    media = ['{"url":"https://lookaside.fbsbx.com/x","sha256":"' + "ab" * 32 + '","file_size":"12","id":"1"}',
             '{"image":{"id":"1","sha256":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}}']
    doors = ["hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify", "hub.mode=%ff&hub.challenge=%3C",
             "sha256=" + "00" * 32, "sha256=" + "zz" * 32]
    yield "whatsapp_door", texts(doors + two + media + each("whatsapp")[:12])
    updates = ",".join(samples("telegram/bot_api_business_updates.ndjson"))
    yield "telegram_answer", texts(['{"ok":true,"result":[' + updates + "]}", '{"ok":true,"result":[]}', '{"ok":true,"result":{}}',
        '{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":99999999999}}',
        '{"ok":false,"error_code":409,"description":"Conflict"}', '{"document":{"file_id":"1","file_size":5}}',
        '{"ok":true,"result":[{"update_id":1},{"update_id":-9223372036854775808}]}', "<html>"])
    yield "wechat_event", texts(each("wechat"))
    yield "matrix_event", texts(line[line.index("{"):] for line in samples("matrix/second_device_events.txt")
                                if "{" in line)


def main():
    targets = set(re.findall(r"^    (\w+) \d+,$", (HERE / "src/lib.rs").read_text("utf-8"), re.M))
    for target, items in seeds():
        if target not in targets:
            print(f"{target}: no such target")
            continue
        into = CORPUS / target
        found = {file.name: file.read_bytes() for file in into.glob("found-*")} if into.is_dir() else {}
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        for name, data in found.items():
            (into / name).write_bytes(data)
        items = spread(items)
        assert items, target
        for data in items:
            (into / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        print(f"{target:24} {len(items):3}")


main()
