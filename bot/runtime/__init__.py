"""How work runs: a bounded pool, threads that call something again and again, a web server. It knows nothing of ours.

Neither deletions nor Slack come in here.
"""
