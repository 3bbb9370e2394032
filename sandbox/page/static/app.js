// The page's state, its one WebSocket, and the drawing of everything when something has changed.

import { backstage } from "./backstage.js";
import { $, h } from "./dom.js";
import { slack } from "./slack.js";
import { tour } from "./tour.js";

const BOT_STATES = {
  starting: "The bot is starting …", running: "The bot is running", stopping: "The bot is finishing what is in flight …",
  stopped: "The bot is stopped", killed: "The bot was killed", failed: "The bot has ended",
};

const store = {
  hello: null, as: null, place: null, thread: null, tab: "tour",
  channels: [], messages: new Map(), notes: [], home: null, under_way: [],
  jobs: [], troubles: [], bot: { state: "starting" }, rows: new Map(), events: new Map(), ledger: {},
  visited: new Set(), opened: new Set(),
};

let socket = null;
let asked = 0;
const answers = new Map();

/** Sends a request to the sandbox; the promise has its `result` or its `error`. */
function send(what, more = {}) {
  if (socket?.readyState !== WebSocket.OPEN) return Promise.resolve({ error: "The sandbox cannot be reached." });
  const id = (asked += 1);
  socket.send(JSON.stringify({ do: what, id, ...more }));
  return new Promise((resolve) => answers.set(id, resolve));
}

// Nothing is redrawn while a pointer is pressed: a replaced element would lose the click or the selection.
let pressed = false;
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => { pressed = false; setTimeout(redraw); }, true);
}

let drawing = false;
function redraw() {
  if (drawing || !store.hello) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (pressed) return;
    if (!store.channels.length) return;
    if (store.place !== "home" && !store.channels.some((each) => each.id === store.place)) store.place = store.channels[0].id;
    drawBar();
    desk.draw();
    stage.draw();
    guide.draw();
    tick();
  });
}

const desk = slack(store, send, redraw);
const stage = backstage(store, send, redraw, desk);
const guide = tour(store, send, desk, stage);

function drawBar() {
  const people = store.hello.people;
  if ($("as").options.length !== people.length) {
    $("as").replaceChildren(...people.map((each) => h("option", { value: each.id }, `${each.name}, ${each.role}`)));
  }
  $("as").value = store.as;
  const { state, log } = store.bot;
  const text = BOT_STATES[state] + (log?.length ? `. Its last words: ${log.at(-1)}` : "");
  if ($("bot").textContent !== text) $("bot").textContent = text;
  $("bot").className = `bot ${state}`;
}

function tick() {
  const now = Date.now() / 1000;
  for (const node of document.querySelectorAll("[data-since]")) {
    node.textContent = `${Math.max(0, Math.round(now - node.dataset.since))} s`;
  }
  for (const node of document.querySelectorAll("[data-until]")) {
    node.textContent = `for ${Math.max(0, Math.ceil(node.dataset.until - now))} s more`;
  }
}

function forget() {
  store.messages.clear();
  store.rows.clear();
  store.events.clear();
  store.notes = [];
  store.thread = null;
  store.home = null;
}

function heard(news) {
  if ("done" in news) {
    answers.get(news.done)?.(news);
    answers.delete(news.done);
    return;
  }
  if (news.run) {
    forget();
    store.hello = news;
    store.place ??= news.main_channel;
    // After a lost connection the window stays the same person, if that person still exists.
    const again = store.as && news.people.some((each) => each.id === store.as) && store.as;
    if (again) send("act_as", { user: again });
    return;
  }
  if (news.forget) forget();
  for (const each of news.messages ?? []) store.messages.set(each.ts, each);
  for (const each of news.rows ?? []) store.rows.set(each.id, each);
  for (const each of news.events ?? []) store.events.set(each.number, each);
  for (const ts of news.gone ?? []) store.messages.delete(ts);
  for (const name of ["as", "channels", "home", "bot", "jobs", "troubles", "under_way", "ledger"]) {
    if (name in news) store[name] = news[name];
  }
  redraw();
}

function connect(pause = 500) {
  socket = new WebSocket(`ws://${location.host}/window`);
  socket.addEventListener("open", () => { pause = 500; $("lost").hidden = true; });
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    for (const resolve of answers.values()) resolve({ error: "The sandbox cannot be reached." });
    answers.clear();
    $("lost").hidden = false;
    $("lost").textContent = "The sandbox has ended or cannot be reached. This page comes back when it does.";
    setTimeout(() => connect(Math.min(pause * 2, 5000)), pause);
  });
}

$("as").addEventListener("change", async (event) => {
  await send("act_as", { user: event.target.value });
  if (store.place === "home") send("open_home");
});
desk.wire();
stage.wire();
setInterval(tick, 1000);
connect();
