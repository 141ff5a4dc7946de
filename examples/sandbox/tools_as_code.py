"""What a model writes once it has found the tool: it prints what it needs, and leaves the other rows where they are."""

import asyncio
from collections import Counter

from servers.salesforce import query_records


async def main() -> None:
    """Sum up what was won, by region."""
    answer = await query_records(object="Opportunity", limit=10_000)
    won = [row for row in answer["records"] if row["stage"] == "won"]
    by_region = Counter[str]()
    for row in won:
        by_region[row["region"]] += row["amount"]
    for region, amount in by_region.most_common():
        print(f"{region}: {amount}")
    largest = max(won, key=lambda row: row["amount"])
    print(f"largest: {largest['name']} for {largest['amount']}, owned by {largest['owner']}")


asyncio.run(main())
