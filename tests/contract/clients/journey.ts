// A customer's orders by openapi-fetch, with the types that openapi-typescript makes: `node journey.ts URL TOKEN CUSTOMER`.
// It prints what it saw as JSON. journey.py does the same, so that both print the same.

import createClient from "openapi-fetch";
import type { components, paths } from "./orders.d.ts";

declare const process: { argv: string[] };

type Order = components["schemas"]["Order"];
type NewOrder = components["schemas"]["NewOrder"];

const [, , url, token, customer] = process.argv as [string, string, string, string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const ORDERS = 5;
const PAGE = 2;

function newOrder(number: number): NewOrder {
  const items = [{ sku: "85123A", quantity: number + 1, unit_price: 255 }];
  return { currency: "GBP", items, reference: `2026-${number}`, metadata: { cart: `c_${number}` } };
}

async function place(number: number): Promise<string> {
  const params = { header: { "Idempotency-Key": `journey-${number}` } };
  const { data } = await client.POST("/orders", { params, body: newOrder(number) });
  if (data?.status !== "accepted") throw new Error("not accepted");
  return data.order_id;
}

// The order and its ETag, as soon as it is stored.
async function stored(order_id: string): Promise<[Order, string]> {
  for (;;) {
    const { data, response } = await client.GET("/orders/{order_id}", { params: { path: { order_id } } });
    if (data === undefined) throw new Error(`${response.status}`);
    if (data.status !== "accepted") return [data, response.headers.get("ETag") ?? ""];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function change(order_id: string, etag: string, body: components["schemas"]["OrderChange"]) {
  const params = { path: { order_id }, header: { "If-Match": etag } };
  return await client.PATCH("/orders/{order_id}", { params, body });
}

// The references on each page, to the end.
async function listed(customer_id: string): Promise<(string | undefined)[][]> {
  const found: (string | undefined)[][] = [];
  let cursor: string | undefined;
  do {
    const params = { path: { customer_id }, query: { limit: PAGE, cursor } };
    const { data } = await client.GET("/customers/{customer_id}/orders", { params });
    if (data === undefined) throw new Error("no page");
    found.push(data.orders.map((each) => each.reference));
    cursor = data.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const ids: string[] = [];
let order: Order | undefined;
let etag = "";
for (let number = 0; number < ORDERS; number++) {
  ids.push(await place(number));
  [order, etag] = await stored(ids[number]!);
}
const last = ids[ORDERS - 1]!;
const { data: cancelled } = await change(last, etag, { status: "cancelled", status_reason: "ordered twice" });
const { error: stale } = await change(last, etag, { note: "too late" });
const free: NewOrder = { currency: "GBP", items: [{ sku: "85123A", quantity: 0, unit_price: 255 }] };
const { error: invalid } = await client.POST("/orders", { body: free });

console.log(
  JSON.stringify({
    again: (await place(0)) === ids[0],
    total: order?.total,
    metadata: order?.metadata,
    changed: [cancelled?.status, cancelled?.status_reason, cancelled?.version],
    pages: await listed(customer),
    problems: [
      [stale?.type, stale?.status],
      [invalid?.type, invalid?.errors?.[0]?.pointer],
    ],
  }),
);
