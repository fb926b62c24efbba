"""Whether a history of concurrent calls on one register could have come from calls that happened one at a time.

A call is made, and ends with an answer, or nobody knows how it ended (the server was killed): then it may have taken place at
any moment until its `end`, or not at all. The check walks through the history in the order of time, with every state that the
register may be in and the set of those running calls that have already taken place in it.
"""
from __future__ import annotations

from dataclasses import dataclass, field

MOST_STATES = 200_000


@dataclass
class Call:
    """`step` takes the register's value to the one after the call, or gives REFUSES where the call cannot have ended as it did."""

    what: str
    begin: float
    end: float
    step: object
    is_known: bool = True
    number: int = field(default=-1)


class Refuses:
    def __repr__(self) -> str:
        return "refuses"


REFUSES = Refuses()


# What calls do. None: nothing is there.


def put(value):
    return lambda _: value


def put_if_absent(value):
    return lambda now: value if now is None else REFUSES


def put_if_match(wanted, value):
    return lambda now: value if now is not None and now == wanted else REFUSES


def delete():
    return lambda _: None


def read(value):
    return lambda now: now if now == value else REFUSES


def found_other_than(wanted):
    """A condition did not hold."""
    return lambda now: now if now is not None and now != wanted else REFUSES


def found_something():
    return lambda now: now if now is not None else REFUSES


def check(calls: list[Call], initial=None) -> str:
    """Nothing, or why the history is impossible."""
    for number, call in enumerate(calls):
        call.number = number
    # At one instant, beginnings come first: calls that touch may overlap.
    events = sorted([(call.begin, 0, call.number) for call in calls] + [(call.end, 1, call.number) for call in calls])
    running: set[int] = set()
    states = {(initial, frozenset())}  # the value, and which running calls have taken place
    for time, is_end, number in events:
        if not is_end:
            running.add(number)
            continue
        call = calls[number]
        reached = set(states)
        todo = list(states)
        while todo:  # whatever may have happened until now
            value, done = todo.pop()
            if call.is_known and number in done:
                continue  # far enough for this end
            for other in running - done:
                after = calls[other].step(value)
                if after is REFUSES:
                    continue
                state = (after, done | {other})
                if state not in reached:
                    reached.add(state)
                    todo.append(state)
            if len(reached) > MOST_STATES:
                return f"too many possibilities at {time}: make fewer calls at a time"
        running.remove(number)
        states = {(value, done - {number}) for value, done in reached if not call.is_known or number in done}
        if not states:
            return explain(calls, number, {value for value, _ in reached})
    return ""


def explain(calls: list[Call], number: int, values: set) -> str:
    """The calls around the one that cannot be."""
    call = calls[number]
    near = sorted((c for c in calls if c.end >= call.begin - 0.2 and c.begin <= call.end), key=lambda c: c.begin)[-40:]
    lines = [f"  {c.begin:12.6f} - {c.end:12.6f}  {c.what}{'' if c.is_known else '  (how it ended is not known)'}{'   <== impossible' if c is call else ''}" for c in near]
    return f"the register could only hold {sorted(map(str, values))} when this ended: {call.what}\n" + "\n".join(lines)


def self_test() -> None:
    """The checker itself, on histories whose verdict is plain."""
    def verdict(*calls: Call) -> bool:
        return check(list(calls)) == ""

    assert verdict(Call("put 1", 0, 1, put(1)), Call("get 1", 2, 3, read(1)))
    assert not verdict(Call("put 1", 0, 1, put(1)), Call("get nothing", 2, 3, read(None)))
    assert verdict(Call("put 1", 0, 4, put(1)), Call("get nothing", 1, 2, read(None)), Call("get 1", 2.5, 3, read(1)))
    assert not verdict(Call("put 1", 0, 4, put(1)), Call("get 1", 1, 2, read(1)), Call("get nothing", 2.5, 3, read(None)))
    # Lost, or late, but not both.
    assert verdict(Call("put 1", 0, 5, put(1), False), Call("get nothing", 6, 7, read(None)))
    assert verdict(Call("put 1", 0, 5, put(1), False), Call("get 1", 6, 7, read(1)))
    assert not verdict(Call("put 1", 0, 5, put(1), False), Call("get nothing", 6, 7, read(None)), Call("get 1", 8, 9, read(1)))
    # Two cannot both be the first.
    assert not verdict(Call("first 1", 0, 2, put_if_absent(1)), Call("first 2", 0, 2, put_if_absent(2)))
    assert verdict(Call("first 1", 0, 2, put_if_absent(1)), Call("first 2 fails", 0, 2, found_something()))
    assert not verdict(Call("put 1", 0, 1, put(1)), Call("2 for 1", 2, 4, put_if_match(1, 2)), Call("3 for 1", 2, 4, put_if_match(1, 3)))
    # An acknowledged write that a kill lost.
    assert not verdict(Call("put 1", 0, 1, put(1)), Call("put 2", 2, 3, put(2)), Call("get 1", 4, 5, read(1)))
