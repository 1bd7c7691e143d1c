"""`ckptstore …` and `python -m ckptstore …`."""

from __future__ import annotations

import sys

_EXTRA = ("click", "rich")


def main() -> None:
    """Run the command line; one line and exit code 2 where the extra is not installed, 130 after Ctrl-C."""
    try:
        from ckptstore.cli.commands import ckptstore  # noqa: PLC0415 - what the extra may lack

        ckptstore(prog_name="ckptstore")
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write('ckptstore: the command line needs its extra: pip install "ckptstore[cli]"\n')
        sys.exit(2)
    except KeyboardInterrupt:  # before the commands could catch it
        sys.exit(130)


if __name__ == "__main__":
    main()
