// Runs in the browser, as a file of its own: the page allows no inline scripts.
globalThis.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // The viewer would otherwise send the address of the document to a validator on the internet.
  validatorUrl: null,
})
