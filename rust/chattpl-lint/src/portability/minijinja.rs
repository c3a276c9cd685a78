//! minijinja: found by running the Python package with `pycompat=True`, its own `tojson`, and the options of
//! `transformers`.

use super::Construct::{Filter, FilterArgument, FilterPositional, Function, Method, Syntax as Form, Test};
use super::{differs, fails, EngineTable, Gap, Syntax};

const HTML_JSON: &str = "https://github.com/huggingface/transformers/pull/31100";
const JSON_ARGUMENTS: &str = "https://github.com/sgl-project/sglang/issues/13722";
const GENERATION: &str = "https://github.com/mitsuhiko/minijinja/issues/815";

pub static TABLE: EngineTable = EngineTable {
    name: "minijinja",
    version: "3.1.0",
    evidence: "run: minijinja 3.1.0 for Python, Environment(pycompat=True, trim_blocks=True, lstrip_blocks=True)",
    gaps: &GAPS,
};

const GAPS: [Gap; 44] = [
    fails(Form(Syntax::Generation)).seen(GENERATION),
    fails(Form(Syntax::StringFormatting)),
    fails(Form(Syntax::UnaryPlus)),
    fails(Form(Syntax::VarArguments)),
    differs(Form(Syntax::DefaultReadsParameter), "the default is undefined"),
    differs(Form(Syntax::CrlfSource), "the `\\r` is printed"),
    differs(Filter("tojson"), "`<`, `>`, `&` and `'` are written as `\\u003c` and so on").seen(HTML_JSON),
    fails(FilterArgument("tojson", "ensure_ascii")).seen(JSON_ARGUMENTS),
    fails(FilterArgument("tojson", "separators")),
    fails(FilterArgument("tojson", "sort_keys")),
    fails(FilterArgument("default", "boolean")),
    fails(FilterPositional("truncate")),
    fails(FilterPositional("wordwrap")),
    differs(Filter("e"), "quotes are written as `&quot;` and `&#x27;`"),
    differs(Filter("escape"), "quotes are written as `&quot;` and `&#x27;`"),
    differs(Filter("pprint"), "keys are not sorted"),
    fails(Filter("center")),
    fails(Filter("forceescape")),
    fails(Filter("random")),
    fails(Filter("urlize")),
    fails(Filter("wordcount")),
    fails(Filter("xmlattr")),
    differs(Test("iterable"), "it is true for `none`"),
    fails(Test("callable")),
    fails(Function("cycler")),
    fails(Function("lipsum")),
    fails(Method("casefold")),
    fails(Method("center")),
    fails(Method("encode")),
    fails(Method("expandtabs")),
    fails(Method("isdecimal")),
    fails(Method("isidentifier")),
    fails(Method("isprintable")),
    fails(Method("istitle")),
    fails(Method("ljust")),
    fails(Method("partition")),
    fails(Method("removeprefix")),
    fails(Method("removesuffix")),
    fails(Method("rjust")),
    fails(Method("rpartition")),
    fails(Method("rsplit")),
    fails(Method("swapcase")),
    fails(Method("translate")),
    fails(Method("zfill")),
];
