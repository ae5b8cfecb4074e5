// The console's page, top to bottom.
import { html, render, Component } from "/static/vendor/preact-htm.js";
import { act, bare, changed, connect, dead, off, onChange, s } from "/static/state.js";
import { Commands, DeadLetters, Guide, Halted, Ledger, Lost, Trouble } from "/static/panels.js";
import { Orders } from "/static/orders.js";
import { Pipeline } from "/static/pipeline.js";
import { Plots } from "/static/plots.js";
import { Trace } from "/static/trace.js";
import { plural } from "/static/words.js";

const page = { trace: null, asked: null };
const open = id => { page.trace = id; changed(); };

/** Ask before an act that cannot be taken back, and on AWS before any, by the stage's name. */
function ask(question, name, target, words) { page.asked = { question, name, target, words }; changed(); }
const fate = ({ queue, count, orders }) => queue !== "orders" ? "." : !orders ? `, and ${count === 1 ? "names" : "name"} no order.` : `, and ${plural(orders, "order")} that ${count === 1 ? "it names" : "they name"} will be stored as rejected.`;
const drop = group => ask(`Drop ${plural(group.count, "dead letter")} of ${group.queue}: ${group.reason}. ${group.count === 1 ? "It is" : "They are"} kept in a file${fate(group)}`, "drop", group.id, `Drop ${plural(group.count, "dead letter")} of ${group.queue}`);
const replay = id => act("replay", id, "Replay the order");

class Ask extends Component {
  componentDidUpdate() { if (this.props.asked && !this.base.open) { this.setState({ typed: "" }); this.base.showModal(); } }
  render({ asked }, { typed = "" }) {
    const yes = event => { event.preventDefault(); const { name, target, words } = asked; this.base.close(); act(name, target, words); };
    return html`<dialog aria-labelledby="ask-title" onClose=${() => { page.asked = null; changed(); }}>${asked ? html`<form onSubmit=${yes}><h2 id="ask-title">Are you sure?</h2><p>${asked.question}</p>
      <p class="row"><span class="grow"></span><button type="button" autofocus onClick=${() => this.base.close()}>Cancel</button><button class="main danger">${asked.words}</button></p></form>` : null}</dialog>`;
  }
}

function Header() {
  return html`<header class="top"><h1>Orders</h1><span class="pill">stage ${s.stage || "…"}</span>
    <span class=${`pill ${s.live ? "live" : "lost"}`} role="status">${s.live ? "live" : s.refused ? "ended: open the address that the new console has printed" : "reconnecting…"}</span>
    ${s.local ? null : html`<span class="pill">${s.allowed ? "changes allowed" : "looking only"}</span>`}
    ${s.gauges.error ? html`<span class="pill lost" role="alert">queues cannot be read: ${s.gauges.error}</span>` : null}<span class="grow"></span>
    ${s.local ? html`<div class="row acts-row">
      <button class="main" aria-disabled=${off()} onClick=${() => act("place", undefined, "Place an order")}>Place an order</button>
      <button aria-disabled=${off()} onClick=${() => act("burst", undefined, "Burst of 100")}>Burst of 100</button>
      <button class="bad" aria-disabled=${off()} onClick=${() => act("poison", undefined, "Poison a message")}>Poison a message</button></div>` : s.allowed ? html`<label class="row">To act, type the stage’s name <input value=${s.confirmed ?? ""} onInput=${e => { s.confirmed = e.target.value; }} size="8" autocomplete="off"/></label>` : null}</header>`;
}

function NoConsumers() {
  if (!bare()) return null;
  return html`<div class="banner calm"><p>No sample consumer runs, so their queues only grow. <button class="small" aria-disabled=${off()} onClick=${() => act("start", undefined, "Start the sample consumers")}>Start the sample consumers</button></p></div>`;
}

function App() {
  if (s.refused && !s.run) return html`<main class="loading"><h1>Orders</h1><p role="alert">This page needs the key in the address that <code>make run</code>, or <code>ordersctl console</code>, has printed: open that address. <code>ordersctl console</code> prints the local run’s again.</p></main>`;
  const letters = dead() > 0 || s.gauges.groups.length > 0;
  return html`<${Header}/><main><${Lost}/><${Halted}/><${NoConsumers}/>
    <section class="card" aria-labelledby="path-title"><h2 id="path-title" class="hidden">Pipeline</h2><${Guide}/><${Pipeline}/><${Ledger}/></section>
    ${letters ? html`<${DeadLetters} drop=${drop}/>` : null}
    <div class="columns"><div class="stack"><${Orders} open=${open}/><${Commands}/></div><div class="stack"><${Plots}/><${Trouble}/>${letters ? null : html`<${DeadLetters} drop=${drop}/>`}</div></div></main>
    <${Trace} id=${page.trace} replay=${replay} close=${() => { page.trace = null; changed(); }}/><${Ask} asked=${page.asked}/>`;
}

let due = false;
function draw() {
  if (due) return;
  due = true;
  const soon = document.hidden ? f => setTimeout(f, 1000) : requestAnimationFrame;
  soon(() => { due = false; render(html`<${App}/>`, root); });
}
const root = document.getElementById("app");
root.replaceChildren();
onChange(draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
setInterval(() => { if (!document.hidden && s.live) { s.now = Math.max(s.now, Date.now()); draw(); } }, 1000);  // the plots move on while nothing happens
draw();
connect();
