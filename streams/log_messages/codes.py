"""The codes of warnings and errors: each line of the log has one that stays, whatever becomes of its words.

A code is found by the module that writes the line and by its text before anything is put in. `docs/log-messages.md` is
made from this table.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Message(NamedTuple):
    """Lines of one meaning.

    Args:
        code: that they bear.
        meaning: what has happened.
        advice: what to do.
        lines: module and text of each.
    """

    code: str
    meaning: str
    advice: str
    lines: tuple[tuple[str, str], ...]


# fmt: off
MESSAGES: tuple[Message, ...] = (
    Message(
        "worker-failed",
        "A worker has ended with an error. What becomes of the application is the uncaught exception handler's "
        "word; without one it ends.",
        "The exception says what failed, where, and what to do ([errors.md](errors.md)).",
        (
            ("app", "%s failed."),
        ),
    ),
    Message(
        "application-failed",
        "The application has ended with an error; the last line of a log in JSON.",
        "The line says what failed, where, and what to do ([errors.md](errors.md)).",
        (
            ("run", "The application has failed: %s"),
        ),
    ),
    Message(
        "worker-not-replaced",
        "The uncaught exception handler wanted another worker in the place of one that failed, and it could not "
        "be made.",
        "As for the exception; the application ends.",
        (
            ("app", "%s could not be replaced."),
        ),
    ),
    Message(
        "worker-close-failed",
        "Something failed while a worker that ends gave its tasks up. What it had not committed is done again "
        "by their next owner.",
        "Look at `close()` of your processors, and at the disk.",
        (
            ("worker", "%s failed while it was closed."),
        ),
    ),
    Message(
        "worker-restarted",
        "A worker process was killed by a signal, and its supervisor has started it again.",
        "9 is often the kernel, for want of memory: look at `dmesg`.",
        (
            ("supervisor", "Worker %d was ended by signal %d and is started again."),
        ),
    ),
    Message(
        "worker-killed",
        "A worker process did not end in time, or a second signal has come, and it was killed. What it had not "
        "committed is done again.",
        "A function of yours that does not return holds the end up.",
        (
            ("supervisor", "Worker %d %s."),
        ),
    ),
    Message(
        "supervisor-gone",
        "The process that started the workers has ended, and they end with it.",
        "Look at its own end.",
        (
            ("supervisor", "The supervisor has ended, and so does this worker."),
        ),
    ),
    Message(
        "uncaught-handler-failed",
        "The uncaught exception handler has itself failed; the application ends.",
        "Mend the handler.",
        (
            ("app", "The uncaught exception handler failed; the client shuts down."),
        ),
    ),
    Message(
        "state-listener-failed",
        "The state listener has failed; the change of state stands.",
        "Mend the listener.",
        (
            ("lifecycle", "%s: the state listener failed at the change from %s to %s."),
        ),
    ),
    Message(
        "shutdown-application",
        "`SHUTDOWN_APPLICATION` ends this instance alone for now.",
        "Stop the others.",
        (
            ("app", "SHUTDOWN_APPLICATION is not built yet: this client shuts down, other instances go on."),
        ),
    ),
    Message(
        "setting-unread",
        "A client setting was given that the clients of an application do not read.",
        "Take it away; [settings.md](settings.md) says which are read.",
        (
            ("app",
             "The setting %s changes nothing in an application: its clients are the runtime's own "
             "(docs/settings.md says which of their settings they read)."),
        ),
    ),
    Message(
        "setting-ignored",
        "A setting was given that Kafka Streams sets itself, or that has no meaning here.",
        "Take it away.",
        (
            ("derived", "The setting producer.transactional.id is ignored: the application makes its own."),
            ("derived", "The setting %s=%s of the %s is ignored: Kafka Streams needs %s."),
            ("load", "%s: %s has no effect here: %s."),
        ),
    ),
    Message(
        "guarantee-changed",
        "The application worked with another `processing.guarantee` before, on the same state.",
        "Nothing, if that was meant.",
        (
            ("guarantee",
             "%s: this application worked with processing.guarantee=%s before, and goes on from the same state "
             "with %s. %s"),
        ),
    ),
    Message(
        "records-dropped",
        "A node has dropped records: how many, why, and where the first was.",
        "[monitoring.md](monitoring.md#dropped-records) has the causes.",
        (
            ("dropped", "%s%s dropped %d record%s: %s. %s"),
        ),
    ),
    Message(
        "negative-timestamp",
        "The timestamp extractor gave a negative time; the record is dropped.",
        "Another extractor.",
        (
            ("processor", "Input record %s will be dropped because it has an invalid (negative) timestamp."),
        ),
    ),
    Message(
        "deserialization-failed",
        "A record could not be read, and its handler has been asked.",
        "Give the serde that it was written with, or a handler that goes on.",
        (
            ("exception_handlers", "Exception caught during Deserialization, %s"),
        ),
    ),
    Message(
        "processing-failed",
        "A step has failed with a record, and its handler has been asked.",
        "Mend the function, or a handler that goes on.",
        (
            ("exception_handlers", "Exception caught during message processing, processor node: %s, %s"),
        ),
    ),
    Message(
        "production-failed",
        "Records were refused, and the production exception handler lets them go.",
        "The message has the engine's reason.",
        (
            ("sender", "%s\nThe production exception handler lets %d records go."),
        ),
    ),
    Message(
        "dead-letters-unsent",
        "A worker has ended before all its dead letters were sent.",
        "Their records are read again after a restart, if they were not committed.",
        (
            ("dead_letters", "%s ends, and not all of its %d dead letters were sent: %s"),
        ),
    ),
    Message(
        "global-dead-letters-unsent",
        "Dead letters of a global store are not sent: each worker reads the topic for itself.",
        "The records are still in its topic.",
        (
            ("global_task",
             "%d dead letters of global store %s are not sent to %s: each worker reads a global table for "
             "itself. The records are still in its topic, where the lines above say."),
        ),
    ),
    Message(
        "task-taken-back",
        "A task was taken back to its last commit, and does the rest again.",
        "The message has the reason; where it comes again and again, that is what to mend.",
        (
            ("committer", "%s takes task %s back to its last commit: %s"),
        ),
    ),
    Message(
        "transaction-aborted",
        "Exactly once: the transaction of a worker was aborted, and all its tasks go back to their last commit.",
        "As above.",
        (
            ("committer",
             "%s aborts its transaction: %d tasks go back to their last commit; %d records were not sent, and "
             "%d not acknowledged."),
        ),
    ),
    Message(
        "transaction-timed-out",
        "Exactly once: a transaction was open for longer than `transaction.timeout.ms`, and the engine has "
        "aborted it.",
        "A shorter `commit.interval.ms`, or a longer timeout; was the machine suspended?",
        (
            ("transactions",
             "%s had a transaction open for %d ms, and transaction.timeout.ms is %d: the broker has aborted it. "
             "Where functions or commits take so long, set producer.transaction.timeout.ms higher."),
        ),
    ),
    Message(
        "last-commit-failed",
        "A worker that ends could not commit; what it did since its last commit is done again.",
        "Nothing as a rule; is the engine there?",
        (
            ("loop", "%s could not commit before it ends: %s"),
        ),
    ),
    Message(
        "membership-lost",
        "The group has put a worker out: it was silent or slow. It gives its tasks up without a commit and "
        "joins again.",
        "`max.poll.interval.ms` for slow functions, `session.timeout.ms` for a busy machine.",
        (
            ("rebalance_listener",
             "%s lost its place in the group: %s. It gives up %d tasks without a commit and drops %d records "
             "that were not sent and %d batches with %d records that were not acknowledged; who has the tasks "
             "now does it again."),
        ),
    ),
    Message(
        "group-unanswered",
        "The engine has given no answer in the middle of a rebalance; it is asked again until `task.timeout.ms`.",
        "Is the engine there?",
        (
            ("rebalance_listener", "%s asks again: %s"),
        ),
    ),
    Message(
        "revoked-uncommitted",
        "Tasks go to another worker without a commit; that one does the rest again.",
        "As the message says.",
        (
            ("rebalance_listener", "%s gives tasks up without a commit; their owner does the rest again: %s"),
        ),
    ),
    Message(
        "topic-deleted",
        "A topic that matched a pattern was deleted; its task goes on with the others.",
        "Nothing, if that was meant.",
        (
            ("rebalance_listener", "%s reads %s no more: the topic was deleted."),
        ),
    ),
    Message(
        "topology-mismatch",
        "An instance runs another topology under the same `application.id`, and gets no tasks, or nobody runs a "
        "task.",
        "Bring all instances to one version.",
        (
            ("leader", "Task %s is run by nobody: %s."),
            ("leader", "Member %s of the group gets no task: %s"),
        ),
    ),
    Message(
        "position-lost",
        "A position lies outside its log: retention, or a power cut. Reading goes on where the message says.",
        "Longer retention; or is the instance too far behind?",
        (
            ("globals", "Global topic %s has lost its position; reading goes on at offset %d."),
            ("loop", "%s: %s Reading goes on at offset %d."),
            ("loop", "%s: %s"),
        ),
    ),
    Message(
        "position-reset",
        "The same for a consumer of your own: `auto.offset.reset` has its word.",
        "As above.",
        (
            ("consumer", "%s It is reset by auto.offset.reset=%s."),
        ),
    ),
    Message(
        "position-unknown",
        "A consumer has found no position that it could go on from.",
        "`seek`, commit, or set `auto.offset.reset`.",
        (
            ("consumer", "%s"),
        ),
    ),
    Message(
        "log-cut-back",
        "The log was cut back below a consumer, by a power cut.",
        "Nothing: it reads on there.",
        (
            ("consumer", "%s Reading goes on there."),
        ),
    ),
    Message(
        "auto-commit-failed",
        "The automatic commit of a consumer has failed; the next one is tried.",
        "What was read since may come again.",
        (
            ("consumer", "The automatic commit of group %s failed: %s"),
            ("group_membership", "The automatic commit of group %s failed: %s"),
        ),
    ),
    Message(
        "async-commit-failed",
        "`commit_async` without a callback has failed.",
        "Give it a callback, or use `commit_sync`.",
        (
            ("consumer", "An asynchronous commit of group %s failed: %s"),
        ),
    ),
    Message(
        "partitions-lost",
        "A consumer has lost its partitions without a word before.",
        "Poll more often, or raise `max.poll.interval.ms`.",
        (
            ("subscriber", "%s"),
        ),
    ),
    Message(
        "send-callback-failed",
        "The callback of a future asked for the end of the thread that serves all clients. It goes on.",
        "Do not call `sys.exit` in a callback.",
        (
            ("producer", "A callback of send() asked for the end of the thread that serves all clients."),
        ),
    ),
    Message(
        "background-failed",
        "The thread that serves the clients of this process has met an error; the client that it belongs to is "
        "told.",
        "A defect of ours where it is no error of the machine: tell us.",
        (
            ("background", "%r could not be told that it is served no longer"),
            ("background", "the thread that serves the clients of this process failed"),
            ("background", "%r failed and is served no longer"),
        ),
    ),
    Message(
        "async-steps-ended",
        "The thread that runs `map_values_async` has ended.",
        "The exception says why.",
        (
            ("aio", "The thread that runs asynchronous steps ended."),
        ),
    ),
    Message(
        "processor-close-failed",
        "`close()` of a processor has failed.",
        "Mend it.",
        (
            ("processor_topology", "%sfailed to close processor %s"),
        ),
    ),
    Message(
        "state-rebuilt",
        "The state of a task is worth nothing, for the reason that is told, and is built anew from its "
        "changelog. Nothing is lost.",
        "Nothing, but for the time that it takes.",
        (
            ("restore", "Store %s of task %s is rebuilt from its changelog: %s."),
            ("takeover", "Store %s of task %s is rebuilt from its changelog: %s."),
            ("tasks", "The state of task %s is rebuilt from its changelogs: %s."),
        ),
    ),
    Message(
        "global-state-rebuilt",
        "The same for a global store, from its topic.",
        "Nothing.",
        (
            ("damaged_state", "The global stores are rebuilt at the next start: %s."),
            ("globals", "The global stores are rebuilt from their topics: %s."),
            ("globals", "Global store %s is rebuilt from its topic: %s"),
            ("globals", "Global store %s is rebuilt from its topic: %s."),
        ),
    ),
    Message(
        "restored-without-skipped",
        "A store on its source topic was restored without records that a handler had let go.",
        "Nothing.",
        (
            ("restore",
             "Store %s was restored from %s without %d records that had been skipped when they were processed: "
             "they cannot be read, or have no timestamp. The first is at offset %d."),
        ),
    ),
    Message(
        "state-file-damaged",
        "A small file in the state directory is damaged, and was made anew.",
        "Look at the disk.",
        (
            ("directory", "%s is damaged (%s); this worker gets a new id."),
            ("directory", "%s is damaged (%s) and is written anew."),
        ),
    ),
    Message(
        "state-close-failed",
        "RocksDB could not be closed properly; what was committed is in its log.",
        "Look at the disk: is it full?",
        (
            ("rocks", "The state in %s could not be closed properly: %s"),
        ),
    ),
    Message(
        "instance-fenced-twice",
        "Two workers have used one instance directory at the same time; this one has taken a new identity.",
        "Is the state directory shared by machines?",
        (
            ("directory", "Worker in %s was fenced twice within a minute and goes on as %s."),
        ),
    ),
    Message(
        "purge-failed",
        "Records of repartition topics that are done could not be deleted; it is tried again.",
        "Nothing, unless it lasts: the topics grow.",
        (
            ("purge", "%s could not purge its repartition topics: %s"),
        ),
    ),
    Message(
        "word-unsent",
        "A word about how far this worker is did not arrive (`max.task.skew.ms`).",
        "Nothing: the next one says more.",
        (
            ("sender", "A record to %s did not arrive: %s"),
        ),
    ),
    Message(
        "skew-not-waited-for",
        "A task that others waited for has not moved for `max.task.skew.wait.ms`; they go on.",
        "Why does it stand still?",
        (
            ("alignment", "%s %s"),
        ),
    ),
    Message(
        "trouble",
        "Something keeps the application from its work for the moment; it goes on by itself.",
        "[monitoring.md](monitoring.md#what-keeps-an-application-from-its-work) has the causes.",
        (
            ("troubles", "%s%s"),
        ),
    ),
    Message(
        "http-server-ended",
        "The HTTP server has ended with an error; the application goes on without it.",
        "The exception says why.",
        (
            ("server", "The HTTP server has ended."),
        ),
    ),
    Message(
        "query-failed",
        "A query has failed for a reason that is not its asker's.",
        "The exception says why.",
        (
            ("routes", "A query failed."),
        ),
    ),
    Message(
        "watch-ended",
        "A watch of a store has ended.",
        "It is taken up again by `Last-Event-ID`.",
        (
            ("watch", "Watching %s has ended: %s"),
        ),
    ),
    Message(
        "watch-record-unread",
        "A record of a watched changelog could not be read.",
        "Has something else written to it?",
        (
            ("watch", "The record at offset %d of partition %d is not told: %s"),
        ),
    ),
    Message(
        "broker-descriptors",
        "The bundled broker has no descriptor left for a connection.",
        "`ulimit -n`.",
        (
            ("acceptor", "no descriptor is left for a connection; raise the limit (ulimit -n) or close some"),
        ),
    ),
    Message(
        "broker-memory",
        "The bundled broker has closed a connection that held memory and read nothing.",
        "Is that client frozen?",
        (
            ("memory", "a client that moves nothing holds %d bytes, and memory is short: closed"),
        ),
    ),
    Message(
        "broker-compaction",
        "A partition could not be compacted, or only around a damaged batch.",
        "Look at the disk.",
        (
            ("log_manager", "%r is not compacted now: %s"),
            ("log_manager", "%r is not compacted; a pass over it failed:\n%s"),
            ("log_manager", "%r is compacted around a batch: %s"),
        ),
    ),
    Message(
        "worker-not-put-out",
        "A worker process has died, and the group of Apache Kafka waits for it until its session has run out.",
        "Nothing, but for that time.",
        (
            ("workers", "The worker that died could not be put out of the group, which waits for it: %s"),
        ),
    ),
    Message(
        "internal-topic-retention",
        "An internal topic keeps its records for less time than its store needs.",
        "The command that the message names sets it right.",
        (
            ("internal_topics",
             "Retention time (retention.ms) of existing internal topic %s is %s but should be %s or larger: it "
             "loses records before their time. streams-app topics alter %s retention.ms=%s sets it right."),
        ),
    ),
    Message(
        "connect-connector",
        "Something about the configuration of a connector, or its files.",
        "The message says what.",
        (
            ("distributed", "%s"),
            ("standalone", "%s"),
            ("standalone", "Connector %s: %s"),
        ),
    ),
    Message(
        "connect-task-restarted",
        "A connector, or a task of one, has failed, and is begun anew after a while.",
        "The message has the reason.",
        (
            ("supervisor", "%s is %s: %s. It is begun anew in %.1f s."),
            ("supervisor", "%s failed, and is begun anew in %.1f s.\n%s"),
        ),
    ),
    Message(
        "connect-task-retries",
        "A connector, or a task of one, tries something again, and again.",
        "The message has the reason.",
        (
            ("sink_runner", "Task %s tries again and again: %s"),
            ("supervisor", "%s tries again and again: %s"),
            ("transaction", "%s asks again how its transaction ended: %s"),
        ),
    ),
    Message(
        "connect-task-stuck",
        "A connector, or a task of one, does not stop. What it has not committed is done again.",
        "A function of its connector that does not return holds it up.",
        (
            ("running", "%s does not stop. What it has not committed is done again."),
        ),
    ),
    Message(
        "connect-task-put-out",
        "The task of a sink was put out of its group, as it was silent for too long. It joins again, and goes on from "
        "what is committed.",
        "Where it comes again: `consumer.override.max.poll.interval.ms`, or fewer records a batch.",
        (
            ("sink_runner", "Task %s has lost its partitions, and joins its group again: %s"),
        ),
    ),
    Message(
        "connect-task-elsewhere",
        "Another worker runs the same task.",
        "End the other one, or give this worker another `group.id`.",
        (
            ("supervisor",
             "%s: another worker runs it (%s). It stays down here; end the other one, or give this worker "
             "another group.id."),
        ),
    ),
    Message(
        "connect-worker-retries",
        "A worker of Connect cannot do now what it is to do, and tries again every second. What runs goes on.",
        "The message has the reason. Does the engine answer?",
        (
            ("herder", "The tasks of connector %s wait: %s: %s"),
            ("herder", "The worker tries again: %s: %s"),
            ("herder", "The worker tries again."),
        ),
    ),
    Message(
        "connect-worker-lost",
        "A worker of Connect was silent for longer than its session: others run what it ran, and it begins anew.",
        "Was the machine overloaded, or the process stopped? Else a longer `session.timeout.ms`.",
        (
            ("worker_group", "The worker has lost its place among the others, and begins anew: %s"),
        ),
    ),
    Message(
        "connect-worker-refused",
        "A worker of Connect gets no work: it does not speak with the others of its `group.id`.",
        "Give all workers the same version, and the group to nobody else.",
        (
            ("worker_group", "The worker cannot work with others: %s: %s"),
            ("worker_group", "The member %s of the group gets no work: %s"),
            ("worker_group", "The worker gets no work from the one that hands it out: %s"),
        ),
    ),
    Message(
        "connect-request-failed",
        "A request to a worker of Connect has failed for a reason that nobody has foreseen.",
        "The traceback says where.",
        (
            ("routes", "A request failed."),
        ),
    ),
    Message(
        "connect-commit-failed",
        "The last commit of a task of a connector has failed; what it did since is done again.",
        "Nothing as a rule.",
        (
            ("sink_runner", "The last commit of task %s for %s failed: %s"),
        ),
    ),
    Message(
        "connect-records-lost",
        "Records of a topic were deleted before a sink has read them.",
        "Longer retention; or why is the sink so far behind?",
        (
            ("sink_runner",
             "%s begins at offset %s by now, and task %s stands at %s: %s records were deleted before they were "
             "read."),
        ),
    ),
    Message(
        "connect-record-failed",
        "A record has failed in a connector, and `errors.tolerance` has its word.",
        "The message names the stage.",
        (
            ("tolerance", "Error encountered in task %s. Executing stage '%s' with class '%s'.%s %s: %s"),
        ),
    ),
    Message(
        "connect-file",
        "A file that a connector reads is not there, has become shorter, or is another one.",
        "Nothing, if that was meant.",
        (
            ("tail",
             "%s is not the file any more that was read to byte %s, and no other beside it is. It is read from "
             "its beginning; what was behind that byte in the old one is lost."),
            ("tail", "%s has shrunk from %s to %s bytes: it is read from its beginning."),
            ("tail", "There is no file %s; it is waited for."),
        ),
    ),
    Message(
        "connect-jdbc-mode",
        "A source of a database may lose rows, as its mode is.",
        "The message names a mode that loses none ([connect.md](connect.md)).",
        (
            ("source", "Connector %s: %s"),
        ),
    ),
    Message(
        "connect-jdbc-table",
        "A table that a connector reads is not there, or not any more.",
        "Nothing, if that was meant; it is read once it is there.",
        (
            ("source", "There is no table %s any more; it is not read."),
            ("source", "There is no table %s for %s to read; it is looked for again."),
        ),
    ),
    Message(
        "connect-jdbc-read-anew",
        "What notes the changes of a table was gone: it is read from its beginning, or updates meanwhile were not "
        "seen.",
        "Who alters the table, or drops triggers and indexes that are not his?",
        (
            ("changes", "%s is read anew: a column was added, or the table was made anew, and its triggers were gone."),
            ("transaction", "The trigger or the index of %s is gone; updates meanwhile were not seen."),
        ),
    ),
    Message(
        "connect-jdbc-transaction-open",
        "Rows are not read yet, since an older transaction of the database is still open.",
        "End the one that the message names.",
        (
            ("transaction", "Rows of %s wait for a transaction that is still open: %s."),
        ),
    ),
    Message(
        "connect-jdbc-changes-kept",
        "Changes of a table are kept for a connector that does not read them.",
        "Run that connector, or delete its row, as the message says.",
        (
            ("changes",
             "%s changes of %s are kept for connector %s, which does not read them. If it is no more: delete from "
             "%s where connector = '%s';"),
        ),
    ),
    Message(
        "connect-jdbc-statement",
        "A statement that prepares a table could not be run. Where another task was quicker, that is no fault.",
        "The message has the database's words; `streams-app connect validate` prints what has to be run.",
        (
            ("tables", "%s could not be run: %s"),
        ),
    ),
    Message(
        "broker-disk",
        "A file of the bundled broker cannot be read or written.",
        "Look at the disk.",
        (
            ("read_faults", "%s."),
        ),
    ),
)
# fmt: on

_BY_LINE: Mapping[tuple[str, str], str] = MappingProxyType(
    {line: message.code for message in MESSAGES for line in message.lines}
)


def code_of(record: logging.LogRecord) -> str:
    """The code of a line; "": it has none, as what is no warning, or what your own code writes."""
    return _BY_LINE.get((record.module, str(record.msg)), "")


class Coded(logging.Filter):
    """A filter for a handler: gives each record its `code`, and `coded`, which is ` [code]`, for a format."""

    def filter(self, record: logging.LogRecord) -> bool:
        """All pass."""
        given: object = vars(record).get("code")
        code = given if isinstance(given, str) else code_of(record)
        record.coded = f" [{code}]" if code else ""
        if code:
            record.code = code
        return True
