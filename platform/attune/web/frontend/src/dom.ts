// Small makers of elements that builders of forms share.

export function element(name: string, className = "", text = ""): HTMLElement {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Words between fields, each an element of its own, so that the row's gap keeps them apart.
export function say(text: string): HTMLElement { return element("span", "", text); }

export function button(text: string, click: () => void, label = text): HTMLButtonElement {
  const made = element("button", "button button-quiet", text) as HTMLButtonElement;
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.onclick = click;
  return made;
}

export function select(options: [string, string][], chosen: string, change: (value: string) => void, label: string): HTMLSelectElement {
  const made = document.createElement("select");
  made.setAttribute("aria-label", label);
  for (const [value, text] of options) made.add(new Option(text, value, false, value === chosen));
  made.onchange = () => change(made.value);
  return made;
}

export function input(type: string, value: unknown, change: (value: string) => void, label: string): HTMLInputElement {
  const made = document.createElement("input");
  made.type = type;
  made.setAttribute("aria-label", label);
  made.value = String(value);
  if (type === "number") made.className = "short";
  made.oninput = () => change(made.value);
  return made;
}

// A text field that offers known values and takes any.
export function suggested(field: HTMLInputElement, values: string[]): HTMLElement {
  const list = document.createElement("datalist");
  list.id = `known-${Math.random().toString(36).slice(2)}`;
  for (const value of values) list.append(new Option(value));
  field.setAttribute("list", list.id);
  const box = element("span");
  box.append(field, list);
  return box;
}
