"""What one request may ask for, and how many may ask at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Memory stays below about `queue` times `body`, plus what the decoded images take."""

    body: int = 16 * 2**20     # bytes of a request
    files: int = 64            # images in a request
    pixels: int = 2**24        # of an image, as its header says, before it is decoded
    together: int = 2**26      # pixels of all images of a request
    restored: int = 2**22      # pixels of all images of a request to restore
    samples: int = 256         # codes or vectors in a request, or samples drawn for it
    seconds: float = 30.0      # from a request's headers to its answer
    queue: int = 64            # requests at once; more are told to come again
    batch: int = 128           # samples in one pass through the model
    linger: float = 0.002      # seconds that a busy model waits for more of them

    def __post_init__(self) -> None:
        wrong = next((name for name, value in vars(self).items() if value <= 0), "")
        if wrong:
            raise ValueError(f"the limit {wrong} must be above 0, not {getattr(self, wrong)}")
