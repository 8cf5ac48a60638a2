// The segment builder: rows of conditions above the rule's JSON, which stays editable.
import htmx from "htmx.org";

interface Vocabulary {
  events: string[];
  profile: string[];
  texts: string[];
  tests: string[];
  segments: { id: string; name: string }[];
  traits: string[];
}
type Rule = Record<string, unknown>;

const KINDS: Record<string, string> = {
  did: "did", did_not: "did not do", profile: "profile", trait: "trait",
  consent: "consent", bucket: "random share", segment: "is in segment",
};
const NUMERIC = new Set(["above", "below"]);

export function startBuilder(): void {
  const place = document.getElementById("builder");
  const source = document.getElementById("vocabulary");
  const area = document.querySelector<HTMLTextAreaElement>("textarea[name=rule]");
  if (!place || !source || !area) return;
  const words = JSON.parse(source.textContent ?? "{}") as Vocabulary;
  let rule = parse(area.value) ?? { all: [{ did: words.events[0] ?? "Order Completed", within_days: 30 }] };
  if (!("all" in rule) && !("any" in rule)) rule = { all: [rule] };

  function parse(text: string): Rule | null {
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" ? value : null;
    } catch { return null; }
  }

  function save(): void {
    area!.value = JSON.stringify(rule, null, 1);
    htmx.trigger(area!, "rule-changed", {});
  }

  function draw(): void {
    place!.replaceChildren();
    const kind = "all" in rule ? "all" : "any";
    const list = rule[kind] as Rule[];
    const head = element("div", "builder-head");
    head.append(say("People who match"), select([["all", "all"], ["any", "any"]], kind, (value) => {
      rule = { [value]: list };
      save();
      draw();
    }, "Match"), say("of these:"));
    place!.append(head);
    list.forEach((node, index) => place!.append(row(list, node, index)));
    const add = element("button", "button button-quiet") as HTMLButtonElement;
    add.type = "button";
    add.textContent = "Add condition";
    add.onclick = () => { list.push({ profile: "orders", above: 0 }); save(); draw(); };
    place!.append(add);
  }

  function row(list: Rule[], node: Rule, index: number): HTMLElement {
    const box = element("div", "builder-row");
    const kind = Object.keys(KINDS).find((name) => name in node);
    if (!kind) {
      const nested = element("code", "builder-nested");
      nested.textContent = JSON.stringify(node);
      box.append(nested);
    } else {
      const set = (next: Rule): void => { list[index] = next; save(); };
      box.append(select(Object.entries(KINDS), kind, (value) => { set(fresh(value)); draw(); }, "Kind"));
      fields(box, kind, node, set);
    }
    const remove = element("button", "button button-quiet") as HTMLButtonElement;
    remove.type = "button";
    remove.textContent = "Remove";
    remove.disabled = list.length === 1;
    remove.onclick = () => { list.splice(index, 1); save(); draw(); };
    box.append(remove);
    return box;
  }

  function fresh(kind: string): Rule {
    switch (kind) {
      case "did": return { did: words.events[0] ?? "Order Completed", within_days: 30 };
      case "did_not": return { did_not: words.events[0] ?? "Order Completed", within_days: 30 };
      case "trait": return { trait: words.traits[0] ?? "plan", is: "" };
      case "consent": return { consent: "email", is: "given" };
      case "bucket": return { bucket: "holdout", from: 0, to: 10 };
      case "segment": return { segment: words.segments[0]?.id ?? "" };
      default: return { profile: "orders", above: 0 };
    }
  }

  function fields(box: HTMLElement, kind: string, node: Rule, set: (next: Rule) => void): void {
    const change = (patch: Rule): void => {
      Object.assign(node, patch);
      for (const name of Object.keys(node)) if (node[name] === undefined) delete node[name];
      set(node);
    };
    if (kind === "did" || kind === "did_not") {
      box.append(select(pairs(words.events, String(node[kind])), String(node[kind]), (v) => change({ [kind]: v }), "Event"));
      if (kind === "did") box.append(say("at least"), input("number", node.times ?? 1, (v) => change({ times: Number(v) > 1 ? Number(v) : undefined }), "Times"), say("times"));
      box.append(say("in the last"), input("number", node.within_days ?? "", (v) => change({ within_days: v ? Number(v) : undefined }), "Days"), say("days"));
    } else if (kind === "profile") {
      const field = String(node.profile);
      const test = ["above", "below", "is"].find((t) => t in node) ?? "is";
      const texts = words.texts.includes(field);
      const value = (v: string): unknown => (texts ? v : Number(v));
      box.append(
        select(pairs(words.profile, field), field, (v) => { set(words.texts.includes(v) ? { profile: v, is: "" } : { profile: v, above: 0 }); draw(); }, "Field"),
        select(pairs(texts ? ["is"] : ["above", "below", "is"], test), test, (v) => change({ [test]: undefined, [v]: node[test] }), "Test"),
        input(texts ? "text" : "number", node[test] ?? "", (v) => { const t = ["above", "below", "is"].find((n) => n in node) ?? "is"; change({ [t]: value(v) }); }, "Value"),
      );
    } else if (kind === "trait") {
      const test = words.tests.find((t) => t in node) ?? "is";
      box.append(
        suggested(input("text", node.trait ?? "", (v) => change({ trait: v }), "Trait"), words.traits),
        select(pairs(words.tests, test), test, (v) => { set({ trait: node.trait, [v]: v === "exists" ? true : v === "in" ? [""] : NUMERIC.has(v) ? 0 : "" }); draw(); }, "Test"),
      );
      if (test !== "exists") {
        const shown = Array.isArray(node[test]) ? (node[test] as string[]).join(", ") : node[test];
        box.append(input(NUMERIC.has(test) ? "number" : "text", shown ?? "", (v) => change({ [test]: test === "in" ? v.split(",").map((s) => s.trim()) : NUMERIC.has(test) ? Number(v) : v }), "Value"));
      }
    } else if (kind === "consent") {
      box.append(
        select(pairs(["email", "sms", "push"], String(node.consent)), String(node.consent), (v) => change({ consent: v }), "Channel"), say("is"),
        select(pairs(["given", "refused"], String(node.is)), String(node.is), (v) => change({ is: v }), "State"),
      );
    } else if (kind === "bucket") {
      box.append(
        input("text", node.bucket ?? "", (v) => change({ bucket: v }), "Name of the draw"), say("from"),
        input("number", node.from ?? 0, (v) => change({ from: Number(v) }), "From percent"), say("to"),
        input("number", node.to ?? 10, (v) => change({ to: Number(v) }), "To percent"), say("%"),
      );
    } else {
      box.append(select(words.segments.map((s) => [s.id, s.name]), String(node.segment), (v) => change({ segment: v }), "Segment"));
    }
  }

  area.addEventListener("input", () => {
    const typed = parse(area.value);
    if (typed) {
      rule = "all" in typed || "any" in typed ? typed : { all: [typed] };
      draw();
      htmx.trigger(area, "rule-changed", {});
    }
  });
  draw();
  save();
}

function element(name: string, className: string): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

// Words between fields, each an element of its own, so that the row's gap keeps them apart.
function say(text: string): HTMLElement {
  const made = element("span", "");
  made.textContent = text;
  return made;
}

function pairs(values: string[], chosen: string): [string, string][] {
  const all = values.includes(chosen) ? values : [chosen, ...values];
  return all.map((v) => [v, v.replaceAll("_", " ")]);
}

// A text field that offers known values and takes any.
function suggested(field: HTMLInputElement, values: string[]): HTMLElement {
  const list = document.createElement("datalist");
  list.id = `known-${Math.random().toString(36).slice(2)}`;
  for (const value of values) list.append(new Option(value));
  field.setAttribute("list", list.id);
  const box = element("span", "");
  box.append(field, list);
  return box;
}

function select(options: [string, string][], chosen: string, change: (value: string) => void, label: string): HTMLSelectElement {
  const made = document.createElement("select");
  made.setAttribute("aria-label", label);
  for (const [value, text] of options) made.add(new Option(text, value, false, value === chosen));
  made.onchange = () => change(made.value);
  return made;
}

function input(type: string, value: unknown, change: (value: string) => void, label: string): HTMLInputElement {
  const made = document.createElement("input");
  made.type = type;
  made.setAttribute("aria-label", label);
  made.value = String(value);
  if (type === "number") made.className = "short";
  made.oninput = () => change(made.value);
  return made;
}
