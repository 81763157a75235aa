"""docs/spec/plan.md: the plan's form and limits, what it decides (PLAN-4), what it says (PLAN-9),
proposals as far as their form goes (PLAN-12)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from . import canonical, entry, hpke, seal
from .canonical import framed, u64
from .refusal import require
from .shape import BYTES32, MS, UINT, Check, exactly, fields, listing, octets, text, uint

PLAN_BYTES = 256 << 10
CAPTURE, EXCLUDE, PRIVATE = range(3)
# record.md: loss, account and consent are always captured
CONSENT, LOSS, ACCOUNT = 9, 10, 13


def said(most: int) -> Check:
    inner = text(most, "PLAN-limit")

    def look(value: Any) -> None:
        inner(value)
        require(value != "", "PLAN-limit", "an empty text")

    return look


TEXT = said(1024)
RULE = fields({0: uint(high=2)}, {1: TEXT, 2: TEXT, 3: TEXT, 4: TEXT, 5: TEXT, 6: MS, 7: MS})
NOTICE = fields({0: said(35), 1: said(2000)}, {2: TEXT, 3: TEXT})
PLAN = fields({0: exactly(1), 1: BYTES32, 2: uint(low=1, check="PLAN-limit"), 3: uint(high=2),
               4: listing(RULE, 0, 512, over="PLAN-limit"), 5: UINT,
               6: listing(NOTICE, 0, 32, over="PLAN-limit")},
              {7: uint(low=60, high=86_400, check="PLAN-limit")})
PROPOSAL = fields({0: exactly(1), 1: BYTES32, 2: BYTES32, 3: UINT, 4: BYTES32, 5: MS, 6: octets(),
                   7: octets(1216), 8: BYTES32,
                   9: listing(fields({0: BYTES32, 1: octets(64)}), 0, 33, over="PLAN-12")})


def read(data: bytes) -> dict[int, Any]:
    """A plan within its limits."""
    require(len(data) <= PLAN_BYTES, "PLAN-limit", "more than 256 KiB")
    plan = canonical.decode(data)
    PLAN(plan)
    for notice in plan[6]:
        require(3 not in notice or 2 in notice, "PLAN-limit", "a conversation of no network")
    return plan


def private_rules(plan: dict[int, Any]) -> int:
    """How often it says `private`, in rules or as what applies otherwise."""
    return sum(one == PRIVATE for one in [plan[3], *(rule[0] for rule in plan[4])])


def decide(plan: dict[int, Any], facts: dict[str, Any]) -> int:
    """PLAN-4: what is done with a record of which the envelope and the participants say so much."""
    if facts["kind"] in (LOSS, ACCOUNT, CONSENT):
        return CAPTURE
    for rule in plan[4]:
        if _fits(rule, facts):
            return rule[0]
    return plan[3]


def _fits(rule: dict[int, Any], facts: dict[str, Any]) -> bool:
    for key, name in ((1, "network"), (2, "account"), (3, "conversation")):
        if key in rule and rule[key] != facts[name]:
            return False
    if 4 in rule and rule[4] not in facts["people"]:
        return False
    if 5 in rule and not _labelled(rule[5], facts["title"]):
        return False
    return rule.get(6, facts["at"]) <= facts["at"] and (7 not in rule or facts["at"] < rule[7])


def _labelled(label: str, title: str | None) -> bool:
    if title is None:
        return False
    return title.startswith(label[:-1]) if label.endswith("*") else title == label


def notices(plan: dict[int, Any], network: str, conversation: str) -> list[str]:
    """PLAN-9: the texts of a conversation, the closest that there are."""
    for of in ((network, conversation), (network, None), (None, None)):
        texts = [notice[1] for notice in plan[6] if (notice.get(2), notice.get(3)) == of]
        if texts:
            return texts
    return []


def facts(about: dict[str, Any]) -> dict[str, Any]:
    """What PLAN-4 looks at, of a record's envelope and participants."""
    head, people = about["envelope"], about["participants"]
    named = [people[0]] if 0 in people else []
    named += people.get(1, [])
    known = {one[0] for one in named} | {alias[1] for one in named for alias in one.get(1, [])}
    return {"kind": head[6], "network": head[2], "account": head[3], "conversation": head[4],
            "people": known, "title": people[2].get(1), "at": best_time(head)}


def best_time(head: dict[int, Any]) -> int:
    """The event's time as record.md has it: what the network says before what was seen."""
    times = head[8]
    for key in (0, 1, 2, 3):
        if key in times:
            return times[key][0]
    raise AssertionError("no time")


def make(data: bytes) -> tuple[bytes, bytes]:
    """PLAN-12: the sealed object and the entry that a proposal makes."""
    proposal = canonical.decode(data)
    PROPOSAL(proposal)
    plan = read(proposal[6])
    head = [entry.MAIL, {0: plan[1], 1: hashlib.sha256(proposal[7]).digest()}]
    fields_of = {0: 1, 1: 1, 2: proposal[1], 3: proposal[2], 4: proposal[3], 5: proposal[4], 6: head, 7: [],
                 9: proposal[5]}
    content = canonical.encode({0: 1, 1: "plan", 2: proposal[6]})
    plain = b"\0" + len(content).to_bytes(4, "big") + content
    plain += bytes(seal.padded_length(max(len(plain), seal.LEAST_PLAIN)) - len(plain))
    drawn = b"".join(hmac.digest(proposal[8], framed("greffe/plan-proposal/v1") + u64(n), "sha256")
                     for n in range(2))
    bound = seal.info(seal.MAIL, proposal[1], proposal[7])
    made = bytes([seal.OBJECT, seal.SUITE]) + hpke.seal_message(
        proposal[7], drawn, bound, canonical.encode(fields_of), plain)
    fields_of[7] = [{0: hashlib.sha256(made).digest(), 1: len(made)}]
    fields_of[10] = proposal[9]
    return made, canonical.encode(fields_of)
