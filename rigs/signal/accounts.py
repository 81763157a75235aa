"""Several accounts: what each costs in memory, with one signal-cli for all and with one for each.

    accounts.py NODE_MODULES JAVA_HOME BINARIES ACCOUNTS

Memory is the proportional set size of every process, which counts what is shared once, after each
account has captured a message.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from office import Office, children, command_of
from rig import START, SETTLE, Stage, launcher, link, mocked

# Own runtimes are many times larger; a few tell their size.
OWN = 3
HOST_MIB, RESERVED_MIB = 16 << 10, 1 << 10


def size(pid):
    """Proportional set size of a process in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measured(pids):
    """Sizes by what the processes are."""
    found = {}
    for pid in pids:
        command = command_of(pid)
        kind = "signal-cli" if "org.asamk.signal.Main" in command else "connector" if "greffe-signal" in command else "agent"
        found.setdefault(kind, []).append(size(pid))
    return found


def told(name, accounts, found):
    each = 0.0
    for kind, sizes in sorted(found.items()):
        print(f"{name}: {kind}: {len(sizes)} processes, {sum(sizes):.0f} MiB, {sum(sizes) / len(sizes):.1f} MiB each")
        each += sum(sizes) / accounts if kind != "agent" else 0
    agent = sum(found.get("agent", [0]))
    host = int((HOST_MIB - RESERVED_MIB - agent) / each)
    print(f"{name}: {each:.1f} MiB an account; {host} accounts on a host of 16 GiB (1 GiB kept for the system)")


def capturing(office, ids):
    """Waits until all of them are connected."""
    waiting = set(ids)
    until = time.monotonic() + START * 2
    while waiting and time.monotonic() < until:
        line = office.agent.wait_for("state: Connected", START)
        waiting -= {account for account in waiting if account in line}
    if waiting:
        raise TimeoutError(f"not captured: {sorted(waiting)}")


def trial(name, stage, names, folder, binaries, java_home, patch, library, shared):
    folder.mkdir()
    office = Office(folder, binaries, 1)
    program = str(launcher(folder, java_home, patch, library))
    reads = [program, str(patch), str(library), java_home]
    daemon = None
    try:
        settings = {"signal-cli": program, "stories": "yes"}
        if shared:
            data, socket = folder / "shared", folder / "shared.socket"
            data.mkdir()
            daemon = subprocess.Popen(
                [program, "--config", str(data), "daemon", "--socket", str(socket)]
                + ["--receive-mode", "manual", "--no-receive-stdout"],
                stdout=subprocess.DEVNULL, stderr=(folder / "daemon.log").open("wb"),
                env={"JAVA_OPTS": "-Xmx1g -Xss512k -XX:+UseSerialGC", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
            )
            until = time.monotonic() + START
            while not socket.exists() and time.monotonic() < until:
                time.sleep(0.2)
            settings |= {"socket": str(socket), "data": str(data)}
            reads += [str(data), str(socket)]
        ids = {who: link(office, stage, binaries, settings, who) for who in names}
        lines = []
        for account in ids.values():
            lines += [
                "[[account]]", 'network = "signal"', f"account = {json.dumps(account)}",
                'custodian = "c-1"', f"command = {json.dumps([str(binaries / 'greffe-signal')])}",
                "[account.settings]",
                *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in settings.items()),
                "[account.limits]", f"read = {json.dumps(reads)}",
            ]
        (office.office / "agent" / "agent.toml").write_text("\n".join(lines) + "\n")
        office.vault.start()
        office.agent.start()
        capturing(office, ids.values())
        for who in names:
            stage.do(do="text-to", at=who, text=f"for {who}")
        wanted = {f"for {who}" for who in names}
        until = time.monotonic() + SETTLE
        while True:
            texts = {text for record in office.archived() for text in record["texts"]}
            if wanted <= texts:
                break
            if time.monotonic() > until:
                raise TimeoutError(f"{name}: not archived: {sorted(wanted - texts)}")
            time.sleep(1)
        agent = office.agent.process.pid
        pids = [agent, *children(agent)] + ([daemon.pid] if daemon else [])
        told(name, len(names), measured(pids))
    finally:
        office.close()
        if daemon:
            daemon.kill()
            daemon.wait()


def main(modules, java_home, binaries, accounts):
    modules, binaries, accounts = Path(modules), Path(binaries), int(accounts)
    folder = Path(tempfile.mkdtemp(prefix="greffe-rig-signal-"))
    stage = Stage(folder, modules)
    try:
        library, patch = mocked(folder, modules, java_home, stage)
        names = stage.do(do="custodians", count=accounts + OWN)["names"]
        here = (binaries, java_home, patch, library)
        trial("one signal-cli for all", stage, names[:accounts], folder / "shared-daemon", *here, True)
        trial("one signal-cli each", stage, names[accounts:], folder / "own-daemons", *here, False)
    finally:
        stage.server.kill()
        print(f"logs in {folder}")
    return 0
