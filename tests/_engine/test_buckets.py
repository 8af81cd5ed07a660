"""The due queue against a plain list."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from apscheduler._engine.buckets import SHIFT, DueQueue
from apscheduler._engine.instants import NEVER

WIDTH = 1 << SHIFT
INSTANTS = st.one_of(
    st.integers(0, 6 * WIDTH),
    st.integers(0, 6).map(lambda bucket: bucket * WIDTH),
    st.integers(0, 40),
    st.integers(900 * WIDTH, 905 * WIDTH),
)


class Item:
    def __init__(self, name, due):
        self.name = name
        self.due = due
        self.moved = False  # then an older entry may bring it out of order, once it is due

    def __repr__(self):
        return f"{self.name}@{self.due}"


def queue_of(*dues):
    queue = DueQueue(lambda item: item.due)
    items = [Item(str(number), due) for number, due in enumerate(dues)]
    for item in items:
        queue.push(item, item.due)
    return queue, items


class QueueAgainstList(RuleBasedStateMachine):
    """Pushes, moves, removals and takes in any order; the list knows what is really due."""

    def __init__(self):
        super().__init__()
        self.queue = DueQueue(lambda item: item.due)
        self.items = []

    def live(self, now=NEVER - 1):
        return sorted(item.due for item in self.items if item.due <= now)

    def taken_from(self, taken, now):
        """Move what is due out of the list; return all instants, and those of items in order."""
        found = [(item.due, item.moved) for item in taken if item.due <= now]
        unmoved = sorted(each.due for each in self.items if each.due <= now and not each.moved)
        in_order = [due for due, moved in found if not moved]
        assert in_order == unmoved[: len(in_order)], "not the earliest first"
        seen = []
        for item in taken:
            if item.due <= now:
                seen.append(item.due)
                item.due = NEVER
        self.items = [item for item in self.items if item.due != NEVER]
        return sorted(seen)

    @rule(due=INSTANTS)
    def push(self, due):
        item = Item(f"item {len(self.items)}", due)
        self.items.append(item)
        self.queue.push(item, due)

    @rule(dues=st.lists(INSTANTS, max_size=8))
    def push_many(self, dues):
        for due in dues:
            self.push(due)

    @rule(which=st.integers(0, 1000), due=INSTANTS)
    def move(self, which, due):
        if self.items:
            item = self.items[which % len(self.items)]
            item.due, item.moved = due, True
            self.queue.push(item, due)

    @rule(which=st.integers(0, 1000))
    def remove(self, which):
        if self.items:
            self.items.pop(which % len(self.items)).due = NEVER

    @rule(now=INSTANTS, limit=st.integers(1, 5))
    def take(self, now, limit):
        due_before = self.live(now)
        taken = self.queue.take(now, limit)
        assert len(taken) <= limit
        found = self.taken_from(taken, now)
        if len(taken) < limit:
            assert found == due_before, "something due was left behind"

    @rule(now=INSTANTS)
    def take_all(self, now):
        due_before, found = self.live(now), []
        while taken := self.queue.take(now, 3):
            found += self.taken_from(taken, now)
        assert sorted(found) == due_before

    @rule()
    def rebuild(self):
        self.queue.rebuild((item, item.due) for item in self.items)
        assert len(self.queue) == len(self.items)

    @rule()
    def look(self):
        instant = self.queue.next_instant()
        live = self.live()
        assert instant is not None or not live
        assert not live or instant <= live[0], "would wake too late"

    @invariant()
    def every_live_item_has_an_entry(self):
        assert len(self.queue) >= len(self.items)


TestQueueAgainstList = QueueAgainstList.TestCase
TestQueueAgainstList.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_an_empty_queue_has_nothing():
    queue, _ = queue_of()
    assert (queue.take(NEVER, 10), queue.next_instant(), len(queue)) == ([], None, 0)


def test_the_instant_itself_is_due():
    queue, (item,) = queue_of(5)
    assert queue.take(4, 10) == []
    assert queue.take(5, 10) == [item]


def test_entries_into_the_bucket_that_is_being_worked_off_come_in_order():
    queue, (first, last) = queue_of(10, 30)
    assert queue.take(10, 5) == [first]
    middle = Item("middle", 20)
    queue.push(middle, 20)
    assert queue.next_instant() == 20
    assert queue.take(30, 5) == [middle, last]


def test_a_late_entry_is_not_overtaken_when_the_limit_cuts():
    queue, (first, *rest) = queue_of(10, 30, 40, 50)
    assert queue.take(10, 5) == [first]
    early = Item("early", 20)
    queue.push(early, 20)
    assert queue.take(60, 1) == [early]
    assert queue.take(60, 2) == rest[:2]


def test_an_entry_before_the_front_bucket_becomes_the_front():
    queue, (later,) = queue_of(5 * WIDTH)
    assert queue.next_instant() == 5 * WIDTH
    early = Item("early", WIDTH)
    queue.push(early, WIDTH)
    assert queue.next_instant() == WIDTH
    assert queue.take(NEVER, 5) == [early, later]


def test_an_item_queued_for_later_than_its_instant_waits_for_that_bucket():
    queue, _ = queue_of()
    item = Item("failing", 0)
    queue.push(item, 3 * WIDTH + 5)
    assert queue.next_instant() == 3 * WIDTH
    assert queue.take(3 * WIDTH - 1, 5) == []
    assert queue.take(3 * WIDTH, 5) == [item]


def test_length_counts_entries_wherever_they_are():
    queue, _ = queue_of(1, 2, WIDTH, 9 * WIDTH)
    queue.take(1, 1)
    queue.push(Item("late", 3), 3)
    assert len(queue) == 4
    queue.clear()
    assert len(queue) == 0
