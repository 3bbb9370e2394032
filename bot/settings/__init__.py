"""The bot's settings: one frozen ``Settings``, or every problem at once.

``load`` reads them, ``schema`` has the table of them, ``sources`` and ``env_file`` where their texts come from,
``forms`` and ``addresses`` what one may look like, ``checks`` how they belong together. No Slack, no Huawei and no
ledger come in here.
"""
