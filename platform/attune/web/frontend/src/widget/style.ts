// The widget's own style: nothing of the site comes in, nothing goes out.
export const CSS = `
:host { all: initial; position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; color-scheme: light dark;
  --ink: light-dark(#1d1d1b, #ececea); --soft: light-dark(#5a5a55, #a9a9a4); --card: light-dark(#fff, #1c1c1f); --sunk: light-dark(#f3f3f1, #2a2a2f);
  --line: light-dark(#dfdfdb, #3a3a41); --bad: light-dark(#b3261e, #ff9d95); font: 15px/1.45 system-ui, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", sans-serif; color: var(--ink); }
:host([theme=light]) { color-scheme: light; } :host([theme=dark]) { color-scheme: dark; }
* { box-sizing: border-box; } button, textarea, input { font: inherit; color: inherit; }
button { cursor: pointer; } :focus-visible { outline: 3px solid var(--tint); outline-offset: 2px; }
.launch { inline-size: 56px; block-size: 56px; border-radius: 50%; border: 0; background: var(--tint); color: var(--on); box-shadow: 0 4px 16px #0004; display: grid; place-items: center; position: relative; margin-inline-start: auto; }
.launch svg { inline-size: 26px; block-size: 26px; } svg { inline-size: 20px; block-size: 20px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.count { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 22px; border-radius: 11px; background: #b3261e; color: #fff; font-size: 12px; line-height: 22px; padding: 0 5px; font-weight: 700; }
.panel { inline-size: min(380px, calc(100vw - 40px)); block-size: min(620px, calc(100vh - 110px)); background: var(--card); border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 12px 40px #0005; display: flex; flex-direction: column; overflow: hidden; margin-block-end: 12px; }
[hidden] { display: none !important; }
header { background: var(--tint); color: var(--on); padding: 12px 14px; display: grid; grid-template-columns: 1fr auto auto; gap: 2px 8px; align-items: center; }
header h2 { font-size: 16px; margin: 0; font-weight: 650; } header p { margin: 0; grid-column: 1 / -1; font-size: 12.5px; }
header button { border: 1px solid currentColor; background: transparent; border-radius: 99px; padding: 3px 11px; font-size: 13px; color: inherit; }
header .x { border: 0; font-size: 20px; line-height: 1; padding: 4px 8px; }
.bar { font-size: 13px; padding: 7px 14px; background: var(--sunk); color: var(--soft); border-block-end: 1px solid var(--line); } .bar.bad { color: var(--bad); }
.log { flex: 1; overflow-y: auto; padding: 14px; display: flex; flex-direction: column; gap: 8px; overscroll-behavior: contain; }
.m { max-inline-size: 84%; align-self: flex-start; } .m.mine { align-self: flex-end; }
.m p { margin: 0; } .who { font-size: 12px; color: var(--soft); margin-block-end: 2px !important; }
.b { background: var(--sunk); border-radius: 4px 14px 14px 14px; padding: 8px 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
.mine .b { background: var(--tint); color: var(--on); border-radius: 14px 14px 4px 14px; } .mine .b a { color: inherit; }
.n { align-self: center; text-align: center; font-size: 13px; color: var(--soft); max-inline-size: 92%; overflow-wrap: anywhere; }
.s { font-size: 12px; color: var(--soft); text-align: end; } .s.bad { color: var(--bad); } .s button, .cite summary { border: 0; background: none; padding: 0 4px; text-decoration: underline; font-size: 12px; }
.cite { font-size: 12.5px; color: var(--soft); margin-block-start: 3px; } .cite ul { margin: 2px 0; padding-inline-start: 18px; }
.quick, .choose { display: flex; flex-wrap: wrap; gap: 6px; } .quick button, .choose button { border: 1px solid var(--tint-text); color: var(--tint-text); background: var(--card); border-radius: 99px; padding: 5px 13px; }
.choose button[aria-pressed=true] { background: var(--tint); color: var(--on); }
.csat { border: 1px solid var(--line); border-radius: 12px; padding: 10px 12px; align-self: stretch; } .csat div { display: flex; gap: 6px; justify-content: center; margin-block: 8px; }
.csat div button { font-size: 24px; line-height: 1; border: 2px solid transparent; background: none; border-radius: 10px; padding: 6px; } .csat div button[aria-pressed=true] { border-color: var(--tint); }
.csat textarea { inline-size: 100%; border: 1px solid var(--line); border-radius: 8px; background: var(--card); padding: 6px; } .csat .go { border: 1px solid var(--line); background: var(--sunk); border-radius: 8px; padding: 4px 12px; margin-block-start: 6px; }
.dots { letter-spacing: 3px; } @media (prefers-reduced-motion: no-preference) { .dots { animation: p 1.2s infinite; } @keyframes p { 50% { opacity: .35; } } }
form { border-block-start: 1px solid var(--line); padding: 10px; display: grid; grid-template-columns: auto 1fr auto; gap: 8px; align-items: end; }
form textarea { resize: none; border: 1px solid var(--line); border-radius: 10px; padding: 8px 10px; background: var(--card); max-block-size: 120px; min-block-size: 40px; }
form button, form label { border: 1px solid var(--line); background: var(--card); border-radius: 10px; block-size: 40px; min-inline-size: 40px; padding: 0 12px; display: grid; place-items: center; cursor: pointer; }
form .send { background: var(--tint); color: var(--on); border-color: var(--tint); } form input[type=file] { position: absolute; inline-size: 1px; block-size: 1px; opacity: 0; }
form label:focus-within { outline: 3px solid var(--tint); outline-offset: 2px; }
a { color: var(--tint-text); } img { max-inline-size: 100%; border-radius: 8px; display: block; }
.vh { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 480px) { :host { inset-block-end: 12px; inset-inline-end: 12px; } .panel { inline-size: calc(100vw - 24px); block-size: calc(100vh - 90px); } }
`;
