"""The 53 states: complete, explained, and deletable exactly where Huawei's page says so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from bot.domain import job_states
from bot.domain.job_states import DELETABLE, FINISHED, NEW_STATE, STATES, JobState, describe
from tests.support.paths import SHARED

# "该接口应当在任务处于以下状态时调用" on the Delete page of 2024-12-12, in its order.
SEED_PAGE = [
    "WAIT_FILE_UPLOAD",
    "AUTO_VERIFY_FAILED",
    "MANUAL_VERIFYING",
    "MANUAL_VERIFY_FAILED",
    "TRAINING_DATA_PREPROCESS_FAILED",
    "TRAIN_FAILED",
    "INFERENCE_DATA_PREPROCESS_FAILED",
    "JOB_SUCCESS",
    "WAIT_USER_CONFIRM",
    "JOB_REJECT",
    "JOB_FINISH",
]
SEEDS = SHARED / "seeds"


def sdk_names() -> set[str]:
    """The states that the official SDK lists, read from its source text: importing all of it takes seconds."""
    found = importlib.util.find_spec("huaweicloudsdkmetastudio")
    assert found is not None
    assert found.origin is not None
    source = (Path(found.origin).parent / "v1" / "model" / "training_job_basic_info.py").read_text(encoding="utf-8")
    sentence = max(re.findall(r":param state: (.*)", source), key=len)
    # Each name stands behind an asterisk; the colon behind it is ASCII, full-width or missing.
    return set(re.findall(r"\*\s*([A-Z][A-Z_]+)", sentence))


def test_there_are_53_states_and_they_are_those_of_the_official_sdk() -> None:
    """No state of the SDK's list is missing, none is invented or misspelled."""
    assert len(STATES) == 53
    assert set(STATES) == sdk_names()


def test_the_eleven_deletable_states_are_those_of_the_delete_page() -> None:
    """Deletable is what the page of the operation names, and nothing else."""
    assert len(SEED_PAGE) == 11
    assert set(SEED_PAGE) == DELETABLE == {name for name, state in STATES.items() if state.deletable}


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the original page lies beside the repository only where it is built")
def test_the_copied_names_are_those_of_the_original_page() -> None:
    """The list above was copied without a mistake."""
    page = "\n".join(path.read_text(encoding="utf-8") for path in SEEDS.glob("*.txt"))
    (names,) = re.findall(r"该接口应当在任务处于以下状态时调用.([A-Z_、]+)", page)
    assert names.split("、") == SEED_PAGE


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_meaning_in_english(name: str) -> None:
    """A meaning is a phrase in plain ASCII that a sentence can continue: no full stop, no Chinese."""
    meaning = STATES[name].meaning
    assert re.fullmatch(r"[A-Z][A-Za-z ,;-]+[a-z]", meaning)
    assert meaning.upper() != name


@pytest.mark.parametrize("name", sorted(set(STATES) - DELETABLE))
def test_whoever_may_not_delete_is_told_what_to_do(name: str) -> None:
    """A state that cannot be deleted comes with a whole sentence of advice, and no warning."""
    state = STATES[name]
    assert not state.deletable
    assert re.fullmatch(r"[A-Z][A-Za-z0-9_ ,;:'()-]+(\. [A-Z][A-Za-z0-9_ ,;:'()-]+)*\.", state.hint)
    assert state.warning == ""


@pytest.mark.parametrize("name", sorted(DELETABLE))
def test_deletable_states_need_no_advice(name: str) -> None:
    """A deletable state has no hint; a warning stands where deleting hurts most."""
    state = STATES[name]
    assert state.hint == ""
    hurts = {
        "JOB_SUCCESS": "This model is finished and may be in use. Anything that uses it may stop working.",
        "JOB_FINISH": "This model is finished and may be in use. Anything that uses it may stop working.",
        "MANUAL_VERIFYING": "When this was asked, a person at Huawei was reviewing the job.",
    }
    assert state.warning == hurts.get(name, "")


def test_meanings_are_not_shared() -> None:
    """Two states with the same words would leave an operator guessing."""
    meanings = [state.meaning for state in STATES.values()]
    assert len(set(meanings)) == len(meanings)


def test_finished_means_that_the_model_may_be_in_use() -> None:
    """The two completed states of the page's console groups."""
    assert {"JOB_SUCCESS", "JOB_FINISH"} == FINISHED
    assert FINISHED <= DELETABLE


@pytest.mark.parametrize("name", ["", "job_success", "JOB_SUCCESS ", "BRAND_NEW", "JOB_SUCCESS\n", "ＪＯＢ_FINISH"])
def test_an_unknown_state_may_not_be_deleted(name: str) -> None:
    """What is not in the table letter by letter is refused, with what to do."""
    assert describe(name) == JobState("A state that this bot does not know", hint=NEW_STATE)
    assert not describe(name).deletable
    assert name not in DELETABLE


@pytest.mark.parametrize("name", STATES)
def test_a_known_state_is_described_by_its_row(name: str) -> None:
    """describe() looks the state up and changes nothing."""
    assert describe(name) is STATES[name]


def test_nothing_is_deletable_by_default() -> None:
    """A row that forgets to say so may not be deleted."""
    assert JobState("Something") == JobState("Something", deletable=False, hint="", warning="")
    assert not job_states.JobState("Something").deletable
