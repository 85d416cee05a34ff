"""The layout of a compressed file, and its checksum.

    8 bytes    89 48 47 43 0d 0a 1a 0a: "HGC" among bytes that a transfer as text would change
    2          the version of this layout, 1; this and all numbers below little-endian
    32         SHA-256 of the model's weights and parts
    4          length of the header
               the header: JSON, deflated, its fields those of `Header`
               32-bit words of the range coder: the codes, then, if lossless, the pixels
    16         BLAKE2b of everything before

The checksum is compared before the content is used.
"""

import hashlib
import json
import struct
import zlib
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

MAGIC = b"\x89HGC\r\n\x1a\n"
VERSION = 1
FRONT = struct.Struct("<8sH32sI")
CHECKSUM = 16                # bytes
LARGEST_HEADER = 2**26       # bytes of JSON
LONGEST_NAME = 4096


def _check_name(name: Any) -> str:
    """A file's name, unchanged. Pydantic's own texts refuse bytes that are not UTF-8."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise ValueError("not a name of a file")
    return name


Whole = Annotated[int, Ge(-2**31), Le(2**31)]
Digest = Annotated[str, MaxLen(64)]
Rest = Literal["", "differences", "tones"]   # method for pixels, if they are stored


class Header(BaseModel):
    """The header: all that is needed to read the words. All numbers are integers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    count: Annotated[int, Ge(1), Le(2**31)]        # N samples
    shape: list[Annotated[int, Ge(1), Le(2**24)]]   # of one, channels first
    steps: list[Annotated[int, Ge(-400), Le(400)]]  # (D,) step sizes, in eighths of an octave
    centres: list[Whole]                            # (D,) in eighths of a step
    spreads: list[Annotated[int, Ge(1), Le(2**23)]]   # (D,) mean distances from them, in eighths
    codes: Digest                                   # of the rounded codes
    labels: list[Annotated[int, Ge(0)]] = []        # (N,) of a conditional model's samples
    names: list[Annotated[str, PlainValidator(_check_name)]] = []   # (N,) of files
    rest: Rest = ""
    weights: list[list[list[Annotated[int, Ge(-2**20), Le(2**20)]]]] = []   # of `differences`
    guess: Digest = ""                              # of the decoder's images
    pixels: Digest = ""                             # of the images

    def check(self) -> None:
        """Raise ValueError if its fields contradict each other."""
        for entries in (self.labels, self.names):
            if entries and len(entries) != self.count:
                raise ValueError(f"it holds {self.count:,} samples and {len(entries):,} names or "
                                 f"classes")


def digest(values: np.ndarray) -> str:
    """Digest of an integer array, the same on every machine."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return hashlib.blake2b(little.tobytes(), digest_size=12).hexdigest()


def seal(model: bytes, header: Header, words: np.ndarray) -> bytes:
    """A file's content, for the model with that digest (32 bytes)."""
    fields = header.model_dump(exclude_defaults=True)
    text = zlib.compress(json.dumps(fields, separators=(",", ":")).encode(), 9)
    front = FRONT.pack(MAGIC, VERSION, model, len(text))
    content = front + text + words.astype("<u4").tobytes()
    return content + _checksum(content)


def unseal(content: bytes) -> tuple[bytes, Header, np.ndarray]:
    """The model's digest, the header and the words of a file's content.

    Raises ValueError for an incomplete file, or another kind of file.
    """
    if not content:
        raise ValueError("it is empty")
    if content[:len(MAGIC)] != MAGIC[:len(content)]:
        raise ValueError("it does not begin like a file of hourglass compress")
    if len(content) < FRONT.size + CHECKSUM:
        raise ValueError("it is cut short")
    _, version, model, length = FRONT.unpack_from(content)
    if version != VERSION:
        raise ValueError(f"it is altered, or of version {version}, and this hourglass reads "
                         f"version {VERSION}")
    if _checksum(content[:-CHECKSUM]) != content[-CHECKSUM:]:
        raise ValueError("it is cut short or altered: its checksum is wrong; get the file again "
                         "from its origin")
    rest = content[FRONT.size:-CHECKSUM]
    if length > len(rest) or (len(rest) - length) % 4:
        raise ValueError("its header does not fit in it")
    return model, _header(rest[:length]), np.frombuffer(rest[length:], "<u4").astype(np.uint32)


def _header(deflated: bytes) -> Header:
    try:
        inflating = zlib.decompressobj()
        text = inflating.decompress(deflated, LARGEST_HEADER)
        if not inflating.eof or inflating.unused_data:
            raise ValueError
        fields: Any = json.loads(text)
        header = Header.model_validate(fields)
    except (zlib.error, ValidationError, ValueError, RecursionError):
        raise ValueError("its header cannot be read") from None
    header.check()
    return header


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECKSUM).digest()
