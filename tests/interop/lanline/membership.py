"""Who belongs to a room, by the set of its membership entries. Acts of the majority are not followed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .body import (
    Add, Admit, Appoint, Beacon, ChangeSettings, Control, ControlLink, Create, Cut, Invite, Leave, MayAdd, Remove,
    Settings,
)  # fmt: skip
from .entry import Entry

KNOWN = (Create, Admit, Remove, Appoint, ChangeSettings, Beacon)

Cuts = dict[bytes, tuple[int, bytes]]
"""By log id, the last entry that counts."""


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
        self._log_adds = {
            entry.log: entry.header.add or entry.id for entry in self._entries.values() if entry.header.seq == 1
        }
        self.owner: bytes | None = None
        self.chain: list[Entry] = []
        self._settings: list[Settings] = []
        """Those in force, by position in the chain."""
        self._adds: dict[bytes, Held] = {}
        self._left: dict[tuple[bytes, bytes], Cuts] = {}
        """By author and add."""
        created = next((entry for entry in self._entries.values() if isinstance(entry.body, Create)), None)
        if created:
            self._find_leavings()
            self._follow_chain(created)
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

    def counts(self, entry: Entry, add: bytes) -> bool:
        """Whether its log, which is written under `add`, counts up to this entry."""
        if any(entry.log == link.log and entry.header.seq <= link.header.seq for link in self.chain):
            return True
        held = self._adds.get(add)
        return held is not None and held.key == entry.header.author and _within(held.ended, entry)

    def goes_on(self, add: bytes) -> bool:
        """Whether logs under this add may still be written."""
        held = self._adds.get(add)
        return held is not None and held.ended is None

    def was_member(self, key: bytes) -> bool:
        return any(held.key == key for held in self._adds.values())

    def adds_of(self, key: bytes) -> list[bytes]:
        """Those that have not ended."""
        return [held.id for held in self._adds.values() if held.key == key and held.ended is None]

    def _find_leavings(self) -> None:
        for entry in self._entries.values():
            if isinstance(entry.body, Leave):
                own = Cut(entry.header.log, entry.header.seq, entry.id)
                for add in {*entry.body.adds, self._log_adds[entry.log]}:
                    place = (entry.header.author, add)
                    self._left[place] = _lower(self._left.get(place, {}), _cuts([*entry.body.cuts, own]))

    def _follow_chain(self, created: Entry) -> None:
        self.owner = created.header.author
        following = [created]
        while len(following) == 1 and isinstance(following[0].body, KNOWN):
            link = following[0]
            body = link.body
            self.chain.append(link)
            self._settings.append(body.settings if isinstance(body, (Create, ChangeSettings)) else self._settings[-1])
            if isinstance(body, Remove) and body.key == self.owner:
                self.owner = None
            elif isinstance(body, Appoint):
                self.owner = body.key
            following = [
                entry
                for entry in self._entries.values()
                if isinstance(entry.body, Control)
                and entry.body.link == ControlLink(link.id, 0, [])
                and entry.header.author == self.owner
                and _within(self._left.get((self.owner, self._log_adds[entry.log])), entry)
            ]

    def _find_adds(self, created: Entry) -> None:
        self._hold(created, created.header.author, "", 0, True)
        waiting = [entry for entry in self.chain if isinstance(entry.body, Admit)]
        waiting += [entry for entry in self._entries.values() if isinstance(entry.body, (Add, Invite))]
        waiting.sort(key=lambda entry: (entry.header.timestamp, entry.id))
        invites: dict[bytes, Invite] = {}
        users: defaultdict[bytes, set[bytes]] = defaultdict(set)
        before = None
        while len(waiting) != before:
            before = len(waiting)
            for entry in list(waiting):
                body = entry.body
                if not isinstance(body, Admit) and not self.counts(entry, self._log_adds[entry.log]):
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

    def _add(self, entry: Entry) -> None:
        body = entry.body
        position = self._position(entry.id if isinstance(body, Admit) else body.control)
        confirmed = isinstance(body, Admit) or self._settings[position].may_add == MayAdd.MEMBERS
        self._hold(entry, body.key, body.name, position, confirmed)

    def _hold(self, entry: Entry, key: bytes, name: str, position: int, confirmed: bool) -> None:
        ended = self._left.get((key, entry.id))
        for link in self.chain[position + 1 :]:
            if isinstance(link.body, Remove) and link.body.key == key:
                ended = _lower(ended or {}, _cuts(link.body.cuts))
                break
        self._adds[entry.id] = Held(entry.id, key, name, position, entry.header.timestamp, confirmed, ended)

    def _position(self, control: bytes) -> int:
        """That of a control entry, or of the nearest before it that is in force."""
        places = {link.id: position for position, link in enumerate(self.chain)}
        while control not in places:
            entry = self._entries.get(control)
            if entry is None or not isinstance(entry.body, Control):
                return 0
            control = entry.body.link.previous
        return places[control]


def _cuts(cuts: list[Cut]) -> Cuts:
    return {cut.log: (cut.seq, cut.entry) for cut in cuts}


def _lower(first: Cuts, second: Cuts) -> Cuts:
    """For each log the lower number of the two."""
    return {log: min(cuts[log] for cuts in (first, second) if log in cuts) for log in first | second}


def _within(cuts: Cuts | None, entry: Entry) -> bool:
    if cuts is None:
        return True
    seq, last = cuts.get(entry.header.log, (0, b""))
    return entry.header.seq < seq or (entry.header.seq, entry.id) == (seq, last)
