"""What generated templates are made of: for every kind of value, expressions that make one.

`<kind>` stands for an expression of that kind, `<small>` for a small whole number and `<name>` for a quoted name.
"""

from __future__ import annotations

import re

VARIABLES = {
    "text": ["s", "bos_token"],
    "number": ["n"],
    "flag": ["flag", "add_generation_prompt"],
    "list": ["xs", "ns", "ts", "messages"],
    "numbers": ["ns"],
    "texts": ["ts"],
    "records": ["messages", "tools", "documents"],
    "record": ["messages[0]", "messages[-1]"],
    "dict": ["d"],
    "any": ["x", "s", "n", "xs", "d", "flag"],
}

ATOMS = {
    "text": """
        'a'
        ''
        "it's"
        ' b c '
        'Hello World'
        '<b>x</b> & "y"'
        'line\\n  two\\n\\nend'
        '\\t\\u00e9\\x41\\\\'
        'é日🙂'
        '%s'
        '{}'
        ','
        '12'
        'a' 'b'
    """,
    "number": "1 0 2 -1 3 10 1.5 0.0 -2.5 1e3 1.0e16 0x1F 0b101 0o17 1_000 9223372036854775807 9223372036854775808 123456789012345678901234567890",
    "small": "1 0 2 3 -1 5 -2 8 20 true",
    "flag": "true false True False",
    "list": """
        [1, 2, 3]
        []
        ['b', 'a', 'C']
        (1, 'x')
        (1,)
        [[1, 2], [3, 4]]
        [none, true, 1.0]
    """,
    "numbers": """
        [3, 1, 2]
        [1.5, -2, 0]
        range(3)
    """,
    "texts": """
        ['b', 'a', 'C']
        'x,y,z'.split(',')
        ['a', 'A', 'é']
    """,
    "records": """
        [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'X'}, {'a': 1, 'b': 'y'}]
        messages
    """,
    "record": """
        {'a': 1, 'b': 'x', 'content': 'hi', 'role': 'user'}
        messages[0]
    """,
    "dict": """
        {'a': 1}
        {}
        {'b': 'x', 'a': [1, 2], 'C': none}
        {1: 2, 'k': {'z': 0.5}}
    """,
    "any": """
        none
        absent
        1
        'a'
        None
        messages
        absent.more
    """,
    "name": "'a' 'b' 'content' 'role' 'type' 'text' 'name' 'function.name' '0' 0 'items' 'absent' 'a.b' 'content.0.text' '__class__' 'upper'",
    "key0": "'a' 1 none true 1.5 n s xs d x s|upper s~n (1,'a') 'é' 2.5 false",
    "key": "'a' 'b' 'content' 'role' 'absent' 'items' 'get' 0 1 -1 '__class__' 1.0 none",
    "attribute": "a b content role type text name items keys absent upper append __class__ _p real values first get 0 1",
    "spec": "'' 'd' 's' '>8' '<5' '^9' '*^7' '05' '+d' ',' '_' '.2f' '10.3f' 'e' 'g' '%' 'x' '#x' 'b' 'o' 'c' 'n' '08.3f' 'r' '.3' ' d' '=+6' '-' '#.3g' '<' 'é>4' '06d' 'X' 'E'",
    "conversion": "'%s' '%d' '%r' '%5s' '%-5s|' '%05d' '%.2f' '%x' '%X' '%o' '%e' '%g' '%c' '%i' '%+d' '%%' '%.3s' '%#x' '%a' '%u' '%10.2f' '% d' '%F' '%G' '%5%' '%z' '%' '%(a)s' '%*d' '%s %s' '%(b)r'",
    "pattern": "'{}' '{0}' '{a}' '{} {}' '{0} {0}' '{0!r}' '{!s:>5}' '{:5}' '{:.2f}' '{:d}' '{0[0]}' '{0[a]}' '{0.a}' '{a.b}' '{{}}' '{' '}' '{:{}}' '{0} {}' '{!x}' '{:,}' '{0.__class__}' '{!a}' '{1}' '{:x}' '{0[content]}' '{:>{w}}'",
    "clock": "'%Y-%m-%d' '%d %b %Y' '%H:%M:%S' '%A %B %j' '%-d' '%%' '%e|%p|%y' '%Z%z' '%f' '%Q' '%' '%U %w' 'é %Y'",
}  # fmt: skip

RULES = {
    "text": """
        <text> ~ <any>
        <any> ~ <text> ~ <any>
        (<text> + <text>)
        <text> * <small>
        <any>|string
        <any>|tojson
        <text>|upper
        <text>|lower
        <text>|trim
        <text>|trim(<text>)
        <text>|title
        <text>|capitalize
        <text>|replace(<text>, <text>)
        <text>|replace(<text>, <text>, <small>)
        <text>|replace(<text>, <text>, count=<small>)
        <text>|indent
        <text>|indent(<small>)
        <text>|indent(<small>, <flag>, blank=<flag>)
        <text>|indent(width=<text>, first=true)
        <text>|center(<small>)
        <text>|truncate(<small>)
        <text>|truncate(<small>, <flag>, <text>, <small>)
        <text>|truncate(length=<small>, leeway=0)
        <text>|wordwrap(<small>)
        <text>|wordwrap(<small>, <flag>, wrapstring=<text>)
        <text>|wordwrap(10, break_on_hyphens=<flag>)
        <text>|striptags
        <text>|urlencode
        <dict>|urlencode
        <text>|urlize
        <text>|urlize(<small>, nofollow=true)
        <text>|urlize(target='_blank', rel=<text>)
        <text>|e
        <text>|escape
        <any>|safe
        <any>|forceescape
        <text>|safe ~ <any>
        <text> ~ <text>|safe
        <text>|safe + <text>
        <text>|e|e
        <text>|safe|upper
        <text>|safe|replace(<text>, <text>)
        (<text>|safe).split(<text>)|join(<text>)
        (<text>|safe) % <text>
        (<text>|safe).format(<any>)
        (<text>|safe).join(<texts>)
        (<text>|safe).<textmethod>
        <text>|reverse
        <text>|default(<text>)
        <any>|default(<text>, true)
        <any>|d(<any>, boolean=<flag>)
        <list>|join
        <list>|join(<text>)
        <texts>|join(', ')
        <records>|join(', ', attribute=<name>)
        <list>|join(d=<text>)
        <texts>|first
        <texts>|last
        <any>|tojson(indent=<small>)
        <any>|tojson(ensure_ascii=<flag>)
        <any>|tojson(separators=(',', ':'))
        <any>|tojson(sort_keys=true)
        <any>|tojson(indent=2, sort_keys=<flag>, ensure_ascii=true)
        <any>|tojson(<any>)
        <number>|filesizeformat
        <number>|filesizeformat(true)
        <dict>|xmlattr
        <dict>|xmlattr(<flag>)
        <any>|pprint
        <conversion>|format(<any>)
        <conversion>|format(<any>, <any>)
        <conversion>|format(a=<any>, b=<any>)
        <conversion> % <any>
        <conversion> % (<any>,)
        <conversion> % (<any>, <any>)
        <conversion> % <dict>
        <pattern>.format(<any>)
        <pattern>.format(<any>, <any>)
        <pattern>.format(a=<any>, w=<small>)
        <pattern>.format_map(<dict>)
        ('{:' ~ <spec> ~ '}').format(<any>)
        ('{:' ~ <spec> ~ '}').format(<number>)
        ('%' ~ <spec> ~ 'd') % <number>
        <text>.<textmethod>
        <text>.<textmethod>
        <text>[<small>]
        <text>[<slice>]
        <text> if <flag> else <text>
        <text> if <flag>
        <text> or <text>
        <text> and <text>
        <record>.role
        <record>['content']
        <record>.content
        <record>.get('content', <text>)
        strftime_now(<clock>)
        loop.cycle(<text>, <text>)
        <any>.__class__
        <text>|min
        <text>|max
        <texts>|sum(start=<text>)
        <text>|map('upper')|join
        <texts>|map('upper')|join(',')
        <list>|map('tojson')|join
        <list>|string
        <dict>|string
    """,
    "textmethod": """
        strip()
        lstrip()
        rstrip()
        strip(<text>)
        upper()
        lower()
        title()
        capitalize()
        swapcase()
        casefold()
        replace(<text>, <text>)
        replace(<text>, <text>, <small>)
        center(<small>)
        ljust(<small>, '*')
        rjust(<small>)
        zfill(<small>)
        expandtabs(<small>)
        expandtabs()
        removeprefix(<text>)
        removesuffix(<text>)
        join(<texts>)
        join(<list>)
        split(<text>)[0]
        split(<text>)[-1]
        rsplit(<text>, 1)[0]
        partition(<text>)[2]
        rpartition(<text>)[0]
        splitlines()|join('|')
        translate({97: 'b'})
        __str__()
        format(<any>)
        lstrip(<text>)
        rstrip(none)
        ljust(<small>, <text>)
        strip(<any>)
        upper(1)
        nothing()
    """,
    "number": """
        <number> + <number>
        <number> - <number>
        <number> * <number>
        <number> / <number>
        <number> // <number>
        <number> % <number>
        <small> ** <small>
        -<number>
        +<number>
        (<number> + <number>) * <small>
        <any>|length
        <list>|length
        <list>|count
        <text>|length
        <any>|int
        <text>|int
        <text>|int(<small>)
        <text>|int(default=<any>, base=16)
        <text>|int(0, 2)
        <any>|float
        <text>|float(<number>)
        <number>|round
        <number>|round(<small>)
        <number>|round(1, 'floor')
        <number>|round(method='ceil')
        <number>|round(<small>, <text>)
        <number>|abs
        <numbers>|sum
        <numbers>|sum(start=<number>)
        <records>|sum(attribute=<name>)
        <numbers>|min
        <numbers>|max
        <numbers>|first
        <numbers>|last
        <text>|wordcount
        <text>.find(<text>)
        <text>.rfind(<text>, <small>)
        <text>.index(<text>)
        <text>.count(<text>)
        <list>.index(<any>)
        <list>.count(<any>)
        <small>.bit_length()
        <number>.real
        <number>.is_integer()
        loop.index
        loop.index0
        loop.revindex
        loop.revindex0
        loop.length
        loop.depth
        loop.depth0
        <number> if <flag> else <number>
        <list>[0]
        <numbers>[<small>]
        true + <number>
        <any> + <number>
    """,
    "flag": """
        <any> == <any>
        <any> != <any>
        <number> < <number>
        <number> <= <number>
        <number> > <number>
        <text> < <text>
        <text> == <text>
        <list> < <list>
        <any> < <any>
        <number> < <number> < <number>
        <any> == <any> != <any>
        <text> in <text>
        <any> in <list>
        <text> in <dict>
        <text> not in <record>
        <any> not in <any>
        <any> in <any>
        not <any>
        <flag> and <flag>
        <flag> or <flag>
        not <flag>
        <any> is <test>
        <any> is not <test>
        <any> is <test>
        <text> is <test>
        <record>.content is <test>
        <text>.startswith(<text>)
        <text>.endswith((<text>, <text>))
        <text>.startswith(<text>, <small>)
        <text>.<predicate>()
        <text>.isspace()
        loop.first
        loop.last
        loop.changed(<any>)
        loop.previtem is defined
        loop.nextitem is defined
        <any> or <any>
        <any> and <any>
        (<flag>)
        <any>|default(false)
        <any> == <flag>
        <number> == <flag>
    """,
    "predicate": """
        isalpha isdigit isalnum isupper islower istitle isspace isnumeric isdecimal isidentifier isprintable isascii
    """,
    "test": """
        defined
        undefined
        none
        string
        mapping
        sequence
        iterable
        number
        integer
        float
        boolean
        true
        false
        callable
        odd
        even
        divisibleby(<small>)
        divisibleby <small>
        eq(<any>)
        ne <any>
        equalto <text>
        lt(<number>)
        le <number>
        gt(<any>)
        ge <number>
        in(<list>)
        in <text>
        sameas(<any>)
        sameas none
        lower
        upper
        escaped
        filter
        test
        ==(<any>)
        greaterthan(<number>)
        lessthan <number>
    """,
    "list": """
        <list> + <list>
        <list> * <small>
        <list>[<slice>]
        <text>.split()
        <text>.split(<text>)
        <text>.split(<text>, <small>)
        <text>.rsplit(none, <small>)
        <text>.rsplit(<text>, 1)
        <text>.split(sep=<text>, maxsplit=<small>)
        <text>.splitlines()
        <text>.splitlines(<flag>)
        <text>.partition(<text>)
        <text>|list
        <dict>|list
        <any>|list
        <dict>|items|list
        <dict>.items()|list
        <dict>.keys()|list
        <dict>.values()
        <dict>.items()
        <dict>.keys()
        <dict>|dictsort
        <dict>|dictsort(<flag>)
        <dict>|dictsort(false, 'value')
        <dict>|dictsort(by=<text>, reverse=<flag>)
        <list>|sort
        <list>|sort(reverse=<flag>)
        <texts>|sort(case_sensitive=<flag>)
        <records>|sort(attribute=<name>)
        <records>|sort(attribute='a,b')
        <list>|unique|list
        <texts>|unique(<flag>)|list
        <records>|unique(attribute=<name>)|list
        <list>|reverse|list
        <list>|batch(<small>)|list
        <list>|batch(2, <any>)|list
        <list>|slice(<small>)|list
        <list>|slice(2, <any>)|list
        <list>|map(<filtername>)|list
        <list>|map('default', <any>)|list
        <texts>|map('replace', <text>, <text>)|list
        <records>|map(attribute=<name>)|list
        <records>|map(attribute=<name>, default=<any>)|list
        <records>|selectattr(<name>)|list
        <records>|rejectattr(<name>)|list
        <records>|selectattr(<name>, <testname>, <any>)|list
        <records>|selectattr(<name>, 'equalto', <text>)|list
        <records>|selectattr(<name>, <testname>)|list
        <records>|rejectattr(<name>, 'in', <list>)|list
        <records>|groupby(<name>)
        <records>|groupby(<name>, default=<text>)
        <records>|groupby(<name>, case_sensitive=true)|list
        <records>|groupby(<name>)|map(attribute='list')|list
        <list>|select|list
        <list>|reject|list
        <list>|select(<testname>)|list
        <list>|reject(<testname>, <any>)|list
        <numbers>|select('gt', <number>)|list
        <numbers>|map('abs')|list
        <numbers>|sort
        range(<small>)
        range(<small>, <small>)
        range(<small>, <small>, <small>)|list
        range(5)[<slice>]
        [<any>, <any>]
        (<any>, <any>)
        [<text>, <number>, <list>]
        <list> or <list>
        <list> if <flag> else <list>
        <any>.content
        <list>.copy()
        <list>|default([])
    """,
    "filtername": "'upper' 'string' 'length' 'tojson' 'trim' 'int' 'list' 'first' 'e' 'safe' 'title' 'abs' 'float' 'items' 'default' 'capitalize' 'sort' 'join' 'd'",
    "testname": "'defined' 'string' 'number' 'none' 'mapping' 'odd' 'equalto' 'in' 'gt' 'lt' 'ne' 'sameas' 'iterable' 'true' 'eq' '==' 'integer' 'even' 'divisibleby' 'sequence' 'false'",
    "slice": """
        <small>:
        :<small>
        <small>:<small>
        ::-1
        ::<small>
        <small>:<small>:<small>
        :
        -2:
        1:none
    """,
    "numbers": """
        <numbers>|list
        <numbers>|sort
        <numbers>|reverse|list
        <numbers> + <numbers>
        <texts>|map('length')|list
        range(<small>, <small>)
    """,
    "texts": """
        <texts>|sort
        <texts>|map('upper')|list
        <texts>|map('trim')|list
        <text>.split()
        <text>.splitlines()
        <texts> + <texts>
        <texts>|reject('in', <texts>)|list
        [<text>, <text>]
        <records>|map(attribute='role')|list
        <dict>|list
    """,
    "records": """
        <records>|selectattr(<name>, 'defined')|list
        <records>|rejectattr('role', 'equalto', 'system')|list
        messages[<slice>]
        [<record>, <record>]
        <records> + <records>
        <records>|sort(attribute='role')
        <records> or []
    """,
    "record": """
        <records>[0]
        <records>|first
        <records>|last
        messages[<small>]
        dict(role=<text>, content=<any>, a=<number>)
    """,
    "dict": """
        {<key0>: <any>, <key0>: <any>}
        {<name>: <any>, 'a': <list>}
        {<key0>: <any>}
        dict(a=<any>, b=<any>)
        dict(<dict>, c=<any>)
        dict([(<text>, <any>)])
        dict(<any>)
        dict.fromkeys(<texts>, <any>)
        dict(<texts>|map('list')|list)
        <record>
        <dict>.copy()
        <dict> or {}
        <dict> if <flag> else <dict>
        namespace(a=<any>)
        namespace(<dict>)
        cycler(<any>, <any>)
        joiner(<text>)
    """,
    "any": """
        <text>
        <number>
        <flag>
        <list>
        <dict>
        <records>
        <record>
        <list>|first
        <list>|last
        <list>|min
        <list>|max
        <records>|max(attribute=<name>)
        <list>[<small>]
        <list>[<any>]
        <dict>[<key>]
        <dict>.<attribute>
        <record>.<attribute>
        <record>[<key>]
        <any>.<attribute>
        <any>[<key>]
        <dict>.get(<key>)
        <dict>.get(<key>, <any>)
        <record>|attr(<name>)
        <any>|attr('upper')
        <any>|first
        <any>|items
        <any>|default(<any>)
        <any> if <flag> else <any>
        <any> or <any>
        <any> and <any>
        <any> + <any>
        <any> * <small>
        <any> - <any>
        <any>|<filtername0>
        (<any>)
        <list>|map('upper')
        <list>|reverse
        <list>|select
        <dict>|items
        <any>.content.<attribute>
        range
        namespace
        self
        caller
        varargs
        kwargs
        cycler(<any>, <any>).next()
        cycler('a', 'b').current
        joiner()()
        <any>(<any>)
        <dict>.items()|map(attribute=<small>)|list
        loop.previtem
        loop.nextitem
        <any>[<any>, <any>]
        <number>[<small>]
        lipsum is callable
        absent.<attribute>
        absent[<key>]
        absent()
        absent|<filtername0>
        raise_exception(<any>)
    """,
    "filtername0": """
        abs capitalize count dictsort e escape filesizeformat first float forceescape int items join last length list
        lower max min pprint reverse round safe sort string striptags sum title tojson trim unique upper urlencode
        urlize wordcount xmlattr batch slice groupby map select selectattr indent wordwrap truncate center format
    """,
}  # fmt: skip

KINDS = sorted({*ATOMS, *RULES})
HOLE = re.compile("<(" + "|".join(KINDS) + ")>")


def productions(text: str) -> list[str]:
    """Splits a list of expressions: one a line, or one a word where it is a single line or words alone."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 or (lines and all(re.fullmatch(r"[\w ]+", line) for line in lines) and " " in lines[0]):
        words: list[str] = []
        for line in lines:
            words += re.findall(r"'[^']*'|\S+", line)
        return words
    return lines


PLAIN = {kind: productions(text) for kind, text in ATOMS.items()}
MADE = {kind: productions(text) for kind, text in RULES.items()}
