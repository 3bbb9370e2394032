"""The command line.

``dh-bot run | sandbox | doctor | db | audit``. Nothing of what it starts is imported before it is needed.
"""
