"""Messages from other threads."""

from __future__ import annotations

import threading

from streams.runtime.worker.mailbox import Mailbox


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
