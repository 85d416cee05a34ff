"""Token indices of sequences: what pads a line, what ends it, and what stands for the unknown."""

PAD = 0        # after the end of a line; the loss leaves it out
END = 1        # the last token of a line that was not cut
UNKNOWN = 2    # a token that training did not have
FIRST = 3      # the first token of the vocabulary itself
