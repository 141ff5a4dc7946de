import inspect
import re
import types
from pathlib import Path

from dlp.hooks import host, spec
from dlp.testing.plugins import check_plugin, found_texts

README = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_every_hook_stands_in_the_readme_with_its_signature_and_contract():
    for name in host.HOOKS:
        source = inspect.getsource(getattr(spec, name))
        assert source.partition("\n")[2].strip() in README


def test_the_readme_names_no_hook_that_does_not_exist():
    (hooks,) = (block for block in BLOCKS if "def configure" in block)
    assert set(re.findall(r"^def (\w+)", hooks, re.MULTILINE)) == set(host.HOOKS)


def test_the_ten_lines_of_the_readme_find_a_badge():
    module = types.ModuleType("acme_badges")
    exec(BLOCKS[0], module.__dict__)  # noqa: S102  the README's own code
    assert [plugin.hooks for plugin in check_plugin(module).plugins] == [("classify", "patterns")]
    assert found_texts(module, {"note": "ask EMP-12345"}) == [("EMPLOYEE_BADGE", "EMP-12345")]
