"""dh-bot: deletes one MetaStudio avatar training job from Slack, after a person has pressed a button.

The map, in reading order. PURE: values in, values out; imports only what is pure too. Slack's side is in ``handlers``.

model.py             PURE  the nouns: Actor, Job, Deletion, Reply, Refused …
lifecycle.py         PURE  the table (state, step) -> state: every edge of a deletion's life
job_states.py        PURE  the 53 states of a job: meaning, deletable or not, what the operator can do
policy.py            PURE  who may ask, who may confirm, is it still the job of the card; a ``Reason`` for every no
ports.py             PURE  what the use-cases need from the outside, as protocols
ports_ledger.py      PURE  the parts of the ledger that are no part of a deletion's life
trail.py             PURE  the audit trail's vocabulary, and that of what is told

permission.py        whether somebody may do something: the look-ups around ``policy.may``
proposing.py         the command: check, and post the card; or only show what would happen
posting.py           posts the card until Slack takes it
deletions.py         confirm, cancel: everything up to the claim
sending.py           from the claim to the recorded outcome; the only place that sends a DELETE
outcomes.py          PURE  what a reply to DELETE makes of a deletion
freezing.py          stops all deletions, and allows them again
expire.py            what the deadline does to a card that nobody confirmed
remind.py            brings a card that still waits at half time to mind, once
reconcile.py         takes over lost deletions, and settles unknown ones by reading
evidence.py          PURE  what such a read proves, and how often it has to
outbox.py            tells Slack what was recorded, until Slack takes it
answers.py           gives the answers that could not be given, or that a crash cut off
running_log.py       one line per event for AUDIT_CHANNEL
daily_head.py        the newest event's hash for AUDIT_CHANNEL, once a day
unwritten.py         repeats writes that the ledger refused although they have to happen

slack_errors.py      what slack_sdk raises, told apart once
people.py            who an actor is and what a channel is, asked from Slack; a failure means no
cache.py               keeps such answers for a short time, and asks once for all who wait
clients.py           what reaches out to Slack and Huawei, made from settings
guard.py             MetaStudio behind the limiter and the breaker
metastudio/          the three calls: replies and wire (PURE), client, exchange and session; and how to sign in: auth,
                     iam and tokens (by password), sdk_sources (profile, agency)
ledger/              the database: tables, store (one transaction per change), chain (PURE), migrations
transports/          how Slack reaches the bot: Socket Mode or HTTP
serving.py           a waitress server in a thread of its own
ops.py               /healthz, /readyz and /metrics
metrics.py             every metric there is
metrics_edges.py       where each is counted
work.py              permits, the pool, the drain, the clock's workers

doctor/              what ``dh-bot doctor`` checks: the ledger, MetaStudio, Slack

settings.py          one frozen ``Settings``, or every problem at once
settings_sources.py    where the texts come from: the environment, ``.env``, ``NAME_FILE``
settings_forms.py      what one setting may look like
settings_addresses.py  the same for addresses, files and databases
settings_checks.py     how settings belong together, and what to know at start
logs.py              structured logs, a closed list of fields
logs_events.py       a line for each event of the audit trail
logs_scrubbing.py    PURE  takes secrets out of them
app.py               the only place where all of this is put together
cli.py               ``dh-bot run | sandbox``, and the groups of commands below it
cli_audit.py           ``dh-bot audit``: the trail verified, read, handed out and shortened
cli_db.py              ``dh-bot db``: looking after the ledger
cli_doctor.py          ``dh-bot doctor``: whether this installation is well
cli_parts.py           what they share: options, settings, the ways a command ends
"""
