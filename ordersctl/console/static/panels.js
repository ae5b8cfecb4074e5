// Dead letters, warnings, the last commands, and the guide for a first visit.
import { html } from "/static/vendor/preact-htm.js";
import { act, changed, consumers, dead, depth, halted, off, remember, s, state, tour } from "/static/state.js";
import { age, count, plural } from "/static/words.js";

export function DeadLetters({ drop }) {
  const groups = s.gauges.groups, total = dead();
  if (!total && !groups.length) return html`<section class="card" id="dead" aria-labelledby="dead-title"><h2 id="dead-title">Dead letters</h2><p class="empty">None: every message was handled. ${s.local ? html`<strong>Poison a message</strong>, at the top, to see one.` : ""}</p></section>`;
  return html`<section class="card alarm" id="dead" aria-labelledby="dead-title"><h2 id="dead-title">${plural(total, "dead letter")}</h2>
    ${!s.local && total ? html`<p class="row"><span>${s.gauges.dead.filter(q => q.waiting + q.in_flight).map(q => `${q.name} ${q.waiting + q.in_flight}`).join(", ")}</span><button class="small" aria-disabled=${off()} onClick=${() => act("dead-letters", undefined, "List dead letters by reason")}>List by reason</button><span class="empty">This receives each and gives it back.</span></p>` : null}
    ${groups.length ? html`<table><thead><tr><th scope="col">queue</th><th scope="col">reason</th><th scope="col" class="n">messages</th><th scope="col" class="n">oldest</th><th scope="col"><span class="hidden">acts</span></th></tr></thead>
    <tbody>${groups.map(g => html`<tr key=${g.id}><td>${g.queue}</td><td class="details">${g.reason}</td><td class="n">${count(g.count)}</td><td class="n">${age(g.oldest)}</td><td class="n acts">${s.allowed ? html`<button class="small" aria-disabled=${off()} onClick=${() => act("redrive", g.id, `Redrive ${plural(g.count, "dead letter")} of ${g.queue}`)}>Redrive<span class="hidden"> ${g.queue}: ${g.reason}</span></button> <button class="small bad" aria-disabled=${off()} onClick=${() => drop(g)}>Drop<span class="hidden"> ${g.queue}: ${g.reason}</span>…</button>` : null}</td></tr>`)}</tbody></table>` : null}
    ${s.acts[0]?.output.includes("would come straight back") ? html`<p class="problem" role="status">Not redriven: what would come straight back stays here. Drop it.</p>` : null}</section>`;
}

export function Trouble() {
  const list = s.trouble.slice(-8).reverse();
  return html`<section class="card" aria-labelledby="trouble-title"><h2 id="trouble-title">Warnings and errors</h2>
    ${list.length ? html`<table><thead><tr><th scope="col">time</th><th scope="col">where</th><th scope="col">what</th></tr></thead><tbody>${list.map(l => html`<tr><td class="mono">${l.time.slice(11, 23)}</td><td>${l.where}</td><td class="details"><strong>${l.event}</strong> ${l.why}</td></tr>`)}</tbody></table>`
    : html`<p class="empty">${s.local ? "None in the logs since the run began." : "None seen. They come with the live tail of the logs: --live-tail."}</p>`}</section>`;
}

export function Commands() {
  return html`<section class="card" aria-labelledby="commands-title"><h2 id="commands-title">Commands</h2>
    <div role="log" aria-live="polite">${s.acts.map(a => html`<div class=${`done ${a.ok ? "" : "failed"}`} key=${a.at}><p>${a.words}${a.ok ? "" : a.lost ? ": no answer" : ": not done"}</p>${a.command ? html`<p class="command"><code>$ ${a.command}</code></p>` : null}${a.output ? html`<pre tabindex="0" aria-label=${`Output of ${a.words}`}>${a.output}</pre>` : null}</div>`)}</div>
    ${s.acts.length ? null : html`<p class="empty">${s.allowed ? "Each button is an ordersctl command. What you click is shown here, to paste into a terminal." : "This console only looks. Start it with --allow-changes to act on the stage."}</p>`}</section>`;
}

/** What the page counts for itself: that nothing is lost, and nothing comes twice. */
export function Ledger() {
  if (!s.local) return null;  // metrics do not name orders
  const { accepted, waiting, twice } = s.ledger, missing = s.missingSince && s.now - s.missingSince > 10000 ? waiting : 0;
  if (!accepted) return html`<p class="ledger">Nothing accepted yet. This line counts every order, and says if one is lost or comes twice.</p>`;
  return html`<p class=${`ledger ${missing || twice ? "wrong" : waiting ? "" : "right"}`} role="status"><strong>${count(accepted)} accepted</strong>, ${waiting ? `${count(accepted - waiting)} stored, ${count(waiting)} waiting` : "all stored"}: <strong>${missing ? `${count(missing)} missing` : "none lost"}</strong>, <strong>${twice ? `${count(twice)} twice` : "none twice"}</strong>.</p>`;
}

export function Lost() {
  return s.live || !s.lostAt ? null : html`<div class="banner" role="alert"><p><strong>The console does not answer</strong>, so nothing can be clicked, and all numbers are of ${s.lostAt.toTimeString().slice(0, 8)}. Has the run ended? Start it again, and open the address that it prints.</p></div>`;
}

export function Halted() {
  const names = halted();
  if (!names.length) return null;
  const where = name => name === "processor" ? "orders are accepted, and wait in the order queue" : name === "publisher" ? "orders are stored, and their events wait in the table’s stream" : state(name) === "failing" ? "its events come again, and become dead letters after five tries" : "its events wait in its queue, and nobody else’s";
  return html`<div class="banner" role="status">${names.map(name => html`<p><strong>${name} ${state(name)}</strong>: ${where(name)}. ${s.allowed && state(name) !== "ended" ? html`<button class="small" aria-disabled=${off()} onClick=${() => act("resume", name, `Resume ${name}`)}>Resume ${name}</button>` : null}</p>`)}</div>`;
}

const started = () => consumers().every(c => state(c) && state(c) !== "not started");
const SETTLES = 900;  // milliseconds in which a click may be meant for the button of the step before
const STEPS = [
  { text: "Start the sample consumers", why: "Inventory, invoicing and fulfilment each have a queue of their own.", done: started, click: ["start", undefined, "Start the sample consumers"] },
  { text: "Place an order", why: "It is accepted at once, stored within a moment, published, and handled by three consumers.", done: () => s.ledger.accepted > 0, click: ["place", undefined, "Place an order"] },
  { text: "Pause invoicing", why: "As if it were down.", done: () => state("invoicing") === "paused", click: ["pause", "invoicing", "Pause invoicing"] },
  { text: "Send a burst of 100", why: "Each order makes four events, as it is placed, confirmed, shipped and delivered. Invoicing takes all 400, and its queue keeps them; inventory and fulfilment take one of each order.", done: () => depth("invoicing") >= 400 && !depth("inventory") && !depth("fulfilment"), click: ["burst", undefined, "Burst of 100"] },
  { text: "Pause the processor", why: "Invoicing held up nobody: the other queues are empty. Now stop what stores orders.", done: () => state("processor") === "paused", click: ["pause", "processor", "Pause processor"] },
  { text: "Send another burst", why: "Clients still get their 202: the orders wait in the queue.", done: () => depth("orders") >= 100, click: ["burst", undefined, "Burst of 100"] },
  { text: "Resume the processor", why: "All are stored, none lost, none twice. The line below the pipeline counts.", done: () => state("processor") === "running" && s.ledger.waiting === 0, click: ["resume", "processor", "Resume processor"] },
  { text: "Resume invoicing", why: "It catches up by itself.", done: () => state("invoicing") === "running" && depth("invoicing") === 0, click: ["resume", "invoicing", "Resume invoicing"] },
];
const remembered = { get hidden() { try { return localStorage.getItem("guide") === "hidden"; } catch { return tour.hidden; } }, hide(yes) { tour.hidden = yes; try { localStorage.setItem("guide", yes ? "hidden" : "shown"); } catch { /* for this visit only */ } } };

export function Guide() {
  if (!s.local || !s.gauges.live.length) return null;
  const move = at => { tour.at = at; tour.asked = -1; tour.since = Date.now(); remember(); setTimeout(changed, SETTLES); };
  const show = at => { move(at); changed(); };
  if (s.live) while (STEPS[tour.at]?.done()) move(tour.at + 1);
  if (remembered.hidden) return html`<p class="guide-closed"><button class="link" onClick=${() => { remembered.hide(false); show(0); }}>Show the two-minute tour</button></p>`;
  const at = tour.at, step = STEPS[at], asked = tour.asked === at && s.acts[0]?.ok && s.now - s.acts[0].at < 8000;  // a step without effect can be clicked again
  const not = () => off() || asked || Date.now() - tour.since < SETTLES;
  return html`<section class="guide" aria-labelledby="guide-title"><h2 id="guide-title" class="hidden">Tour</h2>
    <p class="step">${!step ? html`<strong>That was the tour.</strong> Two services were down, and no order was lost, doubled or held up. Try <em>Poison a message</em>, or make a consumer fail.` : html`<span class="badge">${at + 1} of ${STEPS.length}</span> <button class="main" aria-disabled=${not()} onClick=${() => { if (not()) return; tour.asked = at; act(...step.click); }}>${step.text}</button> ${step.why}`}</p>
    <p class="row">${step ? html`<button class="small" onClick=${() => show(at + 1)}>Skip<span class="hidden"> this step</span></button>` : html`<button class="small" onClick=${() => show(0)}>Again</button>`}<button class="small" onClick=${() => { remembered.hide(true); changed(); }}>Hide<span class="hidden"> the tour</span></button></p></section>`;
}
