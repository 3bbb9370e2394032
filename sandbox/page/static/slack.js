// The left half of the page: channels, messages, threads, the App Home, and the boxes to write in.

import { renderer } from "./blockkit.js";
import { $, announce, clock, h, keyed } from "./dom.js";

const HOME = "home";

export function slack(store, send, redraw) {
  const nameOf = (id) => store.hello.names[id] ?? id;
  const permalink = () => `https://${store.hello.team_domain}.slack.com/archives/`;
  const kit = renderer({ nameOf, isLink: (address) => address.startsWith(permalink()), follow, press, ask });

  // ------------------------------------------------------------------------------------------------ what one sees

  function draw() {
    drawPlaces();
    const atHome = store.place === HOME;
    const channel = store.channels.find((each) => each.id === store.place);
    $("channel-name").textContent = atHome ? "dh-job-bot, Home" : channel ? title(channel) : "";
    $("messages").hidden = atHome;
    $("home").hidden = !atHome;
    $("compose").hidden = atHome || channel?.kind === "im";
    if (channel) $("compose-label").textContent = `Message ${title(channel)}`;
    if (atHome) drawHome();
    else drawMessages($("messages"), inChannel(), "Nothing was written here yet.");
    drawThread();
    drawWaiting();
  }

  const title = (channel) => (channel.kind === "im" ? "dh-job-bot, Messages" : `#${channel.name}`);

  function drawPlaces() {
    const place = (id, label, note) => [id, `${store.place === id}${label}`, () =>
      h("li", {}, h("button", {
        type: "button", "aria-current": store.place === id ? "page" : undefined, "data-focus": id,
        on: { click: () => go(id) },
      }, label, note && h("small", {}, ` ${note}`)))];
    keyed($("channels"), store.channels.filter((each) => each.kind !== "im")
      .map((each) => place(each.id, `# ${each.name}`, each.shared && "shared with Lumen Films")));
    keyed($("app"), [place(HOME, "Home"),
      ...store.channels.filter((each) => each.kind === "im").map((each) => place(each.id, "Messages"))]);
    const person = store.hello.people.find((each) => each.id === store.as);
    $("explains").textContent = person ? `${person.name} ${person.explains}.` : "";
  }

  const sorted = (wanted) => [...store.messages.values(), ...store.notes].filter(wanted).sort((a, b) => a.at - b.at);
  const inChannel = () => sorted((each) => each.channel === store.place && !each.thread);

  const shownAt = new Map();
  /** Boxes in which the visitor has just written or pressed: they see what comes next, unless they scroll themselves. */
  const acted = new Set();

  function drawMessages(box, messages, nothing) {
    // A person who has not scrolled since the page did sees what is new.
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60 || Math.abs(box.scrollTop - shownAt.get(box)) < 2;
    const before = box.lastElementChild?.dataset.key;
    const had = new Set([...box.children].map((node) => node.dataset.key));
    const isNext = acted.has(box) && messages.some((each) => !had.has(each.ts));
    if (isNext) acted.delete(box);
    keyed(box, messages.length
      ? messages.map((each) => [each.ts, `${each.edited}/${each.replies}/${store.thread === each.ts}`, () => message(each)])
      : [["nothing", "", () => h("p", { class: "note" }, nothing)]]);
    if (!atEnd && !isNext && before !== "nothing") return;
    // The beginning of a message that is higher than the box, for example a card on a phone; else the end.
    const last = box.lastElementChild;
    const isHigher = last && last.offsetHeight > box.clientHeight;
    box.scrollTop = isHigher ? last.offsetTop - box.offsetTop : box.scrollHeight;
    shownAt.set(box, box.scrollTop);
  }

  function message(each) {
    const bot = each.author === store.hello.bot_user;
    const author = each.slackbot ? "Slackbot" : nameOf(each.author);
    const inThread = Boolean(each.thread);
    return h("article", { class: each.private ? "message private" : "message", "aria-label": `${author}, ${clock(each.at)}` },
      avatar(each.author, author, bot),
      h("div", { class: "said" },
        each.private && h("p", { class: "only-you" }, "Only visible to you"),
        h("p", { class: "who" }, h("strong", {}, author), bot && h("span", { class: "app" }, "APP"),
          h("time", { dateTime: new Date(each.at * 1000).toISOString() }, clock(each.at))),
        h("div", { class: "body" },
          each.blocks?.length ? kit.blocks(each.blocks, each) : h("div", {}, kit.mrkdwn(each.text)),
          each.edited ? h("span", { class: "edited" }, "(edited)") : null),
        !inThread && !each.private && !each.slackbot && h("button", {
          type: "button", class: each.replies ? "replies" : "replies none", "data-focus": `thread ${each.ts}`, "data-focus-else": "",
          "aria-expanded": store.thread === each.ts ? "true" : "false",
          on: { click: () => openThread(each.ts) },
        }, each.replies ? `${each.replies} ${each.replies === 1 ? "reply" : "replies"}` : "Reply in a thread")));
  }

  function avatar(id, name, bot) {
    if (bot) return h("img", { class: "avatar", src: "icon.svg", alt: "" });
    const hue = [...String(id)].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 6;
    return h("span", { class: `avatar hue${hue}`, "aria-hidden": "true" }, name[0]);
  }

  function drawThread() {
    const parent = store.thread && store.messages.get(store.thread);
    $("thread").hidden = !parent;
    document.body.classList.toggle("threaded", Boolean(parent));
    if (!parent) return;
    const replies = sorted((each) => each.thread === parent.ts);
    drawMessages($("replies"), [{ ...parent, thread: parent.ts }, ...replies], "");
  }

  function drawHome() {
    const view = store.home;
    keyed($("home"), [[view?.hash ?? "none", "", () => view
      ? h("div", { class: "home" }, kit.blocks(view.blocks, null))
      : h("p", { class: "note" }, "The bot has published nothing here yet.")]]);
  }

  function drawWaiting() {
    keyed($("waiting"), store.under_way.map((each) => [`${each.what.slice(0, 12)}${each.since}`, each.what, () =>
      h("li", {}, h("span", { class: "spin", "aria-hidden": "true" }),
        h("span", {}, each.what, ", ", h("span", { "data-since": each.since }), each.needs && h("small", {}, each.needs)))]));
  }

  // ------------------------------------------------------------------------------------------------ what one does

  function go(place) {
    acted.clear();
    store.place = place;
    store.thread = null;
    if (place === HOME) send("open_home");
    redraw();
  }

  function openThread(ts) {
    acted.delete($("replies"));
    store.thread = ts;
    redraw();
    requestAnimationFrame(() => {
      $("replies").scrollTop = $("replies").scrollHeight;
      $("replies").focus();
    });
  }

  /** Our own permalinks open the message on this page: its channel, and its thread. */
  function follow(address) {
    const [channel, p] = address.slice(permalink().length).split(/[/?]/);
    const ts = p?.replace(/^p(\d+)(\d{6})$/, "$1.$2");
    if (!store.channels.some((each) => each.id === channel)) return;
    acted.clear();
    store.place = channel;
    store.thread = store.messages.get(ts)?.thread ?? (store.messages.has(ts) ? ts : null);
    redraw();
  }

  /** Presses a button of a message, or of the Home tab without one; returns the error that Slack shows at the button. */
  async function press(button, block, owner) {
    acted.add($("messages"));
    if (owner?.thread) acted.add($("replies"));
    const answer = owner
      ? await send("click", { channel: owner.channel, ts: owner.ts, action: button.action_id, block: block.block_id })
      : await send("click_home", { action: button.action_id, value: button.value });
    return answer.error;
  }

  /** Slack's confirm dialog: the message has the wording, the person has the answer. */
  function ask({ title: heading, text, confirm, deny, style }) {
    $("confirm-title").textContent = heading.text;
    $("confirm-text").textContent = text.text;
    $("confirm-no").textContent = deny.text;
    $("confirm-yes").textContent = confirm.text;
    $("confirm-yes").className = style === "danger" ? "danger" : "primary";
    const dialog = $("confirm");
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  /** Slack's own note, which only the person who typed sees. */
  function note(channel, text) {
    const at = Date.now() / 1000;
    store.notes.push({ ts: `note${at}`, at, channel, slackbot: true, private: true, text: "", author: "Slackbot", edited: 0, replies: 0,
      blocks: [{ type: "section", text: { type: "plain_text", text } }] });
    announce(text);
    redraw();
  }

  async function write(text, thread) {
    acted.add($(thread ? "replies" : "messages"));
    const channel = store.place;
    const { command } = store.hello;
    const [word, ...rest] = text.split(" ");
    if (!word.startsWith("/")) return send("say", { channel, text, thread });
    if (thread) return note(channel, `${word} cannot be used in a thread. Slack does not let apps' commands run there.`);
    if (word !== command) return note(channel, `${word} is not a valid command here. The bot's command is ${command}.`);
    const answer = await send("command", { channel, text: rest.join(" ") });
    const failed = { dispatch_failed: "the app did not respond", operation_timeout: "the app did not answer in time" };
    if (answer.error) note(channel, failed[answer.error] ? `${command} failed because ${failed[answer.error]} (${answer.error}).` : answer.error);
  }

  function wire() {
    for (const box of [$("messages"), $("replies")]) {
      for (const scrolls of ["wheel", "touchmove", "keydown"]) box.addEventListener(scrolls, () => acted.delete(box), { passive: true });
      // Of the box itself only its scrollbar can be pressed.
      box.addEventListener("pointerdown", (event) => { if (event.target === box) acted.delete(box); });
    }
    $("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("text").value.trim();
      if (!text) return;
      $("text").value = "";
      hint();
      write(text);
    });
    $("reply").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("reply-text").value.trim();
      if (text) write(text, store.thread);
      $("reply-text").value = "";
    });
    $("text").addEventListener("input", hint);
    $("thread-close").addEventListener("click", () => {
      const was = store.thread;
      store.thread = null;
      redraw();
      requestAnimationFrame(() => document.querySelector(`[data-focus="thread ${was}"]`)?.focus());
    });
    $("thread").addEventListener("keydown", (event) => { if (event.key === "Escape") $("thread-close").click(); });
  }

  function hint() {
    $("hint").hidden = !$("text").value.startsWith("/");
    $("hint").querySelector("code").textContent = store.hello.command;
  }

  /** Puts the command into the box; the person presses Enter. */
  function type(text) {
    if (store.place !== store.hello.main_channel) go(store.hello.main_channel);
    redraw();
    requestAnimationFrame(() => {
      $("text").value = text;
      hint();
      $("text").focus();
    });
  }

  return { draw, wire, type, openThread, go, nameOf };
}
