"""The control chain: what the owner wrote, and over the acts of the majority."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from blake3 import blake3

from . import shape
from .body import Admit, Appoint, Beacon, Cast, ChangeSettings, Control, Create, Cut, Leave, Remove
from .entry import Entry
from .frame import LogKey
from .identity import VOTE, verify
from .shape import U32, Hash

KNOWN = (Create, Admit, Remove, Appoint, ChangeSettings, Beacon)
REMOVE, APPOINT = 3, 4
EPOCHS = 256

Tips = set[tuple[int, bytes]]
"""Entries of a log, by number and id: they count, and what stands before them."""
Cuts = dict[bytes, Tips]
"""By log id."""


@dataclass(frozen=True)
class Ballot:
    room: Hash
    previous: Hash
    epoch: U32
    kind: int
    subject: Hash

    @property
    def id(self) -> bytes:
        return blake3(shape.encode(self)).digest()


@dataclass(frozen=True)
class Step:
    """A link of the chain."""

    id: bytes
    """Its place: an entry's id, or a ballot's."""
    acts: list[Entry]
    """More than one where several carry one ballot; in order of their ids."""
    owner: bytes | None
    """Who writes the next."""

    @property
    def epoch(self) -> int:
        body = self.acts[0].body
        return body.link.epoch if isinstance(body, Control) else 0


@dataclass
class Way:
    """A chain as far as it was followed."""

    steps: list[Step]
    voters: dict[bytes, bytes]
    """Each with what made it one."""

    @property
    def last(self) -> Step:
        return self.steps[-1]


class Chain:
    """What is in force, and what owners wrote beside it."""

    def __init__(self, created: Entry, entries: dict[bytes, Entry], log_adds: dict[LogKey, set[bytes]]) -> None:
        self._room = created.id
        self._entries = entries
        self._log_adds = log_adds
        self.left = self._departures()
        """By author and what was left."""
        self._after: defaultdict[bytes, list[Entry]] = defaultdict(list)
        self._places: defaultdict[bytes, list[Entry]] = defaultdict(list)
        for entry in sorted(entries.values(), key=lambda entry: entry.id):
            if isinstance(entry.body, Control):
                self._after[entry.body.link.previous].append(entry)
                self._places[self.place(entry)].append(entry)
        self._signed = {entry.id: self._signers(entry) for entry in entries.values() if isinstance(entry.body, Control)}
        author = created.header.author
        begin = Way([Step(created.id, [created], author)], {author: created.id})
        self._ousted: set[tuple[bytes, bytes, int]] = set()
        """Whom any way removed, by which place, in which epoch."""
        self._readmitted: defaultdict[tuple[bytes, bytes], set[bytes]] = defaultdict(set)
        """By what voters were removed before they became that."""
        while (found := {removal for way in self._ways(begin) for removal in _removed(way)}) != self._ousted:
            self._ousted = found
            for way in self._ways(begin):
                self._note_readmitted(way)
        way = self._follow(begin)
        self.steps = way.steps
        self.owner = way.last.owner
        self.positions = {step.id: position for position, step in enumerate(way.steps)}
        self.voters = {voter: since for voter, since in way.voters.items() if (voter, since) not in self.left}
        """Each with what made it one."""
        self.outranked = self._beside()
        """What owners wrote beside the chain, each with the position behind which it stands."""
        self._ousting = {
            act.id: act for way in self._ways(begin) for step in way.steps for act in step.acts if _removes(step)
        }
        self.stands_on = self._stands_on(begin)
        """What counts in any case: one entry of each step, and what an act of the majority needs besides votes."""

    def place(self, entry: Entry) -> bytes:
        ballot = self.ballot(entry)
        return ballot.id if ballot else entry.id

    def ballot(self, entry: Entry) -> Ballot | None:
        """What an act of the majority, or a vote for one, is about."""
        body = entry.body
        if isinstance(body, Cast):
            return Ballot(self._room, body.previous, body.epoch, body.kind, body.subject)
        if isinstance(body, (Remove, Appoint)) and body.link.votes:
            return Ballot(self._room, body.link.previous, body.link.epoch, entry.header.kind, body.key)
        return None

    def cuts(self, step: Step) -> Cuts:
        """Of a removal."""
        return cuts_of([cut for act in self.taken(step) for cut in act.body.cuts])

    def taken(self, step: Step) -> list[Entry]:
        """Of its entries those that everybody takes, if there are any, else all."""
        of_others = [act for act in step.acts if act.header.author != _removes(step)]
        return [act for act in of_others if self._left(step, act)] or step.acts

    def _left(self, step: Step, act: Entry) -> bool:
        """Whether the next removal of its author leaves an act."""
        for later in self.steps[self.positions[step.id] + 1 :]:
            if _removes(later) == act.header.author:
                return self.within(self.cuts(later), act)
        return True

    def position(self, place: bytes) -> int:
        """That of a place, or of the nearest before it that is in force."""
        while place not in self.positions:
            if place not in self._places:
                return 0
            place = self._places[place][0].body.link.previous
        return self.positions[place]

    def _departures(self) -> dict[tuple[bytes, bytes], Cuts]:
        left: dict[tuple[bytes, bytes], Cuts] = {}
        for entry in sorted(self._entries.values(), key=lambda entry: entry.id):
            if isinstance(entry.body, Leave):
                own = Cut(entry.header.log, entry.header.seq, entry.id)
                for add in {*entry.body.adds, *self._log_adds[entry.log]}:
                    place = (entry.header.author, add)
                    left[place] = lower(left.get(place, {}), cuts_of([*entry.body.cuts, own]))
        return left

    def _is_behind_leaving(self, entry: Entry) -> bool:
        """Whether its author left before, in the same log."""
        before = self._entries.get(entry.header.previous or b"")
        while before is not None and not isinstance(before.body, Leave):
            before = self._entries.get(before.header.previous or b"")
        return before is not None

    def within(self, cuts: Cuts | None, entry: Entry) -> bool:
        return cuts is None or stands_before(self._entries, entry, cuts.get(entry.header.log, set()))

    def _signers(self, entry: Entry) -> set[bytes]:
        ballot = self.ballot(entry)
        if ballot is None:
            return set()
        data = shape.encode(ballot)
        return {vote.voter for vote in entry.body.link.votes if verify(vote.voter, VOTE, data, vote.signature)}

    def _majority(self, entry: Entry, voters: dict[bytes, bytes], epoch: int) -> bool:
        signed = self._signed[entry.id]
        silent = [
            voter
            for voter, since in voters.items()
            if voter not in signed and not self._is_ousted(voter, since, epoch) and (voter, since) not in self.left
        ]
        return len(signed & voters.keys()) > len(silent)

    def _is_ousted(self, voter: bytes, since: bytes, epoch: int) -> bool:
        before = self._readmitted.get((voter, since), set())
        return any(
            key == voter and removed_in >= epoch and place not in before for key, place, removed_in in self._ousted
        )

    def _note_readmitted(self, way: Way) -> None:
        removed: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for step in way.steps:
            body = step.acts[0].body
            if isinstance(body, Remove):
                removed[body.key].add(step.id)
            elif isinstance(body, (Admit, Appoint)):
                self._readmitted[body.key, step.id] |= removed[body.key]

    def _next(self, way: Way) -> tuple[list[Entry], dict[bytes, list[Entry]]]:
        """What the owner wrote next, and acts of the majority by their ballots."""
        own, acts = [], defaultdict(list)
        for entry in self._after[way.last.id]:
            link, author = entry.body.link, entry.header.author
            if author == way.last.owner and link.epoch == way.last.epoch and not link.votes:
                if not self._is_behind_leaving(entry):
                    own.append(entry)
            elif way.last.epoch + 1 == link.epoch <= EPOCHS and self._majority(entry, way.voters, way.last.epoch):
                acts[self.place(entry)].append(entry)
        if len(own) < 2:
            others = way.voters.keys() - {way.last.owner}
            signed = {place: [act for act in each if self._signed[act.id] & others] for place, each in acts.items()}
            acts = {place: each for place, each in signed.items() if each}
        return own, acts

    def _step(self, way: Way, place: bytes, acts: list[Entry]) -> Way:
        body, voters, owner = acts[0].body, dict(way.voters), way.last.owner
        if isinstance(body, Admit):
            voters[body.key] = place
        elif isinstance(body, Remove):
            voters.pop(body.key, None)
            owner = None if body.key == owner else owner
        elif isinstance(body, Appoint):
            owner = body.key
            if (owner, voters.get(owner, place)) in self.left:
                voters[owner] = place
            voters.setdefault(owner, place)
        return Way([*way.steps, Step(place, acts, owner)], voters)

    def _ways(self, begin: Way) -> Iterator[Way]:
        """All there are, each at its end."""
        waiting = [begin]
        while waiting:
            way = waiting.pop()
            own, acts = self._next(way)
            further = [(entry.id, [entry]) for entry in own if isinstance(entry.body, KNOWN)]
            steps = [self._step(way, place, entries) for place, entries in [*further, *acts.items()]]
            waiting += steps
            if not steps:
                yield way

    def _follow(self, way: Way) -> Way:
        """The way of the highest epoch; of two of the same, the one whose first act has the smaller ballot."""
        found: list[tuple[int, bytes, Way]] = []
        while True:
            own, acts = self._next(way)
            for ballot, entries in acts.items():
                end = self._follow(self._step(way, ballot, entries))
                found.append((-end.last.epoch, ballot, end))
            if len(own) != 1 or not isinstance(own[0].body, KNOWN):
                break
            way = self._step(way, own[0].id, own)
        return min(found, key=lambda each: each[:2])[2] if found else way

    def _beside(self) -> dict[bytes, int]:
        outranked = {}
        for entry in self._entries.values():
            if isinstance(entry.body, Control) and not entry.body.link.votes and entry.id not in self.positions:
                place, appointed, known = entry.body.link.previous, False, True
                while known and place not in self.positions:
                    known = place in self._places and isinstance(self._places[place][0].body, KNOWN)
                    if known:
                        body = self._places[place][0].body
                        appointed |= isinstance(body, Appoint) and body.key == entry.header.author
                        place = body.link.previous
                if known and (appointed or self.steps[self.positions[place]].owner == entry.header.author):
                    outranked[entry.id] = self.positions[place]
        return outranked

    def _stands_on(self, begin: Way) -> list[Entry]:
        removed = {_removes(step) for step in self.steps}
        taken = [self.taken(step) for step in self.steps]
        found = [next((act for act in acts if act.header.author not in removed), acts[0]) for acts in taken]
        way = begin
        for step in self.steps[1:]:
            if self.ballot(step.acts[0]):
                found += self._grounds(step, way.voters, removed)
            way = self._step(way, step.id, step.acts)
        return found

    def _grounds(self, step: Step, voters: dict[bytes, bytes], removed: set[bytes | None]) -> list[Entry]:
        """What an act of the majority needs besides votes: words of leaving, and removals by owners."""
        signed = max((self._signed[act.id] & voters.keys() for act in step.acts), key=len)
        silent, grounds = voters.keys() - signed, []
        for turn in range(3):
            if len(signed) > len(silent):
                break
            for voter in sorted(silent):
                since = voters[voter]
                found = self._ousters(voter, since, step.epoch - 1) if turn == 1 else self._leavings(voter, since)
                if found and not (turn == 0 and voter in removed):
                    grounds += found
                    silent = silent - {voter}
        return grounds

    def _leavings(self, voter: bytes, since: bytes) -> list[Entry]:
        return [
            entry
            for entry in self._entries.values()
            if isinstance(entry.body, Leave)
            and entry.header.author == voter
            and since in {*entry.body.adds, *self._log_adds[entry.log]}
        ]

    def _ousters(self, voter: bytes, since: bytes, epoch: int) -> list[Entry]:
        removals = [act for act in self._ousting.values() if act.body.key == voter and not act.body.link.votes]
        return [removal for removal in removals if self._ousts(removal, since, epoch)]

    def _ousts(self, removal: Entry, since: bytes, epoch: int) -> bool:
        link, key = removal.body.link, removal.body.key
        return link.epoch >= epoch and removal.id not in self._readmitted.get((key, since), set())


def _removes(step: Step) -> bytes | None:
    """Whom it removes."""
    body = step.acts[0].body
    return body.key if isinstance(body, Remove) else None


def _removed(way: Way) -> set[tuple[bytes, bytes, int]]:
    return {(key, step.id, step.epoch) for step in way.steps if (key := _removes(step))}


def cuts_of(cuts: list[Cut]) -> Cuts:
    found: Cuts = {}
    for cut in cuts:
        found.setdefault(cut.log, set()).add((cut.seq, cut.entry))
    return found


def lower(first: Cuts, second: Cuts) -> Cuts:
    """For each log those of the two that name the lower number."""
    return {
        log: min((cuts[log] for cuts in (first, second) if log in cuts), key=lambda tips: max(tips)[0])
        for log in first | second
    }


def stands_before(held: dict[bytes, Entry], entry: Entry, tips: Tips) -> bool:
    """Whether an entry is one of these, or stands before one that is held."""
    for seq, last in tips:
        at = held.get(last)
        if at is not None and (at.log, at.header.seq) == (entry.log, seq):
            while at is not None and at.header.seq > entry.header.seq:
                at = held.get(at.header.previous or b"")
            if at is not None and at.id == entry.id:
                return True
    return False
