"""What is asked of an explorer so that all can use it: axe's rules, Tab, words, contrast."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = ("serious", "critical")

# (rule, part of the element's HTML): what belongs to the front end and cannot be mended from here.
# Empty: whatever axe has found in ipywidgets' and bqplot's elements could be named from outside.
NOT_OURS: list[tuple[str, str]] = []

FOCUSABLE = """root => {
    const look = (e) => { const s = getComputedStyle(e); return [s.outlineStyle, s.boxShadow]; };
    const called = "a[href], button, input, select, textarea, summary, [tabindex]";
    const areas = [".cw-controls", ".cw-columns", ".cw-left", ".cw-plots", ".cw-number-row",
        ".cw-area-picture", ".cw-area-active", ".cw-population-charts", ".cw-tally", ".cw-triplet",
        ".cw-why > *", ".cw-board-pair > *", ".cw-tile-strip", ".cw-fold", ".cw-status"].join(", ");
    const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[inert]");
    const found = [...root.querySelectorAll(called)]
        .filter((e) => e.tabIndex >= 0 && !e.disabled && seen(e));
    window.cwPath = found;
    return found.map((e) => {
        const box = (of) => { const b = Element.prototype.getBoundingClientRect.call(of);
            return [b.left, b.top, b.right, b.bottom]; };
        const area = e.closest(areas) ?? root;
        const role = e.getAttribute("role") ?? e.localName;
        const labels = [...(e.labels ?? [])].map((label) => label.innerText);
        const says = e.ariaLabel || labels.join(" ").trim() || e.innerText?.trim();
        return { name: `${role} ${says ?? ""}`, says, look: look(e), box: box(e),
            area: [...root.querySelectorAll("*")].indexOf(area), areaBox: box(area) };
    });
}"""
BEFORE = """root => {
    const start = document.createElement("button");
    start.id = "cw-start";
    root.before(start);
    start.focus();
}"""
FOCUSED = """root => {
    const e = document.activeElement;
    const s = getComputedStyle(e);
    const [inside, at] = [root.contains(e), window.cwPath.indexOf(e)];
    return { inside, at, html: e.outerHTML.slice(0, 120),
        look: [s.outlineStyle, s.boxShadow], width: parseFloat(s.outlineWidth) };
}"""
SILENT_DRAWINGS = """root => [...root.querySelectorAll("canvas, svg, img")].filter((e) => {
    if (!e.checkVisibility({ visibilityProperty: true })) return false;
    const named = e.closest("[aria-label], [aria-hidden=true], label, button");
    return !named || !root.contains(named) ||
        !(named.ariaLabel || named.ariaHidden || named.innerText?.trim());
}).map((e) => e.outerHTML.slice(0, 120))"""
LABELS = """root => [...root.querySelectorAll("[role=img], [role=application], [role=listbox]," +
    "[role=option], [role=meter], [role=radio]")]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.ariaHidden)
    .map((e) => [e.getAttribute("role"), e.ariaLabel ?? ""])"""
# Text against the ground behind it, as WCAG counts it; axe leaves out text that lies in containers
# of the notebook. Words on pictures have grounds of their own.
FAINT = """root => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1); const d = pen.getImageData(0, 0, 1, 1).data;
        return [d[0], d[1], d[2], d[3] / 255]; };
    const over = (top, under) => under.map((u, i) => top[i] * top[3] + u * (1 - top[3]));
    const light = (rgb) => { const [r, g, b] = rgb.map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = (e) => { const layers = [];
        for (let at = e; at; at = at.parentElement) {
            const c = rgba(getComputedStyle(at).backgroundColor);
            if (c[3]) layers.push(c);
            if (c[3] > 0.99) break;
        }
        return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]); };
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const faint = [];
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        const apart = e.closest("svg, select, option, [disabled], .cw-odd-yours");
        if (!texts.currentNode.data.trim() || apart) continue;
        const opacityProperty = !e.matches(".cw-turn"); // it is seen with the pointer or the focus
        if (!e.checkVisibility({ visibilityProperty: true, opacityProperty })) continue;
        const under = ground(e);
        const style = getComputedStyle(e);
        const both = [light(over(rgba(style.color), under)), light(under)].sort((a, b) => b - a);
        const ratio = (both[0] + 0.05) / (both[1] + 0.05);
        const words = `${e.className} ${e.textContent.slice(0, 40)}`;
        if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${words}`);
    }
    return faint;
}"""
# What reaches beyond the sides of the explorer, and is not cut there by what it stands in.
BEYOND = """root => {
    const boxOf = (e) => Element.prototype.getBoundingClientRect.call(e);
    const within = boxOf(root);
    const leaves = (box) => box.right > within.right + 1 || box.left < within.left - 1;
    const cut = (e) => { // such as a sentence of the status line, which ends in an ellipsis
        for (let at = e.parentElement; at && at !== root; at = at.parentElement)
            if (getComputedStyle(at).overflowX !== "visible" && !leaves(boxOf(at))) return true;
        return false;
    };
    return [...root.querySelectorAll("*")].filter((e) => {
        const box = boxOf(e);
        const seen = box.width && e.checkVisibility({ visibilityProperty: true });
        return seen && leaves(box) && !cut(e);
    }).map((e) => `${e.parentElement.outerHTML.slice(0, 90)} > ${e.outerHTML.slice(0, 200)}`);
}"""
# Words that end in an ellipsis or below their box, where nothing else says the whole of them.
CUT = """root => [...root.querySelectorAll("b, dt, dd, button, label, .widget-label, p, em")]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.textContent.trim() &&
        !e.closest(".cw-figures, .cw-live, [title]:not([title=''])") &&
        getComputedStyle(e).display !== "inline" && (e.scrollWidth > e.clientWidth + 1 ||
        (e.scrollHeight > e.clientHeight + 3 && getComputedStyle(e).overflowY !== "visible")))
    .map((e) => `${e.className} ${e.textContent.slice(0, 40)}`)"""
# Marks that are drawn as grounds, which a system's own colours would take away.
VANISHED = """root => [".cw-bar i", ".cw-row i", ".cw-meter-fill", ".cw-odd-agent i",
    ".cw-dim-bar i", ".cw-dot", ".cw-swatch", ".cw-matrix-now", ".cw-mosaic-now", ".noUi-connects"]
    .flatMap((name) => [...root.querySelectorAll(name)])
    .filter((e) => e.checkVisibility() && getComputedStyle(e).forcedColorAdjust !== "none")
    .map((e) => e.className || e.parentElement.className)"""


def faults(page: "Page", selector: str) -> list[str]:
    """Give axe-core's serious and critical faults within an element, each in readable lines."""
    found = Axe().run(page, context={"include": [[selector]]}).response["violations"]
    told = []
    for fault in found:
        nodes = [node for node in fault["nodes"] if not _excused(fault["id"], node["html"])]
        if fault["impact"] in GRAVE and nodes:
            lines = [f"    {node['html'][:160]}: {node['failureSummary']}" for node in nodes]
            told.append("\n".join([f"{fault['impact']}: {fault['id']}, {fault['help']}", *lines]))
    return told


def _excused(rule: str, html: str) -> bool:
    return any(rule == other and part in html for other, part in NOT_OURS)


def tab_through(page: "Page", selector: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tab through an element: what can take the focus in it, and what got it, in order."""
    root = page.locator(selector)
    path = root.evaluate(FOCUSABLE)
    root.evaluate(BEFORE)
    taken = []
    for _ in range(len(path) + 5):
        page.keyboard.press("Tab")
        now = root.evaluate(FOCUSED)
        if not now["inside"]:
            break
        taken.append(now)
    else:
        raise AssertionError(f"{len(path) + 5} times Tab did not leave {selector}: a trap")
    page.locator("#cw-start").evaluate("start => start.remove()")
    return path, taken


def backwards(path: list[dict[str, Any]]) -> list[str]:
    """Name the steps that go up, or to the left in a row: within an area, or between areas."""
    wrong = []
    for one, other in pairwise(path):
        key = "box" if one["area"] == other["area"] else "areaBox"
        left, top, _, _ = one[key]
        _, _, right, bottom = other[key]
        up = bottom <= top + 1
        overlap = other[key][1] < one[key][3] - 1 and bottom > top + 1
        if up or (overlap and right <= left + 1):
            wrong.append(f"{one['name']} -> {other['name']}")
    return wrong


def unmarked(path: list[dict[str, Any]], taken: list[dict[str, Any]]) -> list[str]:
    """Name what looks the same with and without the focus."""
    dull = []
    for now in taken:
        (line, shadow), (_, before) = now["look"], path[now["at"]]["look"]
        ring = line != "none" and now["width"] >= 2
        if not ring and shadow == before:
            dull.append(now["html"])
    return dull
