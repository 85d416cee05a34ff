"""Text encoders: `(captions, **options)` -> an encoder, which has learnt what it needs of captions.

`features(texts)` are (N, size). `unknown(text)` are the words that it does not know. `remembers`
are texts from which the same encoder is made again: it takes the place of the captions.
"""

from . import minilm, words
