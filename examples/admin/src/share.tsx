/** Who else comes in: members, who is invited, and secret links. */
import { Alert, Button, Card, CardContent, List, ListItem, ListItemText, ListSubheader, MenuItem, Stack, TextField } from "@mui/material";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode } from "react";
import { useRefresh } from "react-admin";

import { useAccess, usePath } from "./access";
import { call } from "./client";

interface Member {
  account: string;
  role: string;
}

interface Invitation {
  id: string;
  email: string;
  role: string;
}

interface Link {
  id: string;
  role: string;
  expires_at: string | null;
}

/** Beside the form of a record; nothing for whom the API does not let share it. */
export function Share() {
  const path = usePath();
  const access = useAccess();
  return access?.actions.includes("share") ? <Shared path={path} roles={access.roles ?? []} /> : null;
}

function Shared({ path, roles }: { path: string; roles: string[] }) {
  const members = useItems<Member>(`${path}/members`);
  const invitations = useItems<Invitation>(`${path}/invitations`);
  const links = useItems<Link>(`${path}/links`);
  const add = useChange((who: object) => call(`${path}/members`, { method: "POST", body: who }));
  const link = useChange(() => call<{ token: string }>(`${path}/links`, { method: "POST", body: {} }));
  const end = useChange((below: string) => call(`${path}/${below}`, { method: "DELETE" }), link.reset);
  const failure = add.error ?? end.error ?? link.error;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { who = "", role } = Object.fromEntries(new FormData(form));
    add.mutate({ [String(who).includes("@") ? "email" : "account"]: who, role }, { onSuccess: () => form.reset() });
  };
  const row = (below: string, name: string, detail: string, action: string) => (
    <ListItem key={below} secondaryAction={<Button onClick={() => end.mutate(below)}>{action}</Button>}>
      <ListItemText primary={name} secondary={detail} />
    </ListItem>
  );
  return (
    <Card id="share" sx={{ width: 420, marginLeft: 2, flexShrink: 0 }}>
      <Part title="Members">
        {members.data?.map(({ account, role }) => row(`members/${account}`, account, role, "Remove"))}
        {invitations.data?.map(({ id, email, role }) => row(`invitations/${id}`, email, `${role}, invited`, "Withdraw"))}
      </Part>
      <CardContent>
        <Stack component="form" id="member" direction="row" spacing={1} onSubmit={submit}>
          <TextField name="who" label="Email or account id" size="small" required fullWidth />
          <TextField name="role" label="Role" size="small" select defaultValue={roles.at(-1) ?? ""}>
            {roles.map((role) => (
              <MenuItem key={role} value={role}>
                {role}
              </MenuItem>
            ))}
          </TextField>
          <Button type="submit">Add</Button>
        </Stack>
      </CardContent>
      <Part title="Secret links">
        {links.data?.map(({ id, role, expires_at }) => row(`links/${id}`, role, until(expires_at), "End"))}
      </Part>
      <CardContent>
        <Button id="make-link" onClick={() => link.mutate(undefined)}>
          Make a secret link
        </Button>
        {link.data && (
          <Alert severity="info" id="token" sx={{ wordBreak: "break-all" }}>
            Whoever sends this as a bearer token comes in. It is shown once: <code>{link.data.body.token}</code>
          </Alert>
        )}
        {failure && <Alert severity="error">{failure.message}</Alert>}
      </CardContent>
    </Card>
  );
}

/** What others share with me waits until I accept it. */
export function Waiting() {
  const invitations = useItems<Invitation & { resource: string }>("/v1/invitations");
  const refresh = useRefresh();
  const answer = useChange((path: string) => call(`/v1/invitations/${path}`, { method: "POST" }), refresh);
  return invitations.data?.map(({ id, resource, role }) => (
    <Alert
      key={id}
      severity="info"
      sx={{ marginTop: 2 }}
      action={
        <>
          <Button onClick={() => answer.mutate(`${id}/accept`)}>Accept</Button>
          <Button onClick={() => answer.mutate(`${id}/decline`)}>Decline</Button>
        </>
      }
    >
      You are invited to a {resource}, as {role}. {answer.error?.message}
    </Alert>
  ));
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <List dense subheader={<ListSubheader>{title}</ListSubheader>}>
      {children}
    </List>
  );
}

const until = (time: string | null) => (time === null ? "no end" : `until ${new Date(time).toLocaleDateString()}`);

/** All that a path lists. */
function useItems<T>(path: string) {
  const queryFn = async () => (await call<{ items: T[] }>(path)).body.items;
  return useQuery({ queryKey: ["shared", path], queryFn });
}

/** A change, after which all of these lists are read anew. */
function useChange<V, T>(change: (value: V) => Promise<T>, then?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["shared"] });
      then?.();
    },
  });
}
