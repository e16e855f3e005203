// The portal works without this file. With it, buttons copy what they stand beside, and times count down.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected: press Ctrl C";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// "4 minutes 12 seconds", as the server words it.
function span(seconds) {
  const words = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return minutes > 0 ? `${words(hours, "hour")} ${words(minutes, "minute")}` : words(hours, "hour");
  if (minutes > 0) return seconds % 60 > 0 ? `${words(minutes, "minute")} ${words(seconds % 60, "second")}` : words(minutes, "minute");
  return words(seconds, "second");
}

// Seconds are counted from when the page came: the reader's clock may be wrong, its pace is not.
const arrived = performance.now();
const countdowns = [...document.querySelectorAll("[data-seconds-left]")];
function countDown() {
  const passed = Math.floor((performance.now() - arrived) / 1000);
  for (const element of countdowns) {
    const left = Number(element.dataset.secondsLeft) - passed;
    element.textContent = left > 0 ? `Expires in ${span(left)}` : "Expired";
    element.classList.toggle("over", left <= 0);
  }
}
if (countdowns.length > 0) setInterval(countDown, 1000);

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) continue;
  const local = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  // Words such as "2 minutes ago" stay; the exact time stands behind them.
  if ("words" in time.dataset) { time.title = local; continue; }
  time.title = time.textContent;
  time.textContent = local;
}
