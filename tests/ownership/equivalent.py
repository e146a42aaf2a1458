"""Wrong forms of the compiler that no answer can tell from the right one, by the reason why.

Each entry is what a mutant is called: its function and its change. Who adds one has to be sure of the reason.
"""

EQUIVALENT: dict[str, tuple[str, ...]] = {
    "it says the same": (
        "term: self.on_signed_in() → self.on_anyone()",
        "term: self.on_signed_in() → true()",
        "_forbidding: is_kept if kept else false() → is_kept",
    ),
    "to ask for `open` as well changes nothing: reading includes it": (
        "may: action in ('read', 'create'), without 'read'",
        "_alternatives: term.action not in ('open', 'read', 'create'), without 'open'",
        "_alternatives: term.action not in ('open', 'read', 'create'), without 'read'",
    ),
    "to ask what a rule says by itself changes nothing": (
        "opens: true() if self._implied.opens(resource.name, given, way) else self.may('open', at.on(way))"
        " → self.may('open', at.on(way))",
    ),
    "what is empty by itself needs nobody to hide it": (
        "guard: self.may('open', at.on(up)) → self.on_can('open', at.on(up))",
        "guard: self.may('read', at.on((hop,))) → self.on_can('read', at.on((hop,)))",
        "guard: self.may('read', at.on((hop,))) → self.on_can('read', at.on((hop,))) (2)",
    ),
    "the keys see to it that a parent is there, and belongs to the owner": (
        "there: true() if up else at.table.c[first.field].is_not(None) → at.table.c[first.field].is_not(None)",
        "_insert: and_, without above.c.owner == param('v_owner')",
        "_alternatives: () if _goes_up(specification, resource, way) else ((way, Condition((), 'id', Test.SET)),)"
        " → ((way, Condition((), 'id', Test.SET)),)",
        "_goes_up: way[:i] → way",
    ),
    "the key refuses a second membership, too": ("_put_membership: where, without not_(present)",),
    "a table repeats what the record above says": (
        "on_condition: column_name(at.path, condition.field) if at.path and condition.test is Test.IS else '' → ''",
        "on_condition: at.path and condition.test is Test.IS, without at.path",
    ),
    "a way of no hops leads to the record itself, which has its id": (
        "on_condition: condition.field == 'id' and at.path, without at.path",
    ),
    "SQLite asks for no caller, and its limits are values": (
        "_update: [f'v_{model.parent}'] if model.parent in names else [] → [f'v_{model.parent}']",
        "_update: [f'v_{model.parent}'] if model.parent in names else [] → []",
        "_update: model.parent in names → model.parent not in names (2)",
        "__init__: LIMIT if shape.limit is None else literal_column(str(shape.limit), Integer()) → LIMIT",
    ),
    "a value is one of the column's type without being told; PostgreSQL's driver wants to know": (
        "_filter: param(value, DOCUMENT) if many else param(value, column.type) → param(value, DOCUMENT)",
        "_filter: param(value, DOCUMENT) if many else param(value, column.type) → param(value, column.type)",
    ),
    "roles that do not come with the facts are asked for by themselves": (
        "_facts: self.footprints[resource].roles → self.footprints[resource].roles[:-1]",
        "_facts_around: roles → roles[:-1]",
        "_columns: roles → roles[:-1]",
    ),
    "a live membership led to the records that are asked for": (
        "_roles: and_, without self._compilers[Asker.ACCOUNT].on_expiry(_MEMBERS)",
    ),
    "an id is of one record of one resource": (
        "on_hop: and_, without target.c.owner == at.table.c[owner]",
        "_start_elsewhere: and_, without members.c.resource == term.resource",
        "_named: and_, without _MEMBERS.c.resource == resource",
        "_add_link: and_, without param('resource', TEXT) == resource",
        "_end_link: and_, without _LINKS.c.resource == resource",
        "_invitations: and_, without _INVITATIONS.c.resource == resource",
        "_invite: and_, without _INVITATIONS.c.resource == resource",
        "_withdraw: and_, without _INVITATIONS.c.resource == resource",
        "_offer_of: and_, without _OFFERS.c.resource == resource",
        "_withdraw_offer: and_, without _OFFERS.c.resource == resource",
        "_hand_over: and_, without _OFFERS.c.resource == resource",
        "_hand_over: and_, without _OFFERS.c.record == ID",
    ),
    "there is one offer at most of a record": ("_hand_over: and_, without _OFFERS.c.id == param('offer')",),
    "what makes room for something is undone where that is refused": (
        "_invite: where, without self._alive(caller)",
        "_put_offer: and_, without self._on_shared(given, givable, _OFFERS)",
        "_put_offer: and_, without self._alive(caller)",
    ),
    "it is never so where this is asked": (
        "placing: () if resource.parent is None else (Hop(resource.parent, resource.parent),)"
        " → (Hop(resource.parent, resource.parent),)",
        "placing: self.opens(at, resource.rule('create'), up) if up else true()"
        " → self.opens(at, resource.rule('create'), up)",
        "exists: further is None or joined is None, without further is None",
        "exists: further is None or joined is None, without joined is None",
        "exists: true() if way.first is None else way.first → way.first",
        "on_role: hop is not None → True",
        "_after: present and sort.field in ('id', 'created_at', 'updated_at'), without present",
    ),
    "an engine's field is never empty: only more is asked": (
        "_after: sort.field in ('id', 'created_at', 'updated_at'), without 'id'",
        "_after: sort.field in ('id', 'created_at', 'updated_at'), without 'created_at'",
        "_after: sort.field in ('id', 'created_at', 'updated_at'), without 'updated_at'",
    ),
    "more than the limit is more, however far it is counted": ("_owned: without limit(limit + 1)",),
    "SQLite keeps yes and no as 1 and 0": (
        "on_is: int(value) if isinstance(value, bool) else value → value",
        "holds: int(value) if isinstance(value, bool) else value → value",
    ),
    "the port has asked for this before, in a statement of its own": (
        "_count: and_, without self._alive(caller)",
        "_members: where, without self._alive(caller)",
        "_members: where, without compiler.may('open', at)",
        "_hand_over: and_, without _OFFERS.c.giver == ME",
    ),
    "the key that finds a record's memberships has them in this order": (
        "_members: without order_by(members.c.account)",
        "_members: members.c.account → members.c.record (3)",
    ),
    "the domain is told more than it asks for": (
        "_roles: where, without _MEMBERS.c.record.in_(records)",
        "_tying: where, without mine",
        "_tying: and_, without members.c.account == ME",
        "_tying: and_, without compiler.on_expiry(members)",
        "_tying: and_(members.c.account == ME, compiler.on_expiry(members))"
        " → or_(members.c.account == ME, compiler.on_expiry(members))",
        "_tying: join, without members.c.record == container.c.id",
    ),
    "where there are no links, none is to be deleted": ("shares: (_LINKS,) if self.linked else () → (_LINKS,)",),
    "the same again": (
        "_all: part != without → True",
        "_public: part not in columns → True",
        "_parts: here[1:] → here",
        "below: name != resource → True",
    ),
    "a branch that cannot hold finds nothing": (
        "possible: self.could_be(term) and (not isinstance(term, Engine)), without self.could_be(term)",
        "possible: self.could_be(term) and (not isinstance(term, Engine)), without not isinstance(term, Engine)",
        "possible: all((self.could_be(term) and (not isinstance(term, Engine)) for _, term in branch))"
        " → any((self.could_be(term) and (not isinstance(term, Engine)) for _, term in branch))",
        "could_be: roles → __wider__(self, roles)",
        "could_be: roles → __wider__(self, roles) (2)",
        "reachable: roles if self.signed_in else () → roles",
    ),
    "another way to the same list: one by one or all at once": (
        "_parts: len(possible) > MOST_BRANCHES → len(possible) < MOST_BRANCHES",
        "_parts: len(possible) > MOST_BRANCHES → len(possible) >= MOST_BRANCHES",
    ),
    "another way to the same list: how far a branch is followed that cannot be on the page": (
        "_parts: self._bound(parts[0]) if parts and len(possible) > 1 else None → None",
        "_parts: parts and len(possible) > 1, without len(possible) > 1",
        "_parts: len(possible) > 1 → len(possible) < 1",
        "_parts: len(possible) > 1 → len(possible) >= 1",
        "_bound: self.limit - 1 → self.limit",
        "_bound: table.c.id >= end → table.c.id > end",
        "_bound: table.c.id <= end → table.c.id < end",
        "_bound: table.c.id >= end if sort.descending else table.c.id <= end → true()",
        "_from_here: condition if bound is None else and_(condition, bound(at.table)) → condition",
        "_from_here: and_, without bound(at.table)",
        "_elsewhere: condition if bound is None else and_(condition, bound(at.table)) → condition",
        "_elsewhere: and_, without bound(at.table)",
        "_walk_back: condition if bound is None else and_(condition, bound(inner.table)) → condition",
        "_walk_back: and_, without bound(inner.table)",
    ),
    "another way to the same list: the first row of the first branch, which is in order": (
        "_bound: without order_by(_directed(first.c.id, sort))",
        "_bound: without limit(1)",
    ),
    "another way to the same list: the page is cut once more": (
        "_cut: without limit(self.limit)",
        "_page: without limit(lists.limit)",
    ),
    "another way to the same list: staff is asked for with each record, too": (
        "_elsewhere: self._if(and_(*staff), walked, at.table) if staff else walked → walked",
        "_elsewhere: and_(*staff) → or_(*staff)",
        "_elsewhere: and_(*staff) → true()",
        "_if: where, without condition",
    ),
    "another way to the same list: by the index of public records, or by asking each record": (
        "held: not all((isinstance(term, Anyone | SignedIn | Staff | Condition) for _, term in branch))"
        " → all((isinstance(term, Anyone | SignedIn | Staff | Condition) for _, term in branch))",
        "held: all((isinstance(term, Anyone | SignedIn | Staff | Condition) for _, term in branch))"
        " → any((isinstance(term, Anyone | SignedIn | Staff | Condition) for _, term in branch))",
        "held: path + term.path → term.path (2)",
        "_is_held: condition.field not in there.fields or condition.test in (Test.PAST, Test.FUTURE)"
        ", without condition.field not in there.fields",
        "_is_held: condition.field not in there.fields → condition.field in there.fields",
        "_is_held: way[1:] → way",
    ),
}


WALL: dict[str, tuple[str, ...]] = {
    "nobody has the privilege to change a column that it looks at, and the old row had to pass the same": (
        "freehold_accounts UPDATE check: everything",
        "freehold_sessions UPDATE check: everything",
        "freehold_refresh_tokens UPDATE check: everything",
        "freehold_signing_keys UPDATE check: everything",
        "freehold_letters UPDATE check: everything",
        "freehold_second_factors UPDATE check: everything",
        "freehold_api_keys UPDATE check: without account IS NULL",
        "freehold_api_keys UPDATE check: without hash = (SELECT freehold.presented())",
        "freehold_invitations UPDATE check: everything",
        "freehold_invitations UPDATE check: without (SELECT freehold.service()) = 'mail'",
        "freehold_invitations UPDATE check: "
        "without (CAST(id AS text) = (SELECT freehold.presented()) OR email = (SELECT freehold.presented()))",
    ),
    "an id is of one record of one resource": (
        "freehold_invitations SELECT using: without resource = …",
        "freehold_invitations DELETE using: without resource = …",
        "freehold_offers SELECT using: without resource = …",
        "freehold_offers DELETE using: without resource = …",
    ),
    "who is nobody is no account, and what is asked of records says no to nobody": (
        "freehold_invitations INSERT check: without freehold.present()",
        "freehold_offers SELECT using: without freehold.present()",
        "freehold_offers INSERT check: without freehold.present()",
        "freehold_offers DELETE using: without freehold.present()",
    ),
}
"""the same of kinds of `wall_mutation.py`"""
