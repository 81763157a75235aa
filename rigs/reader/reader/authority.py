"""docs/spec/authority.md: who may sign what (GENESIS, CONTROL), chains (CHAIN), refusals.

`Authority` is what the control chain has said so far; `Log` is a log that admits entries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from . import canonical, entry as entries, seal, tlog
from .entry import Entry
from .refusal import Refused, require

ENROL, REVOKE, DELEGATE, UNDELEGATE, RECIPIENTS, POLICY = range(6)
AGENT, VAULT, AUDITOR, WITNESS, PERSON = range(5)
(P_ENROL, P_RECIPIENTS, P_POLICY, P_HEAD, P_REVIEW, P_PRODUCE, P_DISPOSE, P_HOLD, P_GRANT,
 P_PLAN) = range(10)
USE_PERIOD, USE_RESERVE, USE_GOVERNANCE = range(3)
GRACE = 31 * 24 * 3600 * 1000

PURPOSE_OF_ACT = {ENROL: P_ENROL, REVOKE: P_ENROL, RECIPIENTS: P_RECIPIENTS, POLICY: P_POLICY}
ROLE_OF_KIND = {entries.BATCH: AGENT, entries.CONTINUATION: AGENT, entries.HEARTBEAT: AGENT,
                entries.STORED: VAULT, entries.AUDIT: VAULT, entries.CARRY: VAULT}


@dataclass
class Delegation:
    """CONTROL-3."""

    number: int
    purpose: int
    keys: set[bytes]
    threshold: int
    end: int
    ended: bool = False


@dataclass
class Authority:
    """What genesis and the acts read so far say."""

    genesis: dict[int, Any]
    archive: bytes
    keys: dict[bytes, bytes] = field(default_factory=dict)
    roles: dict[bytes, int] = field(default_factory=dict)
    mailboxes: dict[bytes, bytes] = field(default_factory=dict)
    delegations: list[Delegation] = field(default_factory=list)
    retired: dict[bytes, int] = field(default_factory=dict)
    compromised: dict[bytes, int] = field(default_factory=dict)
    epochs: dict[bytes, dict[int, Any]] = field(default_factory=dict)
    policy: dict[int, Any] = field(default_factory=dict)
    number: int = 0
    id: bytes = b""

    @classmethod
    def of(cls, genesis: bytes) -> "Authority":
        """GENESIS-1, GENESIS-2: where every archive begins."""
        value = entries.read_genesis(genesis)
        new = cls(value, entries.archive_id(genesis), id=entries.control_id(genesis))
        new.keys[new.root] = value[1]
        new.policy = value[3]
        return new

    @property
    def root(self) -> bytes:
        return entries.signer_id(self.genesis[1])

    def log_keys(self) -> list[tlog.Key]:
        """GENESIS-1: the log's keys."""
        name = entries.origin(self.archive)
        return [tlog.Key(name, tlog.ED25519, public) for public in self.genesis[2]]

    def signatures_good(self, entry: Entry) -> None:
        """Every signature is that of a known signer and verifies."""
        message = entry.to_be_signed()
        for signer, signature in entry.signatures.items():
            known = self.keys.get(signer)
            good = known is not None and tlog.ed25519_says(known, signature, message)
            require(good, "bad-signature", "ENTRY-4: a signature does not verify")

    def not_revoked(self, entry: Entry, admitted_at: int) -> None:
        """CHAIN-4."""
        until = self.retired.get(entry.signer)
        require(until is None or admitted_at < until, "revoked", "CHAIN-4: retired")
        first = self.compromised.get(entry.signer)
        require(first is None or entry.number < first, "revoked", "CHAIN-4: compromised")

    def _counts(self, signer: bytes, admitted_at: int) -> bool:
        """CONTROL-2: whether a further signer counts."""
        until = self.retired.get(signer)
        return signer not in self.compromised and (until is None or admitted_at < until)

    def _in_force(self, purposes: set[int], admitted_at: int) -> list[Delegation]:
        return [one for one in self.delegations
                if one.purpose in purposes and not one.ended and admitted_at < one.end]

    def may_sign(self, entry: Entry, admitted_at: int) -> None:
        """CONTROL-2, CONTROL-4, ENTRY-4: role, delegation and number of signatures."""
        kind, body = entry.kind, entry.body
        alone = len(entry.signatures) == 1
        by_root = entry.signer == self.root
        if kind == entries.CONTROL:
            purpose = PURPOSE_OF_ACT.get(body[2][0])
            if by_root:
                require(alone, "bad-signature", "CONTROL-2: the root signs alone")
                return
            self._delegated(entry, admitted_at, set() if purpose is None else {purpose})
        elif kind == entries.GOVERNANCE:
            self._delegated(entry, admitted_at, {body[3]}, carrier=True)
        elif kind == entries.MAIL:
            self._delegated(entry, admitted_at, {P_PLAN, P_ENROL})
            enrolled = body[0] in self.roles and self.mailboxes.get(body[0]) == body[1]
            require(enrolled, "not-allowed", "CONTROL-7: not the addressee's mailbox key")
        elif kind == entries.HEAD and not by_root:
            require(bool(self._with(entry.signer, admitted_at, {P_HEAD})), "not-allowed", "CONTROL-4")
            require(alone, "bad-signature", "ENTRY-4: exactly one signature")
        else:
            role = self.roles.get(entry.signer)
            if kind in ROLE_OF_KIND:
                require(role == ROLE_OF_KIND[kind], "not-allowed", "CONTROL-4: another role")
            elif kind == entries.WITHDRAWN:
                known = role is not None or entry.signer in self.keys
                require(known, "not-allowed", "CONTROL-4: not enrolled")
            elif kind == entries.GENESIS:
                raise Refused("not-allowed", "GENESIS-2: once, at index 0")
            require(alone, "bad-signature", "ENTRY-4: exactly one signature")

    def _with(self, signer: bytes, admitted_at: int, purposes: set[int]) -> list[Delegation]:
        return [one for one in self._in_force(purposes, admitted_at) if signer in one.keys]

    def _delegated(self, entry: Entry, admitted_at: int, purposes: set[int], carrier: bool = False) -> None:
        own = entry.signer
        possible = self._with(own, admitted_at, purposes)
        if not possible and carrier and self.roles.get(own) == VAULT:
            possible = self._in_force(purposes, admitted_at)
        require(bool(possible), "not-allowed", "CONTROL-2: no delegation covers it")
        signers = set(entry.signatures)
        for delegation in possible:
            counted = signers & delegation.keys
            others = signers - delegation.keys - ({own} if carrier else set())
            standing = [one for one in counted if one == own or self._counts(one, admitted_at)]
            if not others and len(standing) >= delegation.threshold:
                return
        raise Refused("bad-signature", "ENTRY-4: too few or others than the delegation's")

    def epochs_fit(self, entry: Entry, admitted_at: int) -> None:
        """CONTROL-6."""
        kind, body = entry.kind, entry.body
        if kind == entries.BATCH:
            name, governance = body[0], False
        elif kind == entries.CARRY:
            name, governance = body[1], False
        elif kind in (entries.AUDIT, entries.GOVERNANCE):
            name, governance = body[0], True
        elif kind == entries.HEARTBEAT and 2 in body:
            name, governance = body[2], True
        else:
            return
        epoch = self.epochs.get(name)
        if epoch is None:
            raise Refused("unknown-epoch", "CONTROL-6: never published")
        require((epoch[3] == USE_GOVERNANCE) == governance, "unknown-epoch", "CONTROL-6: another use")
        begun = admitted_at >= epoch[4] - GRACE
        require(epoch[3] == USE_RESERVE or begun, "unknown-epoch", "CONTROL-6: not begun")

    def follows(self, entry: Entry) -> None:
        """CONTROL-1, CONTROL-4 (head), CONTROL-5: the act may stand behind those before."""
        body = entry.body
        if entry.kind == entries.HEAD:
            require((body[0], body[1]) == (self.number, self.id), "control-chain", "CONTROL-4: not the newest")
        if entry.kind != entries.CONTROL:
            return
        require(body[0] == self.number + 1 and body[1] == self.id, "control-chain", "CONTROL-1")
        self.names_what_is_known(body[2])

    def names_what_is_known(self, act: list[Any], with_gaps: bool = False) -> None:
        """CONTROL-5; `with_gaps`: what an act names may stand in one that was not shown."""
        kind, what = act
        if kind == ENROL:
            signer = entries.signer_id(what[0])
            new = signer not in self.roles and signer != self.root
            gets_mailbox = (self.roles.get(signer) == what[1] and signer not in self.mailboxes
                            and set(what) == {0, 1, 2})
            require(new or gets_mailbox, "control-chain", "CONTROL-5: enrolled already")
            require(3 not in what or with_gaps or what[3] in self.keys, "control-chain", "CONTROL-5: follows nobody known")
        elif kind == REVOKE:
            known = (with_gaps or what[0] in self.keys) and what[0] != self.root
            require(known, "control-chain", "CONTROL-5: revokes nobody known, or the root")
        elif kind == UNDELEGATE:
            found = [one for one in self.delegations
                     if (one.purpose, one.number) == (what[0], what[1]) and not one.ended]
            require(bool(found) or with_gaps, "control-chain", "CONTROL-5: no such delegation")
        elif kind == RECIPIENTS:
            names = [one[0] for one in what[0]]
            new_names = len(set(names)) == len(names) and not set(names) & set(self.epochs)
            require(new_names, "control-chain", "CONTROL-5: an epoch is published once")
            for one in what[0]:
                good = seal.epoch_id(one[1]) == one[0]
                require(good, "control-chain", "EPOCH-1: the id is not that of the key")

    def apply(self, entry: Entry) -> None:
        """Takes an act in that has been admitted."""
        body = entry.body
        kind, what = body[2]
        if kind == ENROL:
            signer = entries.signer_id(what[0])
            self.keys[signer] = what[0]
            self.roles[signer] = what[1]
            if 2 in what:
                self.mailboxes[signer] = hashlib.sha256(what[2]).digest()
        elif kind == REVOKE:
            how, value = what[1]
            if how == 0:
                self.retired[what[0]] = value
            else:
                self.compromised[what[0]] = min(value, self.compromised.get(what[0], value))
        elif kind == DELEGATE:
            names = {entries.signer_id(public): public for public in what[1]}
            self.keys.update(names)
            self.delegations.append(Delegation(body[0], what[0], set(names), what[2], what[3]))
        elif kind == UNDELEGATE:
            for one in self.delegations:
                one.ended = one.ended or (one.purpose, one.number) == (what[0], what[1])
        elif kind == RECIPIENTS:
            self.epochs.update({one[0]: one for one in what[0]})
        elif kind == POLICY and 0 in what:
            self.policy = what[0]
        self.number = body[0]
        self.id = entries.control_id(canonical.encode(body))


@dataclass
class Chain:
    """CHAIN-1 to CHAIN-3: one signer's entries."""

    ids: list[bytes] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    stands_for: bytes | None = None
    batch: int | None = None
    streams: int = 0

    @property
    def last(self) -> bytes:
        return self.ids[-1] if self.ids else entries.ZEROS


@dataclass
class Admitted:
    """Where an entry stands; `same` if it stood there already."""

    index: int
    same: bool


class Log:
    """A log of one archive, as a relay keeps it and a vault follows it."""

    def __init__(self, genesis: bytes) -> None:
        self.genesis = genesis
        self.authority = Authority.of(genesis)
        self.leaves: list[bytes] = []
        self.hashes: list[bytes] = []
        self.objects: dict[bytes, int] = {}
        self.chains: dict[bytes, Chain] = {}
        self.admitted_at = 0

    @property
    def root(self) -> bytes:
        return tlog.tree_root(self.hashes)

    def admit(self, data: bytes, admitted_at: int, missing: frozenset[bytes] = frozenset()) -> Admitted:
        """The checks of authority.md in their order; the first that fails names the refusal."""
        entry = entries.read(data)
        rules = self.authority
        require(entry.archive == rules.archive, "foreign-archive", "another archive's id")
        require(entry.signer in rules.keys, "unknown-signer", "not enrolled, no delegation")
        rules.signatures_good(entry)
        chain = self.chains.setdefault(entry.signer, Chain())
        stands = self._in_sequence(entry, chain)
        if stands is not None:
            return Admitted(stands, True)
        rules.not_revoked(entry, admitted_at)
        if not self.leaves:
            self._first(entry)
        else:
            rules.may_sign(entry, admitted_at)
        rules.epochs_fit(entry, admitted_at)
        rules.follows(entry)
        self._continues(entry, chain)
        self._not_forked(entry, admitted_at)
        self._objects_free(entry, missing)
        return Admitted(self._take(entry, chain, admitted_at), False)

    def _first(self, entry: Entry) -> None:
        """GENESIS-2."""
        own = entry.kind == entries.GENESIS and canonical.encode(entry.body) == self.genesis
        good = own and entry.signer == self.authority.root and entry.number == 0 and len(entry.signatures) == 1
        require(good, "not-allowed", "GENESIS-2: the archive's own genesis comes first")

    def _in_sequence(self, entry: Entry, chain: Chain) -> int | None:
        """CHAIN-1 to CHAIN-3; the index at which the entry stands already."""
        number, following = entry.number, len(chain.ids)
        if number < following:
            require(chain.ids[number] == entry.id, "clone", "CHAIN-3: another entry has this number")
            return chain.indexes[number]
        require(number == following, "out-of-sequence", f"CHAIN-1: the next number is {following}")
        good = {chain.last}
        if chain.stands_for is not None and entry.kind != entries.WITHDRAWN:
            good.add(chain.stands_for)
        require(entry.previous in good, "clone", "CHAIN-3: another entry before")
        return None

    def _continues(self, entry: Entry, chain: Chain) -> None:
        """ENTRY-5."""
        if entry.kind != entries.CONTINUATION:
            return
        good = chain.batch is not None and entry.body[0] == chain.batch and entry.body[1] >= chain.streams
        require(good, "malformed", "ENTRY-5: continues no batch of this signer")

    def _not_forked(self, entry: Entry, admitted_at: int) -> None:
        """LEAF-1, LEAF-2."""
        require(admitted_at >= self.admitted_at, "fork", "LEAF-1: admitted_at decreases")
        if entry.seen is None:
            return
        size, root = entry.seen[0], entry.seen[1]
        require(size <= len(self.hashes), "fork", "LEAF-2: has seen a larger log")
        require(tlog.tree_root(self.hashes[:size]) == root, "fork", "LEAF-2: has seen another log")

    def _objects_free(self, entry: Entry, missing: frozenset[bytes]) -> None:
        """ENTRY-5."""
        names = [name for name, _ in entry.objects]
        require(not missing & set(names), "object-missing", "has not been uploaded")
        require(not any(name in self.objects for name in names), "object-taken", "another entry's")

    def _take(self, entry: Entry, chain: Chain, admitted_at: int) -> int:
        index = len(self.leaves)
        leaf = entries.write_leaf(admitted_at, entry.raw)
        self.leaves.append(leaf)
        self.hashes.append(tlog.leaf_hash(leaf))
        self.admitted_at = admitted_at
        self.objects.update({name: index for name, _ in entry.objects})
        chain.ids.append(entry.id)
        chain.indexes.append(index)
        chain.stands_for = entry.body[0] if entry.kind == entries.WITHDRAWN else None
        if entry.kind == entries.BATCH:
            chain.batch, chain.streams = entry.number, len(entry.objects)
        elif entry.kind == entries.CONTINUATION:
            chain.streams += len(entry.objects)
        elif entry.kind != entries.WITHDRAWN:
            chain.batch = None
        if entry.kind == entries.CONTROL:
            self.authority.apply(entry)
        return index
