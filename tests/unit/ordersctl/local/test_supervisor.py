"""The environment of a run's processes: the machine's AWS variables are removed, the service's own one is kept."""

import os
from unittest.mock import patch

import click
import pytest

from ordersctl.local.supervisor import enter_environment, refuse_wrong_settings

ENGINE = "http://127.0.0.1:4566"


def entered(**environment: str) -> dict[str, str]:
    with patch.dict(os.environ, environment, clear=True):
        enter_environment(ENGINE)
        return dict(os.environ)


def test_the_aws_client_that_was_chosen_is_used() -> None:
    assert entered(AWS_CLIENT="botocore")["AWS_CLIENT"] == "botocore"
    assert "AWS_CLIENT" not in entered()


def test_no_aws_account_of_the_machine_is_used() -> None:
    environment = entered(AWS_PROFILE="work", AWS_ACCESS_KEY_ID="key", AWS_ENDPOINT_URL_SQS="https://sqs.invalid")
    assert {name: value for name, value in environment.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": ENGINE,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.parametrize(
    "setting", [{"SPREAD_CUSTOMERS": "guest=40"}, {"SPREAD_CUSTOMERS": "a#b=4"}, {"CUSTOMER_PRICES": "cheap"}], ids=str
)
def test_a_setting_with_which_no_function_starts_is_refused_at_once(setting: dict[str, str]) -> None:
    (name,) = setting
    with patch.dict(os.environ, setting), pytest.raises(click.ClickException, match=name):
        refuse_wrong_settings()
