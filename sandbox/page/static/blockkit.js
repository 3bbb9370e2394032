// Block Kit and mrkdwn as Slack draws them, as far as apps like this one use them. Values in, DOM out.

import { h } from "./dom.js";

/** What rendering needs: names of ids, our own permalinks, and the function for a click on a button. */
export function renderer({ nameOf, isLink, follow, press, ask }) {
  function text(object) {
    if (object.type === "plain_text") return object.text.split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line]));
    return mrkdwn(object.text);
  }

  /** The blocks of one message or view; `owner` is the message or view that a pressed button belongs to. */
  function blocks(list, owner) {
    return list.map((block) => {
      const draw = BLOCKS[block.type];
      return draw ? draw(block, owner) : h("p", { class: "note" }, `(This page does not draw blocks of type ${block.type}.)`);
    });
  }

  const BLOCKS = {
    header: (block) => h("h3", { class: "b-header" }, block.text.text),
    divider: () => h("hr"),
    image: (block) => h("p", { class: "note" }, `[image: ${block.alt_text}]`),
    context: (block, owner) =>
      h("div", { class: "b-context" }, block.elements.map((each) => h("span", {}, element(each, block, owner)))),
    actions: (block, owner) => h("div", { class: "b-actions" }, block.elements.map((each) => element(each, block, owner))),
    section: (block, owner) =>
      h("div", { class: "b-section" },
        h("div", { class: "b-body" },
          block.text && h("div", {}, text(block.text)),
          block.fields && h("div", { class: "b-fields" }, block.fields.map((each) => h("div", {}, text(each))))),
        block.accessory && h("div", { class: "b-accessory" }, element(block.accessory, block, owner))),
  };

  function element(each, block, owner) {
    if (each.type === "mrkdwn" || each.type === "plain_text") return text(each);
    if (each.type === "button") return button(each, block, owner);
    return h("span", { class: "note" }, `(This page does not draw elements of type ${each.type}.)`);
  }

  function button(each, block, owner) {
    const node = h("button", {
      type: "button",
      class: `b-button ${each.style ?? ""}`,
      "aria-label": each.accessibility_label,
      // Not the block's id, which changes with each update.
      "data-focus": `${each.action_id}/${each.value}`,
      "data-action": each.action_id,
    }, each.text.text);
    node.addEventListener("click", async () => {
      if (node.ariaDisabled === "true") return;
      if (each.confirm && !(await ask(each.confirm))) return;
      // A disabled button loses the focus.
      node.ariaDisabled = "true";
      const error = await press(each, block, owner);
      node.ariaDisabled = null;
      node.parentElement?.querySelector(".b-error")?.remove();
      if (error) node.after(h("span", { class: "b-error", role: "alert" }, `⚠ ${error}`));
    });
    return node;
  }

  // ------------------------------------------------------------------------------------------------ mrkdwn

  const unescape = (raw) => raw.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

  function mrkdwn(raw) {
    const parts = raw.split(/```([\s\S]*?)```/);
    return parts.flatMap((part, i) => (i % 2 ? [pre(part)] : paragraphs(part)));
  }

  const pre = (raw) => {
    const body = unescape(raw.replace(/^\n/, ""));
    return h("pre", { tabIndex: 0 }, body);
  };

  function paragraphs(raw) {
    const out = [];
    let quote = null;
    for (const [i, line] of raw.split("\n").entries()) {
      if (line.startsWith(">")) {
        if (!quote) out.push((quote = h("blockquote")));
        else quote.append(h("br"));
        quote.append(...inline(line.replace(/^> ?/, "")));
        continue;
      }
      if (i && !quote) out.push(h("br"));
      quote = null;
      out.push(...inline(line));
    }
    return out;
  }

  const SPANS = [
    [/`([^`\n]+)`/, (m) => h("code", {}, unescape(m[1]))],
    [/<([^<>]+)>/, (m) => angle(m[1])],
    [/(?<![\w*])\*(?=\S)([^*\n]*[^\s*])\*(?![\w*])/, (m) => h("strong", {}, inline(m[1]))],
    [/(?<![\w_])_(?=\S)([^_\n]*[^\s_])_(?![\w_])/, (m) => h("em", {}, inline(m[1]))],
    [/(?<![\w~])~(?=\S)([^~\n]*[^\s~])~(?![\w~])/, (m) => h("s", {}, inline(m[1]))],
  ];

  /** The earliest span wins; inside code nothing else applies. */
  function inline(raw) {
    const out = [];
    while (raw) {
      let best = null;
      for (const [pattern, draw] of SPANS) {
        const match = pattern.exec(raw);
        if (match && (!best || match.index < best[0].index)) best = [match, draw];
      }
      if (!best) return [...out, unescape(raw)];
      const [match, draw] = best;
      if (match.index) out.push(unescape(raw.slice(0, match.index)));
      out.push(draw(match));
      raw = raw.slice(match.index + match[0].length);
    }
    return out;
  }

  function angle(inside) {
    const [target, label] = inside.split("|", 2);
    const shown = label === undefined ? undefined : unescape(label);
    if (target.startsWith("@")) return h("span", { class: "mention" }, `@${nameOf(target.slice(1))}`);
    if (target.startsWith("#")) return h("span", { class: "mention" }, `#${shown || nameOf(target.slice(1))}`);
    if (target.startsWith("!date^")) return date(target, shown);
    if (target.startsWith("!")) return h("span", { class: "mention loud" }, shown || `@${target.slice(1).split("^")[0]}`);
    const address = unescape(target);
    if (isLink(address)) {
      return h("button", { type: "button", class: "link", on: { click: () => follow(address) } }, shown || address);
    }
    if (!/^(https?:|mailto:)/.test(address)) return shown || address;
    return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, shown || address);
  }

  function date(target, fallback) {
    const [, seconds, form] = target.split("^");
    const at = new Date(Number(seconds) * 1000);
    if (Number.isNaN(at.getTime()) || !form) return fallback ?? "";
    return h("time", { dateTime: at.toISOString(), title: fallback ?? "" }, formatDate(at, form));
  }

  return { blocks, mrkdwn };
}

/** Slack's date tokens, in the reader's own zone. */
export function formatDate(at, form, now = new Date()) {
  const say = (options) => new Intl.DateTimeFormat("en-US", options).format(at);
  const day = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
  const days = Math.round((day(at) - day(now)) / 86_400_000);
  const near = { [-1]: "yesterday", 0: "today", 1: "tomorrow" }[days];
  const tokens = {
    date_num: () => `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`,
    date: () => say({ month: "long", day: "numeric", year: "numeric" }),
    date_short: () => say({ month: "short", day: "numeric", year: "numeric" }),
    date_long: () => say({ weekday: "long", month: "long", day: "numeric", year: "numeric" }),
    time: () => say({ hour: "numeric", minute: "2-digit" }),
    time_secs: () => say({ hour: "numeric", minute: "2-digit", second: "2-digit" }),
  };
  for (const name of ["date", "date_short", "date_long"]) tokens[`${name}_pretty`] = () => near ?? tokens[name]();
  return form.replace(/\{(\w+)\}/g, (whole, name) => (tokens[name] ? tokens[name]() : whole));
}
