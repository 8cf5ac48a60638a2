"""The house's own rules, checked by machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from attune.settings import environment
from tests.guards import sources
from workers.management.commands import check_project

ROOT = Path(__file__).resolve().parents[2]


def test_import_platform_is_the_standard_library():
    assert hasattr(platform, "python_version")
    assert [p.name for p in (ROOT / "platform").iterdir() if p.name != "__pycache__"] == ["attune"]


def test_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_no_migration_is_missing_and_every_template_compiles():
    assert check_project.missing_migrations() == []
    assert check_project.broken_templates() == []


def test_every_job_has_a_handler_where_only_the_workers_packages_are_loaded():
    """In a process of its own: here a test may have imported what a worker does not."""
    code = (
        "import django; django.setup(); import workers.tasks, workers.model_tasks; "
        "from attune.kernel import jobs; from workers import runner; "
        "print(len(jobs.REGISTRY), *sorted(set(jobs.REGISTRY) ^ set(runner.HANDLERS)))"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    number, *alone = done.stdout.split()
    assert alone == []
    assert int(number) >= 30


def test_every_setting_of_the_environment_is_documented():
    page = (ROOT / "docs" / "configuration.md").read_text()
    missing = [name for name in environment.VARIABLES if f"`{name}`" not in page]
    assert missing == []


def test_the_environment_is_read_in_settings_alone():
    allowed = {"platform/attune/settings/environment.py", "platform/attune/asgi.py",
               "platform/attune/celery.py", "manage.py",
               "platform/attune/embedded/management/commands/demo.py",
               "workers/engines/transformers_runtime.py",
               # engines know no Django: HF_HUB_OFFLINE is set, the model process reads its key
               "workers/engines/embedding.py", "workers/engines/openvino_runtime.py",
               "workers/engines/server.py"}  # fmt: skip
    found = {
        str(path.relative_to(ROOT))
        for folder in ("platform", "tenants", "campaigns", "insights", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert found - allowed == set()


def test_a_web_process_loads_no_torch():
    code = (
        "import sys; sys.path[:0] = ['.', 'platform'];"
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'attune.settings.test';"
        "import attune.asgi, attune.urls;"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_no_source_goes_around_the_tenant_scope():
    found = {name: sources.findings(text) for name, text in sources.sources()}
    assert {name: rules for name, rules in found.items() if rules} == {}
    assert len(found) > 100


def test_no_page_writes_its_own_style_or_script():
    for path in ROOT.rglob("templates/**/*.html"):
        if ".venv" in path.parts or "node_modules" in path.parts:
            continue
        text = path.read_text()
        assert "style=" not in text, path
        assert "<style" not in text, path
        assert not re.search(r"\son\w+=", text), path
        assert not re.search(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", text), path
