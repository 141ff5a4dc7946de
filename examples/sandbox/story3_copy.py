"""Sandboxed code that copies the customers of a sheet to a CRM with httpx, and logs what it does."""

import json

import httpx

PAGE = 100


def say(step: str, **seen: object) -> None:
    """Tell the orchestrator what was seen, one JSON object a line."""
    print(json.dumps({"step": step, **seen}), flush=True)


with httpx.Client(timeout=60) as http:
    offset: int | None = 0
    while offset is not None:
        read = http.get("https://sheets.test/v1/sheets/customers/rows", params={"offset": offset, "limit": PAGE})
        if not read.is_success:
            say("page", offset=offset, status=read.status_code, body=read.text)
            break
        page = read.json()
        rows = page["rows"]
        written = http.post("https://crm.test/v1/contacts", json={"contacts": rows})
        line = {"level": "info", "text": f"copied {rows[0]['name']} <{rows[0]['email']}> to {rows[-1]['phone']}"}
        logged = http.post("https://logs.test/ingest", json=line)
        say(
            "page",
            offset=offset,
            status=written.status_code,
            body=written.json(),
            logged=logged.status_code,
            log=logged.json(),
            rows=rows,
        )
        offset = page["next"]
say("done")
