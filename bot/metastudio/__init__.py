"""Huawei Cloud MetaStudio: the three calls, behind a limiter and a breaker; ``credentials`` signs in.

Neither Slack nor the ledger are imported here.
"""
