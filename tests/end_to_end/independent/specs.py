"""Specifications nobody built for: each leans on words of the language that the examples hardly use."""

ALBUMS = """
app: albums                        # through, a cap inside a ladder, when_gone: delete, version 2
version: 2.3.0
resources:
  album:
    owner: account
    roles: curator > viewer
    fields: {title: text}
    unique: title per owner
    can:
      create: signed in
      read: [owner, viewer]
      update: [owner, curator]
      delete: owner
      share: [owner, curator]
      members: [owner, viewer]
  photo:
    owner: account
    roles: keeper > friend
    fields:
      caption: text
      stars: {type: integer, min: 0, max: 5, default: 0}
      hidden: yes/no
    can:
      create: signed in
      read:
        - owner
        - friend
        - viewer through placement.album when hidden is no
      update:
        - owner
        - curator through placement.album only stars
      delete: owner
      share: [owner, keeper]
      members: owner
  placement:
    owner: album
    fields:
      photo: {type: photo, when_gone: delete}
      note: text, optional
    unique: photo per album
    can:
      create: [owner, curator]
      read: whoever can read album
      update:
        - owner
        - curator only note
      delete: [owner, curator]
"""

CIRCLES = """
app: circles                       # a link record that nobody's container holds; open ladders; signed in reads
resources:
  circle:
    owner: account
    roles: {ladder: host > friend, join: open}
    fields: {name: text, quiet: yes/no}
    can:
      create: signed in
      read:
        - signed in when quiet is no
        - friend
        - owner
      update: [owner, host]
      delete: owner
      share: [owner, host]
      members: [owner, host]
  post:
    owner: account
    roles: helper
    fields: {text: text, public: yes/no}
    can:
      create: signed in
      read: [owner, helper, anyone when public is yes, friend through posting.circle]
      update: [owner, helper]
      delete: owner
      share: owner
      members: owner
  posting:
    owner: account
    fields:
      post: {type: post, when_gone: delete}
      circle: {type: circle, when_gone: delete}
    unique: post per circle
    can:
      create: signed in and whoever can read circle
      read: [owner, whoever can read circle]
      delete: [owner, circle.host]
"""

SHELVES = """
app: shelves                       # four levels, locks on three of them, moves, irregular plurals
resources:
  shelf:
    plural: shelves
    owner: account
    roles: keeper > guest
    fields: {label: text, closed: yes/no, public: yes/no}
    locked: when closed is yes, except closed, label
    can:
      create: signed in
      read: [owner, guest, anyone when public is yes]
      update: [owner, keeper]
      delete: owner
      share: [owner, keeper]
      members: [owner, guest]
  book:
    owner: shelf
    roles: author > reader
    fields:
      title: text
      state: one of draft, final
      edition: {type: integer, default: 1, min: 1}
    unique: title, edition per shelf
    locked: when state is final, except edition
    can:
      create: [owner, keeper]
      read: [whoever can read shelf, reader]
      update: [owner, author]
      move: [owner, author]
      delete: [owner, author]
      share: [owner, author]
      members: [owner, reader]
  chapter:
    owner: book
    fields: {title: text, done: yes/no}
    locked: when done is yes, except done
    can:
      create: [owner, author, shelf.keeper]
      read: whoever can read book
      update: [owner, book.author]
      move: [owner, author]
      delete: [owner, author]
  line:
    owner: chapter
    fields:
      by: creator
      text: text
      number: integer
      echo: {type: line, optional: yes}
    can:
      create: [owner, reader, guest]
      read:
        - whoever can read book
        - anyone when shelf.public is yes and chapter.done is yes
      update:
        - owner
        - by and reader
        - by and guest only text
      move: [owner, by]
      delete: [owner, by and reader]
"""

DESK = """
app: desk                          # anonymous creation, open without read, fields hidden from the public
resources:
  form:
    owner: account
    roles: agent
    fields: {name: text, active: yes/no}
    can:
      create: signed in
      read: [owner, agent, anyone when active is yes]
      update: owner
      delete: owner
      share: owner
      members: [owner, agent]
  message:
    owner: form
    fields:
      from: creator
      email: {type: text, format: email, read: [owner, agent]}
      site: {type: text, format: url, optional: yes}
      body: {type: text, length: 1 to 40}
      visible: yes/no
      answer: {type: text, optional: yes, write: [owner, agent]}
    can:
      create: anyone when form.active is yes
      open: anyone
      read: [owner, agent, from, anyone when visible is yes]
      update:
        - owner
        - agent only answer, visible
      delete: [owner, from]
  reaction:
    owner: message
    fields:
      by: creator
      kind: one of thumbs up, thumbs down, heart
    unique: by per message
    can:
      create: [anyone when message.visible is yes, whoever can update message]
      open: whoever can open message
      read: whoever can read message
      delete: [by, form.owner]
"""

CLUBS = """
app: clubs                         # joining with expiry, limits, past and future, membership asked of a field
resources:
  club:
    owner: account
    roles: {ladder: chair > member > fan, join: open, expire: 12 hours}
    fields:
      name: text
      founded: date
      opens: time, optional
      dues: {type: decimal, optional: yes, places: 2, min: 0}
    limit: 2 per owner
    can:
      create: signed in
      open: signed in
      read: [owner, fan, anyone when founded is past]
      update: [owner, chair]
      delete: owner
      share: [owner, member]
      members: [owner, fan]
  event:
    owner: club
    fields:
      title: text
      starts: time
      ends: time, optional
      day: date
      host: member of club
    locked: when starts is past, except title
    can:
      create: [owner, member]
      read:
        - owner
        - host
        - fan when starts is future
        - anyone when day is future and ends is empty and club.opens is set
      update: [owner, host, chair]
      move: [owner, host]
      delete: [owner, chair, host]
"""

SHOP = """
app: shop                          # copies, all three answers to a deletion, decimals, numbers, json, long paths
resources:
  store:
    owner: account
    roles: manager > clerk
    fields:
      name: {type: text, pattern: "^[a-z]{1,20}$"}
      currency: one of eur, usd
      open: yes/no
    unique: name everywhere
    can:
      create: signed in
      read: [owner, clerk, anyone when open is yes]
      update: [owner, manager]
      delete: owner
      share: [owner, manager]
      members: [owner, manager]
  category:
    owner: store
    fields:
      name: text
      under: {type: category, optional: yes, when_gone: block}
    can:
      create: [owner, clerk]
      read: whoever can read store
      update: [owner, clerk]
      delete: [owner, manager]
  product:
    owner: store
    fields:
      category: {type: category, when_gone: empty}
      name: text
      price: {type: decimal, places: 2, min: 0, max: 1000}
      currency: copy of store.currency
      weight: {type: number, optional: yes, min: 0}
      tags: json
      cost: {type: decimal, optional: yes, read: [owner, manager], write: [owner, manager]}
    unique: name per category
    can:
      create: [owner, clerk]
      read:
        - owner
        - clerk
        - anyone when store.open is yes and category is set
      update:
        - owner
        - manager
        - clerk only price, weight, tags
      delete: [owner, manager]
  basket:
    owner: account
    fields: {label: text, optional_note: {type: text, optional: yes}}
    can:
      create: signed in
      read: owner
      update: owner
      delete: owner
  item:
    owner: basket
    fields:
      product: {type: product, when_gone: block}
      price: copy of product.price
      seller: copy of product.owner
      amount: {type: integer, min: 1, max: 99, default: 1}
    unique: product per basket
    can:
      create: owner
      read: [owner, seller, product.store.clerk]
      update: owner
      delete: [owner, product.store.manager]
  wish:
    plural: wishlist
    owner: account
    fields:
      product: {type: product, optional: yes, when_gone: delete}
      rival: {type: product, optional: yes}
      why: {type: text, default: because}
    can:
      create: signed in
      read: [owner, product.owner]
      update: owner
      delete: owner
"""

BOARDS = """
app: boards                        # moves across owners, steps beside updates, unique and limit per owner
resources:
  board:
    owner: account
    roles: admin > writer > reader
    fields: {title: text, frozen: yes/no}
    locked: when frozen is yes, except frozen
    can:
      create: signed in
      read: [owner, reader]
      update: [owner, admin]
      delete: owner
      share: [owner, writer]
      members: [owner, reader]
  column:
    owner: board
    fields: {name: text, position: {type: integer, optional: yes}}
    unique: name per board
    limit: 4 per owner
    can:
      create: [owner, writer]
      read: whoever can read board
      update: [owner, writer]
      move: [owner, admin]
      delete: [owner, admin]
  card:
    owner: column
    roles: {ladder: helper > watcher, expire: 30 days}
    fields:
      author: creator
      title: text
      assignee: member of board, optional
      due: date, optional
      twin: card, optional
      state: one of open, doing, done
    unique: title per owner
    steps:
      state:
        open -> doing: [assignee, admin]
        doing -> done: [assignee, board.owner]
        done -> open: [owner, writer when due is future]
    can:
      create: [owner, writer]
      read: [owner, board.reader, watcher, assignee]
      update:
        - owner
        - writer
        - helper when state is open or doing
        - watcher only due when state is open
      move: [owner, writer, card.author]
      delete: [owner, admin, author and writer]
      share: [owner, helper]
      members: [owner, watcher, board.reader]
  remark:
    owner: card
    fields: {by: creator, text: text}
    can:
      create: whoever can read card
      read: whoever can read card
      update: by and board.writer
      delete: [by, card.helper, board.admin]
"""

STAFFING = """
app: staffing                      # fields that only some may read or write; filters and sorts over them
staff: auditor > helper
resources:
  company:
    plural: companies
    owner: account
    roles: hr > boss > worker
    fields: {name: text, listed: yes/no}
    can:
      create: signed in
      read: [owner, worker, signed in when listed is yes]
      update: [owner, hr]
      delete: owner
      share: [owner, boss]
      members: [owner, boss]
  employee:
    owner: company
    fields:
      person: account, optional
      name: text
      salary: {type: decimal, optional: yes, read: [owner, hr, person], write: [owner, hr]}
      grade: {type: integer, default: 1, read: [owner, boss]}
      secret: {type: text, optional: yes, read: staff.auditor, write: owner}
      hired: {type: date, read: [owner, hr, anyone when public is yes]}
      public: yes/no
      rating:
        type: number
        optional: yes
        read: [person when public is no, boss]
        write: [boss when rating is empty, hr]
      mentor: {type: employee, optional: yes, read: [boss, person]}
    can:
      create: [owner, hr]
      read: [owner, boss, person, anyone when public is yes, staff.helper]
      update:
        - owner
        - boss
        - person only name, rating, salary
      delete: [owner, hr]
"""

ARCHIVE = """
app: archive                       # keep and locks against deletion, at every level
resources:
  archive:
    owner: account
    roles: lawyer > assistant
    fields: {title: text, sealed: yes/no}
    can:
      create: signed in
      read: [owner, assistant]
      update: [owner, lawyer]
      delete: [owner, lawyer]
      share: owner
      members: [owner, assistant]
  folder:
    owner: archive
    fields: {title: text}
    can:
      create: [owner, assistant]
      read: whoever can read archive
      update: [owner, assistant]
      move: [owner, lawyer]
      delete: [owner, assistant]
  deed:
    owner: folder
    keep: yes
    fields:
      title: text
      witness: account, optional
      replaces: {type: deed, optional: yes, when_gone: block}
    can:
      create: [owner, lawyer]
      read: [owner, assistant, witness]
      update: [owner, lawyer]
      delete: owner when archive.sealed is no
  draft:
    owner: folder
    fields:
      text: text
      state: one of loose, bound
      deed: {type: deed, optional: yes, when_gone: delete}
      source: {type: draft, optional: yes}
    locked: when state is bound, except state
    can:
      create: [owner, assistant]
      read: [owner, assistant]
      update: [owner, assistant]
      delete: [owner, assistant]
"""

WIKI = """
app: wiki                          # rules that lean on rules: whoever can update, delete, share
resources:
  space:
    owner: account
    roles: admin > editor > reader
    fields: {name: text}
    can:
      create: signed in
      read: [owner, reader]
      update: [owner, editor]
      delete: [owner, admin]
      share: [owner, admin, editor]
      members: [owner, reader]
  page:
    owner: space
    fields:
      author: creator
      title: {type: text, length: 1 to 6}
      published: yes/no
    can:
      create: whoever can update space
      open: whoever can share space
      read:
        - author
        - whoever can read space when published is yes
        - editor
      update:
        - author and reader
        - whoever can delete space only published
      delete: [whoever can delete space, author and whoever can update space]
      move: whoever can update space
  attachment:
    owner: page
    fields: {uploader: creator, data: json, size: {type: number, min: 0, default: 0.5}}
    can:
      create: whoever can update page
      read: whoever can open page
      update: uploader and whoever can update page
      delete: [whoever can delete page, uploader and space.reader]
  mention:
    owner: account
    fields: {page: page, text: text}
    can:
      create: signed in
      read: [owner, whoever can update page]
      update: owner
      delete: [owner, whoever can delete page]
"""

DROPS = """
app: drops                         # what has the id, opens: open without read, on parents and children
resources:
  drop:
    owner: account
    fields:
      code: {type: text, length: 1 to 20}
      until: date, optional
      body: text
    unique: code everywhere
    can:
      create: signed in
      open: [anyone when until is future, signed in when until is empty]
      read: owner
      update: owner
      delete: owner
  part:
    owner: drop
    fields: {by: creator, text: text, drop_copy: copy of drop.code}
    can:
      create: [owner, signed in when drop.until is future]
      open: whoever can open drop
      read: [owner, by]
      update: by
      move: [owner, by]
      delete: [owner, by]
  report:
    owner: part
    fields: {by: creator, reason: {type: text, optional: yes, write: part.by}}
    can:
      create: whoever can open part
      open: drop.owner
      read: by
      update: by
      delete: by
"""

TICKETS = """
app: tickets                       # two fields with steps, a lock that a step lifts, conditions of a change
resources:
  queue:
    owner: account
    roles: lead > agent > caller
    fields: {name: text, paused: yes/no}
    can:
      create: signed in
      read: [owner, caller]
      update: [owner, lead]
      delete: owner
      share: [owner, lead]
      members: [owner, agent]
  ticket:
    owner: queue
    fields:
      reporter: creator
      text: text
      remark: text, optional
      holder: member of queue, optional
      status: one of new, taken, closed
      urgency: one of low, high
    locked: when status is closed, except remark
    steps:
      status:
        new -> taken: [agent, holder]
        taken -> closed: [holder, lead]
        closed -> new: [lead, reporter and caller]
      urgency:
        low -> high: [reporter, agent]
        high -> low: lead when status is new
    can:
      create: [owner, caller]
      read: [owner, agent, reporter and caller]
      update:
        - lead
        - holder when status is taken
        - reporter only text, remark when status is new and holder is empty
        - agent only holder when queue.paused is no
      delete: [owner, reporter when status is new]
  reply:
    plural: replies
    owner: ticket
    fields: {by: creator, text: text, internal: yes/no}
    can:
      create: [agent, ticket.reporter]
      read:
        - agent
        - ticket.reporter when internal is no
        - ticket.holder
      update: by when internal is yes
      delete: [by, lead]
"""

NAMES = """
app: names                         # words that mean something elsewhere, and roles that must be told apart
resources:
  group:
    owner: account
    roles: editor > user
    fields: {order: integer, index: text, key: {type: text, optional: yes}}
    unique:
      - key everywhere
      - order, index per owner
    can:
      create: signed in
      read: [owner, user]
      update: [owner, editor]
      delete: owner
      share: [owner, editor]
      members: user
  table:
    owner: group
    roles: editor > checker
    fields: {select: text, where: {type: text, optional: yes}, primary: yes/no}
    can:
      create: [owner, group.editor]
      read: [owner, table.editor, checker, group.user when primary is yes]
      update: [table.editor, group.editor]
      delete: [group.owner]
      share: [group.editor, table.editor]
      members: [checker, user]
      move: group.editor
  entry:
    plural: entries
    owner: table
    fields:
      editor: member of table, optional
      with: account, optional
      number: number
      text: text
      type: one of first one, second one, third
      at: time
      date: date
      value: json
    unique: text per table
    can:
      create: [table.editor, group.editor, with]
      read:
        - entry.editor
        - checker
        - with when type is second one or third
        - group.owner
      update:
        - entry.editor only number, text, value
        - table.editor
      delete: [table.editor, group.owner]
      move: [table.editor, with]
"""

SPECIFICATIONS = {
    "albums": ALBUMS,
    "circles": CIRCLES,
    "shelves": SHELVES,
    "desk": DESK,
    "clubs": CLUBS,
    "shop": SHOP,
    "boards": BOARDS,
    "staffing": STAFFING,
    "archive": ARCHIVE,
    "wiki": WIKI,
    "drops": DROPS,
    "tickets": TICKETS,
    "names": NAMES,
}
