// Graphs and flows: nodes and what joins them. A node that has a page opens it.
import type { EChartsCoreOption } from "echarts/core";

interface GraphNode { id: string; name: string; kind: string; href: string; size: number; middle: boolean }
interface GraphLink { source: string; target: string; name: string; width: number; tone: "bad" | "good" | "plain" }
interface GraphData { kind: "graph"; kinds: { key: string; name: string }[]; nodes: GraphNode[]; links: GraphLink[] }
interface FlowNode { name: string; label: string; column: number; tone: "bad" | "good" | "plain" }
interface FlowLink { source: string; target: string; value: number; note: string }
interface FlowData { kind: "sankey"; nodes: FlowNode[]; links: FlowLink[] }
export type PictureData = GraphData | FlowData;
type Token = (name: string) => string;

export function isPicture(data: { kind: string }): data is PictureData {
  return data.kind === "graph" || data.kind === "sankey";
}

export function pictureOptions(data: PictureData, canvas: HTMLElement, token: Token, palette: string[]): EChartsCoreOption {
  return data.kind === "graph" ? graph(data, canvas, token, palette) : flow(data, token, palette);
}

const toned = (token: Token): Record<string, string> => ({ bad: token("--bad"), good: token("--good"), plain: token("--ink-soft") });

// Places are worked out here, the same each time: springs from a ring sorted by kind.
function graph(data: GraphData, canvas: HTMLElement, token: Token, palette: string[]): EChartsCoreOption {
  const ink = token("--ink");
  const tones = toned(token);
  const places = springs(data, canvas.clientWidth, canvas.clientHeight);
  const many = data.nodes.length > 40;
  const named = new Set([...data.nodes].sort((a, b) => b.size - a.size).slice(0, many ? 40 : 200).map((n) => n.id));
  return {
    animation: false, color: palette, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily.replaceAll('"', "'"), color: ink },
    legend: { type: "scroll", top: 0, left: 0, textStyle: { color: token("--ink-soft") }, data: data.kinds.map((k) => k.name) },
    tooltip: { renderMode: "richText", confine: true, formatter: (one: { data: { name: string; told?: string } }) => one.data.told ?? one.data.name },
    series: [{
      type: "graph", layout: "none", roam: true, draggable: true, top: 44, bottom: 16, left: 40, right: 60, scaleLimit: { min: 0.5, max: 6 },
      categories: data.kinds.map((k, i) => ({ name: k.name, itemStyle: { color: palette[i % palette.length] } })),
      data: data.nodes.map((n, i) => ({
        id: n.id, name: n.name, x: places[i]?.[0], y: places[i]?.[1], symbolSize: n.size, href: n.href,
        category: data.kinds.findIndex((k) => k.key === n.kind),
        label: { show: named.has(n.id) || n.middle, position: "right", color: ink, fontWeight: n.middle ? "bold" : "normal", width: 130, overflow: "truncate" },
        itemStyle: n.middle ? { borderColor: ink, borderWidth: 3 } : undefined,
      })),
      links: data.links.map((l) => ({ source: l.source, target: l.target, told: l.name, lineStyle: { width: l.width, color: tones[l.tone], opacity: 0.45, curveness: 0.08 } })),
      labelLayout: { hideOverlap: true },
      emphasis: { focus: "adjacency", lineStyle: { opacity: 0.9 } },
    }],
  };
}

// Fruchterman and Reingold 1991, with a pull to the middle so that what is apart stays in sight.
function springs(data: GraphData, width: number, height: number): [number, number][] {
  const n = data.nodes.length;
  const index = new Map(data.nodes.map((node, i) => [node.id, i]));
  const at = data.nodes.map((node, i): [number, number] => node.middle ? [0, 0] : [Math.cos((2 * Math.PI * i) / n) * width / 2, Math.sin((2 * Math.PI * i) / n) * height / 2]);
  const ends = data.links.map((l): [number, number] => [index.get(l.source) as number, index.get(l.target) as number]);
  const apart = 0.9 * Math.sqrt((width * height) / Math.max(1, n));
  for (let turn = 0; turn < 300; turn++) {
    const heat = (apart * (300 - turn)) / 300;
    const push = at.map((p): [number, number] => [-p[0] * 0.02 * (height / width), -p[1] * 0.02]);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) force(at, push, i, j, (d) => (apart * apart) / d);
    for (const [i, j] of ends) if (i !== j) force(at, push, i, j, (d) => -(d * d) / apart);
    at.forEach((p, i) => {
      const [x, y] = push[i] as [number, number];
      const far = Math.hypot(x, y) || 1;
      p[0] += (x / far) * Math.min(far, heat);
      p[1] += (y / far) * Math.min(far, heat);
    });
  }
  return at;
}

function force(at: [number, number][], push: [number, number][], i: number, j: number, strength: (d: number) => number): void {
  const [a, b, p, q] = [at[i], at[j], push[i], push[j]] as [[number, number], [number, number], [number, number], [number, number]];
  const [dx, dy] = [a[0] - b[0] || 0.01 * (i - j), a[1] - b[1] || 0.01];
  const d = Math.max(1, Math.hypot(dx, dy));
  const f = strength(d);
  p[0] += (dx / d) * f; p[1] += (dy / d) * f;
  q[0] -= (dx / d) * f; q[1] -= (dy / d) * f;
}

function flow(data: FlowData, token: Token, palette: string[]): EChartsCoreOption {
  const ink = token("--ink");
  const tones = toned(token);
  const colors = new Map([...new Set(data.nodes.filter((n) => n.tone === "plain").map((n) => n.label))].map((label, i) => [label, palette[i % palette.length]]));
  const labels = new Map(data.nodes.map((n) => [n.name, n.label]));
  return {
    animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily.replaceAll('"', "'"), color: ink },
    tooltip: {
      renderMode: "richText", confine: true,
      formatter: (one: { dataType: string; name: string; data: FlowLink }) =>
        one.dataType === "edge" ? `${labels.get(one.data.source) ?? ""} → ${labels.get(one.data.target) ?? ""}: ${one.data.note}` : (labels.get(one.name) ?? one.name),
    },
    series: [{
      type: "sankey", left: 8, right: 130, top: 16, bottom: 16, nodeGap: 12, nodeWidth: 14, draggable: false, layoutIterations: 64,
      data: data.nodes.map((n) => ({ name: n.name, depth: n.column, itemStyle: { color: n.tone === "plain" ? colors.get(n.label) : tones[n.tone] } })),
      links: data.links,
      label: { color: ink, formatter: (one: { name: string }) => labels.get(one.name) ?? one.name, width: 120, overflow: "truncate" },
      lineStyle: { color: "gradient", opacity: 0.35, curveness: 0.5 },
      emphasis: { focus: "adjacency" },
    }],
  };
}

export function pictureCsv(data: PictureData, guard: (text: string) => string): string {
  if (data.kind === "sankey") {
    const labels = new Map(data.nodes.map((n) => [n.name, n.label]));
    return ["from,to,n,note", ...data.links.map((l) => [guard(labels.get(l.source) ?? ""), guard(labels.get(l.target) ?? ""), l.value, guard(l.note)].join(","))].join("\n");
  }
  return ["edge", ...data.links.map((l) => guard(l.name))].join("\n");
}
