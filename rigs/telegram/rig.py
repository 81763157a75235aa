"""Plays the conversation over a Telegram business bot, kills what can be killed, and has the archive
judged. A second bot of another custodian has its updates posted.

    rig.py BINARIES SEED SAMPLES
"""

import json
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conversation"))

import judge  # noqa: E402
from botapi import Bot, BotApi, like_samples, sees  # noqa: E402
from business import Storm, linked, settle  # noqa: E402
from double import free_port  # noqa: E402
from office import Office  # noqa: E402
from script import LAST, SCRIPT  # noqa: E402

KILLS = ("connector", "agent", "connector", "relay", "vault", "connector")
STRANGER = {"id": "stranger", "do": "text", "by": "bob", "text": "private of somebody who connected the bot"}
LARGE = {"id": "large", "do": "too-large", "by": "carol", "text": "a film of 25 MB"}


def main(binaries, seed, samples):
    binaries, draw = Path(binaries), random.Random(int(seed))
    print(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="greffe-rig-telegram-"))
    alice = Bot("1001:rig-secret-alice", (100, "Alice"), seed)
    zoe = Bot("1002:rig-secret-zoe", (500, "Zoë"), seed)
    api, office = BotApi(alice, zoe), None
    try:
        office = Office(folder, binaries, int(seed))
        link(office, api, alice, {})
        port = free_port()
        hook = {"public-url": f"http://127.0.0.1:{port}/telegram", "listen": f"127.0.0.1:{port}"}
        link(office, api, zoe, hook)
        office.vault.start()
        office.agent.start()
        for _ in range(2):
            office.agent.wait_for("Connected", 60)
        until = time.monotonic() + 60
        while not zoe.hook and time.monotonic() < until:
            time.sleep(0.1)
        assert zoe.hook and zoe.hook[0] == hook["public-url"], "no webhook was set"
        sent = play(alice, zoe, Storm(office, "greffe-telegram"), draw)
        archived = settle(office, lambda records: judge.complete(sent, records))
        (folder / "sent").write_text("\n".join(map(json.dumps, sent)))
        (folder / "archived").write_text("\n".join(map(json.dumps, archived)))
        verdict = judge.main(folder / "sent", folder / "archived")
        if not judge.complete(sent, archived):
            print("NOTHING-LOST: Telegram keeps what was not confirmed; nothing may lie in a loss")
            verdict = 1
        print(f"met: {', '.join(alice.met + zoe.met)}")
        if any(STRANGER["text"] in text for record in archived for text in record["texts"]):
            print("a stranger's chat stands in the archive")
            verdict = 1
        if strange := like_samples(alice.all + zoe.all, samples):
            print(f"the double says what no sample says: {strange}")
            verdict = 1
        alice.connect(False)
        office.agent.wait_for("Unlinked", 60)
        print("disconnected: told")
        return verdict
    finally:
        if office:
            office.close()
        api.close()
        print(f"logs in {folder}")


def link(office, api, bot, settings):
    settings = {"api": api.url, "poll-seconds": "5", "media-patience": "45", **settings}
    # The account's owner connects the bot while the command waits.
    told = linked(office, "telegram", settings, {"bot-token": bot.token}, f"c-{bot.owner[0]}", bot.connect)
    assert told["account"] == f"user:{bot.owner[0]}", told


def play(alice, zoe, storm, draw):
    script = [event for event in SCRIPT if sees(event)] + [LARGE]
    moments = {}
    for what in KILLS:
        moments.setdefault(draw.randrange(2, len(script)), []).append(what)
    sent = []
    for at, event in enumerate(script + [LAST]):
        beside = [threading.Thread(target=storm.strike, args=(what,)) for what in moments.get(at, ())]
        for thread in beside:
            thread.start()
        sent.append({"event": event["id"], "do": event["do"], **alice.do(event)})
        if event["do"] in ("text", "file") and event["by"] != "alice" and len(zoe.ids) < 8:
            sent.append({"event": f"{event['id']} to Zoë", "do": f"{event['do']} posted", **zoe.do(event)})
        for thread in beside:
            thread.join()
        if at == len(script) // 2:
            stranger(alice)
    print(f"{len(sent)} events said, {len(storm.done)} kills", flush=True)
    return sent


def stranger(bot):
    """Anybody may connect a bot to his account."""
    number, name, connection = 900, "Mallory", "bc-900"
    user = {"id": number, "is_bot": False, "first_name": name}
    bot.happen(business_connection={"id": connection, "user": user, "user_chat_id": number, "date": bot.now(), "rights": {"can_reply": True, "can_read_messages": True}, "is_enabled": True})
    chat = {"id": 901, "type": "private", "first_name": "Friend"}
    bot.happen(business_message={"business_connection_id": connection, "message_id": 1, "from": user, "chat": chat, "date": bot.now(), "text": STRANGER["text"]})


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*sys.argv[1:]))
