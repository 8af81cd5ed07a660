"""Ours and APScheduler in one folder: what a start says, what the doctor finds, and when all is well."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tools import ROOT, packaging

pytestmark = pytest.mark.slow

STARTS_TWICE = """
from apscheduler.schedulers.background import BackgroundScheduler
for _ in range(2):
    scheduler = BackgroundScheduler()
    scheduler.start()
    scheduler.shutdown()
"""


@pytest.fixture(scope="module")
def reference(reference_python) -> Distribution:
    """APScheduler as it was installed for tests."""
    (found,) = Distribution.discover(
        name="APScheduler", path=[packaging.site_packages(reference_python)]
    )
    return found


def install_apscheduler(environment, reference) -> None:
    """Write its files where an installer writes them."""
    for file in reference.files:
        target = Path(environment.site, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".pyc":
            shutil.copyfile(file.locate(), target)


def import_of(environment) -> str:
    """Return what an import of the package tickwright says, in its last line."""
    said = environment.run("-c", "import tickwright").stderr.strip().splitlines()
    return said[-1] if said else ""


COMMANDS = ["next cron hour=10", "next crontab '0 10 * * *'", "describe cron hour=10", "--version"]


def command(environment, name: str, words: str):
    return environment.run(environment.python.with_name(name), *shlex.split(words))


def says_what_the_import_says(environment) -> None:
    """Check that each command of both names says what an import does, and nothing else."""
    expected = f"Error: {import_of(environment).removeprefix('ImportError: ')}\n"
    for name in ("tickwright", "apscheduler"):
        for words in COMMANDS:
            ended = command(environment, name, words)
            assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", expected), words
    ended = environment.run("-m", "tickwright", "--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", expected)


def test_beside_the_shim_a_start_is_silent_and_the_doctor_content(environment, wheels):
    environment.install(wheels, "tickwright")
    environment.install(wheels, "apscheduler")
    started = environment.run("-c", STARTS_TWICE)
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    found = environment.doctor()
    assert found.returncode == 0, found.stdout
    assert "are as they were installed" in found.stdout
    assert "WRONG" not in found.stdout
    named = environment.run("-c", "from tickwright import BackgroundScheduler, current_run")
    assert (named.returncode, named.stderr) == (0, "")
    assert environment.run(environment.python.with_name("tickwright"), "doctor").returncode == 0


def test_written_over_apscheduler_a_start_says_so_once(environment, wheels, reference):
    install_apscheduler(environment, reference)
    environment.install(wheels, "tickwright")
    started = environment.run("-c", STARTS_TWICE)
    assert started.returncode == 0
    assert started.stderr.count(f"APScheduler {reference.version} is installed over") == 1
    assert "pip uninstall APScheduler" in started.stderr
    found = environment.doctor()
    assert found.returncode == 1
    assert f"WRONG  APScheduler  {reference.version} is installed in" in found.stdout
    assert "are as they were installed" in found.stdout


def test_written_over_by_apscheduler_the_doctor_names_the_files(environment, wheels, reference):
    environment.install(wheels, "tickwright")
    install_apscheduler(environment, reference)
    found = environment.doctor()
    assert found.returncode == 1, found.stdout + found.stderr
    assert "apscheduler/__init__.py was overwritten" in found.stdout
    assert f"overwritten by APScheduler {reference.version}; run: pip uni" in import_of(environment)
    says_what_the_import_says(environment)

    # Removing APScheduler takes the files of both; the doctor still starts.
    environment.uv("uninstall", "APScheduler")
    found = environment.doctor()
    assert found.returncode == 1, found.stdout + found.stderr
    assert "apscheduler/__init__.py is missing" in found.stdout
    assert "its __init__.py is missing from" in import_of(environment)
    says_what_the_import_says(environment)
    assert "in a checkout of tickwright: pip install --force-reinstall --no-deps ." in found.stdout

    environment.install(wheels, "tickwright")
    found = environment.doctor()
    assert found.returncode == 0, found.stdout
    assert import_of(environment) == ""


def test_before_an_editable_installation_apscheduler_is_told_too(environment, reference, tmp_path):
    build = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, check=True)
    environment.install(tmp_path, "tickwright")
    assert import_of(environment) == ""
    assert command(environment, "tickwright", "next cron hour=10").returncode == 0
    install_apscheduler(environment, reference)
    assert f"it is found in {environment.site} and not beside tickwright" in import_of(environment)
    says_what_the_import_says(environment)
    found = environment.doctor()
    assert found.returncode == 1, found.stdout + found.stderr
    said = f"WRONG  APScheduler  {reference.version} is installed in {environment.site}, elsewhere"
    assert said in found.stdout
    assert f"Error: {import_of(environment).removeprefix('ImportError: ')}\n" == found.stderr


def test_an_installation_into_a_target_folder_is_well(environment, wheels, tmp_path):
    """Installed by pip, which leaves the commands there and records them where they would lie otherwise."""
    target = tmp_path / "target"
    (wheel,) = wheels.glob("tickwright-*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, target, wheel], check=True)
    (record,) = target.glob("tickwright-*.dist-info/RECORD")
    assert "../../bin/apscheduler" in record.read_text("utf-8")
    Path(environment.site, "target.pth").write_text(str(target))
    found = environment.run(target / "bin/tickwright", "doctor")
    assert (found.returncode, found.stderr) == (0, ""), found.stdout
    assert "are as they were installed" in found.stdout


def test_modules_that_apscheduler_left_behind_are_named(environment, wheels, reference):
    install_apscheduler(environment, reference)
    (record,) = {file.parts[0] for file in reference.files if file.name == "RECORD"}
    shutil.rmtree(Path(environment.site, record))
    # 3.11.3 has no module that is not here; another release may.
    Path(environment.site, "apscheduler/jobstores/of_another_release.py").touch()
    environment.install(wheels, "tickwright")
    found = environment.doctor()
    assert found.returncode == 1, found.stdout + found.stderr
    assert "are as they were installed" in found.stdout
    assert "apscheduler/jobstores/of_another_release.py" in found.stdout
    assert "delete them" in found.stdout
    assert found.stdout.endswith("1 wrong.\n")


def test_the_shim_replaces_apscheduler_where_an_installer_upgrades_to_it(
    environment, wheels, reference
):
    install_apscheduler(environment, reference)
    environment.install(wheels, "apscheduler")
    environment.install(wheels, "tickwright")
    found = environment.doctor()
    assert found.returncode == 0, found.stdout


def test_a_changed_file_and_an_old_library_are_found(environment, wheels):
    environment.install(wheels, "tickwright")
    Path(environment.site, "apscheduler/job.py").write_text("# edited\n")
    metadata = Path(environment.site, "redis-3.0.dist-info/METADATA")
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: redis\nVersion: 3.0\n")
    found = environment.doctor()
    assert found.returncode == 1
    assert "1 of" in found.stdout
    assert "apscheduler/job.py was overwritten" in found.stdout
    assert "redis 3.0 is older than 4.5" in found.stdout
    assert "pip install --upgrade 'tickwright[redis]'" in found.stdout
    assert found.stdout.endswith("2 wrong.\n")
