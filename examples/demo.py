"""The four stories, one after the other, through the real proxy: `make demo` runs this."""

import sys

import story1_hr_reviews
import story2_confused_deputy
import story3_names_never_enter
import story4_what_happened
import story5_over_mcp
from stage import perform

STORIES = (
    *story1_hr_reviews.STORIES,
    *story2_confused_deputy.STORIES,
    *story3_names_never_enter.STORIES,
    *story4_what_happened.STORIES,
    *story5_over_mcp.STORIES,
)

if __name__ == "__main__":
    sys.exit(perform(STORIES))
