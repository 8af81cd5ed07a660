"""Run the suite of all hosts in one: ``python tests/hosts/run.py asyncio [options of pytest]``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]


def main(name: str, options: list[str]) -> int:
    from hosts import drivers

    driver = drivers.DRIVERS[name]()
    os.environ["TICKWRIGHT_HOST"] = name

    import pytest

    class Hand:
        """Hands the driver to the suite."""

        @pytest.fixture
        def host(self) -> drivers.Driver:
            return driver

    # Timeouts by signal are the main thread's, which the loop has; the caller has a timeout of its own.
    arguments = ["-q", "--timeout=0", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return int(driver.run(lambda: pytest.main([*arguments, str(HERE / "suite")], [Hand()])))


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    sys.exit(status)
