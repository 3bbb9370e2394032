"""The ledger: the referee of who may delete what, and the memory between the card and the click.

``factory`` opens it; ``store`` has one transaction per method; ``transactions`` runs them. ``deletions``, ``outbox``,
``pending_requests``, ``processes``, ``attempts``, ``freezes``, ``breaker``, ``leases`` and ``clock`` have the
statements, ``overview`` the queries for people. Below them are ``database``, ``schema`` and ``trail``. Nothing of Slack
or MetaStudio is imported here.
"""
