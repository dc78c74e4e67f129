"""Groups of options that several commands share, each a struct.

A group is a frozen ``msgspec.Struct`` whose fields are annotated as a Typer command's parameters are, with defaults::

    class ListingOptions(msgspec.Struct, frozen=True, kw_only=True):
        recursive: Annotated[bool, typer.Option("--recursive", "-R", help="Descend into folders.")] = False
        max_depth: Annotated[int | None, typer.Option(min=1, help="How deep.")] = None

A command takes the whole group as one keyword-only parameter, and :func:`with_options` spreads it over the command
line; several groups stand side by side::

    @with_options
    def lsf(spec: Spec = None, *, listing: ListingOptions, filtering: FilterOptions, json: Json = False) -> None:
        filters = filtering.filters()

    app.command()(lsf)

The function stays callable from Python, with ``listing=ListingOptions(recursive=True)`` or with ``recursive=True``.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

R = TypeVar("R")

Groups = dict[str, type[msgspec.Struct]]


def with_options(command: Callable[..., R]) -> Callable[..., R]:
    """Spread each keyword-only parameter of *command* that is a struct over the fields of that struct.

    Fields stand in the help where their group's parameter stood.

    Raises:
        TypeError: a group's field has no default, or two parameters would have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: Groups = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        annotation = hints.get(parameter.name, parameter.annotation)
        if parameter.kind is parameter.KEYWORD_ONLY and _is_group(annotation):
            groups[parameter.name] = annotation
            parameters.extend(_parameters(annotation))
        else:
            parameters.append(parameter.replace(annotation=annotation))
    names = [parameter.name for parameter in parameters]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"{command.__name__} would have options twice: {', '.join(sorted(twice))}")

    @wraps(command)
    def spread(*args: Any, **kwargs: Any) -> R:
        return command(*args, **_gathered(groups, kwargs))

    # Typer reads the signature, and the annotations beside it.
    spread.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # it is how inspect is told
        parameters, return_annotation=hints.get("return", inspect.Signature.empty)
    )
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del spread.__wrapped__
    return spread


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _parameters(group: type[msgspec.Struct]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(group, field), annotation=hints[field.name]
        )
        for field in msgspec.structs.fields(group)
    ]


def _default(group: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    raise TypeError(f"{group.__name__}.{field.name} has no default: every option needs one")


def _gathered(groups: Groups, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command's own arguments, with the fields of each group put together."""
    own = dict(given)
    for name, group in groups.items():
        fields = {field: own.pop(field) for field in group.__struct_fields__ if field in own}
        if name not in own:
            own[name] = group(**fields)
        elif fields:
            raise TypeError(f"{name} and its fields {', '.join(sorted(fields))} cannot be given together")
    return own
