"""`streams-app reset`: an application begins anew. Kafka's `kafka-streams-application-reset`, with the local state.

All that is wrong is found before anything is changed. Then, in this order, so that whoever is interrupted can say the
same again: the local state, the internal topics, and last the positions, in one request. `--shift-by` counts from
positions that nobody has moved yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import click

from streams.cli import options, positions
from streams.cli.failure import Refused, refusals
from streams.cli.groups import spoken
from streams.clients.api import Admin, Door, MemberDescription, Position
from streams.clients.connect import connect
from streams.clients.eviction import put_out
from streams.clients.offset_targets import Move, earliest, latest, moves
from streams.clients.settings import admin_settings
from streams.config import StreamsConfig
from streams.config.load import from_environment
from streams.errors import (
    GroupIdNotFoundException,
    GroupNotEmptyException,
    KafkaException,
    LockException,
    UnknownTopicOrPartitionException,
)
from streams.names import CHANGELOG_SUFFIX, REPARTITION_SUFFIX, check_group
from streams.record import TopicPartition
from streams.runtime.group.internal_topics import CLEANUP
from streams.runtime.group.progress import progress_topic
from streams.runtime.worker.make_worker import state_directory
from streams.world import Files

BACK_MS = 4_000
"""So long is looked whether members that were put out come back: a heartbeat is every three seconds."""
LOOK_MS = 200

_internal = re.compile(
    rf".*{CHANGELOG_SUFFIX}|.*{REPARTITION_SUFFIX}|.*-subscription-registration-topic|.*-subscription-response-topic"
    r"|.+-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic",
    re.ASCII,
).fullmatch
"""`StreamsResetter.matchesInternalTopicFormat`."""
_UUID = r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Asked(NamedTuple):
    """What the command line says."""

    application_id: str
    inputs: tuple[str, ...]
    intermediate: tuple[str, ...]
    internal: tuple[str, ...]
    chosen: positions.Chosen | None
    force: bool
    delete_local: bool


class Plan(NamedTuple):
    """All that is done, and what is left.

    Args:
        members: that are put out of the group.
        moved: positions, those of intermediate topics to the end.
        stay: topics whose positions stay, as nobody names them.
        topics: that are deleted.
        others: internal topics by their name, but of another application whose id begins with this one's.
        local: the directory of the local state; None: there is none here.
    """

    members: Sequence[MemberDescription]
    moved: Sequence[Move]
    stay: Sequence[str]
    topics: Sequence[str]
    others: Mapping[str, str]
    local: Path | None


def _names(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Comma-separated lists of a repeated option."""
    return tuple(dict.fromkeys(name.strip() for each in given for name in each.split(",") if name.strip()))


def _topics(name: str, words: str) -> Callable[[options.C], options.C]:
    return click.option(name, multiple=True, metavar="TOPIC,…", callback=_names, help=words)


@click.command(
    help="Let an application begin anew: set the positions of its input (by default to the earliest), delete its "
    "internal topics and the local state of this host. Stop all instances first. --dry-run shows what would be done."
)
@click.option("--application-id", "-a", required=True, help="The application.")
@_topics("--input-topics", "Input whose positions are set; by default to the earliest.")
@_topics("--intermediate-topics", "Topics that the application writes and reads: read on behind their last records.")
@_topics("--internal-topics", "Only these of its internal topics are deleted; default: all.")
@positions.options
@click.option("--force", is_flag=True, help="Put members out of the group that are dead and not forgotten yet.")
@click.option("--dry-run", is_flag=True, help="Show all that would be done, and change nothing.")
@click.option(
    "--delete-local/--keep-local", default=True, help="The local state of this host is deleted (default), or kept."
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False),
    default=None,
    help="Where the local state lies, as `state.dir` of the application; default: where an application has it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what is done, or would be.")
@options.bootstrap
def reset(
    application_id: str,
    input_topics: tuple[str, ...],
    intermediate_topics: tuple[str, ...],
    internal_topics: tuple[str, ...],
    force: bool,
    dry_run: bool,
    delete_local: bool,
    state_dir: str | None,
    as_json: bool,
    bootstrap_servers: str | None,
) -> None:
    with refusals():
        check_group(application_id)
        chosen = positions.chosen()
        if chosen is not None and chosen.of_file and not input_topics:
            input_topics = tuple(dict.fromkeys(where.topic for where in chosen.of_file))
        asked = Asked(application_id, input_topics, intermediate_topics, internal_topics, chosen, force, delete_local)
        _check(asked)
        said = options.servers(bootstrap_servers)
        settings = admin_settings(said, {})
        door = connect(settings.bootstrap_servers, "streams-app-reset", connections=settings.connections)
        with closing(door), closing(door.admin()) as admin:
            root = _state_root(application_id, state_dir, door.address)
            plan = _planned(asked, admin, root, door.world.files)
            say: Callable[[str], None] = (lambda line: None) if as_json else click.echo
            if as_json and dry_run:
                click.echo(json.dumps(_as_json(asked, plan, dry_run), ensure_ascii=False))
            elif not as_json:
                _show(asked, plan, door.address, dry_run)
            if dry_run:
                say("This was a dry run: nothing has been changed.")
                return
            _carry_out(asked, plan, door, admin, say)
            if as_json:
                click.echo(json.dumps(_as_json(asked, plan, dry_run), ensure_ascii=False))


def _check(asked: Asked) -> None:
    """Refuses what contradicts itself."""
    if asked.chosen is not None and not asked.inputs:
        raise Refused(f"{asked.chosen.option} of which topics? Name them: --input-topics TOPIC,…")
    both = [name for name in asked.inputs if name in asked.intermediate]
    if both:
        raise Refused(f"{', '.join(both)}: named by --input-topics and by --intermediate-topics. Name it once.")
    of_file = {where.topic for where in asked.chosen.of_file} if asked.chosen is not None else set()
    other = sorted(of_file - set(asked.inputs))
    if other:
        raise Refused(f"--from-file has positions of {', '.join(other)}, which --input-topics does not name.")


def _state_root(application_id: str, state_dir: str | None, address: str) -> Path:
    """Where the application has its state on this host, whether or not there is any."""
    given = state_dir or from_environment().get("state.dir")
    config = StreamsConfig({"application.id": application_id, **({"state.dir": given} if given else {})})
    return state_directory(config, address) / application_id


# What is to be done


def _planned(asked: Asked, admin: Admin, root: Path, files: Files) -> Plan:
    """Looks at everything, and refuses what cannot be done."""
    group = asked.application_id
    try:
        found = admin.describe_group(group)
    except GroupIdNotFoundException:
        found = None
    members = () if found is None else found.members
    if members and not asked.force:
        raise GroupNotEmptyException(
            f"Consumer group '{group}' is still active and has following members: {spoken(members)}. Make sure to stop "
            "all running application instances before running the reset tool. You can use option '--force' to remove "
            "active members from the group: those that are dead, and still waited for."
        )
    committed = {} if found is None else {each: position.offset for each, position in found.offsets.items()}
    every = admin.list_topics()
    named = (*asked.inputs, *asked.intermediate)
    topics, others = _internal_topics(asked, admin, every, named)
    missing = [name for name in named if name not in every]
    if missing:
        raise UnknownTopicOrPartitionException(
            f"There is no topic {', '.join(missing)}. Nothing has been changed. `streams-app topics list` shows those "
            "there are."
        )
    local = root if asked.delete_local and _remains(root, files) else None
    if local is not None:
        with _unused(local, files):
            pass
    if found is None and not topics and local is None and not named:
        raise KafkaException(
            f"There is nothing of an application {group}: no group, no internal topics, and no local state in {root}. "
            "`streams-app groups list` shows the groups there are."
        )
    counts = {name: each.partitions for name, each in admin.describe_topics(named).items()}
    target = earliest if asked.chosen is None else asked.chosen.target
    moved = [
        *moves(admin, group, _partitions(asked.inputs, counts), committed, target),
        *moves(admin, group, _partitions(asked.intermediate, counts), committed, latest),
    ]
    stay = sorted({each.topic for each in committed} - set(named) - set(topics))
    return Plan(members, moved, stay, topics, others, local)


def _partitions(names: Iterable[str], counts: Mapping[str, int]) -> list[TopicPartition]:
    return [TopicPartition(name, number) for name in names for number in range(counts.get(name, 1))]


def _internal_topics(
    asked: Asked, admin: Admin, every: Sequence[str], named: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """The internal topics that are deleted, and those left to another application: `word` has none of `word-count`'s.

    As in Kafka's tool, an input or intermediate topic is none, whatever it is called.
    """
    prefix = f"{asked.application_id}-"
    found = [name for name in every if name.startswith(prefix) and _internal(name) and name not in named]
    longer = sorted(
        (each.group for each in admin.list_groups() if each.group.startswith(prefix)), key=len, reverse=True
    )
    others = {
        name: owner
        for name in found
        if (owner := next((each for each in longer if name.startswith(f"{each}-")), None)) is not None
    }
    own = [*(name for name in found if name not in others), *_progress(asked.application_id, admin, named)]
    unknown = [name for name in asked.internal if name not in own]
    if unknown:
        of_others = [f"{name} belongs to application {others[name]}" for name in unknown if name in others]
        raise Refused(
            f"Invalid topic specified in the --internal-topics option: {', '.join(unknown)}. Ensure that the topics "
            "specified are all internal topics. Do a dry run without the --internal-topics option to see the list of "
            f"all internal topics that can be deleted.{''.join(f' {each}.' for each in of_others)}"
        )
    return list(asked.internal or own), others


def _progress(application_id: str, admin: Admin, named: Sequence[str]) -> list[str]:
    """The topic in which its workers tell each other of their progress, which no Java application has: known by its
    name and its settings."""
    meant = progress_topic(application_id)
    found = admin.describe_topics([meant.name]).get(meant.name)
    alike = found is not None and (found.partitions, found.settings.get(CLEANUP)) == (1, meant.settings[CLEANUP])
    return [meant.name] if alike and meant.name not in named else []


def _half_deleted(root: Path, files: Files) -> list[Path]:
    """What a kill while the directory was being deleted has left."""
    name = re.compile(rf"(\.deleted-)+{re.escape(root.name)}({_UUID})+").fullmatch
    return [root.parent / each for each in files.directories(root.parent) if name(each)]


def _remains(root: Path, files: Files) -> bool:
    return files.exists(root) or bool(_half_deleted(root, files))


@contextmanager
def _unused(root: Path, files: Files) -> Iterator[None]:
    """Holds the directory's instances, so that none begins to work in it.

    Raises:
        LockException: a process has one, or they cannot be looked at.
    """
    with ExitStack() as locks:
        try:
            for name in files.directories(root):
                if name.startswith("instance-"):
                    release = files.lock(root / name / "lock")
                    if release is None:
                        raise LockException(
                            f"A process on this host works in {root / name}, though it is no member of the group. Stop "
                            "it first, or leave the local state with --keep-local."
                        )
                    locks.callback(release)
        except OSError as error:
            raise LockException(
                f"State directory {root} cannot be looked at: {error.filename}: {error.strerror}. Run this as the user "
                "of the application, or leave the local state with --keep-local."
            ) from None
        yield


# Showing it


def _as_json(asked: Asked, plan: Plan, dry_run: bool) -> dict[str, object]:
    return {
        "application_id": asked.application_id,
        "dry_run": dry_run,
        "members": [
            {"member": each.member_id, "client": each.client_id, "host": each.host, "instance_id": each.instance_id}
            for each in plan.members
        ],
        "positions": positions.rows(plan.moved),
        "warnings": [move.clipped for move in plan.moved if move.clipped],
        "positions_that_stay": list(plan.stay),
        "internal_topics": list(plan.topics),
        "topics_of_other_applications": dict(plan.others),
        "local_state": None if plan.local is None else str(plan.local),
    }


def _show(asked: Asked, plan: Plan, address: str, dry_run: bool) -> None:
    click.echo(f"Application {asked.application_id} on {address}: what {'would be' if dry_run else 'is'} done")
    if plan.members:
        click.echo(f"Members put out of the group: {spoken(plan.members)}")
    click.echo(f"Local state deleted: {plan.local or ('kept' if not asked.delete_local else 'none on this host')}")
    click.echo(f"Internal topics deleted: {', '.join(plan.topics) or 'none'}")
    for name, owner in plan.others.items():
        click.echo(f"Topic {name} stays: it belongs to application {owner}.")
    if plan.moved:
        positions.show(plan.moved, f"Positions of group {asked.application_id}:")
    else:
        click.echo("No input or intermediate topics specified: no position is set.")
    if plan.stay:
        click.echo(f"Positions that stay, as no option names their topics: {', '.join(plan.stay)}")


# Doing it


def _carry_out(asked: Asked, plan: Plan, door: Door, admin: Admin, say: Callable[[str], None]) -> None:
    group, files = asked.application_id, door.world.files
    say("Do not start the application before this says Done. If it is interrupted, run the same command again.")
    if plan.members:
        _put_out(group, plan.members, door, admin)
        say(f"Put {len(plan.members)} member{'s' * (len(plan.members) != 1)} out of the group.")
    if plan.local is not None:
        with _unused(plan.local, files), suppress(OSError):  # what is left is told of below
            for doomed in (plan.local, *_half_deleted(plan.local, files)):
                files.remove(doomed)
        if _remains(plan.local, files):
            raise KafkaException(
                f"The local state in {plan.local} could not be deleted whole. Nothing else has been changed. May this "
                "user delete it?"
            )
        say(f"Deleted the local state {plan.local}.")
    _still_empty(group, admin)
    for name in plan.topics:
        try:
            admin.delete_topic(name)
        except UnknownTopicOrPartitionException:  # somebody was quicker
            continue
        say(f"Deleted topic {name}.")
    if plan.moved:
        admin.alter_group_offsets(group, {move.partition: Position(move.after) for move in plan.moved})
        say(f"Set {len(plan.moved)} position{'s' * (len(plan.moved) != 1)}.")
    say("Done.")
    if plan.topics:
        say("Local state on other hosts is worth nothing now: delete it there too (KafkaStreams.clean_up()).")


def _put_out(group: str, members: Sequence[MemberDescription], door: Door, admin: Admin) -> None:
    """Puts members out, and looks whether they come back: who lives does, and would go on in the middle of it all."""
    put_out(door, group, members)
    until = door.world.monotonic_ms() + BACK_MS
    while door.world.monotonic_ms() < until:
        _still_empty(group, admin)
        door.world.sleep(LOOK_MS)


def _still_empty(group: str, admin: Admin) -> None:
    try:
        members = admin.describe_group(group).members
    except GroupIdNotFoundException:
        return
    if members:
        raise GroupNotEmptyException(
            f"Group {group} has members again, so they live: {spoken(members)}. No topic has been deleted and no "
            "position set. Stop them, and run the same command again."
        )
