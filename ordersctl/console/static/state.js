// The state of the page: what the stream sends, and the acts that the page asks for. Everything is kept in lists of fixed length.
const KEPT_ORDERS = 300, KEPT_TROUBLE = 60, KEPT_ACTS = 6, KEPT_DEPTHS = 600;

export const s = {
  live: false, stage: "", local: true, allowed: false, window: 300,
  orders: new Map(), totals: {}, ledger: { accepted: 0, waiting: 0, twice: 0 },
  gauges: { live: [], dead: [], groups: [], states: {}, error: null },
  rows: [], depths: [], trouble: [], acts: [], busy: "", now: Date.now(), missingSince: 0, listed: false,
};
const listeners = new Set(), movers = new Set();
export const onChange = f => listeners.add(f);
export const onMove = f => movers.add(f);
export const changed = () => listeners.forEach(f => f());
/** Whether nothing can be asked for now: an act runs, or the console does not answer. */
export const off = () => !!s.busy || !s.live;

/** What outlives a reload, for as long as this console runs: the last acts, and how far the tour is. */
export const tour = { at: 0, asked: -1 };
export function remember() { try { sessionStorage.setItem(s.run, JSON.stringify({ acts: s.acts, tour })); } catch { /* for this visit only */ } }
function recall() { try { const { acts, tour: { at } } = JSON.parse(sessionStorage.getItem(s.run)); s.acts = acts; tour.at = at; } catch { /* nothing was kept */ } }

export const queue = name => s.gauges.live.find(q => q.name === name);
export const depth = name => { const q = queue(name); return q ? q.waiting + q.in_flight : 0; };
export const consumers = () => s.gauges.live.slice(1).map(q => q.name);
export const dead = name => s.gauges.dead.filter(q => !name || q.name === name).reduce((n, q) => n + q.waiting + q.in_flight, 0);
export const state = name => s.gauges.states[name];
/** Whether no sample consumer was started. */
export const bare = () => s.local && consumers().length > 0 && consumers().every(c => state(c) === "not started");
export const halted = () => Object.keys(s.gauges.states).filter(n => state(n) !== "running" && !(bare() && state(n) === "not started"));

/** Per second, over the last five whole seconds or, on AWS, the last minute but one: metrics come late. */
export function rates() {
  const span = s.local ? 5 : 1, since = s.now / 1000 - (s.local ? 7 : 240);
  const near = s.rows.filter(r => r[0] >= since), last = s.local ? near.slice(-span) : near.slice(-2, -1), mean = i => last.reduce((n, r) => n + r[i], 0) / span;
  return { accepted: mean(1), placed: mean(2), published: mean(3), handled: mean(4) };
}

/** How many passed a hop: since the run began or, on AWS, in the last hour by the metrics. Null where nothing counts them. */
export function passed(hop) {
  if (s.local) return s.totals[hop] ?? 0;
  const index = { accepted: 1, placed: 2, published: 3 }[hop];
  return index ? Math.round(s.rows.reduce((n, r) => n + r[index], 0) * 60) : null;
}

function keep(order, fresh) {
  order.fresh = s.orders.get(order.id)?.fresh ?? (fresh ? s.now : 0);
  s.orders.set(order.id, order);
  while (s.orders.size > KEPT_ORDERS) s.orders.delete(s.orders.keys().next().value);
}

/** Rows for the seconds that the stream left out, because nothing passed. */
function quiet(last, next) {
  const row = t => [t, 0, 0, 0, 0, null, null, null, null];
  return s.local && last && next > last + 1 ? [row(last + 1), row(next - 1)] : [];
}

/** A break in the plot for the time in which nobody looked, and no queue was asked. */
const unseen = (last, next) => last && next[0] - last[0] > 20 ? [next.map((_, i) => i ? null : last[0] + 1)] : [];

function take(d) {
  s.now = d.now;
  if (d.totals) {
    const moves = {};
    for (const [hop, n] of Object.entries(d.totals)) if (n > (s.totals[hop] ?? n)) moves[hop] = n - s.totals[hop];
    if (Object.keys(s.totals).length) for (const hop in d.totals) if (!(hop in s.totals)) moves[hop] = d.totals[hop];
    s.totals = d.totals; s.ledger = d.ledger;
    movers.forEach(f => f(moves));
  }
  d.orders?.forEach(o => keep(o, true));
  if (d.rows && !s.local) s.rows = d.rows;  // of metrics: all of them, corrected
  else if (d.rows) s.rows = s.rows.concat(quiet(s.rows.at(-1)?.[0], d.rows[0][0]), d.rows).filter(r => r[0] > d.now / 1000 - s.window - 60);
  if (d.trouble) s.trouble = s.trouble.concat(d.trouble).slice(-KEPT_TROUBLE);
  if (d.gauges) {
    s.gauges = { live: [], dead: [], groups: [], states: {}, ...d.gauges };
    if (d.gauges.depth && d.gauges.depth[0] !== s.depths.at(-1)?.[0]) s.depths = s.depths.concat(unseen(s.depths.at(-1), d.gauges.depth), [d.gauges.depth]).slice(-KEPT_DEPTHS);
  }
  // An order that waits in no queue is missing; it may be between two looks at the queue, so wait before saying so.
  const missing = s.local && s.ledger.waiting > 0 && depth("orders") === 0 && dead("orders") === 0 && state("processor") === "running";
  s.missingSince = missing ? s.missingSince || d.now : 0;
  changed();
}

const KINDS = {
  hello(d) {
    const known = s.run === d.run;
    Object.assign(s, { live: true, run: d.run, stage: d.stage, local: d.local, allowed: d.allowed, window: d.window, totals: {}, rows: [], depths: d.depths, trouble: [] });
    if (!known) recall();
    s.orders.clear();
    d.orders.forEach(o => keep(o, false));
    document.title = `Orders console: ${d.stage}`;
    changed();
  },
  tick(d) { s.live = true; s.lostAt = null; take(d); },
};

/** Follow the stream, for ever: it is read by fetch, since EventSource sends no key. */
export async function connect() {
  try {
    const answer = key && await request("/stream");
    s.refused = !key || answer.status === 403;  // there is no key, or it was another console's
    const reader = answer?.ok && answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", read; reader && !(read = await reader.read()).done;) {
      const lines = (rest + read.value).split("\n");
      rest = lines.pop();
      for (const [kind, d] of lines.map(JSON.parse)) queueMicrotask(() => KINDS[kind](d));  // an error in there is none of the stream
    }
  } catch { /* the console has ended */ }
  s.lostAt ||= s.live ? new Date() : null; s.live = false; changed();
  if (!s.refused) setTimeout(connect, 1000);
}

/** Ask the console: by GET or, with a body, by POST. */
export async function ask(path, body) {
  const answer = await request(path, body && { method: "POST", body: JSON.stringify(body) });
  return answer.headers.get("content-type") === "application/json" ? answer.json() : { ok: false, command: "", output: await answer.text() };
}
const request = (path, options) => fetch(path, { ...options, headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" } });

/** The key in the printed address. It leaves the address at once, and stays in this tab's storage, which is of this port alone; a cookie goes to every port. */
function given() {
  const found = location.hash.match(/^#key=(.+)/)?.[1];
  try {
    if (found) sessionStorage.setItem("key", found);
    return found ?? sessionStorage.getItem("key");
  } catch { return found; } finally { if (found) history.replaceState(null, "", "/"); }
}
const key = given();
addEventListener("hashchange", () => { if (location.hash.startsWith("#key=")) { given(); location.reload(); } });

/** Do an act, and note the command that it is and what it printed. */
export async function act(name, target, words) {
  if (off()) return;
  s.busy = `${name} ${target ?? ""}`; changed();
  let done;
  try { done = await ask(name === "dead-letters" ? "/dead-letters" : "/acts", { act: name, target, stage: s.confirmed }); }
  catch (error) { done = { ok: false, lost: true, command: "", output: `No answer, so it may have been done: ${error.message}` }; }
  if (name === "dead-letters" && done.ok) s.listed = true;
  s.acts = [{ ...done, name, words, at: Date.now() }, ...s.acts].slice(0, KEPT_ACTS);
  s.busy = ""; remember(); changed();
}
