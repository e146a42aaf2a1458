# ruff: noqa: E501 - tables
"""Specifications that raise one question each, with `⟦` at its place, and specifications that raise none."""

HEAD = "app: asked\nresources:\n"
BOX = "  box: {owner: account, fields: {name: text}, can: {create: signed in, read: owner, update: owner, delete: owner}}\n"


def root(fields: str = "{title: text}", can: str = "{create: signed in, read: owner}", rest: str = "") -> str:
    """A specification with one resource `note`, which an account owns."""
    more = f"    {rest}\n" if rest else ""
    return f"{HEAD}  note:\n    owner: account\n{more}    fields: {fields}\n    can: {can}\n"


def below(
    fields: str = "{title: text}", can: str = "{create: owner, read: owner}", rest: str = "", box: str = BOX
) -> str:
    """A specification with a `note` below a `box`."""
    more = f"    {rest}\n" if rest else ""
    return f"{HEAD}{box}  note:\n    owner: {box.split(':')[0].strip()}\n{more}    fields: {fields}\n    can: {can}\n"


TEAM = """\
  team:
    owner: account
    roles: chief > helper
    fields: {name: text, open: yes/no}
    can: {create: signed in, read: [owner, helper], update: [owner, chief], delete: owner, share: owner}
"""


def team(fields: str = "{title: text}", can: str = "{create: owner, read: [owner, helper]}", rest: str = "") -> str:
    """A specification with a `note` below a `team` with chiefs and helpers."""
    return below(fields, can, rest, TEAM)


ASKED: list[tuple[str, str, str, str]] = [
    # --- creating and reading ---
    (f"{HEAD}  ⟦note: {{owner: account, fields: {{title: text}}, can: {{read: owner}}}}\n", "Q-NOBODY-CREATES", "note", "it has no `create`"),
    (root(can="{create: ⟦engine, read: owner}"), "Q-NOBODY-CREATES", "note", "the engine has none"),
    (root(can="{create: ⟦signed in, read: engine}"), "Q-NOBODY-CREATES", "note", "they could not open what they would create"),
    (team(can="{create: ⟦chief, read: owner}"), "Q-CREATE-REFUSED", "note.create by chief", "they could not open what they would create"),
    (below(can="{create: ⟦signed in, read: owner}", box=BOX.replace("read: owner", "read: engine")), "Q-NOBODY-CREATES", "note", "they cannot open the `box` that it would be in"),
    (f"{HEAD}  ⟦note: {{owner: account, fields: {{title: text}}, can: {{create: signed in}}}}\n", "Q-NOBODY-READS", "note", "neither `read` nor `open`"),
    (team(can="{create: [owner, ⟦chief], read: owner}"), "Q-CREATE-REFUSED", "note.create by chief", "they could not open what they would create"),
    (team("{title: {type: text, write: owner}}", "{create: [owner, ⟦chief], read: [owner, helper]}"), "Q-CREATE-REFUSED", "note.create by chief", "they must send `title`, and may not write it"),
    (team('{state: "one of todo, done"}', "{create: [owner, ⟦chief when state is done], read: [owner, helper]}", "steps: {state: {todo -> done: owner}}"), "Q-CREATE-REFUSED", "note.create by chief when state is done", "`state` of a new one is always `todo`"),
    # --- roles ---
    (root(rest="roles: ⟦editor > viewer", can="{create: signed in, read: [owner, viewer]}"), "Q-ROLE-UNGIVEN", "note.roles", "`editor` and `viewer` of `note`: it has no `share`"),
    (root(rest="roles: ⟦editor > viewer", can="{create: signed in, read: [owner, viewer], share: editor}"), "Q-ROLE-UNGIVEN", "note.roles", "needs such a role first"),
    (root(rest="roles: {ladder: ⟦editor > viewer, join: open}", can="{create: signed in, read: signed in}"), "Q-ROLE-UNGIVEN", "note.roles", "the role `editor` of"),
    # --- grants that say nothing ---
    (team('{state: "one of todo, done"}', "{create: owner, read: [owner, ⟦helper when state is todo and state is done]}"), "Q-NEVER-MATCHES", "note.read by helper when state is todo and state is done", "never gives anybody `read`"),
    (team('{state: "one of todo, done"}', "{create: owner, read: [owner, helper], delete: [owner, ⟦chief when state is done]}", "locked: when state is done"), "Q-NEVER-MATCHES", "note.delete by chief when state is done", "never gives anybody `delete`"),
    (team(can="{create: owner, read: [owner, helper], update: [owner, ⟦chief and helper, helper]}"), "Q-SWALLOWED", "note.update by chief and helper", "`helper` (line 11) allows all of it"),
    (team("{title: {type: text, read: [owner, ⟦helper when team.open is yes, helper]}}"), "Q-SWALLOWED", "note.title.read by helper when team.open is yes", "`helper` (line 10)"),
    (team('{state: "one of todo, done"}', rest="steps: {state: {todo -> done: [⟦chief, helper]}}"), "Q-SWALLOWED", "note.state.todo -> done by chief", "`helper` (line 10)"),
    # --- access that one grants oneself ---
    (team("{title: text, ⟦done: yes/no}", "{create: owner, read: [owner, helper], update: helper, delete: helper when done is yes}"), "Q-SELF-ACCESS", "note.done", "as `helper` (line 11) can give themselves by it: `delete` of `note` (`helper when done is yes`, line 11)"),
    (team("{title: {type: text, optional: yes, read: [owner, chief, helper when done is yes]}, ⟦done: yes/no}", "{create: owner, read: [owner, helper], update: helper only done}"), "Q-SELF-ACCESS", "note.done", "`read of title` of `note`"),
    (team("{title: text, ⟦reader: {type: account, optional: yes}, secret: {type: text, optional: yes, read: [owner, reader], write: owner}}", "{create: owner, read: [owner, helper], update: helper}"), "Q-SELF-ACCESS", "note.reader", "`read of secret` of `note`"),
    (team(can="{create: [owner, helper when team.open is yes], read: [owner, helper]}").replace("open: yes/no", "⟦open: yes/no"), "Q-SELF-ACCESS", "team.open", "`create` of `note`"),
    (root("{title: text, ⟦proven: yes/no}", "{create: signed in, read: owner, delete: owner when proven is yes}"), "Q-SELF-ACCESS", "note.proven", "create a `note` as `signed in` (line 6) can give themselves by what they write into its `proven`: `delete` of `note`"),
    (team("{title: text, ⟦checker: {type: account, optional: yes}}", "{create: [owner, helper], read: [owner, helper], delete: [owner, checker]}"), "Q-SELF-ACCESS", "note.checker", "create a `note` as `helper`"),
    (team("{title: text, ⟦checker: account}", "{create: [owner, helper], read: [owner, helper], delete: [owner, checker]}"), "Q-SELF-ACCESS", "note.checker", "create a `note` as `helper`"),
    # --- strangers ---
    (root("{⟦bio: text}", "{create: signed in, read: anyone}"), "Q-PUBLIC-PERSONAL", "note.bio", "anybody without an account can read it"),
    (root("{⟦home_address: text}", "{create: signed in, read: owner, open: signed in}"), "Q-PUBLIC-PERSONAL", "note.home_address", "whoever has an account can read it"),
    (root("{⟦first_name: text}", "{create: signed in, read: anyone}"), "Q-PUBLIC-PERSONAL", "note.first_name", "looks personal"),
    (root("{⟦contact: {type: text, format: email}}", "{create: signed in, read: anyone}"), "Q-PUBLIC-PERSONAL", "note.contact", "looks personal"),
    (root("{⟦salary: {type: decimal, read: [owner, anyone when shown is yes]}, shown: yes/no}", "{create: signed in, read: anyone}"), "Q-PUBLIC-PERSONAL", "note.salary", "looks personal"),
    (root("{⟦name: text}", "{create: signed in, read: anyone}").replace("note:", "customer:"), "Q-PUBLIC-PERSONAL", "customer.name", "looks personal"),
    (root(can="{create: signed in, read: anyone, delete: ⟦anyone}"), "Q-STRANGERS-CHANGE", "note.delete by anyone", "open to anybody without an account"),
    (root(can="{create: signed in, read: signed in, update: [owner, ⟦signed in only title]}", fields="{title: text, text: text}"), "Q-STRANGERS-CHANGE", "note.update by signed in only title", "open to whoever has an account"),
    (root(rest="unique: ⟦title everywhere"), "Q-UNIQUE-EVERYWHERE", "note.title", "the records of all accounts"),
    (root("{title: text, text: text}", rest="unique: [title per owner, '⟦title, text everywhere']"), "Q-UNIQUE-EVERYWHERE", "note.title, text", "`title, text` of `note`"),
    # --- deletion ---
    (root("{⟦box: box}", rest="about: b").replace("resources:\n", f"resources:\n{BOX}"), "Q-WHEN-GONE", "note.box", "goes null, although it is required"),
    (team("{⟦twin: {type: note, optional: yes}}", "{create: owner, read: owner, delete: owner}"), "Q-WHEN-GONE", "note.twin", "within the same `team` the deletion is refused"),
    (below(rest="keep: yes").replace("delete: owner", "delete: ⟦owner"), "Q-DELETE-BLOCKED", "box.delete", "a `note` below it, which is kept and which nobody can delete"),
    (below('{state: "one of open, shut"}', rest="locked: when state is shut").replace("delete: owner", "delete: ⟦owner").replace("read: owner}\n", "read: owner, update: owner}\n"), "Q-DELETE-BLOCKED", "box.delete", "locked for good (state is shut)"),
    (root("{box: {type: box, when_gone: block}}").replace("resources:\n", f"resources:\n{BOX.replace('delete: owner', 'delete: ⟦owner')}"), "Q-DELETE-BLOCKED", "box.delete", "a `note` whose `box` refers to it, which nobody can delete or change"),
    (below(can="{create: owner, read: owner, delete: owner}", rest="keep: yes").replace("  note:", "  ⟦note:"), "Q-KEEP-BELOW", "note.keep", "the `box` above it can be deleted by `owner` (line 3)"),
    # --- what never ends, and what never begins ---
    (root("{title: text, done: yes/no}", "{create: signed in, read: owner, update: owner}", "locked: when done is yes").replace("  note:", "  ⟦note:"), "Q-LOCKED-FOREVER", "note.locked", "`done is yes`"),
    (root('{⟦state: "one of todo, done, lost"}', rest="steps: {state: {todo -> done: owner, lost -> todo: owner}}"), "Q-VALUE-UNREACHED", "note.state.lost", "No step leads to `lost`"),
]  # fmt: skip
"""text, code, place as an answer calls it, and words that the question says"""

CHANGES: list[tuple[str, str, str, str, str]] = [
    (root(), root("{title: text, ⟦weight: integer}"), "Q-REQUIRED", "note.weight", "new and required"),
    (root(), root("{title: text, ⟦day: date}"), "Q-REQUIRED", "note.day", "new and required"),
    (root("{title: {type: text, optional: yes}}"), root("{⟦title: text}"), "Q-REQUIRED", "note.title", "could be empty"),
    (root(), root("{⟦headline: text}"), "Q-RENAMED", "note.headline", "`title` of `note` vanished"),
    (root("{title: text, body: text}"), root("{title_text: text, ⟦titel: text, about_it: text}").replace("title_text: text, ", "").replace("about_it: text", "body: text"), "Q-RENAMED", "note.titel", "`title` of `note` vanished"),
    (root("{title: text, size: integer, day: date}"), root("{title: text, size: integer, day: date}").replace("  note:", "  ⟦memo:"), "Q-RENAMED", "memo", "`note` vanished"),
    (root(), root().replace("  note:", "  ⟦notes:\n    plural: notes"), "Q-RENAMED", "notes", "`note` vanished"),
    (team(), team().replace("helper", "aide").replace("roles: ", "roles: ⟦"), "Q-RENAMED", "team.roles", "`aide` appeared"),
    (f"staff: clerk\n{root()}", f"staff: ⟦agent\n{root()}", "Q-RENAMED", "staff", "The role `clerk` of `staff` vanished"),
    (root("{size: integer}"), root("{⟦size: text}"), "Q-TYPE-CHANGED", "note.size", "of type `integer`, and now is `text`"),
    (root("{size: integer}"), root("{⟦length: {type: text, renamed_from: size}}"), "Q-TYPE-CHANGED", "note.length", "of type `integer`"),
]  # fmt: skip
"""text before, text after, code, place, words"""

UNASKED: list[str] = [
    root(),
    below(),
    team(),
    root(can="{create: signed in, read: anyone}", fields="{title: text, address_count: integer}"),  # not quite
    # a root's creator owns it, whatever the grant is
    root(can="{create: anyone, read: owner}"),
    # who writes it opens it, because the engine writes their name into it
    team("{author: creator, title: text}", "{create: [owner, helper], read: [owner, author]}"),
    # the engine creates below a record, and opens everything
    below(can="{create: engine, read: engine}"),
    # a value that the creator chooses opens it
    team("{title: text, shown: yes/no}", "{create: [owner, helper], read: [owner, helper when shown is yes]}"),
    # a role of another record beside the one that creates
    team("{title: text, by: creator}", "{create: [owner, by and helper], read: [owner, helper]}"),
    # the weakest role can be joined, and there is no other
    root(rest="roles: {ladder: follower, join: open}", can="{create: signed in, read: signed in, members: owner}"),
    # roles are given through the team
    team(rest="roles: lead > guest", can="{create: owner, read: [owner, guest], share: chief}"),
    # made by who may not write it, with a value that gives it anyway, at the first of its steps, or as what one owns anyway
    root("{title: text, proven: {type: yes/no, write: engine}}", "{create: signed in, read: owner, delete: owner when proven is yes}"),
    root("{title: text, draft: {type: yes/no, default: yes}}", "{create: signed in, read: owner, delete: owner when draft is yes}"),
    root('{title: text, state: "one of new, proven"}', "{create: signed in, read: owner, delete: owner when state is proven}", "steps: {state: {new -> proven: engine}}"),
    root("{title: text, checker: {type: account, optional: yes}}", "{create: signed in, read: [owner, checker], delete: [owner, checker]}"),
    # a switch that opens something to everybody is no access for oneself
    root("{title: text, shown: yes/no}", "{create: signed in, read: [owner, anyone when shown is yes], update: owner}"),
    # who could do it before gains nothing
    team("{title: text, done: yes/no}", "{create: owner, read: [owner, helper], update: [owner, helper], delete: [owner, helper when done is yes, chief]}").replace("update: [owner, helper]", "update: [owner, chief]"),
    # steps and locks are the words for states
    team('{state: "one of todo, done"}', "{create: owner, read: [owner, helper], delete: [owner, helper when state is done]}", "steps: {state: {todo -> done: helper, done -> todo: helper}}"),
    # an owner who names themselves
    team("{title: text, holder: {type: account, optional: yes}}", "{create: owner, read: [owner, helper, holder], update: owner, delete: holder}"),
    # who freezes it cannot thaw it
    team("{title: text, frozen: yes/no}", "{create: owner, read: [owner, helper], update: [owner, helper when frozen is no]}"),
    # personal, and not public; public, and not personal
    root("{email: {type: text, read: owner}, title: text}", "{create: signed in, read: anyone}"),
    root("{bio: text}", "{create: signed in, read: owner}"),
    root("{private: yes/no, title: text}", "{create: signed in, read: [owner, anyone when private is no], update: owner}"),
    root("{name: text}", "{create: signed in, read: anyone}"),
    # everybody who can open it is not everybody
    root(rest="roles: viewer", can="{create: signed in, read: [owner, viewer], update: signed in, share: owner}"),
    # nobody deletes what it refers to
    root("{box: box}").replace("resources:\n", f"resources:\n{BOX.replace(', delete: owner', '')}"),
    # the owner is signed in, too
    below(can="{create: signed in, read: owner}"),
    # another tree, and it may be empty
    root("{box: {type: box, optional: yes}}").replace("resources:\n", f"resources:\n{BOX}"),
    # a reference to the root itself: it goes along, or stands elsewhere
    below("{other: {type: box, optional: yes}}"),
    # kept, and nothing above can be deleted
    below(rest="keep: yes", box=BOX.replace(", delete: owner", "")),
    # locked, and unlocked again
    root("{title: text, done: yes/no}", "{create: signed in, read: owner, update: owner}", "locked: when done is yes, except done"),
    below('{state: "one of open, shut"}', rest="locked: when state is shut\n    steps: {state: {open -> shut: owner, shut -> open: owner}}"),
    # final by its nature
    root('{title: text, state: "one of draft, signed"}', "{create: signed in, read: owner, update: owner}", "locked: when state is signed"),
    # every value is reached
    root('{state: "one of todo, doing, done"}', rest="steps: {state: {todo -> doing: owner, doing -> done: owner}}"),
]  # fmt: skip
"""texts that are clear"""

CALM_CHANGES: list[tuple[str, str]] = [
    (root(), root("{title: text, done: yes/no}")),
    (root(), root("{title: text, size: {type: integer, default: 1}}")),
    (root(), root("{title: text, size: {type: integer, optional: yes}}")),
    (root(), root("{title: text, author: creator}")),
    (root(), root("{headline: {type: text, renamed_from: title}}")),
    (team(), team().replace("chief > helper", "lead > chief > helper")),
    (team(), team().replace("chief > helper", "helper").replace("[owner, chief]", "owner")),
    (root(), root(rest="renamed_from: memo")),
    (root(), root().replace("  note:", "  memo:\n    renamed_from: note")),
    (root(), root("{size: {type: integer, default: 1}}")),  # another type: something else
    (root(), f"{root()}{BOX}"),
    (f"{root()}{BOX}", root()),
    (root("{box: box}") + BOX, root("{box: crate}") + BOX.replace("  box: {", "  crate: {renamed_from: box, ")),
    (root('{state: "one of a, b"}'), root('{state: "one of a, b, c"}')),
]
"""before, after: nothing to ask of the change itself"""
