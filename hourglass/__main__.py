"""The command `hourglass`, also as `python -m hourglass`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C gives one line, even during imports."""
    try:
        from .cli.main import main as run
        run()
    except KeyboardInterrupt:
        print("hourglass: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
