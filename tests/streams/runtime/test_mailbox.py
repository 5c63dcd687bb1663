"""Messages from other threads."""

from __future__ import annotations

import threading
import time

import pytest

from streams.errors import StateStoreMigratedException, TimeoutException
from streams.runtime.worker.mailbox import Answer, Mailbox


def test_messages_are_served_in_their_order_by_the_thread_that_serves() -> None:
    woken: list[int] = []
    mailbox = Mailbox(lambda: woken.append(1))
    served: list[tuple[int, threading.Thread]] = []
    threads = [
        threading.Thread(target=lambda n=n: mailbox.put(lambda: served.append((n, threading.current_thread()))))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
        thread.join()
    assert not served and len(woken) == 20
    mailbox.serve()
    assert served == [(number, threading.current_thread()) for number in range(20)]
    mailbox.serve()
    assert len(served) == 20


def test_what_a_message_puts_is_served_too() -> None:
    served: list[str] = []
    mailbox = Mailbox(lambda: None)
    mailbox.put(lambda: mailbox.put(lambda: served.append("second")))
    mailbox.serve()
    assert served == ["second"]


def test_a_message_that_fails_is_gone() -> None:
    served: list[str] = []
    mailbox = Mailbox(lambda: None)
    mailbox.put(lambda: served.remove("nothing"))
    mailbox.put(lambda: served.append("next"))
    try:
        mailbox.serve()
    except ValueError:
        mailbox.serve()
    assert served == ["next"]


def test_a_question_is_answered_by_the_thread_that_serves() -> None:
    mailbox = Mailbox(lambda: None)
    asked: list[threading.Thread] = []
    answer = mailbox.ask(lambda: asked.append(threading.current_thread()) or 7)
    told: list[str] = []
    answer.then(lambda: told.append("come"))
    server = threading.Thread(target=mailbox.serve)
    server.start()
    assert answer.result(60_000) == 7
    server.join()
    assert asked == [server] and told == ["come"]
    answer.then(lambda: told.append("late"))
    assert told == ["come", "late"]


def test_what_a_question_raises_comes_to_who_asked() -> None:
    mailbox = Mailbox(lambda: None)
    answer = mailbox.ask(lambda: [].pop())
    mailbox.serve()
    with pytest.raises(IndexError):
        answer.result(0)


def test_a_question_that_nobody_waits_for_is_not_asked() -> None:
    mailbox = Mailbox(lambda: None)
    asked: list[int] = []
    late, left = mailbox.ask(lambda: asked.append(1)), mailbox.ask(lambda: asked.append(2))
    with pytest.raises(TimeoutException, match="has not answered within 0 ms"):
        late.result(0)
    left.leave()
    mailbox.serve()
    assert asked == []


def asked_elsewhere(mailbox: Mailbox) -> tuple[Answer[threading.Thread], threading.Thread]:
    """What another thread has asked: who answers."""
    found: list[Answer[threading.Thread]] = []
    asker = threading.Thread(target=lambda: found.append(mailbox.ask(threading.current_thread)))
    asker.start()
    asker.join()
    return found[0], asker


def test_who_asks_a_worker_that_is_away_answers_by_itself() -> None:
    mailbox = Mailbox(lambda: None)
    worker = threading.current_thread()
    mailbox.serve()
    before, _ = asked_elsewhere(mailbox)
    assert not before.over
    with mailbox.away():
        assert before.result(0) is worker
        meanwhile, asker = asked_elsewhere(mailbox)
        assert meanwhile.result(0) is asker
    after, _ = asked_elsewhere(mailbox)
    assert not after.over
    mailbox.serve()
    assert after.result(0) is worker


def test_no_question_is_asked_while_the_worker_changes_what_it_reads() -> None:
    mailbox = Mailbox(lambda: None)
    torn: list[int] = []
    rows = [0, 0]

    def read() -> int:
        one = rows[0]
        time.sleep(0)  # lets the worker run
        torn.extend([one] if rows[1] != one else [])
        return one

    def asker() -> None:
        seen = 0
        for _ in range(300):
            found = mailbox.ask(read).result(60_000)
            assert found >= seen
            seen = found

    askers = [threading.Thread(target=asker) for _ in range(4)]
    for each in askers:
        each.start()
    number = 0
    while any(each.is_alive() for each in askers):
        number += 1
        rows[0] = number
        rows[1] = number
        mailbox.serve()
        with mailbox.away():
            for _ in range(20):
                mailbox.waits  # noqa: B018
    assert not torn


def test_who_asks_a_worker_that_has_ended_is_told_so() -> None:
    mailbox = Mailbox(lambda: None)
    before = mailbox.ask(lambda: 1)
    mailbox.close()
    after = mailbox.ask(lambda: 1)
    for answer in (before, after):
        with pytest.raises(StateStoreMigratedException) as raised:
            answer.result(0)
        assert raised.value.seconds > 0
