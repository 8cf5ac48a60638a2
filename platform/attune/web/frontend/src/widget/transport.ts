// Messages to and from the house: stored once, in order, whatever the network does.
//
// Each message of ours has an id of its own and stays in the outbox, kept in localStorage, until the
// server acknowledged it with its number; sent again it gets the number it got before. Everything is
// numbered without a gap: a number that is missing is asked for. Where no WebSocket gets through,
// the same is done by asking every few seconds.

export interface Message {
  seq: number; client_id: string; kind: "incoming" | "outgoing" | "notice"; author: string;
  author_name: string; body: string; payload: Payload; at: string;
}
export interface Payload {
  ai?: boolean;
  files?: FileOf[]; quick_replies?: string[]; card?: string;
  citations?: { title: string; url?: string; used?: boolean }[];
}
export interface FileOf { id: string; name: string; type: string; size: number }
export interface Unsent { client_id: string; body: string; files: FileOf[]; person?: boolean; failed?: string }
export interface Config {
  name: string; colour: string; greeting: string; bot: string; language: string;
  identity_required: boolean; opens: string | null; away: string; files: string; file_bytes: number; letters: number;
}
interface Conversation { id: string; last_seq: number; state: string; handler: string; read: number }
interface Session { token: string; conversation: Conversation | null; refused: string; visitor: { verified: boolean } | null }
interface Kept { token: string; key: string; conversation: string; outbox: Unsent[] }

const HEARTBEAT = 25_000, POLL = 3_000, SOCKET_AGAIN = 30_000, TRIES = 3;

export class Refusal extends Error {
  constructor(message: string, readonly status: number, readonly code: string) { super(message); }
}

export class Transport {
  messages = new Map<number, Message>();
  outbox: Unsent[] = [];
  last = 0;  // everything up to this number is here
  handler = "bot";
  state = "";
  read = 0;
  online = true;
  streaming = "";
  writing = "";  // the agent who writes at this moment
  closed = "";
  private token = "";
  private key = "";
  private conversation = "";
  private socket: WebSocket | null = null;
  private wait = 500;
  private failures = 0;
  private timers: Record<string, number> = {};
  private starting = false;
  private personWanted = false;
  private talking = false;

  constructor(private base: string, private inbox: string, private identity: string, private changed: () => void) {
    const kept = this.kept();
    if (!kept) return;
    this.token = kept.token; this.key = kept.key; this.conversation = kept.conversation; this.outbox = kept.outbox;
  }

  get begun(): boolean { return !!this.conversation || this.outbox.length > 0; }

  private kept(): Kept | null {
    try { return JSON.parse(localStorage.getItem(`attune.chat.${this.inbox}`) ?? "null"); } catch { return null; }
  }

  // Only once the visitor wrote something is anything kept in their browser.
  private keep(): void {
    if (!this.begun) return;
    const kept: Kept = { token: this.token, key: this.key, conversation: this.conversation, outbox: this.outbox };
    try { localStorage.setItem(`attune.chat.${this.inbox}`, JSON.stringify(kept)); } catch { /* a private window */ }
  }

  forget(): void {
    try { localStorage.removeItem(`attune.chat.${this.inbox}`); } catch { /* nothing was kept */ }
    this.socket?.close();
    this.messages.clear();
    this.token = this.key = this.conversation = "";
    this.outbox = []; this.last = 0;
    this.changed();
  }

  async call<T>(path: string, body?: unknown, query = ""): Promise<T> {
    const headers: Record<string, string> = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    let sent: BodyInit | undefined;
    if (body instanceof FormData) sent = body;
    else if (body !== undefined) { headers["Content-Type"] = "application/json"; sent = JSON.stringify(body); }
    const answer = await fetch(`${this.base}/chat/${this.inbox}/${path}${query}`, {
      method: body === undefined ? "GET" : "POST", headers, body: sent, credentials: "omit", signal: AbortSignal.timeout(20_000),
    });
    const value = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refusal(value.detail ?? `HTTP ${answer.status}`, answer.status, value.type ?? "");
    return value as T;
  }

  config(): Promise<Config> { return this.call<Config>("config"); }

  // Take up where the visitor was; a customer who signed in on the site is known by that.
  async resume(): Promise<void> {
    if (!this.token && !this.identity) { if (this.outbox.length) void this.flush(); return; }
    try {
      const found = await this.call<Session>("session", this.introduction());
      if (found.refused) console.warn(`attune chat: ${found.refused}`);
      if (!found.token) { this.stranger(); return; }
      this.token = found.token;
      const id = found.conversation?.id ?? "";
      if (id !== this.conversation) { this.messages.clear(); this.last = 0; }
      this.conversation = id;
      if (found.conversation) this.stands(found.conversation);
      this.keep();
      if (id) this.connect(); else if (this.outbox.length) void this.flush();
    } catch (problem) {
      if (problem instanceof Refusal && problem.status < 500 && problem.status !== 429) { this.closed = problem.message; this.changed(); return; }
      this.later("resume", () => void this.resume(), this.backoff());
    }
  }

  // Not known here any more: what was not sent yet begins a new conversation, the rest is let go.
  private stranger(): void {
    const unsent = this.outbox;
    if (this.conversation) this.forget();
    this.outbox = unsent;
    if (unsent.length) void this.flush();
  }

  private introduction(): Record<string, string> {
    return { token: this.token, identity: this.identity, key: this.key, language: navigator.language, page: location.href.split("#")[0] ?? "" };
  }

  send(body: string, files: FileOf[] = [], person = false): void {
    this.outbox.push({ client_id: random(16), body, files, person });
    this.keep();
    this.changed();
    void this.flush();
  }

  retry(): void { for (const item of this.outbox) delete item.failed; void this.flush(); this.changed(); }
  discard(id: string): void { this.outbox = this.outbox.filter((o) => o.client_id !== id); this.keep(); this.changed(); }

  private async flush(): Promise<void> {
    const waiting = this.outbox.filter((o) => !o.failed);
    if (!waiting.length) return;
    if (!this.conversation) { await this.start(waiting[0]!); return; }
    if (this.ready()) { for (const item of waiting) if (!item.files.length) this.say({ type: "message", client_id: item.client_id, body: item.body }); }
    const overHttp = waiting.filter((item) => item.files.length || !this.ready());
    if (overHttp.length && !this.talking && (this.failures >= TRIES || overHttp.some((i) => i.files.length))) await this.post(overHttp);
  }

  private async start(first: Unsent): Promise<void> {
    if (this.starting) return;
    this.starting = true;
    this.key ||= random(32);
    this.keep();
    try {
      const begun = await this.call<Session & { seq: number }>("start", {
        ...this.introduction(), client_id: first.client_id, body: first.body, person: first.person ?? false,
      });
      this.token = begun.token;
      this.conversation = begun.conversation!.id;
      this.stands(begun.conversation!);
      this.settle(first.client_id, begun.seq, new Date().toISOString());
      this.connect();
      if (this.personWanted) { this.personWanted = false; await this.person(); }
    } catch (problem) { this.stuck(first, problem); }
    finally { this.starting = false; }
    if (this.conversation) void this.flush();
  }

  private async post(items: Unsent[]): Promise<void> {
    this.talking = true;
    try {
      for (const item of items) {
        const done = await this.call<{ seq: number }>("messages", {
          conversation: this.conversation, client_id: item.client_id, body: item.body, files: item.files.map((f) => f.id),
        });
        this.settle(item.client_id, done.seq, new Date().toISOString());
      }
    } catch (problem) { this.stuck(items[0]!, problem); }
    finally { this.talking = false; }
  }

  // What can never be accepted says why; everything else is tried again.
  private stuck(item: Unsent, problem: unknown): void {
    if (problem instanceof Refusal && problem.status >= 400 && problem.status < 500 && problem.status !== 429 && problem.status !== 401) item.failed = problem.message;
    else if (problem instanceof Refusal && problem.status === 401) this.later("stranger", () => this.stranger(), this.backoff());
    else this.later("flush", () => void this.flush(), this.backoff());
    this.keep();
    this.changed();
  }

  async upload(file: File): Promise<FileOf> {
    const form = new FormData();
    form.append("conversation", this.conversation);
    form.append("file", file);
    return this.call<FileOf>("files", form);
  }
  async fileLink(id: string): Promise<string> { return (await this.call<{ url: string }>("files", undefined, `?file=${id}`)).url; }
  get hasConversation(): boolean { return !!this.conversation; }

  async person(): Promise<void> {
    if (!this.conversation) { this.personWanted = this.outbox.length > 0; return; }  // asked as soon as it has begun
    const now = await this.call<Conversation>("person", { conversation: this.conversation });
    this.stands(now);
    this.changed();
  }
  rate(rating: number, comment: string): Promise<unknown> { return this.call("rating", { conversation: this.conversation, rating, comment }); }
  report(seq: number, reason: string): Promise<unknown> { return this.call("report", { conversation: this.conversation, seq, reason }); }
  seen(): void { if (this.ready() && this.last) this.say({ type: "seen", seq: this.last }); }
  typing(): void { if (this.ready() && !this.timers.typing) { this.say({ type: "typing" }); this.later("typing", () => { this.timers.typing = 0; }, 3000); } }

  private ready(): boolean { return this.socket?.readyState === WebSocket.OPEN && this.welcomed; }
  private welcomed = false;
  private say(frame: object): void { this.socket?.send(JSON.stringify(frame)); }

  private connect(): void {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    const url = `${this.base.replace(/^http/, "ws")}/chat/ws/${this.inbox}`;
    let socket: WebSocket;
    try { socket = new WebSocket(url); } catch { this.lost(); return; }
    this.socket = socket;
    this.welcomed = false;
    socket.onopen = () => this.say({ type: "hello", token: this.token, conversation: this.conversation, after: this.last });
    socket.onmessage = (event) => { if (socket === this.socket) this.hear(JSON.parse(event.data)); };
    socket.onclose = (end) => {
      if (socket !== this.socket) return;
      this.socket = null;
      if (end.code === 4403) { void this.resumeOnce(); return; }
      this.lost();
    };
  }

  // Refused: the token may be over; ask once over HTTP what stands.
  private async resumeOnce(): Promise<void> {
    if (this.closed) return;
    this.failures += 1;
    this.later("resume", () => void this.resume(), this.backoff());
  }

  private lost(): void {
    this.failures += 1;
    this.online = false;
    this.changed();
    const polling = this.failures >= TRIES;
    if (polling) this.poll();
    this.later("connect", () => this.connect(), polling ? SOCKET_AGAIN : this.backoff());
  }

  private poll(): void {
    this.later("poll", async () => {
      if (this.ready()) return;
      try {
        await this.ask();
        this.online = true;
        void this.flush();
      } catch { this.online = false; }
      this.changed();
      this.poll();
    }, POLL);
  }

  private async ask(): Promise<void> {
    const found = await this.call<Conversation & { messages: Message[] }>("messages", undefined, `?conversation=${this.conversation}&after=${this.last}`);
    this.stands(found);
    for (const message of found.messages) this.take(message);
    this.advance();
  }

  private hear(frame: any): void {
    switch (frame.type) {
      case "welcome":
        this.welcomed = true; this.online = true; this.failures = 0; this.wait = 500;
        this.stands(frame);
        for (const message of frame.messages) this.take(message);
        this.advance();
        if (frame.messages.length && this.last < frame.last_seq) this.say({ type: "ping", after: this.last });
        window.clearTimeout(this.timers.silent);
        this.beat();
        void this.flush();
        break;
      case "ack": this.settle(frame.client_id, frame.seq, frame.at); this.handler = frame.handler; break;
      case "message": this.take(frame); this.advance(); if (this.missing()) this.say({ type: "ping", after: this.last }); break;
      case "typing": this.writing = frame.who; this.later("writing", () => { this.writing = ""; this.changed(); }, 5000); break;
      case "stream": this.streaming = frame.text; break;
      case "state": this.later("state", () => void this.ask().then(this.changed).catch(() => undefined), 200); break;
      case "read": this.read = frame.seq; break;
      case "closed": this.closed = frame.code; break;
      case "error": this.refused(frame); break;
    }
    this.changed();
  }

  private refused(frame: { code: string; detail: string; client_id?: string }): void {
    const item = this.outbox.find((o) => o.client_id === frame.client_id);
    if (frame.code === "closed" || frame.code === "blocked") this.closed = frame.detail;
    else if (frame.code === "slow_down" || frame.code === "try_again") this.later("flush", () => void this.flush(), 2000 + this.backoff());
    else if (item) item.failed = frame.detail;
  }

  private stands(now: { state: string; handler: string; read: number }): void { this.state = now.state; this.handler = now.handler; this.read = now.read; }

  private take(message: Message): void {
    if (message.kind === "outgoing" || message.kind === "notice") this.streaming = this.writing = "";
    this.outbox = this.outbox.filter((o) => o.client_id !== message.client_id);
    this.messages.set(message.seq, message);
  }

  private settle(client_id: string, seq: number, at: string): void {
    const item = this.outbox.find((o) => o.client_id === client_id);
    this.outbox = this.outbox.filter((o) => o !== item);
    if (item && !this.messages.has(seq)) {
      const payload = item.files.length ? { files: item.files } : {};
      this.messages.set(seq, { seq, client_id, kind: "incoming", author: "visitor", author_name: "", body: item.body, payload, at });
    }
    this.advance();
    if (this.missing() && this.ready()) this.say({ type: "ping", after: this.last });
    this.keep();
    this.changed();
  }

  private advance(): void { while (this.messages.has(this.last + 1)) this.last += 1; this.keep(); }
  private missing(): boolean { for (const seq of this.messages.keys()) if (seq > this.last) return true; return false; }

  private beat(): void {
    this.later("beat", () => {
      if (!this.ready()) return;
      this.say({ type: "ping", after: this.last });
      this.later("silent", () => this.socket?.close(), 10_000);  // no answer: the line is dead
      this.beat();
    }, HEARTBEAT);
  }

  private backoff(): number { const now = this.wait; this.wait = Math.min(this.wait * 2, 15_000); return now + Math.random() * 500; }
  private later(name: string, act: () => void, ms: number): void { window.clearTimeout(this.timers[name]); this.timers[name] = window.setTimeout(act, ms); }
}

function random(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
