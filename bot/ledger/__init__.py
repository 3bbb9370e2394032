"""The ledger: the referee of who may delete what, and the memory between the card and the click.

``factory`` opens it; ``store`` holds its parts; ``transactions`` runs one transaction. Each part is a class with its
statements and its transactions: ``deletions``, ``pending_requests``, ``outbox``, ``cards``, ``freezes``, ``breaker``,
``trail.trail``, ``running_log``, and ``overview`` for people. What a part writes in a transaction of another one is a
function that takes the connection. ``attempts``, ``served``, ``processes``, ``leases`` and ``clock`` have only such
functions. Below them are ``database``, ``schema`` and the rest of ``trail``. Nothing of Slack or MetaStudio is imported
here.
"""
