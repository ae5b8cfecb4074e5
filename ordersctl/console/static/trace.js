// One order: its hops, its state in the table, and what `ordersctl trace` finds in logs and dead-letter queues.
import { html, Component } from "/static/vendor/preact-htm.js";
import { act, ask, off, s } from "/static/state.js";
import { called, hopsOf, startOf, Timeline } from "/static/orders.js";

export class Trace extends Component {
  componentDidMount() { this.load(); }
  componentDidUpdate(before) { if (before.id !== this.props.id) this.load(); }
  async load() {
    const id = this.props.id, dialog = this.base;
    this.setState({ order: null, lines: null, why: "", command: "" });
    if (!id) return;
    if (!dialog.open) dialog.showModal();
    const path = `/orders/${encodeURIComponent(id)}`;
    try {
      const order = await ask(path);
      if (this.props.id !== id) return;
      if (!order.id) { this.setState({ why: order.output }); return; }
      this.setState({ order, why: order.why ?? "" });
      const found = await ask(`${path}/trace`);
      if (this.props.id !== id) return;
      this.setState({ command: found.command, lines: found.ok ? JSON.parse(found.output) : [], nothing: found.ok ? "" : found.output });
    } catch (error) { this.setState({ why: `The console did not answer: ${error.message}` }); }
  }
  render({ id, close, replay }, { order, lines, why, command, nothing }) {
    const stored = order?.stored, status = stored?.status ?? order?.status;
    return html`<dialog class="trace" aria-labelledby="trace-title" onClose=${close}>
      <header><h2 id="trace-title">Trace</h2>${status ? html`<span class=${`chip s-${status}`}>${status}</span>` : null}<span class="grow"></span>
        ${s.allowed && stored ? html`<button aria-disabled=${off()} onClick=${() => replay(id)}>Replay</button>` : null}<button autofocus onClick=${() => this.base.close()}>Close</button></header>
      <p class="mono break">${id}</p>
      ${why ? html`<p class="problem" role="alert">${why}</p>` : null}
      ${order?.hops?.length ? html`<${Timeline} order=${order}/><${Hops} order=${order}/>` : null}
      ${order ? html`<h3>In the table</h3>${stored ? html`<pre tabindex="0" aria-label="The stored order">${JSON.stringify(stored, null, 2)}</pre>` : html`<p class="empty">${order.hops?.length ? "Not stored yet: its command is on the order queue, or a dead letter." : "The table has no such order."}</p>`}` : null}
      ${order ? html`<h3>Logs and dead letters</h3>${lines === null ? html`<p class="empty" role="status">Looking through the logs…</p>` : lines?.length ? html`<${Lines} lines=${lines}/>` : html`<p class="empty">${nothing || "Nothing found."}</p>`}` : null}
      ${command ? html`<p class="command"><code>$ ${command}</code></p>` : null}</dialog>`;
  }
}

function Hops({ order }) {
  const hops = hopsOf(order), start = startOf(order);
  return html`<table><thead><tr><th scope="col" class="n">after</th><th scope="col">hop</th><th scope="col">where</th><th scope="col">what</th></tr></thead><tbody>
    ${hops.map(h => html`<tr><td class="n mono">+${h[0] - start} ms</td><td>${called(h[1])}</td><td>${h[2]}</td><td class="mono">${h[3].type ?? h[3].status ?? h[3].reason ?? ""}${h[3].version ? ` v${h[3].version}` : ""}</td></tr>`)}</tbody></table>`;
}

function Lines({ lines }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Log lines"><table><thead><tr><th scope="col" class="n">after</th><th scope="col">where</th><th scope="col">what</th><th scope="col">details</th></tr></thead><tbody>
    ${lines.map(l => html`<tr><td class="n mono">${l.after_ms == null ? "" : `+${l.after_ms} ms`}</td><td>${l.where}</td><td>${l.what}</td><td class="details">${l.details}</td></tr>`)}</tbody></table></div>`;
}
