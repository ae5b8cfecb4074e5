// Numbers as a person reads them.
export const count = n => (n ?? 0).toLocaleString("en");
export const short = n => n == null ? "–" : n >= 100000 ? `${Math.round(n / 1000)}k` : n >= 10000 ? `${(n / 1000).toFixed(1)}k` : count(n);
export const age = t => t == null ? "age unknown" : t < 100 ? `${t.toFixed(t < 10 ? 1 : 0)} s` : t < 5400 ? `${Math.round(t / 60)} min` : `${Math.round(t / 3600)} h`;
export const rate = n => n >= 10 ? `${Math.round(n)}/s` : n >= 0.05 ? `${n.toFixed(1)}/s` : "0/s";
export const ms = v => v == null ? "–" : v < 10000 ? `${Math.round(v)} ms` : `${(v / 1000).toFixed(1)} s`;
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
