"""The audit trail as values: how events are hashed and chained, witnessed in Slack, and formatted.

Pure. Where the trail is stored is ``bot.ledger.trail``; what an event is, ``bot.domain.events``.
"""
