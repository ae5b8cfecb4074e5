"""The guide to moving in: its commands, sections, rules and columns are those of the code."""

import re

import click
import pytest

from ordersctl.migrate.command import migrate
from ordersctl.migrate.mapping import document
from ordersctl.migrate.mapping.model import RULES
from ordersctl.migrate.mapping.rows import ADJUSTMENT_COLUMNS, LINE_COLUMNS, ORDER_COLUMNS, PREFIXES
from ordersctl.migrate.target.writes import Outcome
from ordersctl.migrate.write_back.command import LATE, THEIRS
from ordersctl.shared.project import PROJECT_DIR
from tests.tools.migrate.shop import SAMPLES

GUIDE = (PROJECT_DIR / "docs" / "guide" / "migrating.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`(?:ORDERS_TOKEN=… )?ordersctl migrate ([^`]+)`", GUIDE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_guide_exists_with_its_options(line: str) -> None:
    name, *words = line.split()
    if name == "migrate":
        return
    command = migrate.commands[name]
    known = {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_command_is_in_the_guide() -> None:
    assert {line.split()[0] for line in COMMANDS} >= set(migrate.commands)


def test_every_section_and_rule_is_in_the_guide() -> None:
    assert {name for name in document.SECTIONS if f"[{name}]" not in GUIDE} == set()
    for rule, values in RULES.items():
        assert f"| `{rule}` | {', '.join(f'`{value}`' for value in values)} |" in GUIDE


def test_every_column_is_in_the_guide() -> None:
    columns = {*ORDER_COLUMNS, *LINE_COLUMNS, *ADJUSTMENT_COLUMNS}
    assert {name for name in columns if f"`{name}`" not in GUIDE} == set()
    assert {prefix for prefix in PREFIXES if f"`{prefix}" not in GUIDE} == set()


def test_the_examples_are_right_parts_of_a_mapping(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("mapping") / "shop.toml"
    path.write_text(
        "\n".join([(SAMPLES / "classic.toml").read_text(), *re.findall(r"```toml\n(.+?)```", GUIDE, re.DOTALL)])
    )
    mapping = document.read(path)
    assert mapping.reverse is not None
    assert mapping.compare_fields
    assert mapping.cutover_hook


def test_every_count_of_a_summary_is_in_the_guide() -> None:
    words = {*map(str, Outcome), "orders", "refused", "position", LATE, THEIRS}
    assert {word for word in words if f"`{word}`" not in GUIDE} == set()
