"""What an installation from this checkout holds."""

import tomllib
from pathlib import Path

from dlp.cli.shipped import PACKS

PROJECT = Path(__file__).parents[1]


def test_nothing_is_installed_into_a_package_that_an_editable_install_points_elsewhere():
    wheel = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    packages = {Path(package).name for package in wheel["packages"]}
    # A folder without code under a package's name would hide the package itself.
    assert packages.isdisjoint(Path(target).parts[0] for target in wheel["force-include"].values())


def test_the_shipped_packs_are_found():
    assert (PACKS / "base.yaml").is_file()


def test_the_lock_of_the_clients_names_no_address():
    assert "://" not in (PROJECT / "package-lock.json").read_text("utf-8")
