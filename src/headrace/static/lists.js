// Keeps an operators' lists current: every ten seconds what is marked as live is read anew. Not while somebody types,
// selects, presses or answers a dialog, and what is looked at stays where it is. The page is whole without it.
"use strict";

const EVERY = 10_000;
const asOf = document.getElementById("as-of");
const pause = document.getElementById("pause");
const find = (page) => [...page.querySelectorAll("[data-live]")];
let isPressed = false;

const isPaused = () => sessionStorage.getItem("paused") !== null;
const isBusy = () =>
  document.hidden ||
  isPaused() ||
  isPressed ||
  !getSelection().isCollapsed ||
  document.querySelector("dialog[open]") !== null ||
  document.activeElement.matches("input, select, textarea");

// What leads to the same place is the same, however often it is drawn.
const name = (element) => element?.getAttribute("href") ?? element?.form?.getAttribute("action");
const findAgain = (target, parts) =>
  target && parts.flatMap((part) => [...part.querySelectorAll("a[href], form button")]).find((each) => name(each) === target);

function findAnchor(parts) {
  const rows = parts.flatMap((part) => [...part.querySelectorAll("tbody tr")]);
  const isInView = (row) => scrollY > 0 && row.getBoundingClientRect().top >= 0;
  return rows.find((row) => row.contains(document.activeElement) || row.matches(":hover")) ?? rows.find(isInView);
}

function replace(parts, fresh) {
  const focused = parts.some((part) => part.contains(document.activeElement)) ? name(document.activeElement) : null;
  const anchor = findAnchor(parts);
  const [row, top] = [name(anchor?.querySelector("a.to")), anchor?.getBoundingClientRect().top];
  parts.forEach((part, index) => part.replaceChildren(...fresh[index].childNodes));
  findAgain(focused, parts)?.focus({ preventScroll: true });
  const again = findAgain(row, parts)?.closest("tr");
  if (again) {
    scrollBy({ top: again.getBoundingClientRect().top - top, behavior: "instant" });
  }
}

async function refresh() {
  if (isBusy()) {
    return;
  }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) {
    throw new Error(`The list was answered with ${answer.status}.`);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [parts, fresh] = [find(document), find(page)];
  if (!isBusy() && parts.length === fresh.length) {
    replace(parts, fresh);
    asOf.querySelector("time").replaceWith(page.querySelector("#as-of time"));
    tell("Refreshed", false);
  }
}

function tell(words, isStale) {
  asOf.querySelector("span").textContent = words;
  asOf.toggleAttribute("data-stale", isStale);
}

if (asOf && find(document).length) {
  const show = () => (pause.textContent = isPaused() ? "Refresh" : "Pause");
  pause.disabled = false;
  show();
  pause.addEventListener("click", () => {
    isPaused() ? sessionStorage.removeItem("paused") : sessionStorage.setItem("paused", "");
    show();
  });
  addEventListener("pointerdown", () => (isPressed = true));
  for (const end of ["pointerup", "pointercancel", "blur"]) {
    addEventListener(end, () => (isPressed = false));
  }
  setInterval(() => refresh().catch(() => tell("Not refreshed since", true)), EVERY);
}
