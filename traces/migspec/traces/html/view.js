"use strict";
// What is seen and chosen: zoom and move with mouse and keys, one chosen mark, the findings as a way in.

const LANES_BOX = document.getElementById("lanes");
const DRAWING = document.getElementById("drawing");
const OVERVIEW = document.getElementById("overview");

const VIEW = { range: [0, 1], chosen: null, picture: null, overview: null, isDue: false };

const widthOf = () => Math.max(360, LANES_BOX.clientWidth);

function redraw() {
  VIEW.isDue = false;
  VIEW.picture = drawLanes(DRAWING, widthOf(), VIEW.range, VIEW.chosen);
  VIEW.overview = drawOverview(OVERVIEW, widthOf(), VIEW.range);
}

function redrawSoon() {
  if (VIEW.isDue) return;
  VIEW.isDue = true;
  requestAnimationFrame(redraw);
}

/** Shows a range, no smaller than can be told apart, and none of it far outside of the log. */
function show([low, high]) {
  const [least, most] = everything(), whole = most - least;
  const size = Math.min(whole, Math.max(high - low, SCALE.isTimed ? 20 : 2));
  const middle = (low + high) / 2;
  const start = Math.min(most - size, Math.max(least, middle - size / 2));
  VIEW.range = [start, start + size];
  redrawSoon();
}

function zoom(factor, around = (VIEW.range[0] + VIEW.range[1]) / 2) {
  const [low, high] = VIEW.range;
  show([around - (around - low) * factor, around + (high - around) * factor]);
}

function move(share) {
  const [low, high] = VIEW.range, by = (high - low) * share;
  show([low + by, high + by]);
}

function setScale(isTimed) {
  if (isTimed && !DATA.timed) return;
  SCALE.isTimed = isTimed;
  document.getElementById("by-time").setAttribute("aria-pressed", String(isTimed));
  document.getElementById("by-order").setAttribute("aria-pressed", String(!isTimed));
  show(migrations());
}

/** Chooses a mark: it is shown in the panel, and the lanes move to where it is. */
function choose(mark, others = [mark]) {
  if (!mark) return;
  VIEW.chosen = mark;
  if (!LANES[mark.lane].shown) { LANES[mark.lane].shown = true; fold(); }
  const [low, high] = VIEW.range, size = high - low;
  if (beginOf(mark) < low + size * 0.02 || beginOf(mark) > high - size * 0.02) {
    show([beginOf(mark) - size / 2, beginOf(mark) + size / 2]);
  }
  redrawSoon();
  showMark(mark, others, choose);
}

/** The next mark of an open lane, in a direction. */
function chooseNext(by) {
  if (!VIEW.chosen) { choose(MARKS.find((mark) => LANES[mark.lane].shown && beginOf(mark) >= VIEW.range[0]) || MARKS[0]); return; }
  let id = VIEW.chosen.id + by;
  while (MARKS[id] && !LANES[MARKS[id].lane].shown) id += by;
  choose(MARKS[id]);
}

function chooseFinding(by) {
  const marks = DATA.findings.map(({ mark }) => mark).filter(Boolean);
  if (!marks.length) return;
  const at = marks.indexOf(VIEW.chosen);
  choose(marks[(at + by + marks.length) % marks.length]);
}

/** Offers the lanes that are folded away. */
function fold() {
  const folded = LANES.filter(({ shown }) => !shown);
  document.getElementById("folded").replaceChildren(...folded.map((lane) => {
    const button = make("button", { type: "button", className: "plain" }, `show ${lane.name} (${counted(lane.messages, "message")}, no migration)`);
    button.addEventListener("click", () => { lane.shown = true; fold(); redrawSoon(); });
    return button;
  }));
}

function legend() {
  const kinds = new Set(MARKS.map(({ kind }) => kind));
  if (MARKS.some(({ steps }) => steps.length)) kinds.add("hidden");
  const words = { request: "request", reply: "answer", error: "refusal", event: "event", greeting: "greeting", end: "end", bytes: "no message", gap: "gap", polling: "polling, put together", hidden: "step that no message shows" };
  const items = Object.keys(words).filter((kind) => kinds.has(kind)).map((kind) => {
    const shape = SHAPES[kind](8, 7);
    shape.setAttribute("class", `mark ${kind}`);
    return make("span", {}, draw("svg", { viewBox: "0 0 16 14" }, shape), words[kind]);
  });
  document.getElementById("legend").replaceChildren(...items);
}

// ---- the mouse ----

/** The value of a chart at a place: that of the last answer before it. */
function valueAt(chart, place) {
  const next = search(chart.points, ([line, time]) => placeOf(line, time) > place);
  return next ? chart.points[next - 1][2] : null;
}

function drawCross(x) {
  DRAWING.querySelectorAll(".crossing").forEach((element) => element.remove());
  const { picture } = VIEW;
  if (x === null || x < GUTTER || !picture) return;
  const place = picture.range[0] + ((x - GUTTER) / (picture.width - GUTTER)) * (picture.range[1] - picture.range[0]);
  const height = DRAWING.viewBox.baseVal.height;
  const group = draw("g", { class: "crossing" }, draw("line", { x1: x, x2: x, y1: 18, y2: height - 16, class: "cross" }));
  for (const { y, chart } of picture.readings) {
    const value = valueAt(chart, place);
    if (value === null) continue;
    const isLeft = x > picture.width - 110;
    group.append(draw("text", { x: x + (isLeft ? -6 : 6), y: y - 20, class: "dim", "text-anchor": isLeft ? "end" : "start" }, quantity(value, chart.unit)));
  }
  DRAWING.append(group);
}

function listen() {
  let drag = null;
  LANES_BOX.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, range: VIEW.range, moved: false };
  });
  LANES_BOX.addEventListener("pointermove", (event) => {
    const x = event.clientX - LANES_BOX.getBoundingClientRect().left;
    if (!drag) { drawCross(x); return; }
    const by = event.clientX - drag.x;
    if (!drag.moved && Math.abs(by) < 4) return;
    if (!drag.moved) LANES_BOX.setPointerCapture(event.pointerId);
    drag.moved = true;
    const perPixel = (drag.range[1] - drag.range[0]) / (widthOf() - GUTTER);
    show([drag.range[0] - by * perPixel, drag.range[1] - by * perPixel]);
  });
  LANES_BOX.addEventListener("pointerleave", () => drawCross(null));
  const release = () => { setTimeout(() => { drag = null; }, 0); };
  LANES_BOX.addEventListener("pointerup", release);
  LANES_BOX.addEventListener("pointercancel", release);
  LANES_BOX.addEventListener("click", (event) => {
    const marks = event.target.marks;
    if (!marks || (drag && drag.moved)) return;
    choose(marks[0], marks);
  });
  LANES_BOX.addEventListener("dblclick", (event) => zoom(0.4, placeAt(event.clientX)));
  LANES_BOX.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150), placeAt(event.clientX));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) move((event.deltaX || event.deltaY) / widthOf());
    else return;
    event.preventDefault();
  }, { passive: false });
  listenToOverview();
  listenToKeys();
}

function placeAt(clientX) {
  const x = clientX - LANES_BOX.getBoundingClientRect().left;
  const share = Math.max(0, x - GUTTER) / (widthOf() - GUTTER);
  return VIEW.range[0] + share * (VIEW.range[1] - VIEW.range[0]);
}

function listenToOverview() {
  let isHeld = false;
  const go = (event) => {
    const x = event.clientX - OVERVIEW.getBoundingClientRect().left, { whole, scale } = VIEW.overview;
    const place = whole[0] + (x - GUTTER) / scale, half = (VIEW.range[1] - VIEW.range[0]) / 2;
    show([place - half, place + half]);
  };
  OVERVIEW.addEventListener("pointerdown", (event) => { isHeld = true; OVERVIEW.setPointerCapture(event.pointerId); go(event); });
  OVERVIEW.addEventListener("pointermove", (event) => { if (isHeld) go(event); });
  OVERVIEW.addEventListener("pointerup", () => { isHeld = false; });
}

const KEYS = {
  ArrowRight: () => chooseNext(1), ArrowLeft: () => chooseNext(-1),
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "−": () => zoom(1 / 0.6),
  0: () => show(everything()), m: () => show(migrations()), t: () => setScale(!SCALE.isTimed), f: () => chooseFinding(1), F: () => chooseFinding(-1),
};

function listenToKeys() {
  LANES_BOX.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isMove = event.shiftKey && event.key.startsWith("Arrow");
    const act = isMove ? { ArrowRight: () => move(0.2), ArrowLeft: () => move(-0.2) }[event.key] : KEYS[event.key];
    if (!act) return;
    act();
    event.preventDefault();
  });
}

function begin() {
  if (!MARKS.length) return;
  document.getElementById("timeline").hidden = false;
  const press = (id, act) => document.getElementById(id).addEventListener("click", act);
  press("zoom-in", () => zoom(0.6));
  press("zoom-out", () => zoom(1 / 0.6));
  press("everything", () => show(everything()));
  press("migration", () => show(migrations()));
  press("by-time", () => setScale(true));
  press("by-order", () => setScale(false));
  document.getElementById("by-time").disabled = !DATA.timed;
  document.getElementById("migration").disabled = !DATA.focus.length;
  document.querySelectorAll("button.finding").forEach((button) => {
    button.addEventListener("click", () => {
      const finding = DATA.findings[Number(button.dataset.finding)];
      if (!finding.mark) return;
      choose(finding.mark);
      document.getElementById("timeline").scrollIntoView({ behavior: "smooth", block: "start" });
    });
  });
  legend();
  fold();
  listen();
  setScale(DATA.timed);
  new ResizeObserver(redrawSoon).observe(LANES_BOX);
  const worst = DATA.findings.find(({ grade, mark }) => grade === "violation" && mark);
  const shown = MARKS.filter((mark) => LANES[mark.lane].shown);
  const end = shown.filter((mark) => mark.kind === "event" && mark.title === "MIGRATION" && mark.line <= DATA.focus[1]).pop();
  choose(worst ? worst.mark : end || shown[0]);
}

begin();
