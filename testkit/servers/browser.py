"""Chromium without a window, for tests and benchmarks of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# The first that is installed. The shell is the same engine without the browser around it: a new page costs a sixth of
# the CPU, since no window is made for it.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@contextmanager
def running_chromium(downloads: Path) -> Iterator[Browser]:
    """Yield a browser that keeps its downloads in a directory; skips the test where there is none, except in CI.

    While it is open, its event loop keeps others from running in this thread.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        assert "CI" not in os.environ, "CI installs Chromium: .ci/run"
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"], downloads_path=downloads)
        try:
            yield browser
        finally:
            browser.close()
