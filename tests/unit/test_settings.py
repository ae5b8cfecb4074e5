"""Settings: read from a mapping, whole or not at all."""

import dataclasses
import json
from pathlib import Path

import pytest

from chalicelib.settings import Settings, SettingsError

CONFIG = json.loads((Path(__file__).parents[2] / ".chalice" / "config.json").read_text())
LOCAL: dict[str, str] = CONFIG["stages"]["local"]["environment_variables"]
REQUIRED = [field.name.upper() for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING]


def test_the_local_stage_has_every_setting_and_means_the_embedded_engine() -> None:
    settings = Settings.from_env(LOCAL)
    assert (settings.stage, settings.order_table) == ("local", "orders-local")
    assert settings.endpoint_url == "http://127.0.0.1:4566"
    assert settings.customer_claim == "sub"


def test_another_endpoint_replaces_the_engines() -> None:
    url = "http://127.0.0.1:9999"
    assert Settings.from_env(LOCAL | {"AWS_ENDPOINT_URL": url}).endpoint_url == url


def test_any_other_stage_uses_botocores_address() -> None:
    assert Settings.from_env(LOCAL | {"STAGE": "dev"}).endpoint_url is None


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_or_empty_setting_is_named(name: str, *, empty: bool) -> None:
    env = {other: value for other, value in LOCAL.items() if other != name} | ({name: ""} if empty else {})
    with pytest.raises(SettingsError, match=rf"\b{name}\b"):
        Settings.from_env(env)


@pytest.mark.parametrize(("value", "reports"), [(None, False), ("", False), ("0", False), ("true", False), ("1", True)])
def test_failures_are_reported_only_where_a_mapping_reads_them(value: str | None, *, reports: bool) -> None:
    env = LOCAL if value is None else LOCAL | {"REPORT_BATCH_ITEM_FAILURES": value}
    assert Settings.from_env(env).reports_batch_item_failures is reports


@pytest.mark.parametrize(
    ("value", "client"), [(None, "thin"), ("", "thin"), ("thin", "thin"), ("botocore", "botocore")]
)
def test_the_thin_client_is_used_unless_botocore_is_named(value: str | None, client: str) -> None:
    env = LOCAL if value is None else LOCAL | {"AWS_CLIENT": value}
    assert Settings.from_env(env).aws_client == client


@pytest.mark.parametrize("value", ["boto3", "Thin", "botocore "])
def test_any_other_client_is_refused_with_the_names_of_those_there_are(value: str) -> None:
    with pytest.raises(SettingsError, match=rf"AWS_CLIENT is '{value}', and not one of thin, botocore"):
        Settings.from_env(LOCAL | {"AWS_CLIENT": value})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_env(LOCAL).stage = "prod"  # type: ignore[misc]  # what is tested
