"""What a contract (OpenAPI 3.1) breaks for those who were built against an older one of it.

A request that was right must stay right; an answer must stay one that a client expects. Adding
operations, optional parameters and fields, and fields of answers breaks nobody; a new value of an
answer's enum does. A break that is meant is marked where it is, with its reason:

    x-breaks: "why, and what clients do instead"                on an operation
    x-removed: {"GET /v1/things": "why"}                        at the top, for one that is gone
"""

METHODS = ("get", "post", "put", "patch", "delete")
LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
SAME = ("pattern", "format", "const")


def resolve(spec, node):
    while isinstance(node, dict) and "$ref" in node:
        target, node = node["$ref"], spec
        for step in target.removeprefix("#/").split("/"):
            node = node[step]
    return node


def flat(spec, schema):
    """A schema without its references, and with its allOf put together."""
    schema = resolve(spec, schema or {})
    merged = {name: value for name, value in schema.items() if name != "allOf"}
    for part in schema.get("allOf", []):
        for name, value in flat(spec, part).items():
            if name == "properties":
                merged[name] = {**value, **merged.get(name, {})}
            elif name == "required":
                merged[name] = [*value, *merged.get(name, [])]
            else:
                merged.setdefault(name, value)
    return merged


def types(schema):
    kinds = schema.get("type")
    kinds = set(kinds) if isinstance(kinds, list) else {kinds} if kinds else None
    return kinds | {"integer"} if kinds and "number" in kinds else kinds


def within(few, many):
    """Whether a set of what is allowed lies within another; None is everything."""
    return many is None or (few is not None and few <= many)


class Sides:
    """The older contract and the newer one."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def schemas(self, old, new, asked, where="", depth=0):
        """asked: in a request; otherwise in an answer. Yields what breaks."""
        old, new = flat(self.old, old), flat(self.new, new)
        if depth > 20:
            return
        narrow, wide = (old, new) if asked else (new, old)
        if not within(types(narrow), types(wide)):
            yield f"{where or 'the body'}: its type was {old.get('type')}, and is {new.get('type')}"
        values = [set(map(str, each["enum"])) if "enum" in each else None for each in (narrow, wide)]
        if not within(*values):
            yield f"{where or 'the body'}: its enum allows {'less' if asked else 'more'} than it did"
        for name in SAME:
            if old.get(name) != new.get(name) and (name in new if asked else name in old):
                yield f"{where or 'the body'}: its {name} was {old.get(name)}, and is {new.get(name)}"
        if asked:
            yield from self.bounds(old, new, where)
        yield from self.fields(old, new, asked, where, depth)
        if "items" in old and "items" in new:
            yield from self.schemas(old["items"], new["items"], asked, f"{where}[]", depth + 1)
        yield from self.alternatives(old, new, asked, where, depth)

    def bounds(self, old, new, where):
        for names, tighter in ((LEAST, lambda a, b: b > a), (MOST, lambda a, b: b < a)):
            for name in names:
                if name in new and (name not in old or tighter(old[name], new[name])):
                    yield f"{where or 'the body'}: its {name} was {old.get(name)}, and is {new[name]}"
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False \
                and "properties" in old:
            yield f"{where or 'the body'}: takes no other fields any more"

    def fields(self, old, new, asked, where, depth):
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, given = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(given - needed if asked else needed - given):
            if asked or name in after:
                yield f"{where}.{name}: {'is required now' if asked else 'may be missing now'}"
        for name, schema in before.items():
            if name in after:
                yield from self.schemas(schema, after[name], asked, f"{where}.{name}", depth + 1)
            elif not asked or new.get("additionalProperties") is False:
                yield f"{where}.{name}: is gone"

    def alternatives(self, old, new, asked, where, depth):
        for kind in ("oneOf", "anyOf"):
            if kind not in old or kind not in new:
                if (kind in new) if asked else (kind in old):
                    yield f"{where or 'the body'}: {kind} was {kind in old}, and is {kind in new}"
                continue
            ours, theirs = (old[kind], new[kind]) if asked else (new[kind], old[kind])
            for one in ours:
                pairs = [(one, each) if asked else (each, one) for each in theirs]
                if all(any(self.schemas(*pair, asked, where, depth + 1)) for pair in pairs):
                    yield f"{where or 'the body'}: one of its {kind} is not as it was"

    def parameters(self, old, new, item_old, item_new):
        def named(spec, item, operation):
            listed = [resolve(spec, each) for each in
                      item.get("parameters", []) + operation.get("parameters", [])]
            return {(each["in"], each["name"]): each for each in listed}

        before, after = named(self.old, item_old, old), named(self.new, item_new, new)
        for key, parameter in before.items():
            if key not in after:
                yield f"parameter {key[1]}: is gone"
                continue
            yield from self.schemas(parameter.get("schema"), after[key].get("schema"), True,
                                    f"parameter {key[1]}")
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"parameter {key[1]}: is required now"

    def security(self, old, new):
        def ways(spec, operation):
            return operation.get("security", spec.get("security", []))

        for way in ways(self.old, old) or [{}]:
            if not any(all(name in way and set(scopes) <= set(way[name])
                           for name, scopes in each.items())
                       for each in ways(self.new, new) or [{}]):
                yield f"security: {way or 'anyone'} is not enough any more"

    def body(self, old, new):
        before, after = resolve(self.old, old.get("requestBody", {})), \
            resolve(self.new, new.get("requestBody", {}))
        if after.get("required") and not before.get("required"):
            yield "the body is required now"
        yield from self.contents(before, after, True)

    def contents(self, before, after, asked, where=""):
        for kind, content in before.get("content", {}).items():
            if kind not in after.get("content", {}):
                yield f"{where}{kind} is gone"
                continue
            for broken in self.schemas(content.get("schema"), after["content"][kind].get("schema"),
                                       asked):
                yield f"{where}{broken}"

    def answers(self, old, new):
        after = new.get("responses", {})
        for status, response in old.get("responses", {}).items():
            if status not in after:
                if status.startswith("2"):
                    yield f"the answer {status} is gone"
                continue
            was, now = resolve(self.old, response), resolve(self.new, after[status])
            for name in sorted(set(was.get("headers", {})) - set(now.get("headers", {}))):
                yield f"{status}: header {name} is gone"
            yield from self.contents(was, now, False, f"{status}: ")

    def operation(self, route, method):
        item_old, item_new = self.old["paths"][route], self.new["paths"][route]
        old, new = item_old[method], item_new[method]
        yield from self.parameters(old, new, item_old, item_new)
        yield from self.security(old, new)
        yield from self.body(old, new)
        yield from self.answers(old, new)


def breaks(old, new):
    """Yields a line for each break that is not marked, and for each mark of what breaks nothing."""
    sides, removed = Sides(old, new), dict(new.get("x-removed", {}))
    for route, item in old.get("paths", {}).items():
        for method in METHODS:
            if method not in item:
                continue
            name = f"{method.upper()} {route}"
            now = new.get("paths", {}).get(route, {}).get(method)
            if now is None:
                if not removed.pop(name, None):
                    yield f"{name}: is gone"
                continue
            found = list(sides.operation(route, method))
            if found and not now.get("x-breaks"):
                yield from (f"{name}: {each}" for each in found)
            elif now.get("x-breaks") and not found:
                yield f"{name}: x-breaks marks nothing that is broken"
    yield from (f"{name}: x-removed names what was not there" for name in removed)
