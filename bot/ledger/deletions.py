"""The deletions: who may change a row is decided by the row count of a conditional update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from bot.audit import witness
from bot.domain.events import Event
from bot.domain.ledger_port import DueWork, LedgerTrouble
from bot.domain.lifecycle import Step, sources, target
from bot.domain.model import OPEN_STATES, Attempt, Deletion, DeletionId, Freeze, JobId, State, Target
from bot.domain.notifications import Notification
from bot.domain.outcomes import Ending
from bot.ledger import attempts as attempt_rows
from bot.ledger import freezes, leases, outbox, pending_requests
from bot.ledger.database import dialects, trouble
from bot.ledger.leases import NOW
from bot.ledger.schema.mapping import (
    COMPARABLE,
    SETTABLE,
    attempt_from,
    columns_of,
    deletion_columns,
    deletion_from,
)
from bot.ledger.schema.tables import (
    UtcText,
    attempts,
    deletions,
    has_read_due,
    in_states,
    is_awaiting,
    is_deleting,
    is_open,
    is_readable,
)
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

ORPHANED_AFTER = timedelta(seconds=240)
"""After that a card without a message never gets one: ``bot.deletion.post_card`` gives up earlier."""

FIRST_STEPS = {State.AWAITING: Step.PROPOSE, State.REFUSED: Step.REFUSE}
"""The step by which a deletion is proposed. One that is inserted again after the ledger lost it takes none."""
CLAIMS = frozenset({Step.CLAIM, Step.CLAIM_AGAIN})
NEVER_CLAIMED = frozenset({State.AWAITING, State.REFUSED, State.CANCELLED, State.EXPIRED})
"""The states in which no DELETE was ever claimed, so that there are no attempts to read."""

_c = deletions.c

_GET = select(deletions).where(_c.id == bindparam("wanted"))
_ATTEMPTS = select(attempts).where(attempts.c.deletion == bindparam("of")).order_by(attempts.c.number)
_ATTEMPTS_OF_MANY = (
    select(attempts).where(attempts.c.deletion.in_(bindparam("of", expanding=True))).order_by(attempts.c.number)
)
_OPEN = select(deletions).where(is_open).order_by(_c.asked_at, _c.id).limit(bindparam("most"))
_OPEN_COUNT = select(func.count()).select_from(deletions).where(is_open)
_SAME_JOB = and_(
    _c.endpoint == bindparam("endpoint"), _c.project_id == bindparam("project_id"), _c.job_id == bindparam("job_id")
)
_CURRENT = select(deletions).where(_SAME_JOB, is_open)
_SINCE = bindparam("since", type_=UtcText)
_EARLIER = (
    select(deletions)
    .where(
        _SAME_JOB,
        or_(_c.asked_at >= _SINCE, _c.confirmed_at >= _SINCE, _c.ended_at >= _SINCE),
        _c.id != bindparam("but"),
    )
    .order_by(_c.asked_at.desc(), _c.id)
)


def _whole(connection: Connection, row: Row[Any]) -> Deletion:
    if row.state in NEVER_CLAIMED and row.ended_why != Ending.LOST_COMMITS:
        return deletion_from(row)
    return deletion_from(row, tuple(attempt_from(line) for line in connection.execute(_ATTEMPTS, {"of": row.id})))


def many(connection: Connection, found: Sequence[Row[Any]]) -> list[Deletion]:
    """Several deletions, in the order of their rows, with one more query for all their attempts."""
    if not found:
        return []
    tried: dict[str, list[Attempt]] = {}
    for line in connection.execute(_ATTEMPTS_OF_MANY, {"of": [row.id for row in found]}):
        tried.setdefault(line.deletion, []).append(attempt_from(line))
    return [deletion_from(row, tuple(tried.get(row.id, ()))) for row in found]


def _insert(connection: Connection, deletion: Deletion, instance: str, max_open: int) -> Deletion | Freeze | int | None:
    """Insert, unless a freeze stands, a deletion of the same job is open, or too many are open."""
    columns = deletion_columns(deletion, instance)
    if deletion.state not in OPEN_STATES:
        connection.execute(insert(deletions), columns)
        return None
    if frozen := freezes.current(connection, deletion.target):
        return frozen
    job = {name: columns[name] for name in ("endpoint", "project_id", "job_id")}
    # The other rounds are for PostgreSQL: the open deletion may have ended between our INSERT and our SELECT.
    for _ in range(3):
        already: int = connection.execute(_OPEN_COUNT).scalar_one()
        if already < max_open and dialects.insert_new(
            connection,
            deletions,
            columns,
            index_elements=(_c.endpoint, _c.project_id, _c.job_id),
            index_where=is_open,
        ):
            return None
        current = connection.execute(_CURRENT, job).one_or_none()
        if current is not None:
            return _whole(connection, current)
        if already >= max_open:
            return already
    raise AssertionError("the unique index refused a row that nothing stood in the way of, three times")


@lru_cache(maxsize=256)
def _change(
    step: Step | None,
    names: tuple[str, ...],
    equal: tuple[str, ...],
    empty: tuple[str, ...],
    has_deadline: bool,  # noqa: FBT001 - lru_cache wants it positional.
) -> Update:
    """The statement for one shape of change. Cached, because building it costs more than running it."""
    statement = update(deletions).where(_c.id == bindparam("wanted"))
    if step is not None:
        statement = statement.where(in_states(*sorted(sources(step))))
    if step in CLAIMS:
        # In the same statement that wins the claim, because a query before it would leave a gap for a freeze.
        statement = statement.where(~freezes.is_frozen)
    for name in equal:
        statement = statement.where(_c[name] == bindparam(f"where_{name}", type_=_c[name].type))
    for name in empty:
        statement = statement.where(_c[name].is_(None))
    if has_deadline:
        statement = statement.where(_c.deadline_at > bindparam("before_deadline", type_=UtcText))
    settings: dict[str, Any] = {name: bindparam(f"set_{name}", type_=_c[name].type) for name in names}
    # The change ends this process's lease on the row, and no other process's.
    is_mine = _c.lease_owner == bindparam("me")
    settings["lease_until"] = case((is_mine, null()), else_=_c.lease_until)
    settings["lease_owner"] = case((is_mine, null()), else_=_c.lease_owner)
    if step is not None:
        settings["state"] = target(step).value
    if step in CLAIMS:
        settings["claim_owner"] = bindparam("me")
    return statement.values(settings).returning(*deletions.columns)


def _due(work: DueWork, *, is_exclusive: bool) -> ColumnElement[bool]:
    """Which rows have such work. If this process uses the database exclusively, other owners no longer exist."""
    match work:
        case DueWork.EXPIRE:
            # A card that is not known to be posted has no running deadline; it may become an orphan.
            return and_(is_awaiting, _c.message_ts.is_not(None), _c.deadline_at <= NOW)
        case DueWork.REMIND:
            is_between = _c.deadline_at.between(bindparam("soonest", type_=UtcText), bindparam("latest", type_=UtcText))
            return and_(is_awaiting, _c.message_ts.is_not(None), _c.reminded.is_(false()), is_between)
        case DueWork.ORPHAN:
            is_old = _c.asked_at <= bindparam("orphaned", type_=UtcText)
            is_others = _c.owner != bindparam("me")
            return and_(is_awaiting, _c.message_ts.is_(None), or_(is_old, is_others) if is_exclusive else is_old)
        case DueWork.TAKEOVER:
            has_run_out = _c.takeover_at <= NOW
            is_lost = or_(_c.claim_owner.is_(None), _c.claim_owner != bindparam("me"))
            return and_(is_deleting, or_(has_run_out, is_lost) if is_exclusive else has_run_out)
        case DueWork.READ:
            # Another project's job cannot be read in this project: it would seem to be gone.
            is_ours = and_(_c.endpoint == bindparam("our_endpoint"), _c.project_id == bindparam("our_project"))
            return and_(has_read_due, is_readable, _c.read_due_at <= NOW, is_ours)


ORDER = {
    DueWork.EXPIRE: _c.deadline_at,
    DueWork.REMIND: _c.deadline_at,
    DueWork.ORPHAN: _c.asked_at,
    DueWork.TAKEOVER: _c.takeover_at,
    DueWork.READ: _c.read_due_at,
}


@lru_cache(maxsize=8)
def _lease(work: DueWork, is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    return leases.take(deletions, _due(work, is_exclusive=is_exclusive), order=ORDER[work])


class Deletions:
    """See ``bot.domain.ledger_port.Deletions``. Each method is one transaction, with its events and its messages."""

    def __init__(self, run: Transactions, target: Target) -> None:
        self._run = run
        self._target = target

    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """See the port. A deletion that is refused from the start is inserted unconditionally."""

        def work(connection: Connection) -> Deletion | Freeze | int | None:
            in_the_way = _insert(connection, deletion, self._run.instance, max_open)
            if in_the_way is None:
                rows.append(connection, events, FIRST_STEPS.get(deletion.state))
            return in_the_way

        return self._run.write("propose", work)

    def get(self, deletion: DeletionId) -> Deletion | None:
        """See the port."""
        return self._one(_GET, {"wanted": deletion})

    def current(self, job_id: JobId) -> Deletion | None:
        """See the port."""
        ours = {"endpoint": self._target.endpoint, "project_id": self._target.project_id}
        return self._one(_CURRENT, ours | {"job_id": job_id})

    def earlier(self, deletion: Deletion, since: datetime) -> Sequence[Deletion]:
        """See the port."""
        parameters = {
            "endpoint": deletion.target.endpoint,
            "project_id": deletion.target.project_id,
            "job_id": deletion.job.job_id,
            "since": since,
            "but": deletion.id,
        }
        return self._run.read(lambda connection: many(connection, connection.execute(_EARLIER, parameters).all()))

    def open(self, *, limit: int = 50) -> Sequence[Deletion]:
        """See the port."""
        return self._run.read(lambda connection: many(connection, connection.execute(_OPEN, {"most": limit}).all()))

    def open_count(self) -> int:
        """See the port."""
        return self._run.read(lambda connection: connection.execute(_OPEN_COUNT).scalar_one())

    def change(
        self,
        deletion: DeletionId,
        step: Step | None,
        values: Mapping[str, Any],
        *events: Event,
        where: Mapping[str, Any] | None = None,
        before_deadline: datetime | None = None,
        attempt: Attempt | None = None,
        notifications: Iterable[Notification] = (),
        answers: str | None = None,
    ) -> Deletion | None:
        """See the port. It also gives up this process's lease on the row. ``TypeError`` for an unknown field.

        ``values`` may name any field of ``Deletion`` but ``id``, ``target``, ``state`` and ``attempts``. ``where`` may
        name those, ``state``, and ``job_id``, ``job_state``, ``job_name``, ``asset_id``, ``last_update_time``.
        """
        new = columns_of(values, SETTABLE)
        conditions = columns_of(where or {}, COMPARABLE)
        equal = {name: value for name, value in conditions.items() if value is not None}
        empty = tuple(name for name, value in conditions.items() if value is None)
        parameters = {f"set_{name}": value for name, value in new.items()}
        parameters |= {f"where_{name}": value for name, value in equal.items()}
        parameters |= {"wanted": deletion, "me": self._run.instance}
        if before_deadline is not None:
            parameters["before_deadline"] = before_deadline
        statement = _change(step, tuple(new), tuple(equal), empty, before_deadline is not None)
        if step in CLAIMS and self._run.is_replaced:
            # The next process would open a ledger without this claim.
            raise LedgerTrouble(trouble.REPLACED)
        # A tuple, because the transaction may be run a second time and an iterator would be empty by then.
        notifications = tuple(notifications)

        def work(connection: Connection) -> tuple[Deletion, bool] | None:
            row = connection.execute(statement, parameters).one_or_none()
            if row is None:
                return None
            if attempt is not None:
                attempt_rows.keep(connection, DeletionId(row.id), attempt)
            changed = _whole(connection, row)
            was_owed = answers is not None and pending_requests.remove(connection, answers)
            newest = rows.append(connection, events, step)
            outbox.write(connection, witness.quoted(notifications, newest), self._run.now())
            return changed, was_owed

        written = self._run.write("change" if step is None else f"change:{step.value}", work)
        if written is None:
            return None
        changed, was_owed = written
        if answers is not None and was_owed:
            self._run.answered.add(answers)
        return changed

    def lease(
        self,
        work: DueWork,
        now: datetime,
        *,
        seconds: float,
        limit: int = 10,
        deadline: tuple[datetime, datetime] | None = None,
    ) -> Sequence[Deletion]:
        """See the port. ``change`` ends the lease early."""
        parameters = leases.parameters(now, timedelta(seconds=seconds), self._run.instance, limit)
        if deadline is not None:
            parameters |= {"soonest": deadline[0], "latest": deadline[1]}
        if work is DueWork.ORPHAN:
            parameters["orphaned"] = now - ORPHANED_AFTER
        if work is DueWork.READ:
            parameters |= {"our_endpoint": self._target.endpoint, "our_project": self._target.project_id}
        statement = _lease(work, self._run.is_exclusive)

        def found(connection: Connection) -> list[Deletion]:
            return many(connection, connection.execute(statement, parameters).all())

        return self._run.lease("lease_deletions", now, found, [])

    def _one(self, query: Select[Any], wanted: dict[str, Any]) -> Deletion | None:
        def work(connection: Connection) -> Deletion | None:
            row = connection.execute(query, wanted).one_or_none()
            return _whole(connection, row) if row is not None else None

        return self._run.read(work)
