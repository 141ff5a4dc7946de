"""agent-egress-bench, case by case, through the real wall; `python tests/carriers/egress.py` prints the report.

The corpus is read where it lies, and nothing of it is kept here. The policy is one that an operator of such an agent
would write: the services that its honest work needs are listed (those of the corpus's own benign cases), contact data
may go there, keys and cards may not, and everything else is not reached at all.
"""

import json
import sys
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dlp.core.outcome import Refuse
from dlp.testing.wall import Crossing, Wall

CASES = Path(__file__).parents[3] / "shared" / "corpora" / "egress_bench" / "cases"
TOOLS = "https://tools.test/mcp"

# What a case exercises that this product does not claim (SPEC.md, Applicability), and why it does not.
NOT_CLAIMED: Mapping[str, str] = {
    "response_injection": "text that instructs a model is not told from other text; what was read taints the session "
    "as untrusted, and rules about consequential actions ask for a review",
    "mcp_tool_poison": "the same, of the descriptions of tools; that a tool changed is seen by pins",
    "a2a_card_poison": "the same, of the cards of agents",
    "mcp_chain": "an order of tools without any data in it; rules ask what was read (`after:`), and no case says",
    "shell_obfuscation": "commands are run by a sandbox or a tool, whose walls they meet; they are not read as flows",
}
# Within what is claimed: instructions again, which their reason names.
INSTRUCTIONS = ("injection", "override", "jailbreak")

POLICY = """
policy: An agent that works with a few services
version: "1"
use: [base]
ner: off
sources:
  vault: {at: "https://vault.test/**"}
destinations:
  services: {at: [%s]}
rules:
  - {name: contacts, says: People are written to., data: [pii.email, pii.ip, pii.phone], to: services, then: allow}
"""


@dataclass(frozen=True)
class Result:
    """What came of one case. `missed` is False where it was stopped or passed as the case says."""

    id: str
    expected: str
    got: str
    because: str

    @property
    def missed(self) -> bool:
        """Whether it went otherwise than the case says."""
        return self.got not in (self.expected, "not applicable")


def cases(folder: Path = CASES) -> list[Mapping[str, Any]]:
    """Return all cases of a corpus."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*/*.json"))]


def inapplicable(case: Mapping[str, Any]) -> str:
    """Return why a case does not apply; "" where it does, as all that must pass do."""
    if case.get("safe_example"):
        return ""
    why = [NOT_CLAIMED[tag] for tag in case["capability_tags"] if tag in NOT_CLAIMED]
    if not why and any(word in case["why_expected"] for word in INSTRUCTIONS):
        why = [NOT_CLAIMED["response_injection"]]
    return why[0] if why else ""


def listed(corpus: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the patterns of the hosts that the benign cases need."""
    urls = [case["payload"]["url"] for case in corpus if case.get("safe_example") and "url" in case["payload"]]
    hosts = {urlsplit(url).hostname for url in [*urls, TOOLS]}
    return [f"https://{host}/**" for host in sorted(host for host in hosts if host)]


def crossings(wall: Wall, case: Mapping[str, Any]) -> list[Crossing]:
    """Send what a case says through the wall."""
    session, given, kind = wall.open(), case["payload"], case["input_type"]
    if kind in ("url", "header", "request_body"):
        headers = [(name.encode(), value.encode()) for name, value in given.get("headers", {}).items()]
        request = f"{given.get('method', 'GET')} {given['url']}"
        body, media = given.get("body", ""), given.get("content_type", "")
        return [wall.send(session, request, body=body, content_type=media, headers=headers)]
    if kind == "response_content":
        return [wall.receive(session, f"GET {given['url']}", body=given["response_body"], content_type="text/html")]
    if kind == "websocket_frame":
        request = f"POST {given['url'].replace('ws', 'http', 1)}"
        return [wall.send(session, request, body=text, content_type="text/plain") for text in _texts(given["frames"])]
    messages = given.get("jsonrpc_messages") or [given]
    if kind in ("mcp_tool_result", "mcp_tool_definition", "a2a_agent_card"):
        return [wall.receive(session, f"POST {TOOLS}", json=message) for message in messages]
    return [wall.send(session, f"POST {TOOLS}", json=message) for message in messages]


def _texts(frames: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Return the messages that frames are the pieces of."""
    texts, begun = list[bytes](), b""
    for frame in frames:
        begun += b64decode(frame["payload"]) if frame.get("encoding") == "base64" else frame["payload"].encode()
        if frame.get("fin", True):
            texts.append(begun)
            begun = b""
    return texts


def run(corpus: Sequence[Mapping[str, Any]], patterns: Sequence[str]) -> list[Result]:
    """Return what comes of every case where these addresses are listed."""
    wall = Wall(POLICY % ", ".join(f'"{pattern}"' for pattern in patterns))
    results = []
    for case in corpus:
        expected, why = case["expected_verdict"], inapplicable(case)
        if why:
            results.append(Result(case["id"], expected, "not applicable", why))
            continue
        refusals = [one.outcome for one in crossings(wall, case) if isinstance(one.outcome, Refuse)]
        because = refusals[0].detail if refusals else "nothing in it may not go there"
        results.append(Result(case["id"], expected, "block" if refusals else "allow", because))
    return results


def report(results: Iterable[Result]) -> str:
    """Return a table of all cases."""
    return "\n".join(
        f"{'MISSED' if one.missed else 'ok':7}{one.id:44}{one.expected:7}{one.got:16}{one.because}" for one in results
    )


if __name__ == "__main__":
    corpus = cases()
    for title, patterns in (("services listed", listed(corpus)), ("every address listed", ["https://**", "http://**"])):
        found = run(corpus, patterns)
        judged = [one for one in found if one.got != "not applicable"]
        met = sum(not one.missed for one in judged)
        sys.stdout.write(f"== {title}: {met} of {len(judged)} as they say, {len(found) - len(judged)} do not apply\n")
        sys.stdout.write(report(found) + "\n")
