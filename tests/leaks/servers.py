"""The broken servers: one table."""

from application.proof.report import Kind
from tests.leaks import reading, refusing, writing
from tests.leaks.leak import Broken, Leak
from tests.leaks.specifications import BINDERS, CARDS, DESKS, LETTERS, LIBRARY, NAMES, PAPERS

SERVERS = (
    # --- 1: a rule is forgotten ---
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, reading.list_forgets_whose, "notes", Kind.LEAK,
        r"lists \w+ and sees \w+'s \w+",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, reading.list_forgets_when, "conduit", Kind.LEAK,
        r"lists articles and sees \w+'s article “",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, reading.expiry_is_not_asked, "notes", Kind.LEAK,
        r"notebook “.*” and (sees \w+|is answered with 200)",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, reading.a_fields_own_rule_is_forgotten, "tracker", Kind.LEAK,
        r"\w+'s task “.*” and sees `budget`: ",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, writing.nobody_asks_who_deletes, PAPERS, Kind.LEAK,
        r"deletes \w+'s paper “.*” and succeeds with 204",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, writing.only_the_old_record_is_judged, PAPERS, Kind.LEAK,
        r"changes \w+'s paper “.*” \(.*state: \"final\".*\) and succeeds with 200",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, writing.locks_below_are_forgotten, "invoices", Kind.LEAK,
        r"deletes \w+'s business “.*” and succeeds with 204",
    ),
    Broken(
        Leak.A_RULE_IS_FORGOTTEN, writing.removed_members_stay, "notes", Kind.LEAK,
        r"\w+'s notebook “.*” .*and (sees \w+|is answered with 200|learns from a 403 that it is there)",
    ),
    # --- 2: asked by what is hidden ---
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.sorts_by_what_is_stored, PAPERS, Kind.LEAK,
        r"lists papers with sort=-?remark.* and (gets an order that tells of hidden values|sees \w+'s paper)",
    ),
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.filters_by_what_is_stored, PAPERS, Kind.LEAK,
        r"lists papers with remark=.* and sees \w+'s paper “",
    ),
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.searches_what_is_stored, PAPERS, Kind.LEAK,
        r"lists papers with q=.* and (sees \w+'s paper “|is told that there are \d+)",
    ),
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.counts_everything, "notes", Kind.LEAK,
        r"lists \w+ with .*count=true.* and is told that there are \d+, where it can read \d+",
    ),
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.cursor_is_signed_only, PAPERS, Kind.LEAK,
        r"lists papers with .*limit=\d and sees the hidden text “",
    ),
    Broken(
        Leak.ASKED_BY_WHAT_IS_HIDDEN, reading.cursor_is_anybodys, "notes", Kind.LEAK,
        r"lists \w+ with .*, with the cursor of somebody else and is answered with 200",
    ),
    # --- 3: a second path ---
    Broken(
        Leak.A_SECOND_PATH, reading.head_only_looks_whether_it_is_there, "notes", Kind.LEAK,
        r"asks for the head of \w+'s \w+ “.*” and is answered with 200",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.etag_is_of_the_row, PAPERS, Kind.INFERENCE,
        r"asks for \w+'s paper “.*” and can tell from the answer that `remark` of \w+'s paper “.*” is another",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.members_are_shown_to_all, "notes", Kind.LEAK,
        r"lists the members of \w+'s notebook “.*” and sees \w+",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.members_of_any_record, "notes", Kind.LEAK,
        r"lists the members of \w+'s notebook “.*” and is answered with 200",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.references_are_shown_to_all, "conduit", Kind.LEAK,
        r"asks for \w+'s favorite \d+ and sees (`article`: )?\w+'s article “",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.what_is_expanded_is_not_asked, BINDERS, Kind.LEAK,
        r"sheets? .*with .*expand=binder.* and sees `binder`: {",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.cache_forgets_who_asked, PAPERS, Kind.LEAK,
        r"asks for \w+'s paper “.*” and (is answered with 200|sees `remark`: )",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.hidden_fields_are_null, "tracker", Kind.LEAK,
        r"\w+'s task “.*” and sees `budget`: null",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.answers_are_kept_by_the_key_alone, "notes", Kind.LEAK,
        r"with `idempotency-key: \w+` and (succeeds with 201|sees `owner`: \w+)",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.what_a_refused_batch_did_stays, "notes", Kind.LEAK,
        r"The database holds \d+ \w+ that no answer told of", "SQL filter",
    ),
    Broken(
        Leak.A_SECOND_PATH, reading.words_are_looked_up_in_everything, "notes", Kind.LEAK,
        r"lists \w+ with q=.* and sees \w+'s \w+ “",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.invitations_are_anybodys, DESKS, Kind.LEAK,
        r"accepts an invitation to \w+'s desk “.*” and (succeeds with 200|learns from a 409 that it is there)",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.declined_invitations_wait_on, DESKS, Kind.LEAK,
        r"accepts an invitation to .* and (succeeds with 200|learns from a 409)|lists the invitations .* and sees ",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.offers_are_anybodys, DESKS, Kind.LEAK,
        r"accepts the offer of \w+'s desk “.*” and succeeds with 200",
    ),
    Broken(
        Leak.A_SECOND_PATH, writing.declined_offers_wait_on, DESKS, Kind.LEAK,
        r"accepts the offer of .* and succeeds with 200|(lists what is offered|asks for the offer of .*) and ",
    ),
    # --- 4: into another's tree ---
    Broken(
        Leak.INTO_ANOTHERS_TREE, writing.references_are_not_asked, "notes", Kind.LEAK,
        r"creates a bookmark \(note: \w+'s note “.*”\) and succeeds with 201",
    ),
    Broken(
        Leak.INTO_ANOTHERS_TREE, writing.parents_of_new_records_are_not_asked, LETTERS, Kind.LEAK,
        r"creates a letter \(box: \w+'s box “.*”.*\) and succeeds with 201",
    ),
    Broken(
        Leak.INTO_ANOTHERS_TREE, writing.parents_of_moved_records_are_not_asked, CARDS, Kind.LEAK,
        r"changes \w+'s letter “.*” \(.*box: \w+'s box “.*”.*\) and succeeds with 200",
    ),
    # --- 5: a writable owner ---
    Broken(
        Leak.A_WRITABLE_OWNER, writing.owner_comes_from_the_body, PAPERS, Kind.LEAK,
        r"creates a paper \(.*owner: \w+.*\).* and succeeds with 201",
    ),
    Broken(
        Leak.A_WRITABLE_OWNER, writing.id_comes_from_the_body, PAPERS, Kind.LEAK,
        r"creates a paper \(.*id: .*\).* and succeeds with 201",
    ),
    # --- 6: constraints tell ---
    Broken(
        Leak.CONSTRAINTS_TELL, writing.conflict_says_with_what, NAMES, Kind.LEAK,
        r"profile .*name: .* and (sees \w+'s profile “|is told “.*has these values)",
    ),
    Broken(
        Leak.CONSTRAINTS_TELL, writing.hidden_references_are_forbidden, "notes", Kind.LEAK,
        r"creates a bookmark \(note: \w+'s note “.*”\) and is told that `note` is `not_yours`",
    ),
    Broken(
        Leak.CONSTRAINTS_TELL, writing.deletion_says_what_is_in_its_way, LIBRARY, Kind.LEAK,
        r"deletes \w+'s book “.*” and sees \w+'s loan “",
    ),
    # --- 7: roles combine ---
    Broken(
        Leak.ROLES_COMBINE, reading.roles_count_everywhere, "notes", Kind.LEAK,
        r"lists the members of \w+'s notebook “.*” and sees \w+",
    ),
    Broken(
        Leak.ROLES_COMBINE, reading.either_term_is_enough, "notes", Kind.LEAK,
        r"The SQL filter alone allows \w+ to \w+ \w+'s \w+ “", "SQL filter",
    ),
    Broken(
        Leak.ROLES_COMBINE, writing.any_role_can_be_given, PAPERS, Kind.LEAK,
        r"The SQL filter alone allows \w+ to give the role chief on \w+'s paper “", "SQL filter",
    ),
    Broken(
        Leak.ROLES_COMBINE, writing.the_giver_keeps_its_roles, DESKS, Kind.LEAK,
        r"\w+'s desk “.*” .*and (sees \w+|is answered with 200|learns from a 403 that it is there)",
    ),
    # --- 8: list and get disagree ---
    Broken(
        Leak.LIST_AND_GET_DISAGREE, reading.lists_what_can_be_opened, "notes", Kind.LEAK,
        r"lists notes and sees \w+'s note “",
    ),
    Broken(
        Leak.LIST_AND_GET_DISAGREE, reading.opens_what_is_not_listed, "notes", Kind.LEAK,
        r"asks for \w+'s \w+ “.*” and is answered with 200",
    ),
    # --- 9: refusals tell ---
    Broken(
        Leak.REFUSALS_TELL, refusing.hidden_is_forbidden, "notes", Kind.LEAK,
        r"asks for \w+'s \w+ “.*” and learns from a 403 that it is there",
    ),
    Broken(
        Leak.REFUSALS_TELL, writing.inviting_says_who_is_there, DESKS, Kind.REFUSAL,
        r"invites nobody@example.net to be \w+ of \w+'s desk “.*” and is refused with 422",
    ),
    Broken(
        Leak.REFUSALS_TELL, refusing.hidden_breaks, "notes", Kind.DEFECT,
        r"asks for \w+'s \w+ “.*” and breaks the server",
    ),
    Broken(
        Leak.REFUSALS_TELL, refusing.not_found_says_whose, "notes", Kind.LEAK,
        r"asks for \w+'s \w+ “.*” and can tell it from an id that never was",
    ),
    Broken(
        Leak.REFUSALS_TELL, refusing.hidden_takes_longer, "notes", Kind.WORK,
        r"asks for \w+'s \w+ “.*” and makes the server ask the database 2 times, and not 1 as for one that never was",
    ),
    Broken(
        Leak.REFUSALS_TELL, refusing.condition_comes_before_the_rule, "notes", Kind.LEAK,
        r"changes \w+'s \w+ .*with `if-match: .* and learns from a 412 that it is there",
    ),
)  # fmt: skip
