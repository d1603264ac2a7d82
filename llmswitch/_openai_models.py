"""openai's objects out of plain JSON: what its lenient `construct` gives, in a thirtieth of the time.

openai walks through each class's fields, and through the type of each, for every object of every chunk. Here that is done once a class.
What a value's type does not settle at a glance goes to openai's own `construct`, which is the judge of everything unusual.
"""

from __future__ import annotations

import inspect
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, Union, cast, get_args, get_origin

import openai
import pydantic

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch._json import Json

    Constructor: TypeAlias = Callable[[Json], openai.BaseModel]
    _Converter: TypeAlias = Callable[[Any], object]

_set: Final = object.__setattr__
# Of these construct_type gives back whatever it gets.
_AS_IT_IS: Final = frozenset({str, int, bool, object, Any})
_OPENAIS: Final = openai.BaseModel.__mro__
_UNIONS: Final = frozenset({Union, UnionType})
_NULL: Final[frozenset[type]] = frozenset({NoneType})
_constructors: Final[dict[type[openai.BaseModel], Constructor]] = {}


def constructor(cls: type[openai.BaseModel]) -> Constructor:
    """A function that makes a `cls` of a JSON object, as `cls.construct(**value)` would; the same one every time."""
    if cls not in _constructors:
        _constructors[cls] = _compile(cls) if _plain(cls) else _openais(cls)
    return _constructors[cls]


def _openais(cls: type[openai.BaseModel]) -> Constructor:
    return lambda values: cls.construct(**cast("Any", values))


def _plain(cls: type[openai.BaseModel]) -> bool:
    """Whether its fields are named as on the wire, unknown ones have no type and nulls become None, as in all answers to a chat."""
    return (
        getattr(cls.construct, "__func__", None) is getattr(openai.BaseModel.construct, "__func__", cls)
        and not any(field.alias for field in cls.model_fields.values())
        and not any("__pydantic_extra__" in inspect.get_annotations(base) for base in cls.__mro__[: -len(_OPENAIS)])
        and not any(vars(cls.construct(**cast("Any", dict.fromkeys(cls.model_fields)))).values())
    )


class _Field(NamedTuple):
    """What is made of one field's value in JSON.

    Attributes:
        name: on the wire, and of the attribute.
        exact: types of values that stay as they are; null becomes None.
        kind: the type that `convert` takes; any other value goes to `odd`.
    """

    name: str
    exact: frozenset[type]
    kind: type
    convert: _Converter
    odd: _Converter


def _compile(cls: type[openai.BaseModel]) -> Constructor:
    fields = cls.model_fields
    names = frozenset(fields)
    # What a field holds that did not come; some versions of openai leave a required one out.
    absent = vars(cls.construct())
    empty: dict[str, Any] = dict.fromkeys(fields) | absent
    required = names - absent.keys()
    converted = tuple(
        found for name, field in fields.items() if (found := _field(cls, name, field.annotation)) is not None
    )
    new = cls.__new__

    def construct(values: Json) -> openai.BaseModel:
        keys = values.keys()
        extra: dict[str, object] = {}
        if keys <= names:
            data = empty | values
            given = set(values)
        elif "_fields_set" in values:  # a parameter of openai's construct
            return cls.construct(**cast("Any", values))
        else:
            data = empty.copy()
            for name, value in values.items():
                (data if name in names else extra)[name] = value
            given = set(names & keys)
        for name, exact, kind, convert, odd in converted:
            if name in values and (found := type(value := values[name])) not in exact:
                data[name] = convert(value) if found is kind else odd(value)
        if not required <= keys:
            for name in required - keys:
                del data[name]
        made = new(cls)
        _set(made, "__dict__", data)
        _set(made, "__pydantic_private__", None)
        _set(made, "__pydantic_extra__", extra)
        _set(made, "__pydantic_fields_set__", given)
        return made

    return construct


def _field(cls: type[openai.BaseModel], name: str, annotation: object) -> _Field | None:
    """How a field is read, None where its value stays as it is."""
    if annotation in _AS_IT_IS or get_origin(annotation) is Literal:
        return None

    def odd(value: object) -> object:
        return getattr(cls.construct(**cast("Any", {name: value})), name)

    if annotation is float:
        return _Field(name, frozenset({float, NoneType}), NoneType, odd, odd)
    if isinstance(annotation, type) and issubclass(annotation, openai.BaseModel):
        return _Field(name, _NULL, dict, constructor(annotation), odd)
    if get_origin(annotation) is list:
        return _Field(name, _NULL, list, _list(get_args(annotation)[0], odd), odd)
    if get_origin(annotation) in _UNIONS:
        convert = _union(annotation, odd)
        return _Field(name, _exact(annotation) | _NULL, NoneType, convert, convert)
    return _Field(name, _NULL, NoneType, odd, odd)


def _list(inner: object, odd: _Converter) -> _Converter:
    if isinstance(inner, type) and issubclass(inner, openai.BaseModel):
        construct = constructor(inner)

        def objects(value: list[Any]) -> object:
            for item in value:
                if type(item) is not dict:
                    return odd(value)
            return [construct(item) for item in value]

        return objects
    if inner is float:  # an embedding has thousands
        return lambda value: value if set(map(type, value)) <= {float} else odd(value)
    return odd


def _exact(annotation: object) -> frozenset[type]:
    """Types of values that this union's validation leaves as they are."""
    members = [member for member in get_args(annotation) if member is not NoneType]
    exact = frozenset(member for member in members if isinstance(member, type) and member in (str, int, bool, float))
    if all(member is str or _words(member) for member in members):
        exact |= {str}  # a known word is valid and an unknown one comes through as it is
    return exact


def _words(member: object) -> bool:
    return get_origin(member) is Literal and all(isinstance(word, str) for word in get_args(member))


def _union(annotation: object, odd: _Converter) -> _Converter:
    """A union's value is validated; what does not fit is constructed leniently."""
    validate = _Validator(annotation)

    def convert(value: object) -> object:
        try:
            return validate(value)
        except Exception:  # noqa: BLE001 - as openai does
            return odd(value)

    return convert


class _Validator:
    """Pydantic's validator of a type, made when it is first needed: that takes milliseconds."""

    __slots__ = ("_annotation", "_validate")

    def __init__(self, annotation: object) -> None:
        self._annotation = annotation
        self._validate: _Converter | None = None

    def __call__(self, value: object) -> object:
        if self._validate is None:
            self._validate = pydantic.TypeAdapter(cast("Any", self._annotation)).validate_python
        return self._validate(value)
