/** What the caller may do with a record, for buttons: the API says it, and no page has to know the rules. */
import { useQuery } from "@tanstack/react-query";
import { useRecordContext, useResourceContext } from "react-admin";

import { call } from "./client";
import { TAG } from "./dataProvider";

interface Access {
  /** `update`, `delete`, `share`, `members`, … */
  actions: string[];
  /** those that may be changed */
  fields: string[];
  /** those that may be given to others, the strongest first; only where the resource has roles */
  roles?: string[];
}

/** Of the record of the page as it is now: each change may open or lock something. Undefined until it is known. */
export function useAccess(): Access | undefined {
  const path = usePath();
  const tag = useRecordContext()?.[TAG];
  return useQuery({
    queryKey: ["access", path, tag],
    queryFn: async () => (await call<Access>(`${path}/access/me`)).body,
    enabled: tag !== undefined,
    placeholderData: (before) => before,
  }).data;
}

/** Of the record of the page. */
export function usePath(): string {
  return `/v1/${useResourceContext()}/${useRecordContext()?.id}`;
}
