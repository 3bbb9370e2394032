"""``open_ledger``, and ``Store``: the port ``bot.ports.Ledger`` on SQLite or PostgreSQL, one transaction per method."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from bot.ledger import (
    answer_rows,
    deletion_rows,
    migrations,
    outbox_rows,
    tallies,
    trail_rows,
    trouble,
    verifying,
    witness,
)
from bot.ledger.breaker import Breaker
from bot.ledger.chain import Verdict
from bot.ledger.engine import Database, connect
from bot.ledger.freezes import Freezes
from bot.ledger.looks import Looks
from bot.ledger.writer import FOREIGN, Hook
from bot.lifecycle import Step
from bot.model import Attempt, Deletion, DeletionId, Freeze, JobId, Target
from bot.ports import LedgerTrouble
from bot.trail import Due, Event, Recorded, Tell, Waiting

Result = TypeVar("Result")


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def open_ledger(
    url: str,
    target: Target,
    *,
    owner: str | None = None,
    now: Callable[[], datetime] = utc_now,
    read_only: bool = False,
) -> Store:
    """Open the ledger, migrate it, and on SQLite hold its file for life.

    ``owner`` names this process among those that share the ledger. ``now`` only dates what has no time of its own.
    ``read_only`` is for looking beside a running bot: it takes no lock, migrates nothing, and every write is refused.
    Raises ``LedgerHeld``, ``LedgerTooNew`` or another ``LedgerTrouble``; ``ValueError`` for a URL that cannot be one.
    """
    database = connect(url, read_only=read_only)
    try:
        migrations.check(database) if read_only else migrations.upgrade(database)
        return Store(database, target, owner or secrets.token_hex(8), now)
    except BaseException:
        database.close()
        raise


class Store:
    """The ledger. Safe to use from any thread; every method is one transaction and raises only ``LedgerTrouble``."""

    def __init__(self, database: Database, target: Target, owner: str, now: Callable[[], datetime]) -> None:
        self.owner = owner
        self.is_alone = database.is_alone
        self._database = database
        self._now = now
        self._target = target
        self.on_event: Callable[[Event], None] = lambda _: None
        """Told of each event once it is written. Must not raise: what it is told of has happened."""
        self.freezes = Freezes(target, self._read, self._write, now)
        self.looks = Looks(target, self._read)
        self._breaker = Breaker(target, self._read, self._write, is_alone=database.is_alone)

    def close(self) -> None:
        """Close the connections and give up the file."""
        self._database.close()

    def _write(self, name: str, work: Callable[[Connection], Result]) -> Result:
        appended: list[Event] = []

        def noted(connection: Connection) -> Result:
            # It may be run again after a rollback.
            appended.clear()
            connection.info[trail_rows.APPENDED] = appended
            return work(connection)

        result = self._database.writer.run(name, noted)
        for event in appended:
            self.on_event(event)
        return result

    def _lease(self, name: str, work: Callable[[Connection], Result]) -> Result:
        return self._database.writer.run(name, work, lasting=False)

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        """One look at one moment: what several queries say belongs together."""
        found: LedgerTrouble
        try:
            with self._database.reading.connect() as connection:
                return work(connection)
        except FOREIGN as error:
            found = trouble.translate(error)
        raise found

    @property
    def before_commit(self) -> Hook:
        """For tests: called with the name of the transaction just before its COMMIT.

        That name is its method's; of ``change`` with a step it is ``change:`` and the step's value.
        """
        return self._database.writer.hooks.before_commit

    @before_commit.setter
    def before_commit(self, hook: Hook) -> None:
        self._database.writer.hooks.before_commit = hook

    @property
    def after_commit(self) -> Hook:
        """For tests: called with the name of the transaction just after its COMMIT, before its caller knows."""
        return self._database.writer.hooks.after_commit

    @after_commit.setter
    def after_commit(self, hook: Hook) -> None:
        self._database.writer.hooks.after_commit = hook

    # Open answers.

    def note_waiting(self, waiting: Waiting, *events: Event) -> None:
        """Remember that somebody is owed an answer by this process."""

        def work(connection: Connection) -> None:
            answer_rows.note(connection, waiting, self.owner)
            trail_rows.append(connection, events)

        self._write("note_waiting", work)

    def keep_answer(self, waiting: Waiting, text: str, *events: Event, not_before: datetime | None = None) -> None:
        """Keep an answer that could not be given; ``lease_answers`` offers it from now on, or from then on."""

        def work(connection: Connection) -> None:
            answer_rows.keep(connection, waiting, text, self.owner, not_before)
            trail_rows.append(connection, events)

        self._write("keep_answer", work)

    def answer_later(self, waiting_id: str, not_before: datetime) -> None:
        """``lease_answers`` does not offer it before then."""
        self._write("answer_later", lambda connection: answer_rows.later(connection, waiting_id, not_before))

    def answered(self, waiting_id: str, *events: Event) -> None:
        """Nobody waits any more."""

        def work(connection: Connection) -> None:
            answer_rows.done(connection, waiting_id)
            trail_rows.append(connection, events)

        self._write("answered", work)

    def lease_answers(self, now: datetime, *, limit: int = 20) -> Sequence[Waiting]:
        """Answers whose owner is gone or whose text waits to be given again; ours for a minute."""
        return self._lease(
            "lease_answers",
            lambda connection: answer_rows.lease(
                connection, now, limit=limit, owner=self.owner, is_alone=self.is_alone
            ),
        )

    # The trail.

    def record(self, *events: Event) -> None:
        """Add events that change nothing else."""
        if events:
            self._write("record", lambda connection: trail_rows.append(connection, events))

    def events(self, *, after: int = 0, limit: int = 500) -> Sequence[Recorded]:
        """Events in the order of their numbers."""
        return self._read(lambda connection: trail_rows.read(connection, after=after, limit=limit))

    def events_of(self, deletion: DeletionId) -> Sequence[Recorded]:
        """Everything that happened to one deletion."""
        return self._read(lambda connection: trail_rows.of_deletion(connection, deletion))

    def head(self) -> tuple[int, str]:
        """The newest event's number and hash; (0, ``chain.GENESIS``) when there is none."""
        return self._read(trail_rows.head)

    def verify(self) -> Verdict:
        """Check the whole trail, from the newest checkpoint to the head, as it stands at one moment."""
        return self._read(verifying.verify)

    def missing_guards(self) -> frozenset[str]:
        """The triggers that should protect the trail and are not there."""
        return self._read(verifying.missing_guards)

    # Deletions.

    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """Insert a deletion with its events; None when that is done.

        Otherwise nothing is written and the answer is what is in the way: a freeze, the open deletion of the same job,
        or how many are open when that is the most allowed. A deletion that is refused from the start is only kept.
        """

        def work(connection: Connection) -> Deletion | Freeze | int | None:
            in_the_way = deletion_rows.propose(connection, deletion, self.owner, max_open)
            if in_the_way is None:
                trail_rows.append(connection, events)
            return in_the_way

        return self._write("propose", work)

    def get(self, deletion: DeletionId) -> Deletion | None:
        """One deletion with its attempts."""
        return self._read(lambda connection: deletion_rows.get(connection, deletion))

    def standing(self, job: JobId) -> Deletion | None:
        """The open deletion of that job of this target, if there is one."""
        return self._read(lambda connection: deletion_rows.standing(connection, self._target, job))

    def earlier(self, deletion: Deletion, since: datetime) -> Sequence[Deletion]:
        """Other deletions of the same job and target, asked, confirmed or ended since then, newest first."""
        return self._read(lambda connection: deletion_rows.earlier(connection, deletion, since))

    def open_deletions(self, *, limit: int = 50) -> Sequence[Deletion]:
        """The deletions that are open, oldest first."""
        return self._read(lambda connection: deletion_rows.open_ones(connection, limit))

    def open_count(self) -> int:
        """How many deletions are open."""
        return self._read(deletion_rows.open_count)

    def change(
        self,
        deletion: DeletionId,
        step: Step | None,
        values: Mapping[str, Any],
        *events: Event,
        where: Mapping[str, Any] | None = None,
        before_deadline: datetime | None = None,
        attempt: Attempt | None = None,
        tell: Iterable[Tell] = (),
    ) -> Deletion | None:
        """The conditional update; see ``Ledger.change``. It also gives up this process's lease on the row.

        ``values`` may name any field of ``Deletion`` but ``id``, ``target``, ``state`` and ``attempts``. ``where`` may
        name those, ``state``, and ``job_id``, ``job_state``, ``job_name``, ``asset_id``, ``last_update_time``.
        """
        statement, parameters = deletion_rows.prepare_change(deletion, step, values, where, before_deadline, self.owner)
        # Kept, because the transaction may be run a second time and an iterator would be empty by then.
        tells = tuple(tell)

        def work(connection: Connection) -> Deletion | None:
            row = deletion_rows.change(connection, statement, parameters, attempt)
            if row is not None:
                newest = trail_rows.append(connection, events)
                outbox_rows.write(connection, witness.quoted(tells, newest), self._now())
            return row

        return self._write("change" if step is None else f"change:{step.value}", work)

    def lease_deletions(
        self,
        purpose: str,
        now: datetime,
        *,
        seconds: float,
        limit: int = 10,
        deadline: tuple[datetime, datetime] | None = None,
    ) -> Sequence[Deletion]:
        """Deletions with work of that kind due; see ``Ledger.lease_deletions``. ``change`` ends the lease early."""
        return self._lease(
            "lease_deletions",
            lambda connection: deletion_rows.lease(
                connection,
                purpose,
                now,
                seconds=seconds,
                limit=limit,
                owner=self.owner,
                target=self._target,
                is_alone=self.is_alone,
                deadline=deadline,
            ),
        )

    # The outbox.

    def tell(self, *tells: Tell) -> None:
        """Write messages that belong to no change."""
        if tells:
            self._write("tell", lambda connection: outbox_rows.write(connection, tells, self._now()))

    def lease_tells(
        self, now: datetime, *, thread: str | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """The oldest message of each thread, if it is due and nobody holds it."""
        return self._lease(
            "lease_tells",
            lambda connection: outbox_rows.lease(
                connection, now, thread=thread, seconds=seconds, limit=limit, owner=self.owner
            ),
        )

    def told(self, due: Due, *events: Event, then: Iterable[Tell] = ()) -> None:
        """Slack took it, or ``then`` goes elsewhere. When somebody else was faster, only the events are written."""
        following = tuple(then)

        def work(connection: Connection) -> None:
            if outbox_rows.gone(connection, due):
                outbox_rows.write(connection, following, self._now())
            trail_rows.append(connection, events)

        self._write("told", work)

    def tell_again(self, due: Due, at: datetime) -> None:
        """Give the message back, to be tried again at that time."""
        self._write("tell_again", lambda connection: outbox_rows.again(connection, due, at, self.owner))

    def outbox_count(self) -> int:
        """How many messages Slack still has to take."""
        return self._read(outbox_rows.count)

    # The running log.

    def log_cursor(self, channel: str) -> int:
        """The number of the last event told there; the present head when the channel is new."""
        standing = self._read(lambda connection: outbox_rows.cursor(connection, channel))
        if standing is not None:
            return standing

        def work(connection: Connection) -> int:
            return outbox_rows.start_cursor(connection, channel, trail_rows.head(connection).number)

        return self._write("log_cursor", work)

    def lease_log(self, channel: str, now: datetime, *, seconds: float) -> int | None:
        """Where the running log stands, now ours for so long; None while another replica tells it."""
        until = now + timedelta(seconds=seconds)

        def work(connection: Connection) -> int | None:
            return outbox_rows.lease_cursor(connection, channel, now, until, self.owner, is_alone=self.is_alone)

        return self._lease("lease_log", work)

    def advance_log(self, channel: str, number: int) -> None:
        """Events up to that number have been told there."""
        self._write("advance_log", lambda connection: outbox_rows.move_cursor(connection, channel, number, self.owner))

    def claim_day(self, channel: str, day: int) -> bool:
        """Whether this caller tells the head there on that day."""
        return self._write("claim_day", lambda connection: outbox_rows.claim_day(connection, channel, day))

    # The breaker, and readiness.

    def breaker_allows(self, fingerprint: str, now: datetime) -> bool:
        """Whether a signed call may leave."""
        return self._breaker.allows(fingerprint, now)

    def breaker_open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """MetaStudio rejected the credentials; from now on nothing is sent for five minutes."""
        self._breaker.open(fingerprint, now, *events)

    def breaker_close(self, fingerprint: str, *events: Event) -> None:
        """A signed call was accepted."""
        self._breaker.close(fingerprint, *events)

    def tally(self, fingerprint: str) -> tallies.Tally:
        """How much is open and owed, and whether the breaker is open for these credentials."""
        return self._read(lambda connection: tallies.count(connection, self._target, fingerprint))

    def ping_writable(self) -> None:
        """Write something and wait for the disk; raises ``LedgerTrouble`` when that cannot be done."""
        self._write("ping_writable", lambda connection: answer_rows.seen(connection, self.owner, self._now()))
