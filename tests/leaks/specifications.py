"""Small specifications, each for mistakes that the examples have no room for."""

PAPERS = """
app: papers
resources:
  paper:
    owner: account
    roles: chief > editor > reader
    fields:
      title: text
      state: one of draft, final
      remark: {type: text, optional: yes, read: owner, write: owner}
    can:
      create: signed in
      read: [owner, reader]
      update: [owner, editor when state is draft]
      delete: owner
      share: [owner, editor]
      members: owner
"""
"""an editor works on drafts; the owner makes them final, and has remarks for no other eyes"""

BINDERS = """
app: binders
resources:
  binder:
    owner: account
    fields: {title: text}
    can: {create: signed in, open: signed in, read: owner}
  sheet:
    owner: binder
    fields: {title: text}
    can: {create: owner, read: signed in}
"""
"""a binder is opened by its id, which each of its sheets shows to all"""

LETTERS = """
app: letters
resources:
  box:
    owner: account
    fields: {title: text}
    can:
      create: signed in
      read: owner
  letter:
    owner: box
    fields:
      author: creator
      title: text
    can:
      create: signed in
      read: [owner, author]
"""
"""whoever can open a box puts letters into it"""

CARDS = f"{LETTERS}      move: author\n"
"""and can take them elsewhere"""

DESKS = """
app: desks
resources:
  desk:
    owner: account
    roles: editor > reader
    fields: {title: text}
    can:
      create: signed in
      read: [owner, reader]
      share: owner
      transfer: owner
"""
"""a desk is shared, and handed over"""

NAMES = """
app: names
resources:
  profile:
    owner: account
    fields: {name: text}
    unique: name everywhere
    can:
      create: signed in
      read: owner
      update: owner
"""
"""every name is taken once, and by whom is nobody's business"""

LIBRARY = """
app: library
resources:
  book:
    owner: account
    fields: {title: text}
    can:
      create: signed in
      read: anyone
      delete: owner
  loan:
    owner: account
    fields:
      book: {type: book, when_gone: block}
      remark: text
    can:
      create: signed in
      read: owner
"""
"""anybody borrows a book, and nobody else knows who has it"""
