/**
 * Calls to the API as whoever is signed in. The access token is in memory only. The refresh token is in a cookie that no
 * page can read, and every refresh takes another one.
 */
import { HttpError } from "react-admin";

export interface Account {
  id: string;
  email: string;
}

interface Session {
  access_token: string;
  account: Account;
}

interface Problem {
  message: string;
  errors?: { field: string; message: string }[];
}

interface Asked {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer<T> {
  body: T;
  etag: string | null;
}

let session: Session | null = null;
let refreshing: Promise<Session> | null = null;

/** The session that there is, or the one that the cookie brings back after a reload. */
export async function signedIn(): Promise<Session> {
  return (session ??= await refreshed());
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = { email, password, cookie: true };
  session = (await read<Session>(await send("/auth/login", null, { method: "POST", body }))).body;
}

export async function signOut(): Promise<void> {
  const token = session?.access_token ?? null;
  session = null;
  await send("/auth/logout", token, { method: "POST" });
}

/** The answer, or an `HttpError` with what the API says is wrong. A session that has run out is refreshed once. */
export async function call<T>(path: string, asked: Asked = {}): Promise<Answer<T>> {
  const used = await signedIn();
  const response = await send(path, used.access_token, asked);
  if (response.status !== 401) {
    return read<T>(response);
  }
  if (session === used) {
    session = null;
  }
  return read<T>(await send(path, (await signedIn()).access_token, asked));
}

/** However many calls ask for it at once, the token is exchanged one time. */
function refreshed(): Promise<Session> {
  refreshing ??= send("/auth/refresh", null, { method: "POST" })
    .then((response) => read<Session>(response))
    .then((answer) => answer.body)
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

function send(path: string, token: string | null, { method = "GET", body, headers = {} }: Asked): Promise<Response> {
  const all = new Headers(headers);
  if (token !== null) {
    all.set("Authorization", `Bearer ${token}`);
  }
  if (body !== undefined) {
    all.set("Content-Type", "application/json");
  }
  return fetch(path, { method, headers: all, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

async function read<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  if (response.ok) {
    return { body: (text === "" ? null : JSON.parse(text)) as T, etag: response.headers.get("ETag") };
  }
  const json = response.headers.get("Content-Type")?.includes("json");
  const problem: Problem = json ? JSON.parse(text) : { message: response.statusText };
  // forms show these at their fields, and that of `root` on the page
  const errors = Object.fromEntries((problem.errors ?? []).map((each) => [each.field, each.message]));
  const shown = problem.errors?.length ? { ...errors, root: { serverError: problem.message } } : {};
  throw new HttpError(problem.message, response.status, { ...problem, errors: shown });
}
