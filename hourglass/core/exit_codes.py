"""Exit codes of the command line. 0 means that all went well."""

ABNORMAL = 1        # hourglass score: at least one sample is abnormal
FAILED = 1          # the command started and failed
BAD_USE = 2         # a wrong argument, or data that cannot be used
INTERRUPTED = 130   # Ctrl-C, as shells number it
