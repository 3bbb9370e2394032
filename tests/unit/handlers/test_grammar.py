"""What may be typed behind the command's name, and what it means: the grammar, read as one table."""

from __future__ import annotations

import re
import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.model import JobId
from bot.domain.refusals import Reason
from handlers.grammar import NEARLY, OPTIONS_COME_FIRST, Command, UsageError, broken_rule, decoded, parse
from handlers.vocabulary import CANCEL, DELETE, MEANT, OPTIONS, SUBCOMMANDS, letters_off, probably_meant
from handlers.vocabulary import NAMES as SPELLINGS

A = "26f06524-4f75-4b3a-a853-b649a21aaf66"
B = "efc5300ecdba4ea48d1ff13a9d907bc0"
WORD = string.ascii_letters + string.digits
NAMES = {"help", "history", "find", "open", "whoami", "freeze", "unfreeze", "dry-run"}

COLON = "it contains a colon (put a space between an id and its reason)"
OUTSIDE_ASCII = "it contains a character outside ASCII (perhaps an invisible space or a look-alike letter)"
CONTROL = "it contains a control character"
OTHER_CHARACTER = "it contains a character other than letters, digits, hyphen and underscore"
BAD_START = "it does not begin with a letter or a digit"
TOO_LONG = "it is longer than 64 characters"


def test_these_are_the_subcommands() -> None:
    """Those of product.md section 1."""
    assert SUBCOMMANDS.keys() == NAMES


# -- the table -----------------------------------------------------------------------------------------------------

TABLE: list[tuple[str, str, str, str]] = [
    # typed, what it is, job id, reason or text
    # A job id, and perhaps a reason.
    ("job-1", DELETE, "job-1", ""),
    ("  job-1  ", DELETE, "job-1", ""),
    (B.upper(), DELETE, B.upper(), ""),
    ("A", DELETE, "A", ""),
    ("0_-", DELETE, "0_-", ""),
    ("a" * 64, DELETE, "a" * 64, ""),
    ("job-1 because", DELETE, "job-1", "because"),
    ("job-1   two  spaces inside  ", DELETE, "job-1", "two  spaces inside"),
    ("job-1 `as` *typed* \u201chere\u201d", DELETE, "job-1", "`as` *typed* \u201chere\u201d"),
    ("job-1 line\nbreak", DELETE, "job-1", "line\nbreak"),
    ("job-1 " + "x" * 500, DELETE, "job-1", "x" * 500),
    ("job-1 " + "&amp;" * 500 + "\u3000", DELETE, "job-1", "&" * 500),
    ("job-1 " + "\U0001f600" * 500, DELETE, "job-1", "\U0001f600" * 500),
    ("helpme", DELETE, "helpme", ""),
    ("help-1", DELETE, "help-1", ""),
    # White space of any kind.
    ("job-1\u00a0because", DELETE, "job-1", "because"),
    ("\u3000job-1\nbecause\u00a0of\u2009it\t", DELETE, "job-1", "because\u00a0of\u2009it"),
    ("job-1 \u00a0", DELETE, "job-1", ""),
    # Formatting around an id, one pair.
    *((f"{first}{A}{last} old", DELETE, A, "old") for first, last in ("``", '""', "''", "**", "<>", "“”", "‘’", "„“")),
    (f"&lt;{A}&gt;", DELETE, A, ""),
    # Entities, once.
    ("job-1 R&amp;D wants &lt;this&gt;", DELETE, "job-1", "R&D wants <this>"),
    ("job-1 R&D wants <this>", DELETE, "job-1", "R&D wants <this>"),
    ("job-1 &amp;lt; &quot; &amp", DELETE, "job-1", "&lt; &quot; &amp"),
    # Commas and semicolons behind an id.
    *((f"{A}{mark} old", DELETE, A, "old") for mark in (",", ";", "，", "；", "、", " , ")),
    (f"{A}，客户撤回同意", DELETE, A, "客户撤回同意"),
    (f"{A},", DELETE, A, ""),
    ("job-1, because", DELETE, "job-1", "because"),
    ("job-1;", DELETE, "job-1", ""),
    (f"{A} job-2", DELETE, A, "job-2"),
    (f"{A} and {B}", DELETE, A, f"and {B}"),
    # Rehearsals.
    *((f"{dashes}dry-run {A} old", "dry-run", A, "old") for dashes in ("", "-", "--", "---", "–", "—", "——", "\uff0d")),
    *((f"{A} {dashes}dry-run old", "dry-run", A, "old") for dashes in ("", "-", "--", "---", "–", "—", "——", "\u2212")),
    (f"--DRY-RUN {A}", "dry-run", A, ""),
    (f"`--dry-run` `{A}`", "dry-run", A, ""),
    (f"dry-run: {A}", "dry-run", A, ""),
    (f"{A},--dry-run", "dry-run", A, ""),
    (f"--dry-run dry-run {A} --dry-run", "dry-run", A, ""),
    # Dashes alone begin the reason.
    *((f"{A} {dashes} --force it", DELETE, A, "--force it") for dashes in ("--", "-", "—", "–")),
    (f"{A} -- stuck after --dry-run", DELETE, A, "stuck after --dry-run"),
    (f"{A} -- {B}", DELETE, A, B),
    (f"{A} -- help came late", DELETE, A, "help came late"),
    # A word that only resembles one, further in or with more behind it.
    *(
        (f"{A} {text}", DELETE, A, text)
        for text in ("held by legal", "dry-running it", "only dry-run", "stuck (help!)")
    ),
    (f"{A} --", DELETE, A, ""),
    (f"--dry-run {A} -- -x", "dry-run", A, "-x"),
    # Help.
    *(
        (text, "help", "", "")
        for text in ("", "  ", "\u00a0\n", "help", "HELP", "Help:", "*help*", "?", "帮助", "help me")
    ),
    *((text, "help", "", "") for text in ("--help", "-h", "—help", "-?", "-H")),
    *((f"{A} {text}", "help", "", "") for text in ("help", "?", "帮助", "--help", "-h", "—help", "--dry-run help")),
    *((f"{text} --help", "help", "", "") for text in ("freeze", "unfreeze", "open", "find", f"history {A}", "dry-run")),
    ("history help", "help", "", ""),
    # Subcommands, their other names, and what follows them.
    ("find Anchor", "find", "", "Anchor"),
    ("find\u3000张三", "find", "", "张三"),
    ("find a  b\u00a0c\nd", "find", "", "a b c d"),
    ('search "Anchor Li"', "find", "", "Anchor Li"),
    ("find `26f0`", "find", "", "26f0"),
    ("find R&amp;D", "find", "", "R&D"),
    ("find -- -x", "find", "", "-x"),
    ("find", "find", "", ""),
    *((text, "open", "", "") for text in ("open", "list", "Status", "open:", "`open`", "open\u00a0")),
    ("history", "history", "", ""),
    (f"history `{A}`", "history", A, ""),
    (f"history:{A},", "history", A, ""),
    ("whoami\u00a0", "whoami", "", ""),
    ("whoami please", "whoami", "", ""),
    ("unfreeze", "unfreeze", "", ""),
    ("unfreeze --", "unfreeze", "", ""),
    # A freeze, at once.
    *(
        (text, "freeze", "", "")
        for text in ("freeze", "FREEZE", "freeze:", "*freeze*", "*freeze:*", "freeze：", "freeze\u00a0")
    ),
    ("freeze\u00a0Huawei incident", "freeze", "", "Huawei incident"),
    ("freeze\nHuawei incident", "freeze", "", "Huawei incident"),
    ("freeze: Huawei incident", "freeze", "", "Huawei incident"),
    ("freeze, Huawei incident", "freeze", "", "Huawei incident"),
    ("freeze — Huawei incident", "freeze", "", "Huawei incident"),
    ("freeze：华为故障", "freeze", "", "华为故障"),
    ("`freeze` *now*", "freeze", "", "*now*"),
    (f"freeze {A}", "freeze", "", A),
    ("freeze " + "x" * 500, "freeze", "", "x" * 500),
]


@pytest.mark.parametrize(("text", "name", "job_id", "rest"), TABLE)
def test_what_is_typed_means(text: str, name: str, job_id: str, rest: str) -> None:
    """Each line is one way to type something."""
    assert parse(text) == Command(name, JobId(job_id), rest)


REFUSED: list[tuple[str, Reason, str, tuple[str, ...], str]] = [
    # typed, the rule, its detail, what was probably meant, the subcommand
    # More than one job.
    *(
        (f"{A}{between}{B}{behind}", Reason.ONE_JOB_AT_A_TIME, "", (), "dry-run" if "dry-run" in between else "")
        for between in (" ", ",", ";", "，", "；", "、", ", ", "\n", "\u00a0", " --dry-run ")
        for behind in ("", " old")
    ),
    (f"job-1 {A}", Reason.ONE_JOB_AT_A_TIME, "", (), ""),
    (f"{A} {A}", Reason.ONE_JOB_AT_A_TIME, "", (), ""),
    (f"`{A}` <{B.upper()}>", Reason.ONE_JOB_AT_A_TIME, "", (), ""),
    (f"dry-run {A} {B}", Reason.ONE_JOB_AT_A_TIME, "", (), "dry-run"),
    (f"history {A} {B}", Reason.ONE_JOB_AT_A_TIME, "", (), "history"),
    # No job, or none by the rule.
    ("--", Reason.BAD_JOB_ID, "there is none", (), ""),
    (f"-- {A}", Reason.BAD_JOB_ID, "there is none", (), ""),
    ("-- freeze", Reason.BAD_JOB_ID, "there is none", (), ""),
    ("--dry-run", Reason.BAD_JOB_ID, "there is none", (), "dry-run"),
    ("dry-run", Reason.BAD_JOB_ID, "there is none", (), "dry-run"),
    ("``", Reason.BAD_JOB_ID, "there is none", (), ""),
    *(
        (text, Reason.BAD_JOB_ID, OTHER_CHARACTER, (), "")
        for text in ("a;b", "1;DROP", "a,b c", "a,--dry-run", "`a`,b")
    ),
    ("job-1，原因", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), ""),
    (f"job-1,{A}", Reason.ONE_JOB_AT_A_TIME, "", (), ""),
    (f"{A}: old", Reason.BAD_JOB_ID, COLON, (), ""),
    (f"{A}：原因", Reason.BAD_JOB_ID, COLON, (), ""),
    (f"{A}:{B}", Reason.BAD_JOB_ID, COLON, (), ""),
    (f"https://console/{A}", Reason.BAD_JOB_ID, COLON, (), ""),
    (f"`*{A}*`", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), ""),
    (f"`{A}", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), ""),
    (f"{A}.", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), ""),
    (f"a&amp;b {A}", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), ""),
    (f"{A}\u200b", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), ""),
    (f"{A} {B}\u200b", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), ""),
    (f"{A} \uff45{B[1:]}", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), ""),
    ("dry-run höhe", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), "dry-run"),
    ("history a.b", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), "history"),
    # Options.
    ("--force", Reason.UNKNOWN_OPTION, "", (), ""),
    (f"{A} --force", Reason.UNKNOWN_OPTION, "", (), ""),
    (f"{A} -5 days old", Reason.UNKNOWN_OPTION, "", (), ""),
    (f"{A} —because", Reason.UNKNOWN_OPTION, "", (), ""),
    (f"{A} --dryrun", Reason.UNKNOWN_OPTION, "", ("dry-run",), ""),
    (f"{A} --dry\u200b-run", Reason.UNKNOWN_OPTION, "", ("dry-run",), ""),
    (f"{A} \u200b--dry-run", Reason.UNKNOWN_OPTION, "", ("dry-run",), ""),
    (f"{A} --dry\u2011run", Reason.UNKNOWN_OPTION, "", ("dry-run",), ""),
    ("--freeze now", Reason.UNKNOWN_OPTION, "", ("freeze",), ""),
    ("freeze --now", Reason.UNKNOWN_OPTION, "", (), "freeze"),
    ("help --foo", Reason.UNKNOWN_OPTION, "", (), "help"),
    ("find -x", Reason.UNKNOWN_OPTION, "", (), "find"),
    (f"{A} old --dry-run", Reason.MISPLACED_OPTION, OPTIONS_COME_FIRST, (), ""),
    (f"{A} old —dryrun", Reason.MISPLACED_OPTION, OPTIONS_COME_FIRST, (), ""),
    (f"{A} old job --help", Reason.MISPLACED_OPTION, OPTIONS_COME_FIRST, (), ""),
    *(
        (text, Reason.MISPLACED_OPTION, f"`--dry-run` goes with a job id, not with `{name}`", (), name)
        for name, text in (
            ("freeze", "freeze --dry-run"),
            ("unfreeze", "--dry-run unfreeze"),
            ("open", "list —dry-run"),
        )
    ),
    # Nearly a subcommand, or a word for something that is not typed so.
    *(
        (text, Reason.NEAR_MISS, "", ("freeze",), "")
        for text in ("freez", "freez x", "frezee", "frze", "freezee", "ferez")
    ),
    *(
        (text, Reason.NEAR_MISS, "", ("freeze",), "")
        for text in ("freeze!", "freeze-now", "freeze_all", "frozen", "pause")
    ),
    *(
        (text, Reason.NEAR_MISS, "", ("freeze",), "")
        for text in ("ｆｒｅｅｚｅ", "freeze\u200b", "fr\u0435eze", "freez：原因")
    ),
    *((text, Reason.NEAR_MISS, "", ("unfreeze",), "") for text in ("unfreze", "un-freeze", "un freeze", "resume")),
    ("nfreeze", Reason.NEAR_MISS, "", ("freeze", "unfreeze"), ""),
    *((text, Reason.NEAR_MISS, "", ("help",), "") for text in ("hlep", "helpp", "hel")),
    *((text, Reason.NEAR_MISS, "", ("open",), "") for text in ("opne", "lits", "stauts", "statsu")),
    *((text, Reason.NEAR_MISS, "", ("find",), "") for text in ("fnid x", "serach x")),
    ("histroy", Reason.NEAR_MISS, "", ("history",), ""),
    *((text, Reason.NEAR_MISS, "", ("whoami",), "") for text in ("whoiam", "who am i")),
    *((text, Reason.NEAR_MISS, "", ("dry-run",), "") for text in (f"dryrun {A}", f"dry run {A}", f"{A} dry run")),
    *(
        (f"{A} {text}", Reason.NEAR_MISS, "", ("dry-run",), "")
        for text in ("dryrun", "dry_run x", "Dry Run", "dry–run")
    ),
    # The same in whatever dress, also behind dashes alone.
    *(
        (f"{A} {text}", Reason.NEAR_MISS, "", ("dry-run",), "")
        for text in (
            "(--dry-run)",
            "[dry-run]",
            "(dry run)",
            '"dry run"',
            "“dry run”",
            "*dry run*",
            "`dry run` please",
            "dry-run!",
            "dry.run",
            "──dry-run",
            "- dry-run",
            "– dry run",
            "-- --dry-run",
            "ーdry-run",
        )
    ),
    *(
        (f"{A} {text}", Reason.NEAR_MISS, "", ("help",), "")
        for text in (
            "help?",
            "help!",
            "help.",
            "？",
            "??",
            "ｈｅｌｐ",
            "hlep",
            "/help",
            "[--help]",
            "──help",
            "- help",
            "(help) me",
            "-- help",
        )
    ),
    *(
        (f"{A} stuck {text}", Reason.MISPLACED_OPTION, OPTIONS_COME_FIRST, (), "")
        for text in ("[--dry-run]", "(--dry-run).", "…--dry-run", "──dry-run", "<--help>")
    ),
    # One more id, in whatever dress.
    *(
        (f"{A} {text}", Reason.ONE_JOB_AT_A_TIME, "", (), "")
        for text in (f"{B}: both", f"{B}.", f"({B})", f"#{B}", f"**{B}**", f"& {B}", f"| {B}", f"+ {B}")
    ),
    *(
        (f"{A} {text}", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), "")
        for text in (f"「{B}」", f"{B}。", A.replace("-", "–"), A.replace("-", "\u2011"), B.replace("a", "а"))
    ),
    (f"{A} {B[:-1]}", Reason.BAD_JOB_ID, NEARLY, (), ""),
    (f"{A} & {B[:-1]}", Reason.BAD_JOB_ID, NEARLY, (), ""),
    (f"{A} & 「{B}」", Reason.BAD_JOB_ID, OUTSIDE_ASCII, (), ""),
    (f"{A} <{B}|x>", Reason.BAD_JOB_ID, OTHER_CHARACTER, (), ""),
    *(
        (text, Reason.NEAR_MISS, "", (DELETE,), "")
        for text in (f"delete {A}", "Delete", f"remove {A}", "delte", "rm", "删除")
    ),
    *((text, Reason.NEAR_MISS, "", (CANCEL,), "") for text in (f"cancel {A}", "cancle", "取消")),
    ("stop", Reason.NEAR_MISS, "", ("freeze", CANCEL), ""),
    ("dry-run freez", Reason.NEAR_MISS, "", ("freeze",), "dry-run"),
    (f"dry-run delete {A}", Reason.NEAR_MISS, "", (DELETE,), "dry-run"),
    # What stands behind what.
    ("open sesame", Reason.UNEXPECTED_TEXT, "6", (), "open"),
    (f"status {A}", Reason.UNEXPECTED_TEXT, "36", (), "open"),
    ("unfreeze, now please", Reason.UNEXPECTED_TEXT, "10", (), "unfreeze"),
    (f"history {A} please", Reason.UNEXPECTED_TEXT, "6", (), "history"),
    ("job-1 " + "x" * 501, Reason.REASON_TOO_LONG, "", (), ""),
    ("dry-run job-1 " + "\U0001f600" * 501, Reason.REASON_TOO_LONG, "", (), "dry-run"),
    ("freeze " + "x" * 501, Reason.REASON_TOO_LONG, "", (), "freeze"),
]


@pytest.mark.parametrize(("text", "rule", "detail", "meant", "subcommand"), REFUSED)
def test_what_is_refused(text: str, rule: Reason, detail: str, meant: tuple[str, ...], subcommand: str) -> None:
    """With the rule that it broke, and what was probably meant; of what was typed only the length is kept."""
    assert parse(text) == UsageError(rule, len(text), detail, meant, subcommand)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("job-1", UsageError(Reason.REASON_MISSING, 5)),
        ("job-1 -- \u00a0", UsageError(Reason.REASON_MISSING, 10)),
        ("dry-run job-1", UsageError(Reason.REASON_MISSING, 13, subcommand="dry-run")),
        ("job-1 because", Command(DELETE, JobId("job-1"), "because")),
        ("job-1 " + "x" * 501, UsageError(Reason.REASON_TOO_LONG, 507)),
        ("../x", UsageError(Reason.BAD_JOB_ID, 4, OTHER_CHARACTER)),
        ("", Command("help")),
        ("freeze", Command("freeze")),
        ("job-1 help", Command("help")),
    ],
)
def test_where_a_reason_is_required(text: str, expected: object) -> None:
    """Only a deletion needs one, and what else is wrong is said first. A freeze never does."""
    assert parse(text, reason_required=True) == expected


BROKEN = [
    *((word, OTHER_CHARACTER) for word in ("../x", "a/b", "a.b", "%2e%2e", "<@U1>", "job-1?x=1", "<job-1")),
    *((word, BAD_START) for word in ("_a", "_" * 65)),
    *((word, TOO_LONG) for word in ("a" * 65, "a" * 5000)),
    *((word, CONTROL) for word in ("job\x00", "job\x7f", "\x1cjob-1", "job-1\x1f")),
    *((word, OUTSIDE_ASCII) for word in ("\uff4a\uff4f\uff42", "\uff11\uff12", "job-1\u200b", "job\u2011", "\u0130x")),
    *(
        (word, OUTSIDE_ASCII)
        for word in ("job\u0661", "\ud800", "\ufeffjob-1", "job\u2060-1", "\u180ejob", "jöb", "аbc")
    ),
]


@pytest.mark.parametrize(("word", "rule"), BROKEN)
def test_the_broken_rule_is_named(word: str, rule: str) -> None:
    """Each bad id is refused with the rule that it broke first."""
    assert parse(word) == UsageError(Reason.BAD_JOB_ID, len(word), rule)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_other_letters_fold_into_a_subcommand(name: str) -> None:
    """Only ASCII letters have a case here: a look-alike does nothing, and is answered with what was meant."""
    for ours, other in (("k", "\u212a"), ("s", "\u017f"), ("i", "\u0130"), ("e", "\u00e9"), ("n", "\uff4e")):
        if ours in name:
            found = parse(name.replace(ours, other, 1))
            assert isinstance(found, UsageError)
            assert (found.rule, found.meant) == (Reason.NEAR_MISS, (name,))


@pytest.mark.parametrize(
    ("word", "other", "off"),
    [
        ("freeze", "freeze", 0),
        ("freez", "freeze", 1),
        ("freezee", "freeze", 1),
        ("frooze", "freeze", 2),
        ("ferez", "freeze", 2),
        ("hlep", "help", 1),
        ("", "help", 4),
        ("plhe", "help", 4),
    ],
)
def test_letters_off(word: str, other: str, off: int) -> None:
    """Two neighbouring letters swapped are one letter off."""
    assert letters_off(word, other) == letters_off(other, word) == off


def test_no_id_of_metastudio_is_ever_a_near_miss() -> None:
    """Not even one that spells something."""
    for one in (A, B, "feed" * 8, "deadbeef-dead-dead-dead-deadbeefdead"):
        assert probably_meant(one) == ()


def test_no_word_that_people_type_instead_is_a_subcommand() -> None:
    """They are answered, and do nothing."""
    assert not {word for words in MEANT.values() for word in words} & SPELLINGS.keys()


# -- whatever is typed ---------------------------------------------------------------------------------------------

SPACE = "[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
SPELLED = [*NAMES, *SPELLINGS, *(word for words in MEANT.values() for word in words), "dryrun", "dry", "run", "-", "--"]
CONFUSING = "\u200b\ufeff\u2060\u00ad\u202e\ufe0f\u0435\u0430\uff45\uff0d\u212a\u0130\u017f\x00\x1c\x7f"
PIECES = st.one_of(
    st.sampled_from(SPELLED),
    st.sampled_from([A, B, A.upper(), B.upper(), "job-1", "a" * 64, "because", "R&amp;D", "&amp;lt;", "张三"]),
    st.sampled_from(
        [*" \t\n\u00a0\u3000\u2028,;:，；：、", *"-–—\u2212\u2011", *"`\"'*<>“”‘’", "&lt;", "&gt;", *CONFUSING]
    ),
    st.sampled_from(["--dry-run", "—dry-run", "-h", "--help", " --dry-run ", " help", " dry-run ", "--force"]),
    st.text(max_size=3),
)
TYPED = st.one_of(
    st.lists(PIECES, max_size=10).map("".join), st.lists(PIECES, max_size=8).map(" ".join), st.text(max_size=60)
)


def words(text: str) -> list[str]:
    """The words as a person counts them: between white space, commas and semicolons, without one pair around them."""
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    found = [word for word in re.split(f"(?:{SPACE}|[,;，；、])+", plain) if word]
    # What a subcommand's colon separates is a word of its own.
    found += [word for one in found for word in re.split("[:：]", one, maxsplit=1)[1:]]
    return [*found, *(one[1:-1] for one in found if len(one) > 1)]


@given(TYPED)
@example("job-1\n")
@example(f"history:{A}")
def test_no_id_is_taken_that_was_not_typed_as_a_word(text: str) -> None:
    """Nothing is put together, cut, folded or repaired: letter for letter it is a word of what was typed."""
    found = parse(text)
    if isinstance(found, Command) and found.job_id:
        assert found.job_id in words(text)
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", found.job_id)


def shape(word: str) -> str:
    """A word as it looks: no invisible characters, no formatting, every dash a hyphen."""
    seen = "".join(char for char in word if unicodedata.category(char) not in {"Cf", "Mn"})
    seen = unicodedata.normalize("NFKC", seen).casefold().strip("`\"'*<>“”‘’„‚:")
    return "".join("-" if unicodedata.category(char) == "Pd" or char == "\u2212" else char for char in seen)


ASKS = re.compile("-+(?:dry-run|help|h|[?])|dry-run|dryrun")


@given(
    st.sampled_from([A, B, "job-1", f"`{A}`"]),
    st.sampled_from(["", ",", "\u3000", "\n", " , "]),
    st.sampled_from(["", "-", "--", "---", "–", "—", "——", "\u2212", "\uff0d", "\u200b--", "`--"]),
    st.sampled_from(["dry-run", "DRY-RUN", "help", "Help", "dry-run:", "dry\u2011run", "dryrun", "h", "?"]),
    st.sampled_from(["", " because", "\u00a0x", f" {B}", " -- y", "，原因"]),
    st.sampled_from(["before the id", "behind it"]),
    st.sampled_from(["", "old ", "since 2024, "]),
    st.sampled_from(["{}", "{}", "[{}]", "({})", '"{}"', "“{}”", "*{}*", "{}!", "{}?", "({}).", "「{}」", "/{}"]),
)
def test_what_asks_for_a_rehearsal_or_for_help_offers_no_card(
    job: str, gap: str, dashes: str, asked: str, behind: str, place: str, reason: str, dress: str
) -> None:
    """Wherever it stands, whatever its dashes and the characters around it: rehearsed, helped or refused."""
    option = dress.format(dashes + asked)
    text = f"{option} {job}{behind}" if place == "before the id" else f"{job}{gap} {reason}{option}{behind}"
    found = parse(text)
    if place == "behind it" and reason and not dashes:
        return  # A word of the reason, such as "help", asks for nothing.
    if (dashes, asked) == ("", "h"):
        return  # A letter.
    assert isinstance(found, UsageError) or found.name in {"dry-run", "help"}, text


@given(TYPED)
def test_no_option_becomes_a_reason(text: str) -> None:
    """A reason begins with no dash and holds no option that there is, unless dashes alone stand before it."""
    found = parse(text)
    if not isinstance(found, Command) or found.name not in {DELETE, "dry-run"}:
        return
    before = [shape(word) for word in words(text)]
    if any(word and not word.strip("-") for word in before):
        return
    inside = [shape(word) for word in re.split(f"(?:{SPACE}|[,;，；、])+", found.text)]
    assert not shape(found.text).startswith("-")
    assert [word for word in inside if word.startswith("-") and ASKS.fullmatch(word)] == []


@given(TYPED)
def test_reading_never_fails_and_keeps_nothing_that_is_refused(text: str) -> None:
    """Whatever it is. A refusal holds a length and words of ours."""
    for required in (False, True):
        found = parse(text, reason_required=required)
        if isinstance(found, UsageError):
            assert found.length == len(text)
            assert found.subcommand in NAMES | {""}
            assert set(found.meant) <= NAMES | {DELETE, CANCEL}
            known = {COLON, OUTSIDE_ASCII, CONTROL, OTHER_CHARACTER, BAD_START, TOO_LONG, "there is none", ""}
            known |= {
                OPTIONS_COME_FIRST,
                NEARLY,
                *(f"`--dry-run` goes with a job id, not with `{name}`" for name in NAMES),
            }
            assert found.detail in known or found.detail.isdecimal()


@given(
    st.sampled_from(["freeze", "unfreeze"]),
    st.integers(0, 8),
    st.sampled_from(["drop", "double", "swap", "replace", "none"]),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_\u0435\uff45\u200b\u00e9"),
    st.sampled_from(["", " Huawei incident", f" {A}", ": x", "：原因", "!", "…", "\u00a0now", ", now"]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_a_word_like_freeze_is_never_read_as_a_job(
    name: str, at: int, how: str, char: str, behind: str, case: object
) -> None:
    """Mistyped by a letter it says that nothing was frozen; typed right it freezes."""
    at = min(at, len(name) - 1)
    typed = {
        "drop": name[:at] + name[at + 1 :],
        "double": name[:at] + char + name[at:],
        "swap": name[: max(at - 1, 0)] + name[max(at - 1, 0) : at + 1][::-1] + name[at + 1 :],
        "replace": name[:at] + char + name[at + 1 :],
        "none": name,
    }[how]
    found = parse(case(typed) + behind)  # type: ignore[operator]
    assert not (isinstance(found, Command) and found.job_id)
    if isinstance(found, UsageError) and behind not in {"!", "…"}:
        assert {"freeze", "unfreeze"} & {found.subcommand, *found.meant}


@given(st.text(st.sampled_from("&amp;lgt< >#x3"), max_size=40))
def test_entities_are_decoded_once(text: str) -> None:
    """What was escaped once comes back as it was; what was escaped twice is still escaped once."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert decoded(escaped) == text
    assert decoded(decoded(escaped.replace("&", "&amp;"))) == text


@given(st.text(min_size=1, max_size=80))
def test_the_broken_rule_repeats_nothing_of_the_input(word: str) -> None:
    """Whatever was typed, the answer is one of six sentences of ours."""
    assert broken_rule(word) in {COLON, OUTSIDE_ASCII, CONTROL, OTHER_CHARACTER, BAD_START, TOO_LONG}


@pytest.mark.parametrize("option", sorted(set(OPTIONS.values())))
@pytest.mark.parametrize("name", ["", *sorted(SUBCOMMANDS)])
def test_no_option_is_passed_over(option: str, name: str) -> None:
    """Each one changes what is done, or is refused: an option that is accepted and ignored would be a lie."""
    without = parse(f"{name} {A}")
    found = parse(f"--{option} {name} {A}")
    assert isinstance(found, UsageError) or found != without or name in {option, "help"}
