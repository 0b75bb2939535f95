//! XML.

use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "xml",
    version: 1,
    run,
};

fn run(input: &Input<'_>, _: Format, context: &Context<'_>) -> Result<Converted, ConvertError> {
    (super::text::CONVERTER.run)(input, Format::Text("application/xml"), context)
}
