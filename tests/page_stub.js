// As much of a browser as the calculator uses: elements by id, texts, values and listeners. Timers run at once.

const elements = {};

class StubElement {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, children: [], listeners: {}, style: {}, value: "", checked: false });
    this.hidden = false;
  }

  setAttribute(key, value) {
    this.attributes[key] = String(value);
    if (key === "id") elements[value] = this;
    if (key === "hidden") this.hidden = true;
  }

  removeAttribute(key) {
    delete this.attributes[key];
  }

  append(...children) {
    this.children.push(...children);
  }

  replaceChildren(...children) {
    this.children = children;
  }

  addEventListener(event, act) {
    this.listeners[event] = act;
  }

  focus() {}

  reset() {}

  get textContent() {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join("");
  }

  set textContent(text) {
    this.children = [text];
  }
}

const document = {
  getElementById: (id) => elements[id] || null,
  createElement: (name) => new StubElement(name),
  createElementNS: (_, name) => new StubElement(name),
};
globalThis.clearTimeout = () => {};
globalThis.setTimeout = (act) => act();

// What a test does: type into a field, choose a radio button or press a button, and read.
function type(id, text) {
  elements[id].value = text;
  elements[id].listeners.input();
  return true;
}

function press(id) {
  elements[id].checked = true;
  (elements[id].listeners.change || elements[id].listeners.click)();
  return true;
}

function texts(id) {
  return elements[id].hidden ? [] : elements[id].children.map((child) => child.textContent);
}
