// Live updates, ages and one shortcut. Every page works without this script.
"use strict";

// The same steps as on the server.
function duration(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time.ago, time.age, time.due")) {
    const seconds = Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000);
    let text;
    if (time.classList.contains("age")) text = duration(Math.max(seconds, 0));
    else if (seconds >= 0) text = time.classList.contains("due") ? "now" : `${duration(seconds)} ago`;
    else text = `in ${duration(-seconds)}`;
    if (time.textContent !== text) time.textContent = text;
  }
}

// Replaces one element and keeps the focus on the same link.
function replace({ id, html }) {
  const old = document.getElementById(id);
  if (!old) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (!fresh) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  old.replaceWith(fresh);
  if (focused) {
    for (const link of fresh.querySelectorAll("a[href]")) {
      if (link.getAttribute("href") === focused) {
        link.focus({ preventScroll: true });
        break;
      }
    }
  }
}

function watch(flow) {
  const body = document.body;
  const events = new EventSource(flow.dataset.events);
  events.addEventListener("open", () => body.classList.remove("stale"));
  events.addEventListener("error", () => body.classList.add("stale"));
  events.addEventListener("flow", (event) => {
    body.classList.remove("stale");
    body.classList.add("live");
    JSON.parse(event.data).forEach(replace);
    refreshTimes();
  });
  // A page that is left must not keep its place among the watchers.
  window.addEventListener("pagehide", () => events.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("q")?.select();
});

refreshTimes();
setInterval(refreshTimes, 1000);
const flow = document.querySelector("[data-events]");
if (flow && window.EventSource) watch(flow);
