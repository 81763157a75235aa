"""An archive's parts as processes: relay, vault and agent, to be killed and started again."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path


class Part:
    """A process that is kept running. Its standard output is read line by line."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.process = None
        self.lines = queue.Queue()

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log.open("ab"),
            text=True,
        )
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()

    def read(self, stdout):
        with self.log.open("a") as log:
            for line in stdout:
                log.write(line)
                log.flush()
                self.lines.put(line.strip())

    def wait_for(self, begin, seconds):
        until = time.monotonic() + seconds
        while True:
            rest = until - time.monotonic()
            if rest <= 0:
                raise TimeoutError(f"{self.name} did not say '{begin}'")
            try:
                line = self.lines.get(timeout=rest)
            except queue.Empty:
                continue
            if begin in line:
                return line

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()


class Office:
    """One archive in a folder."""

    def __init__(self, folder, binaries, seed):
        self.folder, self.binaries = Path(folder), Path(binaries)
        self.office = self.folder / "office"
        self.run("live", "found", self.office, str(seed))
        self.relay = self.part("relay", "part", "relay", self.office, self.folder / "relay", "0", "")
        self.relay.start()
        _, self.url, self.pin, _ = self.relay.wait_for("at ", 60).split()
        port = self.url.rsplit(":", 1)[1].rstrip("/")
        # Started again, it is where it was.
        self.relay.command[4] = port
        self.run("live", "begin", self.office, self.url, self.pin)
        self.vault = self.part("vault", "part", "vault", self.office, self.url, self.pin)
        self.agent = self.part("agent", "live", "agent", self.office, self.url, self.pin)

    def part(self, name, binary, *arguments):
        command = [str(self.binaries / binary), *map(str, arguments)]
        return Part(name, command, self.folder / f"{name}.log")

    def run(self, binary, *arguments):
        command = [str(self.binaries / binary), *map(str, arguments)]
        log = (self.folder / "office.log").open("ab")
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=log, text=True).stdout

    def connector_folder(self, network, account):
        handle = self.run("live", "folder", self.office, network, account).strip()
        return self.office / "agent" / "connectors" / handle

    def archived(self):
        """What the vault holds; none while it is in the middle of fetching."""
        try:
            told = self.run("live", "archived", self.office)
        except subprocess.CalledProcessError:
            return []
        return [json.loads(line) for line in told.splitlines()]

    def close(self):
        for part in (self.agent, self.vault, self.relay):
            part.kill()


def children(pid):
    """The process ids of a process's children, all the way down, the nearest first."""
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in listed.read_text().split()]
        except OSError:
            continue
    return found + [further for child in found for further in children(child)]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
