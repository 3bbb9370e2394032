"""The command line: ``dh-bot run | sandbox | doctor | db | audit``.

``main`` imports a command's module only when that command runs, so that ``--help`` is fast.
"""
