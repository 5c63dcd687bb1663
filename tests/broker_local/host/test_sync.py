"""The thread that waits for the disk: what ends a flush ends the loop, whatever it is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from broker_local.base.faults import DiskFailed
from broker_local.base.mem_files import MemFiles
from broker_local.host.client import ConnectionLost
from broker_local.host.sync import Syncer
from broker_local.log.log_manager import Flush
from broker_local.protocol.requests.records import Produce, ProducePart
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import batch
from tests.broker_local.host.test_server import Running
from tests.engines import until


@pytest.mark.parametrize("error", [DiskFailed("f", 0, "full"), ZeroDivisionError("planted"), SystemExit(3)], ids=repr)
def test_a_flush_that_fails_reaches_the_loop(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(self: Flush, files: object) -> None:
        raise error

    woken = threading.Event()
    syncer = Syncer(MemFiles(), woken.set)
    with monkeypatch.context() as faulty:
        faulty.setattr(Flush, "run", planted)
        syncer.start(Flush((), (), None))
        assert woken.wait(30)
    with pytest.raises(type(error)):
        syncer.poll()
    done = Flush((), (), None)
    syncer.start(done)
    until(lambda: syncer.poll() is done)
    syncer.close()


def test_a_broker_whose_disk_thread_fails_ends_with_that_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(self: Flush, files: object) -> None:
        raise ZeroDivisionError("planted")

    ended: list[object] = []
    with monkeypatch.context() as faulty:
        faulty.setattr(Flush, "run", planted)
        faulty.setattr(threading, "excepthook", lambda raised: ended.append(raised.exc_value))
        server = Running(tmp_path, durability="durable")
        link = server.link()
        link.call(TopicCreate((NewTopic("t", 1, {}),)))
        with pytest.raises(ConnectionLost):  # what is not on the disk is not acknowledged
            link.call(Produce(-1, (ProducePart("t", 0, batch(b"v")),)))
        server.thread.join(30)
    assert [str(error) for error in ended] == ["planted"]
    link.close()
