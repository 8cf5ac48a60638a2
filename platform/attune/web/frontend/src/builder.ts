// The segment builder: groups of conditions above the rule's JSON, which stays editable. A group
// holds conditions and groups, as deep as the rules allow; the JSON is the truth, this draws it.
import htmx from "htmx.org";
import { Vocabulary, Rule, conditionFields, fresh, kindOf, kinds } from "./condition";
import { button, element, say, select } from "./dom";
import { t } from "./words";

const DEEPEST = 5;

export function startBuilder(): void {
  const place = document.getElementById("builder");
  const source = document.getElementById("vocabulary");
  const area = document.querySelector<HTMLTextAreaElement>("textarea[name=rule]");
  if (!place || !source || !area) return;
  const words = JSON.parse(source.textContent ?? "{}") as Vocabulary;
  let rule = whole(parse(area.value) ?? { all: [{ did: words.events[0] ?? "Order Completed", within_days: 30 }] });

  function save(): void {
    area!.value = JSON.stringify(rule, null, 1);
    htmx.trigger(area!, "rule-changed", {});
  }

  // Draw again after a change of shape, and put the focus back where the person was.
  function redraw(focus = ""): void {
    save();
    draw();
    if (focus) place!.querySelector<HTMLElement>(`[data-path="${focus}"]`)?.focus();
  }

  function draw(): void { place!.replaceChildren(group(rule, "r", 0, null)); }

  function group(node: Rule, path: string, depth: number, remove: (() => void) | null): HTMLElement {
    const box = element("fieldset", depth ? "builder-group" : "builder-group builder-root");
    const negated = "not" in node;
    const inner = negated ? whole(node.not as Rule) : node;
    if (negated) node.not = inner;
    const kind = "all" in inner ? "all" : "any";
    const list = inner[kind] as Rule[];
    const mode = negated ? (kind === "all" ? "not_all" : "none") : kind;
    const head = element("legend", "builder-head");
    const choose = select([["all", t("all")], ["any", t("at least one")], ["none", t("none")], ["not_all", t("not all")]], mode, (value) => {
      const next: Rule = { [value === "any" || value === "none" ? "any" : "all"]: list };
      replace(node, value === "none" || value === "not_all" ? { not: next } : next);
      redraw(path);
    }, t("Match"));
    choose.dataset.path = path;
    head.append(say(depth ? t("match") : t("People who match")), choose, say(t("of these:")));
    if (remove) head.append(button(t("Remove group"), remove));
    box.append(head);
    list.forEach((child, index) => {
      const drop = (): void => { list.splice(index, 1); redraw(path); };
      const here = `${path}.${index}`;
      box.append(isGroup(child) ? group(child, here, depth + 1, drop) : row(list, child, index, here, list.length > 1 || depth ? drop : null));
    });
    const foot = element("div", "builder-foot");
    foot.append(button(t("Add condition"), () => { list.push({ profile: "orders", above: 0 }); redraw(`${path}.${list.length - 1}`); }));
    if (depth < DEEPEST - 1) foot.append(button(t("Add group"), () => { list.push({ any: [{ profile: "orders", above: 0 }] }); redraw(`${path}.${list.length - 1}`); }));
    box.append(foot);
    return box;
  }

  function row(list: Rule[], node: Rule, index: number, path: string, remove: (() => void) | null): HTMLElement {
    const box = element("div", "builder-row");
    const kind = kindOf(node);
    if (!kind) box.append(element("code", "builder-nested", JSON.stringify(node)));
    else {
      const set = (next: Rule): void => { list[index] = next; save(); };
      const choose = select(kinds(), kind, (value) => { list[index] = fresh(value, words); redraw(path); }, t("Kind"));
      choose.dataset.path = path;
      box.append(choose);
      conditionFields(box, kind, node, words, set, () => redraw(path));
    }
    if (remove) box.append(button(t("Remove"), remove));
    return box;
  }

  area.addEventListener("input", () => {
    const typed = parse(area.value);
    if (!typed) return;
    rule = whole(typed);
    draw();
    htmx.trigger(area, "rule-changed", {});
  });
  draw();
  if (!parse(area.value)) save();  // what exists is written again only when it was changed
}

function isGroup(node: Rule): boolean { return "all" in node || "any" in node || "not" in node; }

// A group as it is; a single condition as a group of one.
function whole(node: Rule): Rule {
  if ("all" in node || "any" in node) return node;
  return "not" in node && isGroup(node.not as Rule) && !("not" in (node.not as Rule)) ? node : { all: [node] };
}

function replace(node: Rule, next: Rule): void {
  for (const name of Object.keys(node)) delete node[name];
  Object.assign(node, next);
}

function parse(text: string): Rule | null {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch { return null; }
}
