"""The ledger: the referee of who may delete what, and the memory between the card and the click.

``store``       the public face: ``open_ledger(url, target) -> Store``, one transaction per method
``looks``       reading for people: history, what is open, what was deleted lately
``freezes``     stops all claims; ``freeze_rows`` has the condition that is part of the claim's UPDATE
``chain``       PURE  the audit trail's canonical text, its hashes, and ``verify``
``tables``      the tables as SQLAlchemy Core sees them; ``guards`` the triggers that make the trail append-only
``rows``        values of ``bot.model`` and ``bot.trail`` to columns and back
``deletion_rows`` ``trail_rows`` ``outbox_rows`` ``answer_rows`` ``breaker_rows``   the statements, by table
``engine``      opening, locking and setting up SQLite or PostgreSQL; ``dialects`` is where the two differ
``writer``      how a transaction is run, and how writers take turns
``trouble``     foreign errors to ``LedgerTrouble``, once
``migrations``  Alembic, imported only when there is something to migrate
"""
