"""The ledger: the referee of who may delete what, and the memory between the card and the click.

``factory`` makes its face, ``store``, which has one transaction per method; ``transactions`` is how they are run.
``deletions``, ``outbox``, ``pending_requests``, ``attempts``, ``freezes``, ``breaker`` and ``clock`` have the
statements, ``overview`` the queries for people. Below them are ``database``, ``schema`` and ``trail``. Neither Slack
nor MetaStudio comes in here.
"""
