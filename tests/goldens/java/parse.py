"""Java statements to a tree of plain tuples."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Tree = tuple[Any, ...]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\])*")
    | (?P<char>'(?:\\.|[^'\\])')
    | (?P<number>\d[\d_]*(?:\.\d+)?[LlDdFf]?)
    | (?P<name>[A-Za-z_$][\w$]*)
    | (?P<op>->|::|\+\+|--|&&|\|\||==|!=|<=|>=|\+=|-=|[-+*/%!<>=.,;:?(){}\[\]@])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise SyntaxError(f"no Java token at {text[at : at + 30]!r}")
        found.append(Token(str(match.lastgroup), match.group(str(match.lastgroup))))
        at = match.end()
    found.append(Token("end", ""))
    return found


class Parser:
    """Recursive descent over the part of Java that the snippets use."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0

    # tokens

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].text

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].kind

    def take(self, text: str | None = None) -> str:
        token = self.tokens[self.at]
        if text is not None and token.text != text:
            rest = " ".join(t.text for t in self.tokens[self.at : self.at + 8])
            raise SyntaxError(f"expected {text!r} before {rest!r}")
        self.at += 1
        return token.text

    def skips(self, text: str) -> bool:
        if self.peek() == text:
            self.at += 1
            return True
        return False

    # types: only skipped, never used, but for the name

    def type_name(self) -> str | None:
        """Skips a type at this place and gives its text; None (and no move) where there is none."""
        start = self.at
        if self.kind() != "name" or self.peek() in ("new", "return", "throw", "null", "if", "for"):
            return None
        name = self.take()
        while self.peek() == "." and self.kind(1) == "name":
            self.take()
            name += "." + self.take()
        if self.peek() == "<" and not self.type_arguments():
            self.at = start
            return None
        while self.peek() == "[" and self.peek(1) == "]":
            self.at += 2
            name += "[]"
        return name

    def type_arguments(self) -> bool:
        start = self.at
        self.take("<")
        while not self.skips(">"):
            if self.peek() in (",", "?", "extends", "super"):
                self.take()
            elif self.type_name() is None:
                self.at = start
                return False
        return True

    # statements

    def program(self) -> list[Tree]:
        found = []
        while self.kind() != "end":
            found.append(self.statement())
        return found

    def block(self) -> list[Tree]:
        self.take("{")
        found = []
        while not self.skips("}"):
            found.append(self.statement())
        return found

    def statement(self) -> Tree:
        if self.peek() == "{":
            return ("block", self.block())
        if self.skips(";"):
            return ("block", [])
        if self.skips("return"):
            value: Tree = ("null",) if self.peek() == ";" else self.expression()
            self.take(";")
            return ("return", value)
        if self.skips("throw"):
            value = self.expression()
            self.take(";")
            return ("throw", value)
        if self.skips("if"):
            self.take("(")
            test = self.expression()
            self.take(")")
            then = self.statement()
            return ("if", test, then, self.statement() if self.skips("else") else ("block", []))
        if self.skips("for"):
            self.take("(")
            self.type_name()
            name = self.take()
            self.take(":")
            items = self.expression()
            self.take(")")
            return ("for", name, items, self.statement())
        declared = self.declaration()
        if declared is not None:
            return declared
        value = self.expression()
        if self.kind() != "end":
            self.take(";")
        return ("do", value)

    def declaration(self) -> Tree | None:
        start = self.at
        self.skips("final")
        if self.type_name() is not None and self.kind() == "name" and self.peek(1) == "=":
            name = self.take()
            self.take("=")
            value = self.expression()
            self.take(";")
            return ("set", name, value)
        self.at = start
        return None

    # expressions

    def expression(self) -> Tree:
        lambda_ = self.lambda_expression()
        if lambda_ is not None:
            return lambda_
        if self.kind() == "name" and self.peek(1) == "=" and self.peek(2) != "=":
            name = self.take()
            self.take("=")
            return ("assign", name, self.expression())
        test = self.binary(0)
        if self.skips("?"):
            then = self.expression()
            self.take(":")
            return ("choose", test, then, self.expression())
        return test

    def lambda_expression(self) -> Tree | None:
        start = self.at
        names: list[str] = []
        if self.kind() == "name" and self.peek(1) == "->":
            names = [self.take()]
        elif self.peek() == "(":
            self.take()
            while self.kind() == "name":
                first = self.take()
                if self.kind() == "name":
                    first = self.take()
                names.append(first)
                self.skips(",")
            if not self.skips(")") or self.peek() != "->":
                self.at = start
                return None
        else:
            return None
        self.take("->")
        body: Tree = ("block", self.block()) if self.peek() == "{" else ("return", self.expression())
        return ("lambda", names, body)

    LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))

    def binary(self, level: int) -> Tree:
        if level == len(self.LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.kind() == "op" and self.peek() in self.LEVELS[level]:
            operator = self.take()
            left = ("binary", operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Tree:
        if self.kind() == "op" and self.peek() in ("-", "!"):
            return ("unary", self.take(), self.unary())
        if self.peek() == "(":
            cast = self.cast()
            if cast is not None:
                return cast
        return self.postfix(self.primary())

    def cast(self) -> Tree | None:
        start = self.at
        self.take("(")
        name = self.type_name()
        if name is not None and self.skips(")"):
            follows = self.kind() in ("string", "number", "name") or self.peek() == "("
            if follows:
                lambda_ = self.lambda_expression()
                return ("cast", name, lambda_ if lambda_ is not None else self.unary())
        self.at = start
        return None

    def primary(self) -> Tree:
        kind, text = self.kind(), self.peek()
        if kind == "string":
            return ("value", unescape(self.take()[1:-1]))
        if kind == "char":
            return ("value", unescape(self.take()[1:-1]))
        if kind == "number":
            digits = self.take().replace("_", "").rstrip("LlDdFf")
            return ("value", float(digits) if "." in digits else int(digits))
        if text == "(":
            self.take()
            inner = self.expression()
            self.take(")")
            return inner
        if text == "new":
            return self.creation()
        name = self.take()
        if name in ("true", "false"):
            return ("value", name == "true")
        if name == "null":
            return ("null",)
        if self.peek() == "(":
            return ("call", None, name, self.arguments())
        return ("name", name)

    def creation(self) -> Tree:
        self.take("new")
        name = self.take()
        while self.skips("."):
            name = self.take()
        if self.peek() == "<":
            self.type_arguments()
        if self.peek() == "[":
            self.take("[")
            size: Tree = ("value", 0) if self.peek() == "]" else self.expression()
            self.take("]")
            if self.skips("{"):
                items = []
                while not self.skips("}"):
                    items.append(self.expression())
                    self.skips(",")
                return ("array", items)
            return ("bytes", size)
        arguments = self.arguments()
        if self.peek() == "{":
            raise SyntaxError(f"anonymous class of {name}: not in the style of the snippets")
        return ("new", name, arguments)

    def arguments(self) -> list[Tree]:
        self.take("(")
        found = []
        while not self.skips(")"):
            found.append(self.expression())
            self.skips(",")
        return found

    def postfix(self, tree: Tree) -> Tree:
        while True:
            if self.skips("++"):
                tree = ("increment", tree)
            elif self.skips("["):
                tree = ("index", tree, self.expression())
                self.take("]")
            elif self.skips("::") or (self.peek() == "<" and tree[0] == "name" and self.generic_reference()):
                tree = ("reference", tree, self.take())
            elif self.skips("."):
                if self.peek() == "<":
                    self.type_arguments()
                name = self.take()
                tree = ("call", tree, name, self.arguments()) if self.peek() == "(" else ("field", tree, name)
            else:
                return tree

    def generic_reference(self) -> bool:
        """`MyProcessor<String, String>::new`."""
        start = self.at
        if self.type_arguments() and self.skips("::"):
            return True
        self.at = start
        return False


def unescape(text: str) -> str:
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in text else text


def parse(text: str) -> list[Tree]:
    """Statements of a snippet."""
    return Parser(text).program()
