"""dh-bot: deletes one MetaStudio avatar training job from Slack, after a person has pressed a button.

The map: one line a room, the lowest floor first. A room knows the floors below its own and nothing else
(``tests/unit/repository/test_architecture.py`` has the table). Each package says in its docstring what it is for.

domain/       PURE  the nouns, the tables of states, replies and outcomes, the rules, the events, the ports
runtime/            the pool, the workers' threads, the clock of this machine, a web server

audit/        PURE  the trail: its chain of hashes, its witnesses, its texts
deletion/           what people do: propose, confirm, cancel, freeze; ``send`` is the only place that sends a DELETE
slack/              people and places, asked from Slack; how Slack reaches the bot
metastudio/         the three calls, behind a limiter and a breaker; how to sign in
settings/           one frozen ``Settings``, or every problem at once
logs/               structured lines of a closed list of fields, without secrets

ledger/             the database: who may delete what, what is owed, and the trail
workers/            what time does: expire, remind, read, take over, deliver, answer, report, show what takes long
clients.py          what reaches out to Slack and Huawei, made from settings
handlers/           (a package of its own) Slack's side: the command, the buttons, the App Home, and every text

doctor/             what ``dh-bot doctor`` checks: people, Slack, MetaStudio, the ledger
ops/                the gate for new work, readiness, health, metrics

app.py              the only place where all of this is put together
cli/                ``dh-bot run | sandbox | doctor | db | audit``

Where to begin:

who may do what           ``domain/policy.py``: ``may``, ``may_confirm``
what a reply means        ``domain/replies.py``, ``domain/outcomes.py``
a reply that is cut       in this order: ``metastudio/causes.py``, ``domain/replies.py``, ``domain/outcomes.py``,
                          ``deletion/record.py``, and then the line "an unknown outcome"
the one DELETE            ``deletion/confirm.py`` checks, ``send.py`` claims and sends, ``record.py`` records the reply
why two replicas agree    the WHERE of ``_change`` in ``ledger/deletions.py``, for ``Step.CLAIM``; asked by ``send.py``
an unknown outcome        ``workers/read.py``, ``deletion/settle.py``, ``domain/evidence.py``
the words of a card       ``handlers/views/endings.py``, put together in ``card.py``; of a refusal ``refusals.py``;
                          of a thread ``thread.py``, and ``readings.py`` for what checks have found
a new setting             ``settings/schema.py``; use-cases get it through ``clients.config_of``

The words:

deletion    one request to delete one job, from the command to its end; it has an id of its own
card        the bot's message with the buttons, for one deletion; its thread has the outcome
claim       the UPDATE by which one press, of one replica, gets the right to send the DELETE
attempt     one DELETE, with its reply
reply       what Huawei answered, or the cause of there being no answer
ending      why a deletion is in its state
ledger      the database: deletions, events, what Slack is owed
outbox      the messages that Slack has not taken yet
trail       the events, each with the hash of the one before
witness     a copy of the newest event's number and hash outside the database
breaker     stops all calls to Huawei after rejected credentials
"""
