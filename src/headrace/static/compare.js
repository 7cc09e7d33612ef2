// Scrubs through a pipeline's past: the slider moves the date as one drags, and shows the day when one lets go. The page
// is whole without it.
"use strict";

const slide = document.getElementById("slide");
const form = document.getElementById("scrub");

if (slide) {
  const range = slide.querySelector("input");
  const day = form.querySelector("input[type=date]");
  const spell = () => new Date(Date.parse(range.dataset.first) + range.valueAsNumber * 86400000).toISOString().slice(0, 10);

  slide.hidden = false;
  range.setAttribute("aria-valuetext", day.value);
  range.addEventListener("input", () => {
    day.value = spell();
    range.setAttribute("aria-valuetext", day.value);
    // What is shown is how things stood at the day's end.
    const first = Date.parse(range.dataset.first);
    const x = Math.min(100, (100 * (range.valueAsNumber + 1) * 86400000) / (Date.parse(range.dataset.until) - first));
    for (const line of document.querySelectorAll(".cursor")) {
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
  });
  range.addEventListener("change", () => form.requestSubmit());
}
