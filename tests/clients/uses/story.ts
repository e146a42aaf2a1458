/** What every client does, in its own words, and what it must be answered. */

declare const process: { argv: string[] };

export const url = process.argv[2]!;

/** Three titles, of which a filter finds two. */
export const titles = ["Garden: beds", "Garden: trees", "House"];

export interface Client {
  /** Makes an account, exchanges its refresh token, and says the access token that counts from then on. */
  signIn(email: string, password: string): Promise<string>;
  /** Creates a notebook; its id and version. */
  create(title: string): Promise<{ id: string; version: string }>;
  /** A page of one notebook whose title begins so; its titles, and where the next page begins. */
  page(starts: string, cursor?: string): Promise<{ titles: string[]; next: string | null }>;
  /** The titles, and nothing else, of the notebooks whose texts have each of these words. */
  find(words: string): Promise<(string | undefined)[]>;
  /** Changes a title where the version is this one; the status and the code of the error. */
  rename(id: string, version: string, title: string): Promise<{ status: number; code?: string; title?: string }>;
  /** Deletes; the status. */
  remove(id: string): Promise<number>;
  /** Reads; the status and the code of the error. */
  read(id: string): Promise<{ status: number; code?: string }>;
}

export function same(found: unknown, wanted: unknown): void {
  const [is, must] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== must) throw new Error(`${is} and not ${must}`);
}

export async function tell(client: Client, email: string): Promise<void> {
  await client.signIn(email, "correct horse battery");
  const made = [];
  for (const title of titles) made.push(await client.create(title));
  const first = await client.page("Garden");
  if (first.next === null) throw new Error("there is a second page");
  const second = await client.page("Garden", first.next);
  same([first.titles, second.titles, second.next], [["Garden: trees"], ["Garden: beds"], null]);
  same(await client.find("trees Garden"), ["Garden: trees"]);
  const { id, version } = made[2]!;
  same(await client.rename(id, version, "Home"), { status: 200, title: "Home" });
  same(await client.rename(id, version, "Castle"), { status: 412, code: "precondition_failed" });
  same(await client.remove(id), 204);
  same(await client.read(id), { status: 404, code: "not_found" });
}
