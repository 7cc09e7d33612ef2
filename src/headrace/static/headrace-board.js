// <headrace-board src="…">: the board inside any page, from what board.json or the API says. Needs style.css beside it.
// Whatever comes from outside becomes text, never markup; a link is followed only where it is http or https.

const LOOK_EVERY = 4000;
const SLOWEST = 60000;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
const PASSING = ["review", "test"];
const SHOWN_IN_STACK = 3;
const MOST_WHOLE = 6;
const WIDEST_ROW = 6;
const SPARK = { width: 44, height: 16, margin: 1 };
const SVG = "http://www.w3.org/2000/svg";
const STYLE = new URL("style.css", import.meta.url);
// Where the answer has no words of its own; after these there is nothing to ask for again.
const CLOSED = new Map([
  [401, "You are not logged in, or were logged in too long ago."],
  [403, "You have no access to this board, or not any more."],
  [404, "There is no such board."],
  [410, "What this board showed was removed."],
]);

// An answer that says no, in its own words.
class Declined extends Error {}

class HeadraceBoard extends HTMLElement {
  static observedAttributes = ["src"];

  #live = make("p", { class: "fresh", role: "status", part: "status" });
  #groups = make("div", { class: "groups", part: "groups" });
  #timer = 0;
  #asking = null;
  #misses = 0;
  #answeredAt = 0;
  #why = "";
  #news = "";
  #etag = "";
  #shown = "";
  #board = null;
  #receivedAt = 0;
  #isOpen = false;
  #onVisible = () => document.hidden || this.refresh();

  constructor() {
    super();
    const sheet = make("link", { rel: "stylesheet", href: STYLE });
    const body = make("section", { "aria-label": "Resources by pipeline", hidden: "" }, this.#live, this.#groups);
    // What has no style yet is not shown; nor is it hidden for ever where the sheet cannot be had.
    for (const event of ["load", "error"]) sheet.addEventListener(event, () => (body.hidden = false));
    this.attachShadow({ mode: "open" }).append(sheet, body);
  }

  connectedCallback() {
    this.#isOpen = true;
    document.addEventListener("visibilitychange", this.#onVisible);
    this.refresh();
  }

  disconnectedCallback() {
    this.#isOpen = false;
    document.removeEventListener("visibilitychange", this.#onVisible);
    this.#stop();
  }

  attributeChangedCallback(_name, before, now) {
    if (before === now) return;
    this.#forget();
    // An element that was there before this script is connected while its attributes are first told of.
    if (this.#isOpen) this.refresh();
  }

  /** Asks now, instead of within the next seconds. */
  async refresh() {
    this.#stop();
    const asking = (this.#asking = new AbortController());
    try {
      await this.#ask(asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#misses += 1;
      this.#why = error instanceof Declined ? error.message : "";
    }
    if (asking.signal.aborted) return;
    this.#say();
    this.#grow();
    // Boards that were opened together do not ask together.
    const pause = Math.min(LOOK_EVERY * 2 ** this.#misses, SLOWEST) * (0.75 + Math.random() / 2);
    if (this.#asking === asking) this.#timer = setTimeout(() => document.hidden || this.refresh(), pause);
  }

  async #ask(signal) {
    const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
    const answer = await fetch(this.getAttribute("src") ?? "", { headers, signal, cache: "no-store" });
    if (CLOSED.has(answer.status)) {
      const message = await readMessage(answer);
      return signal.aborted || this.#close(message || CLOSED.get(answer.status));
    }
    if (answer.status !== 304) {
      if (!answer.ok) throw new Declined(await readMessage(answer));
      const text = await answer.text();
      if (signal.aborted) return;
      if (text !== this.#shown) this.#show(JSON.parse(text));
      this.#shown = text;
      this.#etag = answer.headers.get("ETag") ?? "";
    }
    this.#misses = 0;
    this.#answeredAt = performance.now();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #forget() {
    this.#etag = this.#shown = "";
    this.#board = null;
    this.#misses = 0;
    this.#groups.replaceChildren();
  }

  // Who may not see the board any more is not left with what it showed.
  #close(message) {
    this.#stop();
    this.#forget();
    write(this.#live, message);
  }

  #show(board) {
    const before = this.#board && findStages(this.#board);
    const root = this.shadowRoot;
    const opened = [...root.querySelectorAll("details[open]")].map((details) => details.id);
    const focused = root.activeElement?.closest("[id]")?.id;
    const inside = root.activeElement?.localName;
    this.#groups.replaceChildren(...renderBoard(board));
    this.#board = board;
    this.#receivedAt = performance.now();
    for (const id of opened) root.getElementById(id)?.setAttribute("open", "");
    if (focused) root.getElementById(focused)?.querySelector(inside)?.focus({ preventScroll: true });
    this.#news = before ? spellMoves(before, findStages(board)) : "";
  }

  // A screen reader reads this line whenever it changes.
  #say() {
    const isLate = this.#misses > 1;
    this.#live.toggleAttribute("data-stale", isLate);
    if (!this.#board) return write(this.#live, this.#why || "The board cannot be read now. It is tried again.");
    const since = spellAge(performance.now() - this.#answeredAt);
    const words = isLate ? `not current, no answer for ${since}` : this.#news || "kept current";
    write(this.#live, `${spellTotals(this.#board)}, ${words}`);
    this.#news = "";
  }

  // Ages grow between two boards; the clock is the service's, whatever the browser's says.
  #grow() {
    if (!this.#board) return;
    const now = Date.parse(this.#board.built_at) + performance.now() - this.#receivedAt;
    for (const time of this.#groups.querySelectorAll("time[data-age]")) {
      write(time, spellAge(now - Date.parse(time.dateTime)) + time.dataset.age);
    }
  }
}

// What a board looks like: the same elements and classes as the page that style.css is made for.

function renderBoard(board) {
  const now = Date.parse(board.built_at);
  const groups = board.pipelines.map((pipeline) => renderPipeline(pipeline, board, now));
  if (board.uncoupled.length) groups.push(renderLoose("uncoupled", "none", "Not in a pipeline", board.uncoupled, now));
  if (board.unknown.length) groups.push(renderLoose("unknown", "unknown", "Pipeline not known", board.unknown, now));
  if (!groups.length) groups.push(make("p", { class: "blank", part: "blank" }, "No resources yet."));
  return groups;
}

function renderPipeline(pipeline, board, now) {
  const cards = listCards(pipeline);
  const title = pipeline.name ?? shortenId(pipeline.id);
  const isTwin = board.pipelines.filter((other) => (other.name ?? shortenId(other.id)) === title).length > 1;
  const columns = pipeline.columns.map((stage) => renderColumn(pipeline, stage, now));
  const late = cards.filter((card) => card.stale);
  return make("section", { class: "pipeline", id: pipeline.id, part: "pipeline", "aria-labelledby": `${pipeline.id}-h` },
    make("header", { class: "row" },
      make("h2", { id: `${pipeline.id}-h`, part: "pipeline-name" }, make("bdi", {}, title)),
      isTwin && make("span", { class: "muted mono" }, shortenId(pipeline.id)),
      make("span", { class: "muted" }, spellCount(cards.length, "resource")),
      renderFresh(findOldest(cards), late.length > 0, now, "push")),
    late.length > 0 && renderNote(late.length, cards, now),
    make("div", { class: "stages", "data-columns": Math.min(columns.length, WIDEST_ROW) }, ...columns));
}

function renderNote(late, cards, now) {
  const whom = late === cards.length ? "this pipeline" : `${late} of ${cards.length} apps of this pipeline`;
  return make("p", { class: "note", part: "note" },
    `Heroku has not answered for ${whom} for `, renderAge(findOldest(cards), "", now), ". Stages are shown as last read.");
}

function renderColumn(pipeline, stage, now) {
  const cards = pipeline.stages[stage] ?? [];
  const title = stage.slice(0, 1).toUpperCase() + stage.slice(1);
  let content = [make("p", { class: "empty" }, `No ${stage} app.`)];
  const isStacked = PASSING.includes(stage) || cards.length > MOST_WHOLE;
  if (isStacked && cards.length) content = [renderStack(pipeline, stage, cards, now)];
  else if (cards.length) content = cards.map((card) => renderCard(card, 4, now));
  return make("section", { class: cards.length ? "stage" : "stage dry", "data-stage": stage, part: "stage" },
    make("h3", { part: "stage-name" }, renderGauge(stage),
      make("span", {}, `${title} `, make("b", {}, cards.length.toLocaleString("en")))),
    ...content);
}

function renderStack(pipeline, stage, cards, now) {
  const isShown = (card, place) => place < SHOWN_IN_STACK || card.opened;
  const folded = cards.filter((card, place) => !isShown(card, place));
  const failed = folded.filter((card) => card.state === "failed").length;
  return make("div", { class: "stack" },
    ...cards.filter(isShown).map((card) => renderLine(card, now)),
    folded.length > 0 && make("details", { class: "more", id: `${pipeline.id}-${stage}` },
      make("summary", {}, spellCount(folded.length, `more ${stage} app`) + (failed ? `, ${failed} failed` : "")),
      ...folded.map((card) => renderLine(card, now))));
}

function renderLoose(id, gauge, title, cards, now) {
  return make("section", { class: "pipeline", id, part: "pipeline", "aria-labelledby": `${id}-h` },
    make("header", { class: "row" },
      make("h2", { id: `${id}-h`, part: "pipeline-name" }, renderGauge(gauge), ` ${title}`),
      make("span", { class: "muted" }, spellCount(cards.length, "resource")),
      gauge === "none" && renderFresh(findOldest(cards), cards.some((card) => card.stale), now, "push")),
    gauge === "unknown" && make("p", { class: "muted" }, "Heroku has not told whether these apps stand in a pipeline. They may."),
    make("div", { class: "loose" }, ...cards.map((card) => renderCard(card, 3, now, gauge === "unknown"))));
}

function renderCard(card, level, now, isUntold = false) {
  return make("article", { class: "card", id: `resource-${card.uuid}`, part: "card", "data-origin": card.opened },
    card.opened && renderFlag(),
    renderHeading(card, level),
    make("p", { class: "sub mono" }, make("bdi", {}, card.resource)),
    renderMoved(card, now),
    renderPanel(card.panel),
    make("p", { class: "meta" },
      make("span", { class: "tag", part: "plan" }, card.plan),
      make("span", {}, card.region.slice(card.region.lastIndexOf(":") + 1)),
      make("span", { class: "push" }, "since ", renderTime(card.since, spellDay(card.since)))),
    isUntold && make("p", { class: "meta" }, spellUntold(card)),
    make("p", { class: "meta" }, renderFresh(card.checked_at, card.stale, now)));
}

function renderLine(card, now) {
  const figure = card.panel?.figures[0];
  const content = figure ? `${figure.label} ${figure.text}` : card.panel?.sentence;
  return make("article", { class: "card line-card", id: `resource-${card.uuid}`, part: "card", "data-origin": card.opened },
    card.opened && renderFlag(),
    renderHeading(card, 4),
    renderMoved(card, now),
    make("p", { class: "meta" },
      make("span", {}, card.plan),
      content && make("span", { "data-slot": "partner" }, content),
      card.stale && renderFresh(card.checked_at, true, now),
      make("span", { class: "push" }, make("span", { class: "sr" }, "made "), renderAge(card.since, "", now), make("span", { class: "sr" }, " ago"))));
}

function renderFlag() {
  return make("p", { class: "flag", part: "flag" }, "You came from this one");
}

function renderHeading(card, level) {
  const name = make("bdi", {}, card.app);
  const href = card.panel && findSafe(card.panel.href);
  return make("header", {},
    make(`h${level}`, { part: "app" }, href ? make("a", { href, part: "link" }, name) : name),
    make("span", { class: "state", "data-state": card.state, part: "state" }, card.state));
}

function renderMoved(card, now) {
  return card.moved && make("p", {}, make("span", { class: "moved", part: "moved" }, `moved from ${card.moved_from} `, renderAge(card.moved_at, " ago", now)));
}

function renderPanel(panel) {
  if (panel?.figures.length) {
    return make("dl", { class: "slot", "data-slot": "partner", "data-figures": panel.figures.length, part: "panel" },
      ...panel.figures.map((figure) => make("div", {}, make("dt", {}, figure.label), make("dd", {}, figure.text, renderSpark(figure.trend)))));
  }
  return panel?.sentence && make("div", { class: "slot", "data-slot": "partner", part: "panel" }, make("p", {}, panel.sentence));
}

// The highest value at the top; a flat line runs in the middle.
function renderSpark(trend) {
  if (trend.length < 2) return false;
  const [low, high] = [Math.min(...trend), Math.max(...trend)];
  const inner = SPARK.height - 2 * SPARK.margin;
  const points = trend.map((value, place) => {
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return [(SPARK.width / (trend.length - 1)) * place, SPARK.height - SPARK.margin - share * inner].map((each) => each.toFixed(1));
  });
  const [cx, cy] = points.at(-1);
  const { width, height } = SPARK;
  return draw("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    draw("polyline", { points: points.join(" ") }), draw("circle", { cx, cy, r: 2 }));
}

function renderFresh(at, isStale, now, place = "") {
  return make("span", { class: `fresh ${place}`.trim(), "data-stale": isStale },
    ...(at ? [`${isStale ? "stale, " : ""}checked `, renderAge(at, " ago", now)] : ["not checked yet"]));
}

function renderAge(at, ending, now) {
  const time = renderTime(at, spellAge(now - Date.parse(at)) + ending);
  time.dataset.age = ending;
  return time;
}

function renderTime(at, words) {
  return make("time", { datetime: at, title: `${at.replace("T", " ").replace("Z", "")} UTC` }, words);
}

function renderGauge(stage) {
  return make("i", { class: "gauge", "data-stage": stage, "aria-hidden": "true" });
}

// Elements. An attribute that is false is left out, a child that is nothing too.

function make(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draw(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child || child === 0));
  return element;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function findSafe(href) {
  const url = href && URL.canParse(href) ? new URL(href) : null;
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

async function readMessage(answer) {
  const body = await answer.json().catch(() => null);
  return typeof body?.message === "string" ? body.message : "";
}

// Words.

function listCards(pipeline) {
  return Object.values(pipeline.stages).flat();
}

function findStages(board) {
  const placed = board.pipelines.flatMap((pipeline) =>
    Object.entries(pipeline.stages).flatMap(([stage, cards]) => cards.map((card) => [card.uuid, [card.app, stage]])));
  const loose = [...board.uncoupled, ...board.unknown].map((card) => [card.uuid, [card.app, "no pipeline"]]);
  return new Map([...placed, ...loose]);
}

function spellMoves(before, now) {
  const moved = [...now].filter(([uuid, [, stage]]) => before.has(uuid) && before.get(uuid)[1] !== stage);
  return moved.map(([, [app, stage]]) => `${app} is now in ${stage}`).join(", ");
}

function findOldest(cards) {
  return cards.map((card) => card.checked_at).filter(Boolean).sort()[0];
}

function spellUntold(card) {
  if (card.outcome === null) return "Heroku was not asked yet.";
  if (card.outcome === "app_hidden") return "Heroku does not show this app to the add-on.";
  return "Heroku does not let the add-on read this app's pipeline.";
}

function spellTotals(board) {
  const cards = [...board.pipelines.flatMap(listCards), ...board.uncoupled, ...board.unknown];
  if (!cards.length) return "no resources yet";
  const pipelines = board.pipelines.length ? spellCount(board.pipelines.length, "pipeline") : "no pipeline";
  return `${spellCount(cards.length, "resource")} in ${pipelines}`;
}

function spellCount(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function spellAge(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, "s"];
  return `${Math.floor(seconds / size).toLocaleString("en")} ${unit}`;
}

function spellDay(at) {
  return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

function shortenId(id) {
  return id.length <= 8 ? id : `${id.slice(0, 8)}…`;
}

customElements.define("headrace-board", HeadraceBoard);
