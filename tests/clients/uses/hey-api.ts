import { createNotebook, deleteNotebook, getNotebook, listNotebooks, refresh, register, updateNotebook } from "../.generated/hey-api/notes";
import type { NotebookList } from "../.generated/hey-api/notes";
import { client as api } from "../.generated/hey-api/notes/client.gen";
import { tell, url, type Client } from "./story";

api.setConfig({ baseUrl: url });

const client: Client = {
  async signIn(email, password) {
    const { data } = await register({ body: { email, password } });
    if (!data || !("refresh_token" in data) || !data.refresh_token) throw new Error("no tokens");
    const { data: next } = await refresh({ body: { refresh_token: data.refresh_token } });
    api.setConfig({ auth: () => next!.access_token });
    return next!.access_token;
  },
  async create(title) {
    const { data, response } = await createNotebook({ body: { title } });
    return { id: data!.id, version: response!.headers.get("ETag")! };
  },
  async page(starts, cursor) {
    const { data } = await listNotebooks({ query: { title_starts: starts, limit: 1, cursor } });
    const whole = data as NotebookList;
    return { titles: whole.items.map((notebook) => notebook.title), next: whole.next_cursor };
  },
  async find(words) {
    const { data } = await listNotebooks({ query: { q: words, fields: ["title"] } });
    return data!.items.map((part) => part.title);
  },
  async rename(id, version, title) {
    const { data, error, response } = await updateNotebook({
      path: { id },
      headers: { "If-Match": version },
      body: { title },
    });
    return { status: response!.status, code: error?.code, title: data?.title };
  },
  async remove(id) {
    return (await deleteNotebook({ path: { id } })).response!.status;
  },
  async read(id) {
    const { error, response } = await getNotebook({ path: { id } });
    return { status: response!.status, code: error?.code };
  },
};

await tell(client, "hey@example.com");
