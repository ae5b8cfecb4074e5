"""What every migration command works with: a stage, a mapping, the shop's database, the table, the saved state."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config

from ordersctl.migrate.mapping import document
from ordersctl.migrate.mapping.model import ShopMapping
from ordersctl.migrate.mapping.rows import Mapper
from ordersctl.migrate.source.connection import Server
from ordersctl.migrate.source.reads import Reader
from ordersctl.migrate.state import State
from ordersctl.migrate.target.writes import ImportTable
from ordersctl.shared.stage import Stage

THREADS = 16  # writes at once: DynamoDB answers one in some milliseconds


@dataclass(frozen=True)
class Migration:
    """One source and one stage."""

    stage: Stage
    mapping: ShopMapping
    server: Server
    mapper: Mapper
    table: ImportTable
    state: State

    @classmethod
    def of(cls, stage: Stage, mapping_file: Path, credentials: Path | None) -> "Migration":
        """Raises ClickException when the mapping or a setting is wrong, SourceLost, botocore's errors."""
        mapping = document.read(mapping_file)
        server = Server.configured(credentials)
        server.connect().close()  # before the stage is asked: a stage that is missing should not hide a wrong password
        answer = stage.client("secretsmanager").get_secret_value(SecretId=stage.output("IdSecretArn"))
        mapper = Mapper(mapping, str(answer["SecretString"]).encode())
        name, state = stage.output("OrderTable"), State.of(stage, mapping)
        table = ImportTable(
            waiting_client(stage), name, mapping.name, mapping.rules["deleted"], stage.spread, state.generation()
        )
        return cls(stage, mapping, server, mapper, table, state)

    def reader(self) -> Reader:
        """Return a connection of its own to the shop's database."""
        return Reader(self.server, self.mapper)


def waiting_client(stage: Stage) -> Any:
    """Return a client of DynamoDB that waits while the table is throttled: a long copy should not end for it."""
    waiting = Config(retries={"mode": "standard", "total_max_attempts": 12}, max_pool_connections=THREADS)
    options = dict(stage.options)
    config = options.pop("config", None)
    return stage.session.client("dynamodb", config=config.merge(waiting) if config else waiting, **options)
