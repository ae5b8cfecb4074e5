"""The hints that a command prints name the same account and region as the command itself."""

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from chalice import cli as chalice_cli
from click.testing import CliRunner

from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage

PROFILES = '[profile shop]\nregion = eu-west-1\n[profile "the shop\'s other"]\nregion = eu-west-2\n'
GIVEN = [
    (),
    ("--region", "ap-south-1"),
    ("--profile", "shop"),
    ("--profile", "the shop's other", "--region", "ap-south-1"),
]


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(PROFILES)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def stage_of(*arguments: str) -> Stage:
    """The stage that a command with these options gets."""
    found: list[Stage] = []

    @click.command()
    @with_stage
    def command(*, stage: Stage) -> None:
        found.append(stage)

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return found[0]


def place(stage: Stage) -> tuple[Any, ...]:
    return stage.name, stage.session.profile_name, stage.session.region_name


@pytest.mark.parametrize("given", GIVEN, ids=" ".join)
def test_a_hint_that_is_pasted_reaches_the_same_account_and_region(given: tuple[str, ...]) -> None:
    stage = stage_of("--stage", "prod", *given)
    pasted = shlex.split(as_typed("queues", *stage.option))
    arguments = pasted[pasted.index("queues") + 1 :]
    assert place(stage_of(*arguments)) == place(stage)
    assert arguments == ["--stage", "prod", *given]


@pytest.mark.parametrize("given", GIVEN, ids=" ".join)
def test_so_does_one_of_chalice_which_has_no_option_for_the_region(
    given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of("--stage", "prod", *given)
    words = shlex.split(stage.chalice_as_typed("deploy"))
    arguments = words[words.index("deploy") + 1 :]
    if "=" in words[0]:  # as a shell does
        monkeypatch.setenv(*words[0].split("="))
    read = chalice_cli.deploy.make_context("deploy", arguments).params
    assert place(Stage.at(read["stage"], profile=read["profile"])) == place(stage)


@pytest.mark.parametrize("given", GIVEN, ids=" ".join)
def test_so_does_one_of_the_aws_cli(given: tuple[str, ...]) -> None:
    typed = stage_of("--stage", "prod", *given).aws_as_typed("iam", "get-user")
    assert shlex.split(typed) == ["aws", "iam", "get-user", *given]


def test_a_hint_of_the_local_run_names_no_stage() -> None:
    assert stage_of("--engine", "http://127.0.0.1:9", "--profile", "shop").option == ()
