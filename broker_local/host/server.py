"""The broker process's loop: sockets in, frames out, one thread, one selector.

Nothing a client sends can make another one wait but for its share of the loop: what takes long is done in steps
(`waits.Steps`), a slice of time each round. A connection whose peer does not take its replies, or that has too many
requests waiting, is not read until that is better: the socket fills, and the client waits. Memory is counted before it
is taken; where it is short, who moves nothing gives way. The longest pause of the loop is counted.
"""

from __future__ import annotations

import hmac
import os
import socket
from collections import deque

from broker_local.base.error_codes import ErrorCode
from broker_local.base.files import FileSlice
from broker_local.base.limits import SLICE_MS, WAITING_KEY, Bounds, Descriptors
from broker_local.base.world import READ, SYSTEM, WRITE, SystemWorld
from broker_local.broker.broker import Broker, Peer
from broker_local.broker.dispatch import advance, ask_again, due_flush, flushed, handle, next_due, peer_gone, turn
from broker_local.broker.waits import Answer, Instant, Later, Steps, Waits, instant
from broker_local.host.acceptor import Acceptor
from broker_local.host.connection import Connection
from broker_local.host.data_directory import Lease
from broker_local.host.memory import Memory
from broker_local.host.sync import Syncer
from broker_local.log.read_faults import READ_ERRORS, Truncated
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello, HelloReply
from broker_local.protocol.requests.records import Produce
from broker_local.protocol.requests.request import Failure, Reply
from broker_local.protocol.wire import (
    MAX_REQUEST,
    BadFrame,
    BadRequest,
    IncomingRequest,
    Parts,
    failure_frame,
    has_large_head,
    read_request,
    reply_frame,
)

SOCKET_BUFFER = 4 * 1024 * 1024
SENDFILE = 4 * 1024 * 1024
READS = 8
OVERSLEPT_MS = 20
"""A wait that is longer than asked by more than this: the process was stopped meanwhile."""
SMALL_SLICE = 32 * 1024
"""A slice up to this size is read and sent with its neighbours: one call instead of two."""
LEAVE_AGAIN_MS = 1000
TAKEN_OUT = 1000
"""Of parked requests so many keys are let go at a time."""
BOUNDS = Bounds()


Parked = tuple[Connection, IncomingRequest]


class Server:
    """Serves a broker on listening sockets, until `stop` or until nobody has needed it for a while.

    Args:
        broker: what answers.
        listeners: bound and listening sockets; they are closed at the end.
        world: the time, and what waits and works beside the loop.
        token: what a `Hello` must bring; None: nothing.
        directory: the identity of the data directory; a `Hello` that means another one is refused.
        idle_exit_ms: leave after so long without a connection; None: never.
        lease: to be held for leaving.
        bounds: of memory and of patience.
        descriptors: how many connections there may be, and files that replies go out from.
    """

    def __init__(
        self,
        broker: Broker,
        listeners: list[socket.socket],
        world: SystemWorld = SYSTEM,
        *,
        token: str | None = None,
        directory: str | None = None,
        idle_exit_ms: int | None = None,
        lease: Lease | None = None,
        bounds: Bounds = BOUNDS,
        descriptors: Descriptors | None = None,
    ) -> None:
        self.counters = broker.counters
        self._broker = broker
        self._listeners = listeners
        self._world = world
        self._token = token
        self._directory = directory
        self._idle_exit_ms = idle_exit_ms
        self._lease = lease
        self._bounds = bounds
        allowed = descriptors or Descriptors(broker.settings.max_connections)
        self._acceptor = Acceptor(allowed.connections, self.counters, self._drop, bounds.hello_ms)
        self._most_lent = allowed.lent
        self._lent = 0
        self._connections: dict[int, Connection] = {}
        self._memory = Memory(bounds, self.counters, self._connections, self._drop)
        self._begun: dict[int, tuple[int, Connection]] = {}
        self._runnable: dict[int, Connection] = {}
        self._working: dict[int, Connection] = {}
        self._waits: Waits[Parked] = Waits()
        self._ready: deque[tuple[Parked, Later]] = deque()
        self._selector = world.selector()
        self._running = True
        self._at: Instant = instant(world)  # of this round of the loop
        self._until = 0.0  # when the slice of what goes on now is used up
        self._idle_since = self._at.now
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, READ, None)
        for listener in listeners:
            listener.setblocking(False)
            self._selector.register(listener, READ, listener)
        self._syncer = Syncer(broker.logs.files, self.wake, world)

    def wake(self) -> None:
        """Makes the loop look round. From any thread, or from a signal handler."""
        try:
            self._waker.send(b"w")
        except OSError:  # it has enough to wake up by, or has ended already
            return

    def stop(self) -> None:
        """Ends `run` at its next step. From any thread, or from a signal handler."""
        self._running = False
        self.wake()

    def run(self) -> None:
        """The loop. Returns after `stop`, or when idle.

        Raises:
            faults.StorageFailure: the disk failed, or holds what was never written; nothing more can be served.
        """
        try:
            while self._running:
                self._step()
        finally:
            self._close()

    def _step(self) -> None:
        asleep, patience = self._at.now, self._patience()
        events = self._selector.select(patience)
        begun = self._at = instant(self._world)
        was_stopped = begun.now - asleep > patience * 1000 + OVERSLEPT_MS
        self._slice()
        for key, mask in events:
            if isinstance(key.data, Connection):
                self._serve(key.data, mask)
            elif key.data is None:
                self._drain_waker()
            else:
                self._accept(key.data)
        self._serve_runnable()
        self._feed()
        self._acceptor.drop_silent(begun.now)
        self._drop_unfinished()
        if not was_stopped:  # else what members sent meanwhile is read before their silence is judged
            turn(self._broker, begun)
        self._flush_logs()
        self._work()
        self._answer_parked()
        self._at = instant(self._world)
        self.counters.longest_pause_ms = max(self.counters.longest_pause_ms, self._at.now - begun.now)
        self._leave_if_idle(self._at.now)

    def _slice(self) -> None:
        self._until = self._world.monotonic_ms() + SLICE_MS

    def _enough(self) -> bool:
        """Is the slice used up?"""
        return self._world.monotonic_ms() >= self._until

    def _flush_logs(self) -> None:
        done = self._syncer.poll()
        if done is not None:
            flushed(self._broker, done)
        if not self._syncer.busy:
            flush = due_flush(self._broker, self._at)
            if flush is not None:
                self._syncer.start(flush)

    def _patience(self) -> float:
        """Seconds until something is due."""
        if self._runnable or self._working or self._ready or self._broker.woken:
            return 0.0
        due = [next_due(self._broker, self._syncer.busy)]
        due += [at for at in (self._waits.next_due(), self._acceptor.next_due()) if at is not None]
        for deadline, _ in self._begun.values():
            due.append(deadline)
            break
        if self._memory.hungry:
            due.append(self._at.now + self._bounds.stalled_ms // 4)
        if self._idle_exit_ms is not None and not self._connections:
            due.append(self._idle_since + self._idle_exit_ms)
        return max(0.0, (min(due) - self._at.now) / 1000)

    def _drain_waker(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            return

    # Connections ---------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        for connection in self._acceptor.accept(listener, self._connections, self._at.now):
            if not connection.closed:  # a later one may have taken its place already
                self._connections[connection.id] = connection
                self._selector.register(connection.socket, READ, connection)

    def _drop(self, connection: Connection) -> None:
        if connection.closed:
            return
        connection.closed = True
        self._acceptor.forget(connection)
        known = self._connections.pop(connection.id, None) is not None
        if connection.events and known:
            self._selector.unregister(connection.socket)
        connection.socket.close()
        self._memory.forget(connection)
        self._lent -= connection.lent
        connection.out.clear()
        for each in (self._begun, self._runnable):
            each.pop(connection.id, None)
        connection.unread = None
        if connection.work is None or not connection.work[1].must_end:
            self._working.pop(connection.id, None)
        self._waits.drop(lambda who: who[0] is connection)
        peer_gone(self._broker, connection.id, self._at)
        if not self._connections:
            self._idle_since = self._at.now

    def _serve(self, connection: Connection, mask: int) -> None:
        if mask & WRITE and not connection.closed:
            self._flush(connection)
        if mask & READ and connection.events & READ and not connection.closed:
            self._read(connection)

    def _serve_runnable(self) -> None:
        """Goes on with the frames that have come and were not handled: each connection has its turn."""
        runnable, self._runnable = self._runnable, {}
        for connection in runnable.values():
            if not connection.closed:
                self._pump(connection)
                self._flush(connection)

    def _read(self, connection: Connection) -> None:
        """Takes what is there, once; a large frame that has begun is taken on, as far as it is there."""
        incoming = connection.incoming
        for _ in range(READS):
            more = incoming.held and connection.holds > connection.held
            if more and not self._memory.has_room(connection, self._at.now):
                self._begun.pop(connection.id, None)  # it is we who let it wait
                break
            try:
                count = connection.socket.recv_into(incoming.room())
            except BlockingIOError:
                break
            except OSError:
                count = 0
            if not count:
                self._drop(connection)
                return
            connection.moved = self._at.now
            incoming.received(count)
            self._pump(connection)
            incoming = connection.incoming  # another one after the hello
            if connection.closed or connection.last or connection.more or not incoming.held:
                break
        self._flush(connection)

    def _pump(self, connection: Connection) -> None:
        """Handles the frames that are whole, as long as the slice lasts and the client takes the replies."""
        connection.more = True
        try:
            while not (connection.last or connection.closed or connection.busy_with or connection.behind):
                frame = connection.incoming.next()
                if frame is None:
                    connection.more = False
                    break
                if has_large_head(frame):
                    connection.unread = frame
                    self._working[connection.id] = connection
                else:
                    self._request(connection, frame)
                if connection.busy_with:
                    connection.busy = len(frame)
                if self._enough():
                    break
        except BadFrame as error:
            self._reject(connection, error)
        if connection.closed:
            return
        if connection.incoming.begun and not connection.more:
            self._begun.setdefault(connection.id, (self._at.now + self._bounds.frame_ms, connection))
        elif connection.id in self._begun:
            del self._begun[connection.id]

    def _drop_unfinished(self) -> None:
        for deadline, connection in list(self._begun.values()):
            if deadline > self._at.now:
                return
            self.counters.unfinished_frames += 1
            self._drop(connection)

    def _reject(self, connection: Connection, error: BadFrame) -> None:
        """Nothing after such a frame can be understood: it is answered, and the connection ends."""
        self._send(connection, failure_frame(0, 0, Failure(ErrorCode.INVALID_REQUEST, str(error))))
        connection.last = True

    def _request(self, connection: Connection, frame: memoryview) -> None:
        try:
            asked = read_request(frame)
        except BadRequest as refused:
            self._send(connection, failure_frame(refused.api, refused.correlation, refused.failure))
            connection.last = connection.peer is None
            return
        if connection.peer is None or isinstance(asked.request, Hello):
            self._greet(connection, asked)
            return
        self._respond(connection, asked, handle(self._broker, connection.peer, asked.request, self._at))

    def _greet(self, connection: Connection, asked: IncomingRequest) -> None:
        hello = asked.request
        reply: Reply
        if connection.peer is not None or not isinstance(hello, Hello):
            reply = Failure(ErrorCode.INVALID_REQUEST, "a connection begins with one hello")
        elif self._token is not None and not hmac.compare_digest(self._token.encode(), (hello.token or "").encode()):
            reply = Failure(ErrorCode.SASL_AUTHENTICATION_FAILED, "the token is missing or wrong")
        elif hello.directory not in (None, self._directory):
            reply = Failure(ErrorCode.INCONSISTENT_CLUSTER_ID, "this is the broker of another data directory")
        elif not hello.minimum <= PROTOCOL_VERSION <= hello.maximum:
            reply = self._strange(hello)
        else:
            self._let_in(connection, hello)
            reply = HelloReply(PROTOCOL_VERSION, self._broker.name, self._broker.durability, os.getpid())
        connection.last = isinstance(reply, Failure)
        self._send(connection, reply_frame(asked, reply))

    def _let_in(self, connection: Connection, hello: Hello) -> None:
        """From here on it may send what is large, and counts as one of ours."""
        connection.peer = Peer(connection.id, hello.client, near=connection.socket.family == socket.AF_UNIX)
        connection.incoming = connection.incoming.widen(MAX_REQUEST)
        self._acceptor.forget(connection)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)

    def _strange(self, hello: Hello) -> Failure:
        """A client of another version. If it is newer, this broker goes as soon as nobody needs it."""
        text = f"this broker speaks protocol {PROTOCOL_VERSION}, the client {hello.minimum} to {hello.maximum}"
        if hello.minimum > PROTOCOL_VERSION:
            if self._idle_exit_ms is not None:
                self._idle_exit_ms = 0
            text += "; it is older and ends when its last client has gone: stop the others, and try again"
        else:
            text += "; the client is older: install the version of the broker"
        return Failure(ErrorCode.UNSUPPORTED_VERSION, text)

    # Replies -------------------------------------------------------------------------------------

    def _respond(self, connection: Connection, asked: IncomingRequest, answer: Answer) -> None:
        if isinstance(answer, Steps):
            connection.work = (asked, answer)
            self._working[connection.id] = connection
            return
        if connection.closed:
            return
        if isinstance(answer, Later):
            connection.parked += 1
            connection.waiting += WAITING_KEY * len(answer.keys)
            self._waits.park((connection, asked.parked()), answer)
            return
        unasked = isinstance(asked.request, Produce) and asked.request.acks == 0
        if answer is not None and not unasked:
            self._send(connection, reply_frame(asked, answer))

    def _work(self) -> None:
        """Goes on with what is done in steps, for a slice; who has had it stands behind the others."""
        if not self._working:
            return
        self._slice()
        for connection in list(self._working.values()):
            del self._working[connection.id]
            self._go_on(connection)
            if not connection.closed and connection.work is None:
                connection.busy = 0
                self._runnable[connection.id] = connection
            if self._enough():
                return

    def _go_on(self, connection: Connection) -> None:
        frame, work = connection.unread, connection.work
        connection.unread = connection.work = None
        if work is not None:
            asked, steps = work
            self._respond(connection, asked, advance(steps, self._enough))
        elif frame is not None:
            try:
                self._request(connection, frame)
            except BadFrame as error:
                self._reject(connection, error)

    def _answer_parked(self) -> None:
        """Asks those again that were woken or are due, for a slice."""
        self._slice()
        answered: dict[int, Connection] = {}
        while not (answered and self._enough()):
            self._waits.wake(self._broker.take_woken())
            self._ready.extend(self._waits.ready(self._at.now, TAKEN_OUT))
            if not self._ready:
                break
            while self._ready:
                (connection, asked), later = self._ready.popleft()
                if connection.closed:
                    continue
                connection.parked -= 1
                connection.waiting -= WAITING_KEY * len(later.keys)
                self._respond(connection, asked, ask_again(later, self._at))
                answered[connection.id] = connection
                if self._enough():
                    break
        for connection in answered.values():
            if not connection.closed:
                self._flush(connection)

    def _send(self, connection: Connection, parts: Parts) -> None:
        if connection.closed:
            return
        for part in parts:
            if isinstance(part, FileSlice):
                if part.fd < 0 or part.length <= SMALL_SLICE or self._lent >= self._most_lent:
                    piece = part
                    try:
                        part = piece.read()
                        if len(part) < piece.length:
                            raise Truncated
                    except OSError as error:  # the head before it promises bytes that there are not
                        self._unread(connection, piece, error)
                        return
                else:
                    self._lent += 1
                    connection.lent += 1
            connection.out.append(part)
            if not isinstance(part, FileSlice):
                connection.queued += len(part)

    def _flush(self, connection: Connection) -> None:
        out = connection.out
        if connection.closed:
            return
        try:
            while out:
                if isinstance(out[0], FileSlice):
                    self._send_slice(connection, out[0])
                else:
                    connection.send_bytes()
                connection.moved = self._at.now
        except BlockingIOError:
            self._listen(connection)
            return
        except OSError as error:
            first = out[0] if out else None
            if isinstance(first, FileSlice) and error.errno in READ_ERRORS:
                self._unread(connection, first, error)
            else:
                self._drop(connection)
            return
        if connection.last:
            self._drop(connection)
        else:
            self._listen(connection)

    def _unread(self, connection: Connection, piece: FileSlice, error: OSError) -> None:
        """What was promised cannot be sent: the connection ends, and whoever asks again is told."""
        self._broker.read_faults.note(piece.file.path, error, self._at.now)
        self._drop(connection)

    def _send_slice(self, connection: Connection, piece: FileSlice) -> None:
        count = min(piece.length, SENDFILE)
        sent = os.sendfile(connection.socket.fileno(), piece.fd, piece.position, count)
        if not sent:
            raise Truncated
        if sent == piece.length:
            connection.out.popleft()
            connection.lent -= 1
            self._lent -= 1
        else:
            connection.out[0] = FileSlice(piece.file, piece.position + sent, piece.length - sent)

    def _listen(self, connection: Connection) -> None:
        """Says for what the selector has to look; nothing is read while the client is behind."""
        self._memory.count(connection)
        waits = connection.behind or connection.last or connection.busy_with
        if connection.more and not waits:
            self._runnable[connection.id] = connection
        quiet = waits or connection.more or connection.id in self._memory.hungry
        events = (0 if quiet else READ) | (WRITE if connection.out else 0)
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.socket, events, connection)
        elif not events:
            self._selector.unregister(connection.socket)
        else:
            self._selector.modify(connection.socket, events, connection)
        connection.events = events

    def _feed(self) -> None:
        """Reads those again for which there was no memory."""
        for connection in self._memory.take_hungry():
            if not connection.closed:
                if connection.incoming.begun:
                    self._begun[connection.id] = (self._at.now + self._bounds.frame_ms, connection)
                self._read(connection)

    # The end -------------------------------------------------------------------------------------

    def _leave_if_idle(self, now: int) -> None:
        busy = self._connections or self._working
        if self._idle_exit_ms is None or busy or now < self._idle_since + self._idle_exit_ms:
            return
        if self._lease is not None and not self._lease.take():
            self._idle_since = now - self._idle_exit_ms + LEAVE_AGAIN_MS
            return
        for listener in self._listeners:
            self._accept(listener)
        if self._connections and self._lease is not None:
            self._lease.release()
            return
        self._running = bool(self._connections)

    def _close(self) -> None:
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections.values()):
            connection.closed = True
            connection.socket.close()
        self._connections.clear()
        self._acceptor.close()
        self._selector.close()
        self._syncer.close()
        self._woken.close()
        self._waker.close()
