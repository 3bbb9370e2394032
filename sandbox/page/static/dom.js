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
 * Makes a container show these items, in this order. A node is made anew only when its item's form has changed, so
 * focus, scroll and open details stay. `items` are [key, form, make] triples.
 */
export function keyed(container, items) {
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  let at = container.firstElementChild;
  for (const [key, form, make] of items) {
    let node = old.get(key);
    old.delete(key);
    if (!node || node.dataset.form !== form) {
      const fresh = make();
      fresh.dataset.key = key;
      fresh.dataset.form = form;
      if (node) {
        const focus = node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
        if (at === node) at = node.nextElementSibling;
        node.replaceWith(fresh);
        if (focus) fresh.querySelector(`[data-focus="${focus}"]`)?.focus();
      }
      node = fresh;
    }
    if (node === at) at = node.nextElementSibling;
    else container.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}

/** Says something to a screen reader. */
export function announce(text) {
  $("said").textContent = text;
}

export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
