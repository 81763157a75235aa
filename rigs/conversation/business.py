"""What rigs of business interfaces have in common: `greffe agent link`, kills, waiting."""

import json
import subprocess
import threading
import time

from office import children, command_of, kill


def linked(office, network, settings, secrets, custodian="c-1", while_waiting=None):
    """Links an account as people do; gives what the command says. The agent's connectors are found
    on its PATH then, under the network's name."""
    programs = office.folder / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / network).exists():
        (programs / network).symlink_to(office.binaries / f"greffe-{network}")
    command = [str(office.binaries / "greffe"), "--json", "agent", "link", network, "--folder", str(office.office / "agent"),
               "--custodian", custodian, "--read", str(programs), "--read", str(office.binaries)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    for name, value in secrets.items():
        path = office.folder / f"secret-{name}"
        path.write_text(value + "\n")
        command += ["--secret", f"{name}={path}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if while_waiting:
        threading.Thread(target=while_waiting, daemon=True).start()
    told, notes = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"agent link: {told}{notes}")
    # Nothing secret stands where people read settings.
    plain = (office.office / "agent" / "agent.toml").read_text()
    for name, value in secrets.items():
        (office.folder / f"secret-{name}").unlink()
        if value in plain or value in notes:
            raise RuntimeError(f"AGENT-8: the secret {name} is shown")
    if office.agent.command[0] != "env":
        office.agent.command = ["env", f"PATH={programs}:/usr/bin:/bin", *office.agent.command]
    return json.loads(told)


class Storm:
    """Kills parts, and starts again what nobody else does."""

    def __init__(self, office, connector):
        self.office, self.connector = office, connector
        self.done, self.lock = [], threading.Lock()
        self.began = time.monotonic()

    def running(self):
        for pid in children(self.office.agent.process.pid):
            if self.connector.removeprefix("greffe-") == command_of(pid).split(" ")[0].rsplit("/", 1)[-1].removeprefix("greffe-"):
                return pid
        return None

    def strike(self, what):
        with self.lock:
            if what == "connector":
                until = time.monotonic() + 60
                # It was killed just now: it is killed again when it runs again.
                while (pid := self.running()) is None:
                    if time.monotonic() > until:
                        raise TimeoutError("the connector does not run")
                    time.sleep(0.1)
                kill(pid)
            else:
                part = getattr(self.office, what)
                part.kill()
                part.start()
            self.done.append(what)
            print(f"  {time.monotonic() - self.began:.0f} s: kill -9 {what}", flush=True)


def settle(office, ready, seconds=90):
    """Waits until the archive holds what is wanted; gives what it holds."""
    until = time.monotonic() + seconds
    while True:
        archived = office.archived()
        if ready(archived) or time.monotonic() > until:
            return archived
        # The vault says when it holds more.
        try:
            office.vault.wait_for("held", 3)
        except TimeoutError:
            pass
