"""Rich display: one thing in several forms (MIME types), as notebooks show it."""

from __future__ import annotations

import os
import sys

from .kernel import Kernel
from .library import DISPLAY_RESULT, DISPLAY_UPDATE
from .streams import current_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

_METHODS = (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown"),
            ("_repr_svg_", "image/svg+xml"), ("_repr_png_", "image/png"),
            ("_repr_jpeg_", "image/jpeg"), ("_repr_latex_", "text/latex"),
            ("_repr_json_", "application/json"), ("_repr_javascript_", "application/javascript"),
            ("_repr_pdf_", "application/pdf"))
_BINARY = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")

PAYLOAD = "application/vnd.jupyter.payload+json"  # what a notebook's frontend shall do
METADATA = "application/vnd.jupyter.metadata+json"  # of a display's forms: the width of an image

notebook = False  # somebody wants values in all their forms, so he is a frontend of that kind

_LONGEST_TEXT = 65536  # characters of a plain text

_kernel: Optional[Kernel] = None


def use(kernel: Kernel) -> None:
    """Where displays go from now on."""
    global _kernel
    _kernel = kernel


def bundle(value: Any) -> Dict[str, Any]:
    """All forms of a value but its plain text. One that fails is left out, and said on stderr."""
    forms: Dict[str, Any] = {}
    if isinstance(value, type):  # its methods are for its instances
        return forms
    for name, mime in _METHODS:
        form = _form(value, name)
        if form is not None:
            forms[mime] = form
    both = _form(value, "_repr_mimebundle_")
    if both is not None:
        forms.update(both)
    return forms


def _form(value: Any, name: str) -> Any:
    if getattr(type(value), name, None) is None:
        return None
    try:
        method = getattr(value, name)
        form = method(include=None, exclude=None) if name == "_repr_mimebundle_" else method()
    except NotImplementedError:
        return None
    except Exception as error:
        print("%s of a %s raised %s: %s" % (name, type(value).__name__, type(error).__name__,
                                            error), file=sys.stderr)
        return None
    return form[0] if isinstance(form, tuple) else form  # the second is metadata


def _parts(forms: Dict[str, Any]) -> List[Tuple[str, Any]]:
    return [(mime, _content(mime, form)) for mime, form in forms.items() if form is not None]


def _content(mime: str, form: Any) -> Any:
    if isinstance(form, (bytes, bytearray, memoryview)):
        return bytes(form)
    if mime in _BINARY and isinstance(form, str):  # Jupyter's way to write binary data
        import base64
        return base64.b64decode(form)
    if isinstance(form, str):
        return form
    return as_json(form)


def as_json(value: Any) -> str:
    """JSON that every reader takes: its numbers cannot be infinite or NaN, which become strings; numbers
    of other types become numbers, bytes base64, what can be iterated a list, and all else a string."""
    import json
    try:
        return json.dumps(value, default=_json_default, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=_json_default)


def _json_default(value: Any) -> Any:
    import numbers
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _finite(float(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        import base64
        return base64.b64encode(value).decode()
    try:
        return [_finite(item) for item in value]
    except TypeError:
        return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def emit(forms: Dict[str, Any], display_id: str = "", update: bool = False,
         result: bool = False, metadata: Any = None) -> None:
    parts = _parts(forms)
    if metadata and notebook:
        parts.append((METADATA, _content(METADATA, metadata)))
    if _kernel is None or _kernel.forked:
        print(forms.get("text/plain", ""))
        return
    flags = (DISPLAY_UPDATE if update else 0) | (DISPLAY_RESULT if result else 0)
    _kernel.display(current_tag(), parts, display_id, flags)


def emit_parts(parts: List[Tuple[str, Any]]) -> None:
    """What is for a frontend alone: a text or bytes of each type."""
    if _kernel is not None and not _kernel.forked:
        _kernel.display(current_tag(), parts, "", 0)


def plain_text(value: Any) -> str:
    """As Python's own prompt shows it. Never fails, but an interrupt hits it like any code."""
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code, which may raise SystemExit too
        text = "<%s whose repr raises %s>" % (type(value).__name__, type(error).__name__)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."


def emit_last(value: Any) -> bool:
    """Displays the value that code ends with if it has rich forms; true if it did."""
    forms = bundle(value)
    if not forms:
        return False
    forms.setdefault("text/plain", repr(value))
    emit(forms)
    return True


def emit_result(value: Any) -> None:
    """Displays the value that code ends with, in all its forms."""
    if value is None:
        return
    forms = bundle(value)
    forms.setdefault("text/plain", plain_text(value))
    emit(forms, result=True)


class DisplayHandle:
    """Something shown that can be replaced."""

    def __init__(self, display_id: str) -> None:
        self.display_id = display_id

    def display(self, value: Any, **options: Any) -> None:
        display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        display(value, display_id=self.display_id, update=True, **options)

    def __repr__(self) -> str:
        return "<DisplayHandle display_id=%s>" % self.display_id


def display(*values: Any, display_id: Any = None, update: bool = False, raw: bool = False,
            metadata: Any = None, **_options: Any) -> Optional[DisplayHandle]:
    """Show values in all the forms that they have.

    `display_id` names what is shown (True: with a new name) and makes this return a DisplayHandle,
    by which it can be replaced; `update` replaces what has that name. With `raw` a value is a dict
    of its forms by MIME type. `metadata` is for the frontend.
    """
    if update and not display_id:
        raise TypeError("display: update needs the display_id of what to replace")
    if display_id is True:
        display_id = os.urandom(16).hex()
    for value in values:
        if raw and not isinstance(value, dict):
            raise TypeError("display: with raw a value is a dict of MIME types, not a "
                            + type(value).__name__)
        forms = dict(value) if raw else bundle(value)
        if not raw:
            forms.setdefault("text/plain", repr(value))
        emit(forms, display_id or "", update, metadata=metadata)
    return DisplayHandle(display_id) if display_id else None


def update_display(value: Any, *, display_id: str, **options: Any) -> None:
    """Replace what is shown under `display_id`."""
    display(value, display_id=display_id, update=True, **options)


def clear_output(wait: bool = False) -> None:
    """Take away what this request has shown; with `wait` when the next output comes."""
    if _kernel is not None and not _kernel.forked:
        _kernel.clear_output(current_tag(), wait)
