"""The judge: what was said beside what the archive holds, event by event.

    judge.py SENT ARCHIVED

SENT has one JSON object a line, made by a network's driver: {"event", "do", "at", "expect"}, where
"expect" names what the archive must hold: "kind" and "conversation", and what is known of
"source" (the network's id of it), "text", "names" (somebody that it names), "file" (SHA-256).
ARCHIVED has one a line as `live archived` prints them. No record may stand in the archive twice. A
missing event is accepted only if a loss record's interval holds the time at which it was sent.

Ends with 0 only if every event is archived or lies in a recorded loss.
"""

import json
import sys
from collections import Counter, defaultdict

# Clocks are one machine's; an interval ends with the second in which it was noticed.
SLACK_MS = 1_000


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def holds(record, expect):
    """Whether the record is what the event was to become."""
    if record["kind"] != expect["kind"]:
        return False
    for key in ("conversation", "source"):
        if key in expect and record[key] != expect[key]:
            return False
    if "text" in expect and expect["text"] not in "\n".join(record["texts"]):
        return False
    if "names" in expect and expect["names"] not in record["names"]:
        return False
    return "file" not in expect or expect["file"] in record["files"]


def lost(at, losses):
    return any(
        loss["from"] is not None
        and loss["to"] is not None
        and loss["from"] - SLACK_MS <= at <= loss["to"] + SLACK_MS
        for loss in losses
    )


def judge(sent, archived):
    """The table, and the events that are missing without a recorded loss."""
    losses = [record["loss"] for record in archived if record["loss"]]
    by_kind = defaultdict(list)
    for record in archived:
        by_kind[record["kind"]].append(record)
    table = defaultdict(Counter)
    missing = []
    for event in sent:
        expect = event.get("expect")
        if expect is None:
            continue
        row = table[expect["kind"], event["do"]]
        row["sent"] += 1
        if any(holds(record, expect) for record in by_kind[expect["kind"]]):
            row["archived"] += 1
        elif lost(event["at"], losses):
            row["in a loss"] += 1
        else:
            row["missing"] += 1
            missing.append(event)
    return table, missing


def complete(sent, archived):
    """Whether nothing more is to come: the last event is archived, and every other or a loss for it."""
    _, missing = judge(sent, archived)
    last = sent[-1]["expect"]
    return not missing and any(holds(record, last) for record in archived)


def main(sent_path, archived_path):
    sent, archived = lines(sent_path), lines(archived_path)
    table, missing = judge(sent, archived)
    columns = ("sent", "archived", "in a loss", "missing")
    print(f"{'kind':<11} {'event':<16}" + "".join(f"{name:>11}" for name in columns))
    total = Counter()
    for (kind, event), row in sorted(table.items()):
        print(f"{kind:<11} {event:<16}" + "".join(f"{row[name]:>11}" for name in columns))
        total.update(row)
    print(f"{'all':<28}" + "".join(f"{total[name]:>11}" for name in columns))
    twice = [count for count in Counter(record["id"] for record in archived).values() if count > 1]
    losses = [record["loss"] for record in archived if record["loss"]]
    kinds = Counter(record["kind"] for record in archived)
    print(f"records: {sum(kinds.values())}: {', '.join(f'{n} {k}' for k, n in sorted(kinds.items()))}")
    for loss in losses:
        span = "" if loss["from"] is None or loss["to"] is None else f"{(loss['to'] - loss['from']) / 1000:.1f} s"
        print(f"loss: {loss['why']} {span} {(loss['detail'] or '')[:150]}")
    for event in missing:
        print(f"missing: {json.dumps(event)}")
    if twice:
        print(f"{len(twice)} records stand in the archive more than once")
    return 1 if missing or twice or not total["sent"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
