"""Whether a consumer written for one JSON Schema can read the events of another.

Consumers read events and send none. So every event of the new schema has to be valid by the old one, and has to keep
the old one's properties. More properties and narrower values break no consumer.
"""

from typing import Any

Schema = dict[str, Any]

_NOTES = {"$id", "$schema", "description", "examples", "title"}
_AT_LEAST = {"minimum", "minLength", "minItems"}
_AT_MOST = {"maximum", "maxLength", "maxItems"}


def breaks(old: Schema, new: Schema, at: str = "") -> list[str]:
    """The changes from `old` to `new` that break a consumer of `old`, each with its place."""
    here = at or "/"
    found: list[str] = []
    for word, was in old.items():
        now = new.get(word)
        if word in _NOTES or was == now:
            continue
        if word == "properties":
            for name, schema in was.items():
                kept = (now or {}).get(name)
                place = f"{at}/{name}"
                found += [f"{place} is gone"] if kept is None else breaks(schema, kept, place)
        elif word == "items" and isinstance(now, dict):
            found += breaks(was, now, f"{at}/*")
        elif word == "required":
            found += [f"{at}/{name} may be missing" for name in was if name not in (now or [])]
        elif word in {"const", "enum"}:
            surplus = [each for each in _values(new) or ["anything"] if each not in (_values(old) or [])]
            found += [f"{here} may be {each}" for each in surplus]
        elif word in _AT_LEAST:
            found += [] if now is not None and now >= was else [f"{here}: {word} {was} became {now}"]
        elif word in _AT_MOST:
            found += [] if now is not None and now <= was else [f"{here}: {word} {was} became {now}"]
        else:  # type, pattern, format, combinations: only an equal one is known to be safe
            found.append(f"{here}: {word} {was} became {now}")
    return found


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")
