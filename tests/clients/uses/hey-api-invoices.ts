import {
  createBusiness, createClient, createInvoice, createLine, deleteInvoice, listInvoices, register, updateInvoice,
} from "../.generated/hey-api/invoices";
import type { InvoiceList } from "../.generated/hey-api/invoices";
import { client as api } from "../.generated/hey-api/invoices/client.gen";
import { bill } from "./bill";
import { url } from "./story";

api.setConfig({ baseUrl: url, throwOnError: true });

await bill(
  {
    async register(email, password) {
      const { data } = await register({ body: { email, password }, throwOnError: true });
      if (!("access_token" in data) || !data.access_token) throw new Error("no token");
      const token = data.access_token;
      api.setConfig({ auth: () => token });
    },
    async open(name, client) {
      const { data: business } = await createBusiness({ body: { name }, throwOnError: true });
      const body = { business: business.id, name: client, address: "" };
      const { data: made } = await createClient({ body, throwOnError: true });
      return { business: business.id, client: made.id };
    },
    async draft(of, due, amount) {
      const body = { ...of, number: "1", due, private_notes: "" };
      const { data: made } = await createInvoice({ body, throwOnError: true });
      const { data: line } = await createLine({ body: { invoice: made.id, text: "Peas", amount }, throwOnError: true });
      return { id: made.id, status: made.status, due: made.due, amount: line.amount };
    },
    async send(id) {
      const { data } = await updateInvoice({ path: { id }, body: { status: "sent" }, throwOnError: true });
      if (!data) throw new Error("it is hidden now");
      return data.status;
    },
    async late(day) {
      const query = { status: ["sent" as const, "paid" as const], due_lt: day, count: true };
      const { data } = await listInvoices({ query, throwOnError: true });
      const whole = data as InvoiceList;
      return { numbers: whole.items.map((invoice) => invoice.number), total: whole.total };
    },
    async remove(id) {
      const { error, response } = await deleteInvoice({ path: { id }, throwOnError: false });
      return { status: response!.status, code: error?.code };
    },
  },
  "hey@example.com",
);
