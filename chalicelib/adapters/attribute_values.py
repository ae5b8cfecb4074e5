"""Models as DynamoDB's attribute values and back, by the types of their fields.

A field that is None has no attribute. A field with a default may have no attribute: the item may be older than the
field. A field without a default is in every item. Attributes that belong to no field are not read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

Attributes = Mapping[str, Any]  # name -> AttributeValue {tag: content}, as DynamoDB's low-level API has them
Names = Mapping[type, Mapping[str, str]]  # model -> field -> attribute, where it is not the field's own name
# How the values of one type are stored: the tag, and what turns a value into its content and back.
Form = tuple[str, Callable[[Any], Any], Callable[[Any], Any]]

ModelT = TypeVar("ModelT")
_SCALARS: Mapping[type, Form] = {str: ("S", str, str), int: ("N", str, int), bool: ("BOOL", bool, bool)}


class Codec(Generic[ModelT]):
    """Stores one model, a pydantic model or a dataclass; TypeError when a field's type has no form."""

    def __init__(self, model: type[ModelT], names: Names) -> None:
        parts = _model_parts(model) if issubclass(model, BaseModel) else _dataclass_parts(model)
        own_names = names.get(model, {})
        self.attributes = {field: own_names.get(field, field) for field in parts.types}
        forms = {field: _form(kind, names) for field, kind in parts.types.items()}
        self._dumps = [(field, self.attributes[field], tag, dump) for field, (tag, dump, _) in forms.items()]
        self._loads = [(field, self.attributes[field], tag, load) for field, (tag, _, load) in forms.items()]
        self._defaults = parts.defaults
        self._take_apart = parts.take_apart
        self.build: Callable[[Mapping[str, Any]], ModelT] = parts.build

    def dump(self, model: ModelT) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        values = self._take_apart(model)
        for field, attribute, tag, dump in self._dumps:
            value = values[field]
            if value is not None:
                attributes[attribute] = {tag: dump(value)}
        return attributes

    def load(self, attributes: Attributes) -> ModelT:
        return self.build(self.values(attributes))

    def values(self, attributes: Attributes) -> dict[str, Any]:
        """The stored fields; KeyError naming an attribute that is missing, TypeError or ValueError for a wrong one."""
        values: dict[str, Any] = {}
        for field, attribute, tag, load in self._loads:
            if attribute in attributes:
                values[field] = load(attributes[attribute][tag])
            elif field not in self._defaults:
                raise KeyError(attribute)
        return values


def update_expression(old: Attributes, new: Attributes) -> dict[str, Any]:
    """The parameters of an UpdateItem that makes an item differ as `new` differs from `old`.

    An attribute that is in neither stays as it is, at any depth of maps. A list is replaced as a whole.
    """
    names: dict[str, str] = {}  # attribute -> its placeholder
    values: dict[str, Any] = {}
    changed: list[str] = []
    removed: list[str] = []
    for path, value in _differences(old, new):
        place = ".".join(names.setdefault(name, f"#{len(names)}") for name in path)
        if value is None:
            removed.append(place)
        else:
            changed.append(f"{place} = :{len(values)}")
            values[f":{len(values)}"] = value
    actions = {"SET": changed, "REMOVE": removed}
    return {
        "UpdateExpression": " ".join(f"{action} {', '.join(parts)}" for action, parts in actions.items() if parts),
        "ExpressionAttributeNames": {placeholder: name for name, placeholder in names.items()},
        "ExpressionAttributeValues": values,
    }


def _differences(old: Attributes, new: Attributes, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each path whose value differs, with its new value; None where it has none any more."""
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before is not None and after is not None and before.keys() == after.keys() == {"M"}:
            yield from _differences(before["M"], after["M"], *path, name)
        elif before != after:
            yield (*path, name), after


class _Parts(NamedTuple):
    types: Mapping[str, Any]  # by field
    defaults: Mapping[str, Any]
    take_apart: Callable[[Any], Mapping[str, Any]]  # a model into its fields' values
    build: Callable[[Mapping[str, Any]], Any]  # a model of its fields' values, without those that have their default


def _model_parts(model: type[BaseModel]) -> _Parts:
    declared = model.model_fields
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in declared.items()
        if not field.is_required()
    }
    state: Any = model.model_construct(**{**dict.fromkeys(declared), **defaults}).__getstate__()

    # What is read was checked when it was written. Building it unchecked is faster, and an order stored under
    # yesterday's rules stays readable when the rules get stricter. model_construct takes several times as long as this,
    # which is what pickle does.
    def build(values: Mapping[str, Any]) -> BaseModel:
        built = model.__new__(model)
        built.__setstate__({**state, "__dict__": {**state["__dict__"], **values}})
        return built

    return _Parts({name: field.annotation for name, field in declared.items()}, defaults, vars, build)


def _dataclass_parts(model: Any) -> _Parts:
    declared = fields(model)
    defaults = {field.name: field.default for field in declared if field.default is not MISSING}
    return _Parts({field.name: field.type for field in declared}, defaults, asdict, lambda values: model(**values))


def _form(kind: Any, names: Names) -> Form:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated or (origin in {Union, UnionType} and inner[1:] == (NoneType,)):
        return _form(inner[0], names)
    if origin is tuple and inner[1:] == (...,):
        return _list_of(_form(inner[0], names))
    if origin is dict and inner[0] is str:
        return _map_of(_form(inner[1], names))
    if origin is Literal:
        kind = type(inner[0])
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "S", str, kind
    if isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind)):
        codec: Codec[Any] = Codec(kind, names)
        return "M", codec.dump, codec.load
    raise TypeError(f"no attribute value for {kind}")


def _list_of(form: Form) -> Form:
    tag, dump, load = form
    return (
        "L",
        lambda values: [{tag: dump(value)} for value in values],
        lambda contents: tuple([load(content[tag]) for content in contents]),
    )


def _map_of(form: Form) -> Form:
    tag, dump, load = form
    return (
        "M",
        lambda values: {name: {tag: dump(value)} for name, value in values.items()},
        # DynamoDB keeps no order of names, and an order should be shown the same way each time.
        lambda contents: {name: load(content[tag]) for name, content in sorted(contents.items())},
    )
