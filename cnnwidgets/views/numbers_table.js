// Tables of words, and the numbers of a drawing as a table that stands in its place.

const fillTable = (table, heads, rows) => {
  table.replaceChildren();
  const top = make(make(table, "thead"), "tr");
  const body = make(table, "tbody");
  for (const word of heads) make(top, "th", "", word).scope = "col";
  for (const words of rows) {
    const row = make(body, "tr");
    words.forEach((word, at) => {
      const cell = make(row, at ? "td" : "th", "", word);
      if (!at) cell.scope = "row";
    });
  }
};

// A word beneath the caption turns a drawing to its numbers and back, and so does T where the focus is in
// either. The table is as large as the drawing, so that nothing else moves.
const numbersInstead = (el, { around, turn, named, size }, signal) => {
  const button = make(el, "button", "cw-link cw-turn", "Table");
  const panel = make(el, "div", "cw-figures");
  const table = make(panel, "table");
  let written = "";
  button.type = "button";
  panel.hidden = true;
  panel.tabIndex = 0;
  panel.setAttribute("role", "region");
  button.addEventListener("click", turn, { signal });
  takeKeys({ contains: (target) => around()?.contains(target) }, ({ key, target }) => {
    const back = key === "Escape" && !panel.hidden;
    if (!back && key.toLowerCase() !== "t") return false;
    if (panel.contains(target)) button.focus({ preventScroll: true }); // it is put away
    turn();
    return true;
  }, signal);
  const draw = (shown, heads, rows) => {
    const now = JSON.stringify([heads, rows]);
    if (shown && now !== written) {
      written = now;
      fillTable(table, heads, rows);
    }
    const called = named();
    button.ariaLabel = `Table of ${called}`;
    button.ariaExpanded = String(shown);
    button.title = shown ? "Back to the drawing (T)" : "The numbers as a table (T)";
    panel.ariaLabel = table.ariaLabel = `${called}, numbers`;
    panel.style.height = shown ? `${size()}px` : "";
    panel.hidden = !shown;
    el.toggleAttribute("data-tabled", shown);
  };
  return { button, draw };
};
