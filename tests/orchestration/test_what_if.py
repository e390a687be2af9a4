"""`ullage what-if`: options and files become steps, and whatever is wrong with them is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.capacity.scenario_steps import ScenarioError
from orchestration.cli import app
from orchestration.what_if import _of_file, inline_steps


def test_options_become_steps() -> None:
    steps = inline_steps(
        {
            "scale_demand": ["shop=1.3", "all=0.9"],
            "lose_site": ["north"],
            "add_nodes": ["shop/app=2"],
            "move_ci": ["h1=shop/app"],
            "resize": ["h1/cpu=2x", "v1/filesystem=5e12"],
            "delay_purchase": ["po=-3"],
        },
        "2026-07-01",
    )
    assert [{k: v for k, v in step.items() if k != "from_date"} for step in steps] == [
        {"action": "scale_demand", "service_id": "shop", "factor": "1.3"},
        {"action": "scale_demand", "service_id": None, "factor": "0.9"},
        {"action": "lose_site", "site": "north"},
        {"action": "add_nodes", "service_id": "shop", "redundancy_group": "app", "count": "2"},
        {"action": "move_ci", "ci_id": "h1", "service_id": "shop", "redundancy_group": "app"},
        {"action": "resize", "ci_id": "h1", "resource": "cpu", "factor": "2"},
        {"action": "resize", "ci_id": "v1", "resource": "filesystem", "limit_value": "5e12"},
        {"action": "delay_purchase", "purchase_id": "po", "days": "-3"},
    ]
    assert {step["from_date"] for step in steps} == {"2026-07-01"}


@pytest.mark.parametrize(
    ("action", "text"),
    [("scale_demand", "shop"), ("add_nodes", "app=2"), ("move_ci", "h1=shop"), ("resize", "h1=2")],
)
def test_an_option_without_all_its_parts_shows_how_it_is_written(action: str, text: str) -> None:
    with pytest.raises(ScenarioError, match=r"is not .*[A-Z]/?[A-Z]*=|SERVICE/GROUP"):
        inline_steps({action: [text]}, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "no list of steps"),
        ("steps: [{action: lose_ci, ci_idd: a}]", "unknown key 'ci_idd'; did you mean 'ci_id'?"),
        ("name: x\nsteps: []", "unknown key 'name'"),
        ("steps: [", "cannot be read"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        _of_file(file)
    assert message in str(caught.value)


def test_without_a_published_version_it_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "ullage.yaml"
    config.write_text(
        "estate: Test\nhome: home\nstart_date: 2026-06-01\n"
        "sources:\n  - {name: control, type: control, path: control}\n"
    )
    result = CliRunner().invoke(app, ["what-if", "--config", str(config), "--lose-site", "north"])
    assert result.exit_code == 2
    assert "nothing is served yet; fix: `ullage run` first" in result.output
