"""Sandboxed code that summarises performance reviews and posts the summary where it is allowed to."""

import json
import time

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


with requests.Session() as http:
    employees = http.get(f"{WORKDAY}/employees").json()["employees"]
    say("pay was read", employees=employees)
    lines = []
    for employee in employees:
        review = http.get(f"{WORKDAY}/employees/{employee['id']}/review").json()
        say("a review was read", review=review)
        lines.append(f"{employee['name']} ({employee['email']}): rated {review['rating']}, earns {employee['salary']}")
    summary = "\n".join(lines)

    general = http.post(SLACK, json={"channel": "#general", "text": summary})
    say("posted to #general", status=general.status_code, body=body(general))

    message = {"channel": "#hr-reviews", "text": summary}
    asked = http.post(SLACK, json=message)
    problem = body(asked)
    say("posted to #hr-reviews", status=asked.status_code, body=problem)

    # Told to wait for a person, so wait: the status can be read by this session, and only read.
    state: object = None
    approval = problem.get("approval") if isinstance(problem, dict) else None
    status_url = approval["status_url"] if approval else ""
    for _ in range(60 if status_url else 0):
        answer = http.get(status_url)
        state = body(answer)
        if not (isinstance(state, dict) and state.get("status") == "pending"):
            break
        time.sleep(0.2)
    say("waited", state=state)

    retried = http.post(SLACK, json=message)
    say("posted to #hr-reviews again", status=retried.status_code, body=body(retried))
    third = http.post(SLACK, json=message)
    say("posted to #hr-reviews a third time", status=third.status_code, body=body(third))
