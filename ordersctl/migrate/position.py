"""Places in the source's binary log."""

from typing import Any, NamedTuple

from ordersctl.migrate.errors import Stopped


class Position(NamedTuple):
    """A place in the log. Positions of one epoch are comparable; a higher epoch is later than all of a lower one."""

    epoch: int  # of the mapping: raised when the log begins anew
    number: int  # of the log file
    offset: int  # bytes
    base: str  # the file's name without its number

    @classmethod
    def of(cls, epoch: int, file: str, offset: int) -> "Position":
        base, _, number = file.rpartition(".")
        if not number.isdigit():
            raise Stopped(f"the binary log's file {file} has no number.")
        return cls(epoch, int(number), int(offset), f"{base}/{len(number)}")

    @property
    def file(self) -> str:
        base, _, digits = self.base.rpartition("/")
        return f"{base}.{self.number:0{digits}d}"

    @property
    def stamp(self) -> str:
        """The position as text that sorts as positions do."""
        return f"{self.epoch:04d}:{self.number:010d}:{self.offset:013d}"

    def is_at_least(self, other: "Position") -> bool:
        return self.stamp >= other.stamp

    def to_json(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "file": self.file, "offset": self.offset}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Position":
        return cls.of(stored["epoch"], stored["file"], stored["offset"])

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"
