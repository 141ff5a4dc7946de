"""A package from outside the tree is installed with pip, listed, loaded and used, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-badges"
version = "1.0"

[project.entry-points.dlp]
acme_badges = "acme_badges"

[tool.hatch.build.targets.wheel]
only-include = ["acme_badges.py"]
"""

README = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")

USE = """\
import json
from dlp.core.label import DataClass, Level, Tracking
from dlp.core.message import Part
from dlp.core.policy import ClassSpec
from dlp.engine.classify import ClassifierConfig, build_classifier
from dlp.hooks.host import installed, load_host

badge = ClassSpec(
    DataClass("employee.badge"), Level.CONFIDENTIAL, Tracking.GUARDED, "BADGE", entities=frozenset({"EMPLOYEE_BADGE"})
)
plugins = (("dlp_secrets", {}), ("acme_badges", {}))
(_, plugin) = load_host(plugins).plugins
findings = build_classifier(ClassifierConfig(plugins, (badge,))).classify([Part("/note", "ask EMP-12345", name="note")])
print(json.dumps({
    "installed": installed(),
    "plugin": [plugin.name, plugin.distribution, plugin.version, plugin.hooks],
    "findings": [[f.data_class, f.start, f.end, f.by] for f in findings],
}))
"""


@pytest.mark.e2e
def test_a_package_from_outside_the_tree_is_installed_listed_and_used(tmp_path: Path):
    source = tmp_path / "acme-badges"
    source.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "acme_badges.py").write_text(README.split("```python\n")[1].split("```")[0])
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, timeout=300)  # noqa: S603  our own arguments
    used = subprocess.run(  # noqa: S603  the same
        [sys.executable, "-c", USE],
        env=os.environ | {"PYTHONPATH": str(target)},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = json.loads(used.stdout)
    assert {"acme_badges", "dlp_presidio"} <= set(told["installed"])
    assert told["plugin"] == ["acme_badges", "acme-badges", "1.0", ["classify", "patterns"]]
    assert told["findings"] == [["employee.badge", 4, 13, "acme_badges/badge"]]
