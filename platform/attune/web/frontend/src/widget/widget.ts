// One script tag puts the chat on a page:
//   <script async src="https://…/static/dist/widget.js" data-inbox="ibx_…"></script>
// data-identity: a token in which your server vouches for a signed-in customer. data-theme: light or dark.
import { AttuneChat } from "./view";

const script = document.currentScript as HTMLScriptElement | null;

function begin(): void {
  const inbox = script?.dataset.inbox;
  if (!script || !inbox) { console.warn("attune chat: the script tag has no data-inbox"); return; }
  if (document.querySelector("attune-chat")) return;
  customElements.define("attune-chat", AttuneChat);
  const chat = document.createElement("attune-chat") as AttuneChat;
  if (script.dataset.theme) chat.setAttribute("theme", script.dataset.theme);
  document.body.append(chat);
  void chat.begin(new URL(script.src).origin, inbox, script.dataset.identity ?? "");
}

if (document.body) begin(); else addEventListener("DOMContentLoaded", begin);
