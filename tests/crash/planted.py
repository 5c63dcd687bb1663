"""Bugs to be planted into the writer, which whoever looks for zombies must find."""

from __future__ import annotations

from broker_local import requests as wire
from broker_local.errorcodes import ErrorCode
from streams.clients.api import GroupMember
from streams.clients.local import errors
from streams.clients.local.writer import LocalWriter
from streams.errors import KafkaStorageException
from streams.runtime.sender import Sender


def no_stamp() -> None:
    """Batches bear nobody's name."""

    def bind(self: LocalWriter, member: GroupMember | None) -> None: ...

    setattr(LocalWriter, "bind", bind)  # noqa: B010


def retried_refusal() -> None:
    """A refusal is taken for a passing error: the batch stays, and is sent again in the name of the next member."""

    def bind(self: LocalWriter, member: GroupMember | None) -> None:
        self._member = None if member is None else wire.GroupMember(*member)
        for lane in self._lanes.values():
            for parcel in lane.queue:
                parcel.member = self._member or parcel.member

    def abort(self: Sender) -> tuple[int, int]:
        return 0, 0

    setattr(LocalWriter, "bind", bind)  # noqa: B010
    setattr(Sender, "abort", abort)  # noqa: B010
    errors.EXCEPTIONS = {**errors.EXCEPTIONS, ErrorCode.FENCED_MEMBER_EPOCH: KafkaStorageException}


PLANTED = {"no-stamp": no_stamp, "retried-refusal": retried_refusal}
