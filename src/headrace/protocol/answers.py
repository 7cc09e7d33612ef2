"""Reading an answer of Heroku: what is needed has to be right, and what only decorates costs nothing.

In a shape, a member without a default is needed. Any other counts as absent when it is null or of a form that is not
known, unless it is `Needed`: then absent and null say that there is none, and another form says nothing at all.
"""

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from headrace.models import is_needed
from headrace.protocol.wire import Unreadable, decode_json

T = TypeVar("T")


def decode_answer(text: bytes | str, shape: type[T]) -> T:
    """Return an answer as a value of a shape, without what decorates and cannot be read.

    Raises:
        Unreadable: it is no JSON, or a member that is needed is missing or of another form.
    """
    try:
        return decode_json(text, shape)
    except Unreadable:
        return convert_answer(decode_json(text, object), shape)


def convert_answer(value: object, shape: type[T]) -> T:
    """Return a decoded answer, or a part of one, as `decode_answer` does."""
    try:
        return msgspec.convert(leave_out(value, shape), shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def decode_list(text: bytes | str, item: type[T]) -> list[T]:
    """Return those items of a list that can be read, each as `decode_answer` does.

    Raises:
        Unreadable: it is no list, or has items and none of them can be read.
    """
    try:
        return decode_json(text, list[item])  # type: ignore[valid-type]
    except Unreadable:
        values = decode_json(text, list[Any])
    found, problem = [], None
    for value in values:
        try:
            found.append(convert_answer(value, item))
        except Unreadable as error:
            problem = problem or error
    if problem and not found:
        raise problem
    return found


def leave_out(value: object, shape: Any) -> object:
    """Return a decoded answer without the members that are not needed and cannot be read in this shape."""
    struct = _find_struct(shape)
    if struct is None or not isinstance(value, dict):
        return value
    kept = dict(value)
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name in value:
            kept[name] = leave_out(value[name], field.type)
            if not (field.required or is_needed(field.type) or _is_readable(kept[name], field.type)):
                del kept[name]
    return kept


def _find_struct(shape: Any) -> type[msgspec.Struct] | None:
    """The struct that a shape is, or that it is beside null or something simple."""
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return shape
    inner = get_args(shape)[:1] if get_origin(shape) is Annotated else get_args(shape)
    return next((found for each in inner if (found := _find_struct(each)) is not None), None)


def _is_readable(value: object, shape: Any) -> bool:
    try:
        msgspec.convert(value, shape)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
