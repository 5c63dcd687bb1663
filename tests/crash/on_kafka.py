"""`python -m tests.crash kafka`: the word count of `run` on Apache Kafka, one node or three: instances are killed and
made zombies, brokers are killed, stopped, restarted in turn, and every record is compared with the truth.

Without `--eos` a zombie's commits are refused and its records are not, as in Java, so that only kills are tried.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.crash.planted_exactly import PLANTED_EXACTLY
from tests.crash.run import parser_of, tried
from tests.kafka_broker import KafkaBroker, KafkaCluster

SESSION_MS = 3_000
AWAY_S = 4.0
"""For how long a broker is away at most."""
SETTINGS = {"group.min.session.timeout.ms": "500", "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500"}
"""Of the brokers: members and transactions whose time is over are noticed soon."""


class KafkaEngine:
    """An `Engine`: one node, or three whose topics are on all of them.

    Args:
        directory: of the trial; brokers and instances have their own in it.
        nodes: how many.
        seed: of who is frozen or killed where that is not said.
    """

    command, starts_within_s, may_be_missed = "kafka.Kafka", 20.0, True

    def __init__(self, directory: Path, nodes: int = 1, seed: int = 0) -> None:
        self._cluster = KafkaCluster(directory / "kafka", nodes, SETTINGS)
        self._brokers = self._cluster.brokers
        self._newest = self._brokers[0]
        self._random = random.Random(seed)
        self.address = self._cluster.address
        given = {
            "state.dir": directory / "data" / "state",
            "consumer.session.timeout.ms": SESSION_MS,
            "consumer.heartbeat.interval.ms": 300,
        }
        self.settings = tuple(part for name, value in given.items() for part in ("--config", f"{name}={value}"))
        self.done = Counter[str]()

    # deeds

    def torment(self, chance: random.Random) -> int:
        """See `Engine.torment`."""
        deed = chance.choice(self.deeds())
        self.done[getattr(deed, "__name__", "").strip("_").replace("_", " ")] += 1
        return deed(chance)

    def deeds(self) -> list[Callable[[random.Random], int]]:
        """What can be done to so many brokers; each says how many of them it ended."""
        found: list[Callable[[random.Random], int]] = [self._killed, self._stopped]
        if len(self._brokers) > 1:
            found += [self._leader_killed, self._controller_killed, self._all_in_turn]
        return found

    def _killed(self, chance: random.Random) -> int:
        """Any, for a while or for none."""
        return self._away(chance.choice(self._brokers), signal.SIGKILL, chance)

    def _stopped(self, chance: random.Random) -> int:
        """Orderly: it hands over what it leads, and closes its files."""
        return self._away(chance.choice(self._brokers), signal.SIGTERM, chance)

    def _leader_killed(self, chance: random.Random) -> int:
        """Of an input, an output, a changelog, or of the positions of groups or the states of transactions."""
        topics = AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=30).topics
        node = chance.choice([part.leader for _, topic in sorted(topics.items()) for part in topic.partitions.values()])
        leader = next((broker for broker in self._brokers if broker.number == node), self._brokers[0])
        return self._away(leader, signal.SIGKILL, chance)

    def _controller_killed(self, chance: random.Random) -> int:
        return self._away(self._cluster.controller(), signal.SIGKILL, chance)

    def _all_in_turn(self, chance: random.Random) -> int:
        """A rolling restart."""
        for broker in self._brokers:
            broker.stop(signal.SIGTERM)
            broker.start()
        return len(self._brokers)

    def _away(self, broker: KafkaBroker, how: signal.Signals, chance: random.Random) -> int:
        broker.stop(how)
        time.sleep(chance.choice((0.0, chance.uniform(0.0, AWAY_S))))
        broker.start()
        return 1

    # as an `Engine`

    def kill(self) -> None:
        """See `Engine.kill`."""
        self._newest = self._random.choice(self._brokers)
        self._newest.stop()
        self._newest.launch()

    def revive(self, doomed: bool = False) -> None:
        """See `Engine.revive`."""
        if doomed:
            self._newest.stop()
        if not self._newest.runs:
            self._newest.launch()
        self._newest.await_start()

    def freeze(self) -> Callable[[], None]:
        """See `Engine.freeze`."""
        broker = self._random.choice(self._brokers)
        broker.send_signal(signal.SIGSTOP)
        return lambda: broker.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """See `Engine.close`."""
        self._cluster.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("kafka", __doc__ or "", ["offsets-first", *PLANTED_EXACTLY])
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="how many brokers there are")
    asked = parser.parse_args(arguments)
    if asked.zombies and not asked.eos:
        parser.error("--zombies needs --eos: at least once, Kafka refuses a zombie's commits and takes its records")
    return tried(asked, partial(KafkaEngine, nodes=asked.nodes, seed=asked.seed))


if __name__ == "__main__":
    sys.exit(main())
