//! One test for each kind of mistake: what is read, and what is said.

use super::*;

#[test]
fn trailing_commas_are_reported_and_left_out() {
    check(
        Format::Json,
        r#"{"a": [1, 2,],
 "b": {"c": 1,},
}"#,
        expect![[r#"
            {"a":[1,2],"b":{"c":1}}
            error[trailing-comma]: no comma must follow the last one
             --> doc.json:1:12
              |
            1 | {"a": [1, 2,],
              |            ^
              = help: remove this comma

            error[trailing-comma]: no comma must follow the last one
             --> doc.json:2:14
              |
            2 |  "b": {"c": 1,},
              |              ^
              = help: remove this comma

            error[trailing-comma]: no comma must follow the last one
             --> doc.json:2:16
              |
            2 |  "b": {"c": 1,},
              |                ^
              = help: remove this comma

            3 errors
        "#]],
    );
}

#[test]
fn commas_too_many() {
    check(
        Format::Json,
        "[,1,,2]",
        expect![[r#"
        [1,2]
        error[extra-comma]: there is a comma too many here
         --> doc.json:1:2
          |
        1 | [,1,,2]
          |  ^
          = help: remove it

        error[extra-comma]: there is a comma too many here
         --> doc.json:1:5
          |
        1 | [,1,,2]
          |     ^
          = help: remove it

        2 errors
    "#]],
    );
}

#[test]
fn comments_are_skipped() {
    check(
        Format::Json,
        r#"{
  // the image
  "image": "x", # moved
  "cpu": /* was 256 */ 512
}"#,
        expect![[r#"
            {"cpu":512,"image":"x"}
            error[comment]: JSON knows no comments
             --> doc.json:2:3
              |
            2 |   // the image
              |   ^^^^^^^^^^^^
              = help: remove it, or write the document in YAML

            error[comment]: JSON knows no comments
             --> doc.json:3:17
              |
            3 |   "image": "x", # moved
              |                 ^^^^^^^
              = help: remove it, or write the document in YAML

            error[comment]: JSON knows no comments
             --> doc.json:4:10
              |
            4 |   "cpu": /* was 256 */ 512
              |          ^^^^^^^^^^^^^
              = help: remove it, or write the document in YAML

            3 errors
        "#]],
    );
}

#[test]
fn single_quotes_and_bare_words() {
    check(
        Format::Json,
        r#"{'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}"#,
        expect![[r#"
            {"a":"it's","b":"FARGATE","c":true,"d":null,"e":null,"f":null}
            error[single-quotes]: JSON wants double quotes
             --> doc.json:1:2
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |  ^^^
              = help: write `"` instead of `'`

            error[single-quotes]: JSON wants double quotes
             --> doc.json:1:7
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |       ^^^^^^^
              = help: write `"` instead of `'`

            error[unquoted-key]: a key must stand in double quotes
             --> doc.json:1:16
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                ^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:19
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                   ^^^^^^^

            error[invalid-word]: this is not JSON's word for it
             --> doc.json:1:33
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                                 ^^^^
              = help: write `true`

            error[invalid-word]: this is not JSON's word for it
             --> doc.json:1:44
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                                            ^^^^
              = help: write `null`, or leave the member out

            error[not-a-number]: JSON has no such number
             --> doc.json:1:55
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                                                       ^^^

            error[not-a-number]: JSON has no such number
             --> doc.json:1:65
              |
            1 | {'a': 'it\'s', b: FARGATE, "c": True, "d": None, "e": NaN, "f": -Infinity}
              |                                                                 ^^^^^^^^^

            8 errors
        "#]],
    );
}

#[test]
fn a_missing_comma() {
    check(
        Format::Json,
        r#"{
  "a": 1
  "b": ["x" "y"],
  "c": {} "d": 2
}"#,
        expect![[r#"
            {"a":1,"b":["x","y"],"c":{},"d":2}
            error[missing-comma]: a comma is missing behind this value
             --> doc.json:2:9
              |
            2 |   "a": 1
              |         ^

            error[missing-comma]: a comma is missing behind this value
             --> doc.json:3:12
              |
            3 |   "b": ["x" "y"],
              |            ^

            error[missing-comma]: a comma is missing behind this value
             --> doc.json:4:10
              |
            4 |   "c": {} "d": 2
              |          ^

            3 errors
        "#]],
    );
}

#[test]
fn a_missing_colon_or_value() {
    check(
        Format::Json,
        r#"{"a" 1, "b" = 2, "c": , "d"}"#,
        expect![[r#"
            refused
            error[missing-colon]: a colon is missing before this
             --> doc.json:1:6
              |
            1 | {"a" 1, "b" = 2, "c": , "d"}
              |      ^

            error[missing-colon]: a key is followed by a colon
             --> doc.json:1:13
              |
            1 | {"a" 1, "b" = 2, "c": , "d"}
              |             ^
              = help: write `:` here

            error[missing-value]: a value is missing here
             --> doc.json:1:23
              |
            1 | {"a" 1, "b" = 2, "c": , "d"}
              |                       ^

            error[missing-value]: a value is missing here
             --> doc.json:1:28
              |
            1 | {"a" 1, "b" = 2, "c": , "d"}
              |                            ^

            4 errors
        "#]],
    );
}

#[test]
fn numbers_that_are_none() {
    check(
        Format::Json,
        "[012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]",
        expect![[r#"
            [12,1,0.5,1.0,"1e","0x10","1_000","2026-11-21","10.0.0.1",1.7976931348623157e308,"-","5m"]
            error[leading-zero]: a number must not begin with a zero
             --> doc.json:1:2
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |  ^^^
              = help: remove the zeros, or put it in quotes if it is no number, as an account is not

            error[invalid-number]: this is not how JSON writes a number
             --> doc.json:1:7
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |       ^^
              = help: a number begins with a digit or `-` and has digits on both sides of its point

            error[invalid-number]: this is not how JSON writes a number
             --> doc.json:1:11
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |           ^^
              = help: a number begins with a digit or `-` and has digits on both sides of its point

            error[invalid-number]: this is not how JSON writes a number
             --> doc.json:1:15
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |               ^^
              = help: a number begins with a digit or `-` and has digits on both sides of its point

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:19
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                   ^^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:23
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                       ^^^^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:29
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                             ^^^^^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:36
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                                    ^^^^^^^^^^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:48
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                                                ^^^^^^^^

            error[number-range]: this number is too large
             --> doc.json:1:58
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                                                          ^^^^^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:65
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                                                                 ^

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:1:68
              |
            1 | [012, +1, .5, 1., 1e, 0x10, 1_000, 2026-11-21, 10.0.0.1, 1e999, -, 5m]
              |                                                                    ^^

            12 errors
        "#]],
    );
}

#[test]
fn control_characters_and_escapes() {
    check(
        Format::Json,
        "{\"a\": \"x\u{9}y\\q\\ud800z\", \"b\": \"one\ntwo\", \"c\": \"\\ud83d\\ude00\\u00e9\"}",
        expect![[r#"
            {"a":"x\ty\\q�z","b":"one\ntwo","c":"😀é"}
            error[control-character]: a tab must not stand in a string as it is
             --> doc.json:1:9
              |
            1 | {"a": "x    y\q\ud800z", "b": "one
              |         ^^^^
              = help: write `\t`

            error[invalid-escape]: this is no escape that JSON knows
             --> doc.json:1:11
              |
            1 | {"a": "x    y\q\ud800z", "b": "one
              |              ^^
              = help: a backslash itself is written `\\`

            error[lone-surrogate]: this is half a character: one of two surrogates is missing
             --> doc.json:1:13
              |
            1 | {"a": "x    y\q\ud800z", "b": "one
              |                ^^^^^^
              = help: write the character itself

            error[control-character]: a string must not go on over the end of a line
             --> doc.json:1:32
              |
            1 | {"a": "x    y\q\ud800z", "b": "one
              |                                   ^
              = help: write `\n` for a line break

            4 errors
        "#]],
    );
}

#[test]
fn an_unterminated_string() {
    check(
        Format::Json,
        r#"{
  "a": "x,
  "b": 1
}"#,
        expect![[r#"
            refused
            error[unterminated-string]: this string is not closed on its line
             --> doc.json:2:8
              |
            2 |   "a": "x,
              |        ^^^
              = help: put a double quote behind it

            1 error
        "#]],
    );
}

#[test]
fn a_text_that_ends_early() {
    check(
        Format::Json,
        r#"{
  "services": {
    "api": {
      "cpu": [1, 2"#,
        expect![[r#"
            refused
            error[unclosed]: the text ends inside the list that begins on line 4
             --> doc.json:4:14
              |
            4 |       "cpu": [1, 2
              |              ^
              = help: a `]` is missing

            1 error
        "#]],
    );
}

#[test]
fn brackets_that_do_not_match() {
    check(
        Format::Json,
        r#"{
  "a": [1, 2},
  "b": {"c": 1]
}"#,
        expect![[r#"
            refused
            error[mismatched-bracket]: this bracket does not close the list that begins on line 2
             --> doc.json:2:13
              |
            2 |   "a": [1, 2},
              |             ^
              = help: write `]`

            error[mismatched-bracket]: this bracket does not close the object that begins on line 3
             --> doc.json:3:15
              |
            3 |   "b": {"c": …]
              |               ^
              = help: write `}`

            2 errors
        "#]],
    );
}

#[test]
fn more_than_one_document() {
    check(
        Format::Json,
        r#"{"a": 1}
{"b": 2}
"#,
        expect![[r#"
            refused
            error[trailing-content]: a second document begins here
             --> doc.json:2:1
              |
            2 | {"b": …}
              | ^
              = help: write one document in each file

            1 error
        "#]],
    );
}

#[test]
fn a_bracket_too_many() {
    check(
        Format::Json,
        r#"{"a": 1}}"#,
        expect![[r#"
        refused
        error[trailing-content]: this bracket closes nothing
         --> doc.json:1:9
          |
        1 | {"a": …}}
          |         ^
          = help: remove it, or look for one too many before it

        1 error
    "#]],
    );
}

#[test]
fn an_empty_text() {
    check(
        Format::Json,
        " \n",
        expect![[r#"
        refused
        error[empty-document]: the text is empty
         --> doc.json:2:1
          |
        2 | 
          | ^
          = help: an empty document is written `{}`

        1 error
    "#]],
    );
}

#[test]
fn templates_are_named_as_such() {
    check(
        Format::Json,
        r#"{
  "containerPort": ${PORT},
  "count": {{ COUNT }},
  "image": <IMAGE1_NAME>,
  "command": [
    {{command}}
  ],
  $$$$START$$$$
  "list": [{{#each xs}} 1, 2 {{/each}}],
  "tag": "r:{{ printf "%.8s" .Env.C }}",
  "last": true
}"#,
        expect![[r#"
            {"command":["{{command}}"],"containerPort":"${PORT}","count":"{{ COUNT }}","image":"<IMAGE1_NAME>","last":true,"list":["{{#each xs}}",1,2,"{{/each}}"],"tag":"r:{{ printf "}
            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:2:20
               |
             2 |   "containerPort": ${PORT},
               |                    ^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:3:12
               |
             3 |   "count": {{ COUNT }},
               |            ^^^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:4:12
               |
             4 |   "image": <IMAGE1_NAME>,
               |            ^^^^^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:6:5
               |
             6 |     {{command}}
               |     ^^^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:8:3
               |
             8 |   $$$$START$$$$
               |   ^^^^^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:9:12
               |
             9 |   "list": [{{#each xs}} 1, 2 {{/each}}],
               |            ^^^^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:9:30
               |
             9 |   "list": [{{#each xs}} 1, 2 {{/each}}],
               |                              ^^^^^^^^^

            error[unrendered-template]: this looks like an unrendered template; render it first
              --> doc.json:10:13
               |
            10 |   "tag": "r:{{ printf "%.8s" .Env.C }}",
               |             ^^^^^^^^^^^^^^^^^^^^^^^^^^

            8 errors
        "#]],
    );
}

#[test]
fn a_key_written_twice() {
    check(
        Format::Json,
        r#"{
  "b": 1,
  "a": {"x": 1, "y": 2, "x": 3, "x": 4},
  "b": 2
}"#,
        expect![[r#"
            {"a":{"x":4,"y":2},"b":2}
            error[duplicate-key]: `x` is written twice; the last one would silently win
             --> doc.json:3:25
              |
            3 |   "a": {"x": 1, "y": 2, "x": 3, "x": 4},
              |                         ^^^
              = help: the first one is on line 3; remove one of them

            error[duplicate-key]: `x` is written twice; the last one would silently win
             --> doc.json:3:33
              |
            3 |   "a": {"x": 1, "y": 2, "x": 3, "x": 4},
              |                                 ^^^
              = help: the first one is on line 3; remove one of them

            error[duplicate-key]: `b` is written twice; the last one would silently win
             --> doc.json:4:3
              |
            4 |   "b": 2
              |   ^^^
              = help: the first one is on line 2; remove one of them

            3 errors
        "#]],
    );
}

#[test]
fn what_may_be_secret_is_not_shown() {
    check(
        Format::Json,
        r#"{"containerDefinitions": [{
  "environment": [
    {"name": "TOKEN", "value": "hunter2",},
    {"name": "PIN", "value": hunter2 hunter3},
    {"name": "PIN" "value": 01234},
    {"name": "K", "value": "hunter2}
  ], "cpu": 1 "dockerLabels": {"hunter2": "hunter2",},
  "dockerLabels": {"key": "hunter2", "key": "hunter2"}
}]}"#,
        expect![[r#"
            refused
            error[trailing-comma]: no comma must follow the last one
             --> doc.json:3:41
              |
            3 |     {"name": …, "value": …,},
              |                           ^
              = help: remove this comma

            error[unquoted-string]: this text must stand in double quotes
             --> doc.json:4:30
              |
            4 |     {"name": …, "value": …},
              |                          ^

            error[missing-comma]: a comma is missing behind this value
             --> doc.json:5:19
              |
            5 |     {"name": … …: …},
              |               ^

            error[leading-zero]: a number must not begin with a zero
             --> doc.json:5:29
              |
            5 |     {"name": … …: …},
              |                   ^
              = help: remove the zeros, or put it in quotes if it is no number, as an account is not

            error[unterminated-string]: this string is not closed on its line
             --> doc.json:6:28
              |
            6 |     {"name": …, "value": …
              |                          ^
              = help: put a double quote behind it

            error[mismatched-bracket]: this bracket does not close the object that begins on line 6
             --> doc.json:7:3
              |
            7 |   ], "cpu": …,},
              |   ^
              = help: write `}`

            error[unexpected-text]: a comma or a closing bracket must follow the value
             --> doc.json:7:11
              |
            7 |   ], "cpu": …,},
              |           ^

            error[unexpected-text]: a comma or a closing bracket must follow the value
             --> doc.json:8:17
              |
            8 |   "dockerLabels": {"key": …, "key": …}
              |                 ^

            error[mismatched-bracket]: this bracket does not close the list that begins on line 2
             --> doc.json:9:1
              |
            9 | }]}
              | ^
              = help: write `]`

            error[mismatched-bracket]: this bracket does not close the object that begins on line 1
             --> doc.json:9:2
              |
            9 | }]}
              |  ^
              = help: write `}`

            error[mismatched-bracket]: this bracket does not close the list that begins on line 1
             --> doc.json:9:3
              |
            9 | }]}
              |   ^
              = help: write `]`

            11 errors
        "#]],
    );
}

#[test]
fn double_quotes_inside_a_string() {
    check(
        Format::Json,
        r#"{"command": ["echo "hi" there", "x"], "a": 1,}"#,
        expect![[r#"
            refused
            error[unexpected-text]: a comma or a closing bracket must follow the value
             --> doc.json:1:21
              |
            1 | {"command": ["echo "hi" there", "x"], "a": 1,}
              |                     ^
              = help: a double quote inside a string is written `\"`

            error[trailing-comma]: no comma must follow the last one
             --> doc.json:1:45
              |
            1 | {"command": [……, …], "a": …,}
              |                            ^
              = help: remove this comma

            2 errors
        "#]],
    );
}

#[test]
fn invisible_and_typographic_characters() {
    check(
        Format::Json,
        "{\"a\":\u{a0}1, \u{201c}b\u{201d}: 2}",
        expect![[r#"
            {"a":1,"b":2}
            error[stray-character]: the invisible character U+00A0 must not stand here
             --> doc.json:1:6
              |
            1 | {"a": 1, “b”: 2}
              |      ^
              = help: remove it

            error[unquoted-key]: a key must stand in double quotes
             --> doc.json:1:10
              |
            1 | {"a": 1, “b”: 2}
              |          ^^^
              = help: these are typographic quotes; write `"`

            2 errors
        "#]],
    );
}

#[test]
fn wide_characters_and_tabs_keep_the_caret_in_place() {
    check(
        Format::Json,
        "{\n\u{9}\"\u{540d}\u{524d}\": \"\u{503c}\", \"\u{e9}\": 01\n}",
        expect![[r#"
            {"é":1,"名前":"值"}
            error[leading-zero]: a number must not begin with a zero
             --> doc.json:2:18
              |
            2 |     "名前": "值", "é": 01
              |                        ^^
              = help: remove the zeros, or put it in quotes if it is no number, as an account is not

            1 error
        "#]],
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    check(
        Format::Json,
        "{\"a\u{1b}[31m\": 1,\u{d}\n \"a\u{1b}[31m\": 2}",
        expect![[r#"
            {"a\u001b[31m":2}
            note[crlf]: lines end with CR LF, as on Windows; they are read as if they ended with LF
             --> doc.json

            error[control-character]: the control character U+001B must not stand in a string as it is
             --> doc.json:1:4
              |
            1 | {"a␛[31m": 1,
              |    ^
              = help: write `\u001b`

            error[duplicate-key]: `a␛[31m` is written twice; the last one would silently win
             --> doc.json:2:2
              |
            2 |  "a␛[31m": 2}
              |  ^^^^^^^^
              = help: the first one is on line 1; remove one of them

            error[control-character]: the control character U+001B must not stand in a string as it is
             --> doc.json:2:4
              |
            2 |  "a␛[31m": 2}
              |    ^
              = help: write `\u001b`

            3 errors, 1 note
        "#]],
    );
}

#[test]
fn a_byte_order_mark_is_noted() {
    check(
        Format::Json,
        "\u{feff}{\"a\": 1,}",
        expect![[r#"
            {"a":1}
            note[byte-order-mark]: the text begins with a byte order mark, which is skipped
             --> doc.json

            error[trailing-comma]: no comma must follow the last one
             --> doc.json:1:8
              |
            1 | {"a": 1,}
              |        ^
              = help: remove this comma

            1 error, 1 note
        "#]],
    );
}
