// The order's path as a list of stations, with lines between them and dots that move as orders do.
import { html, Component } from "/static/vendor/preact-htm.js";
import { act, consumers, dead, depth, off, onMove, passed, queue, rates, s, state } from "/static/state.js";
import { age, count, rate, short } from "/static/words.js";

/** The state of who does not run: paused, failing, ended, not started, or Lambda’s own word. */
const stopped = name => { const now = state(name); return now && now !== "running" ? now : null; };

function Switch({ name }) {
  const now = state(name);
  if (!s.allowed || !now || now === "ended" || now === "not started") return null;
  const runs = now === "running", canFail = s.local && consumers().includes(name);
  return html`<div class="switch">
    <button class="small" aria-disabled=${off()} onClick=${() => act(runs ? "pause" : "resume", name, `${runs ? "Pause" : "Resume"} ${name}`)}>${runs ? html`<span aria-hidden="true">❚❚</span> Pause` : html`<span aria-hidden="true">▶</span> Resume`}<span class="hidden"> ${name}</span></button>
    ${runs && canFail ? html`<button class="small" aria-disabled=${off()} title="It fails at each event, as with a bug" onClick=${() => act("fail", name, `Make ${name} fail`)}>Fail<span class="hidden"> ${name}</span></button>` : null}
  </div>`;
}

function Station({ id, name, number, note, reader, tone = "" }) {
  const now = reader && stopped(reader);
  return html`<li class=${`station ${now ? "halted" : ""}`} data-station=${id}>
    <h3>${name}</h3><p class=${`number h-${tone}`}>${number}</p><p class="note">${now ?? note}</p>${reader ? html`<${Switch} name=${reader}/>` : null}</li>`;
}

function QueueStation({ id, name, of, deadName }) {
  const q = queue(of), n = depth(of), letters = dead(deadName ?? of);
  const fill = n ? Math.min(100, Math.round(Math.log10(1 + n) / 3 * 100)) : 0;
  return html`<li class=${`station queue ${n && q?.oldest > 10 ? "late" : ""}`} data-station=${id}>
    <h3>${name}</h3><p class="number">${short(n)}</p>
    <p class="note">${!n ? "empty" : q?.oldest == null ? "age unknown" : `oldest ${age(q.oldest)}`}</p>
    <div class="gauge" aria-hidden="true"><div style=${{ width: `${fill}%` }}></div></div>
    ${letters ? html`<a class="letters" href="#dead">${count(letters)} dead</a>` : null}</li>`;
}

const DOTS = { rejected: "bad", updated: "dim" };
const pair = c => [`queue:${c}`, `reader:${c}`];
/** From station to station, by what passes. */
const legs = hop => {
  const [what, who] = hop.split(":");
  return { accepted: ["clients", "api", "orders"], placed: ["orders", "processor", "table"], rejected: ["orders", "processor", "table"],
    updated: ["api", "table"], published: ["table", "publisher", "topic"], handled: who && ["topic", ...pair(who)] }[what];
};

export class Pipeline extends Component {
  componentDidMount() {
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(this.base);
    onMove(moves => this.launch(moves));
    this.measure();
  }
  componentDidUpdate() { if (this.known !== consumers().join()) { this.known = consumers().join(); this.measure(); } }

  measure() {
    const frame = this.base.getBoundingClientRect(), places = {};
    for (const each of this.base.querySelectorAll("[data-station]")) {
      const r = each.getBoundingClientRect();
      places[each.dataset.station] = { x: r.left - frame.left + r.width / 2, y: r.top - frame.top + r.height / 2 };
    }
    this.wide = getComputedStyle(this.base.querySelector("ol")).display === "grid";
    this.setState({ places, width: frame.width, height: frame.height });
  }

  launch(moves) {
    if (!this.wide || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.dots ??= [];
    for (const [hop, n] of Object.entries(moves)) {
      const way = legs(hop)?.map(id => this.state.places?.[id]);
      if (!way || way.some(p => !p)) continue;
      const shown = Math.min(n, 8);  // one dot stands for several when many pass
      for (let i = 0; i < shown; i++) this.dots.push({ way, hop, start: performance.now() + i * 200 / shown, size: Math.min(7, 3.4 + Math.log2(n / shown)), off: (Math.random() - 0.5) * Math.min(14, n) });
    }
    this.dots = this.dots.slice(-240);
    if (!this.drawing && this.dots.length) { this.drawing = true; this.last = 0; requestAnimationFrame(t => this.draw(t)); }
  }

  draw(t) {
    const canvas = this.base.querySelector("canvas");
    if (t - this.last > 30) {  // thirty frames a second are plenty
      this.last = t;
      const ratio = devicePixelRatio || 1, w = Math.round(this.state.width * ratio), h = Math.round(this.state.height * ratio);
      if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
      const c = canvas.getContext("2d"), style = getComputedStyle(this.base);
      c.setTransform(ratio, 0, 0, ratio, 0, 0); c.clearRect(0, 0, this.state.width, this.state.height);
      this.dots = this.dots.filter(d => t - d.start < 900);
      for (const d of this.dots) {
        const p = (t - d.start) / 900;
        if (p < 0) continue;
        const at = Math.min(p * (d.way.length - 1), d.way.length - 1 - 1e-6), i = Math.floor(at), f = at - i, a = d.way[i], b = d.way[i + 1];
        c.fillStyle = style.getPropertyValue(`--${DOTS[d.hop] ?? d.hop.split(":")[0]}`); c.globalAlpha = p > 0.85 ? (1 - p) / 0.15 : 0.95;
        c.beginPath(); c.arc(a.x + (b.x - a.x) * f, a.y + (b.y - a.y) * f * f * (3 - 2 * f) + d.off, d.size, 0, 7); c.fill();
      }
      c.globalAlpha = 1;
    }
    if (this.dots.length) requestAnimationFrame(x => this.draw(x)); else this.drawing = false;
  }

  lines() {
    const at = this.state.places;
    if (!at || !this.wide) return null;
    const main = ["clients", "api", "orders", "processor", "table", "publisher", "topic"].map(id => at[id]).filter(Boolean);
    const bend = (a, b) => { const m = (a.x + b.x) / 2; return `M${a.x},${a.y}C${m},${a.y} ${m},${b.y} ${b.x},${b.y}`; };
    const arms = consumers().flatMap(c => pair(c).every(id => at[id]) && at.topic ? [bend(at.topic, at[pair(c)[0]]), bend(at[pair(c)[0]], at[pair(c)[1]])] : []);
    return html`<svg class="lines" aria-hidden="true" width=${this.state.width} height=${this.state.height}><path d=${main.map((p, i) => `${i ? "L" : "M"}${p.x},${p.y}`).join("")}/>${arms.map(d => html`<path d=${d}/>`)}</svg>`;
  }

  render() {
    const r = rates(), stored = passed("placed") + (passed("rejected") ?? 0), span = s.local ? "" : ", last hour";
    return html`<div class="pipeline">${this.lines()}<ol aria-label="The order's path" class=${`arms-${Math.max(1, consumers().length)}`}>
      <${Station} id="clients" name="clients" number=${rate(r.accepted)} note="send orders"/>
      <${Station} id="api" name="API" number=${short(passed("accepted"))} note=${`answered 202${span}`} tone="accepted"/>
      <${QueueStation} id="orders" name="order queue" of="orders"/>
      <${Station} id="processor" name="processor" number=${short(stored)} note=${`${rate(r.placed)} stored`} reader="processor" tone="placed"/>
      <${Station} id="table" name="table" number=${short(s.local ? stored + passed("updated") : null)} note="versions written"/>
      <${Station} id="publisher" name="publisher" number=${short(passed("published"))} note=${dead("events") ? html`<a class="letters" href="#dead">${count(dead("events"))} dead</a>` : `${rate(r.published)} events`} reader="publisher" tone="published"/>
      <${Station} id="topic" name="event topic" number=${consumers().length} note="subscribers"/>
      ${consumers().map((c, i) => html`<${QueueStation} key=${`q${c}`} id=${pair(c)[0]} name=${html`<span class="hidden whose">${c}’s </span>queue`} of=${c}/><${Station} key=${`c${c}`} id=${pair(c)[1]} name=${c} number=${short(passed(`handled:${c}`))} note=${s.local ? "handled" : "not counted here"} reader=${c} tone="handled"/>`)}
    </ol><canvas aria-hidden="true"></canvas><p class="hidden">Counts are of ${s.local ? "this run" : "the last hour"}.</p></div>`;
  }
}
