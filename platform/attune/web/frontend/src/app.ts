// What every page needs: htmx, live hints, toasts, the theme, the segment builder.
import htmx from "htmx.org";
import { connectLive } from "./live";
import { startBuilder } from "./builder";
import { startOverlays } from "./overlays";
import { t } from "./words";

declare global {
  interface Window { htmx: typeof htmx }
}
window.htmx = htmx;
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0;
htmx.config.attributesToSettle = ["class"];  // not style, which the policy of the page forbids

function csrf(): string {
  return document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
}

document.addEventListener("htmx:configRequest", (event) => {
  (event as CustomEvent).detail.headers["X-CSRFToken"] = csrf();
});

export function toast(text: string, kind: string): void {
  const place = document.getElementById("toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.className = `toast toast-${kind}`;
  note.setAttribute("role", kind === "error" ? "alert" : "status");
  note.textContent = text;
  place.append(note);
  setTimeout(() => note.remove(), kind === "error" ? 10000 : 4000);
}

document.addEventListener("toast", (event) => {
  const { text, kind } = (event as CustomEvent).detail;
  toast(text, kind);
});
document.addEventListener("htmx:sendError", () => toast(t("The connection was lost; nothing was saved."), "error"));
document.addEventListener("htmx:responseError", () => toast(t("That did not work; reload the page and try again."), "error"));

// A form that was sent once is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  form.querySelectorAll<HTMLButtonElement>("button[type=submit]").forEach((button) => {
    setTimeout(() => { button.disabled = true; });
    setTimeout(() => { button.disabled = false; }, 5000);
  });
});

// A live part that is drawn again keeps what a person opened, and waits while they type in it.
const opened = new WeakMap<Element, Set<string>>();
const last = new Map<string, string>();

function detailKey(details: HTMLDetailsElement, index: number): string {
  return details.dataset.keep ?? `${index}:${details.querySelector("summary")?.textContent?.replace(/[\d,.]+/g, "#")}`;
}

// Signed out meanwhile: the page stays as it is, with what was typed.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = (event as CustomEvent).detail as { xhr: XMLHttpRequest };
  if (!new URL(xhr.responseURL, location.href).pathname.startsWith("/accounts/login")) return;
  event.preventDefault();
  toast(t("You were signed out. Sign in in another tab, then save again: what you typed still stands here."), "error");
});

// What was typed in a part of a page is not left behind without a question.
let unsaved = false;
document.addEventListener("input", (event) => { if ((event.target as Element).closest("form[data-guard]")) unsaved = true; });
window.addEventListener("beforeunload", (event) => { if (unsaved && document.querySelector("form[data-guard]")) event.preventDefault(); });

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, serverResponse } = (event as CustomEvent).detail as { target: Element; serverResponse: string };
  if (target.id && last.get(target.id) === serverResponse) {  // nothing is new: what is there stays, with its focus
    (event as CustomEvent).detail.shouldSwap = false;
    return;
  }
  const busy = document.activeElement;
  const typing = busy && busy !== target && target.contains(busy) && busy.matches("input, textarea, select");
  if (typing || target.querySelector("input[name=chosen]:checked")) {  // rows that are being chosen stay
    (event as CustomEvent).detail.shouldSwap = false;
    return;
  }
  const keys = new Set<string>();
  target.querySelectorAll("details").forEach((d, i) => { if (d.open) keys.add(detailKey(d, i)); });
  opened.set(target, keys);
  if (target.id) last.set(target.id, serverResponse);
});
document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = (event as CustomEvent).detail as { target: Element };
  const keys = opened.get(target);
  const now = target.isConnected ? target : target.id ? document.getElementById(target.id) : null;
  if (keys && now) now.querySelectorAll("details").forEach((d, i) => { if (keys.has(detailKey(d, i))) d.open = true; });
});

// Pages with a chart load what draws it; a chart may also come with a later part of the page.
const chartsFile = (document.currentScript as HTMLScriptElement | null)?.dataset.charts;
let chartsAsked = false;
function needCharts(): void {
  if (chartsAsked || !chartsFile || !document.querySelector(".chart")) return;
  chartsAsked = true;
  document.head.append(Object.assign(document.createElement("script"), { src: chartsFile }));
}
document.addEventListener("DOMContentLoaded", needCharts);
document.addEventListener("htmx:afterSettle", needCharts);

// One key for each verdict: a approve, r reject (with a reason), c ask for changes (with a comment).
document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input,textarea,select")) return;
  const wanted = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  const first = wanted.dataset.focus ? document.querySelector<HTMLElement>(wanted.dataset.focus) : null;
  if (first && !(first as HTMLInputElement).value) {  // it needs a word first: a reason, a comment
    first.focus();
    event.preventDefault();
  } else wanted.click();
});

document.addEventListener("change", (event) => {
  const select = event.target as HTMLElement;
  if (select.matches("[data-submit]")) (select.closest("form") as HTMLFormElement).requestSubmit();
  if (select.matches("[data-goto]")) window.location.href = (select as HTMLSelectElement).value;
});

document.addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-toast]");
  if (button) toast(button.dataset.toast ?? "", button.dataset.kind ?? "ok");
});

// In a conflict: put the other person's value into the field, where it can still be edited.
document.addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-take]");
  if (!button) return;
  const field = document.getElementById(button.dataset.take ?? "");
  if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = button.dataset.value === "True";
  else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) field.value = button.dataset.value ?? "";
  else {  // a group of boxes
    const chosen = (button.dataset.value ?? "").split(", ");
    field?.querySelectorAll<HTMLInputElement>("input[type=checkbox]").forEach((box) => { box.checked = chosen.includes(box.value); });
  }
  field?.dispatchEvent(new Event("input", { bubbles: true }));
  field?.focus();
});

document.addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-menu]");
  if (!button) return;
  const open = button.closest(".side")?.classList.toggle("open") ?? false;
  button.setAttribute("aria-expanded", String(open));
});

document.addEventListener("DOMContentLoaded", () => {
  startOverlays();
  connectLive();
  startBuilder();
});

// Conversations: the newest message is in sight, "/" calls a kept reply, Ctrl-Enter sends.
function toTheEnd(): void {
  document.querySelectorAll<HTMLElement>("[data-scroll-end]").forEach((box) => { box.scrollTop = box.scrollHeight; });
}
document.addEventListener("DOMContentLoaded", toTheEnd);
document.addEventListener("htmx:afterSettle", (event) => { if ((event.target as Element).matches?.("[data-scroll-end]")) toTheEnd(); });
document.addEventListener("keydown", (event) => {
  const field = event.target as HTMLTextAreaElement;
  const form = field.closest?.<HTMLFormElement>("form[data-reply]");
  if (!form || !field.matches("textarea")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); return; }
  if (event.key !== "Tab" && event.key !== " ") return;
  const code = /^\/([\w-]+)$/.exec(field.value.trim())?.[1];
  const kept = code && form.querySelector<HTMLOptionElement>(`option[data-code="${CSS.escape(code)}"]`);
  if (kept) { event.preventDefault(); field.value = kept.value; }
});
document.addEventListener("change", (event) => {
  const select = event.target as HTMLSelectElement;
  if (!select.matches("[data-canned]") || !select.value) return;
  const field = select.closest("form")?.querySelector("textarea");
  if (field) { field.value = field.value ? `${field.value}\n${select.value}` : select.value; field.focus(); }
  select.value = "";
});
// a proposed answer goes into the field; sending it says what became of the proposal
document.addEventListener("click", (event) => {
  const use = (event.target as HTMLElement).closest<HTMLElement>("[data-draft]");
  const form = document.querySelector<HTMLFormElement>("[data-reply]");
  const field = form?.querySelector("textarea");
  if (!use || !form || !field) return;
  field.value = document.getElementById("draft-text")?.textContent ?? "";
  form.action = use.dataset.draft ?? form.action;
  field.focus();
});
let typingSince: number | undefined;
document.body?.addEventListener("live-typing", (event) => {
  const note = document.querySelector<HTMLElement>(`[data-typing="${CSS.escape((event as CustomEvent).detail ?? "")}"]`);
  if (!note) return;
  note.hidden = false;
  window.clearTimeout(typingSince);
  typingSince = window.setTimeout(() => { note.hidden = true; }, 5000);
});
