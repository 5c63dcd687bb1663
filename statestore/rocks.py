"""The engine on RocksDB: one database a task. The only file that knows rocksdict.

    store number(2) ‖ …           rows, see statestore/keys.py; numbers 0 to 65,534
    FF FF ‖ "format"              layout version, 1 byte
    FF FF ‖ "stores"              names of the stores in UTF-8, NUL between them; a store's place is its number
    FF FF ‖ "mark:" ‖ name        marks

The write-ahead log is on and never synced: a killed process loses nothing, a power cut leaves a prefix of the writes.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple, cast
from weakref import WeakSet

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

from statestore.api import NO_MARKS
from statestore.engine import EngineDamaged, EngineError, EngineLocked, EngineTooNew

log = logging.getLogger("statestore.rocks")

BLOCK_CACHE_BYTES: Final = 64 * 1024 * 1024
WRITE_BUFFERS_BYTES: Final = 32 * 1024 * 1024
WRITE_BUFFER_BYTES: Final = 4 * 1024 * 1024
METADATA_BLOCK_BYTES: Final = 4 * 1024
LOG_BYTES: Final = 8 * 1024 * 1024
"""The write-ahead log is read on opening: 25 MB of it take 140 ms."""

FORMAT: Final = b"\x01"

_OWN: Final = b"\xff\xff"
_FORMAT: Final = _OWN + b"format"
_STORES: Final = _OWN + b"stores"
_MARK: Final = _OWN + b"mark:"


class Budget(NamedTuple):
    """The block cache and the write buffers that the databases of a process share."""

    blocks: Cache
    buffers: WriteBufferManager


def budget(block_cache: int = BLOCK_CACHE_BYTES, write_buffers: int = WRITE_BUFFERS_BYTES) -> Budget:
    """A budget of so many bytes. Write buffers beyond theirs are flushed early; nobody is stopped."""
    return Budget(Cache(block_cache), WriteBufferManager(write_buffers, False))


@cache
def process_budget() -> Budget:
    """The budget of engines that are given none."""
    return budget()


class RocksScan:
    """Rows of a RocksDB iterator, which is a snapshot by itself; bounds are compared here."""

    __slots__ = ("__weakref__", "_backwards", "_engine", "_items", "_last", "_limit")

    def __init__(
        self,
        engine: RocksEngine,
        items: Iterator[tuple[bytes, bytes]],
        first: bytes,
        limit: bytes,
        backwards: bool,
    ) -> None:
        self._engine = engine
        self._items = items
        self._last = first
        self._limit = limit
        self._backwards = backwards

    def __iter__(self) -> RocksScan:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        row = next(self._items, None)
        if row is None:
            self.close()
            self._engine.check(self._last, self._backwards)
            raise StopIteration
        if row[0] < self._limit if self._backwards else row[0] >= self._limit:
            self.close()
            raise StopIteration
        self._last = row[0]
        return row

    def close(self) -> None:
        self._items = iter(())


FIGURES: Final = (
    *("num-immutable-mem-table", "cur-size-active-mem-table", "cur-size-all-mem-tables", "size-all-mem-tables"),
    *("num-entries-active-mem-table", "num-entries-imm-mem-tables", "num-deletes-active-mem-table"),
    *("num-deletes-imm-mem-tables", "mem-table-flush-pending", "num-running-flushes", "compaction-pending"),
    *("num-running-compactions", "estimate-pending-compaction-bytes", "total-sst-files-size", "live-sst-files-size"),
    *("num-live-versions", "block-cache-capacity", "block-cache-usage", "block-cache-pinned-usage"),
    *("estimate-num-keys", "estimate-table-readers-mem", "background-errors"),
)
"""The properties that Kafka Streams shows, without `rocksdb.`; reading one takes 1.6 us."""


class RocksEngine:
    """Implements `Engine` and `Measured`. `path` is a directory, made if it is missing; its parent must exist.

    Args:
        path: the directory.
        shared: memory that several databases share.
        counts: keep statistics, which costs some per cent.

    Opening raises `EngineLocked`, `EngineDamaged`, `EngineTooNew` or `EngineError`; nothing is then left open.
    """

    __slots__ = ("_closed", "_counts", "_database", "_numbers", "_options", "_scans", "_shared", "damage", "path")

    def __init__(self, path: str, shared: Budget | None = None, counts: bool = False) -> None:
        self.path = path
        self._counts = counts
        self.damage: EngineDamaged | None = None
        self._shared = shared or process_budget()
        self._scans: WeakSet[RocksScan] = WeakSet()
        self._numbers: dict[str, int] = {}
        self._open()

    def _open(self) -> None:
        self._closed = False
        try:
            self._options = _options(self._shared)
            if self._counts:
                self._options.enable_statistics()
            self._database = Rdict(self.path, self._options)
        except Exception as error:
            raise _explained(error, self.path) from error
        try:
            self._read_own()
        except BaseException:
            self.close()  # whoever keeps the error keeps this object: the lock must not hang on that
            raise

    def _read_own(self) -> None:
        found = self.get(_FORMAT)
        if found is None:
            self.write([(_FORMAT, FORMAT)])
        elif found != FORMAT:
            raise EngineTooNew(
                f"the state in {self.path} has layout {found.hex()}, this version reads {FORMAT.hex()};"
                " use the newer version, or delete the directory to rebuild it from the changelogs"
            )
        names = self.get(_STORES)
        if names:
            self._numbers = {name: at for at, name in enumerate(names.decode().split("\0"))}

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._database.get(key)
        except Exception as error:
            raise self._noted(error) from error
        return value

    def _noted(self, error: Exception) -> EngineError:
        """What it means that the database has failed so; damage stays known, whoever catches the error."""
        explained = _explained(error, self.path)
        if isinstance(explained, EngineDamaged):
            self.damage = self.damage or explained
        return explained

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> RocksScan:
        end = _OWN if high is None else min(high, _OWN)
        # in raw mode keys and values are bytes, which the stubs cannot say
        items = cast("Iterator[tuple[bytes, bytes]]", self._database.items(backwards, end if backwards else low))
        if backwards:
            scan = RocksScan(self, _below(items, end), end, low, True)
        else:
            scan = RocksScan(self, items, low, end, False)
        self._scans.add(scan)
        return scan

    def check(self, key: bytes, backwards: bool) -> None:
        """Raise what ended a scan after this key: rocksdict's iterators end at damage as at the last row."""
        if self._closed:
            return
        probe = self._database.iter()
        try:
            if backwards:
                probe.seek_for_prev(key)
                if probe.valid():
                    probe.prev()
            else:
                probe.seek(key)
                if probe.valid():
                    probe.next()
            probe.status()
        except Exception as error:
            raise self._noted(error) from error
        finally:
            del probe  # who keeps the error keeps this frame, and with the iterator the database would stay open

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        batch = WriteBatch(raw_mode=True)
        for low, high in drops:
            batch.delete_range(low, high)
        put, delete = batch.put, batch.delete
        for key, value in rows:
            if value is None:
                delete(key)
            else:
                put(key, value)
        for name, value in marks.items():
            put(_MARK + name, value)
        try:
            self._database.write(batch)
        except Exception as error:
            raise self._noted(error) from error

    def mark(self, name: bytes) -> bytes | None:
        return self.get(_MARK + name)

    def figures(self) -> dict[str, int]:
        try:
            found = {name: self._database.property_int_value(f"rocksdb.{name}") for name in FIGURES}
        except Exception:  # it was closed meanwhile
            return {}
        return {name: value for name, value in found.items() if value is not None}

    def statistics(self) -> dict[str, dict[str, float]]:
        text = None if self._closed or not self._counts else self._options.get_statistics()
        found: dict[str, dict[str, float]] = {}
        for name, _, rest in (line.partition(" ") for line in (text or "").splitlines()):
            words = rest.replace(":", " ").split()
            found[name.removeprefix("rocksdb.")] = dict(zip(words[::2], map(float, words[1::2]), strict=False))
        return found

    def number(self, store: str) -> int:
        numbers = self._numbers
        if store not in numbers:
            if not store or "\0" in store:
                raise ValueError(f"{store!r} cannot be the name of a store")
            if len(numbers) == 0xFFFF:
                raise ValueError(f"a task has at most 65,535 stores; {store!r} would be one more")
            self.write([(_STORES, "\0".join((*numbers, store)).encode())])
            numbers[store] = len(numbers)
        return numbers[store]

    def renew(self) -> None:
        self.close()
        shutil.rmtree(self.path)
        self.damage = None
        names = "\0".join(self._numbers)
        self._open()
        if names:
            self.write([(_STORES, names.encode())])

    def close(self) -> None:
        for scan in list(self._scans):
            scan.close()
        if self._closed:
            return
        self._closed = True
        try:
            self._database.close()
        except Exception as error:  # what lies in memory could not be written; what was committed is in the log
            self._noted(error)
            log.warning("The state in %s could not be closed properly: %s", self.path, error)
            del self._database  # and with it, at the latest, the lock


def _below(items: Iterator[tuple[bytes, bytes]], end: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Backwards from before `end`: RocksDB begins with the row at it, if there is one."""
    for row in items:
        if row[0] < end:
            yield row
            break
    yield from items


def _options(shared: Budget) -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(shared.blocks)
    blocks.set_bloom_filter(10, False)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # In parts: the filter of a large file is more than a shard of the cache holds (1 MB), and would be read from the
    # file and dropped again at every get (100 us at 1 M keys, against 4).
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_partition_filters(True)
    blocks.set_metadata_block_size(METADATA_BLOCK_BYTES)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(shared.buffers)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_max_total_wal_size(LOG_BYTES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(1)
    options.set_stats_dump_period_sec(0)
    return options


def _explained(error: Exception, path: str) -> EngineError:
    """rocksdict raises bare `Exception` with RocksDB's text."""
    text = str(error)
    if "lock" in text.lower() and text.startswith("IO error"):
        return EngineLocked(f"the state in {path} is in use by another process or by an iterator left open: {text}")
    missing = text.startswith("IO error: No such file")  # one that its manifest or CURRENT names
    if missing or text.startswith("Corruption") or "may be corrupted" in text:
        return EngineDamaged(f"the state in {path} is damaged and must be rebuilt from the changelogs: {text}")
    return EngineError(f"the state in {path} cannot be read or written: {text}")
