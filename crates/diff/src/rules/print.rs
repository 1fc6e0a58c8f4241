//! Prints the tables for people.

use std::fmt::Write;

use super::{Change, Const, Kind, Rule, attributes, change};

fn constant(constant: Const) -> String {
    match constant {
        Const::Bool(b) => b.to_string(),
        Const::Int(n) => n.to_string(),
        Const::Str("") => "`\"\"`".to_owned(),
        Const::Str(s) => format!("`{s}`"),
    }
}

fn rule(rule: Rule) -> String {
    match rule {
        Rule::Default(c) => format!("absent is {}", constant(c)),
        Rule::Derived(_, words) => format!("absent is {words}"),
        Rule::Set([]) => "a set".to_owned(),
        Rule::Set(keys) => format!("a set by `{}`", keys.join("`, `")),
        Rule::Elsewhere => "not compared here".to_owned(),
        Rule::FreeWhenUndeclared => "compared only where declared".to_owned(),
        Rule::FreeWhen(_, words) => format!("not compared {words}"),
        Rule::Same(sameness) => sameness.words().to_owned(),
        Rule::EmptyIsAbsent => "`\"\"` is absent".to_owned(),
        Rule::Presence => "there or not is a difference of its own".to_owned(),
    }
}

/// Cells of a table must not end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page of rules, in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Rules of comparison\n\n\
         Printed from the tables of `crates/diff`; `cargo xtask tidy` writes it anew.\n\n\
         What is known of each field beyond its type. Paths go from the input of the call that creates the\n\
         resource; `*` is any element. Everywhere null, `[]` and `{}` are absent, an empty element of a list is\n\
         no element, a switch that is absent is off, and `\"\"` is absent where a field has a list of values.\n\
         Lists without a row keep their order. A field that no table knows is compared where the document\n\
         declares it, and never where only AWS sends it.\n\n\
         Sources: `L` recorded live values, `D` AWS's documentation, `B` the published service models, else\n\
         the issue of a project that met it. Where `L` and `D` disagree, `L` stands.\n",
    );
    for kind in Kind::ALL {
        let _ = write!(
            out,
            "\n## {}\n\n| Field | Rule | A change is | Source |\n|---|---|---|---|\n",
            kind.words()
        );
        for row in kind.rows() {
            let how = match row.rule {
                Rule::Elsewhere => Change::Name,
                _ => change(kind, row.path.split('/')),
            };
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                row.path,
                cell(&rule(row.rule)),
                how.words(),
                cell(row.source)
            );
        }
        let _ = write!(out, "\n| Member | A change is | Taken away by | Source |\n|---|---|---|---|\n");
        for field in kind.fields() {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                field.path,
                field.change.words(),
                cell(&field.clearing.words()),
                cell(field.source)
            );
        }
    }
    out.push_str(
        "\n## Attributes\n\nTarget groups behind network load balancers also have \
         `preserve_client_ip.enabled` (true; false for TCP and TLS\nto `ip` targets) and \
         `deregistration_delay.connection_termination.enabled` (false for TCP and TLS, else true).\n\
         Listeners of application load balancers have `routing.http.response.server.enabled` (true); their other\n\
         `routing.http.` attributes are empty. All from recorded live values; a change is in place.\n",
    );
    for (title, table) in attributes::tables() {
        let _ = write!(out, "\n{title}:\n\n| Attribute | Absent is |\n|---|---|\n");
        for (name, value) in table {
            let _ = writeln!(out, "| `{name}` | {} |", constant(Const::Str(value)));
        }
    }
    out
}
