"""A stand-in for Meta: it posts the conversation as webhooks of the Cloud API, signed, until each is
taken, and hands out media by id under the token, not always at once.

Written after the payloads in vectors/samples/whatsapp; `like_samples` compares.
"""

import base64
import hashlib
import hmac
import json
import random
import time
from collections import defaultdict, deque
from pathlib import Path

from double import Double, Poster

BUSINESS, NUMBER, SHOWN = "102290129340398", "106540352242922", "15550783881"
APP_SECRET, VERIFY_TOKEN, ACCESS_TOKEN = "rig-app-secret", "rig-verify-token", "rig-access-token"
PEOPLE = {
    "bob": {"name": "Bob", "wa_id": "15550100", "user_id": "US.1001"},
    # Her number is hidden: the id alone names her.
    "carol": {"name": "Carol", "wa_id": None, "user_id": "US.1002"},
}
# Paths that Meta's documentation has and no sample.
DOCUMENTED = {
    ".entry[].changes[].value.calls[].from_user_id",
    ".entry[].changes[].value.messages[].image.caption",
    ".entry[].changes[].value.statuses[].recipient_user_id",
}
# What this way in does not see: groups of the app, timers, stories, typing, reads on the phone.
UNSEEN = {"group-create", "group-invite", "roster", "mention", "story", "typing", "timer", "expiring", "read-on-phone"}


def sees(event):
    return event["do"] not in UNSEEN and event.get("in") != "group"


class Meta:
    def __init__(self, port, path, seed):
        self.poster = Poster(port, path)
        self.draw = random.Random(seed)
        self.clock, self.count = int(time.time()), 0
        self.ids, self.first, self.media, self.calls = {}, {}, {}, {}
        self.bodies = []
        self.troubles = defaultdict(deque)
        self.kinds_of_trouble = deque(["404", "429", "cut", "wrong-hash", "expired", "500"])
        self.met = []
        self.graph = Double(self.answer)

    # The interface for media

    def answer(self, method, path, query, headers, body):
        if headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            return self.error(401, 190)
        parts = path.strip("/").split("/")
        if parts[-1] in (NUMBER, BUSINESS):
            return 200, {}, json.dumps({"id": parts[-1]}).encode(), None
        content = self.media.get(parts[-1])
        if content is None:
            # The samples' media: anything will do.
            content = b"\x89PNG\r\n\x1a\n" + parts[-1].encode()
        file = len(parts) > 1 and parts[-2] == "file"
        script = self.troubles[parts[-1]]
        trouble = script[0] if script and (script[0] in ("cut", "expired")) == file else None
        if trouble:
            script.popleft()
            self.met.append(trouble)
        if trouble == "404":
            return self.error(404, 100)
        if trouble == "429":
            return self.error(429, 80007, {"retry-after": "1"})
        if trouble == "500":
            return self.error(500, 1)
        if trouble == "expired":
            return self.error(404, 0)
        if file:
            return 200, {}, content, len(content) // 2 if trouble == "cut" else None
        told = b"other" if trouble == "wrong-hash" else content
        answer = {
            "messaging_product": "whatsapp", "url": f"{self.graph.url}/v23.0/file/{parts[-1]}", "mime_type": "image/png",
            "sha256": hashlib.sha256(told).hexdigest(), "file_size": len(content), "id": parts[-1],
        }
        return 200, {}, json.dumps(answer).encode(), None

    def error(self, status, code, head={}):
        return status, head, json.dumps({"error": {"message": "made", "type": "OAuthException", "code": code}}).encode(), None

    # Deliveries

    def signature(self, body):
        return "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()

    def deliver(self, body):
        self.bodies.append(body)
        self.poster.post(body, {"x-hub-signature-256": self.signature(body)})
        # Meta did not hear some answers.
        if self.draw.random() < 0.25:
            again = self.draw.choice(self.bodies)
            self.poster.post(again, {"x-hub-signature-256": self.signature(again)})

    def change(self, field, value, people=()):
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": SHOWN, "phone_number_id": NUMBER},
            **({"contacts": [self.contact(PEOPLE[who]) for who in people]} if people else {}),
            **value,
        }
        webhook = {"object": "whatsapp_business_account", "entry": [{"id": BUSINESS, "changes": [{"value": value, "field": field}]}]}
        return json.dumps(webhook, ensure_ascii=self.draw.random() < 0.5).encode()

    def contact(self, person):
        known = {"profile": {"name": person["name"]}, "user_id": person["user_id"]}
        return {**known, "wa_id": person["wa_id"]} if person["wa_id"] else known

    def now(self):
        self.clock = max(self.clock + 1, int(time.time()))
        return str(self.clock)

    def fresh(self):
        self.count += 1
        return f"wamid.RIG{self.count:04}=="

    def name(self, who, key):
        """How a message names a person: by number, where it is shown, and by id."""
        person = PEOPLE[who]
        named = {f"{key}_user_id": person["user_id"]}
        return {key: person["wa_id"], **named} if person["wa_id"] else named

    def say(self, event, body):
        """A message, or the echo of what the phone sent; gives what the archive must hold."""
        source = self.ids[event["id"]] = self.fresh()
        own = event["by"] == "alice"
        other = event["to"] if own else event["by"]
        message = {"id": source, "timestamp": self.now(), **body}
        if own:
            echo = {"from": SHOWN, **self.name(other, "to"), **message}
            self.deliver(self.change("smb_message_echoes", {"message_echoes": [echo]}, [other]))
        else:
            self.deliver(self.change("messages", {"messages": [{**self.name(other, "from"), **message}]}, [other]))
        return {"conversation": f"bsuid:{PEOPLE[other]['user_id']}", "source": source}

    def medium(self, event, kind, more):
        number = str(7_000_000_000 + len(self.media))
        content = random.Random(event["id"]).randbytes(event.get("bytes", 3_000))
        self.media[number] = content
        for _ in range(2):
            if self.kinds_of_trouble:
                self.troubles[number].append(self.kinds_of_trouble.popleft())
        digest = hashlib.sha256(content)
        told = {"id": number, "sha256": base64.b64encode(digest.digest()).decode(), **more}
        return {"type": kind, kind: told}, digest.hexdigest()

    def do(self, event):
        """Says one event of the script."""
        at, expect = int(time.time() * 1000), None
        match event["do"]:
            case "text" | "styled":
                expect = {"kind": "message", **self.say(event, {"type": "text", "text": {"body": event["text"]}}), "text": event["text"].strip()}
                self.first[event["id"]] = self.ids[event["id"]]
            case "quote":
                of = self.ids[event["of"]]
                body = {"context": {"from": SHOWN, "id": of}, "type": "text", "text": {"body": event["text"]}}
                expect = {"kind": "message", **self.say(event, body), "text": event["text"]}
            case "edit":
                first = self.first[event["id"]] = self.first[event["of"]]
                edit = {"original_message_id": first, "message": {"type": "text", "text": {"body": event["text"]}}}
                expect = {"kind": "edit", **self.say(event, {"type": "edit", "edit": edit}), "text": event["text"]}
            case "delete":
                body = {"type": "revoke", "revoke": {"original_message_id": self.ids[event["of"]]}}
                expect = {"kind": "delete", **self.say(event, body)}
            case "reaction":
                reaction = {"message_id": self.ids[event["of"]], "emoji": "" if event.get("remove") else event["emoji"]}
                expect = {"kind": "reaction", **self.say(event, {"type": "reaction", "reaction": reaction})}
            case "file":
                image = event["type"].startswith("image/")
                more = {"mime_type": event["type"], "caption": event["text"], **({} if image else {"filename": event["name"]})}
                body, digest = self.medium(event, "image" if image else "document", more)
                expect = {"kind": "message", **self.say(event, body), "text": event["text"], "file": digest}
            case "sticker":
                body, digest = self.medium(event, "sticker", {"mime_type": "image/webp", "animated": False})
                expect = {"kind": "message", **self.say(event, body), "file": digest}
            case "contact":
                card = {"name": {"formatted_name": event["name"], "first_name": event["name"]}, "phones": [{"phone": "+1 555 0199", "type": "CELL"}]}
                expect = {"kind": "message", **self.say(event, {"type": "contacts", "contacts": [card]}), "text": event["name"]}
            case "view-once":
                errors = [{"code": 131051, "title": "Message type unknown", "message": "Message type unknown", "error_data": {"details": "Message type is currently not supported."}}]
                expect = {"kind": "loss", **self.say(event, {"type": "unsupported", "errors": errors})}
            case "receipt":
                of, bob = self.ids[event["of"]], PEOPLE[event["by"]]
                status = {"id": of, "status": event["state"], "timestamp": self.now(), "recipient_id": bob["wa_id"], "recipient_user_id": bob["user_id"]}
                self.deliver(self.change("messages", {"statuses": [status]}, [event["by"]]))
                expect = {"kind": "receipt", "conversation": f"bsuid:{bob['user_id']}", "source": f"{of}:{event['state']}:"}
            case "call":
                expect = self.call(event)
        return {"at": at, "expect": expect}

    def call(self, event):
        who = event["by"]
        number = self.calls.setdefault(who, f"wacid.RIG{len(self.calls)}")
        step = "connect" if event["step"] == "offer" else "terminate"
        call = {"id": number, **self.name(who, "from"), "to": SHOWN, "event": step, "timestamp": self.now(), "direction": "USER_INITIATED"}
        if step == "connect":
            call["session"] = {"sdp_type": "offer", "sdp": "v=0"}
        else:
            call |= {"status": "FAILED" if event["step"] == "busy" else "COMPLETED", "duration": 3}
        self.deliver(self.change("calls", {"calls": [call]}, [who]))
        return {"kind": "call", "conversation": f"bsuid:{PEOPLE[who]['user_id']}", "source": f"{number}:{step}"}

    def further(self):
        """What the script does not have: history in chunks out of order, media later than their
        message, contacts of the phone."""
        bob = PEOPLE["bob"]
        said, later, source = [], None, {}
        for name in ("old-1", "old-2", "old-3", "old-4"):
            source[name] = self.fresh()
        def chunk(number, messages):
            thread = {"id": bob["wa_id"], "context": {"wa_id": bob["wa_id"], "user_id": bob["user_id"]}, "messages": messages}
            metadata = {"phase": 1, "chunk_order": number, "progress": 50 * number}
            return self.change("history", {"history": [{"metadata": metadata, "threads": [thread]}]}, ["bob"])
        def old(name, body):
            return {"from": bob["wa_id"], "id": source[name], "timestamp": "1795000000", "history_context": {"status": "READ"}, **body}
        text = lambda words: {"type": "text", "text": {"body": words}}
        at = int(time.time() * 1000)
        self.deliver(chunk(2, [old("old-3", text("third of old")), old("old-4", {"type": "media_placeholder"})]))
        self.deliver(chunk(1, [old("old-1", text("first of old")), old("old-2", text("second of old"))]))
        body, later = self.medium({"id": "old-4", "bytes": 5_000}, "image", {"mime_type": "image/png", "caption": "late"})
        self.deliver(self.change("history", {"messages": [{"from": bob["wa_id"], "from_user_id": bob["user_id"], "id": source["old-4"], "timestamp": "1795000000", **body}]}, ["bob"]))
        place = {"conversation": f"bsuid:{bob['user_id']}"}
        for name, words in (("old-1", "first of old"), ("old-2", "second of old"), ("old-3", "third of old")):
            said.append({"event": name, "do": "history", "at": at, "expect": {"kind": "message", **place, "source": source[name], "text": words}})
        said.append({"event": "old-4", "do": "placeholder", "at": at, "expect": {"kind": "message", **place, "source": source["old-4"]}})
        # The agent keeps both: the first had no file.
        said.append({"event": "old-4 file", "do": "late media", "at": at, "expect": {"kind": "message", **place, "file": later}})
        contact = {"type": "contact", "contact": {"full_name": "Pablo Morales", "first_name": "Pablo", "phone_number": "16505551234"}, "action": "add", "metadata": {"timestamp": "1738346006"}}
        self.deliver(self.change("smb_app_state_sync", {"state_sync": [contact]}))
        said.append({"event": "contact of phone", "do": "state sync", "at": at, "expect": {"kind": "account", "conversation": f"waba:{BUSINESS}"}})
        return said

    def update(self, event):
        value = {"event": event}
        webhook = {"object": "whatsapp_business_account", "entry": [{"id": BUSINESS, "time": int(time.time()), "changes": [{"value": value, "field": "account_update"}]}]}
        self.deliver(json.dumps(webhook).encode())

    def close(self):
        self.graph.close()


def keys(value, path=""):
    if isinstance(value, dict):
        for name, below in value.items():
            yield f"{path}.{name}"
            yield from keys(below, f"{path}.{name}")
    elif isinstance(value, list):
        for below in value:
            yield from keys(below, f"{path}[]")


def like_samples(bodies, samples):
    """Paths in what was posted that no sample has: a double that says what Meta does not."""
    known = set(DOCUMENTED)
    for file in Path(samples).glob("*.json"):
        for payload in json.loads(file.read_text()).values():
            known.update(path.replace("message_echoes", "messages") for path in keys(payload))
    # History and contacts of the phone have no sample; they follow Meta's documentation.
    made = {path for body in bodies for path in keys(json.loads(body)) if not path.startswith((".entry[].changes[].value.history", ".entry[].changes[].value.state_sync"))}
    # An echo is a message like any other.
    return sorted(path for path in made if path.replace("message_echoes", "messages") not in known)
