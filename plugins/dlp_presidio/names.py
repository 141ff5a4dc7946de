"""How people's names stand in texts: which words belong to one, and which before and after it do not.

The lists hold words of the language, none of them names: what people are called by what they do, and what begins a
letter, a line of a form or a sentence.
"""
# ruff: noqa: SIM905, E501  lists of words read best as words

import re
from collections.abc import Iterable

from dlp_presidio.cues import LOW, UP

_PARTICLES = frozenset(
    "de da do dos das di del della der den van von vom zu zum bin ibn al el la le ter ten y e".split()
)

NO_NAME = frozenset(
    """
    i you he she we they it this that these those the a an my your his her our their what who where when why how which
    not no yes please thanks thank good sorry happy sure ok okay here there now then so and but or if is are was were
    name phone fax tel telephone mobile desk email e-mail mail website web address date subject from to cc bcc re note
    notes time title company department office home work answer question user bot agent assistant customer system admin
    order card account bank number id zip code city state country street monday tuesday wednesday thursday friday saturday
    sunday january february march april may june july august september october november december just originally glad
    sir madam everyone everybody all team today tomorrow yesterday error warning info debug trace fatal true false null
    none iban ssn atm pin url http https api json xml html csv sql get post put delete host status message personal
    """.split()
)
"""Words that are no names wherever they stand."""

ROLES = frozenset(
    """
    accountant actor actress adjuster administrator agent analyst applicant architect artist assignee assistant attendee
    attorney aunt author beneficiary borrower boss brother buyer caller candidate captain cardholder carer caretaker chair
    chairman chairperson chairwoman chef child claimant classmate cleaner clerk client coach colleague commenter
    complainant composer consignee consignor consultant contact contractor coordinator cousin creditor curator customer dad
    daughter dean debtor defendant delegate dentist deputy designer developer director doctor donor driver editor employee
    employer engineer escort executor father fiance fiancee founder friend gardener grandfather grandmother guarantor
    guardian guest guide heir hire holder host husband inspector instructor insured interviewee interviewer inventor
    investigator investor judge kin landlady landlord lawyer leader lecturer lender lessee lessor librarian licensee maid
    manager member mentor midwife minister mother mum neighbor neighbour nephew niece novelist nurse officer operator
    organiser organizer owner painter parent participant partner passenger patient payee payer pharmacist photographer
    physician pilot plaintiff planner player plumber poet policyholder president principal producer professor prosecutor
    psychologist pt pupil purchaser recipient recruiter referee referrer registrant reporter representative requester
    requestor researcher resident respondent reviewer sales salesman scientist seller senator sender sergeant settlor
    shareholder shipper signatory signer singer sister solicitor son songwriter speaker spouse student subscriber
    supervisor surgeon surveyor suspect teacher technician tenant therapist trainee trainer translator traveler traveller
    treasurer trustee tutor uncle user vendor vet victim visitor volunteer waiter widow widower wife winner witness worker
    writer
    """.split()
)
"""What somebody is to somebody else, or does: a word before a name, and no part of it."""

_OPENINGS = frozenset(
    """
    dear hello hi hey cheers regards best kind warm warmest sincerely yours attn attention re fw fwd bill ship sold deliver
    delivered pay paid ask call called calling tell meet met see saw seen sent send contact email mail ring text with for
    by from to and or also including via per new next omg lol btw fyi wow oh well so as at in on of bring welcome mr mrs ms
    miss mx dr prof professor rev fr hon sgt capt lt col gen sen gov sir madam dame lord lady herr frau
    """.split()
)
_ALSO_NAMES = frozenset("april august bill chase dean hope just june may van will".split())
_word = re.compile(r"\S+")
_colon = re.compile(r"(?:[ ][a-z]{1,4})?:(?:[ \t\n]|$)").match
_field = re.compile(r"(?m)^[ \t>*-]*([^\W\d_][\w ]{0,20}):[ ]").finditer
_label = re.compile(r".*:[ ]+")
_hyphened = re.compile(r"(?:-[^\W\d_][\w'\u2019]*)+")
_hyphened_before = re.compile(r"(?:[^\W\d_][\w'\u2019]*-)+\Z")
_after = re.compile(rf"[ ](?:{UP}\.|{UP}[^\W\d_]*{LOW}(?:['\u2019-][^\W\d_]+)*)(?![\w@.]|[-'\u2019/:]\w)")
_before = re.compile(rf"(?<=[^.!?:;\s] )({UP}[^\W\d_]*{LOW}(?:-[^\W\d_]+)*)[ ]\Z")
_REACH = 40
_MOST = 4


def trimmed(text: str, start: int, end: int) -> int:
    """Return where a name begins in a span that a model took for one: after labels, greetings, and what people do."""
    if label := _label.match(text, start, end):
        start = label.end()
    if not any(map(str.isupper, text[start:end])):
        return start  # nobody wrote capitals here
    while (word := _word.match(text, start, end)) is not None and word.end() < end and _leads(word.group()):
        start = word.end()
        while start < end and text[start].isspace():
            start += 1
    return start


def is_none(shown: str) -> bool:
    """Say whether all words are no names, such as what somebody is called by what they do."""
    words = [word.strip(".,:;!'\u2019\"").lower() for word in shown.split()]
    return all(word in ROLES or word in NO_NAME or word in _OPENINGS for word in words)


def is_field(text: str, start: int, end: int) -> bool:
    """Say whether a span is what a field of a form is called: before a colon, in a text where other fields are known."""
    if not _colon(text, end):
        return False
    if is_none(text[start:end]):
        return True
    begins = max(text.rfind("\n", 0, start) + 1, 0)
    return not text[begins:start].strip(" \t>*-") and any(
        is_none(field.group(1)) for field in _field(text) if field.start(1) != start
    )


def begins_with_role(shown: str) -> bool:
    """Say whether a span of several words begins with what somebody does or is."""
    first, _, rest = shown.partition(" ")
    return bool(rest) and first.strip(":").lower() in ROLES


def _leads(word: str) -> bool:
    """Say whether a word in front of others is no part of a name."""
    bare = word.strip(".,:;!'\u2019\"").lower()
    if bare in ROLES or bare in NO_NAME or bare in _OPENINGS:
        return word[0].islower() or not (len(bare) == 1 or bare in _ALSO_NAMES)
    return word.islower() and bare not in _PARTICLES and not word.startswith(("d'", "d\u2019", "al-", "el-", "o'"))


def grown(text: str, start: int, end: int, taken: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return a name's span with what a model cut off: the rest of a hyphened word, and capitalised words beside it.

    Words in `taken`, which are something else, are left alone.
    """
    others = tuple(taken)
    if hyphened := _hyphened.match(text, end):
        end = hyphened.end()
    if hyphened := _hyphened_before.search(text, max(0, start - _REACH), start):
        start = hyphened.start()
    while (after := _after.match(text, end)) is not None and _joins(text, start, end, after.span(), others):
        end = after.end()
    while (before := _before.search(text, max(0, start - _REACH), start)) is not None and _joins(
        text, start, end, before.span(1), others
    ):
        start = before.start(1)
    return start, end


def _joins(text: str, start: int, end: int, word: tuple[int, int], taken: tuple[tuple[int, int], ...]) -> bool:
    bare = text[word[0] : word[1]].strip(" .").lower()
    return (
        text.count(" ", start, end) + 1 < _MOST
        and not (bare in NO_NAME or bare in ROLES or bare in _OPENINGS)
        and not any(first < word[1] and word[0] < last for first, last in taken)
    )
