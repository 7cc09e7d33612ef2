// <headrace-board src="…">: the board inside any page, from what board.json or the API says. Needs style.css beside it.
// Whatever comes from outside becomes text, never markup; a link is followed only where it is http or https.

const LOOK_EVERY = 4000;
const SLOWEST = 60000;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
const PASSING = ["review", "test"];
const SHOWN_IN_STACK = 3;
const MOST_WHOLE = 6;
const WIDEST_ROW = 8;
const FEW_CARDS = 6;
const FLOW = ["development", "review", "test", "staging", "production"];
const DASHBOARD = "https://dashboard.heroku.com";
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
  // The folds that were open when the partner's figures in them were last asked for.
  #asked = new Set();
  #receivedAt = 0;
  #isOpen = false;
  #filter = make("input", {
    type: "search", placeholder: "App, stage, plan or state", "aria-label": "App, stage, plan or state", autocomplete: "off", spellcheck: "false",
  });
  #find = make("p", { class: "facets", part: "filter", hidden: "" }, make("label", { class: "field" }, this.#filter));
  #body = make("section", { "aria-label": "Resources", hidden: "" }, this.#live, this.#find, this.#groups);
  #onVisible = () => document.hidden || this.refresh();

  constructor() {
    super();
    const sheet = make("link", { rel: "stylesheet", href: STYLE });
    this.#filter.addEventListener("input", () => this.#sift());
    // It does not bubble.
    this.#groups.addEventListener("toggle", () => this.#isUnfolded() && this.refresh(), true);
    // What has no style yet is not shown; nor is it hidden for ever where the sheet cannot be had.
    for (const event of ["load", "error"]) sheet.addEventListener(event, () => (this.#body.hidden = false));
    this.attachShadow({ mode: "open" }).append(sheet, this.#body);
  }

  connectedCallback() {
    this.#isOpen = true;
    this.#fit();
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
    this.#fit();
    this.#say();
    this.#grow();
    // Boards that were opened together do not ask together.
    const pause = Math.min(LOOK_EVERY * 2 ** this.#misses, SLOWEST) * (0.75 + Math.random() / 2);
    if (this.#asking === asking) this.#timer = setTimeout(() => document.hidden || this.refresh(), pause);
  }

  async #ask(signal) {
    const had = this.#board;
    const open = this.#listOpen();
    const answer = await this.#fetch(had, open, signal);
    if (CLOSED.has(answer.status)) {
      const message = await readMessage(answer);
      return signal.aborted || this.#close(message || CLOSED.get(answer.status));
    }
    if (answer.status !== 304) {
      if (!answer.ok) throw new Declined(await readMessage(answer));
      const text = await answer.text();
      if (signal.aborted) return;
      if (text !== this.#shown) this.#show(putBack(JSON.parse(text), had));
      this.#asked = new Set(had ? open : this.#listOpen());
      this.#etag = answer.headers.get("ETag") ?? "";
      // An answer without a version is known by its text.
      this.#shown = this.#etag ? "" : text;
    }
    this.#misses = 0;
    this.#answeredAt = performance.now();
  }

  // What is here already is not sent again, where whoever answers knows how to leave it out. Others never hear of it, or
  // hand on the whole: at once where they take no POST, and after a look in vain, whatever that was for.
  async #fetch(had, open, signal) {
    const src = this.getAttribute("src") ?? "";
    const options = { signal, cache: "no-store" };
    if (!had) return fetch(`${src}${src.includes("?") ? "&" : "?"}open=first`, options);
    if (!this.#isUnfolded()) {
      if (!this.#etag) return fetch(src, options);
      const version = { "If-None-Match": this.#etag };
      if (this.#misses) return fetch(src, { ...options, headers: version });
      const answer = await fetch(src, { ...options, headers: { ...version, Prefer: "return=minimal" } });
      if (answer.status !== 204) return answer;
    }
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ ...listDigests(had), open });
    const changes = await fetch(src, { ...options, method: "POST", headers, body });
    return changes.ok ? changes : fetch(src, options);
  }

  #listOpen() {
    return [...this.#groups.querySelectorAll("details[open]")].map((details) => details.id);
  }

  // The partner's figures are asked for where they are in sight; a card without that member was not asked for.
  #isUnfolded() {
    const isLeftOut = this.#board && listAll(this.#board).some((card) => !("panel" in card));
    return isLeftOut && this.#listOpen().some((id) => !this.#asked.has(id));
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

  #show(answer) {
    const before = this.#board && findStages(this.#board);
    const board = answer.complete === false && this.#board ? keep(this.#board, answer) : answer;
    const root = this.shadowRoot;
    const folds = [...root.querySelectorAll("details")].map((details) => [details.id, details.open]);
    const focused = root.activeElement?.closest("[id]")?.id;
    const inside = root.activeElement?.localName;
    this.#groups.replaceChildren(...renderBoard(board));
    this.#board = board;
    this.#receivedAt = performance.now();
    for (const [id, isOpen] of folds) root.getElementById(id)?.toggleAttribute("open", isOpen);
    this.#find.hidden = listAll(board).length < 2;
    this.#sift();
    if (focused) root.getElementById(focused)?.querySelector(inside)?.focus({ preventScroll: true });
    this.#news = before ? spellMoves(before, findStages(board)) : "";
  }

  #sift() {
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const lane of this.#groups.querySelectorAll(".lane")) {
      const title = lane.querySelector("h2 bdi").textContent;
      for (const card of lane.querySelectorAll(".card")) {
        const text = `${card.textContent} ${card.closest(".stage")?.dataset.stage ?? ""} ${title}`.toLowerCase();
        card.hidden = !words.every((word) => text.includes(word));
      }
      for (const details of [lane, ...lane.querySelectorAll("details")]) {
        details.hidden = !details.querySelector(".card:not([hidden])");
        if (words.length && !details.hidden) details.open = true;
      }
    }
    const nothing = this.shadowRoot.getElementById("nothing");
    if (nothing) nothing.hidden = !words.length || this.#groups.querySelector(".card:not([hidden])") !== null;
  }

  // Where the page does not say whether it is light or dark, the ground that the board stands on does.
  #fit() {
    const isSaid = this.dataset.theme || getComputedStyle(this).colorScheme !== "normal";
    if (isSaid) delete this.#body.dataset.theme;
    else this.#body.dataset.theme = isOnDark(this) ? "dark" : "light";
  }

  // A screen reader reads this line whenever it changes.
  #say() {
    const isLate = this.#misses > 1;
    const isPartial = this.#board?.complete === false;
    this.#live.toggleAttribute("data-stale", isLate || isPartial);
    if (!this.#board) return write(this.#live, this.#why || "The board cannot be read now. It is tried again.");
    const since = spellAge(performance.now() - this.#answeredAt);
    const words = isLate ? `not current, no answer for ${since}` : this.#news || (isPartial ? "" : "up to date");
    write(this.#live, [spellTotals(this.#board), words].filter(Boolean).join(", "));
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
  const stages = listStages(board);
  const all = listAll(board);
  const isOfNote = (card) => card.opened || card.moved || card.state === "failed";
  const isOpen = (cards) => all.length <= FEW_CARDS || !board.pipelines.length || cards.some(isOfNote);
  const lanes = board.pipelines.map((pipeline, place) => {
    const cards = listCards(pipeline);
    return renderLane(pipeline, board, stages, place === 0 || isOpen(cards), now);
  });
  const loose = [["uncoupled", "none", "Not in a pipeline"], ["unknown", "unknown", "Pipeline not known"]]
    .filter(([kind]) => board[kind].length)
    .map(([kind, gauge, title]) => renderLoose(kind, gauge, title, board, isOpen(board[kind]), now));
  const parts = [...(lanes.length ? [renderHeads(board, stages)] : []), ...lanes, ...loose];
  if (!parts.length && board.complete !== false) parts.push(make("p", { class: "blank", part: "blank" }, "No resources yet."));
  parts.push(make("p", { class: "blank", id: "nothing", part: "blank", hidden: "" }, "Nothing shown here matches."));
  return [
    board.complete === false && renderAway(board),
    make("div", { class: "board", "data-columns": Math.min(stages.length, WIDEST_ROW) }, ...parts),
  ].filter(Boolean);
}

function renderAway(board) {
  const silent = board.heroku_silent_since;
  const what = silent ? "Heroku does not answer" : "Heroku has not confirmed everything";
  return make("section", { class: "away", part: "note" },
    make("p", {}, make("b", {}, `${what}, so this may not be complete.`),
      " What is not confirmed is hidden, or marked. Hidden does not mean gone: it comes back by itself.",
      silent && " No answer since ", silent && renderTime(silent, `${silent.slice(11, 16)} UTC`), silent && "."));
}

function renderHeads(board, stages) {
  const count = (stage) => board.pipelines.reduce((sum, each) => sum + (each.stages[stage] ?? []).length, 0);
  const isWhole = board.complete !== false;
  return make("div", { class: "heads plain" },
    make("span", {}, isWhole && spellCount(board.pipelines.length, "pipeline")),
    ...stages.map((stage) => make("b", { part: "stage-name" }, renderGauge(stage),
      make("span", {}, spellStage(stage)), isWhole && make("span", { class: "muted" }, count(stage).toLocaleString("en")))));
}

function renderLane(pipeline, board, stages, isOpen, now) {
  const cards = listCards(pipeline);
  const title = pipeline.name ?? shortenId(pipeline.id);
  const isTwin = board.pipelines.filter((other) => (other.name ?? shortenId(other.id)) === title).length > 1;
  const late = cards.filter((card) => card.stale);
  const isWhole = board.complete !== false;
  return make("details", { class: "lane", id: pipeline.id, part: "pipeline", open: isOpen },
    make("summary", {}, renderLaneHead(title, isTwin ? pipeline.id : "", cards, isWhole),
      ...stages.map((stage) => renderReach(stage, pipeline.stages[stage] ?? [], isWhole))),
    late.length > 0 && renderNote(late.length, cards, now),
    make("div", { class: "deck" },
      make("div", { class: "about" },
        isWhole && make("span", {}, spellStates(cards)),
        renderFresh(findOldest(cards), late.length > 0, now),
        make("a", { class: "out", href: `${DASHBOARD}/pipelines/${encodeURIComponent(pipeline.id)}`, "aria-label": `Pipeline ${title} on Heroku` }, "Pipeline on Heroku")),
      ...stages.map((stage) => renderColumn(pipeline, stage, isWhole, now))));
}

function renderLaneHead(title, id, cards, isWhole) {
  return make("h2", { part: "pipeline-name" }, make("bdi", {}, title),
    id && make("span", { class: "muted mono" }, shortenId(id)),
    isWhole && make("small", {}, cards.length.toLocaleString("en"), make("span", { class: "sr" }, cards.length === 1 ? " resource" : " resources")));
}

function renderReach(stage, cards, isWhole) {
  const kind = isWhole ? (cards.length ? "" : " dry") : " hid";
  return make("span", { class: `reach${kind}` }, renderGauge(stage), make("span", { class: "sr" }, `${stage}: `),
    isWhole && make("b", {}, cards.length.toLocaleString("en")), ...renderWords(cards, isWhole ? "" : "not shown"));
}

function renderWords(cards, none) {
  const failed = cards.filter((card) => card.state === "failed").length;
  const words = cards.length ? [...new Set(cards.map((card) => card.plan))].sort().join(", ") : none;
  return [
    words && make("span", { class: "words" }, words),
    failed > 0 && make("span", { class: "state", "data-state": "failed" }, `${failed.toLocaleString("en")} failed`),
  ];
}

function renderNote(late, cards, now) {
  const whom = late === cards.length ? "this pipeline" : `${late} of ${cards.length} apps of this pipeline`;
  return make("p", { class: "note", part: "note" },
    `Heroku has not answered for ${whom} for `, renderAge(findOldest(cards), "", now), ". Stages are shown as last read.");
}

function renderColumn(pipeline, stage, isWhole, now) {
  const cards = pipeline.stages[stage] ?? [];
  const isStacked = PASSING.includes(stage) || cards.length > MOST_WHOLE;
  const kind = cards.length ? "stage" : isWhole ? "stage dry" : "stage hid";
  let content = cards.map((card) => renderCard(card, 4, now));
  if (isStacked && cards.length) content = [renderStack(pipeline, stage, cards, now)];
  if (!cards.length && !isWhole) content = [make("p", { class: "empty" }, "Not shown")];
  return make("section", { class: kind, "data-stage": stage, part: "stage" },
    make("h3", {}, renderGauge(stage),
      make("span", {}, spellStage(stage), ...(isWhole ? [" ", make("b", {}, cards.length.toLocaleString("en"))] : []))),
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

function renderLoose(id, gauge, title, board, isOpen, now) {
  const cards = board[id];
  const isUntold = gauge === "unknown";
  return make("details", { class: "lane", id, part: "pipeline", open: isOpen },
    make("summary", {}, renderLaneHead(title, "", cards, board.complete !== false),
      make("span", { class: "reach loose" }, renderGauge(gauge), ...renderWords(cards, ""))),
    make("div", { class: "deck" },
      make("div", { class: "about" },
        isUntold && make("span", {}, "Heroku has not told whether these apps stand in a pipeline. They may."),
        renderFresh(findOldest(cards), cards.some((card) => card.stale), now)),
      make("div", { class: "loose" }, ...cards.map((card) => renderCard(card, 3, now, isUntold)))));
}

function renderCard(card, level, now, isUntold = false) {
  return make("article", { class: "card", id: `resource-${card.uuid}`, part: "card", "data-origin": card.opened, "data-unconfirmed": card.unconfirmed === true },
    card.opened && renderFlag(),
    renderHeading(card, level, findSafe(card.panel?.href)),
    make("p", { class: "sub" }, make("bdi", { class: "mono" }, card.resource),
      findApp(card) && make("a", { class: "out", href: findApp(card), "aria-label": `${card.app} on Heroku` }, "Heroku")),
    renderMoved(card, now),
    renderReason(card),
    card.state !== "failed" && renderPanel(card.panel),
    make("p", { class: "meta" },
      make("span", { class: "tag", part: "plan" }, card.plan),
      make("span", {}, card.region.slice(card.region.lastIndexOf(":") + 1)),
      make("span", { class: "push" }, "added ", renderTime(card.since, spellDay(card.since)))),
    isUntold && make("p", { class: "meta" }, spellUntold(card)),
    renderUnconfirmed(card),
    (card.stale || !card.checked_at) && make("p", { class: "meta" }, renderFresh(card.checked_at, card.stale, now)));
}

function renderLine(card, now) {
  const figure = card.panel?.figures[0];
  const content = figure ? `${figure.label} ${figure.text}` : card.panel?.sentence;
  return make("article", { class: "card line-card", id: `resource-${card.uuid}`, part: "card", "data-origin": card.opened, "data-unconfirmed": card.unconfirmed === true },
    card.opened && renderFlag(),
    renderHeading(card, 4, findSafe(card.panel?.href) ?? findApp(card)),
    renderMoved(card, now),
    renderReason(card),
    make("p", { class: "meta" },
      make("span", {}, card.plan),
      content && card.state !== "failed" && make("span", { "data-slot": "partner" }, content),
      card.stale && renderFresh(card.checked_at, true, now),
      make("span", { class: "push" }, renderAge(card.since, " old", now))),
    renderUnconfirmed(card));
}

function renderUnconfirmed(card) {
  return card.unconfirmed && make("p", { class: "meta" }, make("span", { class: "fresh", "data-stale": "" }, "not confirmed"));
}

function renderReason(card) {
  return card.state === "failed" && make("p", { class: "reason", part: "reason" },
    `${card.message ?? "It could not be provisioned."} `, make("b", {}, "Remove the add-on and add it again,"), " or ask its support.");
}

// An app whose name is not known has its id in place of it, which leads nowhere.
function findApp(card) {
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(card.app) ? null : `${DASHBOARD}/apps/${encodeURIComponent(card.app)}`;
}

function renderFlag() {
  return make("p", { class: "flag", part: "flag" }, "You opened this one");
}

function renderHeading(card, level, href) {
  const name = make("bdi", {}, card.app);
  return make("header", {},
    make(`h${level}`, { part: "app" }, href ? make("a", { href, part: "link" }, name) : name),
    make("span", { class: "state", "data-state": card.state, part: "state" }, card.state));
}

function renderMoved(card, now) {
  return card.moved && make("p", {}, make("span", { class: "moved", part: "moved" }, `moved from ${card.moved_from} `, renderAge(card.moved_at, " ago", now)));
}

function renderPanel(panel) {
  if (panel?.figures.length) {
    return make("dl", { class: "slot", "data-slot": "partner", part: "panel" },
      ...panel.figures.map((figure) => make("div", {}, make("dt", {}, figure.label), make("dd", {}, renderSpark(figure.trend), make("b", {}, figure.text)))));
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

function isOnDark(element) {
  for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) {
    const [red, green, blue, alpha] = readColour(getComputedStyle(each).backgroundColor);
    if (alpha > 127) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return false;
}

// However a colour is written, it can be painted.
function readColour(colour) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const brush = canvas.getContext("2d");
  brush.fillStyle = colour;
  brush.fillRect(0, 0, 1, 1);
  return brush.getImageData(0, 0, 1, 1).data;
}

function findSafe(href) {
  const url = href && URL.canParse(href) ? new URL(href) : null;
  return url && /^https?:$/.test(url.protocol) ? url.href : null;
}

async function readMessage(answer) {
  const body = await answer.json().catch(() => null);
  return typeof body?.message === "string" ? body.message : "";
}

// What is here, and what comes.

// What is not confirmed is not named, so that it comes as what it is now.
function listDigests(board) {
  const isWhole = board.complete !== false;
  const digests = (parts) => (isWhole ? parts.map((part) => part.digest) : []);
  return { lanes: digests(board.pipelines), cards: digests(listAll(board)) };
}

// A run says which of what was here stands there, from the first to the last, and when the oldest of it was checked.
function putBack(answer, had) {
  const cards = had ? listAll(had) : [];
  const fillIn = (parts) => parts.flatMap((part) => (Array.isArray(part) ? takeRun(cards, part) : [part]));
  const lanes = answer.pipelines.flatMap((lane) => (Array.isArray(lane) ? had.pipelines.slice(lane[0], lane[1] + 1) : [lane]));
  const pipelines = lanes.map((lane) => ({
    ...lane,
    stages: Object.fromEntries(Object.entries(lane.stages).map(([stage, parts]) => [stage, fillIn(parts)])),
  }));
  return { ...answer, pipelines, uncoupled: fillIn(answer.uncoupled), unknown: fillIn(answer.unknown) };
}

function takeRun(cards, [first, last, checkedAt]) {
  return cards.slice(first, last + 1).map((card) => (card.checked_at < checkedAt ? { ...card, checked_at: checkedAt } : card));
}

// What was shown before stays, marked, where Heroku does not confirm all; what it does confirm is as it says now.
function keep(before, now) {
  const fresh = new Map(listAll(now).map((card) => [card.uuid, card]));
  const merge = (cards) => cards.map((card) => fresh.get(card.uuid) ?? { ...card, unconfirmed: true });
  const pipelines = before.pipelines.map((pipeline) => ({
    ...pipeline,
    stages: Object.fromEntries(Object.entries(pipeline.stages).map(([stage, cards]) => [stage, merge(cards)])),
  }));
  return { ...now, pipelines, uncoupled: merge(before.uncoupled), unknown: merge(before.unknown) };
}

function listAll(board) {
  return [...board.pipelines.flatMap(listCards), ...board.uncoupled, ...board.unknown];
}

// Columns are the same for all pipelines.
function listStages(board) {
  const found = new Set(board.pipelines.flatMap((pipeline) => pipeline.columns));
  return [...FLOW.filter((stage) => found.has(stage)), ...[...found].filter((stage) => !FLOW.includes(stage)).sort()];
}

// Words.

function spellStage(stage) {
  return stage.slice(0, 1).toUpperCase() + stage.slice(1);
}

function spellStates(cards) {
  const states = [...new Set(cards.map((card) => card.state))];
  if (states.length === 1) return cards.length === 1 ? states[0] : `all ${states[0]}`;
  states.sort((a, b) => Number(b === "provisioned") - Number(a === "provisioned"));
  return states.map((state) => `${cards.filter((card) => card.state === state).length.toLocaleString("en")} ${state}`).join(", ");
}

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
  const cards = listAll(board);
  if (board.complete === false) return "Heroku has not confirmed all that may be here";
  if (!cards.length) return "No resources yet";
  const where = board.pipelines.length ? ` in ${spellCount(board.pipelines.length, "pipeline")}` : "";
  return `${spellCount(cards.length, "resource")}${where}: ${spellStates(cards)}`;
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
