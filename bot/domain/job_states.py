"""The 53 documented states of a MetaStudio training job: what each means, whether it may be deleted, what to do if not.

A state that is not listed here is refused like one that may not be deleted, because Huawei adds states without notice.

Sources: the eleven deletable states are the list of the Delete page (12 December 2024, the same on 29 January 2026) and
of the SDK 3.1.219. The meanings are those of the SDK's ``training_job_basic_info`` text. The hints are ours. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

WAIT = "Wait; it moves on by itself. Run the command again later."
TICKET = "It does not move on by itself and cannot be deleted by its owner: open a Huawei Cloud service ticket."
ADMIN_REDO = "Only Huawei's administrators can redo it: open a Huawei Cloud service ticket."
ASK_ADMIN = "Wait, or open a Huawei Cloud service ticket if it stays so."
NEW_STATE = (
    "This state is not in the documentation this bot was built from, so the bot does not delete the job. "
    "Look it up in the MetaStudio console; if it should be deletable, delete it there and tell the bot's maintainers."
)


@dataclass(frozen=True, slots=True)
class JobState:
    """One state. ``hint`` is what the operator can do; ``warning`` is shown on the card of a deletable job."""

    meaning: str
    deletable: bool = False
    hint: str = ""
    warning: str = ""


def _no(meaning: str, hint: str = WAIT) -> JobState:
    return JobState(meaning, hint=hint)


def _yes(meaning: str, warning: str = "") -> JobState:
    return JobState(meaning, deletable=True, warning=warning)


FINISHED_WARNING = "This model is finished and may be in use. Anything that uses it may stop working."
IN_REVIEW_WARNING = "When this was asked, a person at Huawei was reviewing the job."

STATES: dict[str, JobState] = {
    # To submit
    "WAIT_FILE_UPLOAD": _yes("Its files have not been uploaded yet"),
    # Under review
    "AUTO_VERIFYING": _no(
        "Automatic review is running",
        "Wait: it becomes AUTO_VERIFY_FAILED or MANUAL_VERIFYING, and both can be deleted.",
    ),
    "MANUAL_VERIFYING": _yes("Review by a person is running", IN_REVIEW_WARNING),
    # Review failed
    "AUTO_VERIFY_FAILED": _yes("Rejected by the automatic review"),
    "MANUAL_VERIFY_FAILED": _yes("Rejected by the review by a person"),
    # Training (the console shows ordinary users just "training")
    "MANUAL_VERIFY_SUCCESS": _no("Approved, waiting for resources to preprocess"),
    "WAIT_TRAINING_DATA_PREPROCESS": _no("Waiting for the training data to be preprocessed"),
    "TRAINING_DATA_PREPROCESSING": _no("The training data is being preprocessed"),
    "TRAINING_DATA_PREPROCESS_SUCCESS": _no("The training data has been preprocessed"),
    "TRAINING_DATA_PREPROCESS_FAILED": _yes("Preprocessing the training data failed"),
    "TRAINING": _no(
        "Training is running", "Wait; by the documentation it takes about three working days after approval."
    ),
    "TRAIN_SUCCESS": _no("Trained, waiting for inference preprocessing"),
    "TRAIN_FAILED": _yes("Training failed"),
    "INFERENCE_DATA_PREPROCESSING": _no("The inference data is being preprocessed"),
    "INFERENCE_DATA_PREPROCESS_FAILED": _yes("Preprocessing the inference data failed"),
    "WAIT_MAIN_FILE_UPLOAD": _no("Waiting for the main asset file"),
    "MANUAL_STOP_TRAINING_DATA_PREPROCESS": _no("An administrator stopped training preprocessing", TICKET),
    "MANUAL_STOP_TRAIN": _no("An administrator stopped training", TICKET),
    "MANUAL_STOP_INFERENCE_DATA_PREPROCESS": _no("An administrator stopped inference preprocessing", TICKET),
    "WAIT_ADMIN_CONFIRM": _no("Waiting for a Huawei administrator to review", ASK_ADMIN),
    "WAIT_ADMIN_CALIBRATION": _no("Waiting for a Huawei administrator to calibrate the action information", ASK_ADMIN),
    "WAIT_COMPILE": _no("Waiting to be compiled"),
    "COMPILING": _no("Compiling is running"),
    "COMPILE_FAILED": _no("Compiling failed", ADMIN_REDO),
    "WAIT_GENERATE_ACTION": _no("Waiting for actions to be generated"),
    "WAIT_ARRANGE": _no("Waiting for actions to be arranged"),
    "ACTION_GENERATE_DATA_PROCESSING": _no("Action data is being generated"),
    "ACTION_GENERATE_DATA_FAILED": _no("Generating action data failed", TICKET),
    "ACTION_GENERATE_ORI_PROCESSING": _no("Original actions are being generated"),
    "ACTION_GENERATE_ORI_SUCCESS": _no("Original actions have been generated"),
    "ACTION_GENERATE_ORI_FAILED": _no("Generating original actions failed", TICKET),
    "GENERATE_ACTION_PREPROCESS_FAILED": _no("Preprocessing for action generation failed", TICKET),
    "MANUAL_STOP_ACTION_GENERATE_DATA_PROCESSING": _no("An administrator stopped generating action data", TICKET),
    "MANUAL_STOP_ACTION_GENERATE_ORI_PROCESSING": _no("An administrator stopped generating original actions", TICKET),
    "WAIT_ASSET_SYNC": _no("Waiting for the asset to be synchronised"),
    "WAIT_GENERATE_ACTION_MARK": _no("Waiting for action marking"),
    "ACTION_MARKING": _no("Action marking is running"),
    # User review (tenants on Huawei's allow-list only)
    "WAIT_USER_CONFIRM": _yes("Waiting for its owner to accept the result"),
    "JOB_REJECT": _yes("Its owner rejected the result"),
    # Completed
    "JOB_SUCCESS": _yes("Finished; the model can be used", FINISHED_WARNING),
    "JOB_FINISH": _yes("Finished and accepted by its owner", FINISHED_WARNING),
    # Suspended (tenants on Huawei's allow-list only)
    "JOB_PENDING": _no("Suspended", "Resume it in MetaStudio (command CONFIRM_ACTIVE), then wait for its next state."),
    # Newer states, without a group in the console
    "WAIT_TEST_VIDEO_CHECK": _no("Waiting for the test video to be checked"),
    "TEST_VIDEO_CHECK_PROCESSING": _no("The test video is being checked"),
    "TEST_VIDEO_CHECK_SUCCESS": _no("The test video passed its check"),
    "TEST_VIDEO_CHECK_FAILED": _no("The test video failed its check", ADMIN_REDO),
    "VIDEO_ANALYZE_PROCESSING": _no("The video is being analysed"),
    "VIDEO_ANALYZE_SUCCESS": _no("The video has been analysed"),
    "VIDEO_ANALYZE_FAILED": _no("Analysing the video failed", TICKET),
    "ACTION_MARK_SUCCESS": _no("Action marking is done"),
    "ACTION_MARK_FAILED": _no("Action marking failed", TICKET),
    "ACTION_MARK_UPLOADED": _no("The action marks have been uploaded"),
    # Huawei's own spelling.
    "MANUL_STOP_ACTION_MARK": _no("An administrator stopped action marking", TICKET),
}

DELETABLE = frozenset(name for name, state in STATES.items() if state.deletable)

FINISHED = frozenset({"JOB_SUCCESS", "JOB_FINISH"})


def describe(state: str) -> JobState:
    """The row of a state. A job in an unknown state may not be deleted."""
    return STATES.get(state, JobState("A state that this bot does not know", hint=NEW_STATE))
