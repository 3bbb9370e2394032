// The right half of the page: jobs, troubles, traffic and ledger.

import { $, announce, clock, h, keyed } from "./dom.js";

const TABS = [["tour", "Tour"], ["jobs", "Jobs"], ["trouble", "Trouble"], ["traffic", "Traffic"], ["ledger", "Ledger"]];

export function backstage(store, send, redraw, desk) {
  function draw() {
    drawTabs();
    drawJobs();
    drawTroubles();
    drawTraffic();
    drawLedger();
    $("waits").textContent = `after a lost reply, a job counts as still there after ${store.hello.settle_after} s of checks instead of 10 min.`;
  }

  // ---------------------------------------------------------------------------------------------------------- tabs

  function drawTabs() {
    const on = store.troubles.filter((each) => each.on).length;
    keyed($("tabs"), TABS.map(([key, label]) => {
      const count = key === "trouble" && on ? ` (${on})` : "";
      return [key, `${store.tab === key}${count}`, () => h("button", {
        type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `panel-${key}`, "data-focus": key,
        "aria-selected": String(store.tab === key), tabIndex: store.tab === key ? 0 : -1,
        on: { click: () => open(key), keydown: arrows },
      }, label + count)];
    }));
    for (const [key] of TABS) $(`panel-${key}`).hidden = store.tab !== key;
  }

  function open(key) {
    store.tab = key;
    store.visited.add(key);
    redraw();
  }

  function arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = TABS.findIndex(([key]) => key === store.tab);
    const key = TABS[(at + step + TABS.length) % TABS.length][0];
    open(key);
    requestAnimationFrame(() => $(`tab-${key}`).focus());
  }

  // ---------------------------------------------------------------------------------------------------------- jobs

  function drawJobs() {
    const left = store.jobs.filter((job) => !job.gone).length;
    const empty = [["empty", "", () => h("li", { class: "note" }, "All jobs are gone. Put new ones in below.")]];
    keyed($("jobs"), [...(left ? [] : empty), ...store.jobs.map((job) => [job.id, JSON.stringify(job), () => jobRow(job)])]);
  }

  function jobRow(job) {
    const command = `${store.hello.command} ${job.id}`;
    return h("li", { class: job.gone ? "job gone" : "job", "data-job": job.id },
      h("p", { class: "head" }, h("strong", {}, job.name),
        job.gone ? h("span", { class: "state" }, "gone")
          : h("span", { class: `state ${job.deletable ? "yes" : "no"}` }, job.state)),
      h("p", { class: "id" }, h("code", {}, job.id)),
      job.gone ? whatIsLeft(job.gone) : h("p", { class: "buttons" },
        h("button", { type: "button", "aria-label": `Copy id of ${job.name}`, "data-focus": `copy ${job.id}`,
          on: { click: (event) => copy(job.id, event.currentTarget) } }, "Copy id"),
        h("button", { type: "button", "aria-label": `Type the command for ${job.name}`, "data-focus": `type ${job.id}`,
          on: { click: () => desk.type(command) } }, "Type the command"),
        !job.deletable && h("small", {}, "may not be deleted in this state")));
  }

  const whatIsLeft = (gone) => h("div", { class: "left" },
    h("p", {}, `Gone since ${clock(gone.at)}, ${gone.how}. Show answers 404, List counts 0.`),
    h("p", {}, "Left: what the thread and the bot's ledger say about it, and the linked voice job ",
      h("code", {}, gone.voice_job.slice(0, 12)), "…, about which Huawei's documentation says nothing."));

  async function copy(text, button) {
    let word = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without permission for the clipboard the id can still be copied by hand.
      window.getSelection().selectAllChildren(button.closest("li").querySelector("code"));
      word = "Selected";
    }
    const before = button.textContent;
    button.textContent = word;
    announce(`${word} the job id`);
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  // ------------------------------------------------------------------------------------------------------- trouble

  function drawTroubles() {
    keyed($("troubles"), store.troubles.map((each) => [each.key, JSON.stringify(each), () =>
      h("li", { class: each.on ? "trouble on" : "trouble" },
        h("button", {
          type: "button", role: "switch", "aria-checked": String(each.on), "data-focus": each.key, "data-trouble": each.key,
          "aria-labelledby": `t-${each.key}`, "aria-describedby": `d-${each.key}`,
          on: { click: () => send("trouble", { key: each.key, on: !each.on }) },
        }, h("span", { class: "knob" })),
        h("div", {},
          h("p", { id: `t-${each.key}`, class: "head" }, h("strong", {}, each.title), state(each)),
          h("p", { id: `d-${each.key}` }, each.plays)))]));
    const on = store.troubles.filter((each) => each.on);
    $("armed").hidden = on.length === 0;
    $("armed").firstElementChild.textContent = `Trouble is on: ${on.map((each) => each.title).join(", ")}.`;
    for (const id of ["restart", "kill"]) $(id).disabled = store.bot.state !== "running" && store.bot.state !== "failed";
  }

  const state = (each) => each.until ? h("span", { class: "state playing", "data-until": each.until })
    : each.on && h("span", { class: "state armed" }, each.key === "slow" ? "on" : "waits for its moment");

  // ------------------------------------------------------------------------------------------------------- traffic

  function drawTraffic() {
    if (store.tab !== "traffic") return;
    const shown = new Set([...document.querySelectorAll("[data-side]:checked")].map((box) => box.dataset.side));
    const rows = [...store.rows.values()].filter((row) => shown.has(row.way.includes("MetaStudio") ? "MetaStudio" : "Slack"));
    keyed($("traffic"), rows.sort((a, b) => b.at - a.at).map((row) => [row.id, row.answer, () => wireRow(row)]));
  }

  function wireRow(row) {
    const open = store.opened.has(row.id);
    return h("li", { class: row.bad ? "bad" : "" },
      h("details", { open, on: { toggle: (event) => {
        if (event.currentTarget.open) store.opened.add(row.id); else store.opened.delete(row.id);
      } } },
      h("summary", { "data-focus": row.id },
        h("span", { class: "when" }, clock(row.at)), h("span", { class: "way" }, row.way),
        h("span", { class: "what" }, row.what), h("span", { class: "answer" }, row.answer),
        row.request_id && h("span", { class: "request-id" }, "request ID ", h("code", {}, row.request_id))),
      h("pre", { tabIndex: 0 }, row.raw)));
  }

  // -------------------------------------------------------------------------------------------------------- ledger

  function drawLedger() {
    $("no-ledger").hidden = !store.ledger.missing;
    $("no-ledger").textContent = store.ledger.missing ?? "";
    if (store.tab !== "ledger") return;
    const events = [...store.events.values()].sort((a, b) => b.number - a.number);
    keyed($("events"), events.map((event) => [String(event.number), "", () =>
      h("li", {}, h("details", {},
        h("summary", {}, h("span", { class: "when" }, `${event.number}`),
          h("span", { class: "when" }, clock(Date.parse(event.at) / 1000)), h("span", { class: "way" }, event.kind),
          h("span", { class: "what" }, facts(event)),
          event.request_id && h("span", { class: "request-id" }, "request ID ", h("code", {}, event.request_id))),
        h("pre", { tabIndex: 0 }, JSON.stringify(event, null, 2))))]));
  }

  const named = (value) => (typeof value === "string" ? desk.nameOf(value) : JSON.stringify(value));

  const facts = (event) => [
    event.job && `job ${event.job.slice(0, 8)}…`,
    event.actor && `by ${named(event.actor)}`,
    ...Object.entries(event.facts ?? {}).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${named(value)}`),
  ].filter(Boolean).join(", ");

  function wire() {
    $("more-jobs").addEventListener("click", () => send("more_jobs"));
    $("restart").addEventListener("click", () => send("restart", { kill: false }));
    $("kill").addEventListener("click", () => send("restart", { kill: true }));
    $("all-off").addEventListener("click", () => store.troubles.filter((each) => each.on)
      .forEach((each) => send("trouble", { key: each.key, on: false })));
    for (const box of document.querySelectorAll("[data-side]")) box.addEventListener("change", redraw);
    $("verify").addEventListener("click", async (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      $("verdict").className = "busy";
      $("verdict").textContent = "Verifying …";
      const { result, error } = await send("verify");
      $("verdict").className = result?.sound ? "good" : result?.sound === false ? "bad" : "note";
      $("verdict").textContent = error ?? result.says;
      button.disabled = false;
    });
  }

  return { draw, wire, open };
}
