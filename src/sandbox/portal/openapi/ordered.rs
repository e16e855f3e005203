//! Mappings and values of a YAML document in the order in which they stand there: what a person ordered for readers
//! must not come out sorted by a machine.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write as _};
use std::marker::PhantomData;

/// A mapping in its order.
#[derive(Clone, Debug)]
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

/// Any value: an example.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sandbox::portal) enum Value {
    /// `null`
    Null,
    /// `true`
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A mapping.
    Map(Vec<(String, Self)>),
}

impl<T> Ordered<T> {
    /// The value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(held, _)| held == name).map(|(_, value)| value)
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Value {
    /// As JSON that a person reads.
    pub(in crate::sandbox::portal) fn json(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    /// As it is typed into a form: text without quotes.
    pub(in crate::sandbox::portal) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => {
                self.json()
            }
        }
    }

    fn write(&self, text: &mut String, depth: usize) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => write!(text, "{value}").expect("writing to a String does not fail"),
            Self::Integer(value) => write!(text, "{value}").expect("writing to a String does not fail"),
            Self::Float(value) => write!(text, "{value}").expect("writing to a String does not fail"),
            Self::Text(value) => quote(text, value),
            Self::List(items) => {
                enclose(text, ('[', ']'), depth, items, |text, item| item.write(text, depth + 1));
            }
            Self::Map(pairs) => enclose(text, ('{', '}'), depth, pairs, |text, (name, value)| {
                quote(text, name);
                text.push_str(": ");
                value.write(text, depth + 1);
            }),
        }
    }
}

fn quote(text: &mut String, value: &str) {
    text.push_str(&serde_json::Value::from(value).to_string());
}

/// Items between brackets, a line each.
fn enclose<T>(
    text: &mut String,
    (open, close): (char, char),
    depth: usize,
    items: &[T],
    item: impl Fn(&mut String, &T),
) {
    text.push(open);
    for (place, one) in items.iter().enumerate() {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        item(text, one);
    }
    if !items.is_empty() {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(close);
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                i64::try_from(value).map(Value::Integer).map_err(E::custom)
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Value::Map(pairs))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_keeps_its_order_and_is_json() {
        let value: Value =
            serde_saphyr::from_str("{Data: {B: '1.50', A: [1, true, null, 2.5]}, Risk: {}, Text: \"a\\\"\\n\"}")
                .unwrap();
        let json = value.json();
        assert_eq!(
            json,
            "{\n  \"Data\": {\n    \"B\": \"1.50\",\n    \"A\": [\n      1,\n      true,\n      null,\n      2.5\n    ]\n  },\n  \"Risk\": {},\n  \"Text\": \"a\\\"\\n\"\n}"
        );
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        assert_eq!(Value::Text("acc-1001".to_owned()).plain(), "acc-1001");
        assert_eq!(Value::Integer(1).plain(), "1");
    }
}
