// Live hints over a WebSocket: the server says what changed, the page asks for it again.
// A lost connection is said, retried, and bridged by asking every few seconds.

const POLL = 5000;
const SLOW = 1000;  // ms from the request of the page to its socket

export function connectLive(): void {
  const workspace = document.body.dataset.workspace;
  if (!workspace) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const url = `${scheme}://${location.host}/ws/${workspace}/live`;
  let wait = 500;
  let polling: number | undefined;

  function dispatch(topic: string, id = ""): void {
    document.body.dispatchEvent(new CustomEvent(`live-${topic}`, { detail: id }));
  }

  function everything(): void {
    for (const topic of ["jobs", "content", "models", "reviews", "experiments", "campaigns", "hooks", "automations", "segments", "conversations", "knowledge", "dialogue", "insights", "topics", "graph", "journeys", "findings", "reports", "alerts", "notices", "strategy", "predictions", "budget", "forecasts", "risk"]) dispatch(topic);
  }

  function show(online: boolean): void {
    document.body.classList.toggle("offline", !online);
  }

  function open(): void {
    const socket = new WebSocket(url);
    socket.onopen = () => {
      if (polling !== undefined || performance.now() > SLOW) everything();  // what came while it was away, or while a slow page had none yet
      else if (document.getElementById("thread")) dispatch("conversations");  // what came between page and socket
      window.clearInterval(polling);
      polling = undefined;
      wait = 500;
      show(true);
    };
    socket.onmessage = (message) => { const { topic, id } = JSON.parse(message.data); dispatch(topic, id); };
    socket.onclose = (end) => {
      if (end.code === 4404) return;
      show(false);
      polling ??= window.setInterval(everything, POLL);
      window.setTimeout(open, wait + Math.random() * 500);
      wait = Math.min(wait * 2, 15000);
    };
  }
  open();
}
