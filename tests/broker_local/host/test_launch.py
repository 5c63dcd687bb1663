"""Brokers as processes: found, started once, killed, left, and refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base import atomic_file
from broker_local.base.error_codes import ErrorCode
from broker_local.base.files import OsFiles
from broker_local.host.client import ConnectionLost, SocketLink
from broker_local.host.data_directory import (
    DataDirectory,
    Endpoint,
    FileLock,
    Unavailable,
    prepare,
    read_endpoint,
    socket_path,
    write_endpoint,
)
from broker_local.host.launch import connect, find
from broker_local.log.catalog import KIND, PATH, VERSION
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello
from broker_local.protocol.requests.groups import (
    Commit,
    CommitPart,
    Committed,
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinProtocol,
    Sync,
)
from broker_local.protocol.requests.records import (
    Fetch,
    FetchPosition,
    ListOffsets,
    OffsetQuestion,
    Produce,
    ProducePart,
)
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.topics import Metadata, NewTopic, TopicCreate
from broker_local.protocol.wire import read_request, reply_frame
from tests.broker_local.engines import WALL, batch, values_in

ROOT = Path(__file__).resolve().parents[3]
WAIT_MS = 20_000


def pid_of(directory: Path) -> int:
    endpoint = read_endpoint(DataDirectory(os.path.realpath(directory)))
    assert endpoint is not None
    return endpoint.pid


def wait_until_free(directory: Path) -> None:
    """Until no broker has the directory."""
    lock = FileLock(str(directory / "lock"))
    assert lock.take(WAIT_MS)
    lock.release()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A data directory; a broker that runs there is ended."""
    place = tmp_path / "data"
    yield place
    if place.is_dir() and (place / "lock").exists():
        lock = FileLock(str(place / "lock"))
        if not lock.take():
            os.kill(pid_of(place), signal.SIGTERM)
            assert lock.take(WAIT_MS)
        lock.release()


def command(*words: str) -> subprocess.Popen[str]:
    """The command, as a user would run it."""
    return subprocess.Popen(
        [sys.executable, "-m", "broker_local.host.cli", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: str) -> tuple[int, str, str]:
    """Exit code and what it said."""
    child = command(*words)
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


def serving(*words: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A broker in the foreground, once it listens, and its first two lines."""
    child = command("serve", *words)
    assert child.stdout is not None
    return child, [child.stdout.readline(), child.stdout.readline()]


def end(child: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    return child.returncode, err


def test_the_first_client_starts_a_broker_and_the_next_finds_it(directory: Path) -> None:
    assert find(str(directory)) is None
    first = connect(str(directory))
    pid = pid_of(directory)
    second = connect(str(directory))
    first.call(TopicCreate((NewTopic("t", 1, {}),)))
    assert second.call(Metadata()).topics[0].topic == "t"
    assert pid_of(directory) == pid and os.getsid(pid) == pid
    assert oct(os.stat(directory).st_mode & 0o777) == "0o700"
    assert oct(os.stat(socket_path(DataDirectory(str(directory)))).st_mode & 0o777) == "0o600"
    first.close()
    second.close()


def test_clients_that_race_start_one_broker(directory: Path) -> None:
    script = (
        "import sys; from broker_local.host.launch import connect; from broker_local.host.data_directory import *; "
        "link = connect(sys.argv[1]); print(read_endpoint(prepare(sys.argv[1])).pid, flush=True); sys.stdin.read()"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    pids = {racer.stdout.readline().strip() for racer in racers if racer.stdout is not None}
    for racer in racers:
        racer.communicate("")
    assert pids == {str(pid_of(directory))}
    assert (directory / "broker.log").read_text().count("listening on") == 1


def produce_until(directory: Path, stop: threading.Event, acked: dict[int, bytes], name: str) -> None:
    """Produces, one by one, through any number of brokers; notes what was acknowledged and where."""
    number = 0
    while not stop.is_set():
        link = connect(str(directory))
        try:
            while not stop.is_set():
                value = f"{name}-{number}".encode()
                (part,) = link.call(Produce(-1, (ProducePart("t", 0, batch(value)),))).parts
                assert part.error == ErrorCode.NONE, part.message
                acked[part.base_offset] = value
                number += 1
        except ConnectionLost:
            number += 1
        finally:
            link.close()


def everything(link: SocketLink) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    position, end_ = 0, 1
    while position < end_:
        (part,) = link.call(Fetch((FetchPosition("t", 0, position, 1 << 20),), 0)).parts
        assert part.error == ErrorCode.NONE, part.message
        rows = values_in(part.data)
        found.update(rows)
        position, end_ = part.next_offset, part.readable_end
    return found


def test_what_was_acknowledged_is_there_after_kills_under_load(directory: Path) -> None:
    settings = {"segment.bytes": "20000", "retention.ms": "-1"}
    connect(str(directory)).call(TopicCreate((NewTopic("t", 1, settings),)))
    stop = threading.Event()
    acked: list[dict[int, bytes]] = [{}, {}]
    loads = [
        threading.Thread(target=produce_until, args=(directory, stop, acked[number], f"p{number}"))
        for number in range(2)
    ]
    for load in loads:
        load.start()
    for kill in range(1, 6):
        while min(map(len, acked)) < kill * 60 and all(load.is_alive() for load in loads):
            stop.wait(0.01)
        os.kill(pid_of(directory), signal.SIGKILL)
    stop.set()
    for load in loads:
        load.join()
    link = connect(str(directory))
    found = everything(link)
    assert acked[0].keys().isdisjoint(acked[1])
    wanted = acked[0] | acked[1]
    assert len(wanted) >= 600
    assert {offset: found.get(offset) for offset in wanted} == wanted
    assert list(found) == list(range(len(found)))
    link.close()


def test_commits_survive_a_kill(directory: Path) -> None:
    link = connect(str(directory))
    link.call(Commit("g", -1, "", None, (CommitPart("t", 0, 7, "note"),)))
    os.kill(pid_of(directory), signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        link.call(Metadata())
    again = connect(str(directory))
    (part,) = again.call(Committed("g")).parts
    assert (part.offset, part.metadata) == (7, "note")
    again.close()


def test_heartbeats_that_waited_while_the_broker_was_stopped_count(directory: Path) -> None:
    link = connect(str(directory))
    member = link.call(Join("g", 2_000, 2_000, "", None, "consumer", (JoinProtocol("range", b""),)))
    link.call(Sync("g", member.generation, member.member_id, None))
    os.kill(pid_of(directory), signal.SIGSTOP)
    correlation = link.send(Heartbeat("g", member.generation, member.member_id, None))
    assert link.receive(2_600) == []  # longer than the session: only what waited unread can keep the member
    os.kill(pid_of(directory), signal.SIGCONT)
    assert link.receive(10_000) == [(correlation, HeartbeatReply())]
    link.close()


def test_an_idle_broker_leaves_and_the_next_client_starts_another(directory: Path) -> None:
    child, _ = serving(str(directory), "--idle-exit", "0.1")
    assert child.wait(60) == 0
    assert read_endpoint(DataDirectory(str(directory))) is None
    assert not os.path.exists(socket_path(DataDirectory(str(directory))))
    assert child.stderr is not None and child.stderr.read() == ""
    link = connect(str(directory))
    assert pid_of(directory) != child.pid
    link.close()


def test_clients_come_and_brokers_go_without_anyone_being_turned_away(directory: Path) -> None:
    failed: list[BaseException] = []

    def visit() -> None:
        try:
            for number in range(6):
                link = connect(str(directory), idle_exit_s=0.0)
                assert link.call(Metadata()).topics == ()
                link.close()
                lock = FileLock(str(directory / "lock"))
                if number % 2 and lock.take(300):
                    lock.release()
        except (ConnectionLost, Unavailable, AssertionError) as error:
            failed.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert failed == []
    wait_until_free(directory)
    assert (directory / "broker.log").read_text().count("listening on") >= 2


def test_a_broker_stays_while_somebody_is_starting_one(directory: Path) -> None:
    place = prepare(str(directory))
    lock = FileLock(place.path("start.lock"))
    assert lock.take()
    child, _ = serving(str(directory), "--idle-exit", "0")
    link = find(str(directory))
    assert link is not None and child.poll() is None
    lock.release()
    link.close()
    assert child.wait(60) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(directory: Path, number: int, code: int) -> None:
    child, lines = serving(str(directory))
    assert lines[0] == f"data directory {directory}\n"
    assert lines[1].endswith("durability process\n")
    link = connect(str(directory))
    link.call(Produce(-1, (ProducePart("t", 0, batch(b"a")),)))
    assert end(child, number) == (code, "")
    code, out, err = run("dump", str(directory), "t", "0", "--records")
    assert (code, err) == (0, "") and '"value": "a"' in out


def test_two_brokers_do_not_share_a_directory(directory: Path) -> None:
    child, _ = serving(str(directory))
    code, _, err = run("serve", str(directory))
    assert code == 1 and err.startswith(f"Error: another broker has the data directory {directory}")
    assert "Traceback" not in err
    code, _, err = run("check", str(directory))
    assert code == 1 and "another broker has" in err
    end(child)


def test_an_address_in_use_is_named(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = run("serve", str(directory), "--listen", address)
    assert (code, err) == (1, f"Error: cannot listen on {address}: Address already in use\n")


def test_only_the_loopback_is_listened_on(directory: Path) -> None:
    code, _, err = run("serve", str(directory), "--listen", "0.0.0.0:0")
    assert code == 1 and "anything else needs TLS and a token: not built yet" in err
    code, _, err = run("serve", str(directory), "--listen", "nonsense")
    assert code == 1 and "give host:port" in err


def test_tcp_asks_for_the_token(directory: Path) -> None:
    child, _ = serving(str(directory), "--listen", "127.0.0.1:0", "--durability", "durable")
    endpoint = read_endpoint(DataDirectory(str(directory)))
    assert endpoint is not None and endpoint.token is not None and len(endpoint.token) == 64
    host, port = endpoint.listen[0].split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b"\x00" * 4)
        assert wire.recv(4096)
    link = connect(str(directory))
    assert link.call(Metadata()).topics == ()
    link.close()
    assert end(child)[0] == 0


def test_a_broken_directory_is_not_served_until_it_was_checked(directory: Path) -> None:
    link = connect(str(directory))
    for value in (b"a" * 100, b"b" * 100):
        link.call(Produce(-1, (ProducePart("t", 0, batch(value)),)))
    os.kill(pid_of(directory), signal.SIGTERM)
    wait_until_free(directory)
    (log,) = [path for path in directory.glob("topics/*/0/*.log") if b"a" * 100 in path.read_bytes()]
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b"a" * 100, b"a" * 99 + b"X"))
    (directory / "BROKEN").write_text("Damaged\ntopics/x\n12\ntested\n")
    with pytest.raises(Unavailable, match=r"stopped for good: topics/x at byte 12: tested.*broker-local check"):
        connect(str(directory))
    code, _, err = run("check", str(directory))
    assert code == 1 and "at byte 0: damaged" in err and "Traceback" not in err
    with pytest.raises(Unavailable):
        connect(str(directory))
    log.write_bytes(whole)
    code, out, err = run("check", str(directory))
    assert (code, out, err) == (0, "2 partitions of 2 topics are sound\n", "")
    connect(str(directory)).close()


def test_damage_that_is_found_while_running_stops_the_broker_for_good(directory: Path) -> None:
    link = connect(str(directory))
    for value in (b"a" * 100, b"b" * 100):
        link.call(Produce(-1, (ProducePart("t", 0, batch(value)),)))
    (log,) = [path for path in directory.glob("topics/*/0/*.log") if b"a" * 100 in path.read_bytes()]
    with log.open("r+b") as file:
        file.seek(log.read_bytes().index(b"a" * 100))
        file.write(b"X")
    with pytest.raises(ConnectionLost):
        link.call(ListOffsets((OffsetQuestion("t", 0, WALL),)))
    wait_until_free(directory)
    assert "damaged" in (directory / "broker.log").read_text().splitlines()[-1].lower()
    with pytest.raises(Unavailable, match=f"stopped for good: topics/.*{log.name} at byte 0"):
        connect(str(directory))


def test_a_full_disk_is_told_to_who_writes_and_nobody_else(directory: Path) -> None:
    limited = f"ulimit -f 200; exec {sys.executable} -m broker_local.host.cli serve {directory}"
    child = subprocess.Popen(["bash", "-c", limited], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.readline()
    link = connect(str(directory))
    link.call(TopicCreate((NewTopic("t", 1, {"retention.ms": "-1"}),)))
    offsets = []
    while True:
        (part,) = link.call(Produce(-1, (ProducePart("t", 0, batch(b"x" * 30_000)),))).parts
        if part.error != ErrorCode.NONE:
            break
        offsets.append(part.base_offset)
    assert part.error == ErrorCode.KAFKA_STORAGE_ERROR and "no space on the disk" in part.message
    assert offsets == list(range(6))
    assert list(everything(link)) == offsets
    (small,) = link.call(Produce(-1, (ProducePart("t", 0, batch(b"y")),))).parts
    assert (small.error, small.base_offset) == (ErrorCode.NONE, 6)
    link.close()
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0


def test_a_directory_of_a_newer_version_is_refused(directory: Path) -> None:
    directory.mkdir()
    atomic_file.write(OsFiles(str(directory)), PATH, KIND, VERSION + 1, {})
    with pytest.raises(Unavailable, match="version"):
        connect(str(directory))
    code, _, err = run("serve", str(directory))
    assert code == 1 and "Traceback" not in err and "version" in err


def test_an_older_broker_is_told_by_name_and_what_to_do(directory: Path) -> None:
    """It answers as such a broker does: the layout of the hello never changes."""
    place = prepare(str(directory))
    older = PROTOCOL_VERSION - 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(socket_path(place))
        listener.listen()
        write_endpoint(place, Endpoint(socket_path(place), os.getpid(), (), None, place.identity))
        thread = threading.Thread(target=_greet_as_older, args=(listener, older))
        thread.start()
        said = f"protocol {older}, the client {PROTOCOL_VERSION} to {PROTOCOL_VERSION}; it is older and ends when"
        with pytest.raises(Unavailable, match=f"{said} its last client has gone: stop the others, and try again"):
            connect(str(directory))
        thread.join()


def _greet_as_older(listener: socket.socket, version: int) -> None:
    wire, _ = listener.accept()
    with wire:
        asked = read_request(memoryview(wire.recv(8192))[4:])
        hello = asked.request
        assert isinstance(hello, Hello) and hello.minimum > version
        said = f"this broker speaks protocol {version}, the client {hello.minimum} to {hello.maximum}"
        said += "; it is older and ends when its last client has gone: stop the others, and try again"
        reply = Failure(ErrorCode.UNSUPPORTED_VERSION, said)
        wire.sendall(b"".join(bytes(each) for each in reply_frame(asked, reply)))  # type: ignore[arg-type]


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(Unavailable, match="is a file; give a directory"):
        connect(str(path))
    with pytest.raises(Unavailable, match="cannot be made"):
        connect(str(path / "below"))
    code, _, err = run("check", str(tmp_path / "nothing"))
    assert (code, err) == (1, f"Error: there is no data directory {tmp_path / 'nothing'}\n")


def test_no_rights_on_the_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500 if os.geteuid() else 0o700)
    tmp_path.chmod(0o711)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        with pytest.raises(Unavailable, match=r"no rights on the data directory .*closed|cannot be made"):
            connect(str(closed))
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve"], "Missing argument 'DIRECTORY'"),
        (["serve", "x", "--config", "num.partition=3"], "did you mean num.partitions?"),
        (["serve", "x", "--config", "num.partitions=0"], "give a number from 1 to 10000"),
        (["serve", "x", "--durability", "maybe"], "'maybe' is not one of 'process', 'durable'"),
        (["dump", "x", "t", "-1"], "No such option"),
    ],
)
def test_wrong_usage_is_said_with_code_2(words: list[str], said: str) -> None:
    code, _, err = run(*words)
    assert code == 2 and said in err
