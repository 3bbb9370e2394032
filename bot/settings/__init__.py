"""The bot's settings: one frozen ``Settings``, or every problem at once.

``load`` reads them, ``schema`` has their table, ``sources`` and ``env_file`` read the environment and files, ``forms``
and ``addresses`` parse one setting, ``checks`` compare several. Slack, Huawei and the ledger are not imported here.
"""
