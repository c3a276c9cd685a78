//! Rules of the source and its dialect, where they could go wrong.

use chattpl_lint::{fix_all, lint, Applicability, Selector, Settings, Subject, Supplied};

fn codes(source: &str, select: &str) -> Vec<&'static str> {
    let settings = settings(select);
    lint(&Subject::new(source, None, Supplied::default()), &settings).findings.iter().map(|found| found.code).collect()
}

fn settings(select: &str) -> Settings {
    let select = select.split(' ').map(|code| Selector::parse(code).expect("a rule")).collect();
    Settings { select, ..Settings::default() }
}

/// Each source with the findings of the selected rules.
fn check(select: &str, table: &[(&str, &[&str])]) {
    for (source, wanted) in table {
        assert_eq!(codes(source, select), *wanted, "{source}");
    }
}

#[test]
fn unknown_filters_and_tests_are_found_wherever_they_are_named() {
    check(
        "CT001 CT002 CT003 CT201",
        &[
            ("{{ messages|len }}", &["CT002"]),
            ("{% if x %}{{ x|from_json }}{% endif %}", &["CT002"]),
            ("{% if 'from_json' is filter %}{{ x|from_json }}{% endif %}", &[]),
            ("{{ x|from_json if 'from_json' is filter else x }}", &[]),
            ("{{ messages|map('strip')|join }}", &["CT002"]),
            ("{{ messages|map(attribute='strip')|join }}", &[]),
            ("{% if x %}{{ x is str }}{% endif %}", &["CT003"]),
            ("{{ x is str }}", &["CT003"]),
            ("{{ messages|select('str')|list }}", &["CT003"]),
            ("{{ messages|selectattr('role', 'is')|list }}", &["CT003"]),
            ("{{ messages|selectattr('role', 'equalto', 'user')|list }}", &[]),
            ("{{ messages|selectattr('role')|list }}", &[]),
            ("{{ messages|length is divisibleby 2 }}", &[]),
            ("{% filter shout %}x{% endfilter %}", &["CT002"]),
            ("{% set x | shout %}x{% endset %}", &["CT002"]),
            ("{{ messages|length is ge 2 and 3 is not odd }}", &[]),
        ],
    );
}

#[test]
fn names_are_unknown_only_where_nothing_can_give_them_a_value() {
    check(
        "CT004",
        &[
            ("{{ len(messages) }}", &["CT004"]),
            ("{% if x == null %}1{% endif %}", &["CT004"]),
            ("{% for message in messages %}{% endfor %}{{ message.role }}", &["CT004"]),
            (
                "{% macro f() %}{{ message.role }}{% endmacro %}{% for message in messages %}{{ f() }}{% endfor %}",
                &["CT004"],
            ),
            ("{% macro f(x) %}{{ x }}{% endmacro %}{{ f(x) }}", &[]),
            ("{{ mesages }}", &["CT004"]),
            ("{% if enable_thinkng %}1{% endif %}", &["CT004"]),
            ("{% if enable_thinkng is defined %}1{% endif %}", &["CT004"]),
            ("{% if toosl is defined %}1{% endif %}", &["CT004"]),
            ("{{ greetng|default('') }}{% set greeting = 'hello' %}{{ greeting }}", &[]),
            ("{{ tool }}{{ document }}{{ sos_token }}{{ enable_thinking2 }}", &[]),
            ("{{ message }}{{ tool }}{{ document }}", &[]),
            ("{% set content1 = 1 %}{{ content1 }}{{ content2 }}", &[]),
            ("{% set reasoning = '' %}{{ reasonin ~ reasoning }}", &["CT004"]),
            ("{{ loop.first }}", &["CT004"]),
            ("{% for m in messages %}{% else %}{{ loop.first }}{% endfor %}", &["CT004"]),
            ("{% for m in messages %}{{ loop.first }}{% endfor %}", &[]),
            ("{% for m in messages %}{% for n in m %}{% else %}{{ loop.first }}{% endfor %}{% endfor %}", &[]),
            ("{% macro f() %}{{ caller() }}{{ varargs }}{{ kwargs }}{% endmacro %}", &[]),
            ("{{ raise_exception('x') }}{{ namespace() }}{{ range(3) }}{{ dict() }}{{ cycler(1) }}{{ joiner() }}", &[]),
            ("{{ strftime_now('%Y') if strftime_now is defined else '' }}", &[]),
            ("{% macro g(n) %}{% if n %}{{ g(n - 1) }}{% endif %}{% endmacro %}{{ g(2) }}", &[]),
            ("{% set f = g if x else none %}{{ f() }}", &[]),
            ("{% block b %}{{ super() }}{% endblock %}{{ self.b() }}", &[]),
            ("{% for m in messages %}{{ m.content }}{% endfor %}{% for tool in tools %}{{ tool }}{% endfor %}", &[]),
        ],
    );
}

#[test]
fn methods_are_those_of_data() {
    check(
        "CT005 CT006",
        &[
            ("{{ x.trim() }}", &["CT005"]),
            ("{{ x['trim']() }}", &["CT005"]),
            ("{{ x.split('a').strip() }}", &["CT005"]),
            ("{{ x.split('a')[0].strip() }}", &[]),
            ("{{ (x|length).items() }}", &["CT005"]),
            ("{{ 'abc'.upper() }}{{ [1].index(1) }}{{ {}.items() }}", &[]),
            (
                "{% set ns = namespace() %}{% macro m() %}{% endmacro %}{% set ns.go = m %}{{ ns.go() }}{{ ns.pop() }}",
                &[],
            ),
            ("{% block title %}{% endblock %}{{ self.title() }}", &[]),
            ("{% set _ = x.append(1) %}", &["CT006"]),
            ("{% set ns = namespace(l=[]) %}{% set _ = ns.l.append(1) %}", &["CT006"]),
            ("{% set d = {} %}{% set _ = d.update(a=1) %}", &["CT006"]),
            ("{{ 'x'.pop() }}", &["CT005"]),
            ("{{ x.update }}", &[]),
            ("{% for m in messages %}{{ loop.cycle('a', 'b') }}{{ loop.changed(m) }}{% endfor %}", &[]),
            ("{% set c = cycler('a') %}{{ c.next() }}", &[]),
            ("{{ x.encode() }}", &[]),
        ],
    );
}

#[test]
fn other_templates_cannot_be_loaded() {
    check(
        "CT007 CT201",
        &[
            ("{% include 'a' %}", &["CT007"]),
            ("{% if x %}{% import 'a' as a %}{% endif %}", &["CT007"]),
            ("{% from 'a' import b %}", &["CT007"]),
            ("{% extends 'a' %}", &["CT007"]),
        ],
    );
}

#[test]
fn escapes_of_json_are_told_from_those_of_strings() {
    check(
        "CT001 CT009",
        &[
            ("{% for m in messages %}{{ m.role + '\\n' + m.content }}{% endfor %}", &[]),
            ("{{ 'a\\\\nb' }}", &[]),
            ("{% raw %}\\n{% endraw %}", &[]),
            ("{# \\n #}", &[]),
            ("C:\\dir", &[]),
            ("{% if messages[0][\\\"role\\\"] %}{% endif %}", &["CT009"]),
            ("\"{% if a %}\\n{{ b }}\\n{% endif %}\"", &["CT009"]),
            ("a\\n{{ b }}\nc\\n", &["CT009"]),
            ("{{ a \\ b }}", &["CT001"]),
        ],
    );
}

#[test]
fn resolved_escapes_give_the_template_that_was_meant() {
    let fixed = |source: &str| {
        let subject = Subject::new(source, None, Supplied::default());
        fix_all(&subject, &settings("CT009"), Applicability::Unsafe).text
    };
    let meant = "{%- for m in messages %}\n    {{- \"<|\" + m.role + '|>\\n' }}\n{%- endfor %}\n";
    let quoted = serde_json::to_string(meant).expect("JSON");
    assert_eq!(fixed(quoted.trim_matches('"')), meant);
    assert_eq!(fixed(&quoted), meant);
    assert_eq!(fixed("a\\n\\n{{ \"b\" }}\nc"), "a{{ '\\n\\n' }}{{ \"b\" }}\nc");
}

#[test]
fn line_ends_are_mended_to_the_last() {
    for source in ["a\r\n{{ b }}\r\n", "a\r{{ b }}\r", "a\r\n", "\r\n\r\n", "a\nb\r\nc\n", "\r\n"] {
        let subject = Subject::new(source, None, Supplied::default());
        let fixed = fix_all(&subject, &settings("CT008"), Applicability::Safe).text;
        assert_eq!(fixed, source.replace("\r\n", "\n").replace('\r', "\n"), "{source:?}");
    }
    assert_eq!(codes("a\nb\n", "CT008"), Vec::<&str>::new());
}

#[test]
fn what_is_set_and_never_read_is_unused() {
    check(
        "CT010",
        &[
            ("{% set x = 1 %}", &["CT010"]),
            ("{% set x %}a{% endset %}", &["CT010"]),
            ("{% macro f() %}{{ f() }}{% endmacro %}", &[]),
            ("{% macro f() %}{% endmacro %}", &["CT010"]),
            ("{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{{ f() }}", &[]),
            ("{% set _ = 1 %}{% set x = raise_exception('no') %}", &[]),
            ("{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}", &["CT010"]),
            ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", &[]),
            ("{% for m in messages %}{% set x = m %}{% endfor %}{{ x }}", &[]),
            ("{% set ns = namespace(a=1, b=2) %}{{ ns.a }}", &["CT010"]),
            (
                "{% set ns = namespace(a=1) %}{% for m in messages %}{% set ns.b = m %}{% endfor %}{{ ns.a }}",
                &["CT010"],
            ),
            ("{% set ns = namespace(a=1) %}{{ ns }}", &[]),
            ("{% set ns = namespace(a=1) %}{{ ns['a'] }}", &[]),
            ("{% set ns = namespace(a=1) %}{{ ns[key] }}", &[]),
        ],
    );
}

#[test]
fn branches_are_unreachable_only_where_nothing_was_assigned_between() {
    check(
        "CT011",
        &[
            ("{% if a == 'x' %}1{% elif a == 'x' %}2{% endif %}", &["CT011"]),
            ("{% if a.b == 'x' %}1{% elif a['b'] == 'x' %}2{% endif %}", &["CT011"]),
            ("{% if a == 'x' %}{% if a == 'y' %}1{% endif %}{% endif %}", &["CT011"]),
            ("{% if a == 'x' %}{% set a = 'y' %}{% if a == 'y' %}1{% endif %}{% endif %}", &[]),
            ("{% if a == 'x' %}{% for a in l %}{% if a == 'y' %}1{% endif %}{% endfor %}{% endif %}", &[]),
            ("{% if a == 'x' or b %}1{% elif a == 'x' %}2{% endif %}", &["CT011"]),
            ("{% if a == 'x' and b %}1{% elif a == 'x' %}2{% endif %}", &[]),
            ("{% if a in ['x', 'y'] %}1{% elif a == 'y' %}2{% elif a == 'z' %}3{% endif %}", &["CT011"]),
            ("{% if a in ['x', 'y'] %}{% if a == 'z' %}1{% endif %}{% endif %}", &["CT011"]),
            ("{% if a == 'x' %}{% if a in ['y'] %}1{% endif %}{% endif %}", &["CT011"]),
            ("{% if a is string %}1{% elif a is not string %}2{% else %}3{% endif %}", &["CT011"]),
            ("{% if a is string %}1{% elif a is mapping %}2{% else %}3{% endif %}", &[]),
            ("{% for m in messages %}{% if loop.first %}{% for n in m %}{% if not loop.first %}1{% endif %}{% endfor %}{% endif %}{% endfor %}", &[]),
            ("{% for m in messages %}{% if m.a %}{% continue %}x{% endif %}{% break %}{% endfor %}", &["CT011"]),
            ("{% if a %}{{ raise_exception('x') }}\n {% endif %}", &[]),
            ("{% if a %}{{ raise_exception('x') }}{% set b = 1 %}{% endif %}{{ b }}", &["CT011"]),
            ("{% set c = cycler(true, false) %}{% if c.next() %}1{% elif c.next() %}2{% endif %}", &[]),
            (
                "{% set ns = namespace(a=1) %}{% macro f() %}{% set ns.a = 2 %}{% endmacro %}\
                 {% if ns.a == 1 %}{{ f() }}{% if ns.a == 2 %}1{% endif %}{% endif %}",
                &[],
            ),
            (
                "{% set ns = namespace(a=1) %}{% for m in messages %}{% if ns.a == 1 %}{% set ns.a = 2 %}\
                 {% elif ns.a == 2 %}{% if ns.a == 1 %}x{% endif %}{% endif %}{% endfor %}",
                &["CT011"],
            ),
            ("{% if true %}1{% else %}2{% endif %}", &[]),
            ("{% if a %}{% if a %}1{% else %}2{% endif %}{% endif %}", &["CT011"]),
            ("{% if not a %}{% if a %}1{% endif %}{% endif %}", &["CT011"]),
            ("{% macro f() %}{% if a %}1{% endif %}{% endmacro %}{% if not a %}{{ f() }}{% endif %}", &[]),
        ],
    );
}

#[test]
fn conditions_are_constant_only_where_no_conversation_decides() {
    check(
        "CT012",
        &[
            ("{% if m.role == 'user' or 'system' %}1{% endif %}", &["CT012"]),
            ("{% if m.role != 'user' or m.role != 'system' %}1{% endif %}", &["CT012"]),
            ("{% if m.role == 'user' and m.role == 'system' %}1{% endif %}", &["CT012"]),
            ("{% if m.role == 'user' or m.role == 'system' %}1{% endif %}", &[]),
            ("{% if m.role != 'user' and m.role != 'system' %}1{% endif %}", &[]),
            ("{% if a is defined or not a is defined %}1{% endif %}", &["CT012"]),
            ("{% if a is defined or a is not defined %}1{% endif %}", &["CT012"]),
            ("{% if true %}1{% endif %}", &["CT012"]),
            ("{{ 'a' if 1 == 1 else 'b' }}", &["CT012"]),
            ("{% for m in messages if m.role == m.role %}1{% endfor %}", &["CT012"]),
            ("{{ a or 'default' }}{% set b = a and true %}", &[]),
            ("{% if (a or '') == '' %}1{% endif %}", &[]),
            ("{% if a and true %}1{% endif %}", &[]),
            ("{% if next() == next() %}1{% endif %}", &[]),
        ],
    );
}

#[test]
fn inner_loops_hide_outer_variables() {
    check(
        "CT013",
        &[
            ("{% for a in x %}{% for a in a %}{% endfor %}{% endfor %}", &["CT013"]),
            ("{% for k, v in x %}{% for i, v in k %}{% endfor %}{% endfor %}", &["CT013"]),
            ("{% for a in x %}{% endfor %}{% for a in y %}{% endfor %}", &[]),
            ("{% for _ in x %}{% for _ in y %}{% endfor %}{% endfor %}", &[]),
            ("{% for a in x %}{% macro f(b) %}{% for a in b %}{% endfor %}{% endmacro %}{% endfor %}", &[]),
            ("{% for a in x %}{% else %}{% for a in y %}{% endfor %}{% endfor %}", &[]),
        ],
    );
}

#[test]
fn a_lost_set_is_kept_where_it_is_sure_what_was_meant() {
    let fixed = |source: &str| {
        let subject = Subject::new(source, None, Supplied::default());
        let once = fix_all(&subject, &settings("CT101"), Applicability::Unsafe);
        let again = Subject::new(once.text.clone(), None, Supplied::default());
        assert_eq!(fix_all(&again, &settings("CT101"), Applicability::Unsafe).applied, 0, "{source}");
        once.text
    };
    assert_eq!(
        fixed("{% set n = 0 %}{% for m in messages %}{% set n = n + 1 %}{% endfor %}{{ n }}{{ m.n }}"),
        "{% set n_kept = namespace(n=0) %}{% for m in messages %}{% set n_kept.n = n_kept.n + 1 %}{% endfor %}{{ n_kept.n }}{{ m.n }}"
    );
    assert_eq!(
        fixed("{% set s = s or '' %}{% for m in messages %}{% set s = m.content %}{% endfor %}{{ s }}"),
        "{% set s_kept = namespace(s=s or '') %}{% for m in messages %}{% set s_kept.s = m.content %}{% endfor %}{{ s_kept.s }}"
    );
    assert_eq!(
        fixed("{% set p = 0, 1 %}{% for m in messages %}{% set p = 1, 2 %}{% endfor %}{{ p }}"),
        "{% set p_kept = namespace(p=(0, 1)) %}{% for m in messages %}{% set p_kept.p = 1, 2 %}{% endfor %}{{ p_kept.p }}"
    );
    for unsure in [
        "{% if a %}{% set n = 0 %}{% endif %}{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}",
        "{% set n, k = 0, 1 %}{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}{{ k }}",
        "{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}",
        "{{ n }}{% set n = 0 %}{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}",
        "{% set n = 0 %}{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}{% for n in l %}{{ n }}{% endfor %}",
        "{% set n_kept = 0 %}{% set n = 0 %}{% for m in messages %}{% set n = 1 %}{% endfor %}{{ n }}{{ n_kept }}",
    ] {
        assert_eq!(fixed(unsure), unsure);
    }
}
