"""The text in a file's bytes: its encoding is found out, and what is guessed is said."""

import csv
import io

LONGEST = 2**16   # bytes that are examined
MOSTLY = 0.8      # share of the bytes that must agree


def text_in(content: bytes, what: str, way: str) -> tuple[str, list[str]]:
    """The text of a file, with a note on an encoding that is not UTF-8. `what` names the file, and
    `way` says what to do with a binary one. Raises ValueError for such a file."""
    refusal = f"{what} is not a text in UTF-8; {way}"
    if wide := _wide(content[:LONGEST]):
        try:
            return content.decode(wide).removeprefix("\ufeff"), ["the file is read as UTF-16"]
        except UnicodeDecodeError:
            raise ValueError(refusal) from None
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        odd = content[error.start:error.start + 1]
    if b"\0" in content[:LONGEST]:
        raise ValueError(refusal)
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise ValueError(refusal) from None
    return text, [f"the file is not UTF-8: it is read as Windows-1252 (Latin-1), where the first "
                  f"special character is {odd.decode('cp1252')!r}"]


def cells_of(lines: list[str]) -> list[list[str]]:
    """The cells of the first lines of a table, by the separator that its first line has most."""
    mark = max(",\t;", key=lines[0].count) if lines else ","
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=mark))


def first_lines(head: bytes, what: str) -> str:
    """The text in the first bytes of a file, up to LONGEST, without a last line that they cut.
    Raises ValueError as `text_in` does."""
    if wide := _wide(head):
        return head.decode(wide, errors="ignore").removeprefix("\ufeff")
    end = head.rfind(b"\n") + 1 if len(head) >= LONGEST else 0
    return text_in(head[:end] or head, what, "")[0]


def _wide(head: bytes) -> str:
    """The name of UTF-16 for a file that begins so, "" for another: its mark comes first, or every
    second byte of its plain characters is 0."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    zeros = [part.count(0) / max(len(part), 1) for part in (head[::2], head[1::2])]
    names = ("utf-16-be", "utf-16-le")
    return next((name for name, here, there in zip(names, zeros, zeros[::-1], strict=True)
                 if here > MOSTLY and there < 1 - MOSTLY), "")
