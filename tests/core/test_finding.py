from dlp.core.finding import Confidence, Finding
from dlp.core.label import RAW, SANDBOX, DataClass


def test_a_finding_is_raw_exact_and_the_sandbox_its_own_unless_it_says_otherwise():
    finding = Finding(0, 3, 9, DataClass("pii.email"), "dlp_presidio/EmailRecognizer")
    assert (finding.state, finding.form, finding.source, finding.confidence) == (RAW, "exact", SANDBOX, Confidence.HIGH)
