"""What `plan` finds."""

from typing import Literal, NamedTuple

Level = Literal["stop", "look", "ok"]


class Finding(NamedTuple):
    """`stop`: the move would lose or change something. `look`: a person decides. `ok`: as it should be."""

    level: Level
    about: str
    what: str
