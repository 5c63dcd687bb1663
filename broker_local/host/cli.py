"""The command `broker-local`: serve a data directory, check it, show what is in it, give up what is damaged.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

from broker_local.base.faults import Corruption, Refusal, StorageFailure, Unreadable
from broker_local.base.files import OsFiles
from broker_local.base.world import SYSTEM
from broker_local.broker.properties import IN_DIRECTORY, read_properties
from broker_local.broker.settings import SETTINGS, SettingAssignment, WrongSetting, given, read_settings
from broker_local.host.data_directory import DataDirectory, Unavailable, prepare
from broker_local.host.process import held, serve
from broker_local.log import catalog
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from broker_local.log.topics import GROUP_TOPIC, NOTHING

READ_BYTES = 1024 * 1024


@contextmanager
def _spoken() -> Iterator[None]:
    """Turns what can go wrong into one line on standard error."""
    try:
        yield
    except Unavailable as error:
        raise click.ClickException(str(error)) from None
    except Refusal as error:
        raise click.ClickException(error.message) from None
    except (StorageFailure, batches.BadBatch) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or ''}: {error.strerror or error}".strip(": ")) from None
    except KeyboardInterrupt:
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The bundled log engine of streams-app."""


@main.command("serve")
@click.argument("directory")
@click.option(
    "--durability",
    type=click.Choice(["process", "durable"]),
    default=None,
    help="What an acknowledged record survives: a kill of the broker (default), or a power cut as well.",
)
@click.option("--listen", metavar="HOST:PORT", help="Listen on TCP as well; on the loopback only.")
@click.option(
    "--properties",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    help=f"Settings, a name=value a line; they win over DIRECTORY/{IN_DIRECTORY}.",
)
@click.option(
    "--config", "configs", multiple=True, metavar="NAME=VALUE", help="A setting of the broker; it wins over files."
)
@click.option("--idle-exit", type=float, metavar="SECONDS", help="Leave after so long without a client.")
def serve_command(
    directory: str,
    durability: str | None,
    listen: str | None,
    file: str | None,
    configs: tuple[str, ...],
    idle_exit: float | None,
) -> None:
    """Serve the data directory DIRECTORY in the foreground."""
    try:
        settings = read_settings(durability, _given(directory, file, configs))
    except WrongSetting as error:
        raise click.UsageError(str(error)) from None
    with _spoken():
        serve(
            directory,
            settings,
            listen=listen,
            idle_exit_ms=None if idle_exit is None else int(idle_exit * 1000),
            announce=lambda text: click.echo(text),
        )


def _given(directory: str, file: str | None, configs: tuple[str, ...]) -> list[SettingAssignment]:
    """All settings: of the directory's file, of another, and of the command line."""
    found: list[SettingAssignment] = []
    with suppress(FileNotFoundError, NotADirectoryError):
        found += read_properties(os.path.join(os.path.realpath(directory), IN_DIRECTORY))
    if file is not None:
        found += read_properties(file)
    return [*found, *(given("--config ", pair) for pair in configs)]


@main.command("settings")
def settings_command() -> None:
    """List the settings of the broker, their defaults and what they mean."""
    for setting in SETTINGS.values():
        click.echo(f"{setting.name}={setting.default}")
        click.echo(f"    {setting.meaning}{f' (topics: {setting.topic})' if setting.topic else ''}")


@main.command("check")
@click.argument("directory")
def check_command(directory: str) -> None:
    """Read all of DIRECTORY, say what is damaged, and let a stopped broker start again if nothing is."""
    with _spoken():
        try:
            with _opened(directory, forgive=True) as logs:
                found = _check(directory, logs)
            if found:
                _tell(directory, found)
        except StorageFailure as fault:  # it was met when the logs were opened, which is as far as it goes
            _tell(directory, [fault])


def _check(directory: str, logs: LogManager) -> list[Corruption]:
    """What is there that nobody can read; what is damaged is told at once, and keeps the broker from starting."""
    found = logs.verify()
    if any(not isinstance(fault, Unreadable) for fault in found):
        _tell(directory, found)
    catalog.forgive(logs.files)
    if not found:
        partitions = sum(topic.partitions for topic in logs.topics.values())
        click.echo(f"{partitions} partitions of {len(logs.topics)} topics are sound")
    return found


def _tell(directory: str, found: Sequence[StorageFailure]) -> NoReturn:
    """Says what is damaged, and the ways out."""
    rows = catalog.open_catalog(OsFiles(os.path.realpath(directory)), NOTHING).values()
    names = {topic.id: topic.name for topic in rows}
    for fault in found:
        _, topic, partition, *_ = [*fault.file.split("/"), "", ""]
        kind = "unreadable" if isinstance(fault, Unreadable) else "damaged"
        click.echo(f"{kind}: {f'{names[topic]}-{partition}: ' if topic in names else ''}{fault}", err=True)
    count = f"{len(found)} place{'s are' if len(found) > 1 else ' is'}"
    if all(isinstance(fault, Unreadable) for fault in found):
        raise click.ClickException(
            f"{count} unreadable. The broker serves all else; readers are told, and may seek past such a batch"
        )
    raise click.ClickException(
        f"{count} damaged. Put the files back from a copy, or give a "
        f"topic up with `broker-local delete {directory} TOPIC`; then check again"
    )


@main.command("delete")
@click.argument("directory")
@click.argument("topic")
def delete_command(directory: str, topic: str) -> None:
    """Delete TOPIC from a DIRECTORY whose broker does not run, also where its logs are damaged."""
    with _spoken(), held(data_dir := prepare(directory, create=False)):
        files = OsFiles(data_dir.directory)
        found = catalog.open_catalog(files, NOTHING)
        if topic not in found:
            raise click.ClickException(f"there is no topic {topic} in {data_dir.directory}")
        if topic == GROUP_TOPIC:
            raise click.ClickException(f"{topic} is the broker's own: put its files back from a copy")
        catalog.write(files, {name: each for name, each in found.items() if name != topic})
        files.remove_tree(f"topics/{found[topic].id}")
        click.echo(f"Deleted topic {topic}.")


@main.command("dump")
@click.argument("directory")
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@click.option("--from", "start", type=click.IntRange(min=0), help="First offset; default: the log's start.")
@click.option("--records", is_flag=True, help="Show the records as well, one JSON object a line.")
def dump_command(directory: str, topic: str, partition: int, start: int | None, records: bool) -> None:
    """Show the batches of one partition."""
    with _spoken(), _opened(directory, forgive=False) as logs:
        log = logs.partition(topic, partition)
        offset = log.log_start if start is None else start
        while offset < log.end:
            found = log.read(offset, READ_BYTES)
            for piece in found.pieces:
                data, position = piece.data.read(), 0
                while position < len(data):
                    header = batches.verify(data, position)
                    click.echo(_batch_line(header))
                    if records:
                        for line in _record_lines(data, position):
                            click.echo(line)
                    position += header.size
            offset = found.next_offset


def _batch_line(header: batches.Header) -> str:
    return json.dumps(
        {
            "base_offset": header.base_offset,
            "next_offset": header.next_offset,
            "records": header.records,
            "bytes": header.size,
            "max_timestamp": header.newest,
            "producer_id": header.producer_id,
            "epoch": header.epoch,
            "sequence": header.sequence,
            "log_epoch": header.log_epoch,
        }
    )


def _record_lines(data: bytes, position: int) -> Iterable[str]:
    keys, values, times, headers, offsets, _ = batches.read(data, position)
    for row, (offset, time, key, value) in enumerate(zip(offsets, times, keys, values, strict=True)):
        shown: dict[str, object] = {
            "offset": offset,
            "timestamp": time,
            "key": None if key is None else key.decode("utf-8", "backslashreplace"),
            "value": None if value is None else value.decode("utf-8", "backslashreplace"),
        }
        if headers is not None and headers[row]:
            shown["headers"] = [
                [name, None if each is None else each.decode("utf-8", "backslashreplace")]
                for name, each in headers[row]
            ]
        yield "  " + json.dumps(shown, ensure_ascii=False)


@contextmanager
def _opened(directory: str, forgive: bool) -> Iterator[LogManager]:
    """The logs of a directory whose broker does not run.

    Args:
        directory: where they lie; it has to be there.
        forgive: open them even if the broker stopped for good; the note comes back if they are damaged.
    """
    data_dir: DataDirectory = prepare(directory, create=False)
    files = OsFiles(data_dir.directory)
    with held(data_dir):
        noted = files.read(catalog.BROKEN) if forgive and files.size(catalog.BROKEN) >= 0 else None
        if noted is not None:
            catalog.forgive(files)
        sound = False
        try:
            logs = LogManager(files, SYSTEM.now_ms())
            yield logs
            logs.close()
            sound = True
        finally:
            if noted is not None and not sound:
                files.open(catalog.BROKEN, create=True).write([noted], 0)


if __name__ == "__main__":
    main()
