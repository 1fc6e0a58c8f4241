//! The query protocol: a form in, XML out. Neither knows a type: every scalar of a form is text.

use serde_json::{Map, Value};

/// A form's fields as one value: `Tags.member.1.Key=a` becomes `{"Tags": [{"Key": "a"}]}`.
pub fn from_form(body: &[u8]) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, text) in fields(body) {
        let mut at = &mut root;
        let parts: Vec<&str> = name.split('.').collect();
        let mut parts = parts.iter().peekable();
        while let Some(part) = parts.next() {
            let numbered = parts.peek().is_some_and(|next| next.parse::<usize>().is_ok());
            // An entry of a map has a key and a value, and a number among the entries.
            if *part == "entry" && numbered {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                at = &mut at["entry"];
            }
            // `member.N` is a place in a list, counted from 1 and sent in order.
            if ["member", "entry"].contains(part) && numbered {
                let index: usize = parts.next().and_then(|next| next.parse().ok()).unwrap_or(1);
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let Value::Array(items) = at else { break };
                let index = index.clamp(1, 10_000);
                while items.len() < index {
                    items.push(Value::Null);
                }
                at = &mut items[index - 1];
            } else {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                let Value::Object(map) = at else { break };
                at = map.entry(*part).or_insert(Value::Null);
            }
        }
        *at = Value::String(text);
    }
    root
}

/// The answer to `operation` as the XML that query clients read.
pub fn to_response(operation: &str, namespace: &str, value: &Value, request_id: &str) -> String {
    let mut out = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    write(&mut out, value);
    out.push_str(&format!(
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    out
}

/// An error as query clients read it.
pub fn to_error(namespace: &str, code: &str, message: &str, sender: bool, request_id: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        if sender { "Sender" } else { "Receiver" },
        escape(code),
        escape(message)
    )
}

/// The fields of a form or of a query string, decoded.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    body.split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let split = field.iter().position(|byte| *byte == b'=');
            let (name, text) = match split {
                Some(at) => (&field[..at], &field[at + 1..]),
                None => (field, &[][..]),
            };
            (decode(name, true), decode(text, true))
        })
        .collect()
}

/// Undoes percent encoding, and `+` for a space where `plus` says so.
pub fn decode(bytes: &[u8], plus: bool) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if plus && bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, member) in map.iter().filter(|(_, member)| !member.is_null()) {
                // The entries of a map follow each other, with nothing around them.
                if let (true, Value::Array(entries)) = (name == "entry", member) {
                    for entry in entries {
                        out.push_str("<entry>");
                        write(out, entry);
                        out.push_str("</entry>");
                    }
                    continue;
                }
                out.push_str(&format!("<{name}>"));
                write(out, member);
                out.push_str(&format!("</{name}>"));
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str("<member>");
                write(out, item);
                out.push_str("</member>");
            }
        }
        Value::String(text) => out.push_str(&escape(text)),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The root element of a document and what is in it: elements become members, those that are there more than
/// once lists, and attributes are left out. What follows a mistake is ignored.
pub fn from_xml(document: &str) -> (String, Value) {
    fn put(map: &mut Map<String, Value>, name: String, value: Value) {
        match map.get_mut(&name) {
            Some(Value::Array(items)) => items.push(value),
            Some(earlier) => *earlier = Value::Array(vec![earlier.take(), value]),
            None => drop(map.insert(name, value)),
        }
    }
    let mut open: Vec<(String, Map<String, Value>, String)> = vec![Default::default()];
    for part in document.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let name = tag.split([' ', '/']).next().unwrap_or_default().to_owned();
        match tag.chars().next() {
            Some('?' | '!') => {}
            Some('/') => {
                let Some((name, map, text)) = open.pop() else { break };
                let value = if map.is_empty() { Value::String(unescape(&text)) } else { Value::Object(map) };
                if let Some((_, parent, _)) = open.last_mut() {
                    put(parent, name, value);
                }
            }
            _ if tag.ends_with('/') => {
                if let Some((_, parent, _)) = open.last_mut() {
                    put(parent, name, Value::String(String::new()));
                }
            }
            _ => open.push((name, Map::new(), text.to_owned())),
        }
    }
    let root = open.into_iter().next().and_then(|(_, map, _)| map.into_iter().next());
    root.unwrap_or_else(|| (String::new(), Value::Object(Map::new())))
}

/// The elements of this name, one or many.
pub fn many<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value.get(name) {
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn unescape(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#34;", "\"");
    plain.replace("&apos;", "'").replace("&#39;", "'").replace("&amp;", "&")
}

/// Text made safe for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_becomes_a_value() {
        let form = b"Action=X&Tags.member.1.Key=a%20b&Tags.member.1.Value=1+2&Names.member.2=y&Names.member.1=x&Matcher.HttpCode=200";
        assert_eq!(
            from_form(form),
            json!({"Action": "X", "Tags": [{"Key": "a b", "Value": "1 2"}], "Names": ["x", "y"], "Matcher": {"HttpCode": "200"}})
        );
    }

    #[test]
    fn a_map_has_entries_both_ways() {
        let form = b"A.entry.1.key=Display&A.entry.1.value=page&A.entry.2.key=prompt&A.entry.2.value=x";
        let value = from_form(form);
        let entries = json!([{"key": "Display", "value": "page"}, {"key": "prompt", "value": "x"}]);
        assert_eq!(value, json!({"A": {"entry": entries}}));
        let xml = to_response("Do", "urn:x", &value, "r");
        let expected = "<A><entry><key>Display</key><value>page</value></entry><entry><key>prompt</key>";
        assert!(xml.contains(expected), "{xml}");
    }

    #[test]
    fn xml_becomes_a_value() {
        let xml =
            "<?xml version=\"1.0\"?>\n<A xmlns=\"urn:x\"><B>1 &amp; 2</B><C><D>x</D><D/></C><B>3</B></A>";
        let (root, value) = from_xml(xml);
        assert_eq!((root.as_str(), &value), ("A", &json!({"B": ["1 & 2", "3"], "C": {"D": ["x", ""]}})));
        assert_eq!((many(&value, "C").len(), many(&value, "B").len(), many(&value, "E").len()), (1, 2, 0));
        assert_eq!(from_xml("</x>not xml").1, json!({}));
    }

    #[test]
    fn a_value_becomes_xml() {
        let xml = to_response("Do", "urn:x", &json!({"A": ["<", "b"], "B": {"C": 1}, "D": null}), "r");
        assert_eq!(
            xml,
            "<DoResponse xmlns=\"urn:x\"><DoResult><A><member>&lt;</member><member>b</member></A><B><C>1</C></B></DoResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DoResponse>"
        );
    }
}
