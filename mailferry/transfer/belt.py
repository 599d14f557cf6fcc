"""The belt between the source and the connections that append: bounded, and held back until it is written down.

Three kinds of threads meet here. The *reader* puts messages on the belt, *lanes* take them off and tell what became of
them, and the *writer* checkpoints: no message leaves the belt before the writer has opened its window, which it does
when the window stands in the folder's row. All the waiting of the copy loop is in this module.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailferry.imap.values import Message, MessageSize
from mailferry.state.ledger import MOST_ITEMS
from mailferry.state.uids import UidRange, UidRanges
from mailferry.transfer.outcome import End, Outcome
from mailferry.transfer.windows import Cut

#: Windows that are open at once: one being finished, one being sent, one to be sent next.
OPEN_MOST = 3
#: Outcomes that are written down together; their pairs of UIDs must fit one column.
OUTCOMES_MOST = 1_000
#: Bytes of messages that a lane takes at once.
TOGETHER_MOST = 1 << 20
#: By how much less a message in a temporary file weighs than one in memory.
SPOOLED_LESS = 8


@dataclass(slots=True, eq=False)
class Passage:
    """A window on its way: announced, open, settled, and gone when all its outcomes are collected.

    `pending` holds UIDs without a collected outcome, `unsettled` those without any; `has_come` says whether any of its
    messages was laid on the belt; `floor` is a lower bound of the UIDs that its messages get at the target.
    """

    covers: UidRange
    pending: set[int]
    unsettled: set[int]
    has_come: bool = False
    is_open: bool = False
    floor: int = 0


@dataclass(slots=True, eq=False)
class Parcel:
    """One message on the belt."""

    passage: Passage
    message: Message

    @property
    def weight(self) -> int:
        """Bytes of memory it stands for, with a share of those on disk."""
        body = self.message.body
        return body.held or len(body) // SPOOLED_LESS


@dataclass(frozen=True, slots=True)
class Collected:
    """What the writer writes down: outcomes, the UIDs that need no more work, and those in doubt from now on.

    `floor` bounds the target UIDs of what is in doubt from below; `taken` are those above it that belong to others.
    `told` is what was known of those in doubt before they were read; those in `changed` are offered in another form.
    `more`: there are more outcomes than were taken.
    """

    outcomes: Sequence[Outcome]
    done: UidRanges
    in_doubt: UidRanges
    floor: int
    taken: UidRanges
    changed: UidRanges
    told: Sequence[MessageSize]
    more: bool


class Belt:
    """For one folder. `room`: bytes that may be read and not settled; `lanes`: how many there are.

    `floor` is the target's UIDNEXT before anything is sent. Unless `tells_uids` (the target says which UIDs messages
    get), what is settled can't be told from what is in doubt: then one window is opened at a time.
    """

    def __init__(self, room: int, lanes: int, floor: int, *, tells_uids: bool) -> None:
        lock = threading.Lock()
        self._space, self._ready, self._news = (threading.Condition(lock) for _ in range(3))
        self._room = room
        self._lanes = lanes
        self._reading = True
        self._stopped = False
        self._broken = False
        self._held = 0
        self._away = 0
        self._settled = 0
        self._passages: deque[Passage] = deque()
        self._parcels: deque[Parcel] = deque()
        self._outcomes: deque[tuple[Passage, Outcome]] = deque()
        self._taken: list[int] = []
        self._in_flight: set[int] = set()
        self._left: set[int] = set()
        self._changed: set[int] = set()
        self._unwritten: set[int] = set()
        self._told: dict[int, MessageSize] = {}
        self.tells_uids = tells_uids
        #: Above every target UID heard of so far.
        self.floor = floor
        #: Seconds that a lane wants the lease to last.
        self.need = 0.0
        #: What ended the copying before its end.
        self.error: BaseException | None = None

    # The reader's side

    def announce(self, cut: Cut) -> Passage:
        """A window whose messages will come."""
        told = {message.uid: message for message in cut.messages}
        passage = Passage(cut.covers, set(told), set(told))
        with self._news:
            self._passages.append(passage)
            self._told |= told
            self._news.notify()
        return passage

    def put(self, passage: Passage, message: Message) -> bool:
        """Lay a message on the belt, waiting for room; False when nobody wants any more."""
        parcel = Parcel(passage, message)
        with self._space:
            while self._held and self._held + parcel.weight > self._room and not self._over_for_reader():
                self._space.wait()
            if self._over_for_reader():
                return False
            self._held += parcel.weight
            self._parcels.append(parcel)
            passage.has_come = True
            self._ready.notify()
            if not passage.is_open:
                self._news.notify()
        return True

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; what is on the belt still goes over. An error matters while somebody wants more."""
        with self._news:
            self._reading = False
            if not self._over_for_reader():
                self.error = self.error or error
            self._ready.notify_all()
            self._news.notify()

    # The lanes' side

    def take(self, most: int, *, wait: bool) -> list[Parcel]:
        """The next messages of one window, at most `most`; none when there are none now, or without `wait` none yet."""
        with self._ready:
            while not self._over_for_lanes():
                if self._parcels and self._parcels[0].passage.is_open:
                    return self._taken_off(most)
                if not wait or (not self._reading and not self._parcels):
                    break
                self._ready.wait()
            return []

    def deliver(self, parcel: Parcel, outcome: Outcome) -> None:
        """What became of a message that was taken."""
        with self._news:
            self._release(parcel)
            self._settle(parcel.passage, outcome)

    def hold(self, parcel: Parcel) -> None:
        """A message that was taken is certainly not in the target, but not settled either: nothing waits for it.

        Unless it is put back, it stays to be done.
        """
        with self._news:
            self._release(parcel)
            self._left.add(parcel.message.uid)
            self._changed.discard(parcel.message.uid)
            parcel.passage.pending.discard(parcel.message.uid)
            parcel.passage.unsettled.discard(parcel.message.uid)
            self._news.notify()

    def put_back(self, parcel: Parcel) -> None:
        """A message that was held is to be offered once more: in a window of its own, as if it came now."""
        uid = parcel.message.uid
        parcel.passage = Passage(UidRange(uid, uid), {uid}, {uid}, has_come=True)
        with self._news:
            self._held += parcel.weight
            self._passages.append(parcel.passage)
            self._parcels.append(parcel)
            self._news.notify()

    def settle(self, passage: Passage, outcome: Outcome) -> None:
        """What became of a message that is not on the belt."""
        with self._news:
            self._settle(passage, outcome)

    def declare(self, uid: int) -> bool:
        """Wait until it is written down that this message is offered in another form; False at the end of it all."""
        with self._ready:
            if uid not in self._changed:
                self._changed.add(uid)
                self._unwritten.add(uid)
                self._news.notify()
            while uid in self._unwritten and not self._broken:
                self._ready.wait()
            return not self._broken

    def secure(self, seconds: float, remaining: Callable[[], float]) -> float:
        """Wait until the lease lasts so long; returns how long it does, 0 when the copying has come to an end."""
        with self._ready:
            while (left := remaining()) < seconds and not self._broken:
                self.need = max(self.need, seconds)
                self._news.notify()
                self._ready.wait()
            return 0.0 if self._broken else left

    def leave(self, error: BaseException | None = None, in_flight: Iterable[int] = ()) -> None:
        """A lane ends; after an error with the source UIDs of what was on its way."""
        with self._news:
            self._lanes -= 1
            self._broken = self._broken or error is not None
            self.error = self.error or error
            self._in_flight.update(in_flight)
            for condition in (self._space, self._ready, self._news):
                condition.notify_all()

    # The writer's side

    @property
    def in_flight(self) -> UidRanges:
        """The source UIDs of what was on its way when a lane broke."""
        return UidRanges.of(self._in_flight)

    @property
    def left(self) -> UidRanges:
        """The source UIDs of what was held and is not settled."""
        return UidRanges.of(self._left)

    @property
    def reading(self) -> bool:
        """Whether the reader is still at it."""
        return self._reading

    @property
    def over(self) -> bool:
        """Whether all lanes have ended."""
        return not self._lanes

    def wait(self, seconds: float) -> None:
        """Until there is something to write down, to renew or to end; at most so long."""
        with self._news:
            if not (self.over or self.need or self._pressing() or self._next()):
                self._news.wait(seconds)

    def pressing(self) -> bool:
        """Whether there is something to write down without a window to open: a lane waits for it, or it is much."""
        with self._news:
            return self._pressing()

    def next_window(self) -> Passage | None:
        """The window to open next, if it is time for one."""
        with self._news:
            return self._next()

    def collect(self, opening: Passage | None = None) -> Collected:
        """Take what is to be written down, with `opening` about to be opened. Empty while nothing can be certain."""
        with self._news:
            if opening:
                opening.floor = self.floor
            blurred = self._blurred()
            outcomes = self._collected(blurred)
            finished = self._finished()
            doubtful = [passage for passage in self._passages if passage.is_open or passage is opening]
            pending = {uid for passage in doubtful for uid in passage.pending}
            in_doubt = pending if self._lanes or blurred else self._in_flight  # what was not in flight was not sent
            floor = min((passage.floor for passage in doubtful), default=self.floor)
            self._taken = [uid for uid in self._taken if uid >= floor]
            singles = (UidRange(outcome.uid, outcome.uid) for outcome in outcomes)
            return Collected(
                outcomes,
                done=UidRanges.merged([*finished, *singles]).without(self.left),
                in_doubt=UidRanges.of(in_doubt),
                floor=floor,
                taken=UidRanges.of(self._taken),
                changed=UidRanges.of(self._changed & in_doubt),
                told=[self._told[uid] for uid in in_doubt],
                more=bool(outcomes and self._outcomes) and not blurred,
            )

    def written(self, found: Collected, opened: Passage | None = None) -> None:
        """What was collected is written down, and `opened` with it: its messages may go."""
        with self._ready:
            if opened:
                opened.is_open = True
            self._unwritten.difference_update(found.changed.uids())
            self._ready.notify_all()

    def renewed(self) -> None:
        """The lease lasts longer now."""
        with self._ready:
            self.need = 0.0
            self._ready.notify_all()

    def stop(self) -> None:
        """Time is up: whatever was not sent yet stays, once anything at all is settled."""
        with self._ready:
            self._stopped = True
            self._space.notify_all()
            self._ready.notify_all()

    def abort(self, error: BaseException) -> None:
        """Nothing may be sent any more."""
        with self._ready:
            self._broken = True
            self.error = self.error or error
            for condition in (self._space, self._ready, self._news):
                condition.notify_all()

    # Under the lock

    def _release(self, parcel: Parcel) -> None:
        self._held -= parcel.weight
        self._away -= 1
        self._space.notify()

    def _settle(self, passage: Passage, outcome: Outcome) -> None:
        self._settled += 1
        passage.unsettled.discard(outcome.uid)
        self._outcomes.append((passage, outcome))
        if outcome.end is End.COPIED:
            self.tells_uids = self.tells_uids and bool(outcome.target)
            self.floor = max(self.floor, outcome.target + 1)
        if not passage.unsettled or len(self._outcomes) >= OUTCOMES_MOST:
            self._news.notify()

    def _over_for_reader(self) -> bool:
        return self._broken or not self._lanes or (self._stopped and bool(self._parcels or self._settled))

    def _over_for_lanes(self) -> bool:
        return self._broken or (self._stopped and self._settled > 0)

    def _blurred(self) -> bool:
        """Whether what is settled can't be told from what is not, because the target tells no UIDs."""
        return not self.tells_uids and bool(any(self._unsettled()) if self._lanes else self._in_flight)

    def _pressing(self) -> bool:
        return bool(self._unwritten) or (len(self._outcomes) >= OUTCOMES_MOST and not self._blurred())

    def _taken_off(self, most: int) -> list[Parcel]:
        taken = [self._parcels.popleft()]
        size = taken[0].weight
        while len(taken) < most and self._parcels and self._parcels[0].passage is taken[0].passage:
            size += self._parcels[0].weight
            if size > TOGETHER_MOST:
                break
            taken.append(self._parcels.popleft())
        self._away += len(taken)
        return taken

    def _unsettled(self) -> Iterable[set[int]]:
        return (passage.unsettled for passage in self._passages if passage.is_open)

    def _next(self) -> Passage | None:
        if self._over_for_lanes():
            return None
        sending = sum(map(bool, self._unsettled()))
        most = OPEN_MOST if self.tells_uids else 1
        head = self._parcels[0].passage if self._parcels else None
        if head and not head.is_open and (sending < most or not self._away):
            return head  # even beyond the limit, when another window's messages come before those of the open ones
        closed = (p for p in self._passages if not p.is_open and p.unsettled and (p.has_come or self._reading))
        return next(closed, None) if sending < most else None

    def _collected(self, blurred: bool) -> list[Outcome]:
        """Outcomes that can be written down; while all is blurred only those that leave nothing in the target."""
        found: list[Outcome] = []
        later: list[tuple[Passage, Outcome]] = []
        items = 0
        while self._outcomes and len(found) < OUTCOMES_MOST and items < MOST_ITEMS:
            passage, outcome = self._outcomes.popleft()
            if blurred and outcome.end is End.COPIED:
                later.append((passage, outcome))
                continue
            passage.pending.discard(outcome.uid)
            self._told.pop(outcome.uid, None)
            self._left.discard(outcome.uid)
            found.append(outcome)
            items += outcome.item is not None
            if outcome.end is End.COPIED:
                self._taken.append(outcome.target)
        self._outcomes.extendleft(reversed(later))
        return found

    def _finished(self) -> list[UidRange]:
        """The ranges of windows about which everything is known; they leave the belt."""
        finished = [passage.covers for passage in self._passages if not passage.pending]
        self._passages = deque(passage for passage in self._passages if passage.pending)
        return finished
