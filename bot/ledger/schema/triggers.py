"""The triggers that make the audit trail append-only, for both databases.

They stop every statement that is written by mistake. They do not stop a user who may drop them, but tampering then
leaves traces in the schema. They guarantee:

* an event must continue the chain: its number is the head's plus one, its previous hash is the head's hash. That also
  refuses a second INSERT of a number, since ``INSERT OR REPLACE`` would bypass a trigger on DELETE;
* the head moves only with an event;
* no event is ever updated, and none beyond the newest checkpoint deleted;
* a checkpoint names an existing event and is itself never changed.

A migration in Alembic's batch mode rebuilds a table and so drops its triggers: call ``create`` again after it.
"""

from __future__ import annotations

from sqlalchemy import Connection


def _sqlite_refusal(name: str, moment: str, table: str, why: str, when: str = "") -> str:
    return f"CREATE TRIGGER {name} BEFORE {moment} ON {table} {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"


SQLITE = {
    "events_continue": (
        "CREATE TRIGGER events_continue BEFORE INSERT ON events "
        "WHEN NOT EXISTS (SELECT 1 FROM chain_head WHERE id = 1 AND number = NEW.number - 1 "
        "AND hash = NEW.previous_hash) "
        "BEGIN SELECT RAISE(ABORT, 'an event must continue the chain'); END"
    ),
    "events_move_head": (
        "CREATE TRIGGER events_move_head AFTER INSERT ON events "
        "BEGIN UPDATE chain_head SET number = NEW.number, hash = NEW.hash WHERE id = 1; END"
    ),
    "events_no_update": _sqlite_refusal("events_no_update", "UPDATE", "events", "events are never changed"),
    "events_no_delete": _sqlite_refusal(
        "events_no_delete",
        "DELETE",
        "events",
        "events beyond a checkpoint are never deleted",
        "WHEN OLD.number > coalesce((SELECT max(number) FROM checkpoints), 0)",
    ),
    "chain_head_step": _sqlite_refusal(
        "chain_head_step",
        "UPDATE",
        "chain_head",
        "the head moves with an event only",
        "WHEN NEW.id <> OLD.id OR NEW.number <> OLD.number + 1 "
        "OR NOT EXISTS (SELECT 1 FROM events WHERE number = NEW.number AND hash = NEW.hash)",
    ),
    "chain_head_no_insert": _sqlite_refusal("chain_head_no_insert", "INSERT", "chain_head", "there is one head"),
    "chain_head_no_delete": _sqlite_refusal("chain_head_no_delete", "DELETE", "chain_head", "there is one head"),
    "checkpoints_name_event": _sqlite_refusal(
        "checkpoints_name_event",
        "INSERT",
        "checkpoints",
        "a checkpoint names an event as it stands",
        "WHEN NOT EXISTS (SELECT 1 FROM events WHERE number = NEW.number AND hash = NEW.hash)",
    ),
    "checkpoints_no_update": _sqlite_refusal("checkpoints_no_update", "UPDATE", "checkpoints", "checkpoints stay"),
    "checkpoints_no_delete": _sqlite_refusal("checkpoints_no_delete", "DELETE", "checkpoints", "checkpoints stay"),
}

# SQLSTATE 23000 makes a refusal a violated constraint, as SQLite's RAISE does.
POSTGRES_FUNCTIONS = {
    "dhbot_refuse": (
        "CREATE OR REPLACE FUNCTION dhbot_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = TG_OP || ' on ' || TG_TABLE_NAME || ' is refused'; "
        "END $$"
    ),
    "dhbot_continue_chain": (
        "CREATE OR REPLACE FUNCTION dhbot_continue_chain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE chain_head SET number = NEW.number, hash = NEW.hash "
        "WHERE id = 1 AND number = NEW.number - 1 AND hash = NEW.previous_hash; "
        "IF NOT FOUND THEN "
        "RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'an event must continue the chain'; END IF; "
        "RETURN NEW; END $$"
    ),
    "dhbot_step_head": (
        "CREATE OR REPLACE FUNCTION dhbot_step_head() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        # The depth is 1 for an UPDATE of the head by hand, and 2 for the one by the insertion of an event.
        "IF NEW.id <> OLD.id OR NEW.number <> OLD.number + 1 OR pg_trigger_depth() < 2 THEN "
        "RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'the head moves with an event only'; END IF; "
        "RETURN NEW; END $$"
    ),
    "dhbot_keep_events": (
        "CREATE OR REPLACE FUNCTION dhbot_keep_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF OLD.number > coalesce((SELECT max(number) FROM checkpoints), 0) THEN "
        "RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'events beyond a checkpoint are never deleted'; END IF; "
        "RETURN OLD; END $$"
    ),
    "dhbot_name_event": (
        "CREATE OR REPLACE FUNCTION dhbot_name_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NOT EXISTS (SELECT 1 FROM events WHERE number = NEW.number AND hash = NEW.hash) THEN "
        "RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'a checkpoint names an event as it stands'; END IF; "
        "RETURN NEW; END $$"
    ),
}


def _postgres(name: str, moment: str, table: str, function: str, each: str = "ROW") -> str:
    return f"CREATE TRIGGER {name} BEFORE {moment} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"


POSTGRES = {
    "events_continue": _postgres("events_continue", "INSERT", "events", "dhbot_continue_chain"),
    "events_no_update": _postgres("events_no_update", "UPDATE", "events", "dhbot_refuse", "STATEMENT"),
    "events_no_delete": _postgres("events_no_delete", "DELETE", "events", "dhbot_keep_events"),
    "events_no_truncate": _postgres("events_no_truncate", "TRUNCATE", "events", "dhbot_refuse", "STATEMENT"),
    "chain_head_step": _postgres("chain_head_step", "UPDATE", "chain_head", "dhbot_step_head"),
    "chain_head_one": _postgres(
        "chain_head_one", "INSERT OR DELETE OR TRUNCATE", "chain_head", "dhbot_refuse", "STATEMENT"
    ),
    "checkpoints_name_event": _postgres("checkpoints_name_event", "INSERT", "checkpoints", "dhbot_name_event"),
    "checkpoints_stay": _postgres(
        "checkpoints_stay", "UPDATE OR DELETE OR TRUNCATE", "checkpoints", "dhbot_refuse", "STATEMENT"
    ),
}


def create(connection: Connection) -> None:
    """Make every missing trigger. To be called after the tables, and after each batch migration."""
    there = names(connection)
    if connection.dialect.name == "postgresql":
        for function in POSTGRES_FUNCTIONS.values():
            connection.exec_driver_sql(function)
    for name, statement in expected(connection.dialect.name).items():
        if name not in there:
            connection.exec_driver_sql(statement)


def expected(dialect_name: str) -> dict[str, str]:
    """The triggers that must exist, by name."""
    return POSTGRES if dialect_name == "postgresql" else SQLITE


def names(connection: Connection) -> frozenset[str]:
    """The names of the triggers that exist and are enabled."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND tgenabled <> 'D' AND relnamespace = current_schema()::regnamespace"
        )
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    return frozenset(row[0] for row in connection.exec_driver_sql(query))
