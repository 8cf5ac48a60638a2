// Charts by Apache ECharts, loaded only on pages that have one. Intervals are always drawn.
import * as echarts from "echarts/core";
import { BarChart, CustomChart, GraphChart, LineChart, SankeyChart } from "echarts/charts";
import { GridComponent, LegendComponent, LegendScrollComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import langZH from "echarts/i18n/langZH-obj.js";
import { SVGRenderer } from "echarts/renderers";
import { type PictureData, isPicture, pictureCsv, pictureOptions } from "./pictures";
import { t } from "./words";

echarts.use([BarChart, LineChart, CustomChart, GraphChart, SankeyChart, GridComponent, LegendComponent, LegendScrollComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

echarts.registerLocale("ZH", langZH);

interface Series { name: string; values: (number | null)[]; low?: (number | null)[]; high?: (number | null)[] }
interface ChartData { kind: "line" | "bar" | "area"; unit: string; zero?: boolean; time?: boolean; limit?: number | null; along?: string; x: string[]; series: Series[] }

// Okabe and Ito's palette, told apart by every common kind of colour vision.
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1"];

// A token as the colour it is now: light-dark() is resolved only on an element that wears it.
function token(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

function axes(data: ChartData): echarts.EChartsCoreOption {
  const ink = token("--ink-soft");
  const line = token("--line");
  const series: unknown[] = [];
  data.series.forEach((one, index) => {
    const color = PALETTE[index % PALETTE.length];
    series.push({
      name: one.name, type: data.kind === "bar" ? "bar" : "line", color,
      data: data.time ? one.values.map((v, i) => [at(data, i), v]) : one.values,
      showSymbol: false, stack: data.kind === "area" ? "all" : undefined,
      areaStyle: data.kind === "area" ? { opacity: 0.35 } : undefined, lineStyle: { width: 2 },
      step: data.kind === "area" ? "end" : undefined,
      markLine: data.zero && index === 0
        ? { silent: true, symbol: "none", data: [{ yAxis: 0 }], lineStyle: { color: ink, type: "dashed" }, label: { show: false } }
        : undefined,
    });
    if (one.low && one.high) series.push(band(data, one, color ?? "#0072b2"));
  });
  return {
    animation: false, useUTC: true, color: PALETTE, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily.replaceAll('"', "'"), color: ink },
    grid: { left: 56, right: 16, top: data.series.length > 1 ? 36 : 16, bottom: 28 },
    legend: data.series.length > 1 ? { type: "scroll", top: 0, left: 56, itemGap: 18, textStyle: { color: ink }, data: data.series.map((s) => s.name) } : undefined,
    tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (v: unknown) => (typeof v === "number" ? `${v.toPrecision(4)} ${data.unit}` : "–") },
    xAxis: {
      ...(data.time ? { type: "time", splitNumber: 4 } : { type: "category", data: data.x }),
      axisLabel: { color: ink, hideOverlap: true }, axisLine: { lineStyle: { color: line } },
    },
    yAxis: { type: "value", name: data.series.length > 1 ? "" : data.unit, nameTextStyle: { color: ink }, axisLabel: { color: ink }, splitLine: { lineStyle: { color: line } }, ...(data.limit ? { min: -data.limit, max: data.limit, interval: data.limit / 2 } : {}), ...(data.kind === "area" ? { max: 100 } : {}) },
    series,
  };
}

// Times come as they stand on the workspace's wall; read as UTC, they are drawn as they are.
function at(data: ChartData, index: number): number {
  return Date.parse(`${data.x[index]}Z`);
}

// The interval as a translucent band between low and high.
function band(data: ChartData, one: Series, color: string): unknown {
  const points = one.values.map((_, i) => [data.time ? at(data, i) : i, one.low?.[i] ?? null, one.high?.[i] ?? null]);
  return {
    name: `${one.name} ${t("interval")}`, type: "custom", silent: true, clip: true, tooltip: { show: false }, data: points,
    encode: { x: 0, y: [1, 2] }, z: 1,
    renderItem: (params: { dataIndex: number }, api: { value(i: number): number; coord(p: [number, number]): [number, number] }) => {
      const i = params.dataIndex;
      const next = points[i + 1];
      if (!next || next[1] === null || points[i]?.[1] === null) return null;
      const place = (p: (number | null)[], which: 1 | 2): [number, number] => api.coord([p[0] as number, p[which] as number]);
      const here = points[i] as (number | null)[];
      return { type: "polygon", shape: { points: [place(here, 1), place(next, 1), place(next, 2), place(here, 2)] }, style: { fill: color, opacity: 0.14 } };
    },
  };
}

function draw(figure: HTMLElement): void {
  const source = figure.querySelector("script[type='application/json']");
  const canvas = figure.querySelector<HTMLElement>(".chart-canvas");
  if (!source || !canvas || canvas.dataset.drawn) return;
  canvas.dataset.drawn = "yes";
  const data = JSON.parse(source.textContent ?? "{}") as ChartData | PictureData;
  const options = (): echarts.EChartsCoreOption => (isPicture(data) ? pictureOptions(data, canvas, token, PALETTE) : axes(data));
  const chart = echarts.init(canvas, undefined, { renderer: "svg", locale: document.documentElement.lang.startsWith("zh") ? "ZH" : "EN" });
  chart.setOption(options());
  chart.on("click", (one) => {
    const href = (one.data as { href?: string } | undefined)?.href;
    if (href) location.assign(href);
  });
  new ResizeObserver(() => chart.resize()).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.setOption(options()));
  figure.querySelector("[data-save=png]")?.addEventListener("click", () => save(chart.getDataURL({ type: "svg" }), figure.id, "png", canvas));
  figure.querySelector("[data-save=csv]")?.addEventListener("click", () => download(`data:text/csv;charset=utf-8,${encodeURIComponent(isPicture(data) ? pictureCsv(data, guard) : csv(data))}`, `${figure.id}.csv`));
}

const guard = (text: string): string => `"${(/^[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;

function csv(data: ChartData): string {
  const heads = data.series.flatMap((s) => (s.low ? [s.name, `${s.name} ${t("low")}`, `${s.name} ${t("high")}`] : [s.name]));
  const lines = data.x.map((x, i) => [guard(x), ...data.series.flatMap((s) => (s.low ? [s.values[i], s.low[i], s.high?.[i]] : [s.values[i]]))].join(","));
  return [[guard(`${data.along ?? t("when")} (${data.unit})`), ...heads.map(guard)].join(","), ...lines].join("\n");
}

function download(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

// The drawing is SVG; as PNG it is painted once on a canvas, twice as large for a slide.
function save(svg: string, name: string, kind: string, from: HTMLElement): void {
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = from.clientWidth * 2;
    canvas.height = from.clientHeight * 2;
    const paper = canvas.getContext("2d") as CanvasRenderingContext2D;
    paper.fillStyle = token("--card");
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
    download(canvas.toDataURL("image/png"), `${name}.${kind}`);
  };
  picture.src = svg;
}

function drawAll(): void {
  document.querySelectorAll<HTMLElement>(".chart").forEach(draw);
}
drawAll();  // app.ts loads this file when a page holds a chart
document.addEventListener("htmx:afterSettle", drawAll);
