"""All mutants of a module in one program: every node that can be wrong has its wrong forms beside it, behind a switch.

The program is written anew from the module's own source, so that no node can be forgotten: whoever adds a condition
to the compiler adds its mutants too. A mutant is chosen at run time, and each run tells which nodes it came by.

Left alone is what decides nothing: labels, patterns of a `match`, what is asserted or raised, which tables a subquery
takes for its own (`correlate_except`: each alias occurs once), and expressions in which a name is bound.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from domain.specification.model import ACTIONS

MOST_STEPS = 300_000
"""nodes that one run may come by: a mutant that goes in circles is stopped"""


@dataclass(frozen=True)
class Mutant:
    """One wrong form of one node."""

    number: int
    function: str
    change: str

    def __str__(self) -> str:
        """For people, and for the table of equivalents."""
        return f"{self.function}: {self.change}"


class Form(NamedTuple):
    """A wrong form, and how it differs where its whole source would be long."""

    node: ast.expr
    change: str = ""


class Switch:
    """Which mutant is active, and which nodes were come by."""

    def __init__(self) -> None:
        self.active = -1
        self.reached: set[int] = set()
        self.steps = 0

    def activate(self, number: int) -> None:
        """Make one mutant the program; none for -1."""
        self.active, self.reached, self.steps = number, set(), 0

    def __call__(self, first: int, *forms: Callable[[], Any]) -> Any:
        """The node's value, in its wrong form if that is the active mutant."""
        self.reached.add(first)
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError("this mutant goes in circles")
        wrong = self.active - first
        return forms[wrong + 1 if 0 <= wrong < len(forms) - 1 else 0]()


class Program:
    """A module with all its mutants."""

    def __init__(
        self,
        module: ModuleType,
        switch: Switch,
        helpers: dict[str, Any],
        first: int = 0,
        left_out: Collection[str] = (),
    ) -> None:
        """`helpers` are names that wrong forms may use; `first` is the number of the first mutant.

        `left_out`: functions that stay as they are.
        """
        tree = ast.parse(inspect.getsource(module))
        writer = _Writer(tree, first, left_out)
        changed = ast.fix_missing_locations(writer.visit(tree))
        self.mutants = writer.mutants
        self.points = writer.points
        """the first mutant of a node, for each mutant"""
        self.module = ModuleType(f"{module.__name__}_mutated")
        self.module.__dict__.update(helpers, __switch__=switch)
        sys.modules[self.module.__name__] = self.module  # where dataclasses look for it
        exec(compile(changed, f"<mutants of {module.__name__}>", "exec"), self.module.__dict__)  # noqa: S102


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPPOSITES = {
    "is_": "is_not",
    "is_not": "is_",
    "in_": "not_in",
    "desc": "asc",
    "asc": "desc",
    "all": "any",
    "any": "all",
}
_COLUMNS = {"id": "owner", "owner": "id", "account": "record", "record": "account"}
_LEFT_OUT = ("limit", "offset", "order_by")
_NEUTRAL = {"and_": "true()", "or_": "false()"}
_CONDITIONS = ("ColumnElement[bool]", "ColumnElement[bool] | None")


def _source(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Writer(ast.NodeTransformer):
    """Puts every wrong form beside its node."""

    def __init__(self, tree: ast.Module, first: int, left_out: Collection[str]) -> None:
        self._next = first
        self._left_out = left_out
        self._said: Counter[tuple[str, str]] = Counter()
        self._function = ""
        self._returns_condition = False
        self._shapes = _shapes(tree)
        self.mutants: list[Mutant] = []
        self.points: dict[int, int] = {}

    # --- the walk ----------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Methods only: what stands in the class itself is no behaviour."""
        node.body = [self.visit(part) if isinstance(part, ast.FunctionDef) else part for part in node.body]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """The body; not the annotations."""
        if node.name in self._left_out:
            return node
        outside = self._function, self._returns_condition
        self._function = f"{outside[0]}.{node.name}" if outside[0] else node.name
        self._returns_condition = node.returns is not None and _source(node.returns) in _CONDITIONS
        node.body = [self.visit(part) for part in node.body]
        self._function, self._returns_condition = outside
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """The value, inside of functions."""
        if self._function and node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """Not the pattern."""
        node.guard = self._tested(node.guard) if node.guard is not None else None
        node.body = [self.visit(part) for part in node.body]
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """An answer as a whole."""
        if node.value is None or not self._returns_condition or _source(node.value) == "None":
            return self.generic_visit(node)
        node.value = self._condition(node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Every one of them makes a condition."""
        node.body = self._condition(node.body)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        """The question, and both ways."""
        node.test = self._tested(node.test)
        node.body = [self.visit(part) for part in node.body]
        node.orelse = [self.visit(part) for part in node.orelse]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """What is gone through; what is left out."""
        node.iter = self.visit(node.iter)
        node.ifs = [self._beside(each, [*self._forms(each), ast.Constant(True)]) for each in node.ifs]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Something that is done, or not."""
        if isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom):
            return self.generic_visit(node)
        if _source(node).startswith("assert_never("):
            return node
        node.value = self._beside(node.value, [*self._forms(node.value), ast.Constant(None)])
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """More of something, or not."""
        node.value = self._beside(node.value, [*self._forms(node.value), ast.Tuple([], ast.Load())])
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """No behaviour."""
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """No behaviour that is asked for."""
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Only names."""
        return node

    def visit(self, node: ast.AST) -> Any:
        """Every expression in a function has its wrong forms."""
        read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if isinstance(node, ast.Tuple) and all(isinstance(part, ast.Constant) for part in node.elts):
            return node  # words that something is compared with: see there
        if not self._function or not isinstance(node, ast.expr) or not read:
            return super().visit(node)
        return self._beside(node, list(self._forms(node)))

    def _condition(self, node: ast.expr) -> ast.expr:
        """A condition as a whole: dropped, denied, negated."""
        whole = ["true()", "false()"]
        if _source(node) not in whole:
            whole.append(f"~({_source(node)})")
        return self._beside(node, [*self._forms(node), *map(_parsed, whole)])

    def _tested(self, node: ast.expr) -> ast.expr:
        """A question of Python's: also the other way round."""
        simple = isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
        other = [] if simple else [ast.UnaryOp(ast.Not(), node)]
        return self._beside(node, [*self._forms(node), *other])

    def _beside(self, node: ast.expr, forms: Iterable[ast.expr | Form]) -> ast.expr:
        """The node with its wrong forms; not where a name is bound or a value yielded within."""
        if any(isinstance(part, ast.NamedExpr | ast.Yield | ast.YieldFrom) for part in ast.walk(node)):
            return self._within(node)
        right = _source(node)
        wrong: dict[str, Form] = {}
        for form in (each if isinstance(each, Form) else Form(each) for each in forms):
            text = _source(form.node)
            if text != right:
                wrong.setdefault(text, Form(deepcopy(form.node), form.change or f"{right} → {text}"))
        first = self._next
        self._next += len(wrong)
        for number, form in enumerate(wrong.values(), first):
            self._said[self._function, form.change] += 1
            again = self._said[self._function, form.change]
            self.mutants.append(Mutant(number, self._function, form.change + (f" ({again})" if again > 1 else "")))
            self.points[number] = first
        visited = self._within(node)
        if not wrong:
            return visited
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        ways: list[ast.expr] = [
            ast.Lambda(nothing, form) for form in (visited, *(form.node for form in wrong.values()))
        ]
        return ast.Call(ast.Name("__switch__", ast.Load()), [ast.Constant(first), *ways], [])

    def _within(self, node: ast.expr) -> ast.expr:
        """The node itself as it is, its parts with their wrong forms."""
        visited: ast.expr = super().visit(node)
        return visited

    # --- the wrong forms ---------------------------------------------------------------------

    def _forms(self, node: ast.expr) -> Iterator[ast.expr | Form]:
        match node:
            case ast.Call(func=ast.Name(id=("and_" | "or_") as name)):
                yield from self._connected(node, name)
            case ast.Call(func=ast.Name(id=("all" | "any") as name)):
                yield ast.Call(ast.Name(_OPPOSITES[name], ast.Load()), node.args, [])
            case ast.Call(func=ast.Name(id="case"), args=[ast.Tuple(elts=[condition, shown])]):
                yield shown
                hidden = ast.Tuple([ast.UnaryOp(ast.Invert(), condition), shown], ast.Load())
                yield ast.Call(node.func, [hidden], node.keywords)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="at"), attr="on"), args=[_]):
                yield ast.Name("at", ast.Load())
            case ast.Call(func=ast.Name(id="exists")):
                yield ast.UnaryOp(ast.Invert(), node)
            case ast.Call(func=ast.Attribute(value=owner, attr="where")):
                for i in range(len(node.args)):
                    rest = ast.Call(ast.Attribute(owner, "where", ast.Load()), _without(node.args, i), node.keywords)
                    yield Form(rest, f"where, without {_source(node.args[i])}")
            case ast.Call(func=ast.Attribute(value=owner, attr="join"), args=[target, condition]):
                every = ast.Call(ast.Attribute(owner, "join", ast.Load()), [target, _parsed("true()")], [])
                yield Form(every, f"join, without {_source(condition)}")
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _OPPOSITES:
                yield ast.Call(ast.Attribute(owner, _OPPOSITES[attr], ast.Load()), node.args, node.keywords)
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _LEFT_OUT:
                yield Form(owner, f"without {attr}({', '.join(map(_source, node.args))})")
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if other := self._shapes.get(attr):
                for name in other:
                    yield ast.Call(ast.Attribute(owner, name, ast.Load()), node.args, node.keywords)
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as operator], comparators=[ast.Tuple(elts=words)]):
                for kind in _COMPARISONS[type(operator)]:
                    yield ast.Compare(left, [kind()], node.comparators)
                for i in range(len(words)):
                    fewer = ast.Compare(left, [operator], [ast.Tuple(_without(words, i), ast.Load())])
                    yield Form(fewer, f"{_source(node)}, without {_source(words[i])}")
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                for kind in _COMPARISONS.get(type(operator), ()):
                    yield ast.Compare(left, [kind()], [right])
            case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
                yield operand
            case ast.BoolOp(op=operator, values=values):
                for i in range(len(values)):
                    others = _without(values, i)
                    form = others[0] if len(others) == 1 else ast.BoolOp(operator, others)
                    yield Form(form, f"{_source(node)}, without {_source(values[i])}")
            case ast.IfExp(body=body, orelse=orelse):
                yield body
                yield orelse
            case ast.Subscript(value=value, slice=ast.Slice()):
                yield value
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                yield left
                if isinstance(node.op, ast.Add):
                    yield right
            case ast.Attribute(value=ast.Attribute(attr="c") as row, attr=name) if name in _COLUMNS:
                yield ast.Attribute(row, _COLUMNS[name], ast.Load())
            case ast.Attribute(attr="roles") | ast.Name(id="roles"):
                yield _parsed(f"__wider__(self, {_source(node)})")
                yield _parsed(f"{_source(node)}[:-1]")
            case ast.Attribute(value=ast.Name(id="condition"), attr="values"):
                yield _parsed(f"__wider__(self, {_source(node)})")
            case ast.Constant(value=str(action)) if action in ACTIONS:
                yield ast.Constant("read" if action == "open" else "open")
            case ast.Name(id="NOW" | "TODAY" as name):
                yield ast.Name("TODAY" if name == "NOW" else "NOW", ast.Load())

    def _connected(self, node: ast.Call, name: str) -> Iterator[ast.expr | Form]:
        """Each part left out; and, or for each other."""
        neutral = _NEUTRAL[name]
        real = [i for i, part in enumerate(node.args) if _source(part) != neutral]
        if len(real) > 1:
            for i in real:
                rest = _without(node.args, i)
                alone = len(rest) == 1 and not isinstance(rest[0], ast.Starred)
                yield Form(
                    rest[0] if alone else ast.Call(node.func, rest, []), f"{name}, without {_source(node.args[i])}"
                )
        elif real and isinstance(node.args[real[0]], ast.Starred):
            yield _parsed(neutral)
        other = "or_" if name == "and_" else "and_"
        parts = [_parsed(_NEUTRAL[other]) if _source(part) == neutral else part for part in node.args]
        yield ast.Call(ast.Name(other, ast.Load()), parts, [])


def _without(parts: list[ast.expr], i: int) -> list[ast.expr]:
    return [part for number, part in enumerate(parts) if number != i]


def _shapes(tree: ast.Module) -> dict[str, list[str]]:
    """For each method that makes a condition, the others that take the same."""
    found: dict[tuple[str, ...], list[str]] = {}
    for each in (part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef)):
        taken = tuple(_source(arg.annotation) for arg in each.args.args if arg.annotation is not None)
        if each.returns is not None and _source(each.returns) in _CONDITIONS:
            found.setdefault((*taken, _source(each.returns)), []).append(each.name)
    return {name: [other for other in names if other != name] for names in found.values() for name in names}
