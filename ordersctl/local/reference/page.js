// Swagger UI over the service's document, with a token of the local run and a fresh Idempotency-Key for each try.

// Swagger UI has a dark mode, and does not ask the system for it.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Each try is a new order, unless the form names a key. The request that Swagger UI shows has the key.
function withFreshKey(request) {
  const places = request.method === "POST" && new URL(request.url, location.href).pathname.endsWith("/orders");
  if (places && !request.headers["Idempotency-Key"]) {
    request.headers["Idempotency-Key"] = crypto.randomUUID();
  }
  return request;
}

const reference = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  requestInterceptor: withFreshKey,
});

document.querySelector("#local-token").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const form = submitted.target;
  const said = form.querySelector("output");
  const role = form.elements.role;
  try {
    const answer = await fetch(`/docs/token?role=${role.value}`, { method: "POST" });
    if (!answer.ok) throw new Error(`the local run answered ${answer.status}`);
    reference.preauthorizeApiKey("bearerAuth", await answer.text());
    said.textContent = `Requests are sent as ${role.selectedOptions[0].text}, for an hour.`;
  } catch (error) {
    said.textContent = `No token: ${error.message}`;
  }
});
