"use strict";
// The drawing: for each VM its statuses as bars, its messages as marks, its statistics as curves, on one axis.

const SVG = "http://www.w3.org/2000/svg";
const GUTTER = 118;
const BAR = 18;
const TRACK = 22;
const CHART = 44;
const AXIS = 26;

const COLOURS = {
  setup: "slate", "wait-unplug": "slate", active: "blue", "pre-switchover": "teal", device: "teal", colo: "teal",
  "postcopy-active": "violet", "postcopy-recover": "violet", "postcopy-paused": "orange", completed: "green",
  failed: "red", cancelling: "amber", cancelled: "amber",
};
const RUN_COLOURS = {
  running: "green", inmigrate: "slate", "internal-error": "red", "io-error": "red", "guest-panicked": "red", watchdog: "red", colo: "teal",
};
const CHART_COLOURS = { remaining: "blue", transferred: "teal", throughput: "violet", "dirty pages": "orange", "CPU throttle": "red", "disk remaining": "slate" };

const BARS = [["outgoing", 0], ["incoming", 1], ["guest", 2]];
const TRACKS = [
  ["asked", (mark) => mark.kind === "request"],
  ["answered", (mark) => mark.kind === "reply" || mark.kind === "error"],
  ["told", (mark) => ["event", "greeting", "end", "bytes", "gap"].includes(mark.kind)],
  ["polled", (mark) => mark.kind === "polling"],
];

/** An SVG element with attributes and children. */
function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const isCertain = (value) => value !== "?" && !value.includes("|");

/** The stretches of a lane during which a variable had one value. */
function stretches(lane, variable) {
  const result = [];
  let current = null;
  for (const mark of lane.marks) {
    const value = mark.state ? mark.state[variable] : current ? current.value : "?";
    if (!current || value !== current.value) {
      if (current) current.to = mark;
      current = { value, from: mark, to: null, last: mark };
      result.push(current);
    }
    current.last = mark;
  }
  return result;
}

for (const lane of LANES) {
  lane.bars = BARS.map(([name, variable]) => ({ name, variable, parts: stretches(lane, variable) }))
    .filter(({ parts }) => parts.some(({ value }) => value !== "?" && value !== "none" && !value.split("|").includes("none")));
  lane.tracks = TRACKS.map(([name, belongs]) => ({ name, belongs, marks: lane.marks.filter(belongs) })).filter(({ marks }) => marks.length);
  lane.hidden = lane.marks.filter((mark) => mark.steps.length);
}

/** Lays the open lanes out: each row with its place, and the height of all. */
function layout() {
  let y = AXIS;
  const rows = [];
  for (const lane of LANES.filter(({ shown }) => shown)) {
    lane.top = y;
    y += 34;
    for (const bar of lane.bars) { rows.push({ lane, bar, y, height: BAR }); y += BAR + 5; }
    y += 5;
    lane.firstTrack = y;
    for (const track of lane.tracks) { rows.push({ lane, track, y, height: TRACK }); y += TRACK; }
    if (lane.hidden.length) { rows.push({ lane, hidden: lane.hidden, y, height: TRACK }); y += TRACK; }
    lane.lastTrack = y;
    y += 8;
    for (const chart of lane.charts) { rows.push({ lane, chart, y, height: CHART }); y += CHART + 8; }
    lane.bottom = y;
    y += 22;
  }
  return { rows, height: y };
}

// ---- one row each ----

function drawBar(picture, { lane, bar, y }) {
  const colours = bar.name === "guest" ? RUN_COLOURS : COLOURS;
  picture.gutter(bar.name, y + 13);
  for (const { value, from, to, last } of bar.parts) {
    const a = picture.x(beginOf(from)), b = picture.x(to ? beginOf(to) : endOf(last));
    if (b < GUTTER || a > picture.width) continue;
    const left = Math.max(a, GUTTER), right = Math.min(Math.max(b, a + 1.5), picture.width), size = right - left;
    const middle = y + BAR / 2;
    if (value === "?" || value === "none" || value.split("|").includes("none")) {
      picture.add(draw("line", { x1: left, x2: right, y1: middle, y2: middle, class: value === "none" ? "none" : "unknown" }, draw("title", {}, value === "none" ? `${bar.name}: none` : `${bar.name}: not known`)));
      continue;
    }
    const colour = isCertain(value) ? colours[value] || "grey" : "grey";
    const words = value.replaceAll("|", " or ");
    const box = draw("rect", { x: left, y, width: size, height: BAR, rx: Math.min(3, size / 2), class: `bar c-${colour}${isCertain(value) ? "" : " open"}` });
    box.append(draw("title", {}, `${lane.name}, ${bar.name}: ${words}`));
    picture.add(box);
    if (a >= GUTTER && size > 4) picture.add(draw("rect", { x: left, y, width: 3, height: BAR, class: `edge c-${colour}` }));
    if (size > words.length * 6.1 + 14) picture.add(draw("text", { x: left + 9, y: y + 13, class: `bartext c-${colour}` }, words));
  }
}

const SHAPES = {
  request: (x, y) => draw("path", { d: `M${x - 5.5} ${y - 5}h11l-5.5 10z` }),
  reply: (x, y) => draw("path", { d: `M${x - 5.5} ${y + 5}h11l-5.5 -10z` }),
  error: (x, y) => draw("path", { d: `M${x - 5.5} ${y - 3.2}l2.3 -2.3l3.2 3.2l3.2 -3.2l2.3 2.3l-3.2 3.2l3.2 3.2l-2.3 2.3l-3.2 -3.2l-3.2 3.2l-2.3 -2.3l3.2 -3.2z` }),
  event: (x, y) => draw("circle", { cx: x, cy: y, r: 5 }),
  greeting: (x, y) => draw("circle", { cx: x, cy: y, r: 4 }),
  end: (x, y) => draw("rect", { x: x - 2, y: y - 7, width: 4, height: 14, rx: 1 }),
  bytes: (x, y) => draw("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, rx: 1 }),
  gap: (x, y) => draw("rect", { x: x - 5, y: y - 8, width: 10, height: 16 }),
  hidden: (x, y) => draw("path", { d: `M${x} ${y - 5}l5 5l-5 5l-5 -5z` }),
  polling: (x, y) => draw("rect", { x: x - 7, y: y - 5, width: 14, height: 10, rx: 5 }),
};

/** Marks that are too near to each other to be told apart are drawn as one, with their number. */
function clusters(picture, marks) {
  const [low, high] = picture.range;
  const first = search(marks, (mark) => endOf(mark) >= low), result = [];
  let current = null;
  for (let i = Math.max(0, first - 1); i < marks.length; i += 1) {
    const mark = marks[i], a = picture.x(beginOf(mark)), b = picture.x(endOf(mark));
    if (beginOf(mark) > high) break;
    if (current && a - current.b < 9) { current.marks.push(mark); current.b = Math.max(current.b, b); continue; }
    current = { marks: [mark], a, b };
    result.push(current);
  }
  return result;
}

function drawTrack(picture, { track, y }) {
  const middle = y + TRACK / 2;
  picture.gutter(track.name, middle + 4, true);
  const groups = clusters(picture, track.marks);
  groups.forEach(({ marks, a, b }, i) => {
    if (b < GUTTER) return;
    const [mark] = marks, count = marks.reduce((sum, { count: each }) => sum + each, 0);
    const title = marks.slice(0, 12).map(inWords).join("\n") + (marks.length > 12 ? `\nand ${marks.length - 12} more` : "");
    if (marks.length === 1 && mark.kind !== "polling") {
      const shape = SHAPES[mark.kind](a, middle);
      shape.setAttribute("class", `mark ${mark.kind}`);
      shape.append(draw("title", {}, title));
      picture.mark(shape, marks);
    } else {
      const isPolling = mark.kind === "polling";
      drawPill(picture, { a, b, middle, words: isPolling ? `${count}×` : String(count), kind: isPolling ? "polling" : "cluster" }, marks, title);
    }
    const next = groups[i + 1], isWide = next && (next.marks.length > 1 || next.marks[0].kind === "polling");
    const room = (next ? next.a : picture.width) - b - (isWide ? 30 : 22), words = inWords(mark);
    if (marks.length === 1 && room > 40 && a >= GUTTER) {
      const fits = Math.floor(room / 5.9);
      if (words.length <= fits || fits > 12) picture.under(draw("text", { x: b + 10, y: middle + 4, class: "label" }, words.length <= fits ? words : `${words.slice(0, fits - 1)}…`));
    }
  });
}

/** Steps that no message shows lie between the message that they are inferred from and the one before it. */
function drawHidden(picture, { lane, hidden, y }) {
  const middle = y + TRACK / 2;
  picture.gutter("inferred", middle + 4, true);
  for (const { marks, a, b } of clusters(picture, hidden)) {
    const steps = marks.flatMap((mark) => mark.steps), count = steps.length;
    const before = lane.marks[search(lane.marks, (mark) => mark.id >= marks[0].id) - 1];
    const from = before ? Math.max(picture.x(endOf(before)), a - 60) : a - 60;
    if (b < GUTTER || a > picture.width) continue;
    if (marks.length > 1 || count * 11 > Math.max(24, a - from)) {
      drawPill(picture, { a, b, middle, words: String(count), kind: "hidden" }, marks, sentences(steps));
      continue;
    }
    steps.forEach((step, i) => {
      const at = Math.min(a, from + ((a - from) * (i + 1)) / (count + 1) + (count * 11 > a - from ? 8 : 0));
      if (at < GUTTER) return;
      const shape = SHAPES.hidden(at, middle);
      shape.setAttribute("class", "mark hidden");
      shape.append(draw("title", {}, sentences([step])));
      picture.mark(shape, marks);
    });
  }
}

const sentences = (rules) => rules.slice(0, 12).map((rule) => (DATA.catalogue[rule] || [rule])[0]).join("\n");

/** A mark with a number in it, as wide as what it stands for. */
function drawPill(picture, { a, b, middle, words, kind }, marks, title) {
  const least = words.length * 6 + 8;
  const left = Math.max(GUTTER, Math.min(a, (a + b - least) / 2)), right = Math.min(picture.width + 8, Math.max(b, (a + b + least) / 2));
  if (right < left) return;
  picture.mark(draw("rect", { x: left, y: middle - 7, width: right - left, height: 14, rx: 7, class: `mark ${kind}` }, draw("title", {}, title)), marks);
  picture.late(draw("text", { x: (left + right) / 2, y: middle + 3.5, class: "count" }, words));
}

function drawChart(picture, { lane, chart, y }) {
  const colour = `c-${CHART_COLOURS[chart.name] || "slate"}`, points = chart.points, bottom = y + CHART;
  const most = Math.max(...points.map(([, , value]) => value || 0)) || 1;
  const at = ([line, time]) => picture.x(placeOf(line, time));
  const high = (value) => bottom - (value / most) * (CHART - 8);
  picture.gutter(chart.name, y + 16, true);
  picture.gutter(quantity(most, chart.unit), y + 31, true, "faint");
  picture.add(draw("line", { x1: GUTTER, x2: picture.width, y1: bottom, y2: bottom, class: "rail" }));
  const [low, top] = picture.range;
  const first = Math.max(0, search(points, (point) => placeOf(point[0], point[1]) >= low) - 1);
  const last = Math.min(points.length, search(points, (point) => placeOf(point[0], point[1]) > top) + 1);
  let run = [];
  const flush = () => {
    if (run.length > 1) {
      const path = run.map(([x, h]) => `${x.toFixed(1)} ${h.toFixed(1)}`).join("L");
      if (chart.area) picture.add(draw("path", { d: `M${run[0][0].toFixed(1)} ${bottom}L${path}L${run.at(-1)[0].toFixed(1)} ${bottom}z`, class: `area ${colour}`, "clip-path": "url(#plot)" }));
      picture.add(draw("path", { d: `M${path}`, class: `line ${colour}`, "clip-path": "url(#plot)" }));
    }
    if (last - first < 80) for (const [x, h] of run) if (x >= GUTTER) picture.add(draw("circle", { cx: x, cy: h, r: 2, class: `dot ${colour}` }));
    run = [];
  };
  for (let i = first; i < last; i += 1) {
    const value = points[i][2];
    if (value === null) flush(); else run.push([at(points[i]), high(value)]);
  }
  flush();
  picture.readings.push({ y: y + 31, chart, lane });
}

// ---- axis ----

function stepOf(span, most) {
  const least = span / most, power = 10 ** Math.floor(Math.log10(least));
  if (!SCALE.isTimed) return Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= least));
  const nice = least < 1e6 ? [1, 2, 5, 10].map((n) => n * power) : [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800].map((s) => s * 1e6);
  return nice.find((n) => n >= least) || power * 10;
}

function drawAxis(picture, height) {
  const [low, high] = picture.range, step = stepOf(high - low, Math.max(2, (picture.width - GUTTER) / 110));
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
    const x = picture.x(at);
    const words = SCALE.isTimed ? duration(at, step, high) : RANKS[at] === undefined ? "" : `line ${RANKS[at]}`;
    if (x < GUTTER || !words) continue;
    picture.under(draw("line", { x1: x, x2: x, y1: AXIS - 6, y2: height, class: "hairline" }));
    if (x < picture.width - 20) picture.add(draw("text", { x, y: 13, class: "dim", "text-anchor": "middle" }, words));
  }
}

/** Draws what the range shows into an SVG of this width; returns where marks and readings are. */
function drawLanes(svg, width, range, chosen) {
  const { rows, height } = layout();
  const below = draw("g"), above = draw("g"), top = draw("g");
  const scale = (width - GUTTER) / (range[1] - range[0]);
  const picture = {
    width, range, readings: [], places: new Map(),
    x: (place) => GUTTER + (place - range[0]) * scale,
    under: (element) => below.append(element),
    add: (element) => above.append(element),
    late: (element) => top.append(element),
    gutter: (words, y, isDim, extra = "") => above.append(draw("text", { x: 0, y, class: `${isDim ? "dim" : ""} ${extra}` }, words)),
    mark: (shape, marks) => {
      shape.marks = marks;
      above.append(shape);
      for (const mark of marks) if (!picture.places.has(mark.id)) picture.places.set(mark.id, shape);
    },
  };
  drawAxis(picture, height - 16);
  for (const lane of LANES.filter(({ shown }) => shown)) {
    picture.add(draw("line", { x1: 0, x2: width, y1: lane.top, y2: lane.top, class: "hairline" }));
    const label = draw("text", { x: 0, y: lane.top + 22, class: "name" }, lane.name);
    label.append(draw("tspan", { class: "dim", "font-size": "12px", "font-weight": "400", dx: 10 }, [lane.role, ...lane.notes, counted(lane.messages, "message"), lane.stride > 1 && `every ${lane.stride}th answer in the curves`].filter(Boolean).join(" · ")));
    picture.add(label);
  }
  for (const row of rows) {
    if (row.bar) drawBar(picture, row);
    else if (row.track) drawTrack(picture, row);
    else if (row.hidden) drawHidden(picture, row);
    else drawChart(picture, row);
  }
  drawFindings(picture, top);
  drawChosen(picture, chosen, top);
  const defs = draw("defs", {},
    draw("pattern", { id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("line", { x1: 0, y1: 0, x2: 0, y2: 7, class: "hatchline" })),
    draw("clipPath", { id: "plot" }, draw("rect", { x: GUTTER, y: 0, width: Math.max(1, width - GUTTER), height })));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.replaceChildren(defs, below, above, top);
  return picture;
}

function drawFindings(picture, top) {
  const last = new Map();
  const weight = { violation: 0, doubt: 1, defect: 2, note: 3 };
  for (const finding of [...DATA.findings].sort((a, b) => weight[a.grade] - weight[b.grade])) {
    const lane = LANES[finding.lane], mark = finding.mark;
    if (!lane || !lane.shown || !mark || finding.grade === "note") continue;
    const x = picture.x(beginOf(mark)), near = last.get(lane.id) || [];
    if (x < GUTTER || x > picture.width || near.some((other) => Math.abs(other - x) < 3)) continue;
    last.set(lane.id, [...near, x]);
    const mood = draw("g", { class: finding.grade }, draw("line", { x1: x, x2: x, y1: lane.top + 14, y2: lane.lastTrack, class: "flagline" }));
    const flag = draw("path", { d: `M${x} ${lane.top + 10}h13l-3.5 5l3.5 5h-13z`, class: "flag" }, draw("title", {}, finding.message));
    flag.marks = [mark];
    mood.append(flag);
    top.append(mood);
  }
}

function drawChosen(picture, chosen, top) {
  const shape = chosen && picture.places.get(chosen.id);
  if (!shape) return;
  const lane = LANES[chosen.lane], x = (picture.x(beginOf(chosen)) + picture.x(endOf(chosen))) / 2;
  if (x < GUTTER - 4 || x > picture.width + 4) return;
  const row = layout().rows.find(({ lane: other, track }) => other === lane && track && track.belongs(chosen));
  top.prepend(draw("line", { x1: x, x2: x, y1: lane.top, y2: lane.bottom, class: "chosenline" }));
  if (row) top.append(draw("circle", { cx: x, cy: row.y + TRACK / 2, r: 10, class: "chosen" }));
}

/** Draws all of the log in a strip, with a window for what the lanes show. */
function drawOverview(svg, width, range) {
  const shown = LANES.filter(({ shown: isShown }) => isShown), whole = everything(), height = 30;
  const scale = (width - GUTTER) / (whole[1] - whole[0]), x = (place) => GUTTER + (place - whole[0]) * scale;
  const rows = shown.flatMap((lane) => lane.bars.filter(({ name }) => name !== "guest")).slice(0, 6);
  const parts = [draw("rect", { x: GUTTER, y: 4, width: Math.max(1, width - GUTTER), height: height - 8, rx: 3, fill: "none", class: "hairline" })];
  rows.forEach((bar, i) => {
    const size = (height - 12) / rows.length;
    for (const { value, from, to, last } of bar.parts) {
      if (!isCertain(value) || value === "none") continue;
      const a = x(beginOf(from)), b = x(to ? beginOf(to) : endOf(last));
      parts.push(draw("rect", { x: a, y: 6 + i * size, width: Math.max(1, b - a), height: Math.max(1.5, size - 1.5), class: `edge c-${COLOURS[value] || "grey"}` }));
    }
  });
  for (const { grade, mark } of DATA.findings) {
    if (grade === "violation" && mark) parts.push(draw("g", { class: grade }, draw("line", { x1: x(beginOf(mark)), x2: x(beginOf(mark)), y1: 2, y2: height - 2, class: "flagline" })));
  }
  const a = Math.max(GUTTER, x(range[0])), b = Math.min(width, x(range[1]));
  parts.push(draw("text", { x: 0, y: 19, class: "dim" }, "all"), draw("rect", { x: a, y: 2, width: Math.max(3, b - a), height: height - 4, rx: 3, class: "window" }));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
  return { whole, scale };
}
