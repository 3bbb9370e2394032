// Small helpers around the DOM. Text only ever becomes text: nothing here, or anywhere on the page, parses HTML.

export const $ = (id) => document.getElementById(id);

/** An element. Properties are set as properties, "class" and names with a dash as attributes, `on` as listeners. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "class" || name === "for" || name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Makes a container show these items, in this order. A node is replaced only when its item's form has changed, so
 * focus, scroll and open details stay. `items` are [key, form, make] triples. If the focused element is not made again,
 * the focus goes to the element with data-focus-else, or to the whole node: the keyboard goes on from there.
 */
export function keyed(container, items) {
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  let at = container.firstElementChild;
  for (const [key, form, make] of items) {
    let node = old.get(key);
    let had = null;
    old.delete(key);
    if (!node || node.dataset.form !== form) {
      const fresh = make();
      fresh.dataset.key = key;
      fresh.dataset.form = form;
      if (node) {
        if (node.contains(document.activeElement)) had = document.activeElement;
        if (at === node) at = node.nextElementSibling;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === at) at = node.nextElementSibling;
    else container.insertBefore(node, at);
    // Last, since inserting a node takes its focus away.
    if (had) passFocus(had, node);
  }
  for (const node of old.values()) node.remove();
}

function passFocus(had, fresh) {
  const same = had.dataset.focus && fresh.querySelector(`[data-focus="${had.dataset.focus}"]`);
  const next = same || fresh.querySelector("[data-focus-else]");
  if (!next) fresh.tabIndex = -1;
  (next ?? fresh).focus();
}

/** Announces a text to a screen reader. */
export function announce(text) {
  $("said").textContent = text;
}

export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
