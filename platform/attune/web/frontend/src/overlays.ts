// What lies above a page: confirmation, the command palette, menus, bulk bars. Keyboard first.
import { t } from "./words";

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && !!target.closest("input, textarea, select, [contenteditable]");
}

// A dangerous form asks in a dialog of ours; the browser's own cannot say what will happen.
function confirmations(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#confirm");
  if (!dialog) return;
  let waiting: { form: HTMLFormElement; button: HTMLElement | null } | null = null;
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const button = (event as SubmitEvent).submitter;
    const asks = button?.dataset.confirm ?? form.dataset.confirm;
    if (!asks || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    waiting = { form, button };
    dialog.querySelector("p")!.textContent = asks;
    dialog.returnValue = "";
    dialog.showModal();
  }, true);
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes" || !waiting) return;
    waiting.form.dataset.confirmed = "yes";
    waiting.form.requestSubmit(waiting.button);
    delete waiting.form.dataset.confirmed;
    waiting = null;
  });
}

// Ctrl-K or / opens the palette: pages, actions, and whatever has that name.
function palette(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#palette");
  if (!dialog) return;
  const field = dialog.querySelector("input") as HTMLInputElement;
  const list = dialog.querySelector("ul") as HTMLElement;
  let timer: number | undefined;
  let asked = 0;

  async function ask(): Promise<void> {
    const mine = ++asked;
    try {
      const answer = await fetch(`${dialog!.dataset.url}?q=${encodeURIComponent(field.value)}`);
      if (mine !== asked || !answer.ok) return;
      list.innerHTML = await answer.text();  // our own fragment; every word in it is escaped there
      mark(0);
    } catch { list.textContent = t("The connection is lost; try again in a moment."); }
  }
  function links(): HTMLAnchorElement[] { return [...list.querySelectorAll("a")]; }
  function mark(index: number): void {
    const all = links();
    const at = all.length ? (index + all.length) % all.length : 0;
    all.forEach((link, i) => link.setAttribute("aria-selected", String(i === at)));
    all[at]?.scrollIntoView({ block: "nearest" });
    if (all[at]) field.setAttribute("aria-activedescendant", all[at].id);
  }
  function open(): void {
    if (dialog!.open) return;
    field.value = "";
    list.replaceChildren();
    dialog!.showModal();
    void ask();
  }
  document.addEventListener("keydown", (event) => {
    const chord = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    if (chord || (event.key === "/" && !typing(event.target))) { event.preventDefault(); open(); }
  });
  document.addEventListener("click", (event) => {
    if ((event.target as HTMLElement).closest("[data-palette]")) open();
    if (event.target === dialog) dialog!.close();
  });
  field.addEventListener("input", () => { window.clearTimeout(timer); timer = window.setTimeout(ask, 120); });
  field.addEventListener("keydown", (event) => {
    const now = links().findIndex((link) => link.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") mark(now + 1);
    else if (event.key === "ArrowUp") mark(now - 1);
    else if (event.key === "Escape") dialog!.close();  // a search field would only empty itself
    else if (event.key === "Enter") links()[Math.max(now, 0)]?.click();
    else return;
    event.preventDefault();
  });
}

function menus(): void {
  const close = (except: Element | null): void => {
    document.querySelectorAll<HTMLDetailsElement>("details.menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });
  };
  document.addEventListener("click", (event) => close((event.target as HTMLElement).closest("details.menu")));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(null); });
}

// A table whose rows can be chosen shows its bar of actions as soon as one is.
function bulk(): void {
  document.addEventListener("change", (event) => {
    const form = (event.target as HTMLInputElement).form;
    if (!form?.matches("[data-bulk]")) return;
    const fields = [...form.elements].filter((e): e is HTMLInputElement => e instanceof HTMLInputElement);
    const boxes = fields.filter((field) => field.name === "chosen");
    const all = fields.find((field) => "all" in field.dataset) ?? null;
    if (event.target === all) boxes.forEach((box) => { box.checked = all!.checked; });
    const chosen = boxes.filter((box) => box.checked).length;
    if (all) { all.checked = chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; }
    const bar = form.querySelector<HTMLElement>(".bulk");
    if (bar) bar.hidden = chosen === 0;
    const count = form.querySelector("[data-count]");
    if (count) count.textContent = String(chosen);
  });
}

export function startOverlays(): void {
  confirmations();
  palette();
  menus();
  bulk();
}
