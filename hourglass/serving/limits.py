"""Limits of one request, and of the number of requests at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of requests. Memory stays below about `queue` times `body`, plus decoded images."""

    body: int = 16 * 2**20     # bytes per request
    files: int = 64            # images per request
    pixels: int = 2**24        # per image, by its header, before it is decoded
    together: int = 2**26      # pixels of all images of a request
    restored: int = 2**22      # pixels of all images of a request to restore
    samples: int = 256         # codes, vectors or generated samples per request
    seconds: float = 30.0      # from a request's headers to its answer
    queue: int = 64            # requests at once; further ones must try again
    batch: int = 128           # samples per batch of the model
    linger: float = 0.002      # seconds that a busy model waits for more samples

    def __post_init__(self) -> None:
        wrong = next((name for name, value in vars(self).items() if value <= 0), "")
        if wrong:
            raise ValueError(f"the limit {wrong} must be above 0, not {getattr(self, wrong)}")
