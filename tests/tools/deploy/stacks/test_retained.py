"""A stage comes back with its table and its secret, after a first deployment that failed and after a deletion."""

import contextlib
import random

import click
import pytest

from tests.tools.deploy.stacks.account import Account


def provision_and_fail(account: Account, operation: str, resource: str, **settings: str) -> str:
    """Provision while one step fails, and return what the command says."""
    account.failing(lambda step, name: (step, name) == (operation, resource))
    with pytest.raises(click.ClickException) as failed:
        account.provision(**settings)
    account.failing(lambda _step, _name: False)
    return failed.value.message


def test_a_first_deployment_that_failed_is_repaired_by_running_it_again() -> None:
    account = Account()
    provision_and_fail(account, "CREATE", "Dashboard")
    before = account.numbers()
    account.provision()
    assert account.numbers() == before
    assert account.has_what_is_wanted()


def test_a_stack_deleted_on_purpose_comes_back_with_its_table_and_secret() -> None:
    account = Account()
    account.provision()
    before = account.numbers()
    account.cloudformation.delete_stack("orders-dev")
    account.orders = 3
    account.provision()
    assert account.numbers() == before
    assert account.has_what_is_wanted()


def test_a_first_deployment_that_failed_before_the_table_was_made_is_repaired_too() -> None:
    account = Account()
    provision_and_fail(account, "CREATE", "OrderTable")
    account.provision()
    assert account.has_what_is_wanted()


KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"DeletionProtection": "false"}, {"DeletionProtection": "true"}),
        ({"TableClass": "STANDARD_INFREQUENT_ACCESS"}, {}),
        ({"BillingMode": "PROVISIONED"}, {}),
        ({"Encryption": KEY}, {}),
        ({"Encryption": KEY}, {"Encryption": "aws-owned"}),
        ({"Encryption": "aws-owned"}, {}),
        ({}, {"Encryption": KEY}),
    ],
)
def test_a_table_that_is_taken_over_gets_the_settings_of_now(before: dict[str, str], now: dict[str, str]) -> None:
    account = Account()
    account.provision(**before)
    account.cloudformation.delete_stack("orders-dev")
    account.provision(**now)
    assert account.has_what_is_wanted(**now)


def test_an_import_that_failed_is_repaired_by_running_it_again() -> None:
    account = Account()
    account.provision()
    before = account.numbers()
    account.cloudformation.delete_stack("orders-dev")
    assert "IMPORT_ROLLBACK_COMPLETE" in provision_and_fail(account, "IMPORT", "IdSecret")
    account.provision()
    assert account.numbers() == before
    assert account.has_what_is_wanted()


def test_what_an_update_made_and_could_not_keep_is_imported_into_the_stack() -> None:
    account = Account()
    provision_and_fail(account, "CREATE", "OrderTable")  # the secret was made, or will be made by the next attempt
    provision_and_fail(account, "CREATE", "Dashboard")
    before = account.numbers()
    account.provision()
    assert account.numbers() == before
    assert account.has_what_is_wanted()


def test_orders_whose_secret_is_gone_are_not_sealed_with_another() -> None:
    account = Account()
    account.provision()
    account.cloudformation.delete_stack("orders-dev")
    secret = account.secret()
    assert secret is not None
    account.cloudformation.resources.remove(secret)
    account.orders = 1
    with pytest.raises(click.ClickException, match=r"the secret orders-dev-id-secret .* does not exist"):
        account.provision()
    account.orders = 0
    account.provision()
    assert account.has_what_is_wanted()


def test_a_secret_that_is_about_to_be_deleted_is_named_with_the_command_that_keeps_it() -> None:
    account = Account()
    account.provision()
    account.cloudformation.delete_stack("orders-dev")
    account.deleted_secret = True
    with pytest.raises(
        click.ClickException, match="aws secretsmanager restore-secret --secret-id orders-dev-id-secret"
    ):
        account.provision()


def test_the_reason_of_a_failure_is_found_behind_hundreds_of_later_events() -> None:
    account = Account()
    said = provision_and_fail(account, "CREATE", "Dashboard")
    assert len(account.cloudformation.stacks["orders-dev"].events) > 200
    assert "Dashboard: the disk is full" in said


CHOICES = [
    {"DeletionProtection": "false"},
    {"SampleSubscribers": "false"},
    {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    {"OrderQueueVisibility": "240"},
    {},
]


@pytest.mark.parametrize("seed", range(20))
def test_any_history_of_failures_ends_in_the_wanted_state_with_the_same_table_and_secret(seed: int) -> None:
    chance, account = random.Random(seed), Account()
    first: dict[str, int] = {}
    for _ in range(chance.randint(3, 10)):
        risk = chance.choice([0.0, 0.005, 0.02, 0.2])
        account.failing(lambda _step, _name, risk=risk: chance.random() < risk)  # type: ignore[misc]  # a bound default
        if chance.random() < 0.3:
            account.cloudformation.delete_stack("orders-dev")
        else:
            with contextlib.suppress(click.ClickException):  # the next step judges what it left
                account.provision(**chance.choice(CHOICES))
        for name, found in (("table", account.table()), ("secret", account.secret())):
            if found is not None:
                assert first.setdefault(name, found.number) == found.number
        account.orders = chance.choice([0, 1]) if {"table", "secret"} <= first.keys() else 0
    account.failing(lambda _step, _name: False)
    wanted = chance.choice(CHOICES)
    account.provision(**wanted)
    assert account.has_what_is_wanted(**wanted)
    table, secret = account.numbers()
    assert (first.get("table", table), first.get("secret", secret)) == (table, secret)
