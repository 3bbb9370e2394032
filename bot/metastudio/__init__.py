"""Huawei Cloud MetaStudio: the three calls, behind a limiter and a breaker; ``credentials`` is how to sign in.

Neither Slack nor the ledger come in here.
"""
