"""The door for those who route a sandbox says what is true."""

import re
from pathlib import Path

from dlp.cli.environment import environment

EXAMPLES = Path(__file__).parents[2] / "examples"
README = (EXAMPLES / "README.md").read_text("utf-8")


def test_every_variable_the_readme_names_is_in_a_sandboxs_environment():
    needed = environment(
        "http://s:p@127.0.0.1:8080", "s", Path("ca-bundle.pem"), Path("ca-certs"), "http://127.0.0.1:8081"
    )
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=1)?`", README))
    assert {"HTTPS_PROXY", "NODE_USE_ENV_PROXY"} <= named
    assert named <= set(needed)


def test_every_story_is_in_the_readme_and_every_link_leads_somewhere():
    stories = {path.name for path in EXAMPLES.glob("story*.py")}
    assert stories == set(re.findall(r"examples/(story\w+\.py)", README))
    links = re.findall(r"\]\((\.\./[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (EXAMPLES / link).exists()] == []
