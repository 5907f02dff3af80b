"""A notebook that is open in a browser: what a user does there, and what he sees."""

import ast
import base64
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

PANEL = "window.jupyterapp.shell.currentWidget"
PANEL_IF_ANY = "window.jupyterapp?.shell?.currentWidget"
READY = f"""async () => {{
    await window.jupyterapp.restored;
    window.jupyterapp.shell.collapseLeft?.();
    await {PANEL}.context.ready;
    await {PANEL}.sessionContext.ready;
    await {PANEL}.revealed;
}}"""
ERRORS = f"""() => {PANEL}.content.widgets.flatMap(cell =>
    (cell.model.sharedModel.outputs ?? []).filter(output => output.output_type === "error")
        .map(output => output.traceback.join("\\n")))"""
ASKED = f"""async expression => {{
    const future = {PANEL}.sessionContext.session.kernel.requestExecute(
        {{ code: "", silent: true, user_expressions: {{ asked: expression }} }});
    const reply = await future.done;
    const {{ data, evalue }} = reply.content.user_expressions.asked;
    if (!data) throw new Error(evalue);
    return data["text/plain"];
}}"""
PRINTED = f"""cell => {PANEL}.content.widgets[cell].model.sharedModel.outputs
    .filter(output => output.output_type === "stream").flatMap(output => output.text).join("")"""
PIXELS = """source => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [source.width, source.height];
    const context = canvas.getContext("2d");
    context.drawImage(source, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let text = "";
    for (let i = 0; i < data.length; i += 32768)
        text += String.fromCharCode(...data.subarray(i, i + 32768));
    return [canvas.height, canvas.width, btoa(text)];
}"""
WIDEN = """(element, width) => {
    const output = element.closest(".jp-OutputArea-output");
    output.style.flex = "none";
    output.style.boxSizing = "border-box";
    output.style.width = `${width}px`;
    const wide = element => element.getBoundingClientRect().width;
    for (let i = 0; i < 3; i++)  // what stands around the element is not known beforehand
        output.style.width = `${wide(output) + width - wide(element)}px`;
    return wide(element);
}"""


OVERFLOWING = """selector => {
    const root = document.querySelector(selector);
    const within = root.getBoundingClientRect();
    return [...root.querySelectorAll("*")].filter(element => {
        const box = element.getBoundingClientRect();
        return box.width && element.checkVisibility({ visibilityProperty: true }) &&
            (box.right > within.right + 1 || box.left < within.left - 1);
    }).map(element => element.className);
}"""


class Notebook:
    """A notebook in a page of its own.

    Attributes
    ----------
    page
        Playwright's page: `page.keyboard`, `page.locator(selector)`.
    errors
        What the page wrote to its console as an error, and what it raised.
    """

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))

    def ready(self, name: str) -> None:
        """Wait until the notebook stands and its kernel has started."""
        self.page.wait_for_function(f"name => {PANEL_IF_ANY}?.context?.path === name", arg=name)
        self.page.evaluate(READY)
        self.wait_idle()

    def run_all(self) -> None:
        """Run all cells to their end.

        Raises
        ------
        AssertionError
            A cell raised; with its traceback.
        """
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_idle()
        errors = self.page.evaluate(ERRORS)
        assert not errors, "\n".join(errors)

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate(f"() => {PANEL}.context.save()")

    def reload(self, name: str) -> None:
        """Load the page anew; the kernel goes on."""
        self.page.reload()
        self.ready(name)

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            f"() => {PANEL}.sessionContext.session?.kernel?.status === 'idle'"
        )

    def printed(self, cell: int) -> str:
        """What the n-th cell has printed."""
        return str(self.page.evaluate(PRINTED, cell))

    def ask(self, expression: str) -> Any:
        """Give the value of a Python expression in the kernel; a literal."""
        return ast.literal_eval(self.page.evaluate(ASKED, expression))

    def wait_for(self, expression: str, wanted: Any) -> None:
        """Wait until an expression in the kernel has a value: the page's messages may be under way.

        Raises
        ------
        AssertionError
            It has another one after 10 seconds.
        """
        end = time.monotonic() + 10
        while (got := self.ask(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {got!r}, not {wanted!r}"
            self.page.wait_for_timeout(50)

    def find(self, selector: str, number: int = 0) -> "Locator":
        """Wait for an element that can be seen, the n-th of its kind."""
        found = self.page.locator(selector).nth(number)
        found.wait_for(state="visible")
        return found

    def wait_text(self, selector: str, text: str) -> None:
        """Wait until an element contains a text."""
        self.page.locator(selector, has_text=text).first.wait_for(state="visible")

    def pixels(self, selector: str, number: int = 0) -> NDArray[np.uint8]:
        """Read a canvas: [rows, columns, 4], RGBA."""
        rows, columns, text = self.find(selector, number).evaluate(PIXELS)
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(rows, columns, 4)

    def set_theme(self, dark: bool) -> None:
        """Choose JupyterLab's dark or light theme, and wait until it is there."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        light = "false" if dark else "true"
        body = self.page.locator(f'body[data-jp-theme-light="{light}"]')
        if body.count():
            return
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        body.wait_for(state="attached")
        # Lab takes the old theme away after that, and stumbles over a third one meanwhile.
        self.page.wait_for_timeout(500)

    def set_width(self, selector: str, width: int) -> None:
        """Make an element of an output this wide, in CSS pixels, by the width of its output."""
        got = self.find(selector).evaluate(WIDEN, width)
        assert abs(got - width) < 1, f"{selector} is {got} px wide, not {width}: a wider window?"
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        )

    def overflowing(self, selector: str) -> list[str]:
        """Give the classes of all that can be seen and reaches beyond the sides of an element."""
        return list(self.page.evaluate(OVERFLOWING, selector))

    def screenshot(self, selector: str, path: Path | None = None, number: int = 0) -> bytes:
        """Take a picture of an element: PNG."""
        return self.find(selector, number).screenshot(path=path, animations="disabled")

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run a function in the page."""
        return self.page.evaluate(script, argument)

    def _note(self, said: "ConsoleMessage") -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def shut_down(self) -> None:
        """End the notebook's kernel, and forget changes."""
        self.page.evaluate(f"async () => await {PANEL_IF_ANY}?.sessionContext?.shutdown()")
