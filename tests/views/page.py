"""Views on a bare page of a real Chromium, without Jupyter: their script, style and a model.

The model has the four methods that anywidget gives a script; `tell` plays the kernel's part and
`saved` lists what the view has sent.
"""

import base64
from typing import Any

import numpy as np

from cnnwidgets.views import View

MODEL = """
globalThis.plain = (value) => {
  if (Array.isArray(value)) return value.map(plain);
  if (value?.bytes !== undefined) {
    return new DataView(Uint8Array.from(atob(value.bytes), (sign) => sign.charCodeAt(0)).buffer);
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
  }
  return value;
};
globalThis.Model = class {
  constructor(state) {
    Object.assign(this, { state: plain(state), told: {}, saved: [], dirty: {} });
  }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = this.dirty[name] = value; this.fire(name); }
  on(event, call) { (this.told[event] ??= []).push(call); }
  fire(name) { for (const call of this.told[`change:${name}`] ?? []) call(); }
  save_changes() { this.saved.push(this.dirty); this.dirty = {}; }
  tell(state) {
    Object.assign(this.state, plain(state));
    Object.keys(state).forEach((name) => this.fire(name));
  }
};
globalThis.mount = async (name, style, script, state, holder) => {
  if (!document.querySelector("style")) document.head.append(document.createElement("style"));
  document.querySelector("style").textContent = style;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: view } = await import(url);
  const model = (globalThis[name] = new Model(state));
  const el = document.createElement("div");
  document.querySelector(holder).append(el);
  view.initialize?.({ model });
  model.leave = view.render({ model, el });
  model.el = el;
};
0;  // else Playwright would call the function that the last line gives
"""
BODY = (
    '<body style="margin:0"><div id="root" class="cw" style="width:280px; padding:0"></div>'
    '<div id="alone" style="width:280px"></div></body>'
)


class ViewPage:
    """A page with mounted views; each is known by a name."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.set_content(f"<!doctype html><meta charset=utf-8>{BODY}")
        page.evaluate(MODEL)

    def mount(self, name: str, view: View, holder: str = "#root") -> None:
        """Render a view and wait until it has drawn."""
        state = {key: wired(value) for key, value in view.get_state().items() if key[0] != "_"}
        arguments = [name, view._css, view._esm, state, holder]
        self.page.evaluate("(given) => mount(...given)", arguments)
        self.page.wait_for_function(f"{name}.el.dataset.drawn > 0")

    def tell(self, name: str, **state: Any) -> None:
        """Set traits as a message of the kernel does, and wait for the drawing."""
        before = self.page.evaluate(f"+{name}.el.dataset.drawn")
        self.page.evaluate(f"(state) => {name}.tell(state)", wired(state))
        self.page.wait_for_function(f"{name}.el.dataset.drawn > {before}")

    def saved(self, name: str, trait: str) -> list[Any]:
        """Give what the view has sent so far."""
        sent = self.page.evaluate(f"{name}.saved")
        return [message[trait] for message in sent if trait in message]

    def pixels(self, name: str) -> np.ndarray:
        """Give what stands on the view's canvas, uint8 [h, w, 3]."""
        text, width = self.page.evaluate(
            f"""() => {{
              const canvas = {name}.el.querySelector("canvas");
              const {{ width, height }} = canvas;
              const {{ data }} = canvas.getContext("2d").getImageData(0, 0, width, height);
              let text = "";
              for (let at = 0; at < data.length; at += 4096) {{
                text += String.fromCharCode(...data.subarray(at, at + 4096));
              }}
              return [btoa(text), width];
            }}"""
        )
        data = np.frombuffer(base64.b64decode(text), np.uint8)
        return data.reshape(-1, width, 4)[..., :3].copy()


def wired(value: Any) -> Any:
    """Give a trait's value as JSON, with bytes marked."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: wired(item) for name, item in value.items()}
    return [wired(item) for item in value] if isinstance(value, list | tuple) else value
