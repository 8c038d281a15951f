"""A real browser for the tests: Chromium of the Debian archive, unpacked, and driven over a pipe.

`--remote-debugging-pipe` speaks the DevTools protocol on two file descriptors, a JSON object and a zero byte at a
time, so that no WebSocket is needed, and no port.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.live.debian import LIBRARIES, Unavailable, cache, own_suite, unpacked

PACKAGES: Final = ("chromium", "fonts-liberation", "fonts-dejavu-core")
"""The browser, and something to write with."""

PATIENCE: Final = 300.0
"""Seconds that an answer of the browser may take."""

_PROGRAM: Final = "usr/lib/chromium/chromium"
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_FONTS: Final = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>{root}/usr/share/fonts</dir><cachedir>{cache}</cachedir>
<alias><family>system-ui</family><prefer><family>Liberation Sans</family></prefer></alias>
</fontconfig>
"""


LEGIBLE: Final = 4.5
"""The least contrast of text, as the WCAG ask for it."""


def contrast(one: str, other: str) -> float:
    """How much two opaque colours differ in light, from 1 to 21, as the WCAG compute it; in the browser's notation."""
    dark, light = sorted(map(_light, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _light(colour: str) -> float:
    most = 1.0 if colour.startswith("color(srgb ") else 255.0
    red, green, blue = (float(channel) / most for channel in re.findall(r"\d[\d.e-]*", colour)[:3])
    return sum(share * _linear(channel) for share, channel in ((0.2126, red), (0.7152, green), (0.0722, blue)))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


class BrowserError(Exception):
    """The browser has refused something, or said nothing."""


@dataclass(slots=True)
class Page:
    """One page: what it has complained about and asked the network for since it was opened."""

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol for this page."""
        return self.browser.call(method, parameters, self.session)

    def open(self, path: Path) -> None:
        """Load a file, and wait until it is there."""
        self.browser.loaded.discard(self.session)
        self.call("Page.navigate", url=path.as_uri())
        self.browser.wait(lambda: self.session in self.browser.loaded, f"{path} to be loaded")

    def value(self, expression: str) -> Any:
        """The value of an expression, as far as JSON can hold it.

        Raises `BrowserError` where it throws.
        """
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def settle(self) -> None:
        """Wait for what is drawn with the next frame."""
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element."""
        x, y = self.value(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def press(self, key: str, text: str = "") -> None:
        """Press a key."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window, and the colours that the user prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.settle()

    def picture(self, *, whole: bool = False) -> bytes:
        """A screenshot as PNG, of the window or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def paper(self) -> bytes:
        """The page as it would be printed, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, landscape=True)["data"])


class Browser:
    """A running Chromium; as a context manager it ends it."""

    def __init__(self, root: Path) -> None:
        self.loaded: set[str] = set()
        self._pages: dict[str, Page] = {}
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._folder = Path(tempfile.mkdtemp(prefix="migspec-chromium-"))
        self._read = b""
        fonts = self._folder / "fonts.conf"
        fonts.write_text(_FONTS.format(root=root, cache=self._folder / "fonts"))
        libraries = ":".join(str(root / part) for part in LIBRARIES)
        environment = os.environ | {"LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": str(fonts)}
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        line = [str(root / _PROGRAM), *_OPTIONS, f"--user-data-dir={self._folder / 'profile'}"]
        # the descriptors 3 and 4 are the protocol's, whatever is open here
        shell = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "chromium", *line],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, BrowserError):
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._folder, ignore_errors=True)

    def page(self) -> Page:
        """A new, empty page, which notes errors and requests."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        return page

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None) -> Any:
        """Call a method of the protocol, and wait for its result.

        Raises `BrowserError` where the browser refuses, or does not answer.
        """
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        self.wait(lambda: number in self._answers, f"an answer to {method}")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait(self, is_there: Callable[[], bool], what: str) -> None:
        """Read messages until something is there.

        Raises `BrowserError` where that takes too long.
        """
        deadline = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            while not is_there():
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise BrowserError(f"waited {PATIENCE} seconds for {what}")
                piece = os.read(self._from, 1 << 16)
                if not piece:
                    raise BrowserError(f"the browser has ended; waited for {what}")
                self._read += piece
                *whole, self._read = self._read.split(b"\0")
                for text in whole:
                    self._take(json.loads(text))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        page, told = self._pages.get(message.get("sessionId", "")), message.get("params", {})
        if page is None:
            return
        match message["method"]:
            case "Page.loadEventFired":
                self.loaded.add(page.session)
            case "Runtime.exceptionThrown":
                page.complaints.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                page.complaints.append(json.dumps(told["args"]))
            case "Log.entryAdded":
                page.complaints.append(f"{told['entry']['level']}: {told['entry']['text']}")
            case "Network.requestWillBeSent":
                page.requests.append(told["request"]["url"])


def find() -> Path | Unavailable:
    """The folder that Chromium is unpacked in, fetched on first use."""
    return unpacked("Chromium", cache("chromium"), own_suite(), PACKAGES)


@contextlib.contextmanager
def running() -> Iterator[Browser | Unavailable]:
    """A browser, while this lasts; or why there is none."""
    root = find()
    if isinstance(root, Unavailable):
        yield root
        return
    with Browser(root) as browser:
        yield browser
