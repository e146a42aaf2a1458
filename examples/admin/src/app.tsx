/** The pages of the notes. What is below stands for the specification; the other files know nothing of it. */
import type { ReactNode } from "react";
import {
  Admin,
  BooleanField,
  BooleanInput,
  Create,
  DataTable,
  DateField,
  Layout,
  List,
  LoginWithEmail,
  ReferenceField,
  ReferenceInput,
  Resource,
  SearchInput,
  SelectInput,
  SimpleForm,
  TextInput,
  required,
} from "react-admin";
import { createRoot } from "react-dom/client";

import { authProvider } from "./authProvider";
import { dataProvider } from "./dataProvider";
import { Editing, type Inputs } from "./editing";
import { Share, Waiting } from "./share";

const NEWEST_FIRST = { field: "created_at", order: "DESC" } as const;
const AUDIENCES = ["members", "link_only", "everyone"].map((id) => ({ id, name: id.replace("_", " ") }));

const NotebookList = () => (
  <List sort={NEWEST_FIRST} filters={[<TextInput key="title" source="title_contains" label="Title" alwaysOn />]}>
    <DataTable rowClick="edit">
      <DataTable.Col source="title" />
      <DataTable.Col source="archived" field={BooleanField} />
      <DataTable.Col source="updated_at">
        <DateField source="updated_at" showTime />
      </DataTable.Col>
    </DataTable>
  </List>
);

const NotebookEdit = () => (
  <Editing aside={<Share />}>
    {(locked) => (
      <>
        <TextInput source="title" validate={required()} readOnly={locked("title")} />
        <BooleanInput source="archived" readOnly={locked("archived")} />
      </>
    )}
  </Editing>
);

const NotebookCreate = () => (
  <Create>
    <SimpleForm>
      <TextInput source="title" validate={required()} />
    </SimpleForm>
  </Create>
);

const NOTE_FILTERS = [
  <SearchInput key="q" source="q" alwaysOn />,
  <SelectInput key="audience" source="audience" choices={AUDIENCES} />,
  <ReferenceInput key="notebook" source="notebook" reference="notebooks" />,
];

const NoteList = () => (
  <List sort={NEWEST_FIRST} filters={NOTE_FILTERS} perPage={10}>
    <DataTable rowClick="edit">
      <DataTable.Col source="title" />
      <DataTable.Col source="notebook" disableSort>
        <ReferenceField source="notebook" reference="notebooks" link={false} />
      </DataTable.Col>
      <DataTable.Col source="audience" />
    </DataTable>
  </List>
);

const noteInputs: Inputs = (locked) => (
  <>
    <TextInput source="title" validate={required()} readOnly={locked("title")} />
    <TextInput source="body" multiline validate={required()} readOnly={locked("body")} />
    <SelectInput source="audience" choices={AUDIENCES} defaultValue="members" readOnly={locked("audience")} />
  </>
);

const NoteEdit = () => <Editing>{noteInputs}</Editing>;

const NoteCreate = () => (
  <Create>
    <SimpleForm>
      <ReferenceInput source="notebook" reference="notebooks" />
      {noteInputs(() => false)}
    </SimpleForm>
  </Create>
);

const Page = ({ children }: { children: ReactNode }) => (
  <Layout>
    <Waiting />
    {children}
  </Layout>
);

const App = () => (
  <Admin
    title="Notes"
    dataProvider={dataProvider}
    authProvider={authProvider}
    loginPage={LoginWithEmail}
    layout={Page}
    requireAuth
    disableTelemetry
  >
    <Resource
      name="notebooks"
      list={NotebookList}
      edit={NotebookEdit}
      create={NotebookCreate}
      recordRepresentation="title"
    />
    <Resource name="notes" list={NoteList} edit={NoteEdit} create={NoteCreate} recordRepresentation="title" />
  </Admin>
);

createRoot(document.getElementById("root") as HTMLElement).render(<App />);
