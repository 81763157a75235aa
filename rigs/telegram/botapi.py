"""A stand-in for the Bot API and the people behind it: updates wait until a higher offset confirms
them, or are posted where a bot has set a webhook; files are handed out by path, not always at once.

Written after the Bot API's documentation and the updates in vectors/samples/telegram;
`like_samples` compares.
"""

import hashlib
import json
import random
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from double import Double, Poster

PEOPLE = {"bob": (200, "Bob"), "carol": (300, "Carol")}
# What a business bot does not see.
UNSEEN = {
    "reaction", "receipt", "typing", "call", "group-create", "group-invite", "roster", "mention", "story", "view-once",
    "expiring", "read-on-phone",
}


def sees(event):
    return event["do"] not in UNSEEN and event.get("in") != "group"


class Bot:
    """One bot, connected to one account."""

    def __init__(self, token, owner, seed):
        self.token, self.owner = token, owner
        self.connection = f"bc-{owner[0]}"
        self.draw = random.Random(seed)
        self.news = threading.Condition()
        self.updates, self.all, self.number = deque(), [], 1000 + owner[0]
        self.hook = None
        self.clock, self.messages = int(time.time()), {}
        self.ids, self.first, self.count = {}, {}, 0
        self.files, self.troubles, self.met = {}, deque(["429", "busy", "cut", "expired", "502"]), []
        # For questions for updates: every so often something is wrong.
        self.poll_troubles = deque(["409", "429", "502"])

    # The interface

    def call(self, method, asked):
        if method == "getMe":
            return self.good({"id": 1, "is_bot": True, "first_name": "Archive", "username": f"archive_{self.owner[0]}_bot", "can_connect_to_business": True})
        if method == "getBusinessConnection":
            if asked["business_connection_id"] != self.connection:
                return self.bad(400, "Bad Request: business connection not found")
            return self.good(self.connected()["business_connection"])
        if method == "setWebhook":
            self.hook = asked["url"], asked["secret_token"]
            return self.good(True)
        if method == "deleteWebhook":
            self.hook = None
            return self.good(True)
        if method == "getFile":
            return self.file(asked["file_id"])
        if method == "getUpdates":
            return self.asked_for(asked)
        return self.bad(404, "Not Found")

    def asked_for(self, asked):
        if asked.get("timeout", 0) > 1 and self.poll_troubles and self.draw.random() < 0.2:
            trouble = self.poll_troubles.popleft()
            self.met.append(f"poll {trouble}")
            words = {"409": "Conflict: terminated by other getUpdates request", "429": "Too Many Requests", "502": "Bad Gateway"}
            return self.bad(int(trouble), words[trouble])
        with self.news:
            while self.updates and self.updates[0]["update_id"] < asked["offset"]:
                self.updates.popleft()
            self.news.notify_all()
            self.news.wait_for(lambda: self.updates, timeout=asked.get("timeout", 0))
            return self.good(list(self.updates)[: asked.get("limit", 100)])

    def file(self, file_id):
        content = self.files.get(file_id)
        if content is None:
            return self.bad(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if self.troubles and self.troubles[0] in ("429", "busy", "502"):
            trouble = self.troubles.popleft()
            self.met.append(trouble)
            words = {"429": "Too Many Requests", "busy": "Bad Request: the file is temporarily unavailable", "502": "Bad Gateway"}
            return self.bad({"busy": 400}.get(trouble) or int(trouble), words[trouble])
        return self.good({"file_id": file_id, "file_unique_id": file_id, "file_size": len(content), "file_path": f"documents/{file_id}.bin"})

    def bytes_of(self, path):
        content = self.files[path.rsplit("/", 1)[-1].removesuffix(".bin")]
        if self.troubles and self.troubles[0] in ("cut", "expired"):
            trouble = self.troubles.popleft()
            self.met.append(trouble)
            if trouble == "expired":
                return 404, {}, b"not found", None
            return 200, {}, content, len(content) // 2
        return 200, {}, content, None

    def good(self, result):
        return 200, {}, json.dumps({"ok": True, "result": result}).encode(), None

    def bad(self, code, words):
        answer = {"ok": False, "error_code": code, "description": words}
        if code == 429:
            answer["parameters"] = {"retry_after": 1}
        return code, {}, json.dumps(answer).encode(), None

    # The people

    def happen(self, **update):
        self.number += 1
        update = {"update_id": self.number, **update}
        self.all.append(update)
        if self.hook:
            self.post(update)
            if self.draw.random() < 0.25:
                self.post(self.draw.choice(self.all))
            return
        with self.news:
            self.updates.append(update)
            self.news.notify_all()

    def post(self, update):
        url, secret = self.hook
        target = urlsplit(url)
        body = json.dumps(update).encode()
        Poster(target.port, target.path).post(body, {"x-telegram-bot-api-secret-token": secret})

    def connected(self, enabled=True):
        number, name = self.owner
        user = {"id": number, "is_bot": False, "first_name": name}
        return {"business_connection": {
            "id": self.connection, "user": user, "user_chat_id": number, "date": self.now(),
            "rights": {"can_reply": True, "can_read_messages": True}, "is_enabled": enabled,
        }}

    def connect(self, enabled=True):
        self.happen(**self.connected(enabled))

    def now(self):
        self.clock = max(self.clock + 1, int(time.time()))
        return self.clock

    def say(self, event, body):
        self.count += 1
        own = event["by"] == "alice"
        other = PEOPLE[event["to"] if own else event["by"]]
        by = self.owner if own else other
        message = {
            "business_connection_id": self.connection, "message_id": self.count,
            "from": {"id": by[0], "is_bot": False, "first_name": by[1]},
            "chat": {"id": other[0], "type": "private", "first_name": other[1]}, "date": self.now(), **body,
        }
        self.ids[event["id"]] = self.first[event["id"]] = self.count
        self.messages[self.count] = message
        self.happen(business_message=message)
        return {"conversation": f"user:{other[0]}", "source": str(self.count)}

    def medium(self, event, more):
        name = f"BQAC{len(self.files):04}"
        content = random.Random(f"{self.owner}{event['id']}").randbytes(event.get("bytes", 3_000))
        self.files[name] = content
        told = {"file_id": name, "file_unique_id": f"u{name}", "file_size": len(content), **more}
        return told, hashlib.sha256(content).hexdigest()

    def do(self, event):
        at, expect = int(time.time() * 1000), None
        match event["do"]:
            case "text":
                expect = {"kind": "message", **self.say(event, {"text": event["text"]}), "text": event["text"].strip()}
            case "styled":
                entities = [{"type": "bold", "offset": 8, "length": 4}]
                expect = {"kind": "message", **self.say(event, {"text": event["text"], "entities": entities}), "text": event["text"]}
            case "quote":
                of = self.messages[self.ids[event["of"]]]
                expect = {"kind": "message", **self.say(event, {"text": event["text"], "reply_to_message": of}), "text": event["text"]}
            case "edit":
                number = self.first[event["id"]] = self.ids[event["id"]] = self.first[event["of"]]
                edited = self.messages[number] = {**self.messages[number], "edit_date": self.now(), "text": event["text"]}
                self.happen(edited_business_message=edited)
                source = f"{number}:{edited['edit_date']}"
                expect = {"kind": "edit", "conversation": f"user:{edited['chat']['id']}", "source": source, "text": event["text"]}
            case "delete":
                of = self.messages[self.ids[event["of"]]]
                gone = {"business_connection_id": self.connection, "chat": of["chat"], "message_ids": [of["message_id"]]}
                self.happen(deleted_business_messages=gone)
                expect = {"kind": "delete", "conversation": f"user:{of['chat']['id']}"}
            case "file":
                if event["type"].startswith("image/"):
                    small, _ = self.medium({"id": f"{event['id']} small", "bytes": 500}, {"width": 90, "height": 60})
                    told, digest = self.medium(event, {"width": 1280, "height": 853})
                    body = {"photo": [small, told], "caption": event["text"]}
                else:
                    told, digest = self.medium(event, {"file_name": event["name"], "mime_type": event["type"]})
                    body = {"document": told, "caption": event["text"]}
                expect = {"kind": "message", **self.say(event, body), "text": event["text"], "file": digest}
            case "sticker":
                told, digest = self.medium(event, {"type": "regular", "width": 512, "height": 512, "emoji": event["emoji"], "is_animated": False, "is_video": False})
                expect = {"kind": "message", **self.say(event, {"sticker": told}), "file": digest}
            case "contact":
                card = {"phone_number": "+15550199", "first_name": event["name"]}
                expect = {"kind": "message", **self.say(event, {"contact": card}), "text": event["name"]}
            case "timer":
                timer = {"message_auto_delete_time": event["seconds"]}
                expect = {"kind": "change", **self.say(event, {"message_auto_delete_timer_changed": timer})}
            case "too-large":
                told = {"file_id": "BQACbig", "file_unique_id": "ubig", "file_size": 25 << 20, "file_name": "film.mov", "mime_type": "video/quicktime"}
                expect = {"kind": "message", **self.say(event, {"document": told, "caption": event["text"]}), "text": event["text"]}
        return {"at": at, "expect": expect}


class BotApi:
    """The interface that several bots share."""

    def __init__(self, *bots):
        self.bots = {bot.token: bot for bot in bots}
        self.double = Double(self.answer)
        self.url = self.double.url

    def answer(self, method, path, query, headers, body):
        parts = path.strip("/").split("/")
        file = parts[0] == "file"
        bot = self.bots.get(parts[file].removeprefix("bot"))
        if bot is None:
            return 401, {}, b'{"ok":false,"error_code":401,"description":"Unauthorized"}', None
        if file:
            return bot.bytes_of(path)
        return bot.call(parts[1], json.loads(body or b"{}"))

    def close(self):
        self.double.close()


def keys(value, path=""):
    if isinstance(value, dict):
        for name, below in value.items():
            yield f"{path}.{name}"
            yield from keys(below, f"{path}.{name}")
    elif isinstance(value, list):
        for below in value:
            yield from keys(below, f"{path}[]")


def like_samples(updates, samples):
    """Paths of the frame of an update that no sample has."""
    known = {path for line in open(samples, encoding="utf-8") for path in keys(json.loads(line))}
    # Bodies of messages that the four samples do not have follow the Bot API's documentation.
    bodies = ("photo", "document", "sticker", "contact", "entities", "caption", "reply_to_message", "message_auto_delete_timer_changed")
    made = {path for update in updates for path in keys(update)}
    return sorted(path for path in made - known if not any(part in bodies for part in path.split("[")[0].split(".")[2:]))
