import createClient from "openapi-fetch";
import type { components, paths } from "../.generated/openapi-typescript/invoices";
import { bill } from "./bill";
import { url } from "./story";

let token = "";
const api = createClient<paths>({ baseUrl: url });
api.use({
  onRequest({ request }) {
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

await bill(
  {
    async register(email, password) {
      const { data } = await api.POST("/auth/register", { body: { email, password, cookie: false } });
      if (!data || !("access_token" in data) || !data.access_token) throw new Error("no token");
      token = data.access_token;
    },
    async open(name, client) {
      const business = (await api.POST("/v1/businesses", { body: { name } })).data!.id;
      const { data } = await api.POST("/v1/clients", { body: { business, name: client, address: "" } });
      return { business, client: data!.id };
    },
    async draft(of, due, amount) {
      const body = { ...of, number: "1", due, status: "draft" as const, private_notes: "" };
      const made = (await api.POST("/v1/invoices", { body })).data!;
      const { data: line } = await api.POST("/v1/lines", { body: { invoice: made.id, text: "Peas", amount } });
      return { id: made.id, status: made.status, due: made.due, amount: line!.amount };
    },
    async send(id) {
      const { data } = await api.PATCH("/v1/invoices/{id}", { params: { path: { id } }, body: { status: "sent" } });
      return data!.status;
    },
    async late(day) {
      const query = { status: ["sent" as const, "paid" as const], due_lt: day, count: true };
      const whole = (await api.GET("/v1/invoices", { params: { query } })).data as components["schemas"]["InvoiceList"];
      return { numbers: whole.items.map((invoice) => invoice.number), total: whole.total };
    },
    async remove(id) {
      const { error, response } = await api.DELETE("/v1/invoices/{id}", { params: { path: { id } } });
      return { status: response.status, code: error?.code };
    },
  },
  "fetch@example.com",
);
