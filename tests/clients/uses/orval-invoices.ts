import {
  createBusiness, createClient, createInvoice, createLine, deleteInvoice, listInvoices, register, updateInvoice,
} from "../.generated/orval/invoices";
import type { InvoiceList } from "../.generated/orval/invoices";
import { bill } from "./bill";
import { url } from "./story";

let token = "";
/** orval's functions ask for paths; where they lead is said by whoever calls them. */
const plain = globalThis.fetch;
globalThis.fetch = (path, options) => {
  const headers = new Headers(options?.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  return plain(`${url}${path}`, { ...options, headers });
};

await bill(
  {
    async register(email, password) {
      const made = await register({ email, password });
      if (made.status !== 201 || !made.data.access_token) throw new Error("no token");
      token = made.data.access_token;
    },
    async open(name, client) {
      const business = await createBusiness({ name });
      if (business.status !== 201) throw new Error(business.data.code);
      const made = await createClient({ business: business.data.id, name: client, address: "" });
      if (made.status !== 201) throw new Error(made.data.code);
      return { business: business.data.id, client: made.data.id };
    },
    async draft(of, due, amount) {
      const made = await createInvoice({ ...of, number: "1", due, private_notes: "" });
      if (made.status !== 201) throw new Error(made.data.code);
      const line = await createLine({ invoice: made.data.id, text: "Peas", amount });
      if (line.status !== 201) throw new Error(line.data.code);
      return { id: made.data.id, status: made.data.status, due: made.data.due, amount: line.data.amount };
    },
    async send(id) {
      const sent = await updateInvoice(id, { status: "sent" });
      if (sent.status !== 200) throw new Error("not sent");
      return sent.data.status;
    },
    async late(day) {
      const found = await listInvoices({ status: ["sent", "paid"], due_lt: day, count: true });
      if (found.status !== 200) throw new Error(found.data.code);
      const whole = found.data as InvoiceList;
      return { numbers: whole.items.map((invoice) => invoice.number), total: whole.total };
    },
    async remove(id) {
      const gone = await deleteInvoice(id);
      return { status: gone.status, code: gone.status === 204 ? undefined : gone.data.code };
    },
  },
  "orval@example.com",
);
