// The fields of one condition of a segment's rule.
import { input, say, select, suggested } from "./dom";
import { t } from "./words";

export interface Vocabulary {
  events: string[];
  profile: string[];
  texts: string[];
  tests: string[];
  segments: { id: string; name: string }[];
  traits: string[];
  scores: string[];
  labels: Record<string, string>;
}
export type Rule = Record<string, unknown>;
type Set = (next: Rule) => void;

const NUMERIC = new Set(["above", "below"]);
const COMPARED = ["above", "below", "is"];

export function kinds(): [string, string][] {
  return [
    ["did", t("did")], ["did_not", t("did not do")], ["profile", t("profile")], ["trait", t("trait")],
    ["consent", t("consent")], ["score", t("score")], ["bucket", t("random share")], ["segment", t("is in segment")],
  ];
}

export function kindOf(node: Rule): string | undefined {
  if ("profile" in node && "in" in node) return undefined;  // a list of values is typed as JSON
  return kinds().map(([name]) => name).find((name) => name in node);
}

// A new condition of a kind, with values that hold for somebody.
export function fresh(kind: string, words: Vocabulary): Rule {
  switch (kind) {
    case "did": return { did: words.events[0] ?? "Order Completed", within_days: 30 };
    case "did_not": return { did_not: words.events[0] ?? "Order Completed", within_days: 30 };
    case "trait": return { trait: words.traits[0] ?? "plan", is: "" };
    case "consent": return { consent: "email", is: "given" };
    case "score": return { score: words.scores[0] ?? "will-order", above: 0.5 };
    case "bucket": return { bucket: "holdout", from: 0, to: 10 };
    case "segment": return { segment: words.segments[0]?.id ?? "" };
    default: return { profile: "orders", above: 0 };
  }
}

export function conditionFields(box: HTMLElement, kind: string, node: Rule, words: Vocabulary, set: Set, redraw: () => void): void {
  const change = (patch: Rule): void => {
    Object.assign(node, patch);
    for (const name of Object.keys(node)) if (node[name] === undefined) delete node[name];
    set(node);
  };
  const named = (values: string[], chosen: string): [string, string][] =>
    (values.includes(chosen) ? values : [chosen, ...values]).map((v) => [v, words.labels[v] ?? v]);
  const fields: Record<string, () => void> = {
    did: deed, did_not: deed, profile: ofProfile, trait: ofTrait, consent, score, bucket, segment,
  };
  fields[kind]?.();

  function deed(): void {
    const event = String(node[kind]);
    box.append(select((words.events.includes(event) ? words.events : [event, ...words.events]).map((v) => [v, v]), event, (v) => change({ [kind]: v }), t("Event")));
    if (kind === "did") box.append(say(t("at least")), input("number", node.times ?? 1, (v) => change({ times: Number(v) > 1 ? Number(v) : undefined }), t("Times")), say(t("times")));
    if (kind === "did") box.append(say(t("worth over")), input("number", node.value_above ?? "", (v) => change({ value_above: v ? Number(v) : undefined }), t("Worth over")));
    box.append(say(t("in category")), input("text", node.category ?? "", (v) => change({ category: v || undefined }), t("Category")));
    box.append(say(t("in the last")), input("number", node.within_days ?? "", (v) => change({ within_days: v ? Number(v) : undefined }), t("Days")), say(t("days")));
  }

  function ofProfile(): void {
    const field = String(node.profile);
    const test = COMPARED.find((name) => name in node) ?? "is";
    const texts = words.texts.includes(field);
    box.append(
      select(named(words.profile, field), field, (v) => { set(words.texts.includes(v) ? { profile: v, is: "" } : { profile: v, above: 0 }); redraw(); }, t("Field")),
      select(named(texts ? ["is"] : COMPARED, test), test, (v) => { const now = COMPARED.find((n) => n in node) ?? "is"; const value = node[now]; delete node[now]; change({ [v]: value }); }, t("Test")),
      input(texts ? "text" : "number", node[test] ?? "", (v) => { const now = COMPARED.find((n) => n in node) ?? "is"; change({ [now]: texts ? v : Number(v) }); }, t("Value")),
    );
  }

  function ofTrait(): void {
    const test = words.tests.find((name) => name in node) ?? "is";
    box.append(
      suggested(input("text", node.trait ?? "", (v) => change({ trait: v }), t("Trait")), words.traits),
      select(named(words.tests, test), test, (v) => { set({ trait: node.trait, [v]: v === "exists" ? true : v === "in" ? [""] : NUMERIC.has(v) ? 0 : "" }); redraw(); }, t("Test")),
    );
    if (test === "exists") return;
    const shown = Array.isArray(node[test]) ? (node[test] as string[]).join(", ") : node[test];
    box.append(input(NUMERIC.has(test) ? "number" : "text", shown ?? "", (v) => change({ [test]: test === "in" ? v.split(",").map((s) => s.trim()) : NUMERIC.has(test) ? Number(v) : v }), t("Value")));
  }

  function consent(): void {
    box.append(
      select(named(["email", "sms", "push"], String(node.consent)), String(node.consent), (v) => change({ consent: v }), t("Channel")), say(t("is")),
      select(named(["given", "refused"], String(node.is)), String(node.is), (v) => change({ is: v }), t("State")),
    );
  }

  function score(): void {
    const test = "below" in node ? "below" : "above";
    box.append(
      suggested(input("text", node.score ?? "", (v) => change({ score: v }), t("Prediction")), words.scores),
      select(named(["above", "below"], test), test, (v) => { const value = node[test]; delete node[test]; change({ [v]: value }); redraw(); }, t("Test")),
      input("number", Math.round(Number(node[test] ?? 0.5) * 100), (v) => change({ [test]: Number(v) / 100 }), t("Percent")), say("%"),
    );
  }

  function bucket(): void {
    box.append(
      input("text", node.bucket ?? "", (v) => change({ bucket: v }), t("Name of the draw")), say(t("from")),
      input("number", node.from ?? 0, (v) => change({ from: Number(v) }), t("From percent")), say(t("to")),
      input("number", node.to ?? 10, (v) => change({ to: Number(v) }), t("To percent")), say("%"),
    );
  }

  function segment(): void {
    box.append(select(words.segments.map((s) => [s.id, s.name]), String(node.segment), (v) => change({ segment: v }), t("Segment")));
  }
}


