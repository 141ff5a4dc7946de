"""Test results in the XML that build servers read (JUnit's, as Jenkins and GitLab take it)."""

import re
from collections.abc import Iterable
from html import escape

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(suites: Iterable[tuple[str, Iterable[tuple[str, str, tuple[str, ...]]]]]) -> str:
    """Return the report on suites of tests: each a name with its tests, and those name, place and what differs."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for suite, tests in suites:
        told = list(tests)
        failed = sum(bool(differences) for _, _, differences in told)
        lines.append(f'  <testsuite name="{_safe(suite)}" tests="{len(told)}" failures="{failed}" errors="0">')
        for name, place, differences in told:
            file, _, line = place.rpartition(":")
            head = f'    <testcase classname="{_safe(suite)}" name="{_safe(name)}" file="{_safe(file)}" line="{line}"'
            if differences:
                lines += [
                    head + ">",
                    f'      <failure message="{_safe(differences[0])}">{_safe(chr(10).join(differences))}</failure>',
                    "    </testcase>",
                ]
            else:
                lines.append(head + "/>")
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _safe(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))
