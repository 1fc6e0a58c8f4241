//! Reads YAML.
use super::Text;
use super::build::Findings;
use super::marks::Mark;
use crate::Tree;

pub(super) fn read<'t>(_text: &'t Text, _findings: &mut Findings<'t>) -> Option<(Tree, Vec<Mark>)> {
    None
}
