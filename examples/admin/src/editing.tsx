/** A form of a record that others may change meanwhile: then nothing is saved, and one sees both and chooses. */
import { Alert, Button, Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";
import { type ReactNode, useState } from "react";
import {
  DeleteButton,
  Edit,
  FieldTitle,
  HttpError,
  type RaRecord,
  SaveButton,
  SimpleForm,
  Toolbar,
  useDataProvider,
  useNotify,
  useRecordContext,
  useRefresh,
  useResourceContext,
} from "react-admin";
import { useFormContext } from "react-hook-form";

import { useAccess } from "./access";
import { differ, TAG } from "./dataProvider";

/** The inputs of a form; some of its fields may be locked for whoever looks at it. */
export type Inputs = (locked: (field: string) => boolean) => ReactNode;

export function Editing({ children, aside }: { children: Inputs; aside?: ReactNode }) {
  const [theirs, setTheirs] = useState<RaRecord | null>(null);
  const resource = useResourceContext() ?? "";
  const provider = useDataProvider();
  const notify = useNotify();
  const refresh = useRefresh();

  const failed = async (error: unknown, { id }: { id?: string }) => {
    if (error instanceof HttpError && error.status === 412 && id !== undefined) {
      setTheirs((await provider.getOne(resource, { id })).data);
    } else if (!(error instanceof HttpError && Object.keys(error.body?.errors ?? {}).length)) {
      notify(error instanceof Error ? error.message : String(error), { type: "error" });
    }
  };
  const takeTheirs = () => {
    setTheirs(null);
    refresh();
  };
  const saved = () => {
    setTheirs(null);
    notify("ra.notification.updated", { type: "info", messageArgs: { smart_count: 1 } });
  };
  return (
    <Edit
      mutationMode="pessimistic"
      redirect={false}
      mutationOptions={{ onError: failed, onSuccess: saved }}
      aside={aside}
    >
      <Form inputs={children}>{theirs && <Conflict theirs={theirs} takeTheirs={takeTheirs} />}</Form>
    </Edit>
  );
}

function Form({ inputs, children }: { inputs: Inputs; children: ReactNode }) {
  const access = useAccess();
  // what a list has shown of a record is there at once, but has no tag: a form of that would overwrite whatever is there
  if (useRecordContext()?.[TAG] === undefined || access === undefined) {
    return null;
  }
  const [save, remove] = [access.actions.includes("update"), access.actions.includes("delete")];
  const toolbar = (
    <Toolbar sx={{ justifyContent: "space-between" }}>
      {save ? <SaveButton /> : <span />}
      {remove && <DeleteButton />}
    </Toolbar>
  );
  return (
    <SimpleForm toolbar={(save || remove) && toolbar}>
      {children}
      {inputs((field) => !access.fields.includes(field))}
    </SimpleForm>
  );
}

function Conflict({ theirs, takeTheirs }: { theirs: RaRecord; takeTheirs: () => void }) {
  const form = useFormContext();
  const before = useRecordContext();
  const engines = [TAG, "updated_at"];
  const changed = Object.keys(theirs).filter((name) => !engines.includes(name) && differ(theirs[name], before?.[name]));
  const mine = (name: string) => form.getValues(name);
  // saved again, with the tag of what is there now: what I did not touch stays as they have it
  const keepMine = () => form.setValue(TAG, theirs[TAG]);
  return (
    <Alert
      id="conflict"
      severity="warning"
      sx={{ width: "100%" }}
      action={
        <>
          <Button onClick={takeTheirs}>Take theirs</Button>
          <Button type="submit" onClick={keepMine}>
            Save mine
          </Button>
        </>
      }
    >
      Somebody else has changed this since you opened it. Nothing of yours is saved yet.
      <Table size="small">
        <TableHead>
          <TableRow>
            <TableCell />
            <TableCell>Yours</TableCell>
            <TableCell>Theirs</TableCell>
          </TableRow>
        </TableHead>
        <TableBody>
          {changed.map((name) => (
            <TableRow key={name}>
              <TableCell>
                <FieldTitle source={name} />
              </TableCell>
              <TableCell>{differ(mine(name), before?.[name]) ? String(mine(name)) : "not changed"}</TableCell>
              <TableCell>{String(theirs[name])}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </Alert>
  );
}
