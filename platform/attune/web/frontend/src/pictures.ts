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
  const places = springs(data, canvas.clientWidth - 190, canvas.clientHeight - 80);
  const many = data.nodes.length > 40;
  const named = new Set([...data.nodes].sort((a, b) => b.size - a.size).slice(0, many ? 40 : 200).map((n) => n.id));
  return {
    animation: false, color: palette, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily.replaceAll('"', "'"), color: ink },
    legend: { type: "scroll", top: 0, left: 0, textStyle: { color: token("--ink-soft") }, data: data.kinds.map((k) => k.name) },
    tooltip: { renderMode: "richText", confine: true, formatter: (one: { data: { name: string; told?: string } }) => one.data.told ?? one.data.name },
    series: [{
      type: "graph", layout: "none", roam: true, draggable: true, top: 56, bottom: 24, left: 40, right: 150, scaleLimit: { min: 0.5, max: 6 },
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

// Fruchterman and Reingold 1991, with three changes: a pull to the middle and no push from afar, so
// that what is apart stays in sight; a hub pulls each of its many less. Then overlaps are parted, and
// all of it is stretched to the box, so that circles stay circles.
function springs(data: GraphData, width: number, height: number): [number, number][] {
  const n = data.nodes.length;
  const index = new Map(data.nodes.map((node, i) => [node.id, i]));
  const at = data.nodes.map((node, i): [number, number] => node.middle ? [0, 0] : [Math.cos((2 * Math.PI * i) / n) * width / 3, Math.sin((2 * Math.PI * i) / n) * height / 3]);
  const ends = data.links.map((l): [number, number] => [index.get(l.source) as number, index.get(l.target) as number]);
  const degree = new Array<number>(n).fill(0);
  for (const [i, j] of ends) { degree[i] = (degree[i] ?? 0) + 1; degree[j] = (degree[j] ?? 0) + 1; }
  const apart = Math.sqrt((width * height) / Math.max(1, n));
  for (let turn = 0; turn < 400; turn++) {
    const heat = (apart * (400 - turn)) / 400;
    const push = at.map((p): [number, number] => [-p[0] * 0.12 * (height / width), -p[1] * 0.12]);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) force(at, push, i, j, (d) => (d > 4 * apart ? 0 : (apart * apart) / d));
    for (const [i, j] of ends) if (i !== j) force(at, push, i, j, (d) => -(d * d) / apart / Math.sqrt(Math.max(degree[i] ?? 1, degree[j] ?? 1)));
    move(at, push, heat);
  }
  for (let turn = 0; turn < 60; turn++) {
    const push = at.map((): [number, number] => [0, 0]);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) {
      const least = 18 + ((data.nodes[i]?.size ?? 0) + (data.nodes[j]?.size ?? 0)) / 2;
      force(at, push, i, j, (d) => Math.max(0, least - d) / 2);
    }
    move(at, push, apart);
  }
  return stretched(at, width, height);
}

function move(at: [number, number][], push: [number, number][], most: number): void {
  at.forEach((p, i) => {
    const [x, y] = push[i] as [number, number];
    const far = Math.hypot(x, y) || 1;
    p[0] += (x / far) * Math.min(far, most);
    p[1] += (y / far) * Math.min(far, most);
  });
}

function stretched(at: [number, number][], width: number, height: number): [number, number][] {
  const [xs, ys] = [at.map((p) => p[0]), at.map((p) => p[1])];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - left || 1, Math.max(...ys) - top || 1];
  return at.map((p): [number, number] => [((p[0] - left) / wide) * width, ((p[1] - top) / high) * height]);
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
