/** What react-admin asks, in the words of the API: its filters, its order, a cursor for each page, `PATCH` with `If-Match`. */
import type {
  CreateParams,
  DataProvider,
  DeleteManyParams,
  DeleteParams,
  GetListParams,
  GetManyParams,
  GetManyReferenceParams,
  GetOneParams,
  RaRecord,
  UpdateManyParams,
  UpdateParams,
} from "react-admin";

import { call, signedIn } from "./client";

/** Where a record carries its tag: so a form sends the tag of what it was filled with. No field can have this name. */
export const TAG = "_etag";

interface Page<R> {
  items: R[];
  next_cursor: string | null;
}

export const dataProvider: DataProvider = {
  getList: list,
  getManyReference: <R extends RaRecord>(resource: string, { target, id, ...params }: GetManyReferenceParams) =>
    list<R>(resource, { ...params, filter: { ...params.filter, [target]: id } }),

  getOne: async <R extends RaRecord>(resource: string, { id }: GetOneParams<R>) => {
    const { body, etag } = await call<R>(`/v1/${resource}/${id}`);
    return { data: { ...body, [TAG]: etag } };
  },

  // At most 100, which is more than react-admin shows at once. Those that the caller cannot read are not among them.
  getMany: async <R extends RaRecord>(resource: string, { ids }: GetManyParams<R>) => {
    const { body } = await call<Page<R>>(`/v1/${resource}?limit=${ids.length}&id=${ids.join()}`);
    return { data: body.items };
  },

  create: async <R extends RaRecord>(resource: string, { data }: CreateParams) => {
    const { body, etag } = await call<R>(`/v1/${resource}`, { method: "POST", body: data });
    return { data: { ...body, [TAG]: etag } };
  },

  update: async <R extends RaRecord>(resource: string, { id, data, previousData }: UpdateParams<R>) => {
    const { [TAG]: tag, ...fields } = data;
    const changed = Object.entries(fields).filter(([name, value]) => differ(value, previousData[name]));
    const asked = { method: "PATCH", body: Object.fromEntries(changed), headers: ifMatch(tag) };
    const { body, etag } = await call<R | null>(`/v1/${resource}/${id}`, asked);
    // without a body: it is done, and the caller can no longer see it
    return { data: { ...(body ?? { ...previousData, ...data }), [TAG]: etag } };
  },
  updateMany: async <R extends RaRecord>(resource: string, { ids, data }: UpdateManyParams<R>) => {
    await Promise.all(ids.map((id) => call(`/v1/${resource}/${id}`, { method: "PATCH", body: data })));
    return { data: ids };
  },

  delete: async <R extends RaRecord>(resource: string, { id, previousData }: DeleteParams<R>) => {
    await call(`/v1/${resource}/${id}`, { method: "DELETE", headers: ifMatch(previousData?.[TAG]) });
    return { data: previousData ?? ({ id } as R) };
  },
  deleteMany: async <R extends RaRecord>(resource: string, { ids }: DeleteManyParams<R>) => {
    await Promise.all(ids.map((id) => call(`/v1/${resource}/${id}`, { method: "DELETE" })));
    return { data: ids };
  },
};

/** For each account and question, the cursor of every page that is known: that of a page stands in the page before it. */
const cursors = new Map<string, (string | null)[]>();

async function list<R extends RaRecord>(resource: string, { pagination, sort, filter }: GetListParams) {
  const { page, perPage } = pagination ?? { page: 1, perPage: 50 };
  const query = new URLSearchParams({ limit: String(perPage) });
  if (sort !== undefined) {
    const field = sort.field === "id" ? "created_at" : sort.field; // ids are in the order of time, too
    query.set("sort", sort.order === "DESC" ? `-${field}` : field);
  }
  for (const [name, value] of Object.entries<unknown>(filter ?? {})) {
    const values = [value].flat().filter((each) => each !== "" && each !== null && each !== undefined);
    values.forEach((each) => query.append(name, String(each)));
  }

  const question = `/v1/${resource}?${query}`;
  const key = `${(await signedIn()).account.id} ${question}`;
  const known = (page > 1 && cursors.get(key)) || [null];
  cursors.set(key, known);
  for (let number = Math.min(page, known.length); ; number++) {
    const cursor = known[number - 1] ?? null;
    const { body } = await call<Page<R>>(cursor === null ? question : `${question}&cursor=${cursor}`);
    if (body.next_cursor !== null) {
      known[number] = body.next_cursor;
    }
    if (number === page || body.next_cursor === null) {
      const data = number === page ? body.items : [];
      return { data, pageInfo: { hasNextPage: body.next_cursor !== null, hasPreviousPage: page > 1 } };
    }
  }
}

/** Without a tag, as for records that a list has shown, whatever is there is changed. */
const ifMatch = (tag: unknown): Record<string, string> => (typeof tag === "string" ? { "If-Match": tag } : {});

/** Whether two values of a field are not the same JSON. */
export const differ = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other);
