"""What time does: cards expire, lost senders are found, outcomes are read, messages and answers are delivered.

Each is a function or an object that a ``Ticker`` calls. The outside is known as ports only.
"""
