"""The catalog of topics, and the note that the engine is broken."""

from __future__ import annotations

from collections.abc import Mapping

from broker_local.base import atomic_file
from broker_local.base.faults import Corruption, DiskFailed, Refusal, StorageFailure
from broker_local.base.files import Files, replace
from broker_local.log import topics
from broker_local.log.topics import Topic

PATH = "catalog"
BROKEN = "BROKEN"
KIND = b"BLCA"
VERSION = 1
"""The version of the whole directory: raised when anything in it gets another form."""


def write(files: Files, all_topics: Mapping[str, Topic]) -> None:
    """Puts the catalog in the place of the old one.

    Raises:
        OSError: the old one still stands.
    """
    rows = [[topic.name, topic.id, topic.partitions, dict(topic.config)] for topic in all_topics.values()]
    atomic_file.write(files, PATH, KIND, VERSION, {"topics": rows})


def open_catalog(files: Files, defaults: Mapping[str, str]) -> dict[str, Topic]:
    """Reads the catalog, or begins one in an empty directory.

    Args:
        files: the disk.
        defaults: the broker's for topics.
    Raises:
        Corruption: it cannot be believed, or is missing though there are logs.
        Refusal: UNSUPPORTED_VERSION, a newer engine wrote it.
        OSError: the disk.
    """
    content = atomic_file.read(files, PATH, KIND, VERSION)
    logs = files.entries("topics")
    if content is None:
        if logs or files.size("line") >= 0:
            raise Corruption(PATH, 0, "the file is missing, and there are logs")
        files.make_directory("topics")
        write(files, {})
        return {}
    found: dict[str, Topic] = {}
    try:
        rows = content["topics"]
        assert isinstance(rows, list)
        for name, topic_id, partitions, config in rows:
            topics.check_name(name)
            if not _is_id(topic_id):
                raise ValueError(f"{topic_id!r} is no id of a topic")
            settings = topics.read(config, topics.inherited(name, defaults))
            found[name] = Topic(name, topic_id, int(partitions), config, settings)
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError, Refusal) as error:
        raise Corruption(PATH, 14, f"the content is no catalog: {error!r}") from error
    return found


def left_over(files: Files, all_topics: Mapping[str, Topic]) -> list[str]:
    """The directories that deleted topics have left; what has no id of a topic for a name is not ours."""
    ids = {topic.id for topic in all_topics.values()}
    return [f"topics/{name}" for name in files.entries("topics") if name not in ids and _is_id(name)]


def _is_id(name: str) -> bool:
    return len(name) == 32 and all(digit in "0123456789abcdef" for digit in name)


def mark_broken(files: Files, fault: StorageFailure) -> None:
    """Writes down why the engine stops. Where even that fails there is nothing left to do."""
    text = f"{fault.kind}\n{fault.file}\n{fault.offset}\n{fault.cause}\n"
    try:
        replace(files, BROKEN, text.encode())
    except OSError:
        return


def refuse_broken(files: Files) -> None:
    """Raises `DiskFailed` if the engine has stopped for a fault and nobody has looked since."""
    try:
        text = files.read(BROKEN).decode(errors="replace")
    except FileNotFoundError:
        return
    _, file, offset, cause, *_ = [*text.split("\n"), "", "", "", ""]
    advice = f"{cause}. Run 'broker-local check' on this directory"
    raise DiskFailed(file, int(offset) if offset.isdigit() else 0, advice)


def forgive(files: Files) -> None:
    """Takes the note away, after a check."""
    files.remove(BROKEN)
