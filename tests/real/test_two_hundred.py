"""Two hundred presses in one instant. They stand here because each of these tests has the machine to itself.

The bot, Slack and MetaStudio of the flow tests share one process: beside four others their acks would be late.
"""

from __future__ import annotations

from pathlib import Path

from tests.flow import test_deleting_card as flow

PRESSES = 200


def test_each_card_says_that_it_is_being_deleted_and_then_its_outcome(tmp_path: Path) -> None:
    """As in the flow tests, while MetaStudio hangs."""
    flow.test_many_at_once_each_keep_their_order(tmp_path, PRESSES)


def test_no_card_is_drawn_twice(tmp_path: Path) -> None:
    """As in the flow tests, where MetaStudio answers at once."""
    flow.test_no_card_is_drawn_twice_where_metastudio_answers_at_once(tmp_path, PRESSES)
