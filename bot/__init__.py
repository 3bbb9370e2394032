"""dh-bot: deletes one MetaStudio avatar training job from Slack, after a person has pressed a button.

The map, in reading order. PURE: values in, values out; imports only what is pure too. Slack's side is in ``handlers``.

model.py             PURE  the nouns: Actor, Job, Deletion, Reply, Refused …
lifecycle.py         PURE  the table (state, step) -> state: every edge of a deletion's life
job_states.py        PURE  the 53 states of a job: meaning, deletable or not, what the operator can do
policy.py            PURE  who may ask, who may confirm, is it still the job of the card; a ``Reason`` for every no
ports.py             PURE  what the use-cases need from the outside, as protocols
trail.py             PURE  the audit trail's vocabulary, and that of what is told

proposing.py         propose: from the command to the offer
posting.py           posts the card until Slack takes it
deletions.py         confirm, cancel: everything up to the claim
sending.py           from the claim to the recorded outcome; the only place that sends a DELETE
outcomes.py          PURE  what a reply to DELETE makes of a deletion
expire.py            what the deadline does to a card that nobody confirmed
reconcile.py         takes over lost deletions, and settles unknown ones by reading
evidence.py          PURE  what such a read proves, and how often it has to
outbox.py            tells Slack what was recorded, until Slack takes it
answers.py           gives the answers that could not be given, or that a crash cut off
running_log.py       one line per event for AUDIT_CHANNEL
unwritten.py         repeats writes that the ledger refused although they have to happen

slack_errors.py      what slack_sdk raises, told apart once
people.py            who an actor is and what a channel is, asked from Slack; a failure means no
guard.py             MetaStudio behind the limiter and the breaker
metastudio/          the three calls: replies and wire (PURE), auth, client and session
ledger/              the database: tables, store (one transaction per change), chain (PURE), migrations
transports/          how Slack reaches the bot: Socket Mode
work.py              permits, the pool, the drain, the clock's workers

settings.py          one frozen ``Settings``, or every problem at once
settings_sources.py    where the texts come from: the environment, ``.env``, ``NAME_FILE``
settings_forms.py      what one setting may look like
settings_addresses.py  the same for addresses, files and databases
settings_checks.py     how settings belong together, and which ask for something not built yet
logs.py              structured logs, a closed list of fields
logs_scrubbing.py    PURE  takes secrets out of them
app.py               the only place where all of this is put together
cli.py               ``dh-bot run | sandbox | db``
"""
