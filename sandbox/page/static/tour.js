// Six short steps, each of which notices when it is done.

import { $, h, keyed } from "./dom.js";

export function tour(store, send, desk, stage) {
  let at = 0;
  const done = new Set();
  const cards = () => [...store.messages.values()].filter((each) =>
    each.channel === store.hello.main_channel && !each.thread && !each.private && each.author === store.hello.bot_user);
  const someJob = () => store.jobs.find((job) => job.deletable && !job.gone);
  const typed = (reason = "") => {
    const job = someJob();
    if (job) desk.type(`${store.hello.command} ${job.id}${reason && ` ${reason}`}`);
    else stage.open("jobs");
  };
  const become = async (name) => {
    const person = store.hello.people.find((each) => each.name === name);
    if (store.as !== person.id) await send("act_as", { user: person.id });
  };
  const deletes = () => [...store.rows.values()].filter((row) => row.what.startsWith("DELETE"));

  const STEPS = [
    {
      title: "Ask for a deletion",
      says: "You are Anna, who is on call and may delete jobs. A training job has failed and should go. Type the command with its id and a reason, and press Enter.",
      help: ["Type it for me", () => typed("the customer took back their consent")],
      done: () => cards().length > 0,
    },
    {
      title: "Look, then confirm",
      says: "The bot has checked who you are, what this channel is and what state the job is in, and posted a card. Nothing is deleted yet. Press Delete permanently; Slack asks once more.",
      done: () => deletes().length > 0,
    },
    {
      title: "Read the thread",
      says: "The outcome is in the card's thread, with Huawei's request ID for support. Some seconds later the bot looks and adds that the job is really gone.",
      help: ["Open the thread", () => { const last = cards().at(-1); if (last) desk.openThread(last.ts); }],
      done: () => Boolean(store.thread && store.messages.get(store.thread)?.replies),
    },
    {
      title: "Be somebody without rights",
      says: "Nobody may do anything by default. Act as Carla, ask for a deletion, and read why not. Only she sees the answer. Try the guest too, and Pia in the shared channel.",
      help: ["Be Carla and type it", async () => { await become("Carla"); typed(); }],
      done: () => ["Carla", "Gus", "Pia"].includes(desk.nameOf(store.as)) && [...store.messages.values()].some((each) => each.private),
    },
    {
      title: "Look behind it",
      says: "Traffic has every request of both sides: find the DELETE, and the same request ID as in the thread. Ledger has the bot's audit trail; have it verified.",
      help: ["Open Traffic", () => stage.open("traffic")],
      more: ["Open Ledger", () => stage.open("ledger")],
      done: () => store.visited.has("traffic") && store.visited.has("ledger"),
    },
    {
      title: "Now make trouble",
      says: "Let MetaStudio's answer get lost after the deletion worked. The bot says that it does not know, sends no second DELETE, and finds out by reading. Then try the other troubles: kill the bot in the middle.",
      help: ["Lose the next reply and type", async () => {
        await become("Anna");
        await send("trouble", { key: "lost-worked", on: true });
        typed("a lost reply");
      }],
      more: ["All the troubles", () => stage.open("trouble")],
      done: () => deletes().some((row) => row.answer.startsWith("no answer")) && store.under_way.length === 0,
    },
  ];

  function draw() {
    STEPS.forEach((step, i) => { if (i <= at && step.done()) done.add(i); });
    const form = `${at}/${done.has(at)}/${done.size}`;
    keyed($("panel-tour"), [["step", form, () => page(STEPS[at])]]);
  }

  function page(step) {
    const button = ([label, act], focus, primary) => h("button", {
      type: "button", class: primary ? "primary" : "", "data-focus": focus, on: { click: act } }, label);
    return h("div", { class: "tour" },
      h("ol", { class: "dots", "aria-label": "Steps" }, STEPS.map((each, i) => h("li", {
        class: done.has(i) ? "done" : "", "aria-current": i === at ? "step" : undefined },
        h("button", { type: "button", "aria-label": `Step ${i + 1}: ${each.title}${done.has(i) ? ", done" : ""}`,
          "data-focus": `dot${i}`, on: { click: () => { at = i; draw(); } } }, done.has(i) ? "✓" : String(i + 1))))),
      h("p", { class: "count" }, `Step ${at + 1} of ${STEPS.length}`),
      h("h3", {}, step.title),
      h("p", {}, step.says),
      h("p", { class: "buttons" },
        step.help && !done.has(at) && button(step.help, "help", true),
        step.more && button(step.more, "more", false)),
      done.has(at) && h("p", { class: "good", role: "status" },
        at === STEPS.length - 1 ? "✓ Resolved by reading, with one DELETE sent. That was the tour." : "✓ Done."),
      done.has(at) && at === STEPS.length - 1 && h("p", {}, "What next? ", h("code", {}, "docs/install.md"),
        " leads from a Slack workspace and a Huawei Cloud account to the first deletion."),
      h("p", { class: "buttons" },
        at > 0 && button(["Back", () => { at -= 1; draw(); }], "back", false),
        at < STEPS.length - 1 && button([done.has(at) ? "Next" : "Skip", () => { at += 1; draw(); }], "next", done.has(at))));
  }

  return { draw };
}
