"use strict";
// The panel: one mark in full, with its message, what follows from it, and the rules that it has to do with.

const PANEL = document.getElementById("panel");

/** An HTML element with properties and children; whatever is in the log goes in as text. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function messageText(kept) {
  const whole = mended(kept);
  if (whole === null) return make("p", { className: "faint" }, "The text is not kept: the page would become too large.");
  const pre = make("pre", { className: "message" }), [text, note] = withoutNote(whole);
  if (!isJson(text)) pre.append(text);
  else for (const [kind, token] of tokens(text)) pre.append(kind ? make("span", { className: kind }, token) : token);
  pre.append(note);
  return pre;
}

function ruleItem(name) {
  const rule = DATA.catalogue[name];
  if (!rule) return make("li", {}, make("code", {}, name));
  const [sentence, clause, standing, needs, evidence] = rule;
  const told = [standing, clause && `schema: ${clause}`, evidence, needs && `if ${needs}`].filter(Boolean).join("; ");
  return make("li", {}, sentence, make("small", {}, make("code", {}, name), ` · ${told}`));
}

function foundItem(finding) {
  const box = make("div", { className: `found ${finding.grade}` }, make("strong", { className: "grade" }, { defect: "known defect" }[finding.grade] || finding.grade), finding.message);
  const rule = DATA.catalogue[finding.rule];
  if (rule) box.append(make("ul", {}, ruleItem(finding.rule)));
  const why = document.querySelector(`#finding-${finding.id} pre`);
  if (why) box.append(make("details", {}, make("summary", {}, "why"), make("pre", {}, why.textContent)));
  return box;
}

function stateOf(mark) {
  if (!mark.state) return [];
  const names = ["outgoing", "incoming", "guest"];
  const rows = mark.state.flatMap((value, i) => [make("dt", {}, names[i]), make("dd", {}, value === "?" ? "not known" : value.replaceAll("|", " or "))]);
  return [make("h4", {}, "State of the VM after it"), make("dl", {}, ...rows)];
}

function partner(mark) {
  const lane = LANES[mark.lane];
  if (mark.asked) {
    const asked = lane.marks.find((other) => other.line === mark.asked);
    return asked && [`answers the request in line ${asked.line}`, asked];
  }
  if (mark.kind !== "request") return null;
  const place = lane.marks.indexOf(mark), answer = lane.marks.slice(place, place + 400).find((other) => other.asked === mark.line);
  return answer && [`answered in line ${answer.line}`, answer];
}

function rounds(mark) {
  return mark.questions.flatMap(([title, words, count, ...ends]) => {
    const [firstAsked, firstAnswer, lastAsked, lastAnswer] = ends;
    const answers = DATA.words[words] ? ` · ${DATA.words[words]}` : "";
    const shown = [make("h4", {}, `${count} × ${DATA.words[title]}${answers}`), make("p", { className: "faint" }, `First question, line ${firstAsked[0]}`), messageText(firstAsked[1]), make("p", { className: "faint" }, `First answer, line ${firstAnswer[0]}`), messageText(firstAnswer[1])];
    if (count > 1) shown.push(make("p", { className: "faint" }, `Last answer, line ${lastAnswer[0]}, asked in line ${lastAsked[0]}`), messageText(lastAnswer[1]));
    return shown;
  });
}

/** Shows a mark; `others` are those that the lanes draw at the same place. */
function showMark(mark, others, choose) {
  const lane = LANES[mark.lane];
  const lines = mark.lastLine === mark.line ? `line ${mark.line}` : `lines ${mark.line} to ${mark.lastLine}`;
  const where = [lane.name, mark.monitor && `monitor ${mark.monitor}`, lines, NAMES[mark.kind]].filter(Boolean).join(" · ");
  const time = mark.time === null ? "" : `${duration(mark.time, mark.time < 1e6 ? 1 : 1e3)} after the first message · ${clock(mark.time)}`;
  const button = (words, to) => {
    const element = make("button", { type: "button", className: "step", disabled: !to }, words);
    if (to) element.addEventListener("click", () => choose(to));
    return element;
  };
  const parts = [
    make("div", { className: "walk" }, button("‹ before", MARKS[mark.id - 1]), make("span", { className: "faint" }, `${mark.id + 1} of ${MARKS.length}`), button("next ›", MARKS[mark.id + 1])),
    make("h3", {}, mark.kind === "polling" ? `${mark.count} × the same` : mark.title),
    mark.words ? make("p", {}, mark.words) : "",
    make("p", { className: "faint" }, where),
    time ? make("p", { className: "faint" }, time) : "",
    ...mark.found.map(foundItem),
  ];
  const other = partner(mark);
  if (other) {
    const link = make("button", { type: "button", className: "link" }, other[0]);
    link.addEventListener("click", () => choose(other[1]));
    parts.push(link);
  }
  if (mark.questions) parts.push(...rounds(mark));
  else if (mark.text || !["end", "gap"].includes(mark.kind)) parts.push(messageText(mark.text));
  parts.push(...stateOf(mark));
  if (mark.steps.length) parts.push(make("h4", {}, "What must have happened before it, unseen"), make("ul", {}, ...mark.steps.map(ruleItem)));
  if (mark.rules.length) parts.push(make("details", {}, make("summary", {}, `rules that it exercises: ${mark.rules.length}`), make("ul", {}, ...mark.rules.map(ruleItem))));
  if (others.length > 1) {
    const list = others.slice(0, 40).map((near) => {
      const link = make("button", { type: "button", className: "link" }, `line ${near.line}: ${inWords(near)}`);
      link.addEventListener("click", () => choose(near));
      return make("li", {}, link);
    });
    parts.push(make("h4", {}, `At the same place: ${others.length} marks`), make("ul", {}, ...list));
  }
  PANEL.replaceChildren(...parts.filter(Boolean));
  PANEL.scrollTop = 0;
}
