"""Who belongs to a room, by the set of its membership entries."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .body import Add, Admit, Beacon, Cast, ChangeSettings, Create, Invite, MayAdd, Remove, Settings
from .chain import APPOINT, REMOVE, Ballot, Chain, Cuts, Step, Tips, lower, stands_before
from .entry import Entry
from .frame import LogKey
from .identity import VOTE, verify
from .shape import encode


@dataclass(frozen=True)
class Member:
    add: bytes
    """The entry to write under."""
    name: str
    pending: bool


@dataclass
class Held:
    """An add that holds, or once held."""

    id: bytes
    key: bytes
    name: str
    position: int
    timestamp: int
    confirmed: bool
    ended: Cuts | None


class Membership:
    """The members of a room."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = {entry.id: entry for entry in entries}
        self._log_adds: dict[LogKey, set[bytes]] = {}
        for entry in self._entries.values():
            if entry.header.seq == 1:
                self._log_adds.setdefault(entry.log, set()).add(entry.header.add or entry.id)
        self.owner: bytes | None = None
        self.chain: list[Step] = []
        self._settings: list[Settings] = []
        """Those in force, by position in the chain."""
        self._adds: dict[bytes, Held] = {}
        created = next((entry for entry in self._entries.values() if isinstance(entry.body, Create)), None)
        if created:
            self._control = Chain(created, self._entries, self._log_adds)
            self.owner, self.chain = self._control.owner, self._control.steps
            for step in self.chain:
                body = step.acts[0].body
                new = isinstance(body, (Create, ChangeSettings))
                self._settings.append(body.settings if new else self._settings[-1])
            self._find_adds(created)
        self.members: dict[bytes, Member] = {}
        for held in sorted(self._adds.values(), key=lambda held: (held.position, held.timestamp)):
            if held.ended is None:
                before = self.members.get(held.key)
                pending = not held.confirmed and (before is None or before.pending)
                self.members[held.key] = Member(held.id, held.name, pending)

    @property
    def room_name(self) -> str:
        return self._settings[-1].name

    def counts(self, entry: Entry, adds: set[bytes]) -> bool:
        """Whether its log, which is written under these adds, counts up to this entry of lane 0."""
        tips = self.tips(entry.log, adds)
        return tips is None or stands_before(self._entries, entry, tips)

    def tips(self, log: LogKey, adds: set[bytes]) -> Tips | None:
        """Up to where a log that is written under these adds counts; None: all of it."""
        in_chain = {(act.header.seq, act.id) for act in self._control.stands_on if act.log == log}
        for add in sorted(adds):
            held = self._adds.get(add)
            if held is not None and held.key == log.author:
                if held.ended is None:
                    return None
                if tips := held.ended.get(log.log, set()) | in_chain:
                    return tips
        return set()

    def goes_on(self, log: LogKey, adds: set[bytes]) -> bool:
        """Whether a log under these adds may still be written."""
        return self.tips(log, adds) is None

    def was_member(self, key: bytes) -> bool:
        return any(held.key == key for held in self._adds.values())

    def kept_from(self, key: bytes) -> set[bytes]:
        """If it was removed and is no member: the beacons behind that, and what is behind them in their logs."""
        bodies = [step.acts[0].body for step in self.chain]
        removals = [at for at, body in enumerate(bodies) if isinstance(body, Remove) and body.key == key]
        if key in self.members or not removals:
            return set()
        kept = {step.id for step in self.chain[removals[-1] :] if isinstance(step.acts[0].body, Beacon)}
        for entry in sorted(self._entries.values(), key=lambda entry: entry.header.seq):
            if entry.header.previous in kept:
                kept.add(entry.id)
        return kept

    def adds_of(self, key: bytes) -> list[bytes]:
        """Those that have not ended."""
        return [held.id for held in self._adds.values() if held.key == key and held.ended is None]

    def reasons(self, key: bytes) -> list[bytes]:
        """What makes it a member and a voter, all of which ends where it leaves."""
        return list({*self.adds_of(key), *([self._control.voters[key]] if self.may_vote(key) else [])})

    def may_vote(self, key: bytes) -> bool:
        return key in self.members and key in self._control.voters

    def votes(self, ballot: Ballot) -> set[bytes]:
        """Who wants this, and may."""
        return {
            entry.header.author
            for entry in self._entries.values()
            if isinstance(entry.body, Cast)
            and self._control.ballot(entry) == ballot
            and self.may_vote(entry.header.author)
            and self.counts(entry, self._log_adds[entry.log])
            and verify(entry.header.author, VOTE, encode(ballot), entry.body.signature)
        }

    def ballot(self, subject: bytes, remove: bool) -> Ballot:
        """A new one, on the end of the chain."""
        last = self.chain[-1]
        return Ballot(self.chain[0].id, last.id, last.epoch + 1, REMOVE if remove else APPOINT, subject)

    def _find_adds(self, created: Entry) -> None:
        self._hold(created, created.header.author, "", 0, True)
        waiting = [entry for entry in self._entries.values() if isinstance(entry.body, (Add, Invite))]
        places = self._control.positions.keys() | self._control.outranked.keys()
        waiting += [self._entries[each] for each in places if each in self._entries]
        waiting = [entry for entry in waiting if isinstance(entry.body, (Add, Admit, Invite))]
        waiting.sort(key=lambda entry: (entry.header.timestamp, entry.id))
        invites: dict[bytes, Invite] = {}
        users: defaultdict[bytes, set[bytes]] = defaultdict(set)
        before = None
        while len(waiting) != before:
            before = len(waiting)
            for entry in list(waiting):
                body = entry.body
                if not self._confirms(entry) and not self.counts(entry, self._log_adds[entry.log]):
                    continue
                if isinstance(body, Invite):
                    invites[entry.id] = body
                elif body.invite is not None:
                    if (invite := invites.get(body.invite)) is None:
                        continue
                    used = len(users[body.invite] - {body.key}) >= invite.uses
                    if not used and entry.header.timestamp // 1000 <= invite.end:
                        users[body.invite].add(body.key)
                        self._add(entry)
                else:
                    self._add(entry)
                waiting.remove(entry)

    def _confirms(self, entry: Entry) -> bool:
        """Whether it is an `admit` that is not outranked."""
        return isinstance(entry.body, Admit) and entry.id in self._control.positions

    def _add(self, entry: Entry) -> None:
        body = entry.body
        if isinstance(body, Admit):
            position = {**self._control.outranked, **self._control.positions}[entry.id]
        else:
            position = self._control.position(body.control)
        confirmed = self._confirms(entry) or self._settings[position].may_add == MayAdd.MEMBERS
        self._hold(entry, body.key, body.name, position, confirmed)

    def _hold(self, entry: Entry, key: bytes, name: str, position: int, confirmed: bool) -> None:
        ended = self._control.left.get((key, entry.id))
        for step in self.chain[position + 1 :]:
            if isinstance(step.acts[0].body, Remove) and step.acts[0].body.key == key:
                cuts = self._control.cuts(step)
                left = cuts if ended is None else ended
                ended = {log: tips for log, tips in lower(cuts, left).items() if log in cuts and log in left}
                break
        self._adds[entry.id] = Held(entry.id, key, name, position, entry.header.timestamp, confirmed, ended)
