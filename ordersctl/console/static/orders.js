// Orders, newest first, each with its hops on one scale of time.
import { html } from "/static/vendor/preact-htm.js";
import { s } from "/static/state.js";
import { ms } from "/static/words.js";

const SHOWN = 16, MARKS = [10, 100, 1000, 10000], MOST = Math.log10(1 + 60000 / 5);
const x = after => 6 + Math.min(1, Math.log10(1 + Math.max(0, after) / 5) / MOST) * 468;
export const hopsOf = order => [...order.hops].sort((a, b) => a[0] - b[0]);
const tone = hop => `h-${hop.split(":")[0]}`;
export const called = hop => hop.startsWith("handled:") ? `${hop.slice(8)} handled` : hop;

/** When an order was accepted, by the table or by how long it took until it was placed: the first log line is milliseconds later. */
export const startOf = order => {
  const hops = hopsOf(order), placed = hops.find(h => h[3].placed_after_ms >= 0);
  return Math.min(hops[0][0], Date.parse(order.stored?.placed_at) || (placed ? placed[0] - placed[3].placed_after_ms : Infinity));
};

export function Timeline({ order }) {
  const hops = hopsOf(order);
  if (!hops.length) return null;
  const start = startOf(order), end = hops.at(-1)[0] - start;
  return html`<svg class="timeline" viewBox="0 0 480 20" preserveAspectRatio="none" role="img" aria-label=${hops.map(h => `${called(h[1])} after ${h[0] - start} ms`).join(", ")}>
    ${MARKS.map(m => html`<line class="mark" x1=${x(m)} x2=${x(m)} y1="0" y2="20"/>`)}<line class="base" x1=${x(0)} x2=${x(end)} y1="10" y2="10"/>
    ${hops.map(h => html`<path class=${`hop ${tone(h[1])}`} d=${`M${x(h[0] - start)},6v8`}><title>${called(h[1])} +${h[0] - start} ms</title></path>`)}</svg>`;
}

export function Orders({ open }) {
  const list = [...s.orders.values()].filter(o => o.hops.length).sort((a, b) => hopsOf(b)[0][0] - hopsOf(a)[0][0]).slice(0, SHOWN);
  const first = (o, ...names) => { const hops = hopsOf(o), h = hops.find(each => names.includes(each[1])); return h ? h[0] - startOf(o) : null; };
  return html`<section class="card orders" aria-labelledby="orders-title"><h2 id="orders-title">Orders, newest first</h2>
    <p class="legend">${["accepted", "placed", "published", "handled", "updated"].map(n => html`<span><i class=${`h-${n}`}></i>${n}</span>`)}</p>
    ${list.length ? html`<table><thead><tr><th scope="col">order</th><th scope="col">status</th><th scope="col" class="n wide">placed</th><th scope="col" class="n wide">published</th><th scope="col" class="scale"><span class="hidden">hops, in time after the first</span><div class="axis" aria-hidden="true">${MARKS.map(m => html`<span style=${{ left: `${x(m) / 4.8}%` }}>${m < 1000 ? `${m} ms` : `${m / 1000} s`}</span>`)}</div></th></tr></thead>
    <tbody>${list.map(o => html`<tr key=${o.id} class=${s.now - o.fresh < 1500 ? "fresh" : ""}><th scope="row"><button class="link mono" onClick=${() => open(o.id)}><span class="hidden">Trace </span>${o.id.slice(0, 12)}…</button></th><td><span class=${`chip s-${o.status}`}>${o.status}</span></td><td class="n wide">${ms(first(o, "placed", "rejected"))}</td><td class="n wide">${ms(first(o, "published"))}</td><td class="scale"><${Timeline} order=${o}/></td></tr>`)}</tbody></table>`
    : s.local ? html`<p class="empty">No order yet. <strong>Place an order</strong>, at the top, and it shows up here.</p>`
    : html`<p class="empty">On AWS, orders are shown by the live tail of the logs, which costs money and is off. Start the console with <code>--live-tail</code> to see them.</p>`}
    <${Find} open=${open}/></section>`;
}

function Find({ open }) {
  const find = event => { event.preventDefault(); const id = event.target.elements.id.value.trim(); if (id) open(id); };
  return html`<form class="find" onSubmit=${find}><label for="find-id">Any order’s trace</label><input id="find-id" name="id" class="mono" placeholder="ord_…" autocomplete="off" spellcheck="false"/><button class="small">Trace</button></form>`;
}
