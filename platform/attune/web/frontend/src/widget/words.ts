// What the widget says, in the languages it speaks.
export type Words = Record<keyof typeof EN, string>;

const EN = {
  open: "Open the chat", close: "Close the chat", title: "Chat",
  ai: "You are talking to {bot}, an AI. It can be wrong.",
  people: "People answer here.",
  person: "Talk to a person", ask: "Ask {bot}", write: "Write to a person",
  greeting: "Hello! What can we do for you?",
  placeholder: "Write a message…", send: "Send", attach: "Add a file",
  you: "You", sending: "sending…", waiting: "not sent yet – we keep trying", failed: "Not sent.", again: "Try again", discard: "Discard",
  offline: "No connection. What you write is kept and sent as soon as it is back.",
  working: "Still working on it…", typing: "{who} is writing…", read: "read",
  queued: "A person has been asked for.", rate: "How was it?", thanks: "Thank you!", comment: "Anything to add?",
  stars: "{n} of 5", closed: "This chat is closed.", away: "We are back {when}.", big: "{name} is too large (5 MB at most).",
  slow: "Too many messages at once; wait a moment.", file: "File", newer: "New messages", source: "Sources",
  wrong: "Not right?", incorrect: "Not correct", incomplete: "Not complete", outdated: "Out of date", inappropriate: "Not appropriate", reported: "Thank you, we look at it.",
};
const ZH: Words = {
  open: "打开聊天", close: "关闭聊天", title: "聊天",
  ai: "您正在与 AI 助手{bot}对话，它可能出错。",
  people: "这里由人工答复。",
  person: "转人工", ask: "询问{bot}", write: "联系人工",
  greeting: "您好！有什么可以帮您？",
  placeholder: "请输入消息…", send: "发送", attach: "添加文件",
  you: "您", sending: "发送中…", waiting: "尚未发送，正在重试", failed: "未发送。", again: "重试", discard: "放弃",
  offline: "没有网络连接。您写的内容会保留，恢复后即发送。",
  working: "仍在处理…", typing: "{who}正在输入…", read: "已读",
  queued: "已请求人工。", rate: "这次服务如何？", thanks: "谢谢！", comment: "还想补充什么？",
  stars: "{n} 分（满分 5 分）", closed: "聊天已关闭。", away: "我们将于 {when} 回来。", big: "{name} 太大（最多 5 MB）。",
  slow: "消息太频繁，请稍候。", file: "文件", newer: "新消息", source: "来源",
  wrong: "有误？", incorrect: "不正确", incomplete: "不完整", outdated: "已过时", inappropriate: "不恰当", reported: "谢谢，我们会查看。",
};

export function wordsFor(language: string): Words {
  return language.toLowerCase().startsWith("zh") ? ZH : EN;
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
