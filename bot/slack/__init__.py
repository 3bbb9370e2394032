"""Slack's side: look-ups of people and conversations, Slack's errors, Socket Mode and HTTP.

``handlers`` writes the messages. MetaStudio and the ledger are not imported here.
"""
