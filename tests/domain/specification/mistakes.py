# ruff: noqa: E501 - a table
"""The table of wrong specifications: each with `⟦` before the offending word, that word, and part of the fix."""

BASE = """\
app: tried
staff: mediator
resources:
  project:
    owner: account
    roles: lead > member
    fields: {title: text, private: yes/no, boss: account}
    can: {create: signed in, read: [owner, member]}
  client:
    owner: project
    fields: {portal: account, name: text, loose: {type: json}}
    can: {create: owner, read: owner}
  task:
    owner: project
    roles: helper
    fields:
      reporter: creator
      client: client
      spare: {type: client, optional: yes}
      status: one of todo, doing, done
      due: date
      size: integer
      data: json
      open: yes/no
      title: text
FIELDS
    can:
      read: owner
CAN
REST
EXTRA
"""


def whole(text: str) -> str:
    """A file as it stands."""
    return text


def base(fields: str = "", can: str = "", rest: str = "", extra: str = "") -> str:
    """The base specification with something added to `task`, or another resource."""
    parts = {"FIELDS": _indent(fields, 6), "CAN": _indent(can, 6), "REST": _indent(rest, 4), "EXTRA": _indent(extra, 2)}
    text = BASE
    for name, part in parts.items():
        text = text.replace(f"{name}\n", f"{part}\n" if part else "")
    return text


def update(grant: str) -> str:
    """A grant of `update` on a task."""
    return base(can=f"update: {grant}")


def typed(type_text: str) -> str:
    """A field with this type on a task."""
    return base(fields=f"extra: {type_text}")


def rest(text: str) -> str:
    """Something beside the fields of a task."""
    return base(rest=text)


def also(text: str) -> str:
    """Another resource."""
    return base(extra=text)


def _indent(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


HEAD = "app: tried\nresources:\n"

MISTAKES: list[tuple[str, str, str]] = [
    # --- the file ---
    (whole("⟦"), "freehold.yaml", "Begin with `app: myapp`"),
    (whole("⟦# only a comment\n"), "freehold.yaml", "Begin with `app: myapp`"),
    (whole("⟦- app: x\n"), "[…]", "begins with `app: myapp`"),
    (whole("⟦~\n"), "~", "Begin with `app: myapp`"),
    (whole("---\n⟦"), "---", "Begin with `app: myapp`"),
    (whole("⟦just words\n"), "just words", "begins with `app: myapp`"),
    (whole("⟦resources: {a: {owner: account}}\n"), "app", "Add `app: myapp`"),
    (whole("⟦app: tried\n"), "resources", "Add `resources:`"),
    (whole("app: tried\nresources: ⟦{}\n"), "{…}", "a mapping of resources"),
    (whole("app: tried\nresources:⟦\n"), "resources", "Write what it should be"),
    (whole("app: tried\nresources: {a: {owner: account}}\n⟦resource: {}\n"), "resource", "not known here"),
    (whole("app: tried\n⟦ap: tried\nresources: {a: {owner: account}}\n"), "ap", "not known here"),
    (whole("app: tried\n⟦verson: 1.0.0\nresources: {a: {owner: account}}\n"), "verson", "Did you mean `version`?"),
    (whole("app: ⟦My App\nresources: {a: {owner: account}}\n"), "My App", "such as `my_app`"),
    (whole("app: tried\nversion: ⟦1.0\nresources: {a: {owner: account}}\n"), "1.0", "as in `1.0.0`"),
    (whole("app: tried\nstaff: ⟦a, b\nresources: {a: {owner: account}}\n"), "a, b", "strongest first"),
    (whole("app: tried\nresources: {a: {owner: account}}\n⟦---\nb: c\n"), "---", "one document"),
    (whole("app: ⟦&name tried\nresources: {}\n"), "&name", "Remove it"),
    (whole("app: tried\nresources: ⟦*all\n"), "*all", "Write the text out"),
    (whole("app: ⟦!!str tried\nresources: {}\n"), "!!str", "is a tag"),
    (whole("app: tried\nresources:\n⟦\ta: {owner: account}\n"), "a: {owner: account}", "Indent with spaces"),
    (whole("app: tried\nresources:\n  a:\n ⟦\towner: account\n"), "owner: account", "Indent with spaces"),
    (whole("app: tried\nresources: ⟦{a: {owner: account}\n"), "{", "Close it with `}`"),
    (whole("app: tried\nresources: {a: {unique: ⟦[a per owner}}\n"), "[", "Close it with `]`"),
    (whole('app: ⟦"tried\nresources: {}\n'), '"tried', "Close it"),
    (whole("app: tried⟦: again\n"), "app: tried: again", "quote a text that contains `: `"),
    (whole("app: ⟦@tried\n"), "@", "Put it into quotes"),
    (whole("app: tried\nresources: {a: {owner: account}}\n⟦app: again\n"), "app", "on line 1"),
    (whole("app: tried\nresources: {a: {owner: account, ⟦owner: account}}\n"), "owner", "on line 2"),
    (whole("app: tri⟦\x00ed\n"), "U+0000", "Remove it"),
    (whole("app: tri⟦\x1bed\n"), "U+001B", "Remove it"),
    (whole("? ⟦[a]\n: b\n"), "[", "Write `name: …`"),
    (whole("app: tried\nresources: {a: ⟦owner}\n"), "owner", "the resource's `owner`"),
    # --- resources and owners ---
    (whole(HEAD + "  ⟦Note: {owner: account}\n"), "Note", "such as `note`"),
    (whole(HEAD + "  ⟦staff: {owner: account}\n"), "staff", "something else"),
    (whole(HEAD + "  ⟦cursor: {owner: account}\n"), "cursor", "something else"),
    (whole(HEAD + "  ⟦date: {owner: account}\n"), "date", "is a type"),
    (whole(HEAD + "  ⟦freehold_job: {owner: account}\n"), "freehold_job", "Rename it"),
    (whole(HEAD + "  ⟦sqlite_master: {owner: account}\n"), "sqlite_master", "Rename it"),
    (whole(HEAD + "  ⟦xmin: {owner: account}\n"), "xmin", "every table in PostgreSQL. Rename it"),
    (also("thing: {owner: account, fields: {⟦ctid: text}}"), "ctid", "every table in PostgreSQL. Rename it"),
    (whole(HEAD + "  ⟦pg_class: {owner: account}\n"), "pg_class", "Rename it"),
    (whole(HEAD + "  ⟦alembic_version: {owner: account}\n"), "alembic_version", "Rename it"),
    (whole(HEAD + f"  ⟦{'n' * 41}: {{owner: account}}\n"), "n" * 41, "Shorten it"),
    (whole(HEAD + "  note: {owner: account}\n  memo: {owner: account, plural: ⟦notes}\n"), "notes", "the path of `note`"),
    (whole(HEAD + "  note: {owner: account, plural: ⟦My Notes}\n"), "My Notes", "such as `my_notes`"),
    (whole(HEAD + "  ⟦note: {fields: {title: text}}\n"), "note", "Add `owner: account`"),
    (whole(HEAD + "  note: {owner: ⟦acount}\n"), "acount", "Did you mean `account`?"),
    (whole(HEAD + "  note: {owner: ⟦[account]}\n"), "[…]", "`owner: account`"),
    (whole(HEAD + "  note: {owner: ⟦note}\n"), "note", "Write `owner: account`"),
    (whole(HEAD + "  a: {owner: ⟦b}\n  b: {owner: c}\n  c: {owner: a}\n"), "b", "a → b → c → a"),
    (also("thing: {owner: account, ⟦role: a}"), "role", "Did you mean `roles`?"),
    (also("thing: {owner: account, keep: ⟦true}"), "true", "Write `keep: yes`"),
    (also("thing: {owner: account, limit: ⟦200}"), "200", "`200 per owner`"),
    (also("thing: {owner: account, limit: ⟦0 per owner}"), "0 per owner", "`200 per owner`"),
    (also("thing: {owner: account, renamed_from: ⟦task}"), "task", "Remove it"),
    (also("thing: {owner: account, about: ⟦''}"), "''", "a sentence"),
    (also("thing: {owner: account, roles: ⟦owner}"), "owner", "Call the role something else"),
    (also("thing: {owner: account, roles: a > ⟦a}"), "a", "Write each role once"),
    (also("thing: {owner: account, roles: a >⟦}"), "a >", "Write the roles strongest first"),
    (also("thing: {owner: account, roles: {ladder: a, join: ⟦close}}"), "close", "Write `open`"),
    (also("thing: {owner: account, roles: {ladder: a, expire: ⟦90}}"), "90", "Write `30 days`"),
    (also("thing: {owner: account, roles: ⟦{join: open}}"), "ladder", "{ladder: editor > viewer, …}"),
    # --- fields and types ---
    (base(fields="⟦id: text"), "id", "written by the engine"),
    (base(fields="⟦sort: text"), "sort", "something else"),
    (base(fields="⟦project: text"), "project", "Remove or rename it"),
    (base(fields="⟦Size: text"), "Size", "such as `size`"),
    (base(fields="⟦due_gt: date"), "due_gt", "compares `due`"),
    (base(fields="⟦title_starts: text"), "title_starts", "compares `title`"),
    (base(fields="⟦created_at_lte: text"), "created_at_lte", "compares `created_at`"),
    (base(fields="⟦project_ne: text"), "project_ne", "compares `project`"),
    (base(fields="⟦task: task, optional"), "task", "this resource"),
    (also("part: {owner: task, fields: {⟦project: project}}"), "project", "a record above"),
    (typed("⟦string"), "string", "Write `text`"),
    (typed("⟦Text"), "Text", "Write `text`"),
    (typed("⟦bool"), "bool", "Write `yes/no`"),
    (typed("⟦clent"), "clent", "Did you mean `client`?"),
    (typed("⟦nothing_like_it"), "nothing_like_it", "a resource's name"),
    (typed("⟦").replace(": ⟦", ":⟦"), "extra", "Write what it should be"),
    (typed("⟦', optional'").replace("⟦'", "'⟦"), "", "Write `text`"),
    (typed("⟦a-b"), "a-b", "`one of a, b`"),
    (typed("one of a,⟦, b"), "one of a,, b", "lacks a value"),
    (typed("{type: number, min: ⟦.5}"), ".5", "Write a number"),
    (base(fields="before: text\nextra: {type: text, renamed_from: old}\nmore: {type: text, renamed_from: ⟦old}"), "old", "renamed once already"),
    (typed("text, ⟦required"), "required", "Only `, optional` can"),
    (typed("text, optional, ⟦optional"), "optional", "Write it once"),
    (typed("one of a, b, ⟦optional"), "optional", "{type: \"one of a, b\", optional: yes}"),
    (typed("one of a, ⟦b!"), "b!", "Use letters"),
    (typed("one of a, ⟦this or that"), "this or that", "Rename it"),
    (typed("one of a, ⟦a"), "a", "Write each value once"),
    (typed("{type: one of a, ⟦b}"), "b", 'type: "one of a, b"'),
    (typed("{type: text, ⟦lenght: 1 to 3}"), "lenght", "Did you mean `length`?"),
    (base(fields="⟦extra: {optional: yes}"), "extra", "Add `type: text`"),
    (typed("⟦[text]"), "[…]", "a type, such as `text`"),
    (typed("{type: integer, ⟦length: 1 to 2}"), "length", "It belongs to `text`"),
    (typed("{type: text, ⟦places: 2}"), "places", "It belongs to `decimal`"),
    (typed("{type: text, ⟦when_gone: empty}"), "when_gone", "It belongs to `reference`"),
    (typed("{type: client, when_gone: ⟦keep}"), "keep", "Write `empty`, `block` or `delete`"),
    (typed("{type: text, length: ⟦120}"), "120", "`1 to 120`"),
    (typed("{type: text, length: ⟦9 to 3}"), "9 to 3", "Write `3 to 9`"),
    (typed("{type: text, pattern: ⟦'[a'}"), "[a", "Correct it"),
    (typed("{type: text, format: ⟦phone}"), "phone", "Write `email` or `url`"),
    (typed("{type: text, optional: ⟦maybe}"), "maybe", "Write `optional: yes`"),
    (typed("{type: text, length: 1 to 3, default: ⟦long text}"), "long text", "1 to 3 characters"),
    (typed("{type: integer, default: ⟦many}"), "many", "a whole number"),
    (typed("{type: integer, min: 5, default: ⟦4}"), "4", "at least 5"),
    (typed("{type: integer, min: 5, max: ⟦4}"), "4", "Make it larger"),
    (typed("{type: decimal, places: 2, default: ⟦1.234}"), "1.234", "2 digits"),
    (typed("{type: decimal, places: ⟦two}"), "two", "places: 2"),
    (typed("{type: yes/no, default: ⟦true}"), "true", "`yes` or `no`"),
    (typed("{type: date, default: ⟦2026-02-30}"), "2026-02-30", "must be a date"),
    (typed("{type: time, min: ⟦2026-02-01}"), "2026-02-01", "must be an instant"),
    (typed('{type: "one of a, b", default: ⟦c}'), "c", "Write `a` or `b`"),
    (typed("{type: account, ⟦default: me}"), "default", "Remove it"),
    (typed("{type: creator, ⟦write: owner}"), "write", "Remove it"),
    (typed("⟦creator, optional"), "creator", "Remove `optional`"),
    (typed("{type: text, renamed_from: ⟦title}"), "title", "is still here"),
    (typed("member of ⟦clint"), "clint", "Did you mean `client`?"),
    (typed("member of ⟦task"), "task", "Name a record above"),
    (typed("member of ⟦spare"), "spare", "Remove its `optional`"),
    (typed("member of ⟦title"), "title", "is no reference"),
    (typed("⟦member of"), "member of", "`member of project`"),
    (also("visit: {owner: account, fields: {a: client, b: client, who: member of ⟦client}}"), "client", "`a` or `b`"),
    (typed("copy of ⟦title"), "title", "`copy of listing.title`"),
    (typed("copy of ⟦task.title"), "task.title", "this record itself"),
    (typed("copy of client.⟦nam"), "nam", "Did you mean `name`?"),
    (typed("copy of client.⟦created_at"), "created_at", "cannot be copied"),
    (also("part: {owner: task, fields: {x: copy of ⟦task.client.name}}"), "task.client.name", "beyond a reference"),
    (also("part: {owner: task, fields: {x: copy of task.⟦client}}"), "client", "a reference of its own"),
    (also("a: {owner: account, fields: {b: b, x: copy of ⟦b.y}}\nb: {owner: account, fields: {a: a, y: copy of a.x}}"), "b.y", "a.x → b.y → a.x"),
    # --- who ---
    (update("⟦ownr"), "ownr", "Did you mean `owner`?"),
    (update("⟦nobody_we_know"), "nobody_we_know", "neither a role here or above nor an account field"),
    (update("⟦title"), "title", "names no account"),
    (update("⟦client"), "client", "`client.portal`"),
    (update("⟦boss"), "boss", "Write `project.boss`"),
    (update("⟦portal"), "portal", "Write `client.portal`"),
    (update("⟦mediator"), "mediator", "Write `staff.mediator`"),
    (update("⟦staff"), "staff", "Write `staff.mediator`"),
    (update("staff.⟦clerk"), "clerk", "Write `mediator`"),
    (update("⟦everyone"), "everyone", "`anyone` for the world"),
    (update("⟦signed"), "signed", "Write `signed in`"),
    (update("client.⟦portl"), "portl", "Did you mean `portal`?"),
    (update("⟦clients.portal"), "clients", "Did you mean `client`?"),
    (update("⟦status.lead"), "status", "is no reference"),
    (also("other: {owner: account, can: {read: ⟦task.helper}}"), "task", "neither above `other` nor a reference"),
    (also("part: {owner: account, fields: {job: task}, can: {read: ⟦task.helper}}"), "task", "refers to it as `job`"),
    (also("part: {owner: task, roles: lead, can: {read: ⟦lead}}"), "lead", "`part.lead` or `project.lead`"),
    (also("part: {owner: task, fields: {helper: account}, can: {read: ⟦helper}}"), "helper", "`task.helper`"),
    (also("part: {owner: account, roles: lead, fields: {⟦lead: account}}"), "lead", "Rename one of them"),
    (update("⟦not owner"), "not", "all is denied"),
    (update("owner ⟦or reporter"), "or", "[owner, editor]"),
    (update("owner⟦, reporter"), ",", "Write several grants as a list"),
    (update("owner ⟦if open is yes"), "if", "Write `when`"),
    (update("owner ⟦unless open is yes"), "unless", "There is no deny"),
    (update("owner ⟦please"), "please", "can follow"),
    (update("⟦Owner!"), "Owner!", "`owner`, a role, or `signed in`"),
    (update("owner and⟦"), "owner and", "ends too early"),
    (update("⟦").replace("update: ⟦", "update:⟦"), "update", "Write what it should be"),
    (update("⟦[]"), "[]", "leave the line out"),
    (update("[owner, ⟦[reporter]]"), "[…]", "who may"),
    (update("whoever can ⟦see project"), "see", "is no action"),
    (update("whoever can read ⟦tsk"), "tsk", "neither a record above nor a reference"),
    (update("whoever can read ⟦task"), "task", "leans on itself"),
    (update("whoever can read ⟦spare"), "spare", "Remove its `optional`"),
    (update("whoever can ⟦share client"), "share", "Add `roles: editor > viewer`"),
    (update("whoever ⟦may read project"), "may", "`whoever can read notebook`"),
    (update("lead through ⟦client"), "client", "through item.album"),
    (update("lead through ⟦cleint.project"), "cleint", "Did you mean `client`?"),
    (update("lead through ⟦client.project"), "client", "exactly one"),
    (also("tie: {owner: account, fields: {job: task, from: project}}\nshelf: {owner: account, can: {read: lead through ⟦tie.from}}"), "tie", "exactly one"),
    (base(can="update: ⟦leader through tie.from", extra="tie: {owner: account, fields: {job: task, from: project}}"), "leader", "Did you mean `lead`?"),
    (base(can="update: lead through tie.⟦job", extra="tie: {owner: account, fields: {job: task, from: project}}"), "job", "the other end"),
    (base(can="update: lead through tie.⟦form", extra="tie: {owner: account, fields: {job: task, from: project}}"), "form", "Did you mean `from`?"),
    (update("lead.member through ⟦tie.job").replace("⟦", "").replace("lead.member", "⟦lead.member"), "lead.member", "bare role"),
    (update("⟦whoever"), "whoever", "Write `whoever can read`"),
    (update("reporter and ⟦project"), "project", "whoever can read project"),
    (update("[owner,⟦ ~]").replace("⟦ ~", " ⟦~"), "-", "has nothing behind it"),
    (base(can="update: ⟦staff.clerk").replace("staff: mediator\n", ""), "staff.clerk", "Add `staff: clerk`"),
    (base(can="update: member through tie.⟦from", extra="tie: {owner: account, fields: {job: task, from: client}}").replace("member through tie.⟦", "⟦member through tie."), "member", "Give it `roles`"),
    (also("part: {owner: account, fields: {near: task}, can: {read: near.⟦lead}}"), "lead", "neither a role nor an account field"),
    # --- only and when ---
    (base(can="delete: owner only ⟦title"), "only title", "`only` belongs to grants of `update`"),
    (update("owner only ⟦titel"), "titel", "Did you mean `title`?"),
    (update("owner only ⟦project"), "project", "changing it is `move`"),
    (update("owner only ⟦reporter"), "reporter", "written by the engine"),
    (update("owner only title, ⟦title"), "title", "Write each field once"),
    (update("owner only title ⟦size"), "size", "Separate the fields with commas"),
    (update("[owner only title, ⟦size]"), "size", "- owner only title, size"),
    (update("[helper only title, ⟦reporter]"), "reporter", "- helper only title, reporter"),
    (update("owner when open is yes ⟦only title"), "only", "before `when"),
    (update("owner when ⟦opn is yes"), "opn", "Did you mean `open`?"),
    (update("owner when ⟦private is yes"), "private", "Write `project.private`"),
    (update("owner when ⟦created_at is past"), "created_at", "written by the engine"),
    (update("owner when open ⟦= yes"), "=", "`is` compares"),
    (update("owner when size ⟦> 3"), ">", "nothing else can be compared"),
    (update("owner when open⟦"), "owner when open", "`is …`"),
    (update("owner when status is ⟦doing_it"), "doing_it", "Did you mean `doing`?"),
    (update("owner when status is todo or ⟦is done"), "is", "Write a value"),
    (update("owner when status is todo or ⟦todo"), "todo", "Write each value once"),
    (update("owner when status is ⟦not done"), "not", "Name the values that allow"),
    (update("owner when open is ⟦true"), "true", "Write `is yes` or `is no`"),
    (update("owner when size is ⟦big"), "big", "Write a whole number"),
    (update("owner when due is ⟦2026-01-01"), "2026-01-01", "`is past`"),
    (update("owner when open is ⟦past"), "past", "for dates and times"),
    (update("owner when data is ⟦big"), "big", "`is set` or `is empty`"),
    (update("owner when due is set or ⟦past"), "past", "Write a grant for each"),
    (update("owner when status is todo⟦, doing"), ",", "with `or`"),
    (update("owner when open is yes ⟦when size is 3"), "when", "after one `when`"),
    # --- actions, locks, steps, links, unique ---
    (base(can="⟦updat: owner"), "updat", "Did you mean `update`?"),
    (base(can="⟦transfer: owner"), "transfer", "Use `move`"),
    (also("thing: {owner: account, can: {⟦move: owner}}"), "move", "Use `transfer`"),
    (also("thing: {owner: account, can: {⟦share: owner}}"), "share", "Add `roles: editor > viewer`"),
    (also("thing: {owner: account, can: {⟦members: owner}}"), "members", "Add `roles: editor > viewer`"),
    (also("thing: {owner: account, can: ⟦owner}"), "owner", "such as `read: owner`"),
    (also("thing: {owner: account, fields: {a: text}, can: {update: owner only a, ⟦b}}"), "b", 'update: "owner only a, b"'),
    (rest("locked: ⟦open is yes"), "open", "Begin with `when`"),
    (rest("locked: when open is yes, except ⟦opn"), "opn", "Did you mean `open`?"),
    (rest("locked: when open is yes ⟦except open"), "except", "Put a comma before it"),
    (rest("locked: when open is yes, except title ⟦size"), "size", "with commas"),
    (rest("steps: {status: ⟦{}}"), "{…}", "{todo -> doing: owner}"),
    (also("thing: {owner: account, plural: ⟦freehold_things}"), "freehold_things", "Set another with `plural: …`"),
    (also("thing: {owner: account, plural: ⟦pg_roles}"), "pg_roles", "Set another with `plural: …`"),
    (also("thing: {owner: account, plural: ⟦alembic_version}"), "alembic_version", "Set another with `plural: …`"),
    (also("thing: {owner: account, plural: ⟦batch}"), "batch", "Set another with `plural: …`"),
    (also("thing: {owner: account, plural: ⟦service}"), "service", "Set another with `plural: …`"),
    (update("owner when title is a,⟦ b").replace("a,⟦", "a⟦,"), ",", "with `or`"),
    (update("owner when open ⟦yes"), "yes", "as in `open is yes`"),
    (rest("locked: when open is yes⟦, but not title"), ",", "Only `, except field` can follow"),
    (rest("steps: {⟦title: {a -> b: owner}}"), "title", "Change its type"),
    (rest("steps: {⟦stats: {a -> b: owner}}"), "stats", "Did you mean `status`?"),
    (rest("steps: {status: ⟦owner}"), "owner", "{todo -> doing: owner}"),
    (rest("steps: {status: {todo -> ⟦doin: owner}}"), "doin", "Did you mean `doing`?"),
    (rest("steps: {status: {todo -> ⟦todo: owner}}"), "todo", "must change the value"),
    (rest("steps: {status: {⟦todo: owner}}"), "todo", "Write `before -> after`"),
    (rest("steps:\n  status:\n    todo -> doing: owner\n    ⟦todo->doing: owner"), "todo->doing", "in one list"),
    (rest("steps: {status: {todo -> doing: owner only ⟦title}}"), "only title", "remove it"),
    (base(fields='mood: {type: "one of a, b", optional: yes}', rest="steps: {⟦mood: {a -> b: owner}}"), "mood", "Remove its `optional`"),
    (base(fields='mood: {type: "one of a, b", default: b}', rest="steps: {⟦mood: {a -> b: owner}}"), "mood", "Remove its `default`"),
    (rest("links: {role: ⟦lead}"), "lead", "Write `helper`"),
    (rest("links: ⟦{expire: 30 days}"), "role", "`links: {role: viewer, expire: 30 days}`"),
    (rest("links: {role: helper, expire: ⟦30}"), "30", "Write `30 days`"),
    (rest("links: ⟦helper"), "helper", "`links: {role: viewer, expire: 30 days}`"),
    (also("thing: {owner: account, ⟦links: {role: a}}"), "links", "Add `roles: editor > viewer`"),
    (rest("unique: title per ⟦ownr"), "ownr", "Write `per owner`"),
    (rest("unique: ⟦titel per owner"), "titel", "Did you mean `title`?"),
    (rest("unique: title per ⟦reporter"), "reporter", "`title, reporter per owner`"),
    (rest("unique: title ⟦within owner"), "within", "Write `title per owner`"),
    (rest("unique: [title⟦, size per owner]"), "title", "ends too early"),
    (rest("unique: ⟦data per owner"), "data", "Choose another field"),
    (rest("unique: title, ⟦title per owner"), "title", "Write each field once"),
    (rest("unique: [title per owner, ⟦title per owner]"), "title", "Remove one of the two rules"),
    (rest("unique: title everywhere ⟦else"), "else", "- title everywhere"),
    # --- between resources, and the end of the file ---
    (whole(HEAD + "  a: {owner: account, fields: {b: b}, can: {read: ⟦whoever can read b}}\n  b: {owner: account, fields: {a: a}, can: {read: whoever can read a}}\n"), "whoever can read b", "read a → read b → read a"),
    (whole(HEAD + "  a: {owner: account, fields: {near: a}, can: {open: owner, update: ⟦whoever can update near}}\n"), "whoever can update a", "Write the grants themselves"),
    (also("x: {owner: account, renamed_from: old}\ny: {owner: account, renamed_from: ⟦old}"), "old", "renamed once already"),
    (base() + "answers: ⟦{question: Q-X}\n", "{…}", "a list of"),
    (base() + "answers: [⟦{question: Q-X, on: task}]\n", "because", "a list of"),
    (base() + "answers: [{question: ⟦public, on: task, because: yes}]\n", "public", "`Q-…`"),
    (base() + "answers: [⟦~]\n", "-", "or remove it"),
    (base() + "examples:\n  -⟦\n", "-", "or remove it"),
    (base() + "examples: ⟦mary can read note 3\n", "mary can read note 3", "a list of sentences"),
]  # fmt: skip
