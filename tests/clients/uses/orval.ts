import {
  createNotebook, deleteNotebook, getNotebook, listNotebooks, refresh, register, updateNotebook,
} from "../.generated/orval/notes";
import type { NotebookList } from "../.generated/orval/notes";
import { tell, url, type Client } from "./story";

let token = "";
/** orval's functions ask for paths; where they lead is said by whoever calls them. */
const plain = globalThis.fetch;
globalThis.fetch = (path, options) => {
  const headers = new Headers(options?.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  return plain(`${url}${path}`, { ...options, headers });
};

const client: Client = {
  async signIn(email, password) {
    const made = await register({ email, password });
    if (made.status !== 201 || !made.data.refresh_token) throw new Error("no tokens");
    const next = await refresh({ refresh_token: made.data.refresh_token });
    if (next.status !== 200) throw new Error(next.data.code);
    return (token = next.data.access_token);
  },
  async create(title) {
    const made = await createNotebook({ title });
    if (made.status !== 201) throw new Error(made.data.code);
    return { id: made.data.id, version: made.headers.get("ETag")! };
  },
  async page(starts, cursor) {
    const found = await listNotebooks({ title_starts: starts, limit: 1, cursor });
    if (found.status !== 200) throw new Error(found.data.code);
    const whole = found.data as NotebookList;
    return { titles: whole.items.map((notebook) => notebook.title), next: whole.next_cursor };
  },
  async find(words) {
    const found = await listNotebooks({ q: words, fields: ["title"] });
    if (found.status !== 200) throw new Error(found.data.code);
    return found.data.items.map((part) => part.title);
  },
  async rename(id, version, title) {
    const changed = await updateNotebook(id, { title }, { headers: { "If-Match": version } });
    if (changed.status === 200) return { status: 200, title: changed.data.title };
    return { status: changed.status, code: changed.status === 204 ? undefined : changed.data.code };
  },
  async remove(id) {
    return (await deleteNotebook(id)).status;
  },
  async read(id) {
    const found = await getNotebook(id);
    const refused = found.status !== 200 && found.status !== 304;
    return { status: found.status, code: refused ? found.data.code : undefined };
  },
};

await tell(client, "orval@example.com");
