// Three plots of the last minutes, drawn by uPlot: rates, latencies, what waits.
import { html, Component } from "/static/vendor/preact-htm.js";
import { consumers, rates, s } from "/static/state.js";
import { ms, rate } from "/static/words.js";

const HEIGHT = 122;
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Plot extends Component {
  // uPlot draws by itself: what it drew is not rendered again.
  shouldComponentUpdate(next) {
    if (next.lines.length !== this.props.lines.length) { this.plot.destroy(); this.make(next); }
    else this.plot.setData(next.data);
    return false;
  }
  componentDidMount() {
    this.make(this.props);
    this.observer = new ResizeObserver(() => { if (this.base.clientWidth) this.plot.setSize({ width: this.base.clientWidth, height: HEIGHT }); });
    this.observer.observe(this.base);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot.redraw(false, true));
  }
  make({ lines, data, log }) {
    const axis = { stroke: () => css("--dim"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { show: false }, font: "10px system-ui" };
    const y = log ? { distr: 3, log: 10, range: (_, low, high) => [10, Math.max(2000, high ?? 0)] } : { range: (_, low, high) => [0, Math.max(4, (high ?? 0) * 1.1)] };
    this.plot = new uPlot({
      width: this.base.clientWidth || 400, height: HEIGHT, padding: [8, 12, 0, 0], legend: { show: false }, cursor: { show: false },
      scales: { x: { range: () => [s.now / 1000 - s.window, s.now / 1000] }, y },
      axes: [{ ...axis, space: 48, size: 24, gap: 5, values: (_, v) => v.map(t => new Date(t * 1000).toTimeString().slice(0, 5)) },
        { ...axis, size: 44, space: 24, ...(log ? { splits: () => [10, 100, 1000, 10000] } : {}), values: (_, v) => v.map(n => n == null ? "" : log ? (n >= 1000 ? `${n / 1000} s` : `${n} ms`) : n) }],
      series: [{}, ...lines.map(([, colour, dash, width]) => ({ stroke: () => css(colour), width: width ?? 1.75, dash, spanGaps: false, points: log ? { show: true, size: 5, fill: () => css(colour) } : { show: false } }))],
    }, data, this.base);
  }
  render() { return html`<div class="plot"></div>`; }
}

const column = (rows, ...indexes) => [rows.map(r => r[0]), ...indexes.map(i => rows.map(r => r[i] ?? null))];
const Key = ({ lines }) => html`<p class="legend">${lines.map(([name, colour, dash]) => html`<span class=${dash ? "dashed" : ""}><i class=${`c${colour}`}></i>${name}</span>`)}</p>`;

function Panel({ id, title, says, lines, data, log, empty }) {
  const bare = !data[0].length;
  return html`<section class="card" aria-labelledby=${id}><h2 id=${id}>${title}</h2><p class="says">${says}</p><${Plot} lines=${lines} data=${data} log=${log}/>${bare ? html`<p class="empty">${empty}</p>` : html`<${Key} lines=${lines}/>`}</section>`;
}

const RATES = [["accepted", "--accepted"], ["placed", "--placed"], ["events published", "--published"]];
const LATENCIES = [["placed, p95", "--placed"], ["published, p95", "--published"], ["placed, p50", "--placed", [3, 3], 1], ["published, p50", "--published", [3, 3], 1]];
const READERS = ["--handled", "--published", "--placed", "--dim"];

export function Plots() {
  const last = s.rows.findLast(r => r[6] != null), r = rates();
  const waiting = [["order queue", "--accepted"], ...consumers().map((c, i) => [c, READERS[i % READERS.length]]), ["dead letters", "--bad", undefined, 2.5]];
  const now = s.depths.at(-1)?.slice(1, -1).reduce((n, x) => n + x, 0) ?? 0;
  const soon = s.local ? "No order in the last minutes: place one." : "CloudWatch has no data point of the last hour.";
  const idle = s.local && !s.rows.some(row => row[1] || row[2] || row[3]);
  return html`<${Panel} id="p-rate" title="Orders per second" says=${`${rate(r.accepted)} accepted, ${rate(r.published)} events`} lines=${RATES} data=${column(s.rows, 1, 2, 3)} empty=${soon}/>
    <${Panel} id="p-latency" title="From accepted to placed and published" says=${last ? `p95: placed ${ms(last[6])}, published ${ms(last[8])}` : idle ? soon : ""} log=${true} lines=${LATENCIES} data=${column(s.rows, 6, 8, 5, 7)} empty=${soon}/>
    <${Panel} id="p-waiting" title="Waiting in each queue" says=${`${now} now`} lines=${waiting} data=${column(s.depths.filter(d => d.length === waiting.length + 1), ...waiting.map((_, i) => i + 1))} empty="The first look at the queues is on its way."/>`;
}
