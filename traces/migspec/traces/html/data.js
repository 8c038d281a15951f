"use strict";
// What the page knows: the block of data as objects, texts put together again, and where things are.

const DATA = JSON.parse(document.getElementById("data").textContent);

const mended = (text) => text && join(DATA.templates[text[0]], text[1]);

/** A text from its template and what goes into the holes of that. */
function join(pieces, values) {
  if (pieces.length === 1) return pieces[0];
  const given = values.split(" ");
  return pieces.reduce((whole, piece, i) => whole + (i ? given[i - 1] : "") + piece, "");
}

const MARKS = DATA.marks.map((row, id) => {
  const [kind, lane, line, time = null, title = 0, words = 0, text = null, state = 0, steps = 0, rules = 0, asked = 0, monitor = 0, lastLine = line, lastTime = time, questions = null] = row;
  return {
    id, kind: DATA.kinds[kind], lane, line, time, title: DATA.words[title], words: DATA.words[words], text,
    state: DATA.states[state], steps: DATA.rules[steps], rules: DATA.rules[rules], asked, monitor: DATA.words[monitor],
    lastLine, lastTime, questions, found: [],
    count: questions ? questions.reduce((sum, question) => sum + question[2], 0) : 1,
  };
});

const LANES = DATA.lanes.map((lane, id) => ({ ...lane, id, marks: MARKS.filter((mark) => mark.lane === id) }));

/** The first place in a sorted list at which `isBehind` holds. */
function search(list, isBehind) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBehind(list[middle])) high = middle; else low = middle + 1;
  }
  return low;
}

/** The mark of a lane that stands for a line; the last one before it if none does. */
function markAt(lane, line) {
  const marks = lane === undefined ? MARKS : lane.marks;
  const next = search(marks, (mark) => mark.line > line);
  const before = marks.slice(Math.max(0, next - 8), next).reverse();
  return before.find((mark) => mark.line <= line && line <= mark.lastLine) || before[0] || marks[0];
}

DATA.findings.forEach((finding, id) => {
  finding.id = id;
  finding.mark = markAt(LANES[finding.lane], finding.line);
  if (finding.mark) finding.mark.found.push(finding);
});

// ---- where things are: by time in microseconds, or in the order of the lines ----

const RANKS = [...new Set(MARKS.flatMap((mark) => [mark.line, mark.lastLine]))].sort((a, b) => a - b);

function rank(line) {
  const next = search(RANKS, (known) => known > line);
  if (next === 0) return 0;
  const before = RANKS[next - 1];
  return next === RANKS.length ? next - 1 : next - 1 + (line - before) / (RANKS[next] - before);
}

const SCALE = { isTimed: DATA.timed };

const placeOf = (line, time) => (SCALE.isTimed ? time : rank(line));
const beginOf = (mark) => placeOf(mark.line, mark.time);
const endOf = (mark) => placeOf(mark.lastLine, mark.lastTime);

/** The least and the greatest place of some marks. */
function extent(marks) {
  let low = Infinity, high = -Infinity;
  for (const mark of marks) {
    low = Math.min(low, beginOf(mark));
    high = Math.max(high, endOf(mark));
  }
  return low <= high ? [low, high] : [0, 1];
}

/** What there is to see of everything, with some room at both ends. */
function everything() {
  const [low, high] = extent(MARKS);
  const room = (high - low || 1) * 0.02;
  return [low - room, high + room];
}

/** What there is to see of the migrations, with some room; of everything where there is none. */
function migrations() {
  if (!DATA.focus.length) return everything();
  const [first, last] = DATA.focus;
  const [low, high] = extent(MARKS.filter((mark) => mark.line >= first && mark.line <= last));
  const room = (high - low || 1) * 0.1;
  const [least, most] = everything();
  return [Math.max(least, low - room), Math.min(most, high + room)];
}

// ---- how things are said ----

/** A time in microseconds as people say it, to as many digits as `step` asks for, in the unit that `most` has. */
function duration(time, step = Math.abs(time) / 200, most = time) {
  const size = Math.abs(time);
  const digits = (unit) => Math.max(0, Math.min(6, Math.ceil(-Math.log10((step || 1) / unit) - 1e-9)));
  if (most < 1e3 && step < 1e3) return `${time.toFixed(0)} µs`;
  if (most < 1e6 && step < 1e6) return `${(time / 1e3).toFixed(digits(1e3))} ms`;
  if (most < 120e6) return `${(time / 1e6).toFixed(digits(1e6))} s`;
  const sign = time < 0 ? "−" : "";
  const seconds = Math.floor(size / 1e6 + 1e-9), rest = digits(1e6) ? (size / 1e6 - seconds).toFixed(digits(1e6)).slice(1) : "";
  const two = (number) => String(number).padStart(2, "0");
  return `${sign}${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${rest}`;
}

function clock(time) {
  const moment = new Date(DATA.start * 1000 + time / 1000);
  return Number.isNaN(moment.getTime()) ? "" : `${moment.toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

const UNITS = { bytes: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] };

function quantity(value, unit) {
  if (unit === "bytes") {
    let size = value, power = 0;
    while (Math.abs(size) >= 1024 && power < 5) { size /= 1024; power += 1; }
    return `${size >= 100 || power === 0 ? size.toFixed(0) : size.toPrecision(3)} ${UNITS.bytes[power]}`;
  }
  const shown = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-GB") : String(Number(value.toPrecision(3)));
  return `${shown} ${unit}`;
}

const counted = (number, noun) => `${number.toLocaleString("en-GB")} ${noun}${number === 1 ? "" : "s"}`;

const NAMES = {
  request: "request to the VM", reply: "answer of the VM", error: "refusal by the VM", event: "event of the VM",
  greeting: "greeting of the VM", end: "end", bytes: "no message", gap: "gap", polling: "polling",
};

/** A mark in one line of words. */
function inWords(mark) {
  const name = mark.kind === "polling" ? `${mark.count} times ${mark.title}` : mark.title;
  return [name, mark.words].filter(Boolean).join(" · ");
}

/** JSON text as lines with indents, its tokens with their class; other text comes out as it is. */
function tokens(text) {
  const pattern = /"(?:[^"\\]|\\[^])*\\?(?:"|$)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]|\s+|[^]/gy;
  const result = [];
  let depth = 0, found;
  const indent = () => result.push(["", `\n${"  ".repeat(Math.min(depth, 40))}`]);
  const all = [];
  while ((found = pattern.exec(text))) if (!/^\s+$/.test(found[0])) all.push(found[0]);
  all.forEach((token, i) => {
    const next = all[i + 1];
    if (token === "{" || token === "[") {
      result.push(["", token]);
      if (next !== "}" && next !== "]") { depth += 1; indent(); }
    } else if (token === "}" || token === "]") {
      if (all[i - 1] !== "{" && all[i - 1] !== "[") { depth = Math.max(0, depth - 1); indent(); }
      result.push(["", token]);
    } else if (token === ",") {
      result.push(["", token]);
      indent();
    } else if (token === ":") {
      result.push(["", ": "]);
    } else {
      const isString = token.length > 1 && token[0] === '"';
      const kind = isString ? (next === ":" ? "key" : "string") : /^[-\d]/.test(token) ? "number" : /^[a-z]{4,5}$/.test(token) ? "word" : "";
      result.push([kind, token]);
    }
  });
  return result;
}

/** A text and the note behind it, if it was cut. */
function withoutNote(text) {
  const at = text.search(/… \[\d+ more characters are in line \d+ of the log\]$/);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

/** Whether a text looks like JSON, whole or cut. */
const isJson = (text) => /^\s*[{[]/.test(text);
