// Builds elements and brings what is shown up to date in place, so that focus, selection and scrolling stay.
// Text only ever becomes text: nothing here takes HTML.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "circle", "line", "polyline", "polygon"]);

/** An element. `on` holds listeners by event, `key` names it among its siblings; false and null leave an attribute out. */
export function h(tag, attributes, ...children) {
  const element = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  element.listeners = {};
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") listen(element, value);
    else if (name === "key") element.setAttribute("data-key", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...nodes(children));
  return element;
}

/** What `children` comes to as nodes: arrays are flattened, null and false left out. */
function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function listen(element, listeners) {
  for (const name of Object.keys(element.listeners)) element[`on${name}`] = null;
  for (const [name, listener] of Object.entries(listeners)) element[`on${name}`] = listener;
  element.listeners = listeners;
}

/** Makes the children of `parent` look like these, with as little change as can be. */
export function show(parent, ...children) {
  const active = document.activeElement;
  patchChildren(parent, nodes(children).map((child) => (child instanceof Node ? child : new Text(child))));
  if (active !== document.activeElement && active?.isConnected) active.focus({ preventScroll: true });
}

function patchChildren(parent, fresh) {
  const keyed = new Map([...parent.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = parent.firstChild;
  for (const node of fresh) {
    const key = keyOf(node);
    const known = key ? keyed.get(key) : at && !keyOf(at) ? at : null;
    if (!known || known.nodeName !== node.nodeName) {
      parent.insertBefore(node, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else parent.insertBefore(known, at);
    patch(known, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.getAttribute?.("data-key") ?? null;
}

function patch(known, fresh) {
  if (known.nodeType === Node.TEXT_NODE) {
    if (known.nodeValue !== fresh.nodeValue) known.nodeValue = fresh.nodeValue;
    return;
  }
  for (const name of known.getAttributeNames()) {
    // Whether details are open is up to whoever opened them.
    if (!fresh.hasAttribute(name) && name !== "open") known.removeAttribute(name);
  }
  for (const name of fresh.getAttributeNames()) {
    if (known.getAttribute(name) !== fresh.getAttribute(name)) known.setAttribute(name, fresh.getAttribute(name));
  }
  const chosen = fresh.value;
  listen(known, fresh.listeners ?? {});
  patchChildren(known, [...fresh.childNodes]);
  // What somebody is typing is theirs.
  if (["INPUT", "SELECT"].includes(known.nodeName) && known !== document.activeElement) known.value = chosen;
}

/** Has a screen reader say something. */
export function say(words) {
  document.getElementById("said").textContent = words;
}
