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

// What is at a path of the status, of which `*` is every one; the server writes the same (page/services.rs).
function found(value, path) {
  if (path.length === 0 || value === null || value === undefined) return [value];
  const [first, ...rest] = path;
  return first === "*" ? Object.values(value).flatMap((one) => found(one, rest)) : found(value[first], rest);
}

function written(as, values) {
  if (as === "text") return values.filter((value) => typeof value === "string").join(", ");
  const sum = values.reduce((sum, value) => sum + (typeof value === "number" ? value : 0), 0);
  if (as === "size") return size(sum);
  if (as === "ms") return sum === 0 ? "0 s" : duration(sum * 1000);
  return String(sum).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return (unit === 0 ? bytes : bytes.toFixed(1)) + " " + units[unit];
}

function duration(us) {
  if (us >= 7.2e9) return (us / 3.6e9).toFixed(1) + " h";
  if (us >= 6e8) return (us / 6e7).toFixed(1) + " min";
  if (us >= 1e6) return (us / 1e6).toFixed(2) + " s";
  return Math.floor(us / 1000) + " ms";
}

// The account and the lag, as the services say them now.
async function renewStatus(live) {
  try {
    const answer = await fetch("/api/status", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const status = await answer.json();
    document.querySelectorAll("[data-live]").forEach((cell) => {
      cell.textContent = written(cell.dataset.as, found(status, cell.dataset.live.split("/")));
    });
    const services = status.services || [];
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
    // What was posted would be posted again.
    const isAnswer = document.querySelector("[data-posted]");
    if (box.checked && !document.hidden && !writes && !isAnswer) location.reload();
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
  const time = (bar) => {
    const moment = new Date((Number(chart.dataset.from) + bar * Number(chart.dataset.step)) / 1000);
    return moment.toISOString().slice(0, 23).replace(/(:00)?\.000$/, "");
  };
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

// The line of an event as it stands in the log; the page lays it out, and only its beginning where it is long.
async function wholeLine() {
  const answer = await fetch("/api" + location.pathname + location.search, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

// Where the page did not come by TLS or from loopback, browsers have no clipboard but the old way.
async function copied(button) {
  const element = document.getElementById(button.dataset.copy);
  let text = element.textContent;
  try {
    if ("whole" in button.dataset) text = await wholeLine();
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if ("whole" in button.dataset && text === element.textContent) return false;
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".tools").hidden = false;
  // Rows that are moved to do not come to lie below the header.
  const header = document.querySelector("body > header");
  const below = () => { root.style.scrollPaddingTop = header.offsetHeight + 8 + "px"; };
  addEventListener("resize", below);
  below();
  document.getElementById("theme").addEventListener("click", toggleTheme);
  document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
  renewing(document.getElementById("renew"));
  document.addEventListener("keydown", pressed);
  document.querySelectorAll("svg.chart").forEach(choosing);
  document.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await copied(button) ? "copied" : "select it and copy";
    });
  });
  const live = document.getElementById("live");
  if (document.querySelector(".login")) return;
  renewStatus(live);
  setInterval(() => { if (!document.hidden) renewStatus(live); }, 5000);
});
