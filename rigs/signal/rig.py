"""Plays the conversation over Signal, kills what can be killed, and has the archive judged.

    rig.py NODE_MODULES JAVA_HOME BINARIES SEED
    rig.py NODE_MODULES JAVA_HOME BINARIES accounts COUNT
"""

import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conversation"))

import judge  # noqa: E402
from office import Office, Part, children, command_of, kill  # noqa: E402
from script import LAST, SCRIPT  # noqa: E402

KILLS = ("connector", "signal-cli", "agent", "relay", "vault", "connector", "signal-cli")
# The Java runtime needs its time on a loaded machine.
START, SETTLE = 180, 100


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Stage:
    """The mock server, and the people at it."""

    def __init__(self, folder, modules):
        self.port, self.control = free_port(), free_port()
        command = ["env", "-C", str(folder), f"NODE_PATH={modules}", "node", str(HERE / "server.js"), str(self.port), str(self.control)]
        self.server = Part("server", command, folder / "server.log")
        self.server.start()
        self.server.wait_for("ready", 60)

    def do(self, **asked):
        body = json.dumps(asked).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/", data=body)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{asked}: {error.read().decode()}") from None


def launcher(folder, java_home, patch, library):
    """signal-cli as the connector starts it: the patched constants stand before its jars."""
    path = folder / "signal-cli"
    words = [f"{java_home}/bin/java", "--enable-native-access=ALL-UNNAMED", "-cp", f"{patch}:{library}/*"]
    more = ["org.asamk.signal.Main", "--service-environment", "staging", "--trust-new-identities", "always"]
    heard = ""
    if os.environ.get("VERBOSE"):
        # All that signal-cli says stays in the connector's folder too.
        more += ["--verbose"]
        heard = " 2> >(tee -a signal-cli.log >&2)"
    run = f'exec {shlex.join(words[:1])} $JAVA_OPTS {shlex.join(words[1:] + more)} "$@"{heard}'
    path.write_text(f"#!/bin/bash\n{run}\n")
    path.chmod(0o755)
    return path


def mocked(folder, modules, java_home, stage):
    """signal-cli's libraries, and the folder with what makes them mean the mock server."""
    library, patch = modules / "signal-cli/signal-cli/lib", folder / "patch"
    mock = modules / "@signalapp/mock-server"
    subprocess.run(
        [sys.executable, HERE / "patch.py", str(stage.port), mock, library, f"{java_home}/bin/keytool", patch],
        check=True,
    )
    return library, patch


def link(office, stage, binaries, settings, who="alice"):
    """Links a device with the connector alone, as `greffe agent link` does; gives the account."""
    folder = office.folder / "linking"
    folder.mkdir()
    process = subprocess.Popen(
        [str(binaries / "greffe-signal")], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=(office.folder / "link.log").open("wb"),
    )
    frame(process, [0, {0: 1, 1: "linking", 2: "c-1", 3: str(folder), 4: list(map(list, settings.items())) + [["link", "yes"]]}])
    account = None
    while (said := hear(process)) is not None:
        if said[0] == 4 and said[1][0] == "qr":
            threading.Thread(target=stage.do, kwargs={"do": "link", "address": said[1][1], "who": who}, daemon=True).start()
        elif said[0] == 4 and said[1][0] == "linked":  # CONN-9
            account = said[1][1]
        elif said[0] == 7 and said[1][2]:
            raise RuntimeError(f"linking: {said}")
    process.wait()
    if account is None:
        raise RuntimeError("CONN-9: the connector ended without saying whose device was linked")
    target = office.connector_folder("signal", account)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(target)
    return account


# The connector protocol's frames, as far as linking needs them


def frame(process, message):
    content = encoded(message)
    process.stdin.write(len(content).to_bytes(4, "big") + content)
    process.stdin.flush()


def hear(process):
    head = process.stdout.read(4)
    if len(head) < 4:
        return None
    return decoded(process.stdout.read(int.from_bytes(head, "big")), 0)[0]


def head(major, number):
    for size, code in ((0, None), (1, 24), (2, 25), (4, 26), (8, 27)):
        if size == 0 and number < 24:
            return bytes([major << 5 | number])
        if size and number < 1 << (8 * size):
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encoded(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encoded, value))
    items = sorted((encoded(key), encoded(below)) for key, below in value.items())
    return head(5, len(items)) + b"".join(key + below for key, below in items)


def decoded(data, at):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info >= 24 and major != 7:
        size = 1 << (info - 24)
        info, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return info, at
    if major in (2, 3):
        content = data[at : at + info]
        return (content if major == 2 else content.decode()), at + info
    if major == 4:
        found = []
        for _ in range(info):
            value, at = decoded(data, at)
            found.append(value)
        return found, at
    if major == 5:
        items = {}
        for _ in range(info):
            key, at = decoded(data, at)
            items[key], at = decoded(data, at)
        return items, at
    return {20: False, 21: True, 22: None}.get(info), at


class Storm:
    """Kills parts at moments that a seed draws, and starts again what nobody else does."""

    def __init__(self, office, draw):
        self.office, self.draw = office, draw
        self.done = []
        self.began = time.monotonic()

    def running(self, what):
        mark = "greffe-signal" if what == "connector" else "org.asamk.signal.Main"
        for pid in children(self.office.agent.process.pid):
            command = command_of(pid)
            # The guard is the connector's program for the moment before it becomes signal-cli.
            if mark in command and (what != "connector" or " guard " not in command):
                return pid
        return None

    def strike(self, what):
        office = self.office
        if what in ("connector", "signal-cli"):
            pid = self.running(what)
            if pid is None:
                # It was killed just now: it is killed again when it captures again.
                office.agent.wait_for("state: Connected", START)
                pid = self.running(what)
            if pid is None:
                return
            kill(pid)
        else:
            part = getattr(office, what)
            part.kill()
            part.start()
        self.done.append(what)
        print(f"  {time.monotonic() - self.began:.0f} s: kill -9 {what}", flush=True)


def settle(office, ready):
    """Waits until the archive holds what is wanted; gives what it holds."""
    until = time.monotonic() + SETTLE
    while True:
        archived = office.archived()
        if ready(archived) or time.monotonic() > until:
            return archived
        # The vault says when it holds more.
        try:
            office.vault.wait_for("held", 3)
        except TimeoutError:
            pass


def main(modules, java_home, binaries, seed):
    modules, binaries, draw = Path(modules), Path(binaries), random.Random(int(seed))
    print(f"seed {seed}")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="greffe-rig-signal-"))
    stage = office = None
    try:
        stage = Stage(folder, modules)
        library, patch = mocked(folder, modules, java_home, stage)
        office = Office(folder, binaries, int(seed))
        settings = {
            "signal-cli": str(launcher(folder, java_home, patch, library)),
            "stories": "yes",
            "notice.en": "This conversation is archived.",
            "notice.de": "Diese Unterhaltung wird archiviert.",
        }
        account = link(office, stage, binaries, settings)
        print(f"linked after {time.monotonic() - began:.0f} s")
        reads = [str(folder / "signal-cli"), str(patch), str(library), java_home]
        write_settings(office, account, binaries, settings, reads)
        office.vault.start()
        office.agent.start()
        office.agent.wait_for("Connected", START)
        print(f"capturing after {time.monotonic() - began:.0f} s", flush=True)
        sent = play(stage, Storm(office, draw), draw)
        archived = settle(
            office,
            lambda records: judge.complete(sent, records) and all(untold(records).values()),
        )
        (folder / "sent").write_text("\n".join(map(json.dumps, sent)))
        (folder / "archived").write_text("\n".join(map(json.dumps, archived)))
        print(f"judged after {time.monotonic() - began:.0f} s")
        verdict = judge.main(folder / "sent", folder / "archived")
        told = stage.do(do="told", text=settings["notice.en"])
        verdict |= notices_once(archived, told, len(KILLS))
        return verdict
    finally:
        if office:
            office.close()
        if stage:
            stage.server.kill()
        print(f"logs in {folder}")


def write_settings(office, account, binaries, settings, reads):
    lines = [
        "[[account]]",
        'network = "signal"',
        f"account = {json.dumps(account)}",
        'custodian = "c-1"',
        f"command = {json.dumps([str(binaries / 'greffe-signal')])}",
        "[account.settings]",
        *(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in settings.items()),
        "[account.limits]",
        f"read = {json.dumps(reads)}",
    ]
    (office.office / "agent" / "agent.toml").write_text("\n".join(lines) + "\n")


def play(stage, storm, draw):
    # Each kill stands before an event that the seed draws; none falls before the first is through.
    moments = {}
    for what in KILLS:
        moments.setdefault(draw.randrange(3, len(SCRIPT)), []).append(what)
    sent = []
    for at, event in enumerate(SCRIPT + [LAST]):
        for what in moments.get(at, ()):
            storm.strike(what)
        answer = stage.do(**event)
        if "expect" in answer and "text" in event and event["do"] != "mention":
            answer["expect"]["text"] = event["text"].strip()
        sent.append({"event": event["id"], "do": event["do"], **answer})
    print(f"{len(sent)} events said, {len(storm.done)} kills", flush=True)
    return sent


def untold(archived):
    """Conversations in which something was said, and the notices recorded in each."""
    notices = {}
    for record in archived:
        name = record["conversation"]
        if record["kind"] == "message" and not name.startswith("story:"):
            notices.setdefault(name, [])
    for record in archived:
        if record["kind"] == "consent":
            notices.setdefault(record["conversation"], []).append(record)
    return notices


def notices_once(archived, told, kills):
    """VISIBLE: one notice is recorded in each conversation in which something was said, and people
    were told once; each kill may have doubled one, never swallowed it."""
    notices = untold(archived)
    print(f"notices: {sum(map(len, notices.values()))} in {len(notices)} conversations; told by themselves: {told}")
    twice = sum(times - 1 for times in told.values() if times > 1)
    if all(len(records) == 1 for records in notices.values()) and told["bob"] and told["carol"] and twice <= kills:
        return 0
    print("every conversation is to have one notice")
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if "accounts" in sys.argv:
        import accounts

        sys.argv.remove("accounts")
        sys.exit(accounts.main(*sys.argv[1:]))
    sys.exit(main(*sys.argv[1:]))
