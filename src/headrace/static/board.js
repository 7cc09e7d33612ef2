// Keeps an open board current, filters its cards as one types, and goes from card to card by arrow keys. The page is whole
// without it.
"use strict";

const LOOK_EVERY = 3000;
// After a look that waited in vain.
const SHORT_PAUSE = 1000;
// How long a look waits at the service for news, in seconds, and when no answer comes any more.
const WAIT = 20;
const GIVE_UP = 35;
// Why a look that waits is ended, where that is no failure.
const SPARED = "spared";
const SLOWEST = 60000;
const NEWS_FOR = 12000;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

const filter = document.getElementById("filter");
const text = filter.querySelector("input");
const live = document.getElementById("live");
const loadedAt = performance.now();
const builtAt = Date.parse(groups().dataset.built);

let timer = 0;
let misses = 0;
let answeredAt = loadedAt;
let news = live.textContent;
let newsUntil = performance.now() + NEWS_FOR;
// Which folds were open before something was looked for.
let folds = null;
let isLooking = false;
// Ends a look that waits, while there is one.
let waiting = null;
// The folds that were open when their cards' figures were last asked for.
let asked = new Set(listOpen());

function groups() {
  return document.getElementById("groups");
}

function cards() {
  return list(".card");
}

// Looking for what is new.

async function look() {
  clearTimeout(timer);
  if (document.hidden || isLooking) return;
  isLooking = true;
  const beganAt = performance.now();
  let isSpared = false;
  try {
    if (isUnfolded() || (await hasChanged())) await take();
    misses = 0;
    answeredAt = performance.now();
  } catch (why) {
    isSpared = why === SPARED;
    if (!isSpared) misses += 1;
  }
  isLooking = false;
  refresh();
  const isWanted = isSpared || (isUnfolded() && !misses);
  timer = setTimeout(look, isWanted ? 0 : findPause(performance.now() - beganAt));
}

// There is something to do at once: a look that waits is over.
function lookNow() {
  waiting?.abort(SPARED);
  look();
}

// Boards that were opened together do not ask together, nor do those whose looks a service that stops has ended.
function findPause(took) {
  const isInVain = !misses && took >= WAIT * 1000;
  const pace = isInVain ? SHORT_PAUSE : Math.min(LOOK_EVERY * 2 ** misses, SLOWEST);
  return pace * (0.75 + Math.random() / 2);
}

async function hasChanged() {
  const headers = { "If-None-Match": `"${groups().dataset.version}"`, Prefer: `return=minimal, wait=${WAIT}` };
  waiting = new AbortController();
  const givingUp = setTimeout(() => waiting.abort(), GIVE_UP * 1000);
  try {
    return (await send({ headers, signal: waiting.signal })).status !== 304;
  } finally {
    clearTimeout(givingUp);
    waiting = null;
  }
}

// What is here already is not sent again: each lane and each card has a digest of what it shows.
async function take() {
  const had = { lanes: list(".lane[data-digest]"), cards: list(".card[data-digest]") };
  const known = "incomplete" in groups().dataset ? { lanes: [], cards: [] } : had;
  const digests = (parts) => parts.map((part) => part.dataset.digest);
  asked = new Set(listOpen());
  const body = JSON.stringify({ lanes: digests(known.lanes), cards: digests(known.cards), open: [...asked] });
  const answer = await send({ method: "POST", headers: { "Content-Type": "application/json" }, body });
  show(new DOMParser().parseFromString(await answer.text(), "text/html"), had);
}

async function send(options) {
  const answer = await fetch(location.pathname + location.search, options);
  if (answer.status === 401 || answer.status === 403) location.reload();
  if (answer.status !== 304 && !answer.ok) throw new Error(`status ${answer.status}`);
  return answer;
}

function list(selector) {
  return [...groups().querySelectorAll(selector)];
}

// The partner's figures are asked for where they are in sight.
function isUnfolded() {
  return "panels" in groups().dataset && listOpen().some((id) => !asked.has(id));
}

function show(page, had) {
  const before = findStages();
  const open = listFolds();
  const focused = findFocus();
  putBack(page, had);
  for (const id of ["totals", "here", "chips", "check", "silence"]) renew(id, page);
  const fresh = page.getElementById("groups");
  if ("incomplete" in fresh.dataset) keep(fresh);
  else renew("groups", page);
  setFolds(open);
  prepare();
  focused()?.focus({ preventScroll: true });
  tell(before);
}

// A place says which of what was here stands there, from the first to the last.
function putBack(page, had) {
  for (const kind of ["lanes", "cards"]) {
    for (const place of page.querySelectorAll(`i[data-${kind}]`)) {
      const [first, last] = place.dataset[kind].split("-").map(Number);
      place.replaceWith(...had[kind].slice(first, last + 1));
    }
  }
}

function renew(id, page) {
  const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
  if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
}

// Where Heroku does not confirm all, what was shown stays, as what is not confirmed; what is known of the rest is new.
function keep(fresh) {
  for (const card of cards()) {
    const newer = fresh.ownerDocument.getElementById(card.id);
    if (newer) card.replaceWith(newer);
    else mark(card);
  }
  // Of what is not all there nothing is counted, and nothing denied.
  for (const each of groups().querySelectorAll(".counted")) each.remove();
  for (const each of groups().querySelectorAll(".dry")) each.classList.replace("dry", "hid");
  groups().dataset.version = fresh.dataset.version;
  groups().dataset.incomplete = "";
}

function mark(card) {
  if ("unconfirmed" in card.dataset) return;
  card.dataset.unconfirmed = "";
  card.insertAdjacentHTML("beforeend", '<p class="meta"><span class="fresh" data-stale>not confirmed</span></p>');
}

// Whoever folds or unfolds something finds it so in the next board.
function listFolds() {
  return new Map(list("details").map((details) => [details.id, details.open]));
}

function listOpen() {
  return list("details[open]").map((details) => details.id);
}

function setFolds(open) {
  for (const [id, isOpen] of open) document.getElementById(id)?.toggleAttribute("open", isOpen);
}

// An element that is replaced loses the focus; the one in its place is found by its id, or by what it is inside of one.
function findFocus() {
  const active = document.activeElement;
  const holder = active.closest("[id]");
  if (!holder || !holder.closest("#groups, #chips, #check, #here")) return () => null;
  const { id } = holder;
  const inside = active === holder ? null : active.localName;
  return () => {
    const found = document.getElementById(id);
    return found && inside ? found.querySelector(inside) : found;
  };
}

function findStages() {
  return new Map(cards().map((card) => [card.id, card.closest(".stage")?.dataset.stage ?? "no pipeline"]));
}

function tell(before) {
  const now = findStages();
  const moved = cards().filter((card) => before.has(card.id) && before.get(card.id) !== now.get(card.id));
  if (moved.length) newsUntil = performance.now() + NEWS_FOR;
  if (moved.length) news = moved.map((card) => `${card.querySelector("header bdi").textContent} is now in ${now.get(card.id)}`).join(", ");
}

// What has to be done to a page that has just come, and what changes on it as time goes by.

function prepare() {
  for (const card of cards()) card.tabIndex = -1;
  const first = cards()[0];
  if (first) first.tabIndex = 0;
  sift();
}

function refresh() {
  const now = builtAt + performance.now() - loadedAt;
  for (const time of document.querySelectorAll("time[data-age]")) {
    time.textContent = spellAge(now - Date.parse(time.dateTime)) + time.dataset.age;
  }
  say();
}

// A screen reader reads this line whenever it changes.
function say() {
  const isLate = misses > 1;
  const isPartial = "incomplete" in groups().dataset;
  const [shown, all] = [cards().filter((card) => !card.hidden).length, cards().length];
  const count = shown < all && !isPartial ? `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} shown, ` : "";
  const late = `not current, no answer for ${spellAge(performance.now() - answeredAt)}`;
  const isNew = performance.now() < newsUntil;
  const words = isLate ? late : (isNew && news) || (isPartial ? "not complete" : "up to date");
  live.toggleAttribute("data-stale", isLate || isPartial);
  if (live.textContent !== count + words) live.textContent = count + words;
}

function spellAge(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, "s"];
  return `${Math.floor(seconds / size).toLocaleString("en")} ${unit}`;
}

// The filter.

function sift() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length && !folds) folds = listFolds();
  for (const lane of groups().querySelectorAll(".lane")) {
    const title = lane.querySelector("h2 bdi").textContent;
    const inside = [...lane.querySelectorAll(".card")];
    for (const card of inside) card.hidden = !isFound(card, title, words);
    lane.hidden = inside.every((card) => card.hidden);
    for (const details of [lane, ...lane.querySelectorAll("details")]) {
      details.hidden = [...details.querySelectorAll(".card")].every((card) => card.hidden);
      if (words.length && !details.hidden) details.open = true;
    }
  }
  if (!words.length && folds) setFolds(folds);
  if (!words.length) folds = null;
  sayNothing(words);
  say();
}

function isFound(card, title, words) {
  if (!words.length) return true;
  const stage = card.closest(".stage")?.dataset.stage ?? "";
  const found = `${card.textContent} ${stage} ${title}`.toLowerCase();
  return words.every((word) => found.includes(word));
}

function sayNothing(words) {
  const nothing = document.getElementById("nothing");
  if (!words.length && !location.search.includes("=")) nothing.hidden = true;
  else nothing.hidden = cards().some((card) => !card.hidden);
  if (words.length) document.getElementById("asked").textContent = `“${text.value.trim()}”`;
}

text.addEventListener("input", sift);

// The keys.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping && !filter.hidden) {
    event.preventDefault();
    text.focus();
  } else if (event.key === "Escape" && event.target === text) {
    text.value = "";
    sift();
  } else if (event.key.startsWith("Arrow")) {
    const card = event.target.closest(".card");
    const next = card && findNext(card, event.key.slice("Arrow".length));
    if (next) go(event, card, next);
  }
});

function go(event, from, to) {
  event.preventDefault();
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

// The nearest card on that side; a step aside counts more than a step ahead.
function findNext(from, direction) {
  const away = (card) => {
    const [a, b] = [from.getBoundingClientRect(), card.getBoundingClientRect()];
    const [right, down] = [b.left - a.left, b.top - a.top];
    const [ahead, aside] = { Right: [right, down], Left: [-right, down], Down: [down, right], Up: [-down, right] }[direction];
    return ahead > 1 ? ahead + 3 * Math.abs(aside) : Infinity;
  };
  const reachable = cards().filter((card) => card !== from && card.checkVisibility());
  return reachable.map((card) => [away(card), card]).filter(([length]) => length < Infinity).sort((a, b) => a[0] - b[0])[0]?.[1];
}

// What a check found is said once: whoever comes back to this address is not told again.
const address = new URL(location.href);
if (address.searchParams.has("found")) {
  address.searchParams.delete("found");
  history.replaceState(null, "", address);
}

document.addEventListener("visibilitychange", lookNow);
for (const event of ["online", "offline"]) addEventListener(event, lookNow);
// It does not bubble.
document.addEventListener("toggle", () => isUnfolded() && lookNow(), true);
prepare();
refresh();
// Ages grow while a look waits, too.
setInterval(refresh, LOOK_EVERY);
timer = setTimeout(look, LOOK_EVERY);
