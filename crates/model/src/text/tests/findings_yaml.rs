//! What is found in YAML, as it is shown.

use super::*;

#[test]
fn a_yaml_key_written_twice() {
    check(
        Format::Yaml,
        "a: 1\nb:\n  c: 1\n  \"c\": 2\na: 3\n",
        expect![[r#"
        {"a":3,"b":{"c":2}}
        error[duplicate-key]: `c` is written twice; the last one would silently win
         --> doc.yaml:4:3
          |
        4 |   "c": 2
          |   ^^^
          = help: the first one is on line 3; remove one of them

        error[duplicate-key]: `a` is written twice; the last one would silently win
         --> doc.yaml:5:1
          |
        5 | a: 3
          | ^
          = help: the first one is on line 1; remove one of them

        2 errors
    "#]],
    );
}

#[test]
fn words_of_yaml_1_1_are_text_and_noted() {
    check(
        Format::Yaml,
        "heal: on\nx: [Yes, 'no', off]\n",
        expect![[r#"
            {"heal":"on","x":["Yes","no","off"]}
            note[yaml-word]: this is text in YAML 1.2, not a boolean
             --> doc.yaml:1:7
              |
            1 | heal: on
              |       ^^
              = help: put it in quotes if text is meant, or else write `true` or `false`

            note[yaml-word]: this is text in YAML 1.2, not a boolean
             --> doc.yaml:2:5
              |
            2 | x: [Yes, 'no', off]
              |     ^^^
              = help: put it in quotes if text is meant, or else write `true` or `false`

            note[yaml-word]: this is text in YAML 1.2, not a boolean
             --> doc.yaml:2:16
              |
            2 | x: [Yes, 'no', off]
              |                ^^^
              = help: put it in quotes if text is meant, or else write `true` or `false`

            3 notes
        "#]],
    );
}

#[test]
fn leading_zeros_in_yaml_are_lost_with_a_warning() {
    check(
        Format::Yaml,
        "account: 012345678901\nport: 0o17\ntext: '010'\n",
        expect![[r#"
        {"account":12345678901,"port":15,"text":"010"}
        warning[leading-zero]: this is read as a decimal number, without its leading zeros
         --> doc.yaml:1:10
          |
        1 | account: 012345678901
          |          ^^^^^^^^^^^^
          = help: put it in quotes if it is no number, as an account is not

        1 warning
    "#]],
    );
}

#[test]
fn keys_of_any_scalar_are_text() {
    check(
        Format::Yaml,
        "8000: a\nnull: b\n1.5: c\ntrue: d\n",
        expect![[r#"
        {"1.5":"c","8000":"a","null":"b","true":"d"}
    "#]],
    );
}

#[test]
fn a_key_that_is_no_text() {
    check(
        Format::Yaml,
        "? [a, b]\n: 1\nc: 2\n",
        expect![[r#"
        refused
        error[complex-key]: a key must be text, not a list or an object
         --> doc.yaml:1:3
          |
        1 | …, …]
          |  ^

        1 error
    "#]],
    );
}

#[test]
fn anchors_aliases_and_merge_keys() {
    check(
        Format::Yaml,
        "base: &b {cpu: 1, memory: 2}\nname: &n api\nx:\n  <<: *b\n  memory: 3\n  n: *n\n  *n : 5\nlist:\n  - *b\n  - <<: [*b, {cpu: 9, disk: 4}]\n    z: 1\n",
        expect![[r#"
            {"base":{"cpu":1,"memory":2},"list":[{"cpu":1,"memory":2},{"cpu":1,"disk":4,"memory":2,"z":1}],"name":"api","x":{"api":5,"cpu":1,"memory":3,"n":"api"}}
        "#]],
    );
}

#[test]
fn a_merge_key_that_holds_no_map() {
    check(
        Format::Yaml,
        "a:\n  <<: 1\n  b: 2\n",
        expect![[r#"
        {"a":{"b":2}}
        error[merge-key]: a merge key takes a map or a list of maps
         --> doc.yaml:2:3
          |
        2 |   <<: 1
          |   ^^

        1 error
    "#]],
    );
}

#[test]
fn an_alias_of_nothing() {
    check(
        Format::Yaml,
        "a: *b\n",
        expect![[r#"
        refused
        error[yaml-syntax]: this alias stands for nothing: no anchor of that name stands before it
         --> doc.yaml:1:4
          |
        1 | a: *b
          |    ^^

        1 error
    "#]],
    );
}

#[test]
fn an_alias_inside_its_own_value() {
    check(
        Format::Yaml,
        "a: &a\n  b: *a\n",
        expect![[r#"
        refused
        error[recursive-alias]: this alias stands inside what it stands for
         --> doc.yaml:2:6
          |
        2 |   b: *a
          |      ^^
          = help: write the value out

        1 error
    "#]],
    );
}

#[test]
fn tags_are_refused() {
    check(
        Format::Yaml,
        "a: !Ref x\nb: !!str 8000\nc: !!int '8'\nd: !Sub [x]\ne: ! f\n",
        expect![[r#"
        {"a":"x","b":"8000","c":8,"d":["x"],"e":"f"}
        error[unknown-tag]: a tag stands before this value, and tags mean nothing here
         --> doc.yaml:1:4
          |
        1 | a: !Ref x
          |    ^
          = help: write the value itself

        error[unknown-tag]: a tag stands before this value, and tags mean nothing here
         --> doc.yaml:4:4
          |
        4 | d: !Sub [x]
          |    ^
          = help: write the value itself

        2 errors
    "#]],
    );
}

#[test]
fn more_than_one_yaml_document() {
    check(
        Format::Yaml,
        "a: 1\n---\nb: 2\n",
        expect![[r#"
        refused
        error[several-documents]: a second document begins here
         --> doc.yaml:2:1
          |
        2 | ---
          | ^^^
          = help: write one document in each file

        1 error
    "#]],
    );
}

#[test]
fn an_empty_yaml_text() {
    check(
        Format::Yaml,
        "# nothing\n",
        expect![[r#"
        refused
        error[empty-document]: the text is empty
         --> doc.yaml:2:1
          |
        2 | 
          | ^
          = help: an empty document is written `{}`

        1 error
    "#]],
    );
}

#[test]
fn a_tab_that_indents() {
    check(
        Format::Yaml,
        "a:\n\tb: 1\n",
        expect![[r#"
        refused
        error[yaml-syntax]: a tab must not indent YAML
         --> doc.yaml:2:2
          |
        2 |     b: …
          |     ^
          = help: indent with spaces

        1 error
    "#]],
    );
}

#[test]
fn templates_in_yaml() {
    check(
        Format::Yaml,
        "image: {{ IMAGE }}\nports: {{ PORTS }}\ncpu: ${CPU}\n",
        expect![[r#"
        refused
        error[unrendered-template]: this looks like an unrendered template; render it first
         --> doc.yaml:1:8
          |
        1 | image: {{ IMAGE }}
          |        ^^^^^^^^^^^

        error[unrendered-template]: this looks like an unrendered template; render it first
         --> doc.yaml:2:8
          |
        2 | ports: {{ PORTS }}
          |        ^^^^^^^^^^^

        2 errors
    "#]],
    );
}

#[test]
fn a_template_statement_in_yaml() {
    check(
        Format::Yaml,
        "a: 1\n{% if x %}\nb: 2\n{% endif %}\n",
        expect![[r#"
        refused
        error[unrendered-template]: this looks like an unrendered template; render it first
         --> doc.yaml:2:1
          |
        2 | {% if x %}
          | ^^^^^^^^^^

        1 error
    "#]],
    );
}

#[test]
fn wrong_indentation_in_yaml() {
    check(
        Format::Yaml,
        "a:\n  b: 1\n c: 2\n",
        expect![[r#"
        refused
        error[yaml-syntax]: this does not belong to what stands before it
         --> doc.yaml:3:2
          |
        3 |  c: …
          |  ^
          = help: indent it like the lines around it

        1 error
    "#]],
    );
}

#[test]
fn a_colon_in_a_plain_value() {
    check(
        Format::Yaml,
        "image: repo: tag\n",
        expect![[r#"
            refused
            error[yaml-syntax]: a `:` must not stand in the middle of a plain value
             --> doc.yaml:1:12
              |
            1 | image: …
              |         ^
              = help: put the value in quotes

            1 error
        "#]],
    );
}

#[test]
fn an_unclosed_quote_in_yaml() {
    check(
        Format::Yaml,
        "a: \"x\nb: 1\n",
        expect![[r#"
            refused
            error[yaml-syntax]: this quoted value is not closed, or goes on in lines that are not indented
             --> doc.yaml:1:4
              |
            1 | a: "x
              |    ^^
              = help: put the closing quote behind it

            1 error
        "#]],
    );
}

#[test]
fn numbers_that_aws_cannot_take() {
    check(
        Format::Yaml,
        "a: .inf\nb: .nan\n",
        expect![[r#"
        {"a":".inf","b":".nan"}
        error[not-a-number]: AWS takes no such number
         --> doc.yaml:1:4
          |
        1 | a: .inf
          |    ^^^^
          = help: put it in quotes if it is text

        error[not-a-number]: AWS takes no such number
         --> doc.yaml:2:4
          |
        2 | b: .nan
          |    ^^^^
          = help: put it in quotes if it is text

        2 errors
    "#]],
    );
}

#[test]
fn secrets_in_yaml_are_not_shown() {
    check(
        Format::Yaml,
        "environment:\n  - name: A\n    value: yes\n    value: hunter2\n  - name: B\n    value: !x hunter2 hunter3\n  - {name: C, value: 0123, value: hunter2}\n",
        expect![[r#"
            {"environment":[{"name":"A","value":"hunter2"},{"name":"B","value":"hunter2 hunter3"},{"name":"C","value":"hunter2"}]}
            note[yaml-word]: this is text in YAML 1.2, not a boolean
             --> doc.yaml:3:12
              |
            3 |     value: …
              |            ^
              = help: put it in quotes if text is meant, or else write `true` or `false`

            error[duplicate-key]: `value` is written twice; the last one would silently win
             --> doc.yaml:4:5
              |
            4 |     value: …
              |     ^^^^^
              = help: the first one is on line 3; remove one of them

            error[unknown-tag]: a tag stands before this value, and tags mean nothing here
             --> doc.yaml:6:12
              |
            6 |     value: …
              |            ^
              = help: write the value itself

            warning[leading-zero]: this is read as a decimal number, without its leading zeros
             --> doc.yaml:7:22
              |
            7 |   - {name: …, value: …, value: …}
              |                      ^
              = help: put it in quotes if it is no number, as an account is not

            error[duplicate-key]: `value` is written twice; the last one would silently win
             --> doc.yaml:7:28
              |
            7 |   - {name: …, value: …, value: …}
              |                         ^^^^^
              = help: the first one is on line 7; remove one of them

            3 errors, 1 warning, 1 note
        "#]],
    );
}
