import createClient from "openapi-fetch";
import type { components, paths } from "../.generated/openapi-typescript/notes";
import { tell, url, type Client } from "./story";

let token = "";
const api = createClient<paths>({ baseUrl: url });
api.use({
  onRequest({ request }) {
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

const client: Client = {
  async signIn(email, password) {
    const { data } = await api.POST("/auth/register", { body: { email, password, cookie: false } });
    if (!data || !("refresh_token" in data) || !data.refresh_token) throw new Error("no tokens");
    const { data: next } = await api.POST("/auth/refresh", { body: { refresh_token: data.refresh_token } });
    return (token = next!.access_token);
  },
  async create(title) {
    const { data, response } = await api.POST("/v1/notebooks", { body: { title, archived: false } });
    return { id: data!.id, version: response.headers.get("ETag")! };
  },
  async page(starts, cursor) {
    const { data } = await api.GET("/v1/notebooks", { params: { query: { title_starts: starts, limit: 1, cursor } } });
    const whole = data as components["schemas"]["NotebookList"];
    return { titles: whole.items.map((notebook) => notebook.title), next: whole.next_cursor };
  },
  async find(words) {
    const { data } = await api.GET("/v1/notebooks", { params: { query: { q: words, fields: ["title"] } } });
    return data!.items.map((part) => part.title);
  },
  async rename(id, version, title) {
    const params = { path: { id }, header: { "If-Match": version } };
    const { data, error, response } = await api.PATCH("/v1/notebooks/{id}", { params, body: { title } });
    return { status: response.status, code: error?.code, title: data?.title };
  },
  async remove(id) {
    return (await api.DELETE("/v1/notebooks/{id}", { params: { path: { id } } })).response.status;
  },
  async read(id) {
    const { error, response } = await api.GET("/v1/notebooks/{id}", { params: { path: { id } } });
    return { status: response.status, code: error?.code };
  },
};

await tell(client, "fetch@example.com");
