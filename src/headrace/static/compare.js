// Scrubs through a pipeline's past: the slider moves the date as one drags, and shows the day when one lets go, or presses
// no more arrows. The page is whole without it.
"use strict";

const DAY = 86400000;
const WEEK = { PageUp: 7, PageDown: -7 };
// Somebody who presses an arrow may press it again.
const REST = 600;
// No element's id: what such a name leads to would take the focus.
const AT_SLIDER = "#at-slider";

const slide = document.getElementById("slide");
const form = document.getElementById("scrub");

if (slide) {
  const range = slide.querySelector("input");
  const day = form.querySelector("input[type=date]");
  const first = Date.parse(range.dataset.first);
  let byKey = false;
  let timer = 0;

  const draw = () => {
    day.value = new Date(first + range.valueAsNumber * DAY).toISOString().slice(0, 10);
    range.setAttribute("aria-valuetext", day.value);
    // What is shown is how things stood at the day's end.
    const x = Math.min(100, (100 * (range.valueAsNumber + 1) * DAY) / (Date.parse(range.dataset.until) - first));
    for (const line of document.querySelectorAll(".cursor")) {
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
  };
  // The next page begins where this one was left: at the slider.
  const show = () => {
    clearTimeout(timer);
    form.action = AT_SLIDER;
    form.requestSubmit();
  };
  const rest = () => {
    clearTimeout(timer);
    timer = setTimeout(show, REST);
  };

  slide.hidden = false;
  range.setAttribute("aria-valuetext", day.value);
  if (location.hash === AT_SLIDER) range.focus();
  range.addEventListener("pointerdown", () => (byKey = false));
  range.addEventListener("input", draw);
  range.addEventListener("change", () => (byKey ? rest() : show()));
  range.addEventListener("keydown", (event) => {
    byKey = true;
    if (!(event.key in WEEK)) return;
    event.preventDefault();
    range.value = range.valueAsNumber + WEEK[event.key];
    draw();
    rest();
  });
}
