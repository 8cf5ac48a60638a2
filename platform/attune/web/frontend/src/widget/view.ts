// What the visitor sees. Text is put in as text; nothing that anybody wrote becomes markup.
import { CSS } from "./style";
import { type Config, type FileOf, type Message, Refusal, Transport, type Unsent } from "./transport";
import { fill, type Words, wordsFor } from "./words";

const SLOW = 8000;
const FACES = ["😞", "🙁", "😐", "🙂", "😀"];

type Child = Node | string | null | false | undefined;
function el<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Record<string, unknown> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value as EventListener);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else made.setAttribute(name, String(value));
  }
  for (const child of children) if (child) made.append(child);
  return made;
}

function drawing(line: string): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", line);
  made.append(path);
  return made;
}

// Addresses in a text become links; only https, and the other page learns nothing of this one.
function linked(text: string): DocumentFragment {
  const made = document.createDocumentFragment();
  let at = 0;
  for (const found of text.matchAll(/https:\/\/[^\s<>"'，。）)]+[^\s<>"'，。）).,;:!?]/g)) {
    made.append(text.slice(at, found.index), el("a", { href: found[0], target: "_blank", rel: "noopener nofollow noreferrer" }, found[0]));
    at = found.index + found[0].length;
  }
  made.append(text.slice(at));
  return made;
}

// Black or white on the tint, whichever is read more easily (WCAG relative luminance).
function on(colour: string): { on: string; text: string; dark: string } {
  const [r, g, b] = [1, 3, 5].map((i) => { const v = parseInt(colour.slice(i, i + 2), 16) / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }) as [number, number, number];
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const mix = (share: number, with_: string) => `color-mix(in srgb, ${colour} ${share}%, ${with_})`;
  return { on: light > 0.3 ? "#000" : "#fff", text: light > 0.18 ? mix(45, "#000") : colour, dark: light < 0.4 ? mix(45, "#fff") : colour };
}

export class AttuneChat extends HTMLElement {
  private root = this.attachShadow({ mode: "open" });
  private transport!: Transport;
  private config!: Config;
  private w!: Words;
  private shown = false;
  private person = false;
  private files: FileOf[] = [];
  private drawn = new Map<string, HTMLElement>();
  private slow: number | undefined;
  private waited = "";
  private note = "";
  private unread = 0;
  private seenSeq = 0;
  private parts!: Record<"launch" | "count" | "panel" | "notice" | "bar" | "log" | "field" | "choose" | "person" | "tail", HTMLElement>;

  async begin(base: string, inbox: string, identity: string): Promise<void> {
    this.transport = new Transport(base, inbox, identity, () => this.draw());
    try { this.config = await this.transport.config(); } catch (problem) {
      if (problem instanceof Refusal) console.warn(`attune chat: ${problem.message}`);
      else window.setTimeout(() => void this.begin(base, inbox, identity), 10_000);
      return;
    }
    this.w = wordsFor(this.config.language || document.documentElement.lang || navigator.language);
    this.build();
    await this.transport.resume();
    this.draw();
  }

  private build(): void {
    const sheet = new CSSStyleSheet();
    const { on: ink, text, dark } = on(this.config.colour);
    sheet.replaceSync(`${CSS} :host { --tint: ${this.config.colour}; --on: ${ink}; --tint-text: light-dark(${text}, ${dark}); }`);
    this.root.adoptedStyleSheets = [sheet];
    const w = this.w, bot = this.config.bot;
    const icon = drawing("M4 5h16v11H9l-5 4z");
    const count = el("span", { class: "count", hidden: true });
    const launch = el("button", { class: "launch", type: "button", "aria-label": w.open, "aria-expanded": "false", onclick: () => this.toggle() });
    launch.append(icon, count);
    const person = el("button", { type: "button", onclick: () => void this.ask() }, w.person);
    const notice = el("p");
    const bar = el("div", { class: "bar", role: "status", hidden: true });
    const log = el("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": w.title, tabindex: "0" });
    const tail = el("div", { "aria-live": "off" });
    const choose = el("div", { class: "choose", role: "group" });
    if (bot && !this.config.identity_required) {
      choose.append(el("button", { type: "button", "aria-pressed": "true", onclick: () => this.choose(false) }, fill(w.ask, { bot })),
        el("button", { type: "button", "aria-pressed": "false", onclick: () => this.choose(true) }, w.write));
    }
    const field = el("textarea", {
      rows: "1", maxlength: String(this.config.letters), placeholder: w.placeholder, "aria-label": w.placeholder, dir: "auto",
      onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); } },
      oninput: () => { this.transport.typing(); field.style.blockSize = "auto"; field.style.blockSize = `${Math.min(field.scrollHeight, 120)}px`; },
    });
    const file = el("input", { type: "file", accept: this.config.files.split(", ").map((t) => `.${t}`).join(","), onchange: () => void this.attach(file) });
    const form = el("form", { onsubmit: (event: Event) => { event.preventDefault(); this.submit(); } },
      el("label", { title: w.attach }, el("span", { class: "vh" }, w.attach), file, drawing("M20 11l-8 8a5 5 0 0 1-7-7l8-8a3 3 0 0 1 5 5l-8 8a1 1 0 0 1-2-2l7-7")), field, el("button", { class: "send", type: "submit" }, w.send));
    const panel = el("section", { class: "panel", role: "dialog", "aria-label": this.config.name, hidden: true, onkeydown: (event: KeyboardEvent) => { if (event.key === "Escape") this.toggle(); } },
      el("header", {}, el("h2", {}, this.config.name), person, el("button", { class: "x", type: "button", "aria-label": w.close, onclick: () => this.toggle() }, "×"), notice),
      bar, log, form);
    log.append(el("p", { class: "m b" }, this.config.greeting || w.greeting), choose, tail);
    this.parts = { launch, count, panel, notice, bar, log, field, choose, person, tail };
    this.root.append(panel, launch);
    this.dir = getComputedStyle(document.documentElement).direction;
  }

  toggle(): void {
    this.shown = !this.shown;
    this.parts.panel.hidden = !this.shown;
    this.parts.launch.setAttribute("aria-expanded", String(this.shown));
    this.parts.launch.setAttribute("aria-label", this.shown ? this.w.close : this.w.open);
    if (this.shown) { this.unread = 0; this.parts.field.focus(); this.end(); this.draw(); } else this.parts.launch.focus();
  }

  private choose(person: boolean): void {
    this.person = person;
    this.parts.choose.querySelectorAll("button").forEach((b, i) => b.setAttribute("aria-pressed", String((i === 1) === person)));
    this.parts.field.focus();
    this.draw();
  }

  private async ask(): Promise<void> {
    if (!this.transport.begun) { this.choose(true); return; }
    try { await this.transport.person(); } catch { this.say(this.w.offline); }
  }

  private say(text: string): void { this.note = text; this.draw(); window.setTimeout(() => { this.note = ""; this.draw(); }, 6000); }

  private submit(): void {
    const field = this.parts.field as HTMLTextAreaElement;
    const text = field.value.trim();
    if (!text && !this.files.length) return;
    this.transport.send(text, this.files, this.person);
    this.files = [];
    field.value = "";
    field.style.blockSize = "auto";
    this.end();
  }

  private async attach(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    if (file.size > this.config.file_bytes) { this.say(fill(this.w.big, { name: file.name })); return; }
    if (!this.transport.hasConversation) { this.say(this.w.placeholder); this.parts.field.focus(); return; }
    try { this.files.push(await this.transport.upload(file)); this.submit(); } catch (problem) { this.say(problem instanceof Refusal ? problem.message : this.w.offline); }
  }

  private end(): void { requestAnimationFrame(() => { this.parts.log.scrollTop = this.parts.log.scrollHeight; }); }

  // Draw what is new; what stands already stays, so that a screen reader reads each message once.
  private draw(): void {
    if (!this.parts) return;
    const t = this.transport, w = this.w, bot = this.config.bot;
    const low = this.parts.log.scrollHeight - this.parts.log.scrollTop - this.parts.log.clientHeight < 60;
    const withBot = bot && (t.hasConversation ? t.handler === "bot" : !this.person);
    this.parts.notice.textContent = withBot ? fill(w.ai, { bot }) : this.config.opens ? this.config.away || fill(w.away, { when: this.config.opens }) : w.people;
    this.parts.person.hidden = !withBot;
    this.parts.choose.hidden = t.begun;
    const bar = this.note || t.closed || (!t.online ? w.offline : "");
    this.parts.bar.textContent = bar;
    this.parts.bar.hidden = !bar;
    this.parts.bar.classList.toggle("bad", !!t.closed);
    const wanted: [string, () => HTMLElement][] = [];
    for (let seq = 1; seq <= t.last; seq++) { const m = t.messages.get(seq); if (m) wanted.push([`m${seq}`, () => this.message(m)]); }
    for (const item of t.outbox) wanted.push([`o${item.client_id}${item.failed ?? ""}`, () => this.unsent(item)]);
    const keys = new Set(wanted.map(([key]) => key));
    for (const [key, node] of this.drawn) if (!keys.has(key)) { node.remove(); this.drawn.delete(key); }
    for (const [key, make] of wanted) {
      if (this.drawn.has(key)) continue;
      const node = make();
      this.drawn.set(key, node);
      this.parts.log.insertBefore(node, key.startsWith("m") ? this.firstUnsent() : this.parts.tail);
    }
    this.tail(withBot !== "" && !!withBot);
    const fresh = [...t.messages.values()].filter((m) => m.kind !== "incoming" && m.seq > this.seenSeq && m.seq <= t.last).length;
    if (this.shown) { if (t.last > this.seenSeq) { this.seenSeq = t.last; t.seen(); } } else this.unread = fresh;
    this.parts.count.textContent = String(this.unread);
    this.parts.count.hidden = this.shown || !this.unread;
    if (low) this.end();
  }

  private firstUnsent(): Node { for (const [key, node] of this.drawn) if (key.startsWith("o")) return node; return this.parts.tail; }

  // Below the last message: what the assistant is writing, that it takes long, what may be tapped.
  private tail(withBot: boolean): void {
    const t = this.transport, w = this.w, newest = t.messages.get(t.last);
    const key = JSON.stringify([t.streaming, t.writing, t.last, withBot, t.outbox.length, this.waited]);
    if (this.parts.tail.dataset.key === key) return;
    this.parts.tail.dataset.key = key;
    this.parts.tail.replaceChildren();
    if (t.streaming) this.parts.tail.append(el("div", { class: "m" }, el("p", { class: "who" }, this.config.bot), el("p", { class: "b", dir: "auto" }, t.streaming)));
    else if (withBot && newest?.kind === "incoming") {
      this.parts.tail.append(el("p", { class: "n", role: "status" }, this.waited === `${t.last}` ? w.working : fill(w.typing, { who: this.config.bot }), el("span", { class: "dots", "aria-hidden": "true" }, " •••")));
      window.clearTimeout(this.slow);
      const seq = t.last;
      if (this.waited !== `${seq}`) this.slow = window.setTimeout(() => { if (t.last === seq) { this.waited = `${seq}`; this.draw(); } }, SLOW);
    }
    else if (t.writing) this.parts.tail.append(el("p", { class: "n", role: "status" }, fill(w.typing, { who: t.writing }), el("span", { class: "dots", "aria-hidden": "true" }, " •••")));
    const quick = newest?.payload.quick_replies ?? [];
    if (quick.length && newest?.kind === "outgoing" && !t.outbox.length) {
      this.parts.tail.append(el("div", { class: "quick" }, ...quick.map((text) => el("button", { type: "button", onclick: () => { t.send(text); this.parts.field.focus(); } }, text))));
    }
  }

  private message(m: Message): HTMLElement {
    if (m.kind === "notice") return m.payload.card === "csat" ? this.csat(m) : el("p", { class: "n", dir: "auto" }, linked(m.body));
    const mine = m.kind === "incoming";
    const made = el("div", { class: mine ? "m mine" : "m" });
    made.append(el("p", { class: mine ? "vh" : "who" }, mine ? this.w.you : m.author === "bot" ? `${m.author_name || this.config.bot} · AI` : m.author_name));
    if (m.body) made.append(el("p", { class: "b", dir: "auto" }, linked(m.body)));
    for (const file of m.payload.files ?? []) made.append(this.file(file));
    const used = (m.payload.citations ?? []).filter((c) => c.used);
    if (used.length) {
      made.append(el("details", { class: "cite" }, el("summary", {}, this.w.source), el("ul", {}, ...used.map((c) => el("li", {},
        c.url?.startsWith("https://") ? el("a", { href: c.url, target: "_blank", rel: "noopener nofollow noreferrer" }, c.title) : c.title)))));
    }
    if (m.author === "bot" && m.payload.ai) made.append(this.wrong(m));
    return made;
  }

  private wrong(m: Message): HTMLElement {
    const w = this.w, box = el("details", { class: "cite" }, el("summary", {}, w.wrong));
    const reasons: [string, string][] = [["incorrect_information", w.incorrect], ["incomplete_response", w.incomplete], ["outdated_information", w.outdated], ["inappropriate_response", w.inappropriate]];
    box.append(el("p", { class: "quick" }, ...reasons.map(([reason, text]) => el("button", { type: "button", onclick: async () => {
      let said = w.reported;
      try { await this.transport.report(m.seq, reason); } catch (problem) { said = problem instanceof Refusal ? problem.message : w.offline; }
      box.replaceChildren(el("summary", {}, w.wrong), el("p", { role: "status" }, said));
    } }, text))));
    return box;
  }

  private file(file: FileOf): HTMLElement {
    const link = el("a", { href: "#", onclick: async (event: Event) => {
      event.preventDefault();
      try { window.open(await this.transport.fileLink(file.id), "_blank", "noopener"); } catch { this.say(this.w.offline); }
    } }, `${this.w.file}: ${file.name}`);
    return el("p", { class: "b" }, link);
  }

  private unsent(item: Unsent): HTMLElement {
    const made = el("div", { class: "m mine" }, el("p", { class: "b", dir: "auto" }, item.body || item.files.map((f) => f.name).join(", ")));
    if (item.failed) {
      made.append(el("p", { class: "s bad", role: "alert" }, `${this.w.failed} ${item.failed}`,
        el("button", { type: "button", onclick: () => this.transport.retry() }, this.w.again),
        el("button", { type: "button", onclick: () => this.transport.discard(item.client_id) }, this.w.discard)));
    } else made.append(el("p", { class: "s" }, this.w.sending));
    return made;
  }

  private csat(m: Message): HTMLElement {
    const w = this.w, faces: HTMLElement[] = [];
    let rating = 0;
    const words = el("textarea", { rows: "2", maxlength: "1000", "aria-label": w.comment, placeholder: w.comment, hidden: true, dir: "auto" });
    const said = el("p", { class: "n", role: "status" });
    const rate = async () => { try { await this.transport.rate(rating, words.value); said.textContent = w.thanks; } catch (problem) { said.textContent = problem instanceof Refusal ? problem.message : w.offline; } };
    const go = el("button", { class: "go", type: "button", hidden: true, onclick: () => void rate() }, w.send);
    FACES.forEach((face, index) => faces.push(el("button", { type: "button", "aria-pressed": "false", "aria-label": fill(w.stars, { n: index + 1 }), onclick: () => {
      rating = index + 1;
      faces.forEach((f, i) => f.setAttribute("aria-pressed", String(i === index)));
      words.hidden = go.hidden = false;
      void rate();
    } }, face)));
    return el("div", { class: "csat", role: "group", "aria-label": m.body }, el("p", { class: "n" }, m.body), el("div", {}, ...faces), words, go, said);
  }
}
