/** What every client does with the invoices of a business, and what it must be answered. */

import { same, titles } from "./story";

/** As the specification has them: a new word there does not compile here. */
export type Status = "draft" | "sent" | "paid" | "void";

export interface Books {
  /** Makes an account, in whose name all that follows is done. */
  register(email: string, password: string): Promise<void>;
  /** A business, and a client of it who owes nothing yet; their ids. */
  open(name: string, client: string): Promise<{ business: string; client: string }>;
  /** A draft with one line; its id, what it says of itself, and the amount of the line, which is exact. */
  draft(
    of: { business: string; client: string },
    due: string,
    amount: string,
  ): Promise<{ id: string; status: Status; due: string; amount: string }>;
  /** Sends it; what it is now. */
  send(id: string): Promise<Status>;
  /** The numbers of those that are sent or paid and due before a day, with how many there are. */
  late(day: string): Promise<{ numbers: string[]; total: number | undefined }>;
  /** Deletes; the status and the code of the error. */
  remove(id: string): Promise<{ status: number; code?: string }>;
}

export async function bill(books: Books, email: string): Promise<void> {
  await books.register(email, "correct horse battery");
  const names = await books.open(titles[0]!, "Bob");
  const { id, ...said } = await books.draft(names, "2026-12-24", "1234567890.10");
  same(said, { status: "draft", due: "2026-12-24", amount: "1234567890.10" });
  same(await books.late("2026-12-25"), { numbers: [], total: 0 });
  same(await books.send(id), "sent");
  same(await books.late("2026-12-25"), { numbers: ["1"], total: 1 });
  same(await books.late("2026-12-24"), { numbers: [], total: 0 });
  same(await books.remove(id), { status: 403, code: "locked" });
}
