//! A schema as the rows of one table: a line a member, deeper ones further in.

use super::DocumentFault;
use super::document::{Components, Schema};
use super::markdown;
use super::ordered::Value;

/// One member.
#[derive(Clone, Debug)]
pub(in crate::sandbox::portal) struct Row {
    /// How far in it stands, from 0.
    pub(in crate::sandbox::portal) depth: usize,
    /// Its name; `[]` behind it where there may be several.
    pub(in crate::sandbox::portal) name: String,
    /// What it is: `string, date-time`.
    pub(in crate::sandbox::portal) kind: String,
    /// Whether it must be there.
    pub(in crate::sandbox::portal) is_required: bool,
    /// What it means: safe HTML.
    pub(in crate::sandbox::portal) about: String,
    /// What it may hold.
    pub(in crate::sandbox::portal) bounds: String,
}

/// Collects them.
pub(super) struct Rows<'d> {
    components: &'d Components,
    rows: Vec<Row>,
}

impl<'d> Rows<'d> {
    /// The members of `schema`.
    pub(super) fn of(schema: &'d Schema, components: &'d Components) -> Result<Vec<Row>, DocumentFault> {
        let mut collected = Self { components, rows: Vec::new() };
        let inner = collected.innermost(components.resolve(schema)?)?;
        collected.members(inner, 0)?;
        Ok(collected.rows)
    }

    fn members(&mut self, schema: &'d Schema, depth: usize) -> Result<(), DocumentFault> {
        if depth > DEPTH_MAX {
            return Err(DocumentFault::Other("a schema that is nested too deep, or in itself"));
        }
        for (name, member) in &schema.properties.0 {
            let outer = self.components.resolve(member)?;
            let inner = self.innermost(outer)?;
            let is_list = outer.items.is_some();
            let about = if outer.description.is_empty() { &inner.description } else { &outer.description };
            let bounds = [is_list.then(|| counts(outer)), Some(bounds(inner))];
            let bounds: Vec<_> = bounds.into_iter().flatten().filter(|text| !text.is_empty()).collect();
            self.rows.push(Row {
                depth,
                name: if is_list { format!("{name}[]") } else { name.clone() },
                kind: kind(inner),
                is_required: schema.required.contains(name),
                about: markdown::inline(about),
                bounds: bounds.join("; "),
            });
            self.members(inner, depth + 1)?;
        }
        Ok(())
    }

    /// What a list, or a list of lists, is of.
    fn innermost(&self, mut schema: &'d Schema) -> Result<&'d Schema, DocumentFault> {
        for _ in 0..=DEPTH_MAX {
            match &schema.items {
                Some(items) => schema = self.components.resolve(&**items)?,
                None => return Ok(schema),
            }
        }
        Err(DocumentFault::Other("a list in itself"))
    }
}

/// `string, date-time`
pub(super) fn kind(schema: &Schema) -> String {
    let kind = schema.kind.as_deref().unwrap_or("any");
    schema.format.as_ref().map_or_else(|| kind.to_owned(), |format| format!("{kind}, {format}"))
}

/// What a single value may hold, in words.
pub(super) fn bounds(schema: &Schema) -> String {
    let mut bounds = Vec::new();
    if !schema.words.is_empty() {
        let words: Vec<_> = schema.words.iter().map(Value::plain).collect();
        bounds.push(if words.len() == 1 { words.concat() } else { format!("one of {}", words.join(", ")) });
    }
    bounds.extend(range(schema.min_length, schema.max_length, "characters"));
    bounds.extend(range(schema.minimum, schema.maximum, ""));
    bounds.extend(range(schema.min_properties, None, "members"));
    bounds.extend(schema.pattern.as_ref().map(|pattern| format!("matches {pattern}")));
    bounds.extend(schema.default.as_ref().map(|value| format!("{} if absent", value.plain())));
    bounds.join("; ")
}

fn counts(schema: &Schema) -> String {
    range(schema.min_items, schema.max_items, "items").unwrap_or_default()
}

fn range<N: std::fmt::Display + PartialEq>(least: Option<N>, most: Option<N>, unit: &str) -> Option<String> {
    let text = match (least, most) {
        (Some(least), Some(most)) if least == most => format!("{least} {unit}"),
        (Some(least), Some(most)) => format!("{least} to {most} {unit}"),
        (Some(least), None) => format!("at least {least} {unit}"),
        (None, Some(most)) => format!("at most {most} {unit}"),
        (None, None) => return None,
    };
    Some(text.trim_end().to_owned())
}

/// Ours go to six.
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(schemas: &str) -> Result<Vec<Row>, DocumentFault> {
        let text = format!("securitySchemes: {{}}\nschemas:\n{schemas}");
        let components: Components = serde_saphyr::from_str(&text).unwrap();
        Rows::of(components.schemas.get("Top").unwrap(), &components)
    }

    #[test]
    fn members_stand_in_their_order_and_lists_are_opened() {
        let text = "  Top: { type: object, required: [Z], properties: { Z: { $ref: '#/components/schemas/Many' }, A: { type: string, maxLength: 3, enum: [x, z] } } }\n  \
             Many: { type: array, minItems: 1, items: { type: object, description: One `of` them, properties: { In: { type: string, format: uuid } } } }";
        let rows = rows(text).unwrap();
        let told: Vec<_> =
            rows.iter().map(|row| (row.depth, row.name.as_str(), row.kind.as_str(), row.is_required)).collect();
        assert_eq!(told, [(0, "Z[]", "object", true), (1, "In", "string, uuid", false), (0, "A", "string", false)]);
        assert_eq!((rows[0].bounds.as_str(), rows[0].about.as_str()), ("at least 1 items", "One <code>of</code> them"));
        assert_eq!(rows[2].bounds, "one of x, z; at most 3 characters");
    }

    #[test]
    fn a_schema_in_itself_and_a_reference_to_nothing_are_faults() {
        let within = "  Top: { type: object, properties: { Top: { $ref: '#/components/schemas/Top' } } }";
        assert!(matches!(rows(within), Err(DocumentFault::Other(_))));
        let list = "  Top: { type: array, items: { $ref: '#/components/schemas/Top' } }";
        assert!(matches!(rows(list), Err(DocumentFault::Other(_))));
        let nowhere = "  Top: { type: object, properties: { A: { $ref: '#/components/schemas/B' } } }";
        assert!(matches!(rows(nowhere), Err(DocumentFault::Dangling(_))));
    }
}
