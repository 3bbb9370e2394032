"""The audit trail as values: how events are hashed and chained, what bears witness to them, how they are written out.

Pure. Where the trail is stored is ``bot.ledger.trail``; what an event is, ``bot.domain.events``.
"""
