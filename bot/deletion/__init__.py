"""What people do: propose, confirm, cancel; and what a DELETE leads to. Each gathers, decides, applies, in that order.

The outside is known as ports only: no Slack, no HTTP, no database, no handlers.
"""
