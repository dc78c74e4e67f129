"""The arithmetic of permits, by a clock that the tests move."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.transport.allowance import Allowance


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def _allowance(rate=None, concurrency=None):
    clock = Clock()
    return Allowance(rate=rate, concurrency=concurrency, clock=clock), clock


def test_places_are_dealt_in_turn_and_the_rest_waits_for_one_that_is_given_back():
    allowance, _ = _allowance(concurrency=3)
    allowance.ask("a", "one", got=0, done=0, want=4)
    allowance.ask("b", "two", got=0, done=0, want=1)

    assert allowance.deal() == {"a": 2, "b": 1}
    assert (allowance.places, allowance.waiting, allowance.wait()) == (3, (), None)
    allowance.ask("a", "one", got=2, done=0, want=2)
    assert allowance.deal() == {}
    assert allowance.wait() is None
    allowance.give_back("b", done=1)
    assert allowance.deal() == {"a": 1}
    assert (allowance.granted, allowance.most) == (4, 3)


def test_a_second_has_its_burst_and_the_next_permit_tells_when_it_comes():
    allowance, clock = _allowance(rate=4)
    allowance.ask("a", "one", got=0, done=0, want=6)

    assert allowance.deal() == {"a": 4}
    allowance.ask("a", "one", got=4, done=4, want=2)
    assert allowance.deal() == {}
    assert allowance.wait() == 0.25
    clock.now += 0.25
    assert allowance.deal() == {"a": 1}


def test_less_than_one_request_per_second_comes_through_too():
    allowance, clock = _allowance(rate=0.5)
    allowance.ask("a", "one", got=0, done=0, want=1)
    assert allowance.deal() == {"a": 1}
    allowance.ask("a", "one", got=1, done=1, want=1)
    assert allowance.deal() == {}
    assert allowance.wait() == 2.0
    clock.now += 2.0
    assert allowance.deal() == {"a": 1}


def test_a_pause_holds_everybody_and_ends_without_a_burst():
    allowance, clock = _allowance(rate=10)
    allowance.slow_down(30)
    allowance.slow_down(5)
    for name in "ab":
        allowance.ask(name, name, got=0, done=0, want=9)

    assert allowance.deal() == {}
    assert allowance.paused == 30
    assert allowance.wait() == 30.1
    clock.now += 30
    assert allowance.deal() == {}
    clock.now += 0.2
    assert allowance.deal() == {"a": 1, "b": 1}


def test_a_worker_that_leaves_frees_what_it_had_and_waits_no_longer():
    allowance, _ = _allowance(concurrency=2)
    allowance.ask("a", "one", got=0, done=0, want=2)
    allowance.deal()
    allowance.ask("a", "one", got=2, done=0, want=1)
    allowance.ask("b", "two", got=0, done=0, want=1)

    assert allowance.leave("one") == ["a"]
    assert allowance.waiting == ("b",)
    assert allowance.deal() == {"b": 1}
    allowance.give_back("a", done=9)
    assert allowance.places == 1


def test_permits_whose_answer_was_lost_are_free_when_their_holder_speaks_again():
    allowance, _ = _allowance(concurrency=2)
    allowance.ask("a", "one", got=0, done=0, want=2)
    assert allowance.deal() == {"a": 2}
    allowance.ask("a", "one", got=0, done=0, want=1)

    assert allowance.places == 0
    assert allowance.deal() == {"a": 1}


def test_a_return_that_comes_late_or_twice_frees_nothing_more():
    allowance, _ = _allowance(concurrency=2)
    allowance.ask("a", "one", got=0, done=0, want=2)
    allowance.deal()
    for done in (2, 1, 2):
        allowance.give_back("a", done=done)

    assert allowance.places == 0


def test_other_limits_hold_from_the_moment_they_are_told():
    allowance, _ = _allowance(rate=100, concurrency=8)
    allowance.limit(rate=2, concurrency=None)
    allowance.ask("a", "one", got=0, done=0, want=5)

    assert allowance.deal() == {"a": 2}
    allowance.limit(rate=None, concurrency=None)
    allowance.ask("a", "one", got=2, done=0, want=5)
    assert allowance.deal() == {"a": 5}


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "done", "wait", "pause", "leave", "lost"]),
        st.integers(0, 3),
        st.floats(0.0, 3.0),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(steps=_STEPS, rate=st.sampled_from([0.5, 1.0, 3.0, 7.5]), concurrency=st.integers(1, 5))
def test_whatever_the_holders_do_no_second_has_too_many_and_never_too_many_are_out(steps, rate, concurrency):
    allowance, clock = _allowance(rate, concurrency)
    got, done = [0] * 4, [0] * 4
    paused_until = 0.0
    given_at: list[float] = []
    for verb, holder, amount in steps:
        match verb:
            case "ask" | "lost":
                allowance.ask(str(holder), str(holder), got=got[holder], done=done[holder], want=1 + int(amount))
            case "done" if done[holder] < got[holder]:
                done[holder] += 1
                allowance.give_back(str(holder), done=done[holder])
            case "wait":
                clock.now += amount
            case "pause":
                allowance.slow_down(amount)
                paused_until = max(paused_until, clock.now + amount)
            case "leave":
                allowance.leave(str(holder))
                got[holder] = done[holder] = 0
        for name, permits in allowance.deal().items():
            assert clock.now >= paused_until
            given_at += [clock.now] * permits
            if verb == "lost" and name == str(holder):
                allowance.ask(name, name, got=got[int(name)], done=done[int(name)], want=0)
                allowance.withdraw(name)
            else:
                got[int(name)] += permits
        assert sum(got) - sum(done) == allowance.places <= concurrency

    for (first, begun), (last, ended) in combinations(enumerate(given_at), 2):
        assert last - first + 1 <= max(rate, 1.0) + rate * (ended - begun) + 1e-6
