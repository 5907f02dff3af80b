"use strict";
// A sitting on this device alone. What was answered stands in localStorage after every tap.

const byId = (name) => document.getElementById(name);
const DATA = JSON.parse(byId("data").textContent);
const KEY = `cnnwidgets sitting ${DATA.set} ${document.body.dataset.page}`;
const SHOWN = 220; // ms that a choice is shown before the next triplet
const GAP = 3; // trials at least from a triplet to its repeat, where there are enough
const PER_TRIAL = 4; // s, for the estimate

const now = () => new Date().toISOString();
const random = (count) => Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * count);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const shuffled = (list) => {
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
};

// This device's own trials: which triplets, when, and how they stand.
const drawPlan = () => {
  const { counts, triplets, catches } = DATA;
  const made = (kind) => (objects) => ({ objects, kind, expected: kind === "catch" ? objects[2] : null });
  const fresh = shuffled(triplets).slice(0, counts.new).map(made("new"));
  const plan = shuffled([...fresh, ...shuffled(catches).slice(0, counts.catch).map(made("catch"))]);
  const early = plan.filter(({ kind }, at) => kind === "new" && at + GAP <= plan.length);
  const again = [...shuffled(early), ...shuffled(fresh.filter((one) => !early.includes(one)))];
  for (const one of again.slice(0, counts.repeat)) {
    const first = Math.min(plan.indexOf(one) + GAP, plan.length);
    plan.splice(first + random(plan.length - first + 1), 0, made("repeat")(one.objects));
  }
  return plan.map(({ objects, ...trial }) => ({ ...trial, shown: shuffled(objects) }));
};

const begun = () => {
  const sitting = hex(crypto.getRandomValues(new Uint8Array(6)));
  const about = { sitting, started: now(), set: DATA.set, names: DATA.names, language: DATA.language };
  const head = { v: 1, line: "sitting", ...about, device: "phone page", consent: true };
  return { lines: [JSON.stringify(head)], plan: drawPlan(), trials: [], last: 0, over: false };
};

let state = null; // {lines, plan, trials: numbers of the answers that stand, last, over}
let stored = true; // private windows and full disks keep nothing; the sitting goes on all the same

const take = () => {
  if (!stored) return; // what is here is newer
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    state = Array.isArray(found?.plan) && Array.isArray(found?.lines) ? found : null;
  } catch {
    stored = false;
  }
};
const keep = () => {
  try {
    if (state) localStorage.setItem(KEY, JSON.stringify(state));
    else localStorage.removeItem(KEY);
    stored = true;
  } catch {
    stored = false;
  }
};

// The file may be open in several tabs, which share what is kept: one after the other, each goes on
// from what the others have left.
const alone = async (act) => {
  let entered = false;
  const go = () => {
    entered = true;
    take();
    act();
  };
  try {
    await navigator.locks.request(KEY, go);
  } catch (error) {
    if (entered) throw error;
    go(); // no locks here, or not for files
  }
};

let painted = null; // when the three were on the screen; null while they are not
let asked = 0; // triplets that were put up, so that a late picture never starts a clock
let pause = 0;

const things = [0, 1, 2].map((place) => {
  const button = document.createElement("button");
  const picture = new Image();
  const name = document.createElement("span");
  button.className = "thing";
  picture.alt = "";
  name.lang = DATA.language;
  button.append(picture, name);
  button.addEventListener("click", () => choose(place));
  byId("three").append(button);
  return { button, picture, name };
});

const frames = async (count) => {
  for (let n = 0; n < count; n++) await new Promise(requestAnimationFrame);
};

const putUp = async ({ shown }) => {
  const mine = ++asked;
  painted = null;
  byId("three").classList.add("waiting");
  const ready = things.map(({ button, picture, name }, place) => {
    const address = DATA.pictures[shown[place]];
    const called = DATA.names[shown[place]];
    button.classList.remove("mine");
    button.classList.toggle("named", !address);
    button.ariaLabel = `${called}, key ${place + 1}.`;
    name.textContent = called;
    picture.hidden = !address;
    if (!address) return null;
    picture.src = address;
    return picture.decode().catch(() => null); // a broken one: its name is there
  });
  await Promise.all(ready);
  if (mine !== asked) return;
  byId("three").classList.remove("waiting");
  await frames(2);
  if (mine === asked) painted = performance.now();
};

const show = () => {
  const at = state ? state.trials.length : 0;
  const total = state ? state.plan.length : 0;
  const ended = state !== null && (state.over || at >= total);
  byId("start").hidden = state !== null;
  byId("trial").hidden = !state || ended;
  byId("end").hidden = !ended;
  if (!state) return;
  byId("progress").textContent = `${Math.min(at + 1, total)} of ${total}`;
  byId("done").style.width = `${(100 * at) / total}%`;
  byId("undo").disabled = byId("back").disabled = !at;
  byId("back").hidden = at < total;
  byId("on").hidden = at >= total;
  byId("answers").textContent = `You have answered ${at} of ${total}. Your answers are on this device only.`;
  byId("text").value = fileText();
  if (!ended) putUp(state.plan[at]);
  else asked += 1;
};

const fileText = () => state.lines.join("\n") + "\n";

const record = (line) => state.lines.push(JSON.stringify({ v: 1, ...line }));

const choose = (place) => {
  if (painted === null || byId("trial").hidden) return;
  const rt_ms = Math.round(performance.now() - painted);
  const time = now();
  const { shown, kind, expected } = state.plan[state.trials.length];
  const { length, 0: head } = state.lines;
  painted = null;
  things[place].button.classList.add("mine");
  alone(() => {
    clearTimeout(pause);
    pause = setTimeout(show, SHOWN);
    if (state?.lines[0] !== head || state.lines.length !== length) return; // answered in another tab
    state.last += 1;
    record({ line: "answer", trial: state.last, time, rt_ms, shown, odd: shown[place], kind, expected });
    state.trials.push(state.last);
    keep();
  });
};

// After this what stands is shown.
const change = (act) =>
  alone(() => {
    clearTimeout(pause);
    act();
    keep();
    show();
  });

const undo = () =>
  change(() => {
    if (!state?.trials.length) return;
    record({ line: "undo", trial: state.trials.pop(), time: now() });
    state.over = false;
  });

const end = (over) => change(() => state && (state.over = over));

const download = () => {
  const link = document.createElement("a");
  const sitting = JSON.parse(state.lines[0]).sitting;
  link.href = URL.createObjectURL(new Blob([fileText()], { type: "application/x-ndjson" }));
  link.download = `sitting-${sitting}.jsonl`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

// Twice, since nothing brings them back.
const forget = () => {
  const button = byId("forget");
  if (!button.dataset.sure) {
    button.dataset.sure = "yes";
    button.textContent = "Tap again to forget them; nothing brings them back";
    return;
  }
  delete button.dataset.sure;
  button.textContent = "Forget my answers";
  change(() => (state = null));
};

const start = () => change(() => (state ??= begun()));

const pressed = { begin: start, undo, stop: () => end(true), on: () => end(false), back: undo, download, forget };
for (const [name, act] of Object.entries(pressed)) byId(name).addEventListener("click", act);
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || byId("trial").hidden) return;
  const place = ["1", "2", "3"].indexOf(event.key);
  if (place >= 0) choose(place);
  else if (event.key.toLowerCase() === "u") undo();
});

// Another tab has gone on, or this one comes back as it was left.
const follow = () => {
  take();
  clearTimeout(pause);
  show();
};
addEventListener("storage", ({ key }) => (key === KEY || key === null) && follow());
addEventListener("pageshow", ({ persisted }) => persisted && follow());

const total = DATA.counts.new + DATA.counts.repeat + DATA.counts.catch;
const minutes = Math.max(1, Math.round((total * PER_TRIAL) / 60));
byId("length").textContent = `${total} choices, about ${minutes} ${minutes === 1 ? "minute" : "minutes"}. Tap, or press 1, 2 or 3.`;
take();
show();
