"""Parse multipart forms as they arrive: in memory, with a limited number of parts."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .errors import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART = "multipart/form-data"


@dataclass
class FormField:
    """A field of a form."""

    name: str = ""
    filename: str = ""
    content: bytearray = field(default_factory=bytearray)


class Form:
    """Collects the parts of a multipart body. Raises Refusal if there are too many."""

    def __init__(self, most: int):
        self.most, self.ended = most, False
        self.parts: list[FormField] = []
        self.header, self.value, self.disposition = b"", b"", b""

    def callbacks(self) -> "MultipartCallbacks":
        """The parser's callbacks."""
        return {"on_part_begin": self._begin, "on_part_data": self._data,
                "on_header_field": self._field, "on_header_value": self._value,
                "on_header_end": self._header, "on_headers_finished": self._named,
                "on_end": self._end}

    def _begin(self) -> None:
        if len(self.parts) == self.most:
            raise Refusal(422, f"a request may have at most {self.most} images and classes")
        self.parts.append(FormField())
        self.disposition = b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def _header(self) -> None:
        if self.header.lower() == b"content-disposition":
            self.disposition = self.value
        self.header, self.value = b"", b""

    def _named(self) -> None:
        _, options = parse_options_header(self.disposition)
        self.parts[-1].name = options.get(b"name", b"").decode(errors="replace")
        self.parts[-1].filename = options.get(b"filename", b"").decode(errors="replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += data[start:end]

    def _end(self) -> None:
        self.ended = True


async def read_parts(request: Request, most: int) -> list[FormField]:
    """The parts of a request's form. Raises Refusal for an incomplete form."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    form = Form(most)
    try:
        if not options.get(b"boundary"):
            raise Refusal(400, f"{MULTIPART} needs its boundary")
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for piece in request.stream():
            parser.write(piece)
        parser.finalize()
    except FormParserError:
        raise Refusal(400, "the form is broken: its parts do not match its boundary") from None
    if not form.ended:
        raise Refusal(400, "the form is cut short: its last boundary is missing")
    return form.parts
