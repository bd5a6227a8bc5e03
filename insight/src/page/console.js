// What the pages do beyond links and forms. They work without it; it asks nobody but this server, and writes texts as
// texts only.
"use strict";

const root = document.documentElement;

function kept(store, key) {
  try { return store.getItem(key); } catch { return null; }
}

function keep(store, key, value) {
  try { store.setItem(key, value); } catch { /* private windows keep nothing */ }
}

const theme = kept(localStorage, "theme");
if (theme === "light" || theme === "dark") root.dataset.theme = theme;

function toggleTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keep(localStorage, "theme", root.dataset.theme);
}

// The account and the lag, as the services say them now.
async function renewStatus(live) {
  try {
    const answer = await fetch("/api/status", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const services = (await answer.json()).services || [];
    const problems = services.flatMap((service) => service.problems || []);
    live.textContent = problems.length === 0 ? "all well" : problems.length + (problems.length === 1 ? " problem" : " problems");
    live.title = problems.join("\n");
    live.className = problems.length === 0 ? "good" : "bad";
  } catch {
    live.textContent = "no answer";
    live.className = "bad";
  }
  live.hidden = false;
}

function renewing(box) {
  box.checked = kept(sessionStorage, "renew") === "1";
  box.addEventListener("change", () => keep(sessionStorage, "renew", box.checked ? "1" : "0"));
  setInterval(() => {
    const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "") && document.activeElement !== box;
    if (box.checked && !document.hidden && !writes) location.reload();
  }, 15000);
}

// Keys.
let row = -1;
let afterG = false;

function move(by) {
  const rows = [...document.querySelectorAll("table.rows tbody tr:not(.more)")];
  if (rows.length === 0) return;
  rows[row]?.classList.remove("here");
  row = Math.min(rows.length - 1, Math.max(0, row + by));
  rows[row].classList.add("here");
  rows[row].scrollIntoView({ block: "nearest" });
  rows[row].querySelector("a")?.focus({ preventScroll: true });
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (writes) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (afterG) {
    afterG = false;
    const link = [...document.querySelectorAll("nav a[data-key]")].find((link) => link.dataset.key === event.key);
    if (link) location.href = link.href;
    return;
  }
  const help = document.getElementById("help");
  if (event.key === "g") afterG = true;
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "?") help.open ? help.close() : help.showModal();
  else if (event.key === "/") {
    event.preventDefault();
    const field = document.querySelector("input[data-search]");
    if (field) field.focus(); else location.href = "/search";
  }
}

// A span of time is chosen by drawing over a chart.
function choosing(chart) {
  const bar = (event) => {
    const box = chart.getBoundingClientRect();
    const bars = Number(chart.dataset.bars);
    return Math.min(bars - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * bars)));
  };
  const time = (bar) => new Date((Number(chart.dataset.from) + bar * Number(chart.dataset.step)) / 1000).toISOString().slice(0, 16);
  let from = null;
  chart.addEventListener("pointerdown", (event) => { from = bar(event); event.preventDefault(); });
  addEventListener("pointerup", (event) => {
    if (from === null) return;
    const ends = [from, bar(event)].sort((one, other) => one - other);
    from = null;
    if (ends[0] === ends[1]) return;
    const query = new URLSearchParams(location.search);
    query.delete("range");
    query.set("from", time(ends[0]));
    query.set("to", time(ends[1] + 1));
    location.search = query.toString();
  });
}

// Where the page did not come by TLS or from loopback, browsers have no clipboard but the old way.
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".tools").hidden = false;
  document.getElementById("theme").addEventListener("click", toggleTheme);
  document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
  renewing(document.getElementById("renew"));
  document.addEventListener("keydown", pressed);
  document.querySelectorAll("svg.chart").forEach(choosing);
  document.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await copied(document.getElementById(button.dataset.copy)) ? "copied" : "select it and copy";
    });
  });
  const live = document.getElementById("live");
  renewStatus(live);
  setInterval(() => { if (!document.hidden) renewStatus(live); }, 5000);
});
